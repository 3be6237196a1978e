"""One parser per notation of the wire (dmarket-api.md chapter 2), and the normal forms of design chapter 4.1.

What cannot be read raises `Unreadable` with the field's name; what says "nothing" is `None` or "". Of an attribute that many items share
there is one text for all of them.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from sys import intern

from dmscan.core.money import Cents

Number = str | int | None
"""An integer as one edition or the other writes it."""

LONGEST_TITLE = 512

_DOLLARS = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,2})0*)?", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_FLOAT = re.compile(r"[01](\.[0-9]{1,30})?|[1-9](\.[0-9]{1,30})?e-[0-9]{1,2}", re.ASCII)
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII)

_PARTS = (
    ("FN", "0 0.01 0.02 0.03 0.04 0.05 0.06"),
    ("MW", "0.07 0.08 0.09 0.10 0.11"),
    ("FT", "0.15 0.18 0.21 0.24 0.27"),
    ("WW", "0.38 0.39 0.40 0.41 0.42"),
    ("BS", "0.45 0.50 0.63 0.76 0.80"),
)
_LOWER_BOUNDS = tuple((Decimal(low), f"{wear}-{n}") for wear, lows in _PARTS for n, low in enumerate(lows.split()))


class Unreadable(ValueError):
    """One row's field that is not in its notation."""


def cents_text(value: Number, field: str) -> Cents | None:
    """Integer cents, a string in one edition and a number in another; absent, null, "" and 0 are none."""
    if value is None or value == "":
        return None
    if isinstance(value, int):
        if 0 <= value < 10**9:
            return value or None
    elif len(value) < 10 and value.isascii() and value.isdigit():
        return int(value) or None
    raise Unreadable(field)


class Amounts(dict[Number, int]):
    """`cents_text` by look-up, 0 for none: a sweep reads four numbers a title, and most of them come again.

    Only those of up to four digits are kept, so that it stays small.
    """

    def __init__(self, field: str) -> None:
        super().__init__()
        self._field = field

    def __missing__(self, value: Number) -> int:
        amount = cents_text(value, self._field) or 0
        if len(str(value)) < 5:
            self[value] = amount
        return amount


def usd_text(value: str, field: str) -> Cents | None:
    """Dollars with at most two decimals that count ("15.99", "1550.00"); 0 is none."""
    match = _DOLLARS.fullmatch(value)
    if not match:
        raise Unreadable(field)
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")) or None


def count(value: Number, field: str) -> int:
    """A number of pieces, in the notations of `cents_text`."""
    return cents_text(value, field) or 0


def integer(value: Number, field: str) -> int:
    """Any whole number of at most 18 digits that is there, text or not."""
    if value is None or not _INTEGER.fullmatch(str(value)):
        raise Unreadable(field)
    return int(value)


def name(value: str, field: str = "title") -> str:
    """A title or an id as received: the identity. Lone surrogates never get this far: the decoder refuses them."""
    if not value or len(value) > LONGEST_TITLE or "\0" in value:
        raise Unreadable(field)
    return value


def moment(value: object, field: str) -> int | None:
    """RFC 3339 → whole Unix seconds, rounded down; null is none."""
    if value is None:
        return None
    match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise Unreadable(field)
    try:
        return int(datetime.fromisoformat(match[1] + match[2]).timestamp())
    except (ValueError, OverflowError) as error:
        raise Unreadable(field) from error


def unix_seconds(value: Number, field: str) -> int:
    """Unix seconds; milliseconds are refused."""
    seconds = integer(value, field)
    if not 0 <= seconds < 10**11:
        raise Unreadable(field)
    return seconds


def plain(raw: bytes) -> str:
    """The text of a JSON number or string as it was sent, so that no number passes through binary floats; null is ""."""
    text = raw.decode().strip().strip('"')
    return "" if text == "null" else text


def float_text(text: str) -> str | None:
    """A wear float from 0 to 1 as its shortest decimal text; `None` if it is anything else."""
    if not _FLOAT.fullmatch(text):
        return None
    value = Decimal(text)
    return format(value.normalize(), "f") if value <= 1 else None


def float_part(given: str, float_value: str | None) -> str | None:
    """The part the API gives, else the one the float lies in (dmarket-api.md chapter 3.3, lower bounds inclusive)."""
    part = _part(given)
    if part not in ("", "UNSPECIFIED"):
        return part
    if float_value is None:
        return None
    value = Decimal(float_value)
    return next(name for low, name in reversed(_LOWER_BOUNDS) if low <= value)


def _part(text: str) -> str:
    return intern(text.upper().removeprefix("FLOAT_PART_").replace("_", "-"))


def phase(text: str) -> str:
    """`PHASE_TITLE_PHASE_2`, `Phase 2` and `phase-2` → `phase-2`; unspecified → ""."""
    normal = _phase(text)
    return "" if normal in ("unspecified", "phase-unspecified") else normal


def _phase(text: str) -> str:
    return intern(text.lower().removeprefix("phase_title_").replace("_", "-").replace(" ", "-"))


def paint_seed(value: Number) -> str | None:
    """An offer's seed as decimal text; 0 and what cannot be read are unknown."""
    seed = _seed("" if value is None else str(value))
    return seed if seed.isdigit() and seed != "0" else None


def _seed(text: str) -> str:
    return intern(str(int(text)) if len(text) < 10 and text.isascii() and text.isdigit() else text.lower())


def seed_limit(value: Number) -> str | None:
    """A target's limit. "0" stays: a limit that nothing is known to fit."""
    return _limit("" if value is None else _seed(str(value)))


def part_limit(value: str | None) -> str | None:
    return _limit(_part(value or ""))


def phase_limit(value: str | None) -> str | None:
    return _limit(_phase(value or ""))


def _limit(text: str) -> str | None:
    return None if text in ("", "any", "ANY") else text

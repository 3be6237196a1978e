"""Words for a reader: amounts, shares, spans and times as text, and titles with nothing hidden in them."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from fractions import Fraction

from dmscan.core.money import Cents, fraction_text, rounded

LONGEST_TITLE = 256
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]")
"""Zero-width or blank, though Unicode files them under letters and marks, or reserves them (Default_Ignorable_Code_Point)."""


def visible(text: str) -> str:
    """Control, bidirectional and zero-width characters become visible `\\uXXXX` escapes (design chapter 8)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) if _hidden(char) else char for char in text)


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in _HIDDEN_CATEGORIES or bool(_UNSEEN.match(char))


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def title(text: str) -> str:
    """A title for a screen: nothing hidden, at most 256 characters (design chapter 8)."""
    shown = visible(text)
    return shown if len(shown) <= LONGEST_TITLE else f"{shown[: LONGEST_TITLE - 1]}…"


def dollars(cents: Cents | None) -> str:
    """1234 → "$12.34", -33 → "-$0.33", 123456789 → "$1,234,567.89"; "-" if unknown."""
    if cents is None:
        return "-"
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}${whole:,}.{rest:02}"


def percent(ratio: Fraction) -> str:
    """A measured ratio with two decimals: 20/270 → "7.41%"."""
    return f"{rounded(ratio * 100, 2)}%"


def share(fraction: Fraction) -> str:
    """A share that somebody set, without trailing zeros: 1/50 → "2%"."""
    return f"{fraction_text(fraction * 100)}%"


def days(span: Fraction) -> str:
    """Days to one decimal, hours below a day: "3.8 d", "7 h", "<1 h", "now"."""
    if span <= 0:
        return "now"
    if span >= 1:
        return f"{rounded(span, 1)} d"
    hours = round(span * 24)
    return f"{hours} h" if hours else "<1 h"


def age(seconds: int) -> str:
    """The largest unit of which there are at least two, rounded down: "12 s", "100 min", "30 h", "2 d"."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{max(0, seconds)} s"


def iso(unix: int) -> str:
    """Unix seconds → "2026-11-24T06:00:00Z"."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def minute(unix: int) -> str:
    """Unix seconds → "2026-11-24 06:00 UTC"."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M UTC")


def plural(count: int, noun: str) -> str:
    """1 → "1 title", 25112 → "25,112 titles"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"

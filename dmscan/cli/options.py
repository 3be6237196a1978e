"""What a user types, read once: each option's text becomes a value or one clear sentence."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dmscan.errors import UsageError

if TYPE_CHECKING:
    from dmscan.core.alerts import QuietHours

T = TypeVar("T")

_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2}))?", re.ASCII
)
_HOURS = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])-([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?", re.ASCII)


def parse(option: str, text: str | None, parser: Callable[[str], T]) -> T | None:
    """`text` through `parser`, `None` stays `None`. Raises UsageError naming the option."""
    if text is None:
        return None
    try:
        return parser(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}.") from error


def parse_duration(text: str) -> int:
    """`30s`, `5m`, `6h`, `90d` or plain seconds → seconds."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a duration such as 30s, 5m, 6h or 90d")
    return int(match[1]) * _UNITS[match[2]]


def parse_moment(text: str, now: int) -> int:
    """`30d` (that long before `now`), `2026-11-01` (its 0:00 UTC) or RFC 3339 (`2026-11-01T12:00:00Z`) → Unix seconds."""
    if _DURATION.fullmatch(text.strip()):
        return now - parse_duration(text)
    problem = f"{text!r} is neither a span such as 30d, nor a day such as 2026-11-01, nor a time such as 2026-11-01T12:00:00Z"
    if not _MOMENT.fullmatch(text.strip()):
        raise ValueError(problem)
    try:
        moment = datetime.fromisoformat(text.strip().upper())
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        raise ValueError(problem) from error


def parse_quiet_hours(text: str) -> QuietHours:
    """`23:00-07:00`, from the first minute up to the second, over midnight if that is earlier."""
    match = _HOURS.fullmatch(text.strip())
    start, end = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else (0, 0)
    if start == end:
        raise ValueError(f"{text!r} is not a span of hours such as 23:00-07:00")
    from dmscan.core.alerts import QuietHours

    return QuietHours(start, end)


def parse_number(text: str) -> Fraction:
    """A plain number greater than 0, such as 2 or 0.5, exactly."""
    if not _NUMBER.fullmatch(text.strip()) or not Fraction(text.strip()):
        raise ValueError(f"{text!r} is not a number greater than 0, such as 2 or 0.5")
    return Fraction(text.strip())


def choice(option: str, text: str, choices: Iterable[str]) -> str:
    """`text` if it is one of the choices. Raises UsageError listing them, with the nearest one first."""
    import difflib  # only a typing error pays for it

    known = list(choices)
    if text.lower() in known:
        return text.lower()
    near = difflib.get_close_matches(text.lower(), known, n=1)
    hint = f"did you mean {near[0]}? The choices are" if near else "choose from"
    raise UsageError(f"{option}: {text!r} is unknown, {hint} {', '.join(known)}.")


def globs(option: str, texts: Sequence[str]) -> tuple[str, ...]:
    """Title globs; `@FILE` stands for the lines of a file and `@-` for those of stdin. Raises UsageError."""
    return tuple(glob for text in texts for glob in (_lines(option, text[1:]) if text.startswith("@") else (text,)))


def _lines(option: str, source: str) -> Iterable[str]:
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"{option}: the list of titles @{source} cannot be read: {reason}.") from error
    return (line for line in text.splitlines() if line.strip())


def at_least(option: str, value: int | None, least: int) -> None:
    """Raises UsageError if a count is below what makes sense."""
    if value is not None and value < least:
        raise UsageError(f"{option} must be at least {least}, not {value}.")


def within(option: str, value: int, least: int, most: int) -> None:
    """Raises UsageError if a number is outside its bounds."""
    if not least <= value <= most:
        raise UsageError(f"{option} must be from {least} to {most}, not {value}.")

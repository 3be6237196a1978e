"""Stored rows as NDJSON and CSV, by the names of the database; times, shares and titles as in the JSON contract (design chapter 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import msgspec

from dmscan.core.money import fraction_text
from dmscan.render.records import number
from dmscan.render.tabular import csv_of
from dmscan.render.text import iso, visible

Row = Sequence[Any]


def as_lines(names: Sequence[str], rows: Sequence[Row]) -> str:
    """A JSON object a line; what is stored as JSON is part of it."""
    return "".join(f"{msgspec.json.encode(dict(zip(names, _values(names, row, _JSON), strict=True))).decode()}\n" for row in rows)


def as_csv(names: Sequence[str], rows: Sequence[Row], *, head: bool) -> str:
    """Lines of RFC 4180, the names before them if they are the `head`; what is stored as JSON is a cell of text."""
    page = csv_of(names, (dict(zip(names, _values(names, row, _TEXT), strict=True)) for row in rows))
    return page if head else page.partition("\n")[2]


def _values(names: Sequence[str], row: Row, shown: Mapping[str, Callable[[Any], Any]]) -> list[Any]:
    return [None if value is None else shown.get(name, _plain)(value) for name, value in zip(names, row, strict=True)]


def _plain(value: Any) -> Any:
    return visible(value) if isinstance(value, str) else value


def _number(text: str) -> int | float | None:
    """A share or days; hold days that nothing tells are stored as ""."""
    return number(Fraction(text)) if text else None


def _times(*names: str) -> dict[str, Callable[[Any], Any]]:
    return dict.fromkeys(names, iso)


_TEXT: Mapping[str, Callable[[Any], Any]] = {
    **_times("at", "as_of", "started_at", "finished_at", "begun_at", "seen_at", "ended_at", "sold_at"),
    **_times("quote_at", "sales_last_at", "sales_fetched_at"),
    **dict.fromkeys(("coverage", "hold_days", "days_to_fill", "pace_per_day"), _number),
    **dict.fromkeys(("complete", "signed"), bool),
    "fee_fraction": lambda text: fraction_text(Fraction(text)),
}
_JSON: Mapping[str, Callable[[Any], Any]] = {
    **_TEXT,
    **dict.fromkeys(("request", "stats", "fee_sources", "troubles", "warnings"), lambda text: msgspec.Raw(text.encode())),
}

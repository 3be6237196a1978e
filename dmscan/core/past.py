"""What the history answers: earlier scans, the course of a title, and what days came to. Cents, whole Unix seconds, exact shares."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from msgspec import Struct

from dmscan.core.models import Entry, Exit, Game, Sale
from dmscan.core.money import Cents


class Span(Struct, frozen=True):
    """From `since` up to, but not including, `until`."""

    since: int
    until: int


class PastScan(Struct, frozen=True):
    """A scan in one line. What only its end tells is `None` for one that runs or died; `net` counts each offer once (design 4.4)."""

    scan_id: str
    status: str
    started_at: int
    finished_at: int | None
    games: tuple[str, ...]
    entries: tuple[str, ...]
    exits: tuple[str, ...]
    titles: int | None
    found: int
    net: Cents
    calls: int | None
    complete: bool
    coverage: Fraction | None
    exit_code: int | None


class PastQuote(Struct, frozen=True):
    """Both sides of a title from `at` until they changed."""

    at: int
    ask: Cents | None
    bid: Cents | None
    ask_count: int
    bid_count: int


class PastFind(Struct, frozen=True):
    """An opportunity of a title as one scan found it."""

    at: int
    scan_id: str
    phase: str
    entry: Entry
    exit: Exit
    units: int
    cost: Cents
    sell: Cents
    net: Cents


class Course(Struct, frozen=True):
    """A title over a span, each part oldest first. The first quote is the one that held when the span began, if one did.

    Of more quotes than there is room for, the last one of each of equally long parts of the span is kept.
    """

    game: Game
    title: str
    span: Span
    quotes: tuple[PastQuote, ...]
    sales: tuple[Sale, ...]
    found: tuple[PastFind, ...]


class Tally(Struct, frozen=True):
    """The episodes that began, with their cost and net profit at first sight, and what the scans cost (`None` where not told apart)."""

    name: str
    episodes: int
    cost: Cents
    net: Cents
    scans: int | None = None
    calls: int | None = None


class Stats(Struct, frozen=True):
    """Tallies by `by`, their total, and the requests by endpoint."""

    by: str
    rows: tuple[Tally, ...]
    total: Tally
    requests: Mapping[str, int]

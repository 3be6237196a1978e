"""S10 and S14: what storing quotes costs beside bare sqlite3, and how much the file grows by each that changed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from benchmarks.figures import Figure, Result, Scope, Table
from dmscan.core.models import Game, Quote
from dmscan.history import catalogue, schema, sources
from dmscan.history.rows import Row, Value
from dmscan.history.writer import BATCH_ROWS

T = TypeVar("T")

TITLES = 25_000
SWEEPS = 20
"""So many quotes of each title: the file's pages are then as they will stay."""
TURNS = 5
BORN_AT = 1_795_500_000
_BARE_TITLE = """
INSERT INTO titles (title, game, source_id, ask_cents, bid_cents, ask_count, bid_count, quoted_at, first_seen_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (title, game, source_id) DO UPDATE SET ask_cents = excluded.ask_cents,
    bid_cents = excluded.bid_cents, ask_count = excluded.ask_count, bid_count = excluded.bid_count, quoted_at = excluded.quoted_at"""
_BARE_QUOTE = "INSERT INTO quotes VALUES (?, ?, ?, ?, ?, ?)"


class Turn(Struct, frozen=True):
    """Seconds for one sweep in which every quote changed: from records, from rows ready as tuples, bare; and for one without a change."""

    records: float
    tuples: float
    bare: float
    unchanged: float


class Growth(Struct, frozen=True):
    """Bytes of the file for each changed quote, as it is and after `VACUUM`, and for each unchanged one."""

    before: float
    after: float
    unchanged: float


def measure(scope: Scope) -> Result:
    titles = scope.titles or TITLES
    turns, growth = speeds(titles), grown(titles)
    records, tuples = median(one.bare / one.records for one in turns), median(one.bare / one.tuples for one in turns)
    figures = (
        Figure("S10 storing rows ready as tuples, of bare executemany", f"{tuples:.0%}", "≥ 80%", tuples >= 0.8),
        Figure("S10 storing Quote records, change test included, of bare executemany", f"{records:.0%}", "≥ 60%", records >= 0.6),
        Figure("S14 bytes for a changed quote", f"{growth.before:.1f}", "≤ 90", growth.before <= 90),
        Figure("S14 bytes for a changed quote, after VACUUM", f"{growth.after:.1f}", "≤ 60", growth.after <= 60),
        Figure("S14 bytes for an unchanged quote", f"{growth.unchanged:g}", "0", growth.unchanged == 0),
    )
    head = ("sweep", "from records", "from tuples", "bare", "from records, none changed")
    rows = [(str(number), *_thousands(titles, one)) for number, one in enumerate(turns, 1)]
    return Result(figures, (Table(f"Thousands of quotes stored a second, of {titles:,} titles", (head, *rows)),))


def speeds(titles: int) -> list[Turn]:
    """On two files alike, turn by turn; the bare one has no triggers, and both its tables are filled by hand."""
    with TemporaryDirectory() as folder, _opened(Path(folder, "ours.db")) as ours, _opened(Path(folder, "bare.db")) as bare:
        for connection in (ours, bare):
            _store(connection, sweep(titles, 0))
        for trigger in ("quote_first", "quote_changed"):
            bare.execute(f"DROP TRIGGER {trigger}")
        numbers: dict[str, int] = dict(bare.execute("SELECT title, id FROM titles").fetchall())
        return [_turn(ours, bare, numbers, turn) for turn in range(1, 2 * TURNS, 2)]


def grown(titles: int) -> Growth:
    """What the file of many sweeps has more than that of the first one, which holds the titles."""
    with TemporaryDirectory() as folder, _opened(path := Path(folder, "history.db")) as connection:
        _store(connection, sweep(titles, 0))
        first, first_vacuumed = path.stat().st_size, _vacuumed(connection, path)
        for turn in range(1, SWEEPS):
            _store(connection, sweep(titles, turn))
        whole = path.stat().st_size
        _store(connection, later(sweep(titles, SWEEPS - 1)))
        unchanged, quotes = path.stat().st_size - whole, titles * (SWEEPS - 1)
        return Growth((whole - first) / quotes, (_vacuumed(connection, path) - first_vacuumed) / quotes, unchanged / titles)


def sweep(titles: int, turn: int) -> list[Quote]:
    """Another price of every title in every turn, and of every third only its ask."""
    at = BORN_AT + 600 * turn
    return [Quote(Game.CS2, _name(n), 500 + n + turn, _bid(n, turn), 214, 37, at) for n in range(titles)]


def _name(title: int) -> str:
    return f"Souvenir Weapon {title} | Some Finish {title * 7919 % 100_003} (Field-Tested)"


def _bid(title: int, turn: int) -> int | None:
    return None if title % 3 == 0 else 400 + title + turn


def later(quotes: Sequence[Quote]) -> list[Quote]:
    return [replace(quote, at=quote.at + 60) for quote in quotes]


def _turn(ours: sqlite3.Connection, bare: sqlite3.Connection, numbers: Mapping[str, int], turn: int) -> Turn:
    quotes, more = sweep(len(numbers), turn), sweep(len(numbers), turn + 1)
    pages = [catalogue.values(1, page) for page in _parts(more, catalogue.PAGE)]
    titles = [(quote.title, "cs2", 1, quote.ask, quote.bid, quote.ask_count, quote.bid_count, quote.at, quote.at) for quote in quotes]
    courses = [(numbers[quote.title], quote.at, quote.ask, quote.bid, quote.ask_count, quote.bid_count) for quote in quotes]
    return Turn(
        bare=_seconds(partial(_store_bare, bare, titles, courses)),
        records=_seconds(lambda: _store(ours, quotes)),
        unchanged=_seconds(lambda: _store(ours, later(quotes))),
        tuples=_seconds(partial(_store_pages, ours, pages)),
    )


def _store_bare(bare: sqlite3.Connection, titles: Sequence[Row], courses: Sequence[Row]) -> None:
    for start in range(0, len(titles), BATCH_ROWS):
        part = slice(start, start + BATCH_ROWS)
        _transaction(bare, partial(_fill, bare, titles[part], courses[part]))


def _store_pages(ours: sqlite3.Connection, pages: Sequence[Sequence[Value]]) -> None:
    for part in _parts(pages, BATCH_ROWS // catalogue.PAGE):
        _transaction(ours, partial(_execute, ours, part))


def _fill(bare: sqlite3.Connection, titles: Sequence[Row], courses: Sequence[Row]) -> None:
    bare.executemany(_BARE_TITLE, titles)
    bare.executemany(_BARE_QUOTE, courses)


def _execute(ours: sqlite3.Connection, pages: Sequence[Sequence[Value]]) -> None:
    for page in pages:
        ours.execute(catalogue.saving(page), page)


def _store(connection: sqlite3.Connection, quotes: Sequence[Quote]) -> None:
    for batch in _parts(quotes, BATCH_ROWS):
        _transaction(connection, partial(catalogue.save_quotes, connection, 1, batch))


def _transaction(connection: sqlite3.Connection, work: Callable[[], None]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    work()
    connection.execute("COMMIT")


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A new history with one source, whose row id is 1."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema.prepare(connection, path)
        sources.number(connection, "https://api.dmarket.com")
        yield connection


def _vacuumed(connection: sqlite3.Connection, path: Path) -> int:
    connection.execute("VACUUM")
    return path.stat().st_size


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _parts(rows: Sequence[T], size: int) -> list[Sequence[T]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _thousands(titles: int, turn: Turn) -> Iterator[str]:
    return (f"{titles / seconds / 1000:.0f}" for seconds in (turn.records, turn.tuples, turn.bare, turn.unchanged))

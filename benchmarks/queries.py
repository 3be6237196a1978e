"""S11: how long the questions of `dmscan history` take on a file of a million quotes, and on one ten times as large."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from math import ceil
from pathlib import Path
from random import Random

from msgspec import Struct

from benchmarks.figures import Figure, Result, Scope, Table
from benchmarks.naive import BORN_AT
from dmscan.core.models import Confidence, Entry, Exit, FeeSource, Game, Leg, Offer, Opportunity, Quote
from dmscan.core.past import Span
from dmscan.core.rules import LEVELS
from dmscan.history import catalogue, rows, schema
from dmscan.history.queries import Past
from dmscan.history.reader import asking

TITLES = 25_000
SMALL, LARGE = 1_000_000, 10_000_000
FOLDER = "DMSCAN_BENCHMARK_CACHE"
"""Environment: where the files are kept; the large one takes half a minute and 330 MB once."""
DAYS, SCANS_A_DAY, FINDS, EPISODES_A_DAY = 365, 24, 20, 100
"""A year of hourly scans of 20 finds each, and more episodes than they could show."""
DAY = 86_400
TURNS = 40
TITLES_ASKED = 100
MOST_MS = {"list": 10, "show": 10, "title": 10, "last quote": 10, "stats": 50, "lifetimes": 50}
MOST_GROWTH, MOST_SWEEP = 2, 8

_QUOTES = """
INSERT INTO quotes WITH RECURSIVE turn(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM turn WHERE n + 1 < ?1)
SELECT id, ?2 + n * ?3 + id % 60, 500 + (id * 7919 + n * 31) % 900, 400 + (id * 104729 + n * 17) % 900, n % 300, n % 90
FROM titles CROSS JOIN turn ORDER BY id, n"""
_SCAN = """
INSERT INTO scans (id, scan_id, source_id, status, started_at, finished_at, complete, coverage, signed, exit_code,
    request, stats, fee_sources, troubles, dmscan_version)
VALUES (?, ?, 1, 'finished', ?, ?, 1, '1', 1, 0, '{"games":["cs2"],"entries":["offer"],"exits":["instant","relist"]}',
    '{"titles":25000,"requests":{"last-sales":900,"v2/offers":300}}', '{}', '[]', '0')"""
_EPISODE = """
INSERT INTO episodes (source_id, game, title, phase, entry, exit, begun_at, seen_at, ended_at, ended,
    cost_cents, net_profit_cents, best_net_profit_cents, request)
VALUES (1, 'cs2', ?, '', 'offer', ?, ?, ?, ?, ?, 900, 70, 70, '{}')"""

Question = Callable[[Past, Random], object]


class Times(Struct, frozen=True):
    """95th percentiles in milliseconds by question, and the median of storing one sweep."""

    rows: int
    p95: dict[str, float]
    sweep_ms: float


def measure(scope: Scope) -> Result:
    """`--titles` makes a smaller pair of files, of so many titles and 40 and 400 quotes of each."""
    titles = scope.titles or TITLES
    told = [timed(built(titles, quotes), titles * quotes) for quotes in (SMALL // TITLES, LARGE // TITLES)]
    return Result(tuple(_figures(told)), (_table(told),))


def built(titles: int, quotes: int) -> Path:
    """The file, made if it is not in the cache."""
    folder = Path(os.environ.get(FOLDER) or Path(tempfile.gettempdir()) / "dmscan-benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"history-{len(schema.STEPS)}-{titles}-{quotes}.db"
    if not path.exists():
        partial = path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with closing(sqlite3.connect(partial, isolation_level=None)) as connection:
            schema.prepare(connection, partial)
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            _fill(connection, titles, quotes)
            connection.execute("COMMIT")
        partial.rename(path)
    return path


def timed(path: Path, rows: int) -> Times:
    questions: dict[str, Question] = {
        "list": lambda past, _: past.scans(Span(0, BORN_AT + DAY), 20),
        "show": lambda past, chance: past.report(f"scan-{chance.randrange(DAYS * SCANS_A_DAY):06}"),
        "title": lambda past, chance: past.course(Game.CS2, _title(chance.randrange(TITLES_ASKED)), Span(BORN_AT - 30 * DAY, BORN_AT)),
        "last quote": lambda past, chance: past.course(Game.CS2, _title(chance.randrange(TITLES_ASKED)), Span(BORN_AT - 1, BORN_AT)),
        "stats": lambda past, chance: past.stats(chance.choice(("game", "level", "week", "day")), Span(0, BORN_AT + DAY)),
        "lifetimes": lambda past, _: past.lifetimes(Span(BORN_AT - 30 * DAY, BORN_AT)),
    }
    chance, p95 = Random(rows), {}
    for name, ask in questions.items():
        took = sorted(_took(path, ask, chance) for _ in range(TURNS))
        p95[name] = took[ceil(TURNS * 0.95) - 1] * 1000
    return Times(rows, p95, _sweep_ms(path))


def _took(path: Path, ask: Question, chance: Random) -> float:
    """One question, with opening the file, as the command asks it."""
    began = time.perf_counter()
    with asking(path, "sandbox") as past:
        if not ask(past, chance):
            raise RuntimeError("The file does not hold what is asked for.")
    return time.perf_counter() - began


def _sweep_ms(path: Path) -> float:
    """Storing one sweep in which every quote changed, undone afterwards."""
    took = []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        titles = connection.execute("SELECT count(*) FROM titles").fetchone()[0]
        for turn in range(3):
            quotes = sweep(titles, 10_000 + turn)
            began = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            catalogue.save_quotes(connection, 1, quotes)
            took.append(time.perf_counter() - began)
            connection.execute("ROLLBACK")
    return sorted(took)[1] * 1000


def _fill(connection: sqlite3.Connection, titles: int, quotes: int) -> None:
    """A year of the source with row id 1; every title has as many quotes, and every scan as many finds."""
    connection.execute("INSERT INTO sources VALUES (1, 'sandbox')")
    catalogue.save_quotes(connection, 1, sweep(titles, 0))
    connection.execute("DELETE FROM quotes")
    connection.execute(_QUOTES, (quotes, BORN_AT - DAYS * DAY, DAYS * DAY // quotes))
    for number in range(DAYS * SCANS_A_DAY):
        began = BORN_AT - (DAYS * SCANS_A_DAY - number) * DAY // SCANS_A_DAY
        connection.execute(_SCAN, (number + 1, f"scan-{number:06}", began, began + 300))
        finds = [(number * FINDS + place, _find(titles, number + place, began)) for place in range(FINDS)]
        connection.executemany(rows.OPPORTUNITY, ((row + 1, number + 1, 1, *rows.opportunity_row(found)) for row, found in finds))
        connection.executemany(rows.LEG, ((row + 1, 0, 1, *leg) for row, found in finds for leg in rows.leg_rows(found)))
    connection.executemany(_EPISODE, _episodes())
    connection.executemany("INSERT INTO days VALUES (1, ?, ?, 'offer', ?, ?, 9, 9000, 700)", _days())
    connection.executemany(
        "INSERT INTO spent VALUES (1, ?, ?, 5000)", ((day, name) for day in _all_days() for name in ("last-sales", "v2/offers"))
    )


def sweep(titles: int, turn: int) -> list[Quote]:
    """Another price of every title in every turn."""
    return [Quote(Game.CS2, _title(number), 500 + number + turn, 400 + number, 214, 37, BORN_AT + turn) for number in range(titles)]


def _title(number: int) -> str:
    return f"Weapon {number:05} | Some Finish (Field-Tested)"


def _find(titles: int, number: int, at: int) -> Opportunity:
    """A relist of one unit, or a sale at once."""
    title, exit_ = _title(number * 7919 % titles), tuple(Exit)[number % 2]
    leg = Leg(ask=2401, sell=2632, fee=53, fee_at=at, offer=Offer(f"offer-{number}", 2401, at))
    quote = Quote(Game.CS2, title, 2401, 2632, 214, 37, at)
    fee = (Fraction(2, 100), FeeSource.DEFAULT)
    return Opportunity(Game.CS2, title, "", Entry.OFFER, exit_, Confidence.CONFIRMED, at, (leg,), quote, *fee, 2450, 2503, 348)


def _episodes() -> Iterator[tuple[int | str, ...]]:
    chance = Random(1)
    for number in range(DAYS * EPISODES_A_DAY):
        began = BORN_AT - DAYS * DAY + number * DAY // EPISODES_A_DAY
        seen = began + int(chance.expovariate(1 / 3600))
        yield (str(number), tuple(Exit)[number % 2], began, seen, seen + chance.randint(60, 900), "gone" if number % 9 else "censored")


def _days() -> Iterator[tuple[int | str, ...]]:
    return ((day, game, exit_, level) for day in _all_days() for game in Game for exit_ in Exit for level in (*LEVELS, ""))


def _all_days() -> range:
    return range(BORN_AT // DAY - DAYS, BORN_AT // DAY)


def _figures(told: Sequence[Times]) -> Iterator[Figure]:
    """The goals hold for the larger file."""
    small, large = told
    for name, most in MOST_MS.items():
        yield Figure(f"S11 {name}, {large.rows:,} quotes, p95", f"{large.p95[name]:.1f} ms", f"≤ {most} ms", large.p95[name] <= most)
    for name in ("list", "show", "title", "last quote"):
        growth = large.p95[name] / small.p95[name]
        yield Figure(f"S11 {name}, beside {small.rows:,} quotes", f"{growth:.1f} ×", f"≤ {MOST_GROWTH} ×", growth <= MOST_GROWTH)
    growth = large.sweep_ms / small.sweep_ms
    yield Figure(f"S11 storing a sweep, beside {small.rows:,} quotes", f"{growth:.1f} ×", f"≤ {MOST_SWEEP} ×", growth <= MOST_SWEEP)


def _table(told: Sequence[Times]) -> Table:
    body = [(f"{times.rows:,}", *(f"{times.p95[name]:.1f}" for name in MOST_MS), f"{times.sweep_ms:.0f}") for times in told]
    return Table("Milliseconds (p95, the file opened anew for each question)", (("quotes", *MOST_MS, "a sweep stored"), *body))

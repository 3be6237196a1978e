"""The questions of `dmscan history`: each a few statements that find what they need by an index, however large the file."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

import msgspec
from msgspec import Struct

from dmscan.core.lifetimes import Life, Lifetimes, lifetimes
from dmscan.core.models import Entry, Exit, Game, Sale, SaleKind
from dmscan.core.past import Course, PastFind, PastQuote, PastScan, Span, Stats, Tally
from dmscan.core.report import ScanReport
from dmscan.core.rules import LEVELS
from dmscan.history import reports, sources

DAY = 86_400
FIRST_DAY = date(1970, 1, 1).toordinal()
POINTS = 500
"""Most quotes, sales and finds of one course."""
GAMES: Mapping[str, Game] = {game.value: game for game in Game}
EXITS: Mapping[str, Exit] = {exit_.value: exit_ for exit_ in Exit}
"""To look a name up takes a quarter of the time that it takes to call the enumeration."""

# The net profit counts each offer once, in its best exit, as `core.rank.totals` does.
_SCANS = f"""
SELECT scan_id, status, started_at, finished_at, complete, coverage, exit_code, request, stats,
    (SELECT count(*) FROM opportunities WHERE scan = scans.id),
    (SELECT sum(best) FROM (
        SELECT max(legs.sell_cents - legs.fee_cents - legs.ask_cents) AS best FROM opportunities JOIN legs ON opportunity = opportunities.id
        WHERE scan = scans.id
        GROUP BY offer_id, iif(offer_id IS NULL, game || char(0) || title || char(0) || opportunities.phase || entry, 0)))
FROM scans WHERE id IN (
    SELECT id FROM scans WHERE source_id = {sources.NUMBER} AND started_at >= ? AND started_at < ? ORDER BY id DESC LIMIT ?)
ORDER BY id DESC"""  # noqa: S608
_LAST = f"""
SELECT scan_id FROM scans INDEXED BY scans_ended WHERE source_id = {sources.NUMBER} AND finished_at IS NOT NULL
ORDER BY id DESC LIMIT 1"""  # noqa: S608
_BEGINNING = f"""
SELECT scan_id FROM scans WHERE scan_id >= ? AND scan_id < ? || char(1114111) AND source_id = {sources.NUMBER}
ORDER BY scan_id LIMIT ?"""  # noqa: S608
_NUMBER = f"SELECT id FROM scans WHERE scan_id = ? AND source_id = {sources.NUMBER}"  # noqa: S608

_TITLE = f"SELECT id FROM titles WHERE title = ? AND game = ? AND source_id = {sources.NUMBER}"  # noqa: S608
_TITLES = f"SELECT title FROM titles WHERE source_id = {sources.NUMBER} AND game = ?"  # noqa: S608
_BEFORE = "SELECT at, ask_cents, bid_cents, ask_count, bid_count FROM quotes WHERE title = ? AND at <= ? ORDER BY at DESC LIMIT 1"
# Of a group SQLite takes the other columns from the row with the greatest `at`.
_QUOTES = """
SELECT max(at), ask_cents, bid_cents, ask_count, bid_count FROM quotes
WHERE title = ? AND at > ? AND at < ? GROUP BY (at - ?) / ? ORDER BY at"""
_SALES = """
SELECT price_cents, sold_at, kind, phase, float_value FROM sales
WHERE title = ? AND kind = ? AND sold_at >= ? AND sold_at < ? ORDER BY sold_at DESC LIMIT ?"""
_FOUND = f"""
SELECT as_of, scan_id, phase, entry, exit, units, cost_cents, sell_cents, net_profit_cents
FROM opportunities JOIN scans ON scans.id = scan
WHERE opportunities.source_id = {sources.NUMBER} AND game = ? AND title = ? AND as_of >= ? AND as_of < ?
ORDER BY as_of DESC LIMIT ?"""  # noqa: S608

_DAYS = f"""
SELECT {{part}}, sum(episodes), sum(cost_cents), sum(net_profit_cents)
FROM days WHERE source_id = {sources.NUMBER} AND day >= ? AND day < ? GROUP BY 1"""  # noqa: S608
_SPENT = f"SELECT {{part}}, sum(requests) FROM spent WHERE source_id = {sources.NUMBER} AND day >= ? AND day < ? GROUP BY 1"  # noqa: S608
_COUNTED = f"""
SELECT {{part}}, count(*) FROM (SELECT started_at / {DAY} AS day FROM scans
    WHERE source_id = {sources.NUMBER} AND started_at >= ? * {DAY} AND started_at < ? * {DAY}) GROUP BY 1"""  # noqa: S608
# 1970-01-01 was a Thursday; a week is known by its Monday.
PARTS = {"game": "game", "level": "level", "exit": "exit", "entry": "entry", "week": "day - (day + 3) % 7", "day": "day"}
"""What `--by` tells apart, and how the days say it."""

# Alike ones are counted outside: to group them SQLite would sort them, which doubles its time.
_LIVES = f"""
SELECT game, exit, (begun_at / {DAY} + 3) % 7, begun_at / 3600 % 24, ended IS 'gone', scans > 1,
    seen_at + iif(ended IS 'gone', ended_at, seen_at) - 2 * begun_at
FROM episodes WHERE source_id = {sources.NUMBER} AND begun_at >= ? AND begun_at < ?"""  # noqa: S608
_BLUR = f"""
SELECT sum(ended_at - seen_at) / count(*) FROM episodes
WHERE source_id = {sources.NUMBER} AND begun_at >= ? AND begun_at < ? AND ended = 'gone'"""  # noqa: S608


class _Asked(Struct, frozen=True):
    games: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    exits: tuple[str, ...] = ()


class _Counted(Struct, frozen=True):
    titles: int = 0
    requests: Mapping[str, int] = {}


class Past:
    """One source's history, all of one moment. Reading raises the errors of SQLite."""

    def __init__(self, connection: sqlite3.Connection, source: str) -> None:
        self._connection, self._source = connection, source

    def scans(self, span: Span, most: int) -> tuple[PastScan, ...]:
        """The newest scans that began within the span, the newest first."""
        return tuple(map(_scan, self._connection.execute(_SCANS, (self._source, span.since, span.until, most))))

    def scan_ids(self, beginning: str, most: int) -> list[str]:
        """The ids of scans that begin so; `last` is the one that ended last."""
        if beginning == "last":
            return [scan_id for (scan_id,) in self._connection.execute(_LAST, (self._source,))]
        return [scan_id for (scan_id,) in self._connection.execute(_BEGINNING, (beginning, beginning, self._source, most))]

    def report(self, scan_id: str) -> ScanReport | None:
        """A scan as it ended; `None` if there is none of that id, or it has no end."""
        row = self._connection.execute(_NUMBER, (scan_id, self._source)).fetchone()
        return reports.report(self._connection, row[0]) if row else None

    def titles(self, game: Game) -> list[str]:
        """All titles of a game that were ever seen."""
        return [title for (title,) in self._connection.execute(_TITLES, (self._source, game))]

    def course(self, game: Game, title: str, span: Span) -> Course | None:
        """The title over the span, at most 500 quotes, sales and finds; `None` if it was never seen."""
        row = self._connection.execute(_TITLE, (title, game, self._source)).fetchone()
        if row is None:
            return None
        found = self._connection.execute(_FOUND, (self._source, game, title, span.since, span.until, POINTS)).fetchall()
        return Course(game, title, span, tuple(self._quotes(row[0], span)), self._sales(row[0], span), tuple(map(_find, reversed(found))))

    def stats(self, by: str, span: Span) -> Stats:
        """What the days of the span came to, each of them whole."""
        days = (span.since // DAY, -(-span.until // DAY))
        calls = self._sums(_SPENT, "endpoint", days)
        rows = tuple(self._tallies(PARTS[by], days))
        episodes, cost, net = (sum(getattr(row, name) for row in rows) for name in ("episodes", "cost", "net"))
        scans = sum(self._sums(_COUNTED, "0", days).values())
        return Stats(
            by=by,
            rows=rows,
            total=Tally("", episodes, cost, net, scans, sum(calls.values())),
            requests=calls,
        )

    def lifetimes(self, span: Span) -> Lifetimes:
        """How long the episodes lasted that began within the span."""
        of = (self._source, span.since, span.until)
        lives = [_life(*row, times) for row, times in Counter(self._connection.execute(_LIVES, of)).items()]
        (blur,) = self._connection.execute(_BLUR, of).fetchone()
        return lifetimes(lives, blur)

    def _quotes(self, title: int, span: Span) -> Iterator[PastQuote]:
        before = self._connection.execute(_BEFORE, (title, span.since)).fetchall()
        room = POINTS - len(before)
        step = max(1, -(-(span.until - span.since) // room))
        rest = self._connection.execute(_QUOTES, (title, span.since, span.until, span.since, step))
        return (PastQuote(*row) for row in (*before, *rest))

    def _sales(self, title: int, span: Span) -> tuple[Sale, ...]:
        rows = [row for kind in SaleKind for row in self._connection.execute(_SALES, (title, kind, span.since, span.until, POINTS))]
        sales = [Sale(price, at, SaleKind(kind), phase, wear or None) for price, at, kind, phase, wear in rows]
        return tuple(sorted(sales, key=lambda sale: sale.at)[-POINTS:])

    def _tallies(self, part: str, days: tuple[int, int]) -> Iterator[Tally]:
        """One for each part that has episodes, or, of days and weeks, a scan."""
        is_time = "day" in part
        scans, calls = (self._sums(sql, part, days) if is_time else {} for sql in (_COUNTED, _SPENT))
        sums = {row[0]: row[1:] for row in self._connection.execute(_DAYS.format(part=part), (self._source, *days))}
        for key in sorted({*sums, *scans, *calls}, key=_place):
            figures = sums.get(key, (0, 0, 0))
            yield Tally(_name(key), *figures, *((scans.get(key, 0), calls.get(key, 0)) if is_time else ()))

    def _sums(self, sql: str, part: str, days: tuple[int, int]) -> dict[Any, int]:
        return dict(self._connection.execute(sql.format(part=part), (self._source, *days)).fetchall())


def _scan(row: tuple[Any, ...]) -> PastScan:
    scan_id, status, started_at, finished_at, complete, coverage, exit_code, request, stats, found, net = row
    asked = msgspec.json.decode(request, type=_Asked)
    counted = msgspec.json.decode(stats, type=_Counted) if stats else None
    return PastScan(
        scan_id=scan_id,
        status=status,
        started_at=started_at,
        finished_at=finished_at,
        games=asked.games,
        entries=asked.entries,
        exits=asked.exits,
        titles=counted.titles if counted else None,
        found=found,
        net=net or 0,
        calls=sum(counted.requests.values()) if counted else None,
        complete=bool(complete),
        coverage=Fraction(coverage) if coverage else None,
        exit_code=exit_code,
    )


def _find(row: tuple[Any, ...]) -> PastFind:
    at, scan_id, phase, entry, exit_, *figures = row
    return PastFind(at, scan_id, phase, Entry(entry), Exit(exit_), *figures)


def _life(*row: Any) -> Life:
    game, exit_, weekday, hour, gone, again, halves, times = row
    return Life(halves, bool(gone), bool(again), times, GAMES[game], EXITS[exit_], weekday, hour)


def _place(key: str | int) -> tuple[int, str | int]:
    """Levels from the cheapest up, all else in its own order."""
    return ([*LEVELS].index(key), 0) if key in LEVELS else (len(LEVELS), key)


def _name(key: str | int) -> str:
    """A day as its date."""
    return key if isinstance(key, str) else date.fromordinal(FIRST_DAY + key).isoformat()

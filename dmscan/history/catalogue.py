"""Every title as last seen, and how far a sweep over them came."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import chain, repeat
from typing import Any

import msgspec

from dmscan.core.memory import Known, Look, Refusals, SalesOutlook, SweepState
from dmscan.core.models import Game, Quote
from dmscan.core.money import exact
from dmscan.history import rows, sources

_GAMES = {game: game.value for game in Game}
"""Each `value` runs code of the enumeration, and SQLite takes an enumeration for a text only after a search for an adapter."""
PAGE = 100
"""Quotes stored by one statement: the thread's fewer turns at the interpreter lock matter more to a busy scan than the work itself."""

_SAVE = """
INSERT INTO titles (source_id, game, title, ask_cents, bid_cents, ask_count, bid_count, quoted_at,
    usual_ask_cents, two_sided, first_seen_at)
SELECT ?, column1, column2, column3, column4, column5, column6, column7,
    column3, column3 IS NOT NULL AND column4 IS NOT NULL, column7
FROM (VALUES {quotes}) WHERE true
ON CONFLICT (title, game, source_id) DO UPDATE SET
    refusals = CASE
        WHEN (excluded.ask_cents, excluded.bid_cents, excluded.ask_count, excluded.bid_count)
            IS (ask_cents, bid_cents, ask_count, bid_count) THEN refusals END,
    usual_ask_cents = CASE
        WHEN excluded.ask_cents IS NULL
            OR (excluded.ask_cents, excluded.bid_cents, excluded.ask_count, excluded.bid_count)
            IS (ask_cents, bid_cents, ask_count, bid_count) THEN usual_ask_cents
        WHEN usual_ask_cents IS NULL THEN excluded.ask_cents
        ELSE (3 * usual_ask_cents + excluded.ask_cents + 2) / 4 END,
    bid_since = CASE WHEN quoted_at = 0 OR excluded.bid_cents IS bid_cents THEN bid_since ELSE excluded.quoted_at END,
    bid_moves = (3 * bid_moves + CASE WHEN quoted_at = 0 OR excluded.bid_cents IS bid_cents THEN 0 ELSE 1000 END) / 4,
    ask_cents = excluded.ask_cents, bid_cents = excluded.bid_cents,
    ask_count = excluded.ask_count, bid_count = excluded.bid_count,
    quoted_at = excluded.quoted_at, two_sided = two_sided OR excluded.two_sided
WHERE excluded.quoted_at >= quoted_at"""
_KNOWN = f"""
SELECT title, ask_cents, bid_cents, ask_count, bid_count, quoted_at, usual_ask_cents, two_sided, looks, finds,
    sales_asked_at, sales_qualified, sales_best_q40_cents, sales_pace, bid_since, bid_moves, looked_at, refusals
FROM titles WHERE source_id = {sources.NUMBER} AND game = ?"""  # noqa: S608
_LOOKED = """
UPDATE titles SET looks = looks + 1, finds = finds + ?, looked_at = ?, refusals = ? WHERE title = ? AND game = ? AND source_id = ?"""
_SWEEP = f"SELECT full_at, cursor FROM sweeps WHERE source_id = {sources.NUMBER} AND game = ?"  # noqa: S608
_SAVE_SWEEP = (
    rows.insert("sweeps", "source_id game full_at cursor")
    + " ON CONFLICT (source_id, game) DO UPDATE SET full_at = excluded.full_at, cursor = excluded.cursor"
)


def known(connection: sqlite3.Connection, source: str, game: Game) -> list[Known]:
    """All titles of a game, the oldest quote first."""
    moments: dict[int, int] = {}  # the quotes of a page came at one: a number for each title would cost megabytes
    found = [_known(game, row, moments.setdefault(row[5], row[5])) for row in connection.execute(_KNOWN, (source, game))]
    found.sort(key=lambda title: title.quote.at)
    return found


def save_quotes(connection: sqlite3.Connection, source: int, quotes: Sequence[Quote]) -> None:
    """The last quotes; one older than what is stored changes nothing, one equal to it only its time.

    The usual ask moves a quarter of the way with every changed quote that has an ask.
    """
    for start in range(0, len(quotes), PAGE):
        page = values(source, quotes[start : start + PAGE])
        connection.execute(saving(page), page)


def values(source: int, quotes: Sequence[Quote]) -> list[rows.Value]:
    """A page of quotes as the statement that saves it takes them."""
    return [source, *chain.from_iterable(map(_quote, quotes))]


def saving(page: Sequence[rows.Value]) -> str:
    """The statement that saves such a page."""
    return _save(len(page) // 7)


def save_look(connection: sqlite3.Connection, source: int, key: tuple[str, Game], look: Look) -> None:
    """One more verdict on a known title, `key` (title and game)."""
    refusals = rows.json_text(look.refusals) if look.refusals else None
    connection.execute(_LOOKED, (look.found, look.at, refusals, *key, source))


def sweep_state(connection: sqlite3.Connection, source: str, game: Game) -> SweepState:
    row: tuple[int, str] | None = connection.execute(_SWEEP, (source, game)).fetchone()
    return SweepState(*row) if row else SweepState()


def save_sweep(connection: sqlite3.Connection, source: int, game: Game, state: SweepState) -> None:
    connection.execute(_SAVE_SWEEP, (source, game, state.full_at, state.cursor))


@cache
def _save(quotes: int) -> str:
    return _SAVE.format(quotes=", ".join(repeat("(?, ?, ?, ?, ?, ?, ?)", quotes)))


def _quote(quote: Quote) -> rows.Row:
    return (_GAMES[quote.game], quote.title, quote.ask, quote.bid, quote.ask_count, quote.bid_count, quote.at)


def _known(game: Game, row: tuple[Any, ...], at: int) -> Known:
    title, ask, bid, ask_count, bid_count, _, usual_ask, two_sided, looks, finds, *heard, since, moves, looked_at, refusals = row
    asked_at, qualified, best_q40, pace = heard
    sales = None if asked_at is None else SalesOutlook(asked_at, qualified, best_q40, exact(pace))
    seen = (bool(two_sided), looks, finds, sales, since, moves, looked_at, _refusals(refusals))
    usual_ask = ask if usual_ask == ask else usual_ask  # one number for both: 250,000 titles would hold 8 MB more
    return Known(Quote(game, title, ask, bid, ask_count, bid_count, at), usual_ask, *seen)


@lru_cache(maxsize=1024)
def _refusals(text: str | None) -> Refusals | None:
    """And many were refused for the same reasons."""
    return None if text is None else msgspec.json.decode(text, type=Refusals)

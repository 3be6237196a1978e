"""The fee tables of each game, the current one and those of the last days, and on which days they were asked for without a key."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction

from dmscan.core.fee_rows import FeeRows
from dmscan.core.fees import DAY
from dmscan.core.models import FeeRow, FeeSource, FeeTable, Game, Stamped
from dmscan.core.money import exact
from dmscan.history import rows, sources

KEPT_DAYS = 8

_ATTEMPT = (
    rows.insert("fee_attempts", "source_id game day answered")
    + " ON CONFLICT (source_id, game, day) DO UPDATE SET answered = max(answered, excluded.answered)"
)
_ATTEMPTED = f"SELECT 1 FROM fee_attempts WHERE source_id = {sources.NUMBER} AND game = ? AND day = ?"  # noqa: S608
_CURRENT = "SELECT id FROM fee_tables WHERE source_id = ? AND game = ? ORDER BY fetched_at DESC LIMIT 1"
_CURRENT_SINCE = f"""
SELECT id FROM fee_tables WHERE source_id = {sources.NUMBER} AND game = ? AND fetched_at >= ?
ORDER BY fetched_at DESC LIMIT 1"""  # noqa: S608
_LAST = f"SELECT id FROM fee_tables WHERE source_id = {sources.NUMBER} AND game = ? ORDER BY fetched_at DESC LIMIT ?"  # noqa: S608
_SAVE = rows.insert("fee_tables", "source_id game fetched_at default_fraction min_cents default_source ignored")
_AGAIN = "UPDATE fee_tables SET fetched_at = ? WHERE id = ?"
_DROP = "DELETE FROM fee_tables WHERE source_id = ? AND game = ? AND fetched_at < ?"
_SAVE_ROW = rows.insert("fee_rows", "fee_table title ordinal fraction low_cents high_cents expires_at")
_TABLE = """
SELECT fetched_at, default_fraction, min_cents, default_source, ignored, title, fraction, low_cents, high_cents, expires_at
FROM fee_tables LEFT JOIN fee_rows ON fee_table = id WHERE id = ? ORDER BY title, ordinal"""
SOME = 10_000
"""Rows at a time: all at once they would take several times what is kept of them."""


def table(connection: sqlite3.Connection, source: str, game: Game, since: int) -> Stamped[FeeTable] | None:
    """The game's current fees, if they were fetched at or after `since`."""
    current = connection.execute(_CURRENT_SINCE, (source, game, since)).fetchone()
    return _table(connection, *current) if current else None


def tables(connection: sqlite3.Connection, source: str, game: Game, most: int) -> Iterator[Stamped[FeeTable]]:
    """The game's last tables, at most so many, the current one first; each is read when it is its turn."""
    numbers = connection.execute(_LAST, (source, game, most)).fetchall()
    return (_table(connection, *number) for number in numbers)


def save(connection: sqlite3.Connection, source: int, game: Game, heard: Stamped[FeeTable]) -> None:
    """Makes these the game's fees; the same as before only change their age, and older ones than are stored change nothing.

    A table is kept for eight days after it was fetched last.
    """
    current = connection.execute(_CURRENT, (source, game)).fetchone()
    known = _table(connection, *current) if current else None
    if known and known.at > heard.at:
        return
    if known and known.value == heard.value:
        connection.execute(_AGAIN, (heard.at, *current))
    else:
        _add(connection, (source, game), heard)
    connection.execute(_DROP, (source, game, heard.at - KEPT_DAYS * DAY))


def _add(connection: sqlite3.Connection, of: tuple[int, Game], heard: Stamped[FeeTable]) -> None:
    """One of the same second is replaced."""
    fees = heard.value
    connection.execute("DELETE FROM fee_tables WHERE source_id = ? AND game = ? AND fetched_at = ?", (*of, heard.at))
    values = (*of, heard.at, str(fees.default), fees.min_amount, fees.default_source, fees.ignored)
    number = connection.execute(_SAVE, values).lastrowid
    connection.executemany(_SAVE_ROW, ((number, *row) for row in _rows(fees)))


def _table(connection: sqlite3.Connection, number: int) -> Stamped[FeeTable]:
    reduced = FeeRows()
    with closing(connection.execute(_TABLE, (number,))) as found:
        while some := found.fetchmany(SOME):
            fetched_at, default, min_amount, default_source, ignored = some[0][:5]
            reduced.add((title, FeeRow(exact(fraction), *limits)) for title, fraction, *limits in (row[5:] for row in some) if title)
    return Stamped(FeeTable(Fraction(default), min_amount, FeeSource(default_source), reduced, ignored), fetched_at)


def attempted(connection: sqlite3.Connection, source: str, game: Game, day: int) -> bool:
    """Whether the game's fees were already asked for on `day` (whole days since 1970 UTC), answered or not."""
    return connection.execute(_ATTEMPTED, (source, game, day)).fetchone() is not None


def save_attempt(connection: sqlite3.Connection, source: int, when: tuple[Game, int], *, answered: bool) -> None:
    """The game's fees were asked for on that day; one that was answered stays so."""
    connection.execute(_ATTEMPT, (source, *when, answered))


def _rows(fees: FeeTable) -> Iterator[rows.Row]:
    for title, reduced in fees.rows.items():
        for ordinal, row in enumerate(reduced):
            yield (title, ordinal, str(row.fraction), row.low, row.high, row.expires_at)

"""The current fee table of each game, and on which days it was asked for without a key."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from fractions import Fraction

from dmscan.core.models import FeeRow, FeeSource, FeeTable, Game, Stamped
from dmscan.history import rows, sources

_ATTEMPT = (
    rows.insert("fee_attempts", "source_id game day answered")
    + " ON CONFLICT (source_id, game, day) DO UPDATE SET answered = max(answered, excluded.answered)"
)
_ATTEMPTED = f"SELECT 1 FROM fee_attempts WHERE source_id = {sources.NUMBER} AND game = ? AND day = ?"  # noqa: S608
_SAVE = (
    rows.insert("fee_tables", "source_id game fetched_at default_fraction min_cents default_source ignored")
    + """ ON CONFLICT (source_id, game) DO UPDATE SET fetched_at = excluded.fetched_at, default_fraction = excluded.default_fraction,
    min_cents = excluded.min_cents, default_source = excluded.default_source, ignored = excluded.ignored
    WHERE excluded.fetched_at >= fetched_at RETURNING id"""
)
_SAVE_ROW = rows.insert("fee_rows", "fee_table title ordinal fraction low_cents high_cents expires_at")
_TABLE = f"""
SELECT fetched_at, default_fraction, min_cents, default_source, ignored, title, fraction, low_cents, high_cents, expires_at
FROM fee_tables LEFT JOIN fee_rows ON fee_table = id
WHERE source_id = {sources.NUMBER} AND game = ? AND fetched_at >= ? ORDER BY title, ordinal"""  # noqa: S608


def table(connection: sqlite3.Connection, source: str, game: Game, since: int) -> Stamped[FeeTable] | None:
    """The game's fees, if they were fetched at or after `since`."""
    found = connection.execute(_TABLE, (source, game, since)).fetchall()
    if not found:
        return None
    fetched_at, default, min_amount, default_source, ignored = found[0][:5]
    by_title: dict[str, tuple[FeeRow, ...]] = {}
    for *_, title, fraction, low, high, expires_at in found:
        if title is not None:
            by_title[title] = (*by_title.get(title, ()), FeeRow(Fraction(fraction), low, high, expires_at))
    return Stamped(FeeTable(Fraction(default), min_amount, FeeSource(default_source), by_title, ignored), fetched_at)


def save(connection: sqlite3.Connection, source: int, game: Game, heard: Stamped[FeeTable]) -> None:
    """Replaces the game's fees; a table older than the one that is stored changes nothing."""
    fees = heard.value
    values = (source, game, heard.at, str(fees.default), fees.min_amount, fees.default_source, fees.ignored)
    stored: tuple[int] | None = next(iter(connection.execute(_SAVE, values).fetchall()), None)
    if stored:
        connection.execute("DELETE FROM fee_rows WHERE fee_table = ?", stored)
        connection.executemany(_SAVE_ROW, _rows(stored[0], fees))


def attempted(connection: sqlite3.Connection, source: str, game: Game, day: int) -> bool:
    """Whether the game's fees were already asked for on `day` (whole days since 1970 UTC), answered or not."""
    return connection.execute(_ATTEMPTED, (source, game, day)).fetchone() is not None


def save_attempt(connection: sqlite3.Connection, source: int, when: tuple[Game, int], *, answered: bool) -> None:
    """The game's fees were asked for on that day; one that was answered stays so."""
    connection.execute(_ATTEMPT, (source, *when, answered))


def _rows(number: int, fees: FeeTable) -> Iterator[rows.Row]:
    for title, reduced in fees.rows.items():
        for ordinal, row in enumerate(reduced):
            yield (number, title, ordinal, str(row.fraction), row.low, row.high, row.expires_at)

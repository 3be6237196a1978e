"""What is too old goes, a few thousand rows a transaction, so that a scan beside it never waits long (design chapter 6)."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from dmscan.clock import Clock
from dmscan.core.fees import DAY
from dmscan.errors import HistoryError, HistoryTooNew, Locked
from dmscan.history import faults, sources
from dmscan.history.database import Database

BATCH = 5_000
"""Rows deleted in one transaction, those that go with them by and large included."""
TITLES_AT_ONCE = 2_000

# What a chat was told last of an open episode and of health stays, or it would be told anew; what still waits stays the day it may wait.
_ALERTS = f"""
DELETE FROM alerts WHERE id IN (
    SELECT id FROM alerts INDEXED BY alerts_by_age WHERE source_id = :source AND since < :before AND CASE
        WHEN state = 'due' THEN since < :before - {DAY}
        WHEN state = 'dropped' THEN true
        WHEN episode IS NULL THEN id < (
            SELECT max(later.id) FROM alerts AS later INDEXED BY alerts_of_health
            WHERE later.source_id = :source AND later.chat = alerts.chat AND later.episode IS NULL AND later.state = 'told')
        ELSE (SELECT ended FROM episodes WHERE episodes.id = alerts.episode) IS NOT NULL END
    LIMIT :most)"""  # noqa: S608
# CROSS JOIN keeps SQLite from reading the opportunities or samples first. The numbers allow for the rows that go with each.
_OF_SCANS: Mapping[str, tuple[str, int]] = {
    "opportunities": (
        """
        DELETE FROM opportunities WHERE id IN (
            SELECT opportunities.id FROM scans CROSS JOIN opportunities ON scan = scans.id
            WHERE scans.source_id = :source AND started_at < :before LIMIT :most)""",
        BATCH // 3,
    ),
    "samples": (
        """
        DELETE FROM samples WHERE (scan, game, title, entry, exit) IN (
            SELECT scan, game, title, entry, exit FROM scans CROSS JOIN samples ON scan = scans.id
            WHERE scans.source_id = :source AND started_at < :before LIMIT :most)""",
        BATCH,
    ),
    "scans": (
        """
        DELETE FROM scans WHERE id IN (
            SELECT id FROM scans WHERE source_id = :source AND started_at < :before LIMIT :most)""",
        BATCH // 25,
    ),
    "episodes": (
        """
        DELETE FROM episodes WHERE id IN (
            SELECT id FROM episodes INDEXED BY episodes_by_begin
            WHERE source_id = :source AND begun_at < :before AND ended_at < :before LIMIT :most)""",
        BATCH // 3,
    ),
    "alerts": (_ALERTS, BATCH),
    "messages": (
        """
        DELETE FROM messages WHERE id IN (
            SELECT id FROM messages INDEXED BY messages_by_age
            WHERE source_id = :source AND tried_at < :before AND state <> 'sending' LIMIT :most)""",
        BATCH,
    ),
    "fee tables": (
        """
        DELETE FROM fee_tables WHERE id IN (
            SELECT id FROM fee_tables WHERE source_id = :source AND fetched_at < :before AND fetched_at < (
                SELECT max(fetched_at) FROM fee_tables AS newer WHERE newer.source_id = :source AND newer.game = fee_tables.game)
            LIMIT :most)""",
        BATCH // 500,
    ),
}
_TITLES = "SELECT id FROM titles NOT INDEXED WHERE source_id = ? AND id > ? ORDER BY id LIMIT ?"
# The quote that held when the time kept began stays: it is the last one of a title that has not changed since.
_QUOTES = """
DELETE FROM quotes WHERE title = :title AND at IN (
    SELECT at FROM quotes WHERE title = :title AND at < (SELECT max(at) FROM quotes WHERE title = :title AND at <= :before)
    ORDER BY at LIMIT :room)"""
# The last answer stays whole, or it would be taken for one of fewer sales.
_SALES = """
DELETE FROM sales WHERE title = :title AND (kind, sold_at, price_cents, phase, float_value, ordinal) IN (
    SELECT kind, sold_at, price_cents, phase, float_value, ordinal FROM sales
    WHERE title = :title AND kind = '{kind}' AND sold_at < (
        SELECT min(:before, coalesce({column}_oldest_at, :before)) FROM titles WHERE id = :title)
    LIMIT :room)"""
_OF_TITLES = (
    ("quotes", _QUOTES),
    ("sales", _SALES.format(kind="Offer", column="sales")),
    ("sales", _SALES.format(kind="Target", column="fills")),
)


async def prune(path: Path, source: str, before: int, *, vacuum: bool = False) -> Mapping[str, int]:
    """Deletes the source's rows from before that Unix second and tells how many of what; `vacuum` gives their room back to the disk.

    Open episodes with what was told of them, current fees and last quotes stay, and so do the sums of days. Raises Locked if another
    program holds the file, HistoryTooNew or another HistoryError if it cannot be used.
    """
    gone: Counter[str] = Counter()
    try:
        async with Database(path, Clock()) as database:
            number = await database.write(partial(sources.number, url=source))
            for what, (sql, most) in _OF_SCANS.items():
                while removed := await database.write(partial(_delete, sql=sql, values={"source": number, "before": before, "most": most})):
                    gone[what] += removed
            for what, sql in _OF_TITLES:
                after: int | None = 0
                while after is not None:
                    removed, after = await database.write(partial(_delete_by_title, sql=sql, of=(number, before), after=after))
                    gone[what] += removed
            if vacuum:
                await database.run(_vacuum)
    except HistoryTooNew:
        raise
    except HistoryError as error:
        raise _locked(path, error) or error from error.__cause__
    return gone


def _delete(connection: sqlite3.Connection, sql: str, values: Mapping[str, int]) -> int:
    return connection.execute(sql, values).rowcount


def _delete_by_title(connection: sqlite3.Connection, sql: str, of: tuple[int, int], after: int) -> tuple[int, int | None]:
    """How many rows went, and behind which title to go on; `None` at the end."""
    source, before = of
    titles = connection.execute(_TITLES, (source, after, TITLES_AT_ONCE)).fetchall()
    removed = 0
    for (title,) in titles:
        removed += connection.execute(sql, {"title": title, "before": before, "room": BATCH - removed}).rowcount
        if removed == BATCH:
            return removed, title - 1
    return removed, titles[-1][0] if titles else None


def _vacuum(connection: sqlite3.Connection) -> None:
    connection.execute("VACUUM")


def _locked(path: Path, error: HistoryError) -> Locked | None:
    cause = error.__cause__
    if isinstance(cause, Exception) and faults.is_busy(cause):
        return Locked(f"{path} stayed locked by another program; close that program or prune later.")
    return None

"""What earlier scans found: which titles to look at first, and what `--since-last` compares with."""

from __future__ import annotations

import sqlite3

from dmscan.core.episodes import Key
from dmscan.core.models import Entry, Exit, Game
from dmscan.core.money import Cents
from dmscan.history import sources

# CROSS JOIN keeps SQLite from reading the opportunities first.
_OPEN = f"""
SELECT DISTINCT game, title FROM scans CROSS JOIN opportunities ON scan = scans.id
WHERE scans.source_id = {sources.NUMBER} AND finished_at >= ?"""  # noqa: S608
# IS, because SQLite would put the parameter of `request =` into `length(request)` too, and then not find the index on it.
_LAST = f"""
SELECT game, title, phase, entry, exit, net_profit_cents
FROM (
    SELECT id FROM scans
    WHERE source_id = {sources.NUMBER} AND length(request) = length(?2) AND request IS ?2 AND status IN ('finished', 'cut')
    ORDER BY id DESC LIMIT 1
) AS last LEFT JOIN opportunities ON scan = last.id"""  # noqa: S608


def open_titles(connection: sqlite3.Connection, source: str, since: int) -> frozenset[tuple[Game, str]]:
    """Titles with an opportunity in a scan that finished at or after `since`."""
    return frozenset((Game(game), title) for game, title in connection.execute(_OPEN, (source, since)))


def last_found(connection: sqlite3.Connection, source: str, request: str) -> dict[Key, Cents] | None:
    """The net profits of the last finished or cut scan with this request, `None` if there was none."""
    found = connection.execute(_LAST, (source, request)).fetchall()
    if not found:
        return None
    return {
        (Game(game), title, phase, Entry(entry), Exit(exit_)): net_profit
        for game, title, phase, entry, exit_, net_profit in found
        if game is not None
    }

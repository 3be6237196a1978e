"""Whose rows: every stored row belongs to a source, the base URL that its data came from (design chapter 6)."""

from __future__ import annotations

import sqlite3

NUMBER = "(SELECT id FROM sources WHERE url = ?)"
"""The row id of a source inside another query; null if nothing of it is stored yet."""


def number(connection: sqlite3.Connection, url: str) -> int:
    """The row id of the source, which is made if it is missing."""
    connection.execute("INSERT INTO sources (url) VALUES (?) ON CONFLICT (url) DO NOTHING", (url,))
    row: tuple[int] = connection.execute("SELECT id FROM sources WHERE url = ?", (url,)).fetchone()
    return row[0]

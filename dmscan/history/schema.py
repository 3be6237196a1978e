"""The schema in numbered steps (`PRAGMA user_version`), and who may use a file: this program and none newer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from dmscan.errors import HistoryError, HistoryTooNew

STEPS = ("0001.sql", "0002.sql", "0003.sql", "0004.sql", "0005.sql")
"""One file a step, in order. A step is never changed once it was released."""

APPLICATION_ID = 0x646D7363
"""`PRAGMA application_id` of our databases ("dmsc"): tells them from those of other programs."""

OLDEST_SQLITE = (3, 37, 0)

# TRUNCATE, not WAL: SQLite before 3.51.3 can corrupt a WAL database that two connections use, and one file is easier to own and copy.
_PRAGMAS = (
    "PRAGMA journal_mode = TRUNCATE",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Sets the connection up and applies all missing steps in one transaction (design chapter 6).

    HistoryTooNew if a newer dmscan wrote the file, HistoryError if another program did or SQLite is too old; the file is then untouched.
    """
    check_sqlite(sqlite3.sqlite_version_info)
    version = version_of(connection, path)
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    if version < len(STEPS):
        _migrate(connection)


def check_sqlite(version: tuple[int, ...]) -> None:
    """HistoryError if SQLite has no STRICT tables."""
    if version < OLDEST_SQLITE:
        found, needed = (".".join(map(str, numbers)) for numbers in (version, OLDEST_SQLITE))
        raise HistoryError(f"This Python has SQLite {found}, but storing needs {needed} or newer; use a newer Python or --no-store.")


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of our own or a new database; reads only."""
    application, version, tables = _fingerprint(connection)
    if application != APPLICATION_ID and (application or version or tables):
        raise HistoryError(f"{path} is the database of another program; choose another file with --db.")
    if version > len(STEPS):
        what = f"{path} was written by a newer dmscan (schema {version}, this one knows {len(STEPS)})"
        raise HistoryTooNew(f"{what}; update dmscan or choose another file with --db.")
    return version


def _fingerprint(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Application id, schema version and number of tables, as of one moment."""
    connection.execute("BEGIN")
    try:
        return (
            _number(connection, "PRAGMA application_id"),
            _number(connection, "PRAGMA user_version"),
            _number(connection, "SELECT count(*) FROM sqlite_master"),
        )
    finally:
        connection.execute("ROLLBACK")


def _migrate(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN EXCLUSIVE")
    try:
        # Another process may have been faster between the check and the lock.
        done = _number(connection, "PRAGMA user_version")
        for step in STEPS[done:]:
            for statement in _statements(resources.files("dmscan.history").joinpath(step).read_text("utf-8")):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {max(done, len(STEPS))}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _statements(script: str) -> Iterator[str]:
    """One statement at a time: `executescript` would commit the open transaction first."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def _number(connection: sqlite3.Connection, sql: str) -> int:
    row: tuple[int] = connection.execute(sql).fetchone()
    return row[0]

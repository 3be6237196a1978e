"""What one transaction promises: it owns the write lock, sees its file vanish, and is tried again while others hold the lock."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dmscan.clock import Clock
from dmscan.errors import HistoryError
from dmscan.history import schema
from dmscan.history.database import Database

from stored import count, rows

SOURCE = "INSERT INTO sources (url) VALUES (?)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    async with Database(path, Clock(), patience_s=0.5) as database:
        yield database


@pytest.fixture
def other(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program's connection to the same file."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)) as connection:
        yield connection


async def test_a_transaction_owns_the_write_lock_from_its_first_moment(database: Database, other: sqlite3.Connection) -> None:
    def try_to_get_in(_: sqlite3.Connection) -> None:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")

    await database.write(try_to_get_in)


async def test_a_file_that_vanishes_within_a_transaction_is_noticed_before_the_commit(database: Database, path: Path) -> None:
    def vanish(connection: sqlite3.Connection) -> None:
        connection.execute(SOURCE, ("https://a",))
        path.rename(path.with_name("moved.db"))

    with pytest.raises(HistoryError, match="deleted or replaced while dmscan was running"):
        await database.write(vanish)
    assert count(path.with_name("moved.db"), "sources") == 0


async def test_an_error_of_the_caller_undoes_the_transaction_and_keeps_its_name(database: Database, path: Path) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute(SOURCE, ("https://a",))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(fail)
    await database.write(lambda connection: connection.execute(SOURCE, ("https://b",)).close())
    assert rows(path, "SELECT url FROM sources") == [{"url": "https://b"}]


async def test_patience_is_counted_in_steps_whatever_the_clock_says(path: Path, other: sqlite3.Connection) -> None:
    """A clock that stands still must not make a locked file wait for ever."""
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async with Database(path, Clock(now=lambda: 0.0, monotonic=lambda: 0.0, sleep=wait), patience_s=0.75) as database:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(HistoryError, match="stayed locked"):
            await database.write(lambda _: None)
    assert waits == [0.25, 0.25]


async def test_who_waited_while_another_made_the_schema_does_not_make_it_again(path: Path, other: sqlite3.Connection) -> None:
    other.execute("BEGIN IMMEDIATE")
    other.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    other.execute(f"PRAGMA user_version = {len(schema.STEPS)}")
    database = Database(path, Clock())
    opening = asyncio.create_task(database.__aenter__())
    await asyncio.sleep(0.1)
    other.execute("COMMIT")
    await opening
    await database.__aexit__()
    assert count(path, "sqlite_master") == 0

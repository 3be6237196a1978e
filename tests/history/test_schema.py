"""Who may use a database file, and that a refused one stays as it was."""

# ruff: noqa: ASYNC240  (a test may touch a file while its loop has nothing else to do)

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from dmscan.clock import Clock
from dmscan.errors import HistoryError, HistoryTooNew
from dmscan.history import schema
from dmscan.history.store import open_history

from stored import SCHEMA_1, SCHEMA_3, SCHEMA_4, contents, rows, sha256

SOURCE = "https://api.dmarket.com"


async def opened(path: Path, patience_s: float = 0.5) -> None:
    async with open_history(path, SOURCE, Clock(), patience_s):
        pass


def schema_of(path: Path) -> list[object]:
    return [rows(path, "SELECT name, sql FROM sqlite_master ORDER BY name"), rows(path, "PRAGMA user_version")]


def made(path: Path, *statements: str) -> str:
    """Another program's database at `path`; its SHA-256."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return sha256(path)


@pytest.mark.parametrize("empty_file_before", [False, True])
async def test_a_new_or_empty_file_becomes_a_database_of_ours(tmp_path: Path, empty_file_before: bool) -> None:
    path = tmp_path / "history.db"
    if empty_file_before:
        path.touch()
    await opened(path)
    assert rows(path, "PRAGMA application_id") == [{"application_id": schema.APPLICATION_ID}]
    assert rows(path, "PRAGMA user_version") == [{"user_version": len(schema.STEPS)}]
    assert rows(path, "PRAGMA journal_mode") == [{"journal_mode": "delete"}], "WAL would be kept in the file"


async def test_opening_again_changes_no_byte(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    await opened(path)
    before = sha256(path)
    await opened(path)
    assert sha256(path) == before


async def test_every_table_is_strict(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    await opened(path)
    tables = rows(path, "SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    first = {"sources", "scans", "opportunities", "legs", "rejections", "fee_attempts"}
    second = {"titles", "sales", "fee_tables", "fee_rows", "sweeps"}
    fourth = {"quotes", "episodes", "days", "spent", "samples"}
    assert {table["name"] for table in tables} == first | second | fourth | {"alerts", "messages"}
    assert all(table["strict"] for table in tables)


@pytest.mark.parametrize("old", [SCHEMA_1, SCHEMA_4])
async def test_an_earlier_database_gets_the_later_steps_and_keeps_every_row(tmp_path: Path, old: Path) -> None:
    path = tmp_path / "history.db"
    shutil.copy(old, path)
    before = contents(path)
    assert {table for table, stored in before.items() if not stored} == set(), "a table without rows proves nothing"
    await opened(path)
    after = contents(path)
    assert {table: after[table] for table in before} == before
    assert all(not after[table] for table in after.keys() - before.keys())
    new = tmp_path / "new.db"
    await opened(new)
    assert schema_of(path) == schema_of(new)
    for check in ("integrity_check", "foreign_key_check"):
        assert [list(row.values()) for row in rows(path, f"PRAGMA {check}")] in ([["ok"]], [])


async def test_a_database_of_schema_3_gets_the_later_steps_keeps_every_row_and_its_quotes_begin(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    shutil.copy(SCHEMA_3, path)
    before = contents(path)
    assert {table for table, stored in before.items() if not stored} == set(), "a table without rows proves nothing"
    await opened(path)
    after = contents(path)
    assert {table: after[table] for table in before} == before
    known = [title for title in before["titles"] if title["quoted_at"]]
    assert [quote["ask_cents"] for quote in after["quotes"]] == [title["ask_cents"] for title in known]
    assert {table for table in after.keys() - before.keys() if after[table]} == {"quotes"}
    new = tmp_path / "new.db"
    await opened(new)
    assert schema_of(path) == schema_of(new)


@pytest.mark.parametrize("step", [1, 2, 3, 4])
async def test_a_step_comes_to_the_same_from_any_earlier_one(tmp_path: Path, step: int) -> None:
    path, new = tmp_path / "history.db", tmp_path / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for name in schema.STEPS[:step]:
            connection.executescript(resources.files("dmscan.history").joinpath(name).read_text("utf-8"))
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {step}")
    for each in (path, new):
        await opened(each)
    assert schema_of(path) == schema_of(new)


@pytest.mark.parametrize("journal", ["delete", "wal"])
async def test_a_newer_database_is_refused_untouched(tmp_path: Path, journal: str) -> None:
    path = tmp_path / "history.db"
    await opened(path)
    before = made(path, f"PRAGMA journal_mode = {journal}", f"PRAGMA user_version = {len(schema.STEPS) + 1}", "CREATE TABLE later (x)")
    with pytest.raises(HistoryTooNew, match=r"history\.db was written by a newer dmscan"):
        await opened(path)
    assert sha256(path) == before
    assert [file.name for file in tmp_path.iterdir()] == ["history.db"]


@pytest.mark.parametrize("trait", ["CREATE TABLE bookmarks (url TEXT)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"])
async def test_the_database_of_another_program_is_refused_untouched(tmp_path: Path, trait: str) -> None:
    path = tmp_path / "places.sqlite"
    before = made(path, trait)
    with pytest.raises(HistoryError, match=r"places\.sqlite is the database of another program"):
        await opened(path)
    assert sha256(path) == before


def test_a_sqlite_without_strict_tables_is_named() -> None:
    with pytest.raises(HistoryError, match=r"SQLite 3\.34\.1, but storing needs 3\.37\.0"):
        schema.check_sqlite((3, 34, 1))


async def test_several_that_make_the_same_new_database_at_once_all_succeed(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(opened(path, patience_s=60))
    assert rows(path, "PRAGMA user_version") == [{"user_version": len(schema.STEPS)}]


async def test_a_step_that_fails_leaves_nothing_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.execute("PRAGMA max_page_count = 8")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            schema.prepare(connection, path)
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    await opened(path)
    assert rows(path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]

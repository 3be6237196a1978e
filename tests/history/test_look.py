"""Looking at a database as a doctor does: nothing is made or changed, and everything odd is told apart."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dmscan.clock import Clock
from dmscan.core.checkup import Contents, Kind
from dmscan.errors import HistoryError, HistoryTooNew, Locked
from dmscan.history import look, schema
from dmscan.history.lock import command_lock
from dmscan.history.store import open_history

from stored import SCHEMA_1, sha256

PAGE = 4096
DYING = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("CREATE TABLE many (text TEXT)")
connection.executemany("INSERT INTO many VALUES (?)", (("x" * 1000,) for _ in range(1000)))
os._exit(0)
"""
"""Dies when a part of what it wrote has reached the file."""

MOUNTS = """
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:30 / /home rw - nfs4 server:/home rw
31 30 0:31 / /home/me/my\\040disk rw shared:7 - fuse.sshfs me@there:/ rw
32 22 0:32 / /homes rw - cifs //there/homes rw
nonsense
"""


async def fill(path: Path) -> None:
    async with open_history(path, "sandbox", Clock()):
        pass


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_healthy_database_is_told_of_and_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "history 1?.db"
    await fill(path)
    before = (sha256(path), path.stat().st_mtime_ns, files(tmp_path))
    place = look.place(path)
    assert (place.kind, place.mode, place.folder, place.writable) == (Kind.FILE, 0o600, str(tmp_path), True)
    assert place.size == path.stat().st_size
    assert place.free
    assert look.contents(path) == Contents(len(schema.STEPS), len(schema.STEPS), "delete")
    assert (sha256(path), path.stat().st_mtime_ns, files(tmp_path)) == before


def test_what_is_missing_is_not_made(tmp_path: Path) -> None:
    place = look.place(tmp_path / "a" / "b" / "history.db")
    assert (place.kind, place.folder, place.folder_writable) == (Kind.MISSING, str(tmp_path), True)
    assert files(tmp_path) == []


def test_what_is_no_file_is_told_apart(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    assert look.place(tmp_path).kind is Kind.FOLDER
    assert look.place(tmp_path / "pipe").kind is Kind.SPECIAL
    assert look.place(tmp_path / "file" / "history.db").kind is Kind.UNREACHABLE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
def test_a_link_of_another_user_is_not_followed(tmp_path: Path) -> None:
    link = tmp_path / "history.db"
    link.symlink_to(tmp_path / "elsewhere.db")
    assert look.place(link).kind is Kind.MISSING
    os.chown(link, 12345, 12345, follow_symlinks=False)
    assert look.place(link).kind is Kind.FOREIGN_LINK


def test_an_empty_file_is_a_new_database(tmp_path: Path) -> None:
    (tmp_path / "history.db").touch()
    assert look.contents(tmp_path / "history.db") == Contents(0, len(schema.STEPS), "delete")


def test_an_older_schema_is_told_and_left(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    shutil.copy(SCHEMA_1, path)
    before = sha256(path)
    assert look.contents(path) == Contents(1, len(schema.STEPS), "delete")
    assert sha256(path) == before


async def test_a_newer_database_is_too_new(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    await fill(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(HistoryTooNew, match="999"):
        look.contents(path)


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(HistoryError, match="another program"):
        look.contents(path)


def test_text_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_text("this is no database, and never was one" * 100)
    with pytest.raises(HistoryError, match="is not a database"):
        look.contents(path)


def complaint(path: Path) -> str:
    """What is said of a damaged file; "" if it is called well."""
    try:
        found = look.contents(path)
    except HistoryError as error:
        return str(error)
    assert found
    assert len(found.damage) <= look.MOST_DAMAGE
    return "; ".join(found.damage)


async def test_a_damaged_page_is_never_called_well(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.db", tmp_path / "history.db"
    await fill(whole)
    assert complaint(whole) == ""
    content = whole.read_bytes()
    for start in range(0, len(content), PAGE):
        kept = 100 if start == 0 else 0
        path.write_bytes(content[: start + kept] + b"\xff" * (PAGE - kept) + content[start + PAGE :])
        said = complaint(path)
        assert "damaged" in said or "Page" in said, start
        assert said.isprintable()


async def test_a_wal_database_is_known_as_one(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    await fill(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        found = look.contents(path)
    assert found
    assert found.journal == "wal"


def die_while_writing(path: Path) -> None:
    subprocess.run([sys.executable, "-c", DYING, str(path)], check=True)
    assert Path(f"{path}-journal").stat().st_size


async def test_what_a_scan_left_half_written_is_left_for_the_next_scan(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    await fill(path)
    die_while_writing(path)
    before = (sha256(path), files(tmp_path))
    assert look.contents(path) is None
    assert (sha256(path), files(tmp_path)) == before
    await fill(path)
    found = look.contents(path)
    assert found
    assert found.damage == ()


async def test_a_database_locked_elsewhere_is_not_waited_for_long(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    await fill(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Locked, match="locked by another program"):
            look.contents(path, limit_s=0.1)


async def test_a_look_for_damage_ends_in_time(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    await fill(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE many (text TEXT)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO many VALUES (?)", (("x" * 1000,) for _ in range(100_000)))
        connection.execute("COMMIT")
    found = look.contents(path, limit_s=0.0)
    assert found
    assert (found.whole, found.damage) == (False, ())


def test_locks_are_seen_and_neither_made_nor_kept(tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    assert look.running(database) == ()
    assert look.running(tmp_path / "nowhere" / "history.db") == ()
    with command_lock(database):
        assert look.running(database) == ("scan",)
        assert look.running(tmp_path / "other.db") == ()
    assert look.running(database) == ()
    with command_lock(database):
        pass


def test_what_cannot_be_asked_about_a_lock_is_no_lock_that_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link is not followed, and a file system without locks holds none."""
    database, elsewhere = tmp_path / "history.db", tmp_path / "elsewhere"
    with elsewhere.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        (tmp_path / "history.db.scan.lock").symlink_to(elsewhere)
        assert look.running(database) == ()

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with command_lock(database, command="watch"):
        assert look.running(database) == ("watch",)
        monkeypatch.setattr(fcntl, "flock", flock)
        assert look.running(database) == ()
        monkeypatch.undo()


async def test_what_this_sqlite_cannot_check_is_told_and_not_called_well(tmp_path: Path) -> None:
    """Not every error of a check is its end in time: here an index is ordered as only another program knows."""
    path = tmp_path / "history.db"
    await fill(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.create_collation("theirs", lambda one, other: (one > other) - (one < other))
        connection.execute("CREATE TABLE odd (text TEXT COLLATE theirs)")
        connection.execute("CREATE INDEX by_text ON odd (text)")
        connection.execute("INSERT INTO odd VALUES ('a'), ('b')")
    with pytest.raises(HistoryError, match="no such collation sequence: theirs"):
        look.contents(path)


def test_a_place_is_told_of_without_what_the_system_does_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only Linux has a list of mounts, and only what is there has room."""
    monkeypatch.setattr(look, "MOUNTS", tmp_path / "missing")
    place = look.place(tmp_path / "history.db")
    assert (place.kind, place.filesystem) == (Kind.MISSING, "")
    assert place.free
    assert look._free(tmp_path / "missing") is None
    assert look.place(tmp_path / ("x" * 300)).kind is Kind.UNREACHABLE


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib", "ext4"),
        ("/home/me", "nfs4"),
        ("/homes/me", "cifs"),
        ("/home/me/my disk/dmscan", "fuse.sshfs"),
        ("/home/me/my disks", "nfs4"),
    ],
)
def test_a_folder_lies_on_the_nearest_mount_above_it(folder: str, kind: str) -> None:
    assert look.filesystem(Path(folder), MOUNTS) == kind
    assert look.filesystem(Path(folder), "") == ""

"""From what was seen to what to do about it."""

from __future__ import annotations

from typing import Any

import pytest

from dmscan.core import checkup
from dmscan.core.checkup import Check, Contents, Kind, Mark, Place
from dmscan.errors import DmscanError, ExitCode, HistoryTooNew, MarketRefused

PLACE = Place("/data/history.db", Kind.FILE, "/data", size=2_202_010, mode=0o600, folder_mode=0o700, free=10**10, filesystem="ext4")


def place(**changes: Any) -> Place:
    return Place(**{name: getattr(PLACE, name) for name in PLACE.__struct_fields__} | changes)


def told(place: Place) -> dict[str, Check]:
    return {check.name: check for check in (*checkup.place_checks(place), *checkup.surroundings(place))}


def test_a_usable_database_is_told_of_by_what_is_in_it() -> None:
    checks = told(PLACE)
    assert {name: (check.mark, check.detail) for name, check in checks.items()} == {
        "permissions": (Mark.OK, "file 0600, folder 0700"),
        "disk": (Mark.OK, "9.3 GB free"),
    }
    checks = {check.name: check for check in checkup.contents_checks(PLACE, Contents(5, 5, "delete"))}
    assert [check.mark for check in checks.values()] == [Mark.OK] * 3
    assert checks["database"].detail == "/data/history.db, 2.1 MB, schema 5"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": Kind.FOLDER}, "/data/history.db is a folder"),
        ({"kind": Kind.SPECIAL}, "is not a regular file"),
        ({"kind": Kind.FOREIGN_LINK}, "is a link that belongs to another user"),
        ({"kind": Kind.UNREACHABLE}, "/data/history.db cannot be reached"),
        ({"writable": False}, "/data/history.db may not be written"),
        ({"folder_writable": False}, "/data may not be written"),
        ({"kind": Kind.MISSING, "folder_writable": False}, "/data may not be written"),
    ],
)
def test_where_a_scan_could_not_store_is_20(changes: dict[str, Any], words: str) -> None:
    check = told(place(**changes))["database"]
    assert (check.mark, check.code) == (Mark.FAIL, ExitCode.NOT_STORED)
    assert words in check.detail
    assert "--db" in check.detail


def test_a_missing_database_is_well() -> None:
    checks = told(place(kind=Kind.MISSING, mode=None))
    assert checks["database"] == Check("database", Mark.OK, "none yet: the first scan makes /data/history.db")
    assert "permissions" not in checks


@pytest.mark.parametrize(
    ("changes", "commands"),
    [
        ({"mode": 0o644}, "chmod 600 /data/history.db"),
        ({"folder_mode": 0o755}, "chmod 700 /data"),
        ({"mode": 0o640, "folder_mode": 0o750}, "chmod 600 /data/history.db and chmod 700 /data"),
    ],
)
def test_what_others_could_read_is_named_with_the_command_that_closes_it(changes: dict[str, Any], commands: str) -> None:
    check = told(place(**changes))["permissions"]
    assert check.mark is Mark.WARN
    assert check.detail.endswith(f"run {commands}")


def test_a_folder_that_everybody_shares_cannot_be_closed() -> None:
    assert told(place(folder_mode=0o777, shared=True))["permissions"].mark is Mark.OK


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph"])
def test_a_network_file_system_is_warned_of(kind: str) -> None:
    check = told(place(filesystem=kind))["file system"]
    assert check.mark is Mark.WARN
    assert kind in check.detail


@pytest.mark.parametrize("kind", ["ext4", "fuseblk", "overlay", "tmpfs", ""])
def test_a_file_system_of_this_machine_is_not(kind: str) -> None:
    assert "file system" not in told(place(filesystem=kind))


@pytest.mark.parametrize(
    ("free", "mark"), [(200 * 2**20, Mark.OK), (200 * 2**20 - 1, Mark.WARN), (5 * 2**20, Mark.WARN), (5 * 2**20 - 1, Mark.FAIL)]
)
def test_a_disk_warns_before_it_is_full(free: int, mark: Mark) -> None:
    check = told(place(free=free))["disk"]
    assert check.mark is mark
    assert check.code == (ExitCode.NOT_STORED if mark is Mark.FAIL else ExitCode.OK)


def test_nothing_is_said_of_room_that_nobody_knows() -> None:
    assert "disk" not in told(place(free=None))


@pytest.mark.parametrize(
    ("found", "name", "mark", "words"),
    [
        (None, "database", Mark.WARN, "half written"),
        (Contents(0, 5, "delete"), "database", Mark.OK, "empty: the first scan fills it"),
        (Contents(3, 5, "delete"), "database", Mark.OK, "schema 3: the next scan brings it to 5"),
        (Contents(5, 5, "wal"), "journal", Mark.WARN, "WAL"),
        (Contents(5, 5, "delete", damage=("row 3 missing", "page 7")), "integrity", Mark.FAIL, "(row 3 missing; page 7)"),
        (Contents(5, 5, "delete", whole=False), "integrity", Mark.OK, "in time"),
    ],
)
def test_what_a_database_says_of_itself(found: Contents | None, name: str, mark: Mark, words: str) -> None:
    check = {check.name: check for check in checkup.contents_checks(PLACE, found)}[name]
    assert check.mark is mark
    assert words in check.detail
    assert check.code == (ExitCode.NOT_STORED if mark is Mark.FAIL else ExitCode.OK)


@pytest.mark.parametrize("version", [(3, 7, 0), (3, 40, 1), (3, 44, 5), (3, 45, 0), (3, 50, 6), (3, 51, 2)])
def test_sqlite_has_its_wal_bug(version: tuple[int, ...]) -> None:
    assert checkup.has_wal_bug(version)
    assert "WAL" not in checkup.sqlite(version, (3, 7), verbose=False).detail
    assert "does not matter" in checkup.sqlite(version, (3, 7), verbose=True).detail


@pytest.mark.parametrize("version", [(3, 44, 6), (3, 50, 7), (3, 51, 3), (3, 53, 0)])
def test_sqlite_has_it_no_more(version: tuple[int, ...]) -> None:
    assert not checkup.has_wal_bug(version)
    assert "WAL" not in checkup.sqlite(version, (3, 37), verbose=True).detail


def test_sqlite_without_strict_tables_cannot_store() -> None:
    check = checkup.sqlite((3, 36, 0), (3, 37, 0), verbose=False)
    assert (check.mark, check.code) == (Mark.FAIL, ExitCode.NOT_STORED)
    assert "3.36.0" in check.detail
    assert "3.37.0" in check.detail


def test_libraries_are_named_when_asked_for_or_missing() -> None:
    known = {"httpx": "0.28.1", "rich": "15.0.0"}
    assert checkup.libraries(known, verbose=True).detail == "httpx 0.28.1, rich 15.0.0"
    assert "httpx" not in checkup.libraries(known, verbose=False).detail
    assert checkup.libraries({}, verbose=True).mark is Mark.OK
    missing = checkup.libraries(known | {"rich": ""}, verbose=False)
    assert missing.mark is Mark.WARN
    assert "rich" in missing.detail


@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-8", Mark.OK), ("UTF8", Mark.OK), ("utf_8", Mark.OK), ("ascii", Mark.WARN), ("", Mark.WARN)]
)
def test_a_terminal_that_cannot_print_a_star_is_told_how_to(encoding: str, mark: Mark) -> None:
    assert checkup.terminal(encoding).mark is mark


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KB"), (2_202_010, "2.1 MB"), (5 * 2**50, "5,120.0 TB")]
)
def test_sizes(count: int, text: str) -> None:
    assert checkup.size(count) == text


@pytest.mark.parametrize("error", [MarketRefused("DMarket does not take the key.", "user/balance"), HistoryTooNew("It is newer.")])
def test_what_failed_says_why_and_ends_the_command_as_the_error_would(error: DmscanError) -> None:
    assert checkup.failed("key", error) == Check("key", Mark.FAIL, str(error), error.exit_code)


def test_who_holds_the_database_now_is_named_and_fails_nothing() -> None:
    assert checkup.running(["dmscan scan", "dmscan watch"]) == Check("locks", Mark.OK, "held now by dmscan scan, dmscan watch")
    assert checkup.running([]) == Check("locks", Mark.OK, "none held")

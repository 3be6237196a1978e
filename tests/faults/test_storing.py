"""Real scans whose disk fails or who are killed: what was said to be stored is there, and results are printed all the same."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from processes import COMMAND, Dmscan, keys, rows, serving

OLD_SCHEMA = Path(__file__).parents[1] / "data" / "schema-1.db"
WRITING = ("scan", "-f", "json", "--rate", "2000")


def can_trace() -> bool:
    strace = shutil.which("strace")
    return strace is not None and subprocess.run([strace, "-qqo", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


needs_strace = pytest.mark.skipif(not can_trace(), reason="needs strace and the right to trace")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("market")) as url:
        yield url


@pytest.fixture
def dmscan(tmp_path: Path, market: str) -> Dmscan:
    return Dmscan(tmp_path, market, **keys())


def traced(dmscan: Dmscan, fault: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A scan whose writes into the database fail as strace is told; SQLite is the only one here that uses these calls."""
    calls, _, what = fault.partition(":")
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:{what}", *COMMAND]
    return subprocess.run([*command, *arguments], env=dmscan.environment, capture_output=True, text=True, timeout=120, check=False)


def check_whole(database: Path, stored: dict[str, int]) -> None:
    """Of every scan that was said to be stored all finds are there, and of every other all or none."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        found = "SELECT scan_id, status, (SELECT count(*) FROM opportunities WHERE scan = scans.id) FROM scans"
        scans = {scan_id: (status, count) for scan_id, status, count in connection.execute(found)}
    for scan_id, count in stored.items():
        assert scans.pop(scan_id) == ("finished", count)
    assert all(count == 0 for status, count in scans.values() if status == "running"), scans


def finds(stdout: str) -> dict[str, int]:
    """Scan → how many finds it printed."""
    document = json.loads(stdout)
    return {document["scan_id"]: len(document["opportunities"])}


# Disks that fail


FAULTS = (
    "pwrite64:error=EIO:when=1+",
    "pwrite64:error=ENOSPC:when=40",
    "pwrite64:error=ENOSPC:when=200+",
    "fdatasync,fsync:error=EIO:when=4",
    "fdatasync,fsync:error=EIO:when=4+",
)


@needs_strace
@pytest.mark.parametrize("fault", FAULTS)
def test_D3_D4_D5_R3_a_scan_whose_disk_fails_prints_its_results(
    dmscan: Dmscan, tmp_path: Path, fault: str, score: Callable[[str, str], None]
) -> None:
    """Once, and from then on; on a database that is new and, afterwards, on what is left of it."""
    database = tmp_path / "history.db"
    done = traced(dmscan, fault, *WRITING, "--db", str(database))
    assert done.returncode == 20, done.stderr
    assert str(database) in done.stderr
    assert json.loads(done.stdout)["opportunities"]
    after = dmscan(*WRITING, "--db", str(database))
    assert after.returncode == 0, after.stderr
    check_whole(database, finds(after.stdout))
    score("R3", f"{fault.partition(':when=')[0]}: exit 20, results printed, whole")


@needs_strace
@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("ever", ["", "+"])
@pytest.mark.parametrize("fault", ["pwrite64:error=EIO", "pwrite64:error=ENOSPC", "fdatasync,fsync:error=EIO"])
def test_D3_D4_D5_R3_whichever_write_of_a_scan_fails_first_nothing_is_corrupt(
    dmscan: Dmscan, tmp_path: Path, fault: str, ever: str
) -> None:
    """One write later each time, until a scan ends well."""
    codes = set()
    for nth in range(1, 2000, 3):
        database = tmp_path / f"{nth}.db"
        done = traced(dmscan, f"{fault}:when={nth}{ever}", *WRITING, "--db", str(database))
        codes.add(done.returncode)
        assert json.loads(done.stdout)["opportunities"]
        check_whole(database, finds(done.stdout) if done.returncode == 0 else {})
        database.unlink()
        if done.returncode == 0:
            break
    assert codes == {0, 20}


@needs_strace
def test_D23_R3_a_disk_that_is_full_when_a_crash_is_mended_loses_nothing(dmscan: Dmscan, tmp_path: Path) -> None:
    """The killed scan leaves a journal that the next one has to play back, and may not write to."""
    database, journal = tmp_path / "history.db", tmp_path / "history.db-journal"
    stored = finds(dmscan(*WRITING, "--db", str(database)).stdout)
    # The last write of a transaction before it truncates its journal is that of its pages.
    traced(dmscan, "ftruncate:signal=SIGKILL:when=2", *WRITING, "--fresh", "--db", str(database))
    assert is_hot(journal), "no transaction was cut"
    done = traced(dmscan, "pwrite64:error=ENOSPC:when=1+", *WRITING, "--db", str(database))
    assert done.returncode == 20, done.stderr
    assert json.loads(done.stdout)["opportunities"]
    assert is_hot(journal)
    after = dmscan(*WRITING, "--db", str(database))
    assert after.returncode == 0, after.stderr
    check_whole(database, stored | finds(after.stdout))


def is_hot(journal: Path) -> bool:
    """Whether it holds pages to be played back: a transaction that ended well truncates it, one that did not begin zeroes its head."""
    return journal.exists() and any(journal.read_bytes()[:8])


@needs_strace
@pytest.mark.parametrize("when", ["1+", "5+", "12", "20+"])
def test_U5_a_disk_that_is_full_in_a_migration_leaves_the_old_schema(dmscan: Dmscan, tmp_path: Path, when: str) -> None:
    database = tmp_path / "history.db"
    shutil.copy(OLD_SCHEMA, database)
    before = everything(database)
    done = traced(dmscan, f"pwrite64:error=ENOSPC:when={when}", *WRITING, "--db", str(database))
    assert done.returncode == 20, done.stderr
    assert "its disk is full" in done.stderr
    assert json.loads(done.stdout)["opportunities"]
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]
    assert rows(database, "PRAGMA user_version") == [(1,)]
    assert everything(database) == before
    assert dmscan(*WRITING, "--db", str(database)).returncode == 0
    after = everything(database)
    assert all(set(before[table]) <= set(after[table]) for table in before)


def everything(database: Path) -> dict[str, list[str]]:
    """Table → its rows, as the columns of the first schema show them."""
    with closing(sqlite3.connect(OLD_SCHEMA)) as old:
        tables = [name for (name,) in old.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
        columns = {table: ", ".join(row[1] for row in old.execute(f"PRAGMA table_info({table})")) for table in tables}
    return {table: [repr(row) for row in rows(database, f"SELECT {columns[table]} FROM {table} ORDER BY 1, 2")] for table in tables}


# Who opens the file


LISTENING = """
import os, sys
from pathlib import Path

def hear(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes, Path)):
        path, flags = os.fsdecode(arguments[0]), arguments[2] or 0
        if path.endswith(".db") and not flags & os.O_EXCL:
            print(f"OPENED {path}", file=sys.stderr)

sys.addaudithook(hear)
"""
"""Of Python's own opening of files; SQLite's is not among it. With O_EXCL a file that exists is not opened."""


@pytest.mark.parametrize(
    "arguments",
    [
        ("scan", "-f", "none"),
        ("watch", "-f", "none", "--passes", "1"),
        ("history",),
        ("history", "stats"),
        ("history", "export"),
        ("history", "prune"),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_D17_an_existing_database_is_opened_by_nobody_but_sqlite(dmscan: Dmscan, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    database = tmp_path / "history.db"
    shutil.copy(OLD_SCHEMA, database)
    dmscan.environment["DMSCAN_RATE"] = "2000"
    done = dmscan.script(LISTENING, *arguments, "--db", str(database))
    assert done.returncode in (0, 20), done.stderr
    assert "OPENED" not in done.stderr
    assert (
        "sqlite3" in dmscan.script(f"{LISTENING}\nsys.addaudithook(lambda event, _: 'sqlite3' in event and print(event))", "history").stdout
    )


def test_D17_who_opened_it_otherwise_would_be_heard(dmscan: Dmscan, tmp_path: Path) -> None:
    (tmp_path / "some.db").touch()
    assert "OPENED" in dmscan.script(f"{LISTENING}\nopen({str(tmp_path / 'some.db')!r}).close()", "--version").stderr


# Killed at any moment


@pytest.mark.parametrize("kills", [5, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(7200)])])
def test_D7_R2_killed_at_random_moments_no_scan_that_was_printed_is_lost(
    dmscan: Dmscan, tmp_path: Path, kills: int, score: Callable[[str, str], None]
) -> None:
    """A scan is stored before it is printed, so the rows of every document that came out whole must be there."""
    database, draw = tmp_path / "history.db", random.Random(kills)
    stored, lives, killed = {}, [], 0
    dmscan(*WRITING, "--fresh", "--db", str(database))
    while killed < kills or len(stored) < 2:
        process = dmscan.start(*WRITING, "--fresh", "-v", "--db", str(database))
        assert process.stderr
        process.stderr.readline()
        begun = time.monotonic()
        if lives:
            time.sleep(draw.uniform(0, 1.1) * sorted(lives)[len(lives) // 2])
            process.send_signal(signal.SIGKILL)
        stdout, _ = process.communicate(timeout=60)
        if stdout:
            stored |= finds(stdout)
            lives.append(time.monotonic() - begun)
        killed += process.returncode == -signal.SIGKILL
        check_whole(database, stored)
    score("R2", f"{killed} killed, {len(stored)} printed: 0 lost, counts equal, whole")

"""A scan that is killed, or whose disk fills up, costs nothing that was stored before and leaves nothing by halves."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dmscan.clock import Clock
from dmscan.history import schema
from dmscan.history.store import open_history

from stored import SCHEMA_1, SCHEMA_3, SCHEMA_4, contents, rows

FINDS = 60
WRITER = f"""
import asyncio, resource, sys
from pathlib import Path
from dmscan.clock import Clock
from dmscan.errors import ExitCode, HistoryError
from dmscan.history.store import ScanEnd, ScanStart, open_history
from make import make_opportunity, make_report

found = tuple(make_opportunity(title=f"Title {{number}}") for number in range({FINDS}))

async def main(path, scans):
    async with open_history(path, "https://api.dmarket.com", Clock()) as history:
        print("open", flush=True)
        for number in range(scans):
            start = ScanStart(f"{{scans}}-{{number}}", 1, "{{}}", "0.1.0")
            await history.begin(start)
            report = make_report(scan_id=start.scan_id, complete=True, opportunities=found)
            await history.record(start, report, ScanEnd(ExitCode.OK, "{{}}"))
            print(start.scan_id, flush=True)

if len(sys.argv) > 3:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
except HistoryError as error:
    sys.exit(str(error))
"""


OPENER = """
import asyncio, sys
from pathlib import Path
from dmscan.clock import Clock
from dmscan.history.store import open_history

async def main(path):
    async with open_history(path, "https://api.dmarket.com", Clock()):
        print("open", flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""
TITLES = 3000
LEARNER = f"""
import asyncio, sys
from pathlib import Path
from dmscan.clock import Clock
from dmscan.history.store import open_history
from make import make_quote

async def main(path):
    async with open_history(path, "https://api.dmarket.com", Clock()) as history:
        print("open", flush=True)
        for at in range(1, 1000):
            history.memory.note_quotes(make_quote(title=f"Title {{number}}", at=at) for number in range({TITLES}))
            await history.memory.flush()
            print(at, flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""


def writer(path: Path, *arguments: object, prefix: tuple[str, ...] = (), code: str = WRITER) -> subprocess.Popen[str]:
    command = [*prefix, sys.executable, "-c", code, str(path), *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )


def told(process: subprocess.Popen[str]) -> set[str]:
    """The scans that the writer said were stored, once it is gone."""
    stdout, _ = process.communicate(timeout=120)
    return set(stdout.split()) - {"open"}


async def check_whole(path: Path, stored: set[str]) -> None:
    """The database opens again, every scan said to be stored has all its finds, and every other all or none."""
    async with open_history(path, "https://api.dmarket.com", Clock()):
        pass
    assert rows(path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert rows(path, "PRAGMA foreign_key_check") == []
    found = "SELECT scan_id, status, (SELECT count(*) FROM opportunities WHERE scan = scans.id) AS n FROM scans"
    scans = {row["scan_id"]: (row["status"], row["n"]) for row in rows(path, found)}
    assert stored <= {scan_id for scan_id, (status, _) in scans.items() if status == "finished"}
    assert set(scans.values()) <= {("finished", FINDS), ("running", 0)}


async def test_killed_at_random_times_nothing_that_was_said_to_be_stored_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    stored: set[str] = set()
    for scans in range(1000, 1004):
        process = writer(path, scans)
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(random.randrange(4)):
            stored.add(process.stdout.readline().strip())
        process.kill()
        stored |= told(process)
        await check_whole(path, stored)


async def test_killed_at_random_times_what_was_learnt_is_there_by_whole_batches(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    for turn in range(4):
        process = writer(path, code=LEARNER)
        assert process.stdout is not None
        process.stdout.readline()
        flushed = [int(process.stdout.readline()) for _ in range(random.randrange(1, 4))]
        await asyncio.sleep(random.random() / 20)
        process.kill()
        flushed += map(int, told(process))
        async with open_history(path, "https://api.dmarket.com", Clock()):
            pass
        stored = rows(path, "SELECT quoted_at, count(*) AS n FROM titles GROUP BY quoted_at")
        assert [row["n"] for row in stored] == [TITLES], f"half a batch at turn {turn}"
        assert stored[0]["quoted_at"] >= max(flushed)
        assert rows(path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        path.unlink()


def can_trace() -> bool:
    strace = shutil.which("strace")
    return (
        strace is not None and subprocess.run([strace, "-qq", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0
    )


def injected(fault: str, call: str, nth: int) -> tuple[str, ...]:
    """Before a command: its `nth` such call fails."""
    return ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={nth}")


needs_strace = pytest.mark.skipif(not can_trace(), reason="needs strace and the right to trace")

POINTS = {"pwrite64": (1, 5, 20, 50, 110, 160), "fdatasync,fsync": (1, 3, 8, 13, 20), "ftruncate": (1, 2, 3, 4, 5)}
"""Which of its calls fails: of some 170 writes, 25 syncs and 5 truncations that a schema, two begins and two records take."""


@needs_strace
@pytest.mark.parametrize(
    ("fault", "call"),
    [
        ("signal=SIGKILL", "pwrite64"),
        ("signal=SIGKILL", "fdatasync,fsync"),
        ("signal=SIGKILL", "ftruncate"),
        ("error=EIO", "pwrite64"),
        ("error=EIO", "fdatasync,fsync"),
        ("error=ENOSPC", "pwrite64"),
    ],
)
async def test_a_fault_at_any_write_leaves_the_old_or_the_new(
    tmp_path: Path, fault: str, call: str, score: Callable[[str, str], None]
) -> None:
    for nth in POINTS[call]:
        path = tmp_path / f"{nth}.db"
        process = writer(path, 2, prefix=injected(fault, call, nth))
        stored = told(process)
        assert process.returncode or nth > 1, "the fault was not injected"
        await check_whole(path, stored)
    score("R1" if "KILL" in fault else "R3", f"{len(POINTS[call])} points of {call}, {fault}: 0 lost, whole")


@needs_strace
@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("call", POINTS)
async def test_killed_at_every_write_until_none_is_left_nothing_that_was_stored_is_lost(
    tmp_path: Path, call: str, score: Callable[[str, str], None]
) -> None:
    """One write, sync or truncation later each time, until a run lives to its end."""
    for nth in itertools.count(1):
        path = tmp_path / f"{nth}.db"
        process = writer(path, 1, prefix=injected("signal=SIGKILL", call, nth))
        stored = told(process)
        await check_whole(path, stored)
        path.unlink()
        if process.returncode == 0:
            break
    assert nth > POINTS[call][1], "nobody was killed"
    score("R1", f"all {nth - 1} points of {call}: 0 lost, whole")


@needs_strace
@pytest.mark.parametrize(
    ("call", "points"), [("pwrite64", (1, 2, 6, 12, 20, 24)), ("fdatasync,fsync", (1, 2, 3, 4, 5)), ("ftruncate", (1,))]
)
@pytest.mark.parametrize("old", [SCHEMA_1, SCHEMA_3, SCHEMA_4])
async def test_a_migration_killed_at_any_write_leaves_the_old_schema_or_the_new_with_every_row(
    tmp_path: Path, call: str, points: tuple[int, ...], old: Path, score: Callable[[str, str], None]
) -> None:
    """It takes 24 writes or more, 5 syncs and a truncation."""
    before, (step,) = contents(old), rows(old, "PRAGMA user_version")[0].values()
    for nth in points:
        path = tmp_path / f"{nth}.db"
        shutil.copy(old, path)
        process = writer(path, prefix=injected("signal=SIGKILL", call, nth), code=OPENER)
        assert told(process) == set()
        assert process.returncode, "the fault was not injected"
        assert rows(path, "PRAGMA user_version")[0]["user_version"] in (step, len(schema.STEPS))
        async with open_history(path, "https://api.dmarket.com", Clock()):
            pass
        after = contents(path)
        assert {table: after[table] for table in before} == before
        assert rows(path, "PRAGMA user_version") == [{"user_version": len(schema.STEPS)}]
        assert rows(path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    score("R25", f"{old.stem}, {len(points)} points of {call}: every row there")


async def test_a_file_that_may_not_grow_is_a_sentence_and_keeps_what_it_had(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    stored = told(writer(path, 3))
    process = writer(path, 1000, path.stat().st_size + 100_000)
    stored |= told(process)
    assert process.returncode == 1
    await check_whole(path, stored)
    stored |= told(writer(path, 2))
    await check_whole(path, stored)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 300 KB, if this user may mount one."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("may not mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="only root can mount a small disk")
async def test_a_full_disk_is_named_and_keeps_what_it_had(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        path = disk / "history.db"
        process = writer(path, 1000)
        stdout, stderr = process.communicate(timeout=120)
        assert stderr == f"{path} could not grow: its disk is full; free some space or choose another file with --db.\n"
        await check_whole(path, set(stdout.split()) - {"open"})

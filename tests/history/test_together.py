"""Several dmscan at once on one database: everybody's rows are there, each once, and nobody hears of a lock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from make import NOW, make_stats
from stored import rows

WRITERS, FINDS, QUOTES = 4, 5, 20
SOURCE = "https://api.dmarket.com"
WRITER = f"""
import asyncio, sys
from pathlib import Path
from dmscan.clock import Clock
from dmscan.core.memory import Look
from dmscan.errors import ExitCode
from dmscan.history.store import ScanEnd, ScanStart, open_history
from make import NOW, TITLE, make_opportunity, make_quote, make_report

async def main(path, name, commits):
    async with open_history(path, "{SOURCE}", Clock()) as history:
        print("open", flush=True)
        sys.stdin.readline()
        for turn in range(0, commits, 3):
            titles = [f"Title {{name}} {{turn}} {{number}}" for number in range({QUOTES})]
            start = ScanStart(f"{{name}}-{{turn}}", NOW, "{{}}", "0.1.0")
            await history.begin(start)
            history.memory.note_quotes(make_quote(title=title) for title in titles)
            history.memory.note_quotes([make_quote(at=NOW + turn)])
            history.memory.note_look(make_quote().game, TITLE, Look(NOW + turn, found=True))
            await history.memory.flush()
            found = tuple(make_opportunity(title=title) for title in titles[:{FINDS}])
            report = make_report(scan_id=start.scan_id, complete=True, opportunities=found)
            await history.record(start, report, ScanEnd(ExitCode.OK, "{{}}"))

asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
"""
"""Of three commits one is the beginning of a scan, one its notes, of titles of its own and of one of everybody's, and one its end."""


def writer(path: Path, name: int, commits: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(name), str(commits)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, env=environment, **pipes)


def all_at_once(path: Path, commits: int) -> list[tuple[int, str]]:
    """The exit codes and complaints of writers that begin when the last of them has opened the file, which none of them finds there."""
    writers = [writer(path, name, commits) for name in range(WRITERS)]
    try:
        for process in writers:
            assert process.stdout is not None
            process.stdout.readline()
        for process in writers:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return [(process.wait(timeout=240), process.communicate()[1]) for process in writers]
    finally:
        for process in writers:
            process.kill()
            process.wait()


def counted(path: Path, things: str, table: str) -> tuple[int, int]:
    """How many rows there are, and how many that differ."""
    (row,) = rows(path, f"SELECT count(*) AS n, count(DISTINCT {things}) AS differing FROM {table}")
    return row["n"], row["differing"]


@pytest.mark.parametrize("commits", [75, pytest.param(300, marks=pytest.mark.long)])
def test_four_that_write_at_once_lose_nothing_double_nothing_and_are_never_told_of_a_lock(
    tmp_path: Path, commits: int, score: Callable[[str, str], None]
) -> None:
    path = tmp_path / "history.db"
    assert all_at_once(path, commits) == [(0, "")] * WRITERS
    scans = WRITERS * commits // 3
    finds, quotes = scans * FINDS, scans * QUOTES
    assert counted(path, "scan_id", "scans WHERE status = 'finished'") == (scans, scans) == counted(path, "scan_id", "scans")
    assert counted(path, "scan || title", "opportunities") == (finds, finds)
    assert counted(path, "opportunity || '.' || ordinal", "legs") == (2 * finds, 2 * finds)
    assert counted(path, "title", "titles WHERE title LIKE 'Title %'") == (quotes, quotes)
    assert counted(path, "game || title", "titles") == (quotes + 1, quotes + 1)
    assert counted(path, "title", f"quotes WHERE at < {NOW}") == (quotes, quotes)
    assert counted(path, "title", "episodes") == (finds, finds)
    assert rows(path, "SELECT quoted_at, looks, finds FROM titles WHERE title NOT LIKE 'Title %'") == [
        {"quoted_at": NOW + commits - 3, "looks": scans, "finds": scans}
    ]
    assert rows(path, "SELECT endpoint, requests FROM spent") == [
        {"endpoint": endpoint, "requests": sent * scans} for endpoint, sent in sorted(make_stats().traffic.requests.items())
    ]
    assert rows(path, "SELECT url FROM sources") == [{"url": SOURCE}]
    assert rows(path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert rows(path, "PRAGMA foreign_key_check") == []
    score("R4", f"{WRITERS} × {commits} commits, {scans + 3 * finds + quotes:,} rows: 0 lost, 0 doubled, 0 told of a lock")

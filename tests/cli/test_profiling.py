"""A profile of the run is written where it is run, or refused before the run."""

from __future__ import annotations

import os
import pstats
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dmscan.cli.profiling import profiled
from dmscan.errors import OutputError, UsageError

from processes import environment

RUN = """
import asyncio, sys
from dmscan.cli.profiling import profiled

def busy():
    return sum(number * number for number in range(300_000))

async def work():
    kept = [bytes(1000) for _ in range(40_000)]
    await asyncio.sleep(0.5)
    assert busy() and kept
    if len(sys.argv) > 2:
        raise SystemExit("in the middle")
    return 7

sys.exit(asyncio.run(profiled(sys.argv[1], work())))
"""
ROOT = Path(__file__).parents[2]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, *arguments]
    path = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment(folder, **path), cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_a_profile_of_time_can_be_read_by_pstats(tmp_path):
    done = run(tmp_path, "cpu")
    assert (done.returncode, done.stdout) == (7, "")
    assert "dmscan-profile.pstats" in done.stderr
    profile = pstats.Stats(str(tmp_path / "dmscan-profile.pstats"))
    assert {name for _, _, name in profile.stats} >= {"work", "busy", "_run_once"}
    assert [path.name for path in tmp_path.glob("*mscan*")] == ["dmscan-profile.pstats"]


def test_a_profile_of_memory_names_the_line_that_holds_most(tmp_path):
    done = run(tmp_path, "memory")
    assert (done.returncode, done.stdout) == (7, "")
    assert "dmscan-memory.txt" in done.stderr
    lines = (tmp_path / "dmscan-memory.txt").read_text().splitlines()
    peak = re.search(r"([0-9.]+) MiB at the peak", lines[0])
    assert peak
    assert 38 < float(peak[1]) < 80
    size, _, where = lines[4].split()
    assert (float(size) > 38_000, where) == (True, "<string>:9")
    assert len(lines) <= 4 + 50


@pytest.mark.parametrize(("kind", "file"), [("cpu", "dmscan-profile.pstats"), ("memory", "dmscan-memory.txt")])
def test_a_run_that_breaks_off_leaves_its_profile_too(tmp_path, kind, file):
    done = run(tmp_path, kind, "break")
    assert done.returncode == 1
    assert "in the middle" in done.stderr
    assert (tmp_path / file).stat().st_size > 500


async def test_without_a_kind_it_is_the_very_same_work():
    async def work() -> int:
        return 3

    same = work()
    assert profiled(None, same) is same
    assert await same == 3


async def test_what_cannot_be_written_or_is_unknown_is_refused_before_the_work_begins(tmp_path, monkeypatch):
    began = False

    async def work() -> int:
        nonlocal began
        began = True
        return 0

    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="--profile"):
        profiled("disk", work())
    (tmp_path / "dmscan-profile.pstats").mkdir()
    with pytest.raises(OutputError, match=r"dmscan-profile\.pstats cannot be written"):
        profiled("cpu", work())
    if os.geteuid():
        tmp_path.chmod(0o500)
        with pytest.raises(OutputError):
            profiled("memory", work())
    assert not began

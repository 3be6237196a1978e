"""What befalls a whole process: too little memory, too few descriptors, a stop, a bug, a slow reader (reliability S9 to S13, T11)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from fault_runs import run_with
from fault_server import ALWAYS, REAL, Fault, FaultServer, misbehaving, small_market
from misdeeds import pause, slow
from processes import Dmscan, keys, rows

RATE = 20
BOTH = ("-g", "cs2", "-g", "rust")


def limited(dmscan: Dmscan, limit: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command under a limit of the shell's `ulimit`."""
    script = f'ulimit {limit} && exec "{sys.executable}" -m dmscan "$@"'
    command = ["bash", "-c", script, "dmscan", *arguments]
    return subprocess.run(command, env=dmscan.environment, capture_output=True, text=True, timeout=120, check=False)


def is_whole(database: Path) -> bool:
    return not database.exists() or rows(database, "PRAGMA integrity_check") == [("ok",)]


LEAST_MB = (140, 95, 90, 85, 80, 75)
"""From more address space than a scan takes on any Python down to less than its modules do."""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
async def test_S10_without_memory_it_ends_in_a_line_and_leaves_the_database_whole(tmp_path: Path) -> None:
    database, codes = tmp_path / "history.db", []
    async with misbehaving(market=small_market(clock=REAL)) as server:
        dmscan = Dmscan(tmp_path, server.url, DMSCAN_RATE="2000", **keys())
        for megabytes in LEAST_MB:
            done = await asyncio.to_thread(limited, dmscan, f"-v {megabytes * 1000}", "scan", "-f", "json", "--db", str(database))
            assert done.returncode in (0, 1, 3, 20), (megabytes, done.stderr)
            assert bool(done.stdout) == (done.returncode != 1)
            assert done.returncode == 0 or done.stderr
            assert not done.stdout or json.loads(done.stdout)
            assert is_whole(database)
            codes.append(done.returncode)
    assert (codes[0], codes[-1]) == (0, 1), codes


async def test_S11_with_few_descriptors_it_makes_do_or_says_so(tmp_path: Path) -> None:
    """Every answer is slow, so that as many connections are wanted as there may be."""
    database, codes = tmp_path / "history.db", []
    async with misbehaving(Fault(slow(0.2), turns=ALWAYS), market=small_market(clock=REAL)) as server:
        dmscan = Dmscan(tmp_path, server.url, DMSCAN_RATE="2000", **keys())
        for most in (64, 20, 18):
            done = await asyncio.to_thread(limited, dmscan, f"-n {most}", "scan", "-f", "json", "--deadline", "20s", "--db", str(database))
            document = json.loads(done.stdout)
            assert done.returncode in (0, 3, 10), done.stderr
            assert (done.returncode == 0) == (not document["errors"])
            assert is_whole(database)
            codes.append(done.returncode)
    assert codes[0] == 0


def most_in_a_second(server: FaultServer) -> int:
    """The most requests of any second, as the market saw them come."""
    times = [arrival.at for arrival in server.log]
    return max(sum(at <= other < at + 1 for other in times) for at in times)


@pytest.mark.parametrize("stopped_s", [2.5, pytest.param(65, marks=pytest.mark.long)])
async def test_S13_stopped_and_continued_it_goes_on_without_a_burst(tmp_path: Path, stopped_s: float) -> None:
    async with misbehaving(market=small_market(clock=REAL)) as server:
        dmscan = Dmscan(tmp_path, server.url, DMSCAN_RATE=str(RATE), **keys())
        process = dmscan.start("scan", "-f", "json", "--deadline", "5m", "--no-store")
        while len(server.log) < 10:
            await pause(0.01)
        process.send_signal(signal.SIGSTOP)
        await pause(stopped_s)
        process.send_signal(signal.SIGCONT)
        stdout, stderr = await asyncio.to_thread(process.communicate)
        document = json.loads(stdout)
    assert (process.returncode, document["complete"]) == (0, True), stderr
    assert max(later.at - earlier.at for earlier, later in pairwise(server.log)) > stopped_s - 1, "it was not stopped"
    # What was sent before may arrive beside what is sent after.
    assert most_in_a_second(server) <= RATE + 2


BROKEN = """
from dmscan.market import client

ask = client.Market.targets

async def targets(self, game, title):
    if game == "rust":
        raise TypeError("a bug")
    return await ask(self, game, title)

client.Market.targets = targets
"""


async def test_S9_a_bug_in_one_game_is_one_line_and_loses_nothing_that_was_learnt(tmp_path: Path) -> None:
    """A bug ends the scan (design chapter 7), because who has one cannot be trusted with a verdict; the next scan has what was learnt."""
    database = tmp_path / "history.db"
    async with misbehaving(market=small_market(("cs2", "rust"), clock=REAL)) as server:
        dmscan = Dmscan(tmp_path, server.url, DMSCAN_RATE="100", **keys())
        done = await asyncio.to_thread(dmscan.script, BROKEN, "scan", *BOTH, "-f", "json", "--db", str(database))
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "bug (TypeError)" in done.stderr
        assert rows(database, "SELECT status FROM scans") == [("running",)]
        after = await asyncio.to_thread(dmscan.scan, *BOTH, "--db", str(database))
    assert {found["game"] for found in after["opportunities"]} == {"cs2", "rust"}


@pytest.mark.usefixtures("from_start")
async def test_T11_a_reader_that_is_slow_gets_every_line_and_holds_up_no_request(tmp_path: Path) -> None:
    """A pipe that holds a page is full at once; the reader begins when everything has been asked."""
    ran, _ = await run_with(tmp_path / "quick")
    quick = ran.document
    async with misbehaving(market=small_market(clock=REAL)) as server:
        dmscan = Dmscan(tmp_path, server.url, DMSCAN_RATE="2000", **keys())
        read, write = os.pipe()
        narrow(write)
        process = dmscan.start("scan", "-f", "ndjson", "--no-store", stdout=write)
        os.close(write)
        while len(server.log) < sum(quick["stats"]["requests"].values()):
            await pause(0.05)
        await pause(1)
        assert process.poll() is None, "the pipe was never full"
        lines = await asyncio.to_thread(read_all, read)
        _, stderr = await asyncio.to_thread(process.communicate)
        assert (process.returncode, stderr) == (0, "")
    told = [json.loads(line) for line in lines]
    assert [told[0]["type"], told[-1]["type"]] == ["scan_started", "scan_finished"]
    assert told[-1]["complete"] is True
    assert sorted((one["title"], one["exit"]) for one in told[1:-1]) == sorted(
        (one["title"], one["exit"]) for one in quick["opportunities"]
    )
    assert told[-1]["stats"]["rss_mb"] <= quick["stats"]["rss_mb"] + 10


def narrow(pipe: int) -> None:
    import fcntl

    fcntl.fcntl(pipe, getattr(fcntl, "F_SETPIPE_SZ", 1031), 4096)


def read_all(pipe: int) -> Sequence[str]:
    with os.fdopen(pipe, encoding="utf-8") as stream:
        return stream.read().splitlines()

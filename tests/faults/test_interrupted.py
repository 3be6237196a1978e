"""A signal at any moment of a real scan or watch ends it soon, with valid output and the history whole (reliability R14, S1 to S4)."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from dmscan.history.database import HURRY_S

from processes import Dmscan, assert_no_canary, keys, rows, serving

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
SOON_S = 5.0
"""What a busy machine is allowed; the goal is two seconds, and what was measured is said."""
SIDE_BY_SIDE = 3
SCAN = ("scan", "-f", "json", "-v")
WATCH = ("watch", "-f", "ndjson", "-v", "--every", "1s")


class Ended(NamedTuple):
    """`took` is seconds from the signal to the end; negative if the process was gone before it."""

    number: signal.Signals
    code: int
    stdout: str
    stderr: str
    took: float


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("market")) as url:
        yield url


@pytest.fixture
def dmscan(tmp_path: Path, market: str) -> Dmscan:
    """Slow enough that there is time to interrupt it."""
    return Dmscan(tmp_path, market, DMSCAN_RATE="60", **keys())


@dataclass
class Run:
    """A real process in a home of its own, whose output goes into files, so that it can be looked at while it runs."""

    home: Path
    url: str

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        # An import that is cut short leaves files to be closed, with a warning.
        self._dmscan = Dmscan(self.home, self.url, DMSCAN_RATE="60", PYTHONWARNINGS="", **keys())

    @property
    def database(self) -> Path:
        return self.home / "history.db"

    def undisturbed(self, *arguments: str) -> tuple[float, float]:
        """Seconds until it begins to scan, and from then to its end, on this machine as it is now."""
        at = time.monotonic()
        process = self._start(arguments)
        self._wait_until_begun(process)
        begun = time.monotonic()
        assert process.wait(60) == 0
        return begun - at, time.monotonic() - begun

    def interrupted(self, number: signal.Signals, arguments: tuple[str, ...], after_s: float, *, begun: bool) -> Ended:
        """`begun`: the seconds count from when it began to scan, not from its start."""
        process = self._start((*arguments, "--db", str(self.database)))
        if begun:
            self._wait_until_begun(process)
        time.sleep(after_s)
        gone = process.poll() is not None
        at = time.monotonic()
        process.send_signal(number)
        code = process.wait(60)
        took = -1 if gone else time.monotonic() - at
        said = [(self.home / name).read_text("utf-8") for name in ("stdout", "stderr")]
        for text in said:
            assert_no_canary(text, keys().values())
        return Ended(number, code, *said, took)

    def _start(self, arguments: tuple[str, ...]) -> subprocess.Popen[str]:
        with (self.home / "stdout").open("wb") as stdout, (self.home / "stderr").open("wb") as stderr:
            return self._dmscan.start(*arguments, stdout=stdout, stderr=stderr)

    def _wait_until_begun(self, process: subprocess.Popen[str]) -> None:
        while process.poll() is None and not (self.home / "stderr").stat().st_size:
            time.sleep(0.005)


def is_starting(ended: Ended) -> bool:
    """Whether Python was still loading the program, whose own care begins with its first function."""
    return ended.stderr.endswith("KeyboardInterrupt\n") and ", in main\n" not in ended.stderr


def check(ended: Ended) -> None:
    """Before the program runs and after it has printed all, a signal does what it does to every process."""
    assert "Traceback" not in ended.stderr or is_starting(ended), ended.stderr
    assert "bug" not in ended.stderr, ended.stderr
    assert ended.took <= SOON_S
    if ended.took < 0:
        assert ended.code == 0, ended.stderr
    else:
        assert ended.code in (0, CODES[ended.number], -ended.number) or is_starting(ended), ended


def check_scan(ended: Ended, database: Path) -> None:
    """One document or nothing, and the database tells the same end as the exit code."""
    if ended.stdout:
        document = json.loads(ended.stdout)
        (stored,) = rows(database, f"SELECT status, exit_code FROM scans WHERE scan_id = '{document['scan_id']}'")
        assert stored in (("finished", 0), ("finished", ended.code), ("cut", ended.code)), (stored, ended)
    else:
        assert ended.code != 0
    if database.exists():
        assert rows(database, "PRAGMA integrity_check") == [("ok",)]


def check_watch(ended: Ended, database: Path) -> None:
    """Whole lines, the last of which is the end of a pass, if there was one."""
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.stdout.endswith("\n") or not ended.stdout
    if told and ended.code > 0:
        assert told[0]["type"] == "watch_started"
        assert told[-1]["type"] == "pass"
    if database.exists():
        assert rows(database, "PRAGMA integrity_check") == [("ok",)]


Check = Callable[[Ended, Path], None]


def at_many_moments(folder: Path, url: str, rounds: int, arguments: tuple[str, ...], whole: Check) -> str:
    """A process each, a few at a time; a third of each signal may come from its start on, the others from the beginning of its scan on."""
    draw, numbers = random.Random(rounds), len(CODES)
    start_s, scan_s = Run(folder / "first", url).undisturbed(*arguments, *(("--passes", "2") if arguments is WATCH else ()), "--no-store")
    chosen = [([*CODES][place % numbers], draw.random(), place // numbers % 3 > 0) for place in range(rounds)]

    def one(place: int) -> tuple[Ended, Path]:
        number, share, begun = chosen[place]
        run = Run(folder / str(place), url)
        return run.interrupted(number, arguments, share * (scan_s if begun else start_s + scan_s), begun=begun), run.database

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        ends = list(pool.map(one, range(rounds)))
    for ended, database in ends:
        check(ended)
        whole(ended, database)
    cut = [ended for ended, _ in ends if ended.code > 0 and ended.stdout]
    assert {ended.code for ended in cut} == set(CODES.values()), "not every signal came while it was scanning"
    return f"{rounds} {arguments[0]} processes, {len(cut)} of them while scanning: {max(ended.took for ended, _ in ends):.2f} s at the most"


@pytest.mark.parametrize("rounds", [36, pytest.param(500, marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
def test_S1_S3_R14_a_scan_ends_soon_at_any_moment(tmp_path: Path, market: str, rounds: int, score: Callable[[str, str], None]) -> None:
    score("R14", at_many_moments(tmp_path, market, rounds, SCAN, check_scan))


@pytest.mark.parametrize("rounds", [14, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
def test_S1_S3_R14_a_watch_ends_soon_at_any_moment(tmp_path: Path, market: str, rounds: int, score: Callable[[str, str], None]) -> None:
    score("R14", at_many_moments(tmp_path, market, rounds, WATCH, check_watch))


@pytest.mark.parametrize("number", CODES)
def test_S4_a_signal_while_the_database_is_locked_ends_it_soon(
    dmscan: Dmscan, tmp_path: Path, number: signal.Signals, score: Callable[[str, str], None]
) -> None:
    """Another program holds the file while the scan would store: it is hardly waited for."""
    database = tmp_path / "history.db"
    dmscan.scan("--db", str(database))
    process = dmscan.start(*SCAN, "--fresh", "--db", str(database))
    assert process.stderr
    assert "scanning" in process.stderr.readline()
    with held(database):
        at = time.monotonic()
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
    took = time.monotonic() - at
    assert process.returncode == CODES[number], stderr
    assert json.loads(stdout)["complete"] is False
    score("R14", f"while locked: {took:.2f} s")
    assert took <= SOON_S


def test_S2_R14_a_second_interrupt_ends_it_at_once(dmscan: Dmscan, tmp_path: Path, score: Callable[[str, str], None]) -> None:
    took = []
    for _ in range(5):
        process = dmscan.start("scan", "-f", "ndjson", "--db", str(tmp_path / "history.db"), stderr=subprocess.DEVNULL)
        assert process.stdout
        process.stdout.readline()
        with held(tmp_path / "history.db"):
            # It would wait for the file at its end, so it is there to be interrupted again.
            os.kill(process.pid, signal.SIGINT)
            wait_until_taken(process.pid)
            at = time.monotonic()
            os.kill(process.pid, signal.SIGINT)
            assert process.wait(60) == 130
            took.append(time.monotonic() - at)
        for line in process.communicate()[0].splitlines():
            json.loads(line)
    assert rows(tmp_path / "history.db", "PRAGMA integrity_check") == [("ok",)]
    assert min(took) <= HURRY_S
    score("R14", f"second interrupt: {max(took):.3f} s")


def wait_until_taken(pid: int) -> None:
    """Two signals of a kind that wait together are one."""
    while "ShdPnd:\t0000000000000000" not in Path(f"/proc/{pid}/status").read_text("ascii"):
        time.sleep(0.001)


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Another program keeps the file to itself."""
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield

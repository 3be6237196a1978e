"""One scan in simulated time, alone in its process so that its memory and CPU can be read there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from fractions import Fraction
from multiprocessing.connection import Connection

from msgspec import Struct
from msgspec.structs import replace

from benchmarks import simulated
from benchmarks.naive_scanner import NaiveScan
from benchmarks.simulated import Answered, Asked, Respond
from dmscan.core.models import Entry, Exit, Game, Opportunity, Rules
from dmscan.core.report import Progress, ScanRequest
from dmscan.core.rules import price_bands
from dmscan.market.cache import CachedMarket
from dmscan.scanner import Scan
from dmscan.wiring import peak_memory_mb


class Scanner(StrEnum):
    NAIVE = "naive"
    DMSCAN = "dmscan"


class Job(Struct, frozen=True):
    """Who scans for which exits at `rate` requests a second; the date stands still at `date` (Unix seconds).

    The scan is cut after `within_s` seconds; 0 lets it see everything. The naive one begins `start` titles into the catalogue.
    """

    scanner: Scanner
    exits: tuple[Exit, ...]
    rate: int
    date: int
    within_s: int = 0
    start: int = 0


class Find(Struct, frozen=True):
    """An opportunity and the simulated second at which it became certain."""

    at: float
    opportunity: Opportunity


class Outcome(Struct, frozen=True):
    """What a scan found and cost: `finished_s` is simulated, `cpu_s` real, `peak_mb` (MiB) the most its process ever held."""

    finds: tuple[Find, ...]
    requests: Mapping[str, int]
    finished_s: float
    cpu_s: float = 0.0
    peak_mb: int = 0


def visit(line: Connection, job: Job) -> None:
    """The process: scans the market at the other end of `line` and sends the outcome."""
    began = time.process_time()
    outcome = simulated.run(scan(job, _asking(line)))
    line.send(replace(outcome, cpu_s=time.process_time() - began, peak_mb=peak_memory_mb()))


async def scan(job: Job, respond: Respond) -> Outcome:
    """One scan of all cs2 titles with dmscan's default rules, inside a simulated loop."""
    clock = simulated.still(job.date)
    market, notes = simulated.market(respond, clock, Fraction(job.rate)), _Notes()
    request = ScanRequest((Game.CS2,), (Entry.OFFER,), job.exits, Rules(price_bands()), rate=Fraction(job.rate), deadline_s=job.within_s)
    try:
        if job.scanner is Scanner.NAIVE:
            await _naively(NaiveScan(request, market, notes.found, job.start), job)
        else:
            await _dmscan(Scan(request, CachedMarket(market, clock), clock, notes), job)
        finished_s = clock.monotonic()
    finally:
        await market.close()
    return Outcome(tuple(notes.finds), market.traffic().requests, finished_s)


async def _naively(scan: NaiveScan, job: Job) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(job.within_s or None):
            await scan.run()


async def _dmscan(scan: Scan, job: Job) -> None:
    report = await scan.run("benchmark", "sandbox")
    if report.troubles or not (report.complete or job.within_s):
        raise RuntimeError(f"The scan went wrong: {report.troubles}")


class _Notes:
    """Writes down when each opportunity became certain."""

    def __init__(self) -> None:
        self.finds: list[Find] = []

    def found(self, opportunity: Opportunity) -> None:
        self.finds.append(Find(asyncio.get_running_loop().time(), opportunity))

    def progress(self, progress: Progress) -> None:
        pass


def _asking(line: Connection) -> Respond:
    """Asks the market's process; it may block, because no simulated time passes meanwhile."""

    def respond(asked: Asked) -> Answered:
        line.send((asyncio.get_running_loop().time(), asked))
        answer: Answered = line.recv()
        return answer

    return respond

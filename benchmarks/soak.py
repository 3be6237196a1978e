"""R12: one process scans a small market again and again while a tenth of its requests fail; what it holds must not grow."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

from msgspec import Struct

from benchmarks.figures import Figure, Result, Scope, Table
from dmscan import __version__
from dmscan.clock import Clock
from dmscan.core.models import Entry, Exit, Game, Opportunity, Rules
from dmscan.core.report import Progress, ScanReport, ScanRequest
from dmscan.core.rules import price_bands
from dmscan.history.store import History, ScanEnd, ScanStart, open_history
from dmscan.market.cache import CachedMarket
from dmscan.market.client import Market
from dmscan.market.exchange import open_client
from dmscan.market.pacing import Pacer
from dmscan.market.signing import load_keys, new_pair
from dmscan.market.transport import Transport
from dmscan.sandbox.respond import Request, Response, Sandbox
from dmscan.sandbox.server import running
from dmscan.sandbox.world import World
from dmscan.scanner import Scan

MINUTES = 12.0
"""A tenth of the two hours of a night."""
TITLES, SEED, RATE = 120, 7, 100_000
SHARE = 0.1
HANGING = 0.001
"""So many requests get no answer at all; who asked gives them up."""
ATTEMPT_S = 2.0
MOST_GROWTH = 0.05
WARM_UP = Fraction(1, 4)
"""The share of the cycles in which caches and pools may still fill."""
REQUEST = ScanRequest((Game.CS2,), (Entry.OFFER,), (Exit.INSTANT, Exit.RELIST), Rules(price_bands()), deadline_s=0, fresh=True)


class Held(Struct, frozen=True):
    """What the process held between two scans: resident kB, descriptors, threads, places of the pool that no request has."""

    rss_kb: int
    descriptors: int
    threads: int
    slots: int


class Soaked(Struct, frozen=True):
    held: tuple[Held, ...]
    requests: int
    failed: int


class Moody(Sandbox):
    """Of its answers a tenth are spoiled: errors, pages of a proxy, half bodies, nothing."""

    draw = Random(SEED)

    def respond(self, request: Request) -> Response:
        answer, lot = super().respond(request), self.draw.random()
        if lot < HANGING:
            return Response(0, [], b"")
        if lot > SHARE:
            return answer
        html, half = [("Content-Type", "text/html")], answer.body[: len(answer.body) // 2]
        spoiled = [(500, html, b"<p>"), (503, html, b""), (502, html, b"<p>"), (200, answer.headers, half), (200, html, b"")]
        return Response(*self.draw.choice(spoiled))


def measure(scope: Scope) -> Result:
    """`--minutes` is how long; RuntimeError if no request failed."""
    with _market() as url, TemporaryDirectory() as home:
        soaked = _soaked(url, Path(home), 60 * (scope.minutes or MINUTES))
    if not soaked.failed:
        raise RuntimeError("No request failed, so this shows nothing.")
    return Result(tuple(_figures(soaked)), (_table(soaked),))


@contextmanager
def _market() -> Iterator[str]:
    spawned = multiprocessing.get_context("spawn")
    ours, theirs = spawned.Pipe()
    process = spawned.Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join()


def _serve(line: Connection) -> None:
    async def serve() -> None:
        clock = Clock()
        world = World(SEED, clock.seconds(), TITLES, ("cs2",), crossed="rich")
        async with running(Moody(world, clock, rate=RATE)) as url:
            line.send(url)
            await asyncio.to_thread(line.recv)

    asyncio.run(serve())


def _soaked(url: str, home: Path, seconds: float) -> Soaked:
    """In a process of its own, so that nothing else is measured."""
    spawned = multiprocessing.get_context("spawn")
    ours, theirs = spawned.Pipe()
    process = spawned.Process(target=_soak, args=(theirs, url, home, seconds))
    process.start()
    theirs.close()
    try:
        soaked: Soaked = ours.recv()
    except EOFError:
        raise RuntimeError("The soaked process broke off.") from None
    finally:
        process.join()
    return soaked


def _soak(line: Connection, url: str, home: Path, seconds: float) -> None:
    line.send(asyncio.run(_cycles(url, home, seconds)))


async def _cycles(url: str, home: Path, seconds: float) -> Soaked:
    held: list[Held] = []
    end, requests, failed = time.monotonic() + seconds, 0, 0
    async with _transport(url) as transport, open_history(home / "history.db", url, Clock()) as history:
        while time.monotonic() < end:
            transport.recount()
            report = await _scan(transport, history, str(len(held)))
            requests += report.stats.traffic.sent
            failed += report.stats.traffic.failed
            # Beside those that last, a history that is opened and closed each time.
            async with open_history(home / "other.db", url, Clock()) as other:
                await _stored(other, report)
            held.append(await _held(transport))
    return Soaked(tuple(held), requests, failed)


@asynccontextmanager
async def _transport(url: str) -> AsyncIterator[Transport]:
    clock = Clock()
    transport = Transport(open_client(), url, load_keys(*new_pair()), Pacer(clock, Fraction(RATE)), clock, attempt_s=ATTEMPT_S)
    try:
        yield transport
    finally:
        await transport.close()


async def _scan(transport: Transport, history: History, number: str) -> ScanReport:
    """A scan that asks for everything anew, stored as the command stores it."""
    report = await Scan(REQUEST, CachedMarket(Market(transport), Clock()), Clock(), _Nobody(), history.memory).run(number, "sandbox")
    await history.memory.flush()
    await _stored(history, report)
    return report


async def _stored(history: History, report: ScanReport) -> None:
    start = ScanStart(report.scan_id, report.started_at, "{}", __version__)
    await history.begin(start)
    await history.record(start, report, ScanEnd(report.exit_code(), "{}"))


async def _held(transport: Transport) -> Held:
    """Requests that nobody waits for any more are still under way, until httpx gives them up too."""
    await asyncio.sleep(0)
    exchange = transport._exchange  # noqa: SLF001 - nobody tells from outside what a pool believes
    pool = exchange._client._transport._pool  # type: ignore[union-attr]  # noqa: SLF001
    status = Path("/proc/self/status").read_text(encoding="ascii")  # noqa: ASYNC240 - a moment between two scans
    descriptors = len(list(Path("/proc/self/fd").iterdir()))  # noqa: ASYNC240
    slots = len(pool._requests) - exchange.abandoned  # noqa: SLF001
    return Held(int(status.partition("VmRSS:")[2].split()[0]), descriptors, threading.active_count(), slots)


class _Nobody:
    def found(self, opportunity: Opportunity) -> None:
        pass

    def progress(self, progress: Progress) -> None:
        pass


def _figures(soaked: Soaked) -> Iterator[Figure]:
    early, late = _halves(soaked.held)
    growth = median(held.rss_kb for held in late) / median(held.rss_kb for held in early) - 1
    yield Figure("R12 growth of resident memory", f"{100 * growth:.1f} %", f"≤ {100 * MOST_GROWTH:.0f} %", growth <= MOST_GROWTH)
    for name in ("descriptors", "threads"):
        # Connections come and go, so more of them at one moment than at another is no growth: that the fewest are more is.
        before, after = [getattr(held, name) for held in early], [getattr(held, name) for held in late]
        yield Figure(f"R12 {name}", f"{_span(before)}, then {_span(after)}", "constant", min(after) <= max(before))
    slots = max(held.slots for held in soaked.held)
    yield Figure("R12 pool slots that stay taken", str(slots), "0", slots == 0)
    yield Figure("R12 scans, requests, failed", f"{len(soaked.held)}, {soaked.requests:,}, {soaked.failed:,}")


def _span(counts: Sequence[int]) -> str:
    return f"{min(counts)} to {max(counts)}"


def _halves(held: Sequence[Held]) -> tuple[Sequence[Held], Sequence[Held]]:
    """After the warm-up."""
    warm = held[int(len(held) * WARM_UP) :]
    return warm[: len(warm) // 2], warm[len(warm) // 2 :]


def _table(soaked: Soaked) -> Table:
    step = max(1, len(soaked.held) // 12)
    rows = [
        (str(place), f"{held.rss_kb / 1024:.1f}", str(held.descriptors), str(held.threads), str(held.slots))
        for place, held in list(enumerate(soaked.held))[::step]
    ]
    return Table("What the process held between two scans", (("scan", "MiB", "descriptors", "threads", "slots"), *rows))

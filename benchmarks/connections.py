"""Whether HTTP/2 and the size of the pool help: CPU a request and requests a second over TLS, as ratios within one run."""

from __future__ import annotations

import asyncio
import gzip
import json
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from msgspec import Struct

from benchmarks.figures import Figure, Result, Scope, Table
from benchmarks.simulated import LATENCY_S
from benchmarks.tls_server import Visit, serving, throw_away_certificate, trust
from dmscan.market.exchange import Exchange, Outgoing, Pool, open_client

ROUNDS = 5
REQUESTS, FAR_REQUESTS = 480, 6
"""How many in each round: in all from the server that answers at once, in each of the tasks from the one far away."""
SALE = {"price": "1234", "date": "1764000000", "txOperationType": "Offer", "offerAttributes": {"floatValue": 0.1234, "paintSeed": 345}}


class Way(Struct, frozen=True):
    name: str
    pool: Pool


WAYS = (
    *(Way(f"HTTP/1.1, {size}", Pool(size)) for size in (1, 4, 8, 16)),
    *(Way(f"HTTP/2, {size}", Pool(size, http2=True)) for size in (4, 8, 16)),
)
USUAL = WAYS[3]


class Round(Struct, frozen=True):
    """Microseconds of CPU a request and requests a second if the server answers at once, and requests a second if it is far away."""

    cpu_us: float
    quick: float
    far: float


def measure(_: Scope) -> Result:
    """All ways in turn, again and again: what the machine does meanwhile meets all of them."""
    with tempfile.TemporaryDirectory() as folder, _servers(Path(folder)) as urls:
        rounds = asyncio.run(_rounds(*urls))
    return Result(tuple(_figures(rounds)), (_table(rounds),))


async def _rounds(quick: str, far: str) -> dict[Way, list[Round]]:
    done: dict[Way, list[Round]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            cpu_us, rate = await _at_once(quick, way.pool)
            done[way].append(Round(cpu_us, rate, await _from_far(far, way.pool)))
    return done


async def _at_once(url: str, pool: Pool) -> tuple[float, float]:
    async with _asking(url, pool) as ask:
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(ask(REQUESTS // pool.size) for _ in range(pool.size)))
        sent = REQUESTS // pool.size * pool.size
        return 1e6 * (time.process_time() - cpu) / sent, sent / (time.perf_counter() - began)


async def _from_far(url: str, pool: Pool) -> float:
    async with _asking(url, pool) as ask:
        began = time.perf_counter()
        await asyncio.gather(*(ask(FAR_REQUESTS) for _ in range(pool.size)))
        return FAR_REQUESTS * pool.size / (time.perf_counter() - began)


@asynccontextmanager
async def _asking(url: str, pool: Pool) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Asks so many times in a row, over connections that stand already."""
    exchange, request = Exchange(open_client(pool=pool)), Outgoing("GET", f"{url}/account/v1/balance", {})

    async def ask(times: int) -> None:
        for _ in range(times):
            await exchange.send(request, 20)

    await asyncio.gather(*(ask(1) for _ in range(pool.size)))
    yield ask
    await exchange.close()


@contextmanager
def _servers(folder: Path) -> Iterator[Sequence[str]]:
    """The URLs of a server that answers at once and of one that takes its time, both in a process of their own."""
    certificate = throw_away_certificate(folder)
    trust(certificate)
    spawned = multiprocessing.get_context("spawn")
    ours, theirs = spawned.Pipe()
    process = spawned.Process(target=_serve, args=(theirs, certificate))
    process.start()
    yield ours.recv()
    ours.send(None)
    process.join()


def _serve(line: Connection, certificate: Path) -> None:
    asyncio.run(_both(line, certificate))


async def _both(line: Connection, certificate: Path) -> None:
    body = gzip.compress(json.dumps({"sales": [SALE] * 20}).encode())

    async def at_once(visit: Visit) -> None:
        await visit.answer(body, [("content-encoding", "gzip"), ("content-type", "application/json")])

    async def late(visit: Visit) -> None:
        await asyncio.sleep(LATENCY_S)
        await at_once(visit)

    async with serving(certificate, at_once) as quick, serving(certificate, late) as far:
        line.send((quick.url, far.url))
        await asyncio.to_thread(line.recv)


def _ratio(rounds: Mapping[Way, Sequence[Round]], way: Way, what: str) -> float:
    """Against the usual way, each round with its own."""
    shares = [getattr(one, what) / getattr(usual, what) for one, usual in zip(rounds[way], rounds[USUAL], strict=True)]
    return float(median(shares))


def _figures(rounds: Mapping[Way, Sequence[Round]]) -> Iterator[Figure]:
    for way in rounds:
        if way != USUAL:
            yield Figure(f"CPU a request, {way.name} against {USUAL.name}", f"{_ratio(rounds, way, 'cpu_us'):.2f} ×")
            yield Figure(f"requests a second from afar, {way.name} against {USUAL.name}", f"{_ratio(rounds, way, 'far'):.2f} ×")


def _table(rounds: Mapping[Way, Sequence[Round]]) -> Table:
    far = f"{1000 * LATENCY_S:.0f} ms away /s"
    head = ("protocol, requests at a time", "CPU µs a request", "ratio", "at once /s", "ratio", far, "ratio")
    rows = []
    for way, done in rounds.items():
        cells = [
            text
            for what in ("cpu_us", "quick", "far")
            for text in (f"{median(getattr(one, what) for one in done):.0f}", f"{_ratio(rounds, way, what):.2f}")
        ]
        rows.append((way.name, *cells))
    return Table(f"TLS on loopback, medians of {ROUNDS} rounds; ratios against {USUAL.name}", (head, *rows))

"""A market asked as fast as the pacer allows, in simulated time, with the sandbox's own limits and log as the judge."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import httpx

from benchmarks import simulated
from dmscan.clock import Clock
from dmscan.core.models import Entry, Exit, Game, Opportunity, Rules
from dmscan.core.report import Progress, ScanRequest, Traffic
from dmscan.core.rules import price_bands
from dmscan.errors import MarketError
from dmscan.market.cache import CachedMarket
from dmscan.market.client import Market
from dmscan.market.exchange import open_client
from dmscan.market.pacing import Pacer
from dmscan.market.sharing import board_for
from dmscan.market.signing import load_keys, new_pair
from dmscan.market.transport import Transport
from dmscan.sandbox.server import Entry as Logged
from dmscan.sandbox.server import Manners, Request, Response, Sandbox
from dmscan.sandbox.world import World
from dmscan.scanner import Scan

BORN = 1_764_000_000
KIND = Manners()
SILENT = Manners(limit_headers=False)
MUTE = Manners(limit_headers=False, retry_after=False)

EVERYTHING = ScanRequest((Game.CS2,), (Entry.OFFER,), tuple(Exit), Rules(price_bands()), deadline_s=0)

Storm = Callable[[float], bool]


@cache
def world(titles: int) -> World:
    return World(3, BORN, titles, ("cs2",), crossed="usual", keep=titles)


@dataclass
class Road:
    """The way to the market, in seconds: jitter on the way there, and connecting first if no connection is idle."""

    latency: float = 0.12
    jitter: float = 0.0
    connecting: float = 0.0
    random: Random = field(default_factory=lambda: Random(7))
    idle: int = 0

    async def travel(self, request: httpx.Request) -> None:
        trace = request.extensions["trace"]
        if self.idle or not self.connecting:
            self.idle -= 1
        else:
            await trace("connection.connect_tcp.started", {})
            await asyncio.sleep(self.connecting)
        await trace("http11.send_request_headers.started", {})
        await asyncio.sleep(self.random.uniform(0, self.jitter))

    async def back(self) -> None:
        await asyncio.sleep(self.latency)
        self.idle += 1


class Travelling(httpx.AsyncBaseTransport):
    def __init__(self, respond: Callable[[Request], Response], road: Road) -> None:
        self._respond, self._road = respond, road

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._road.travel(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self._respond(Request(request.method, request.url.raw_path.decode("ascii"), headers, await request.aread()))
        await self._road.back()
        return httpx.Response(answer.status, headers=answer.headers, stream=httpx.ByteStream(answer.body))


@dataclass(frozen=True)
class Plan:
    """`rates` has one entry for each process (None: the adaptive pace), `limit` replaces the market's documented ones.

    `workers` ask for each of `asks` all the time; "scan" is one whole scan instead.
    """

    rates: Sequence[int | None] = (None,)
    limit: int | None = None
    manners: Manners = KIND
    seconds: int = 120
    asks: Sequence[str] = ("sales",)
    workers: int = 8
    folder: Path | None = None
    storm: Storm = lambda _: False
    road: Callable[[], Road] = Road
    beside: Callable[[], Any] | None = None
    titles: int = 5


@dataclass(frozen=True)
class Run:
    plan: Plan
    log: Sequence[Logged]
    traffic: Sequence[Traffic]
    paces: Sequence[float]

    def first(self, seconds: int) -> Run:
        """What there was of it by then."""
        return replace(self, plan=replace(self.plan, seconds=seconds), log=[entry for entry in self.log if entry.at < seconds])

    @property
    def refused(self) -> float:
        """The share of the requests that were answered 429."""
        return sum(entry.status == 429 for entry in self.log) / len(self.log)

    @property
    def served(self) -> float:
        """Requests a second that were answered."""
        return sum(entry.status == 200 for entry in self.log) / self.plan.seconds

    def fullest(self, span: float = 1.0) -> int:
        return fullest([entry.at for entry in self.log], span)


def fullest(times: Sequence[float], span: float = 1.0) -> int:
    """The most that ever came within a second, its end not counted; `times` are in order."""
    return max(bisect_left(times, begin + span) - place for place, begin in enumerate(times))


def run(plan: Plan) -> Run:
    return simulated.run(_run(plan))


async def _run(plan: Plan) -> Run:
    clock, pair = simulated.moving(BORN), new_pair()
    sandbox = Sandbox(world(plan.titles), clock, rate=plan.limit, manners=plan.manners)

    def respond(request: Request) -> Response:
        if not plan.storm(clock.monotonic()):
            return sandbox.respond(request)
        sandbox.log.append(Logged(clock.monotonic(), request.method, request.target, "", 429))
        return Response(429, [("Retry-After", "1")] * plan.manners.retry_after)

    markets = [_market(plan, respond, clock, rate, pair) for rate in plan.rates]
    work = [asyncio.create_task(job) for market in markets for name in plan.asks for job in _jobs(plan, market, clock, name)]
    if plan.beside:
        work.append(asyncio.create_task(plan.beside()))
    await asyncio.wait(work, timeout=plan.seconds)
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    result = Run(plan, list(sandbox.log), [market.traffic() for market in markets], [market.pace for market in markets])
    for market in markets:
        await market.close()
    return result


def _market(plan: Plan, respond: Callable[[Request], Response], clock: Clock, rate: int | None, pair: tuple[str, str]) -> Market:
    board = board_for(plan.folder, "sandbox", "account", clock)
    pacer = Pacer(clock, Fraction(rate) if rate else None, board=board)
    return Market(Transport(open_client(Travelling(respond, plan.road())), "http://127.0.0.1", load_keys(*pair), pacer, clock))


def _jobs(plan: Plan, market: Market, clock: Clock, name: str) -> Iterator[Coroutine[Any, Any, Any]]:
    if name == "scan":
        yield Scan(EVERYTHING, CachedMarket(market, clock), clock, _Nobody()).run("run", "sandbox")
    else:
        yield from (_ask(market, name, plan.titles) for _ in range(plan.workers))


async def _ask(market: Market, name: str, titles: int) -> None:
    for title in cycle(title.title for title in world(titles).titles_of("cs2")):
        with suppress(MarketError):
            await (market.fees(Game.CS2) if name == "fees" else getattr(market, name)(Game.CS2, title))


class _Nobody:
    def found(self, opportunity: Opportunity) -> None:
        pass

    def progress(self, progress: Progress) -> None:
        pass

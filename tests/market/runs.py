"""A market asked as fast as the pacer allows, in simulated time, with the sandbox's own limits and log as the judge."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import httpx

from benchmarks import simulated
from dmscan.clock import Clock
from dmscan.core.models import Game
from dmscan.core.report import Traffic
from dmscan.errors import MarketError
from dmscan.market.client import Market
from dmscan.market.exchange import open_client
from dmscan.market.pacing import Pacer
from dmscan.market.sharing import board_for
from dmscan.market.signing import load_keys, new_pair
from dmscan.market.transport import Transport
from dmscan.sandbox.server import Entry, Manners, Request, Response, Sandbox
from dmscan.sandbox.world import World

BORN = 1_764_000_000
KIND = Manners()
SILENT = Manners(limit_headers=False)
MUTE = Manners(limit_headers=False, retry_after=False)

Storm = Callable[[float], bool]


@cache
def world() -> World:
    return World(3, BORN, 5, ("cs2",))


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
    """`rates` has one entry for each process (None: the adaptive pace), `limit` replaces the market's documented ones."""

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


@dataclass(frozen=True)
class Run:
    plan: Plan
    log: Sequence[Entry]
    traffic: Sequence[Traffic]
    paces: Sequence[float]

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
    """The most that ever came within a second, its end not counted."""
    return max(sum(begin <= time < begin + span for time in times[place : place + 500]) for place, begin in enumerate(times))


def run(plan: Plan) -> Run:
    return simulated.run(_run(plan))


async def _run(plan: Plan) -> Run:
    clock, pair = simulated.moving(BORN), new_pair()
    sandbox = Sandbox(world(), clock, rate=plan.limit, manners=plan.manners)

    def respond(request: Request) -> Response:
        if not plan.storm(clock.monotonic()):
            return sandbox.respond(request)
        sandbox.log.append(Entry(clock.monotonic(), request.method, request.target, "", 429))
        return Response(429, [("Retry-After", "1")] * plan.manners.retry_after)

    markets = [_market(plan, respond, clock, rate, pair) for rate in plan.rates]
    work = [asyncio.create_task(_ask(market, name)) for market in markets for name in plan.asks for _ in range(plan.workers)]
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


async def _ask(market: Market, name: str) -> None:
    titles = _titles()
    while True:
        with suppress(MarketError):
            await getattr(market, name)(Game.CS2, next(titles))


def _titles() -> Iterator[str]:
    while True:
        yield from (title.title for title in world().titles_of("cs2"))

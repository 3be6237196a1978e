"""Simulated time: an event loop that jumps to its next timer instead of waiting, and a market reached without a network."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from fractions import Fraction
from typing import Any, TypeVar

import httpx

from dmscan.clock import Clock
from dmscan.market.client import Market
from dmscan.market.exchange import open_client
from dmscan.market.pacing import Pacer
from dmscan.market.signing import load_keys, new_pair
from dmscan.market.transport import Transport

LATENCY_S = 0.12
"""A request's way there and back: between the 104 ms of a near data centre and the 140 ms median of the contract's example.

It is constant, so that two scanners differ by nothing but their requests.
"""
TURN_S = 1e-9
"""What a turn of the loop takes: a limiter whose bucket lacks 1e-16 of a unit would wait for a moment that never comes."""

Asked = tuple[str, str, dict[str, str], bytes]
"""Method, target, headers (lower case) and body of a request."""
Answered = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""
Respond = Callable[[Asked], Answered]

T = TypeVar("T")


class _Leaps(selectors.SelectSelector):
    """Nothing ever arrives from outside, so where a selector would wait, the time is moved on instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if timeout is None and not events:
            raise RuntimeError("Every task waits for something that no timer will bring.")
        self.now += TURN_S + (0.0 if events or timeout is None else timeout)
        return events


class SimulatedLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0 and passes only while every task sleeps; `asyncio.sleep`, timeouts and limiters follow it.

    Threads and sockets are not waited for.
    """

    def __init__(self) -> None:
        self._leaps = _Leaps()
        super().__init__(self._leaps)

    def time(self) -> float:
        return self._leaps.now


def run(work: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, in simulated time."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(work)


def moving(born_at: int) -> Clock:
    """A clock that follows the running loop, from the date `born_at` (Unix seconds)."""
    return Clock(now=lambda: born_at + _elapsed(), monotonic=_elapsed)


def still(date: int) -> Clock:
    """Time passes but the date stands still: whoever asks later is not asked another question."""
    return Clock(now=lambda: float(date), monotonic=_elapsed)


def _elapsed() -> float:
    return asyncio.get_running_loop().time()


class Wire(httpx.AsyncBaseTransport):
    """Hands requests to `respond`; the answer is there after the latency."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, more, body = self._respond((request.method, request.url.raw_path.decode("ascii"), headers, await request.aread()))
        await asyncio.sleep(LATENCY_S)
        return httpx.Response(status, headers=more, stream=httpx.ByteStream(body))


def market(respond: Respond, clock: Clock, rate: Fraction | None) -> Market:
    """The real client, signing with a throw-away key, at `rate` requests a second or as fast as allowed. Build it inside the loop."""
    return Market(Transport(open_client(Wire(respond)), "http://127.0.0.1", load_keys(*new_pair()), Pacer(clock, rate), clock))

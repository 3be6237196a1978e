"""Simulated time: an event loop that jumps to its next timer instead of waiting, a market without a network, the real history."""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple, Unpack

import aiosqlite
import httpx

from dmscan.clock import Clock
from dmscan.history.database import Database
from dmscan.market.client import Market
from dmscan.market.exchange import open_client
from dmscan.market.pacing import Pacer
from dmscan.market.signing import load_keys, new_pair
from dmscan.market.transport import Transport

LATENCY_S = 0.12
"""A request's way there and back: between the 104 ms of a near data centre and the 140 ms median of the contract's example.

It is constant, so that two scanners differ by nothing but their requests.
"""
THREADS_S = 120.0
"""A thread that takes longer is lost (real seconds)."""
TURN_S = 1e-9
"""What a turn of the loop takes: a limiter whose bucket lacks 1e-16 of a unit would wait for a moment that never comes."""

Asked = tuple[str, str, dict[str, str], bytes]
"""Method, target, headers (lower case) and body of a request."""
Answered = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""
Respond = Callable[[Asked], Answered]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Leaps(selectors.SelectSelector):
    """Where a selector would wait, the time is moved on instead; from outside come only the answers of threads.

    These are waited for in real time, all that were expected and before anything else happens. So a thread's work takes no
    simulated time, and what happens does not depend on how fast it was.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now, self.expected, self.arrived = 0.0, 0, threading.Semaphore(0)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        expected, self.expected = self.expected, 0
        for _ in range(expected):
            if not self.arrived.acquire(timeout=THREADS_S):
                raise RuntimeError("A thread does not answer.")
        events = super().select(0)
        if timeout is None and not events:
            raise RuntimeError("Every task waits for something that no timer will bring.")
        self.now += TURN_S + (0.0 if events or timeout is None else timeout)
        return events


class SimulatedLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0 and passes only while every task sleeps; `asyncio.sleep`, timeouts and limiters follow it.

    Threads are waited for only as far as `expect_thread` says, sockets not at all.
    """

    def __init__(self) -> None:
        self._leaps = _Leaps()
        super().__init__(self._leaps)

    def time(self) -> float:
        return self._leaps.now

    def expect_thread(self) -> None:
        """Call it for each piece of work that a thread will answer with one `call_soon_threadsafe`, and for no other."""
        self._leaps.expected += 1

    def call_soon_threadsafe(self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None) -> asyncio.Handle:
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        self._leaps.arrived.release()
        return handle


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


class Remembering(Database):
    """The real history on its real thread, which the simulated loop waits for; its own times are real ones."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, Clock())
        self._connection = _Awaited(self._connect, 1)


class _Awaited(aiosqlite.Connection):
    """Tells the loop of each piece of work as it is handed to the thread, which answers each with one `call_soon_threadsafe`."""

    async def _connect(self) -> aiosqlite.Connection:
        _expect_thread()
        return await super()._connect()

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        _expect_thread()
        return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]

    def stop(self) -> asyncio.Future[Any] | None:
        _expect_thread()
        return super().stop()


def _expect_thread() -> None:
    loop = asyncio.get_running_loop()
    if isinstance(loop, SimulatedLoop):
        loop.expect_thread()


class Wire(httpx.AsyncBaseTransport):
    """Hands requests to `respond`; the answer is there after the latency."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, more, body = self._respond((request.method, request.url.raw_path.decode("ascii"), headers, await request.aread()))
        await asyncio.sleep(LATENCY_S)
        return httpx.Response(status, headers=more, stream=httpx.ByteStream(body))


def market(respond: Respond, clock: Clock, rate: Fraction | None, max_requests: int | None = None) -> Market:
    """The real client, signing with a throw-away key, at `rate` requests a second or as fast as allowed. Build it inside the loop."""
    client, key = open_client(Wire(respond)), load_keys(*new_pair())
    return Market(Transport(client, "http://127.0.0.1", key, Pacer(clock, rate), clock, max_requests))

"""From a call to its answer: budget, pace, signature, attempts, and errors a user can act on (design chapters 4 and 5)."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from msgspec.structs import replace

from dmscan.clock import Clock
from dmscan.core.report import SWEEP_SHARE, Traffic
from dmscan.errors import BudgetSpent, MarketError, MarketUnavailable, SettingsError
from dmscan.market.endpoints import Call, Endpoint
from dmscan.market.exchange import Client, Exchange, NoAnswer, Outgoing, Reply, Watch
from dmscan.market.pacing import Pacer, Turn
from dmscan.market.page import Answer
from dmscan.market.retries import ATTEMPTS, RetryBudget
from dmscan.market.signing import Signer
from dmscan.market.statuses import Refusal, http_date, pause_asked, refusal
from dmscan.market.telling import Attempt, tell
from dmscan.market.traffic import Meter

ATTEMPT_S = 20.0
SWEEP = (Endpoint.PRICES, Endpoint.FEES)
IN_FLIGHT_S = 45.0
"""What the attempts of one request may take together; waiting for a turn does not count."""

T = TypeVar("T")


@dataclass(slots=True)
class Transport:
    """Asks the market at `base_url`, with as many requests under way as the client's pool has places; `attempt_s` in seconds.

    Reading calls only. SettingsError if a signer would send its key anywhere but to api.dmarket.com or loopback.
    """

    http: Client
    base_url: str
    signer: Signer | None
    pacer: Pacer
    clock: Clock
    max_requests: int | None = None
    attempt_s: float = ATTEMPT_S
    _exchange: Exchange = field(init=False)
    _places: asyncio.Semaphore = field(init=False)
    _meter: Meter = field(init=False, default_factory=Meter)
    _retries: RetryBudget = field(init=False, default_factory=RetryBudget)
    _dated: tuple[str, float] = field(init=False, default=("", 0.0))

    def __post_init__(self) -> None:
        if self.signer and not _may_see_keys(self.base_url):
            raise SettingsError("Keys are sent only to https://api.dmarket.com and to loopback; unset the keys or DMSCAN_API_URL.")
        self._exchange = Exchange(self.http)
        self._places = asyncio.Semaphore(self.http.pool.size)

    @property
    def signed(self) -> bool:
        return self.signer is not None

    @property
    def skew_s(self) -> float | None:
        """How far the market's clock was ahead of this computer's at the last answer, in seconds; None if it did not say."""
        date, ours = self._dated
        theirs = http_date(date)
        return None if theirs is None else theirs - ours

    @property
    def sent(self) -> Mapping[str, int]:
        return self._meter.requests

    def traffic(self) -> Traffic:
        waits, holds = self.pacer.waits.seconds, self.pacer.holds.seconds
        return replace(self._meter.traffic(), waited_ms=round(1000 * waits), held_ms=round(1000 * holds))

    def recount(self) -> None:
        """Counts from nothing again; so does `max_requests`."""
        self._meter = Meter()
        self.pacer.waits.restart()
        self.pacer.holds.restart()

    async def ask(self, call: Call, read: Callable[[Answer], T]) -> T:
        """What `read` makes of the answer. Raises MarketError, or BudgetSpent before the request that would exceed it.

        At most three attempts; a `read` that raises MarketUnavailable asks for another one.
        """
        try:
            return await self._persist(call, read)
        except Refusal as why:
            if not (call.older and why.status in (400, 404)):
                raise why.error from why.__cause__
        return await self.ask(call.older, read)

    async def close(self) -> None:
        await self._exchange.close()
        self.pacer.close()

    async def _persist(self, call: Call, read: Callable[[Answer], T]) -> T:
        left = IN_FLIGHT_S

        async def attempt(number: int) -> T:
            nonlocal left
            began = self.clock.monotonic()
            # Whose turn has come must not wait for a connection: several would go together when one is free.
            async with self._places:
                turn = await self._turn(call)
                self._meter.retries += number > 1
                waited = self.clock.monotonic() - began
                try:
                    return await self._attempt(call, read, Attempt(number, turn, waited, min(self.attempt_s, left)))
                except Refusal as why:
                    why.again = why.again and number < ATTEMPTS and self._retries.grant(timed_out=why.timed_out)
                    raise
                finally:
                    self.pacer.over(turn)
                    left = max(1.0, left - (self.clock.monotonic() - turn.at))

        try:
            return await attempt(1)
        except Refusal as why:
            if not why.again:
                raise
            from dmscan.market.again import again  # noqa: PLC0415 - nobody waits for that before the first request

            return await again(attempt, why)

    async def _turn(self, call: Call) -> Turn:
        """Wait for this attempt's turn and count it, immediately before it is sent."""
        self._check_budget(call)
        turn = await self.pacer.turn(call.endpoint)
        self._check_budget(call)
        self._meter.requests[call.endpoint.value] += 1
        return turn

    def _check_budget(self, call: Call) -> None:
        if self.max_requests is None:
            return
        swept = sum(self._meter.requests[endpoint] for endpoint in SWEEP)
        if self._meter.sent >= self.max_requests or (call.endpoint in SWEEP and swept + 1 > self.max_requests * SWEEP_SHARE):
            raise BudgetSpent(f"The budget of {self.max_requests} requests is used up.")

    async def _attempt(self, call: Call, read: Callable[[Answer], T], attempt: Attempt) -> T:
        try:
            reply = await self._send(call, attempt)
            await self._refuse(call, attempt.turn, reply)
            answer = read(Answer(reply.body, self.clock.seconds()))
        except NoAnswer as error:
            self._meter.failed += 1
            sentence = f"{urlsplit(self.base_url).hostname} {error.reason} ({call.endpoint})."
            raise Refusal(MarketUnavailable(sentence, call.endpoint), again=error.again, timed_out=error.timed_out) from error
        except MarketError as error:
            self._meter.failed += 1
            # An unreadable body was cut or is a proxy's page: worth another attempt. Another shape will not go away.
            raise Refusal(error, again=isinstance(error, MarketUnavailable)) from error.__cause__
        self._retries.succeeded()
        self._meter.answered += 1
        return answer

    async def _send(self, call: Call, attempt: Attempt) -> Reply:
        query = call.encoded_query
        url = f"{self.base_url}{call.encoded_path}{'?' if query else ''}{query}"
        headers = {"Content-Type": "application/json"} if call.body else {}
        if self.signer:
            headers |= self.signer.headers(call.method, call.path, query, call.body, self.clock.seconds())
        watch = Watch(partial(self.pacer.connecting, attempt.turn), partial(self.pacer.sending, attempt.turn))
        began, status = self.clock.monotonic(), None
        try:
            reply = await self._exchange.send(Outgoing(call.method, url, headers, call.body, watch), attempt.limit_s)
            status = reply.status
        finally:
            took = self.clock.monotonic() - began
            tell(call, attempt, status, took)
        self._meter.came(call.endpoint.value, reply.status, took)
        self._dated = (reply.headers.get("date", ""), self.clock.now())
        return reply

    async def _refuse(self, call: Call, turn: Turn, reply: Reply) -> None:
        now = self.clock.now()
        if reply.status == 429:
            self._meter.rate_limited += 1
            await self.pacer.refused(turn, pause_asked(reply.headers, now))
        elif reply.status < 500:
            await self.pacer.answered(turn, reply.headers)
        why = refusal(reply, call.endpoint, self.signer.public if self.signer else "", now)
        if why:
            self._meter.failed += reply.status != 429
            raise why


def _may_see_keys(base_url: str) -> bool:
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    return (parts.scheme == "https" and host == "api.dmarket.com") or host == "localhost" or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""Waits for turns: one gate for all tasks of a run, and through a shared board for all processes of an account (design chapter 5)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, MutableMapping
from contextlib import contextmanager
from collections.abc import Iterator
from fractions import Fraction

from aiolimiter import AsyncLimiter
from msgspec import Struct
from msgspec.structs import replace

from dmscan.clock import Clock
from dmscan.market import pace
from dmscan.market.endpoints import Endpoint
from dmscan.market.limits import Group, group_of, limits, shown
from dmscan.market.pace import Lane, Pause, Terms
from dmscan.market.sharing import ACCOUNT, Board

LOOK_S = 0.2
"""How long to sleep before looking whether another task or process has changed the pace."""


class Claim(Struct, frozen=True):
    """At `at` a turn was given, or there is `wait` left; `held` if that is for a refusal."""

    at: float
    wait: float
    held: bool


class Stopwatch:
    """The seconds during which at least one task was inside."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._inside = 0
        self._since = 0.0
        self._counted = 0.0

    @property
    def seconds(self) -> float:
        return self._counted + (self._clock.monotonic() - self._since if self._inside else 0.0)

    @contextmanager
    def running(self) -> Iterator[None]:
        if not self._inside:
            self._since = self._clock.monotonic()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._counted += self._clock.monotonic() - self._since


class Pacer:
    """Gives turns at the pace that the market allows, or at `rate` requests a second in all.

    Build it inside the running loop, one per account.
    """

    def __init__(self, clock: Clock, rate: Fraction | None = None, *, signed: bool = True, board: Board | None = None) -> None:
        self.waits, self.holds = Stopwatch(clock), Stopwatch(clock)
        self._clock, self._signed, self._board = clock, signed, board or Board()
        self._explicit = float(rate) if rate else None
        self._terms = {group: Terms(limit, self._explicit) for group, limit in limits(signed=signed).items()}
        # Processes with different rates share a gate for the highest, so each keeps to its own here. A capacity of one:
        # AsyncLimiter(rate, 1) lets up to twice the rate through in its first second.
        self._own = AsyncLimiter(1, 1 / self._explicit) if self._explicit else None
        self._queues = {group: asyncio.Lock() for group in self._terms}
        self._given: Counter[Group] = Counter()

    @property
    def warning(self) -> str:
        """Why the pace is not shared with other processes although it should be; "" if all is well."""
        return self._board.warning

    @property
    def pace(self) -> float:
        """Requests a second that are allowed now in all, if the endpoints go on being asked in the proportions so far."""
        rates = {group: pace.in_force(self._board.known[group].pace, terms) for group, terms in self._terms.items()}
        seconds = max((count / rates[group] for group, count in self._given.items()), default=1 / rates[Group.ITEMS])
        return min((self._given.total() or 1) / seconds, self._explicit or float("inf"))

    async def turn(self, endpoint: Endpoint) -> float:
        """Wait for this request's moment and take it: the request must go at once. Monotonic seconds."""
        group = group_of(endpoint, signed=self._signed)
        with self.waits.running():
            if self._own:
                await self._own.acquire()
            async with self._queues[group]:
                return await self._turn(group)

    async def answered(self, endpoint: Endpoint, sent_at: float, headers: Mapping[str, str]) -> None:
        """The market answered the request of `sent_at` other than with 429."""
        group = group_of(endpoint, signed=self._signed)
        seen = shown(headers)

        def learn(lanes: MutableMapping[str, Lane]) -> None:
            lane, account, now = lanes[group], lanes[ACCOUNT], self._clock.monotonic()
            _note(lanes, group, lane, pace.after_answer(lane, self._terms[group], seen, sent_at, now))
            _note(lanes, ACCOUNT, account, pace.released(account.pace, sent_at))

        await self._board.change(learn)

    async def refused(self, endpoint: Endpoint, sent_at: float, pause: float | None) -> None:
        """The market answered with 429 and asks to wait `pause` seconds, if it does."""
        group = group_of(endpoint, signed=self._signed)
        wait = Pause(pause, random.random())

        def learn(lanes: MutableMapping[str, Lane]) -> None:
            lane, account, now = lanes[group], lanes[ACCOUNT], self._clock.monotonic()
            _note(lanes, group, lane, pace.after_429(lane.pace, self._terms[group], sent_at, now))
            _note(lanes, ACCOUNT, account, pace.held(account.pace, sent_at, now, wait))

        await self._board.change(learn)

    def close(self) -> None:
        self._board.close()

    async def _turn(self, group: Group) -> float:
        while True:
            claim = await self._board.change(lambda lanes: self._claim(lanes, group))
            if claim.wait <= 0:
                self._given[group] += 1
                return claim.at
            await self._sleep(claim)

    def _claim(self, lanes: MutableMapping[str, Lane], group: Group) -> Claim:
        now, account, terms = self._clock.monotonic(), lanes[ACCOUNT], self._terms[group]
        lane = pace.opened(lanes[group], terms, now)
        wait = max(pace.next_send(lane, terms), pace.next_in_all(account, self._explicit, now)) - now
        if wait > 0:
            return Claim(now, wait, max(lane.pace.resume_at, account.pace.resume_at) > now)
        lanes[group] = lane.sent(now)
        if (after := pace.after_claim(account, self._explicit, now)) != account:
            lanes[ACCOUNT] = after
        return Claim(now, 0, held=False)

    async def _sleep(self, claim: Claim) -> None:
        seconds = min(claim.wait, LOOK_S)
        if not claim.held:
            return await self._clock.sleep(seconds)
        with self.holds.running():
            await self._clock.sleep(seconds)


def _note(lanes: MutableMapping[str, Lane], name: str, lane: Lane, now: pace.Pace) -> None:
    if now != lane.pace:
        lanes[name] = replace(lane, pace=now)

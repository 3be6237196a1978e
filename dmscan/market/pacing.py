"""Waits for turns: one gate for all tasks of a run, and through a shared board for all processes of an account (design chapter 5)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, nullcontext
from fractions import Fraction

from aiolimiter import AsyncLimiter
from msgspec import Struct

from dmscan.clock import Clock
from dmscan.market import pace
from dmscan.market.endpoints import Endpoint
from dmscan.market.limits import Group, group_of, limits, shown
from dmscan.market.pace import Lane, Pace, Pause, Terms
from dmscan.market.sharing import ACCOUNT, Board

Lanes = MutableMapping[str, Lane]
Lesson = Callable[[Lane, float], Pace]
"""From a lane and the moment to its new pace."""

LOOK_S = 0.2
"""How long to sleep before looking whether another task or process has changed the pace."""
LATE_S = 0.005
"""A request that goes so much after its turn is counted at its true moment."""


class Turn(Struct, frozen=True):
    """The moment at which a request of a group may go, in monotonic seconds."""

    group: Group
    at: float


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

    def restart(self) -> None:
        self._since, self._counted = self._clock.monotonic(), 0.0

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
        self._boarding: dict[Turn, float] = {}

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

    async def turn(self, endpoint: Endpoint) -> Turn:
        """Wait for this request's moment and take it: the request must go at once."""
        group = group_of(endpoint, signed=self._signed)
        with self.waits.running():
            if self._own:
                await self._own.acquire()
            async with self._queues[group]:
                return await self._turn(group)

    def connecting(self, turn: Turn, patience_s: float) -> None:
        """The request has to wait for a connection first; the next one lets it for so many seconds."""
        self._boarding[turn] = max(self._boarding.get(turn, 0.0), turn.at + patience_s)

    async def sending(self, turn: Turn) -> None:
        """The request goes on the wire; if it had to wait for a connection, this is its true moment."""
        if turn not in self._boarding or self._clock.monotonic() - turn.at < LATE_S:
            self.over(turn)
            return

        def move(lanes: Lanes) -> None:
            now = self._clock.monotonic()
            for name in (turn.group, ACCOUNT) if self._explicit else (turn.group,):
                lanes[name] = lanes[name].moved(turn.at, now)

        await self._board.change(move)
        self.over(turn)

    async def answered(self, turn: Turn, headers: Mapping[str, str]) -> None:
        """The market answered other than with 429."""
        seen, terms = shown(headers), self._terms[turn.group]
        await self._learn(
            turn,
            lambda lane, now: pace.after_answer(lane, terms, seen, turn.at, now),
            lambda account, _: pace.released(account.pace, turn.at),
        )

    async def refused(self, turn: Turn, pause: float | None) -> None:
        """The market answered with 429 and asks to wait `pause` seconds, if it does."""
        wait, terms = Pause(pause, random.random()), self._terms[turn.group]
        await self._learn(
            turn,
            lambda lane, now: pace.after_429(lane, terms, turn.at, now),
            lambda account, now: pace.held(account.pace, turn.at, now, wait),
        )

    def over(self, turn: Turn) -> None:
        """Nobody waits for the request to go any more."""
        self._boarding.pop(turn, None)

    def close(self) -> None:
        self._board.close()

    async def _learn(self, turn: Turn, group: Lesson, account: Lesson) -> None:
        def learn(lanes: Lanes) -> None:
            now = self._clock.monotonic()
            for name, lesson in ((turn.group, group), (ACCOUNT, account)):
                lane = lanes[name]
                if (after := lesson(lane, now)) != lane.pace:
                    lanes[name] = Lane(after, lane.sends)

        await self._board.change(learn)

    async def _turn(self, group: Group) -> Turn:
        while True:
            claim = await self._board.change(lambda lanes: self._claim(lanes, group))
            if claim.wait <= 0:
                self._given[group] += 1
                return Turn(group, claim.at)
            with self.holds.running() if claim.held else nullcontext():
                await self._clock.sleep(min(claim.wait, LOOK_S))

    def _claim(self, lanes: Lanes, group: Group) -> Claim:
        now, account, terms = self._clock.monotonic(), lanes[ACCOUNT], self._terms[group]
        lane = pace.opened(lanes[group], terms, now)
        wait = max(pace.next_send(lane, terms), pace.next_in_all(account, self._explicit, now)) - now
        if self._must_let_board(group, now):
            wait = max(wait, 1 / pace.in_force(lane.pace, terms))
        if wait > 0:
            return Claim(now, wait, max(lane.pace.resume_at, account.pace.resume_at) > now)
        lanes[group] = lane.sent(now)
        if (after := pace.after_claim(account, self._explicit, now)) != account:
            lanes[ACCOUNT] = after
        return Claim(now, 0, held=False)

    def _must_let_board(self, group: Group, now: float) -> bool:
        return any((self._explicit or turn.group is group) and now < until for turn, until in self._boarding.items())

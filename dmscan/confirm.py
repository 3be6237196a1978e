"""One candidate at a time: asked for what its verdicts still need, the cheapest deciding call first (design chapter 4)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from msgspec.structs import replace

from dmscan.clock import Clock
from dmscan.core.judge import Verdict, judge, next_need
from dmscan.core.memory import Known, SalesOutlook
from dmscan.core.models import Evidence, Game, Need, Offer, Reason, Sale, Stamped, Target
from dmscan.core.money import Cents
from dmscan.core.outlook import sales_outlook
from dmscan.core.report import Pair, ScanRequest
from dmscan.errors import HistoryError

Place = tuple[int, int]
"""Where a candidate stands: its promise, negative so that the best sorts first, and a running number."""
NO_MORE: Place = (2**62, -1)
"""Sorts behind every candidate."""


class Market(Protocol):
    """What a confirmation asks of the market; every answer is stamped with the whole second of its arrival."""

    @property
    def signed(self) -> bool: ...
    async def sales(self, game: Game, title: str) -> Stamped[tuple[Sale, ...]]: ...
    async def targets(self, game: Game, title: str) -> Stamped[tuple[Target, ...]]: ...
    async def offers(self, game: Game, title: str) -> Stamped[tuple[Offer, ...]]: ...


class Memory(Protocol):
    """The sales that outlive a scan."""

    async def sales(self, game: Game, title: str, since: int) -> Stamped[tuple[Sale, ...]] | None: ...
    def note_sales(self, game: Game, title: str, answer: Stamped[tuple[Sale, ...]], outlook: SalesOutlook) -> None: ...


@dataclass(slots=True)
class Candidate:
    """A title that passed the quote rules; `closed` are the pairs that remembered sales have decided for now."""

    evidence: Evidence
    known: Known | None = None
    closed: Mapping[Pair, Reason] = field(default_factory=dict)

    @property
    def key(self) -> tuple[Game, str]:
        return (self.evidence.quote.game, self.evidence.quote.title)


class Confirmation:
    """How a scan comes to its verdicts. `reused` counts the answers that did not have to be asked for."""

    def __init__(self, request: ScanRequest, market: Market, memory: Memory | None, clock: Clock) -> None:
        self.reused = 0
        self._request, self._market, self._memory, self._clock = request, market, memory, clock

    def verdicts(self, candidate: Candidate) -> dict[Pair, Verdict]:
        """The verdicts on what is known of the candidate by now."""
        rules, signed = self._request.rules, self._market.signed
        return {pair: candidate.closed.get(pair) or judge(pair, candidate.evidence, rules, signed=signed) for pair in self._request.pairs}

    async def settle(self, candidate: Candidate) -> dict[Pair, Verdict]:
        """Asks until every verdict is certain; each answer is kept in the candidate. Raises MarketError and BudgetSpent."""
        while need := next_need(self.verdicts(candidate).values()):
            candidate.evidence = await self._answered(candidate, need)
        return self.verdicts(candidate)

    async def _answered(self, candidate: Candidate, need: Need) -> Evidence:
        if need is Need.SALES:
            return replace(candidate.evidence, sales=await self._sales(candidate))
        if need is Need.TARGETS:
            return replace(candidate.evidence, targets=await self._market.targets(*candidate.key))
        return replace(candidate.evidence, offers=await self._market.offers(*candidate.key))

    async def _remembered(self, candidate: Candidate) -> Stamped[tuple[Sale, ...]] | None:
        known = candidate.known.sales if candidate.known else None
        since = self._clock.seconds() - self._request.max_age_s + self._request.deadline_s
        if self._memory is None or known is None or known.asked_at < since:
            return None
        # A history that cannot be read only costs a call; that it cannot is told when the titles are recalled or stored.
        with suppress(HistoryError):
            return await self._memory.sales(*candidate.key, since)
        return None

    async def _sales(self, candidate: Candidate) -> Stamped[tuple[Sale, ...]]:
        """The sales as remembered, if they will still be young enough when they are printed; else asked for."""
        remembered = await self._remembered(candidate)
        if remembered:
            self.reused += 1
            return remembered
        answer = await self._market.sales(*candidate.key)
        if self._memory:
            self._memory.note_sales(*candidate.key, answer, sales_outlook(answer))
        return answer


class Line:
    """Candidates waiting, the most promising first. Under a budget those that promise little wait until `release`."""

    def __init__(self, eager: Cents) -> None:
        self._eager = eager
        self._queue: asyncio.PriorityQueue[Place] = asyncio.PriorityQueue()
        self._later: list[Place] = []
        self._candidates: dict[Place, Candidate] = {}
        self._places = count()

    def add(self, candidate: Candidate, promise: Cents) -> None:
        place = (-promise, next(self._places))
        self._candidates[place] = candidate
        if promise < self._eager:
            self._later.append(place)
        else:
            self._queue.put_nowait(place)

    def release(self) -> None:
        """Nothing better will come: whoever waits gets what is left, and is told when nothing is."""
        for place in self._later:
            self._queue.put_nowait(place)
        self._later.clear()
        self._queue.put_nowait(NO_MORE)

    async def take(self) -> Place | None:
        """The place of the most promising candidate; `None` if there will be no more."""
        place = await self._queue.get()
        if place == NO_MORE:
            self._queue.put_nowait(NO_MORE)
            return None
        return place

    def candidate(self, place: Place) -> Candidate:
        return self._candidates[place]

    def put_back(self, place: Place) -> None:
        """For whoever had to leave it."""
        self._queue.put_nowait(place)

    def done(self, place: Place) -> None:
        del self._candidates[place]

    def left(self) -> Iterable[Candidate]:
        """All that were not done with, taken or not."""
        return self._candidates.values()

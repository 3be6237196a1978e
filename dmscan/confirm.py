"""One candidate at a time: asked for what its verdicts still need, the cheapest deciding call first (design chapter 4)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from msgspec.structs import replace

from dmscan.clock import Clock
from dmscan.core.calls import sales_since
from dmscan.core.fees import DAY
from dmscan.core.judge import Verdict, judge, next_need
from dmscan.core.memory import Known, SalesOutlook
from dmscan.core.models import Evidence, Game, Need, Offer, Reason, Sale, SaleKind, Stamped, Target
from dmscan.core.outlook import Promise, sales_outlook
from dmscan.core.report import Pair, ScanRequest
from dmscan.errors import HistoryError, MarketError

Place = tuple[int, int]
"""Where a candidate stands: its promise, negative so that the best sorts first, and a running number."""
LAST = 2**62
"""Sorts behind every promise."""


class Market(Protocol):
    """What a confirmation asks of the market; every answer is stamped with the whole second of its arrival."""

    @property
    def signed(self) -> bool: ...
    async def sales(self, game: Game, title: str, kind: SaleKind = ...) -> Stamped[tuple[Sale, ...]]: ...
    async def targets(self, game: Game, title: str) -> Stamped[tuple[Target, ...]]: ...
    async def offers(self, game: Game, title: str) -> Stamped[tuple[Offer, ...]]: ...


class Memory(Protocol):
    """The sales that outlive a scan."""

    async def sales(self, game: Game, title: str, since: int, kind: SaleKind = ...) -> Stamped[tuple[Sale, ...]] | None: ...
    def note_sales(self, game: Game, title: str, answer: Stamped[tuple[Sale, ...]], outlook: SalesOutlook) -> None: ...
    def note_fills(self, game: Game, title: str, answer: Stamped[tuple[Sale, ...]]) -> None: ...


@dataclass(slots=True)
class Candidate:
    """A title that passed the quote rules; `closed` are the pairs that remembered sales have decided for now.

    `failure` is what kept the market from answering the last time.
    """

    evidence: Evidence
    known: Known | None = None
    closed: Mapping[Pair, Reason] = field(default_factory=dict)
    failure: MarketError | None = None

    @property
    def key(self) -> tuple[Game, str]:
        return (self.evidence.quote.game, self.evidence.quote.title)

    @property
    def is_seen(self) -> bool:
        """Whether it had a verdict within the last day."""
        looked_at = self.known.looked_at if self.known else None
        return looked_at is not None and self.evidence.quote.at - looked_at < DAY

    @property
    def calls(self) -> int:
        """Answers it has got so far."""
        return len(Need) - len(self.evidence.unasked)


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
            candidate.evidence = await self.answered(candidate, need)
        return self.verdicts(candidate)

    async def answered(self, candidate: Candidate, need: Need) -> Evidence:
        """What is known of the candidate with one more answer. Raises MarketError and BudgetSpent."""
        evidence = candidate.evidence
        if need is Need.SALES:
            return replace(evidence, sales=await self._sales(candidate, SaleKind.OFFER))
        if need is Need.FILLS:
            return replace(evidence, fills=await self._sales(candidate, SaleKind.TARGET))
        if need is Need.TARGETS:
            return replace(evidence, targets=await self._market.targets(*candidate.key))
        return replace(evidence, offers=await self._market.offers(*candidate.key))

    async def _sales(self, candidate: Candidate, kind: SaleKind) -> Stamped[tuple[Sale, ...]]:
        """The sales as remembered, if they will still be young enough when they are printed; else asked for."""
        remembered = await self._remembered(candidate, kind)
        if remembered:
            self.reused += 1
            return remembered
        answer = await self._market.sales(*candidate.key, kind)
        if self._memory and kind is SaleKind.OFFER:
            self._memory.note_sales(*candidate.key, answer, sales_outlook(answer))
        elif self._memory:
            self._memory.note_fills(*candidate.key, answer)
        return answer

    async def _remembered(self, candidate: Candidate, kind: SaleKind) -> Stamped[tuple[Sale, ...]] | None:
        since = sales_since(self._request, self._clock.seconds())
        known = candidate.known
        if self._memory is None or known is None or (kind is SaleKind.OFFER and (known.sales is None or known.sales.asked_at < since)):
            return None
        # A history that cannot be read only costs a call; that it cannot is told when the titles are recalled or stored.
        with suppress(HistoryError):
            return await self._memory.sales(*candidate.key, since, kind)
        return None


class Line:
    """Candidates waiting, the most promising first. Under a budget those that promise little wait until `release`.

    Those seen within a day and those that were not have a queue each, and calls are shared evenly between the two: what is known to
    be good is looked at again and again, and yet every candidate has its turn in the end.
    """

    def __init__(self, eager: Promise) -> None:
        self._eager = eager
        self._queues: dict[bool, list[Place]] = {False: [], True: []}
        self._calls = {False: 0, True: 0}
        self._later: list[Place] = []
        self._candidates: dict[Place, Candidate] = {}
        self._places = count()
        self._waiting = asyncio.Event()
        self.released = asyncio.Event()

    def add(self, candidate: Candidate, promise: Promise) -> None:
        place = (-promise, next(self._places))
        self._candidates[place] = candidate
        if promise < self._eager and not self.released.is_set():
            self._later.append(place)
        else:
            self.put_back(place)

    def release(self) -> None:
        """Nothing better will come: whoever waits gets what is left, and is told when nothing is."""
        self.released.set()
        for place in self._later:
            self.put_back(place)
        self._later.clear()
        self._waiting.set()

    async def take(self) -> Place | None:
        """The place of the most promising candidate whose turn it is; `None` if there will be no more."""
        while not (waiting := [seen for seen, queue in self._queues.items() if queue]):
            if self.released.is_set():
                return None
            self._waiting.clear()
            await self._waiting.wait()
        seen = min(waiting, key=self._calls.__getitem__)
        self._calls[seen] += 1
        return heappop(self._queues[seen])

    def candidate(self, place: Place) -> Candidate:
        return self._candidates[place]

    def put_back(self, place: Place) -> None:
        """For whoever had to leave it."""
        heappush(self._queues[self._candidates[place].is_seen], place)
        self._waiting.set()

    def put_last(self, place: Place) -> None:
        """For whoever could not get an answer: it is another's turn first."""
        again = (LAST, next(self._places))
        self._candidates[again] = self._candidates.pop(place)
        self.put_back(again)

    def done(self, place: Place) -> None:
        candidate = self._candidates.pop(place)
        self._calls[candidate.is_seen] += candidate.calls - 1

    def left(self) -> Iterable[Candidate]:
        """All that were not done with, taken or not."""
        return self._candidates.values()

"""One candidate at a time: asked for what its verdicts still need, the cheapest deciding call first (design chapter 4)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from heapq import heappop, heappush
from typing import Protocol, Self

from msgspec import Struct
from msgspec.structs import replace

from dmscan.clock import Clock
from dmscan.core.calls import sales_since
from dmscan.core.fees import DAY
from dmscan.core.judge import Verdict, judge, next_need
from dmscan.core.memory import Known, SalesOutlook
from dmscan.core.models import Evidence, Game, Need, Offer, Reason, Sale, SaleKind, Stamped, Target
from dmscan.core.outlook import Promise, sales_outlook
from dmscan.core.packing import pack, unpacker
from dmscan.core.report import Pair, ScanRequest
from dmscan.errors import HistoryError

Place = int
"""Where a candidate stands, the best first: a running number, less MOST times what it promises."""
MOST = 2**32
"""More never stand in a line."""
LEAST = -(2**62)
"""Less than any promise."""


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


class Candidate(Struct, array_like=True):
    """A title that passed the quote rules; `closed` are the pairs that remembered sales have decided for now.

    `is_known`: the history holds the title, and its sales as of `sales_at`; `is_seen`: it had a verdict within the last day.
    """

    evidence: Evidence
    closed: Mapping[Pair, Reason] = {}
    is_known: bool = False
    sales_at: int | None = None
    is_seen: bool = False

    @classmethod
    def of(cls, evidence: Evidence, known: Known | None) -> Self:
        if known is None:
            return cls(evidence)
        is_seen = known.looked_at is not None and evidence.quote.at - known.looked_at < DAY
        return cls(evidence, is_known=True, sales_at=known.sales.asked_at if known.sales else None, is_seen=is_seen)

    @property
    def key(self) -> tuple[Game, str]:
        return (self.evidence.quote.game, self.evidence.quote.title)

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
        is_old = kind is SaleKind.OFFER and (candidate.sales_at is None or candidate.sales_at < since)
        if self._memory is None or not candidate.is_known or is_old:
            return None
        # A history that cannot be read only costs a call; that it cannot is told when the titles are recalled or stored.
        with suppress(HistoryError):
            return await self._memory.sales(*candidate.key, since, kind)
        return None


class Line:
    """Candidates waiting, the most promising first. Under a budget those that promise little wait until `release`.

    Those seen within a day and those that were not have a queue each, and calls are shared evenly between the two: what is known to
    be good is looked at again and again, and yet every candidate has its turn in the end. As nearly the whole market may wait, all
    are packed, and a candidate is made anew for whoever takes it.
    """

    def __init__(self, eager: Promise) -> None:
        self._eager = eager
        self._queues: dict[bool, list[Place]] = {False: [], True: []}
        self._calls = {False: 0, True: 0}
        self._packed: list[bytes] = []
        self._waiting = asyncio.Event()
        self.released = asyncio.Event()

    def add(self, candidate: Candidate, promise: Promise) -> None:
        self._packed.append(b"")
        self.put_back(_place(promise, len(self._packed) - 1), candidate)

    def release(self) -> None:
        """Nothing better will come: whoever waits gets what is left, and is told when nothing is."""
        self.released.set()
        self._waiting.set()

    async def take(self) -> Place | None:
        """The place of the most promising candidate whose turn it is; `None` if there will be no more."""
        while not (waiting := [seen for seen, queue in self._queues.items() if queue and self._is_due(queue[0])]):
            if self.released.is_set():
                return None
            self._waiting.clear()
            await self._waiting.wait()
        seen = min(waiting, key=self._calls.__getitem__)
        self._calls[seen] += 1
        return heappop(self._queues[seen])

    def candidate(self, place: Place) -> Candidate:
        return _unpacked(self._packed[place % MOST])

    def keep(self, place: Place, candidate: Candidate) -> None:
        """With the answers it has got, for whoever looks at what is left; it does not wait any more."""
        self._packed[place % MOST] = pack(candidate)

    def put_back(self, place: Place, candidate: Candidate) -> None:
        """For whoever had to leave it."""
        self.keep(place, candidate)
        heappush(self._queues[candidate.is_seen], place)
        self._waiting.set()

    def put_last(self, place: Place, candidate: Candidate) -> None:
        """For whoever could not get an answer: it is another's turn first."""
        self.put_back(_place(LEAST, place % MOST), candidate)

    def done(self, place: Place, candidate: Candidate) -> None:
        self._packed[place % MOST] = b""
        self._calls[candidate.is_seen] += candidate.calls - 1

    def left(self) -> Iterable[Candidate]:
        """All that were not done with, taken or not."""
        return map(_unpacked, filter(None, self._packed))

    def _is_due(self, place: Place) -> bool:
        return self.released.is_set() or place < _place(self._eager - 1, 0)


def _place(promise: Promise, number: int) -> Place:
    return number - promise * MOST


_unpacked = unpacker(Candidate)

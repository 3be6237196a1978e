"""Answers of the market kept for a while, and one question in flight for all who ask the same (design chapter 5)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from cachetools import TTLCache

from dmscan.clock import Clock
from dmscan.core.models import FeeTable, Game, Offer, Quote, QuotePage, Sale, SaleKind, Stamped, Target
from dmscan.core.money import Cents
from dmscan.core.report import Traffic
from dmscan.market.client import Market

Key = tuple[Hashable, ...]
T = TypeVar("T")


class Span(NamedTuple):
    """How many answers are kept at most, and for how many seconds each."""

    most: int
    seconds: int


FEES = Span(len(Game), 86_400)
"""A table per game; the UTC day is part of the key, and today's table pushes yesterday's out."""
SALES = Span(2048, 1800)
"""Half an hour at one question a second; 20 sales of each title take 9 MB."""
OFFERS = Span(256, 20)
"""20 seconds at the documented ten requests a second; 40 offers of each title take 4 MB."""
TARGETS = Span(512, 20)
"""20 seconds at the documented twenty requests a second; 20 targets of each title take 1 MB."""
QUOTES = Span(64, 15)
"""15 seconds at four batches a second; those of 100 quotes each take 3 MB."""
MOST_QUOTES = 4096
"""2 MB, if nobody else holds the quotes; those of all 25,000 titles would take 12 MB."""


class Flight(Generic[T]):
    """A question on its way and how many wait for the answer."""

    def __init__(self, task: asyncio.Task[T]) -> None:
        self.task = task
        self.waiting = 0


class Kept(Generic[T]):
    """Answers of one kind by key. A hit is one that needed no question of its own; errors are not kept."""

    def __init__(self, span: Span, timer: Callable[[], float]) -> None:
        self.hits = self.misses = 0
        self._answers: TTLCache[Key, T] = TTLCache(span.most, span.seconds, timer)
        self._flights: dict[Key, Flight[T]] = {}

    async def get(self, key: Key, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer kept, the one on its way, or else that of `ask`, whose error reaches all who wait for it."""
        if (answer := self._answers.get(key)) is not None:
            self.hits += 1
            return answer
        flight = self._flights.get(key)
        if flight and not flight.task.done():
            self.hits += 1
        else:
            self.misses += 1
            flight = self._flights[key] = Flight(asyncio.create_task(self._ask(key, ask)))
            flight.task.add_done_callback(_hear)
        return await self._land(key, flight)

    def forget(self) -> None:
        self._answers.clear()

    async def _ask(self, key: Key, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        self._answers[key] = answer = await ask()
        return answer

    async def _land(self, key: Key, flight: Flight[T]) -> T:
        """Whoever is cancelled leaves the others waiting; the last one to leave gives the question up."""
        flight.waiting += 1
        try:
            await asyncio.wait({flight.task})
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                flight.task.cancel()
                if self._flights.get(key) is flight:
                    del self._flights[key]
        return flight.task.result()


def _hear(task: asyncio.Task[Any]) -> None:
    """An error that comes when nobody waits any more is no news."""
    if not task.cancelled():
        task.exception()


class Elapsed:
    """Seconds gone by, taken from the clock's time or its date, whichever moved on further since the last look.

    Monotonic time may stand still while the machine sleeps and a date may be set back, so neither is enough alone.
    A date that is set ahead makes answers look older than they are, which only costs requests.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked = (clock.monotonic(), clock.now())
        self._total = 0.0

    def __call__(self) -> float:
        before, self._looked = self._looked, (self._clock.monotonic(), self._clock.now())
        self._total += max(0.0, *(now - then for now, then in zip(self._looked, before, strict=True)))
        return self._total


class Watched:
    """A catalogue of which every page is looked at in passing."""

    def __init__(self, pages: AsyncIterator[QuotePage], look: Callable[[Sequence[Quote]], None]) -> None:
        self._pages, self._look = pages, look

    def __aiter__(self) -> AsyncIterator[QuotePage]:
        return self

    async def __anext__(self) -> QuotePage:
        page = await anext(self._pages)
        self._look(page.quotes)
        return page


class CachedMarket:
    """Market with a memory. The catalogue is always asked for; the stamps of all other answers tell their age.

    Fees are kept until the UTC day ends, sales for 30 minutes, the quotes of a batch for 15 seconds, offers and targets for 20 or
    until the title's quote changes: the number that comes with a quote is part of their key, so that what was asked under another
    quote, whether kept or still on its way, is never found again.
    """

    def __init__(self, market: Market, clock: Clock) -> None:
        timer = Elapsed(clock)
        self._market, self._clock = market, clock
        self._fees = Kept[Stamped[FeeTable]](FEES, timer)
        self._sales = Kept[Stamped[tuple[Sale, ...]]](SALES, timer)
        self._offers = Kept[Stamped[tuple[Offer, ...]]](OFFERS, timer)
        self._targets = Kept[Stamped[tuple[Target, ...]]](TARGETS, timer)
        self._quotes = Kept[Stamped[tuple[Quote, ...]]](QUOTES, timer)
        self._numbers = itertools.count()
        self._unseen = next(self._numbers)
        self._seen: dict[tuple[Game, str], tuple[Quote | None, int]] = {}

    @property
    def _all(self) -> tuple[Kept[Any], ...]:
        return (self._fees, self._sales, self._offers, self._targets, self._quotes)

    @property
    def hits(self) -> int:
        return sum(kept.hits for kept in self._all)

    @property
    def misses(self) -> int:
        return sum(kept.misses for kept in self._all)

    def recount(self) -> None:
        """What follows is another scan: all that is counted is counted from nothing again, and no quote is good enough any more."""
        for kept in self._all:
            kept.hits = kept.misses = 0
        self._quotes.forget()
        self._market.recount()

    async def fees(self, game: Game) -> Stamped[FeeTable]:
        return await self._fees.get((game, self._clock.seconds() // 86_400), partial(self._market.fees, game))

    async def sales(self, game: Game, title: str, kind: SaleKind = SaleKind.OFFER) -> Stamped[tuple[Sale, ...]]:
        return await self._sales.get((game, title, kind), partial(self._market.sales, game, title, kind))

    async def offers(self, game: Game, title: str) -> Stamped[tuple[Offer, ...]]:
        return await self._offers.get(self._key(game, title), partial(self._market.offers, game, title))

    async def targets(self, game: Game, title: str) -> Stamped[tuple[Target, ...]]:
        return await self._targets.get(self._key(game, title), partial(self._market.targets, game, title))

    def catalogue(self, game: Game, cursor: str = "") -> AsyncIterator[QuotePage]:
        return Watched(self._market.catalogue(game, cursor), self._look)

    async def quotes(self, game: Game, titles: Sequence[str]) -> Stamped[tuple[Quote, ...]]:
        answer = await self._quotes.get((game, *titles), partial(self._market.quotes, game, titles))
        self._look(answer.value)
        return answer

    def forget(self, game: Game, title: str) -> None:
        """The next offers and targets of this title are asked for anew, even if some are on their way; its sales stay."""
        self._remember((game, title), None)

    def _key(self, game: Game, title: str) -> Key:
        seen = self._seen.get((game, title))
        return (game, title, seen[1] if seen else self._unseen)

    def _look(self, quotes: Sequence[Quote]) -> None:
        """A quote that cannot be compared with an earlier one counts as changed."""
        for quote in quotes:
            title = (quote.game, quote.title)
            seen = self._seen.get(title)
            if seen is None or not _is_same(seen[0], quote):
                self._remember(title, quote)

    def _remember(self, title: tuple[Game, str], quote: Quote | None) -> None:
        if len(self._seen) >= MOST_QUOTES:
            self._seen.clear()
            self._unseen = next(self._numbers)
        self._seen[title] = (quote, next(self._numbers))

    # The rest is the market's own.

    @property
    def signed(self) -> bool:
        return self._market.signed

    @property
    def received(self) -> int:
        return self._market.received

    @property
    def skipped(self) -> int:
        return self._market.skipped

    @property
    def pace(self) -> float:
        return self._market.pace

    @property
    def warning(self) -> str:
        return self._market.warning

    @property
    def skew_s(self) -> float | None:
        return self._market.skew_s

    @property
    def sent(self) -> Mapping[str, int]:
        return self._market.sent

    def traffic(self) -> Traffic:
        return self._market.traffic()

    async def balance(self) -> Cents:
        return await self._market.balance()

    async def close(self) -> None:
        await self._market.close()


def _is_same(old: Quote | None, new: Quote) -> bool:
    return (
        old is not None and old.ask == new.ask and old.bid == new.bid and old.ask_count == new.ask_count and old.bid_count == new.bid_count
    )

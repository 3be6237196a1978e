"""The quotes of a game with the fewest calls: the whole catalogue now and then, else the titles that matter (design chapter 4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

from dmscan.clock import Clock
from dmscan.core.attention import abreast
from dmscan.core.calls import BATCH, is_full_sweep_due, titles_named
from dmscan.core.memory import Known, SweepState
from dmscan.core.models import Game, Quote, QuotePage, Stamped
from dmscan.core.report import ScanRequest
from dmscan.core.titles import TitleFilter
from dmscan.core.wanted import is_wanted
from dmscan.errors import HistoryError
from dmscan.patience import once_more

SIDE_BY_SIDE = 4


class Market(Protocol):
    """What a sweep asks of the market."""

    @property
    def pace(self) -> float: ...
    def catalogue(self, game: Game, cursor: str = "") -> AsyncIterator[QuotePage]: ...
    async def quotes(self, game: Game, titles: Sequence[str]) -> Stamped[tuple[Quote, ...]]: ...


class Memory(Protocol):
    """What a sweep remembers between scans."""

    async def sweep_state(self, game: Game) -> SweepState: ...
    def note_sweep(self, game: Game, state: SweepState) -> None: ...
    def note_quotes(self, quotes: Iterable[Quote]) -> None: ...


class Sweep:
    """One game's sweep."""

    def __init__(self, game: Game, request: ScanRequest, market: Market, memory: Memory | None, clock: Clock) -> None:
        self._filter = TitleFilter(request.titles, request.exclude)
        self._game, self._request, self._market, self._memory, self._clock = game, request, market, memory, clock

    async def quotes(self, known: dict[str, Known]) -> AsyncIterator[Sequence[tuple[Quote, Known | None]]]:
        """Page by page every title once, asked anew, or as remembered where it lies far from what is wanted.

        `known` are the titles remembered, by title: each comes with its quote and is then out of `known`, so that a large game is not
        held twice. If all titles wanted are named outright, these are all that is asked for.
        """
        async for quotes in self._quotes(known):
            yield [(quote, known.pop(quote.title, None)) for quote in quotes]

    async def _quotes(self, known: dict[str, Known]) -> AsyncIterator[tuple[Quote, ...]]:
        """What has come is no longer in `known`."""
        named = await self._named()
        if named:
            yield named
            return
        state = await self._state()
        if not known or is_full_sweep_due(state, self._clock.seconds(), self._request):
            async for page in self._catalogue(state.cursor):
                yield page.quotes
                self._note(page.quotes, SweepState(state.full_at, page.cursor))
            self._note((), SweepState(self._clock.seconds()))
            if not state.cursor:
                # Read from its beginning, the catalogue is all there is: what it does not list has gone.
                return
        async for quotes in self._rest(known):
            yield quotes

    async def _catalogue(self, cursor: str) -> AsyncIterator[QuotePage]:
        """From where the last sweep was cut. A page that did not come is asked for once more: without it all that follow are lost."""
        pages = self._market.catalogue(self._game, cursor)
        with suppress(StopAsyncIteration):
            while True:
                yield await once_more(pages.__anext__)

    async def _rest(self, known: Mapping[str, Known]) -> AsyncIterator[tuple[Quote, ...]]:
        """The titles that do not matter as remembered, and batches of the others, the oldest quotes first."""
        yield tuple(one.quote for one in known.values() if not self._matters(one))
        near = list(known)
        batches = [near[start : start + BATCH] for start in range(0, len(near), BATCH)]
        side_by_side = abreast(SIDE_BY_SIDE, self._market.pace, self._request)
        for start in range(0, len(batches), side_by_side):
            answers = (once_more(partial(self._market.quotes, self._game, batch)) for batch in batches[start : start + side_by_side])
            for answer in await asyncio.gather(*answers, return_exceptions=True):
                if isinstance(answer, BaseException):
                    raise answer
                self._note(answer.value)
                yield answer.value

    def _matters(self, one: Known) -> bool:
        return self._filter.wants(one.quote.title) and is_wanted(one, self._request)

    async def _named(self) -> tuple[Quote, ...]:
        """The quotes of titles named without a glob, if the market knows them all by just these names."""
        titles = titles_named(self._request)
        if not titles:
            return ()
        answer = await self._market.quotes(self._game, titles)
        self._note(answer.value)
        return answer.value if len(answer.value) == len(titles) else ()

    async def _state(self) -> SweepState:
        """A history that cannot be read only costs a full sweep; that it cannot is told when it is written."""
        if self._memory and not self._request.fresh:
            with suppress(HistoryError):
                return await self._memory.sweep_state(self._game)
        return SweepState()

    def _note(self, quotes: tuple[Quote, ...], state: SweepState | None = None) -> None:
        if self._memory is None:
            return
        self._memory.note_quotes(quotes)
        if state:
            self._memory.note_sweep(self._game, state)

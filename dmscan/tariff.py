"""Where a game's fees come from: what was said, what is remembered of today, the market, or the careful assumption (design chapter 3)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from dmscan.clock import Clock
from dmscan.core.fees import ASSUMED, DAY, fixed
from dmscan.core.models import FeeTable, Game, Stamped
from dmscan.core.report import ScanRequest
from dmscan.errors import ClockSkewed, DmscanError, HistoryError, MarketError, MarketRefused
from dmscan.patience import once_more


class Market(Protocol):
    @property
    def signed(self) -> bool: ...
    async def fees(self, game: Game) -> Stamped[FeeTable]: ...


class Memory(Protocol):
    """The tables that outlive a scan; without a key the market is asked for one once a day and game."""

    async def fees(self, game: Game, since: int) -> Stamped[FeeTable] | None: ...
    def note_fees(self, game: Game, answer: Stamped[FeeTable]) -> None: ...
    async def fee_attempted(self, game: Game, day: int) -> bool: ...
    async def note_fee_attempt(self, game: Game, day: int, *, answered: bool) -> None: ...


class Tariff:
    """The fees of one scan. `trouble` hears of a table that could not be had; `reused` counts those that were remembered."""

    def __init__(
        self, request: ScanRequest, market: Market, memory: Memory | None, clock: Clock, trouble: Callable[[DmscanError, Game], None]
    ) -> None:
        self.reused = 0
        self._request, self._market, self._memory, self._clock, self._trouble = request, market, memory, clock, trouble

    async def table(self, game: Game) -> FeeTable:
        """Raises MarketRefused and ClockSkewed, with which nothing can be asked; BudgetSpent."""
        if self._request.fee is not None:
            return fixed(self._request.fee)
        day = self._clock.seconds() // DAY
        remembered = await self._remembered(game, day)
        if remembered:
            return remembered
        if not self._market.signed:
            return await self._keyless(game, day)
        try:
            return await self._asked(game)
        except (MarketRefused, ClockSkewed):
            raise
        except MarketError as error:
            self._trouble(error, game)
            return ASSUMED

    async def _remembered(self, game: Game, day: int) -> FeeTable | None:
        """The list of reduced fees is new every day."""
        if self._memory is None or self._request.fresh:
            return None
        with suppress(HistoryError):
            answer = await self._memory.fees(game, day * DAY)
            self.reused += answer is not None
            return answer.value if answer else None
        return None

    async def _asked(self, game: Game) -> FeeTable:
        answer = await once_more(partial(self._market.fees, game))
        if self._memory:
            self._memory.note_fees(game, answer)
        return answer.value

    async def _keyless(self, game: Game, day: int) -> FeeTable:
        """One attempt a day and game; that it is refused is no trouble."""
        try:
            if self._memory and await self._memory.fee_attempted(game, day):
                return ASSUMED
            table = await self._asked(game)
        except (MarketError, HistoryError):
            table = ASSUMED
        if self._memory:
            with suppress(HistoryError):
                await self._memory.note_fee_attempt(game, day, answered=table is not ASSUMED)
        return table

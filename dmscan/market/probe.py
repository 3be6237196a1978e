"""The market asked for one page a question, with an ear for what its headers say of the limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from msgspec.structs import replace

from dmscan.clock import Clock
from dmscan.core.checkup import Limit
from dmscan.core.models import FeeRow, FeeSource, FeeTable, Game, Stamped
from dmscan.errors import MarketError, MarketUnavailable, RateLimited
from dmscan.market import wire
from dmscan.market.client import Market
from dmscan.market.endpoints import Call, Endpoint
from dmscan.market.limits import Group, Shown, limits, shown
from dmscan.market.pacing import Pacer, Turn
from dmscan.market.page import Answer, Page
from dmscan.market.sharing import Board
from dmscan.market.transport import Transport

FEE_ROWS = "1000"
QUESTION_S, LEAST_S, IN_ALL_S = 10.0, 1.0, 25.0

T = TypeVar("T")


class Listener(Pacer):
    """Keeps what the last answer of each group said of its limit."""

    def __init__(self, clock: Clock, *, signed: bool, board: Board) -> None:
        super().__init__(clock, signed=signed, board=board)
        self._documented = limits(signed=signed)
        self._heard: dict[Group, Shown] = {}

    @property
    def limits(self) -> Sequence[Limit]:
        return [Limit(group, self._documented[group], seen.limit, seen.remaining) for group, seen in self._heard.items()]

    async def answered(self, turn: Turn, headers: Mapping[str, str]) -> None:
        self._heard[turn.group] = shown(headers)
        await super().answered(turn, headers)


class Impatient(Transport):
    """Waits ten seconds for the answer to a question, and when the market has cost 25 in all for one second: half a minute at most."""

    left_s = IN_ALL_S

    async def ask(self, call: Call, read: Callable[[Answer], T]) -> T:
        began = self.clock.monotonic()
        limit = min(QUESTION_S, max(LEAST_S, self.left_s))
        try:
            async with asyncio.timeout(limit):
                return await super().ask(call, read)
        except TimeoutError as error:
            raise self._no_answer(call, limit) from error
        finally:
            self.left_s -= self.clock.monotonic() - began

    def _no_answer(self, call: Call, limit: float) -> MarketError:
        if self.traffic().rate_limited:
            return RateLimited(f"The market keeps refusing {call.endpoint} for too many requests; try again later.", call.endpoint)
        return MarketUnavailable(
            f"{urlsplit(self.base_url).hostname} did not answer within {limit:.0f} s ({call.endpoint}).", call.endpoint
        )


class Probe(Market):
    """The questions of a scan, but of every list only the first page: one request each."""

    def __init__(self, transport: Transport, listener: Listener) -> None:
        super().__init__(transport)
        self._listener = listener

    @property
    def limits(self) -> Sequence[Limit]:
        return self._listener.limits

    async def fees(self, game: Game) -> Stamped[FeeTable]:
        """The default and the first of the reduced fees, each title with its last row only."""
        query = (("gameId", wire.GAME_IDS[game]), ("limit", FEE_ROWS), ("offset", "0"))
        return await self._transport.ask(Call(Endpoint.FEES, query=query), _fee_table)

    async def _ask(self, call: Call, read: Callable[[Answer], Page[T]]) -> Stamped[Page[T]]:
        page = await super()._ask(call, read)
        return Stamped(replace(page.value, cursor=""), page.at)


def _fee_table(answer: Answer) -> Stamped[FeeTable]:
    fees = wire.fees(answer)
    rows: dict[str, tuple[FeeRow, ...]] = {title: (row,) for title, row in fees.page.rows}
    return Stamped(FeeTable(fees.default, fees.min_amount, FeeSource.DEFAULT, rows, fees.page.skipped), answer.at)

"""The scanner most public bots are: list the titles, then three calls for each of them in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from dmscan.core.judge import judge
from dmscan.core.models import Evidence, FeeTable, Opportunity, Quote
from dmscan.core.report import ScanRequest
from dmscan.market.client import Market
from dmscan.scanner import SIDE_BY_SIDE


class NaiveScan:
    """No screening and no order but the catalogue's, begun `start` titles further on.

    Client, pace, number of workers and rules are dmscan's, so that only the calls and their order differ.
    """

    def __init__(self, request: ScanRequest, market: Market, found: Callable[[Opportunity], None], start: int = 0) -> None:
        self._request, self._market, self._found, self._start = request, market, found, start

    async def run(self) -> None:
        for game in self._request.games:
            fees = (await self._market.fees(game)).value
            quotes = [quote async for page in self._market.catalogue(game) for quote in page.quotes]
            waiting = iter(quotes[self._start :] + quotes[: self._start])
            await asyncio.gather(*(self._visit_all(waiting, fees) for _ in range(SIDE_BY_SIDE)))

    async def _visit_all(self, quotes: Iterator[Quote], fees: FeeTable) -> None:
        for quote in quotes:
            self._judge(await self._ask(quote, fees))

    async def _ask(self, quote: Quote, fees: FeeTable) -> Evidence:
        offers = await self._market.offers(quote.game, quote.title)
        targets = await self._market.targets(quote.game, quote.title)
        sales = await self._market.sales(quote.game, quote.title)
        return Evidence(quote, fees.schedule(quote.title), sales, targets, offers)

    def _judge(self, evidence: Evidence) -> None:
        for pair in self._request.pairs:
            verdict = judge(pair, evidence, self._request.rules)
            for opportunity in verdict if isinstance(verdict, tuple) else ():
                self._found(opportunity)

"""One client for many scans: each counts its own requests, and none shows another's quotes."""

from __future__ import annotations

import pytest

from dmscan.core.models import Game
from dmscan.core.report import Traffic
from dmscan.errors import BudgetSpent
from dmscan.sandbox.server import Sandbox
from dmscan.sandbox.world import World

from inprocess import market_on, still

NOW = 1_795_500_000
WORLD = World(3, NOW, 20, ("cs2",))


async def test_after_a_recount_all_counts_begin_anew_and_quotes_are_asked_again() -> None:
    market, titles = market_on(Sandbox(WORLD, still(NOW)), still(NOW)), list(WORLD.names("cs2"))[:5]
    for _ in range(2):
        await market.quotes(Game.CS2, titles)
        await market.sales(Game.CS2, titles[0])
    assert (market.hits, market.misses, market.traffic().sent, market.traffic().answered) == (2, 2, 2, 2)
    market.recount()
    assert (market.hits, market.misses, market.skipped, market.traffic()) == (0, 0, 0, Traffic())
    await market.quotes(Game.CS2, titles)
    await market.sales(Game.CS2, titles[0])
    assert market.traffic().requests == {"aggregated-prices": 1}
    assert (market.hits, market.misses) == (1, 1)
    await market.close()


async def test_the_most_requests_are_for_each_scan() -> None:
    market, titles = market_on(Sandbox(WORLD, still(NOW)), still(NOW), max_requests=2), iter(WORLD.names("cs2"))
    for _ in range(3):
        for _ in range(2):
            await market.sales(Game.CS2, next(titles))
        with pytest.raises(BudgetSpent):
            await market.sales(Game.CS2, next(titles))
        market.recount()
    await market.close()

"""What became of the own targets that a scan advised: whether sellers took them, and buyers what was bought so, as promised."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from benchmarks import simulated
from benchmarks.figures import Figure, Result, Scope, Table
from benchmarks.naive import BORN_AT, SHARES
from benchmarks.visits import Visitor, request_of
from dmscan.core.models import Entry, Exit, Opportunity
from dmscan.core.rank import rank
from dmscan.sandbox.lives import LivingWorld
from dmscan.sandbox.state import Sale

TITLES = 800
SEEDS = (1, 2, 3)
BEST = 20
DAY = 86_400
WATCHED_DAYS = 28
"""Twice the longest that the default rules let a bid wait and its item be on sale."""
RATE = 20
PATIENCE = (1, 2, 4)
"""Times the promised days: these are means, and of events at random only 63 % come within their mean time."""


class Fate(Struct, frozen=True):
    """An own target, and after how many days it was filled and what it bought was sold; `None` if it never was."""

    promised: Opportunity
    filled: Fraction | None
    sold: Fraction | None

    def is_filled(self, patience: int) -> bool:
        return self.filled is not None and self.filled <= patience * (self.promised.days_to_fill or 0)

    def is_sold(self, patience: int) -> bool:
        return self.sold is not None and self.sold <= patience * (self.promised.days or 0)


def measure(scope: Scope) -> Result:
    markets = scope.markets or ("usual",)
    fates = {market: [fate for seed in SEEDS for fate in run(market, seed, scope.titles or TITLES)] for market in markets}
    rows = [_row(market, patience, fates[market]) for market in markets for patience in PATIENCE]
    head = ("crossed, times the promised days", "bids", "filled", "sold at the price", "share sold", "promised days, median")
    return Result(tuple(_figure(market, fates[market]) for market in markets), (Table("The first rows of each scan", (head, *rows)),))


def run(market: str, seed: int, titles: int) -> list[Fate]:
    """The best own targets of a market, which then lives on without them."""
    world = LivingWorld(seed, BORN_AT, titles, ("cs2",), crossed=market)
    request = replace(request_of((Exit.RELIST,)), entries=(Entry.TARGET,))
    visit = simulated.run(Visitor(world, simulated.still(BORN_AT), rate=RATE).visit(request))
    world.move(BORN_AT + WATCHED_DAYS * DAY)
    return [fate(found, _sales(world, found)) for found in rank(visit.report.opportunities)[:BEST]]


def fate(found: Opportunity, sales: Sequence[Sale]) -> Fate:
    """What the title's sales, the newest first, say of it.

    A seller takes our bid if he sold for no more to another, who bid no more; a buyer takes our offer if he paid no less to another.
    """
    waits = [(sale.at - found.as_of, sale) for sale in reversed(sales) if sale.at > found.as_of and sale.phase == found.phase]
    filled = next((wait for wait, sale in waits if sale.kind == "Target" and sale.price <= found.cost), None)
    later = [(wait, sale) for wait, sale in waits if filled is not None and wait > filled]
    sold = next((wait for wait, sale in later if sale.kind == "Offer" and sale.price >= found.sell), None)
    return Fate(found, _days(filled), _days(sold))


def _sales(world: LivingWorld, found: Opportunity) -> Sequence[Sale]:
    title = world.title(found.game, found.title)
    return title.sales if title else ()


def _days(seconds: int | None) -> Fraction | None:
    return None if seconds is None else Fraction(seconds, DAY)


def _figure(market: str, fates: Sequence[Fate]) -> Figure:
    sold = sum(fate.is_sold(1) for fate in fates)
    return Figure(f"own targets filled and sold as promised, {SHARES[market]}", f"{sold} of {len(fates)}")


def _row(market: str, patience: int, fates: Sequence[Fate]) -> tuple[str, ...]:
    filled, sold = (sum(method(fate, patience) for fate in fates) for method in (Fate.is_filled, Fate.is_sold))
    days = sorted(fate.promised.days or Fraction(0) for fate in fates)
    median = f"{float(days[len(days) // 2]):.1f}" if days else ""
    share = f"{sold / len(fates):.0%}" if fates else ""
    return (f"{SHARES[market]}, {patience} ×", str(len(fates)), str(filled), str(sold), share, median)

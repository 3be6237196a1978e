"""The order of opportunities and what they come to together (design chapter 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dmscan.core.models import Leg, Opportunity
from dmscan.core.report import Totals

CROWD = 50
"""More offers and bids than this make a title no livelier."""

SORTS: dict[str, Callable[[Opportunity], Any]] = {
    "profit-per-day": lambda found: -found.profit_per_day,
    "profit": lambda found: -found.net_profit,
    "roi": lambda found: -found.roi,
    "cost": lambda found: found.cost,
    "days": lambda found: (found.days is None, found.days or 0),
    "title": lambda found: found.title,
    "lively": lambda found: -found.net_profit * min(found.quote.ask_count, found.quote.bid_count, CROWD),
}
"""The choices of `--sort`; among equals the default order holds. Days that are unknown come last."""


def rank(opportunities: Iterable[Opportunity], sort: str = "profit-per-day") -> tuple[Opportunity, ...]:
    """The opportunities in order; none is lost or added."""
    first = SORTS[sort]
    return tuple(sorted(opportunities, key=lambda found: (first(found), -found.profit_per_day, -found.roi, *found.key)))


def totals(opportunities: Iterable[Opportunity]) -> Totals:
    """Capital and net profit in cents, each offer counted once, in its best exit."""
    best: dict[object, Leg] = {}
    for found in opportunities:
        for leg in found.legs:
            key = leg.offer.offer_id if leg.offer else (found.game, found.title, found.phase, found.entry)
            if key not in best or leg.net_profit > best[key].net_profit:
                best[key] = leg
    return Totals(sum(leg.ask for leg in best.values()), sum(leg.net_profit for leg in best.values()))

"""What qualifies a find without hiding it, only from data the verdict needed (design chapter 4.4)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from dmscan.core.fees import DAY, row_at
from dmscan.core.models import Confidence, Entry, Evidence, Exit, Opportunity
from dmscan.core.sales import Support, quantile

FEW = 3
STALE_AFTER = 300
BURST_SALES, BURST_SECONDS = 5, 600


def warnings_of(found: Opportunity, evidence: Evidence, support: Support | None) -> tuple[str, ...]:
    """The names of all warnings that apply, sorted; `support` is there if sales back the price."""
    names = [*_of_quote(found), *_of_legs(found, evidence)]
    if found.exit is Exit.RELIST:
        names += _of_relist(found)
    if found.entry is Entry.TARGET:
        names += _of_own_target(found, evidence)
    if support is not None:
        names += _of_sales(found, support)
    return tuple(sorted(names))


def _of_quote(found: Opportunity) -> Iterator[str]:
    quote = found.quote
    if (quote.bid_count if found.exit is Exit.INSTANT else quote.ask_count) < FEW:
        yield "thin_book"
    if found.as_of - quote.at > STALE_AFTER:
        yield "stale_quote"
    if found.roi > 1:
        yield "roi_suspicious"
    if found.confidence is Confidence.QUOTE:
        yield "restricted_bids_possible"


def _of_relist(found: Opportunity) -> Iterator[str]:
    bid = found.quote.bid
    if bid is None or 2 * found.legs[0].sell > 3 * bid:
        yield "far_above_bid"


def _of_own_target(found: Opportunity, evidence: Evidence) -> Iterator[str]:
    """Where few bid few look for bids; where the best bid is outbid again and again, ours will be too."""
    if found.quote.bid_count < FEW:
        yield "thin_bids"
    if evidence.fast_bids:
        yield "fast_bids"


def _of_legs(found: Opportunity, evidence: Evidence) -> Iterator[str]:
    if any(leg.lock_days for leg in found.legs):
        yield "locked"
        if found.exit is Exit.INSTANT:
            yield "lock_resale_unproven"
    if any(leg.offer and (leg.offer.reversible_until or 0) > found.as_of for leg in found.legs):
        yield "reversible"
    used = [(row_at(evidence.fees, leg.sell, leg.fee_at), leg.fee_at) for leg in found.legs]
    if any(row and row.expires_at - at <= DAY for row, at in used):
        yield "fee_expires_soon"


def _of_sales(found: Opportunity, support: Support) -> Iterator[str]:
    prices = support.prices
    if _burst(support):
        yield "sales_burst"
    newest = sorted(support.sales, key=lambda sale: (-sale.at, sale.price))[:5]
    if 100 * quantile(sorted(sale.price for sale in newest), Fraction(1, 2)) < 93 * support.median:
        yield "falling"
    if 4 * (quantile(prices, Fraction(3, 4)) - quantile(prices, Fraction(1, 4))) > support.median:
        yield "spread_out_sales"
    if any(leg.offer and _worse_float(leg.offer.float_value, support) for leg in found.legs):
        yield "worse_float_than_sales"


def _burst(support: Support) -> bool:
    """At least five sales at one price within ten minutes."""
    by_price: dict[int, list[int]] = {}
    for sale in support.sales:
        by_price.setdefault(sale.price, []).append(sale.at)
    return any(
        last - first <= BURST_SECONDS
        for times in by_price.values()
        for ordered in [sorted(times)]
        for first, last in zip(ordered, ordered[BURST_SALES - 1 :], strict=False)
    )


def _worse_float(value: str | None, support: Support) -> bool:
    """A higher float is a more worn item."""
    floats = [Decimal(sale.float_value) for sale in support.sales if sale.float_value is not None]
    if value is None or not floats:
        return False
    return 4 * sum(known < Decimal(value) for known in floats) >= 3 * len(floats)

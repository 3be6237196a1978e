"""Reasons, warnings and the evidence of a find in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dmscan.core.models import Confidence, Entry, Exit, FeeSource, Opportunity, Reason, Target
from dmscan.render.text import days, dollars, plural, share, visible

REASONS = {
    Reason.EXCLUDED: "excluded by --title or --exclude",
    Reason.NO_ASK: "without an offer",
    Reason.NO_BID: "without a bid",
    Reason.ASK_ABOVE_MAX: "too dear",
    Reason.TOO_FEW_SALES: "with too few sales",
    Reason.CROSSED: "where a bid would reach the cheapest ask",
    Reason.NO_BUYABLE_OFFER: "with nothing to buy in the price range",
    Reason.LOCK_TOO_LONG: "locked too long",
    Reason.NOT_RESELLABLE: "not sellable again",
    Reason.NO_COMPATIBLE_BID: "with bids for other variants only",
    Reason.BELOW_MIN_PROFIT: "earn too little after the fee",
    Reason.BELOW_MIN_ROI: "below the least ROI",
    Reason.TOO_SLOW: "sell too slowly",
    Reason.TOO_FEW_FILLS: "where bids fill too slowly",
    Reason.NOT_CONFIRMED: "not reached yet",
}
"""What stands behind a number of titles."""

REMEDIES = {
    Reason.ASK_ABOVE_MAX: "a higher --max-price",
    Reason.TOO_FEW_SALES: "a lower --min-sales",
    Reason.NO_BUYABLE_OFFER: "other price limits or levels",
    Reason.LOCK_TOO_LONG: "a higher --max-lock-days",
    Reason.BELOW_MIN_PROFIT: "a lower --min-profit",
    Reason.BELOW_MIN_ROI: "a lower --min-roi",
    Reason.TOO_SLOW: "a higher --max-days-to-sell",
    Reason.TOO_FEW_FILLS: "a higher --max-days-to-fill",
    Reason.NOT_CONFIRMED: "a longer --deadline",
}
"""The setting that would let more titles through, where there is one."""

WARNINGS = {
    "thin_bids": "few bids",
    "fast_bids": "bids soon outbid",
    "falling": "price falling",
    "far_above_bid": "far above the bid",
    "fee_expires_soon": "reduced fee ends soon",
    "lock_resale_unproven": "may not sell while locked",
    "locked": "locked",
    "restricted_bids_possible": "bid may be restricted",
    "reversible": "trade may be reversed",
    "roi_suspicious": "too good to be true?",
    "sales_burst": "sales in one burst",
    "spread_out_sales": "sales far apart",
    "stale_quote": "old quote",
    "thin_book": "thin book",
    "worse_float_than_sales": "worse float than those sold",
}


def reason_words(reason: str) -> str:
    """Words for a reason of the contract; one from a later version stands for itself."""
    return REASONS[Reason(reason)] if reason in set(Reason) else _spaced(reason)


def warning_words(found: Opportunity) -> list[str]:
    locked = max((leg.lock_days or 0 for leg in found.legs), default=0)
    words = WARNINGS | {"locked": f"locked {locked} d"}
    return [words.get(warning) or _spaced(warning) for warning in found.warnings]


def evidence(found: Opportunity) -> list[str]:
    """Why the find is believed, in short parts (design chapter 7)."""
    return [*_units(found), *(_bids(found) if found.exit is Exit.INSTANT else _support(found)), *_terms(found)]


def _spaced(name: str) -> str:
    return visible(name.replace("_", " "))


def _units(found: Opportunity) -> Iterator[str]:
    asks = [dollars(leg.ask) for leg in found.legs]
    if len(asks) > 5:
        yield f"{len(asks)} units from {asks[0]} to {asks[-1]}"
    elif len(asks) > 1:
        yield f"{len(asks)} units: {' '.join(asks)}"
    if found.entry is Entry.TARGET:
        yield f"bid {asks[0]}, filled in {days(found.days_to_fill)}" if found.days_to_fill else f"bid {asks[0]}"


def _bids(found: Opportunity) -> Iterator[str]:
    """Each bid sold into once, with what it wants."""
    if found.confidence is Confidence.QUOTE:
        yield f"into the quoted bid, {found.quote.bid_count:,} wanted at all prices"
        return
    for target, units in Counter(leg.target for leg in found.legs if leg.target).items():
        sold = f"{units} into" if found.units > 1 else "into"
        yield f"{sold} a bid of {dollars(target.price)} for {target.amount:,}{_limits(target)}"


def _limits(target: Target) -> str:
    seed = f"seed {target.paint_seed}" if target.paint_seed else None
    limits = [visible(limit) for limit in (target.phase, target.float_part, seed) if limit]
    return f", {' '.join(limits)} only" if limits else ""


def _support(found: Opportunity) -> Iterator[str]:
    price = dollars(found.legs[0].sell)
    if found.confidence is Confidence.QUOTE:
        yield f"the quote alone: {found.quote.bid_count:,} wanted, {found.quote.ask_count:,} on sale, no sales known"
    if found.sales:
        yield f"{found.sales.at_or_above} of {plural(found.sales.qualified, 'sale')} at {price} or more"
    yield f"next ask {dollars(found.next_ask)}" if found.next_ask else "no other ask"


def _terms(found: Opportunity) -> Iterator[str]:
    source = "" if found.fee_source is FeeSource.DEFAULT else f" {found.fee_source}"
    yield f"fee {share(found.fee_fraction)}{source}"
    if found.net_if_renewed not in (None, found.net_profit):
        yield f"a renewed fee would net {dollars(found.net_if_renewed)}"
    if found.net_after_cashout != found.net_profit:
        yield f"{dollars(found.net_after_cashout)} after cash-out"
    if found.max_buy is not None:
        yield f"buy up to {dollars(found.max_buy)}"

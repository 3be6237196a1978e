"""From legs to an opportunity: what is the same for every exit (design chapters 3, 4.4 and 8)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from dmscan.core.fees import break_even, fee, row_at
from dmscan.core.models import Confidence, Entry, Evidence, Exit, FeeSource, Leg, Opportunity, Rules, SalesSummary
from dmscan.core.money import Cents, share_of
from dmscan.core.rules import max_buy
from dmscan.core.sales import Support
from dmscan.core.warnings import warnings_of


class Relisting(Struct, frozen=True):
    """What a relist rests on: the sales, the price asked and the cheapest ask left beside it."""

    support: Support
    price: Cents
    next_ask: Cents | None
    fetched_at: int

    def summary(self) -> SalesSummary:
        sales = self.support
        newest = max(sale.at for sale in sales.sales)
        return SalesSummary(len(sales.prices), sales.median, sales.q40, sales.at_or_above(self.price), newest, self.fetched_at)


def found(evidence: Evidence, rules: Rules, legs: Sequence[Leg], relisting: Relisting | None = None) -> Opportunity:
    """The opportunity of one variant, an instant one unless `relisting` says how its units are offered again."""
    quote, fees, first = evidence.quote, evidence.fees, legs[0]
    row = row_at(fees, first.sell, first.fee_at)
    proceeds = sum(leg.sell - leg.fee for leg in legs)
    opportunity = Opportunity(
        game=quote.game,
        title=quote.title,
        phase=first.offer.phase if first.offer else "",
        entry=Entry.OFFER,
        exit=Exit.RELIST if relisting else Exit.INSTANT,
        confidence=Confidence.CONFIRMED if first.offer else Confidence.QUOTE,
        as_of=evidence.now,
        legs=tuple(legs),
        quote=quote,
        fee_fraction=row.fraction if row else fees.default,
        fee_source=FeeSource.REDUCED if row else fees.default_source,
        break_even=break_even(fees, first.ask, first.fee_at),
        max_buy=max_buy(first.sell - first.fee, rules),
        bail_out=_bail_out(evidence, legs),
        net_after_cashout=proceeds - share_of(proceeds, rules.cashout_fee) - sum(leg.ask for leg in legs),
    )
    if relisting:
        opportunity = _relisted(opportunity, evidence, relisting)
    warnings = warnings_of(opportunity, evidence, relisting.support if relisting else None)
    return msgspec.structs.replace(opportunity, warnings=warnings)


def _relisted(opportunity: Opportunity, evidence: Evidence, relisting: Relisting) -> Opportunity:
    support, price, legs = relisting.support, relisting.price, opportunity.legs
    return msgspec.structs.replace(
        opportunity,
        net_if_renewed=sum(price - fee(evidence.fees, price, evidence.now) - leg.ask for leg in legs),
        hold_days=support.days_to_sell(len(legs), price),
        pace=support.pace(price),
        sales=relisting.summary(),
        next_ask=relisting.next_ask,
    )


def _bail_out(evidence: Evidence, legs: Sequence[Leg]) -> Cents | None:
    """The net result if all units were sold into the quoted bid now: what it costs to be wrong."""
    bid = evidence.quote.bid
    if bid is None:
        return None
    return sum(bid - fee(evidence.fees, bid, evidence.now) - leg.ask for leg in legs)

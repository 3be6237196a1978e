"""From legs to an opportunity: what is the same for every entry and exit (design chapters 3, 4.4 and 8)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import msgspec
from msgspec import Struct

from dmscan.core.fees import break_even, fee, row_at
from dmscan.core.models import Confidence, Entry, Evidence, Exit, FeeSource, Leg, Opportunity, Rules, SalesSummary
from dmscan.core.money import Cents, share_of
from dmscan.core.rules import max_buy
from dmscan.core.sales import Support
from dmscan.core.warnings import warnings_of


class Deal(Struct, frozen=True):
    """How units of a variant are bought and sold.

    A relist has the sales that support its price, none on the quote alone, and the cheapest ask left beside it.
    """

    phase: str
    entry: Entry
    exit: Exit
    legs: tuple[Leg, ...]
    confidence: Confidence = Confidence.CONFIRMED
    support: Support | None = None
    next_ask: Cents | None = None
    days_to_fill: Fraction | None = None


def found(deal: Deal, evidence: Evidence, rules: Rules) -> Opportunity:
    """The opportunity of one variant."""
    quote, fees, legs, first = evidence.quote, evidence.fees, deal.legs, deal.legs[0]
    row = row_at(fees, first.sell, first.fee_at)
    proceeds = sum(leg.sell - leg.fee for leg in legs)
    opportunity = Opportunity(
        game=quote.game,
        title=quote.title,
        phase=deal.phase,
        entry=deal.entry,
        exit=deal.exit,
        confidence=deal.confidence,
        as_of=evidence.now,
        legs=legs,
        quote=quote,
        fee_fraction=row.fraction if row else fees.default,
        fee_source=FeeSource.REDUCED if row else fees.default_source,
        break_even=break_even(fees, first.ask, first.fee_at),
        max_buy=max_buy(first.sell - first.fee, rules),
        bail_out=_bail_out(evidence, legs),
        net_after_cashout=proceeds - share_of(proceeds, rules.cashout_fee) - sum(leg.ask for leg in legs),
        next_ask=deal.next_ask,
        days_to_fill=deal.days_to_fill,
    )
    if deal.exit is Exit.RELIST:
        opportunity = _relisted(opportunity, evidence, deal.support)
    return msgspec.structs.replace(opportunity, warnings=warnings_of(opportunity, evidence, deal.support))


def _relisted(opportunity: Opportunity, evidence: Evidence, support: Support | None) -> Opportunity:
    price, legs = opportunity.legs[0].sell, opportunity.legs
    return msgspec.structs.replace(
        opportunity,
        net_if_renewed=_net_now(evidence, legs, price),
        hold_days=support.days_to_sell(len(legs), price) if support else None,
        pace=support.pace(price) if support else None,
        sales=_summary(support, price, evidence) if support else None,
    )


def _summary(support: Support, price: Cents, evidence: Evidence) -> SalesSummary:
    newest = max(sale.at for sale in support.sales)
    fetched_at = evidence.sales.at if evidence.sales else evidence.now
    return SalesSummary(len(support.prices), support.median, support.q40, support.at_or_above(price), newest, fetched_at)


def _bail_out(evidence: Evidence, legs: Sequence[Leg]) -> Cents | None:
    """The net result if all units were sold into the quoted bid now: what it costs to be wrong."""
    bid = evidence.quote.bid
    return None if bid is None else _net_now(evidence, legs, bid)


def _net_now(evidence: Evidence, legs: Sequence[Leg], price: Cents) -> Cents:
    """The net result if every unit were sold at `price` with the fee that holds now."""
    return sum(price - fee(evidence.fees, price, evidence.now) - leg.ask for leg in legs)

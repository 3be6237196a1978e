"""One unit bought by an own target that waits, and offered again at a price that past sales support (design chapter 4.5)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from functools import reduce

from msgspec import Struct
from msgspec.structs import replace

from dmscan.core.fees import DAY, fee, most_proceeds
from dmscan.core.found import Deal, found
from dmscan.core.models import Confidence, Entry, Evidence, Exit, FeeAt, Leg, Need, Opportunity, PriceBand, Reason, Rules, Target
from dmscan.core.money import Cents
from dmscan.core.offers import cheapest_rival
from dmscan.core.rules import band_of, later, refusal, refusal_at_best
from dmscan.core.sales import Support, newest_fills, newest_offers, support
from dmscan.core.screen import screen_target

IF_THE_SPREAD_PAYS = (Need.SALES, Need.TARGETS, Need.FILLS, Need.OFFERS)
IF_IT_DOES_NOT = (Need.OFFERS, Need.TARGETS, Need.SALES, Need.FILLS)
LEAST_COST: Cents = 2
"""A cent above the least bid there can be."""


class Variant(Struct, frozen=True):
    """What is known of a variant by now; `None` is not asked yet, or for `next_ask` that nobody else offers one."""

    phase: str
    sales: Support | None
    fills: Support | None
    next_ask: Cents | None

    @property
    def price(self) -> Cents | None:
        """What it is offered for, as far as is known: more it will never be."""
        bounds = [self.sales.q40] if self.sales else []
        if self.next_ask is not None:
            bounds.append(self.next_ask - 1)
        return min(bounds, default=None)


def judge_target(evidence: Evidence, rules: Rules) -> tuple[Opportunity, ...] | Reason | Need:
    """The finds of a title, one per variant; or why there is none; or what must be asked to tell.

    Whatever the order of the answers: what is known refuses all that is left, or what is missing and most likely decides is asked.
    """
    costs = screen_target(evidence.quote, rules) or costs_left(evidence, rules)
    if isinstance(costs, Reason):
        return costs
    judged = [(variant, _refusal(variant, evidence, costs)) for variant in variants(evidence)]
    left = [variant for variant, reason in judged if reason is None]
    if not left:
        return reduce(later, [reason for _, reason in judged if reason] or [Reason.NO_BUYABLE_OFFER])
    deals = [deal for variant in left if (deal := deal_of(variant, evidence, costs))]
    return _missing(evidence, rules) or tuple(found(deal, evidence, rules) for deal in deals)


def judge_spread(evidence: Evidence, rules: Rules) -> tuple[Opportunity, ...] | Reason:
    """Without a key: one unit, a cent above the quoted bid, offered a cent below the quoted ask (design chapter 4)."""
    leg = _spread(evidence, rules)
    if isinstance(leg, Reason):
        return leg
    deal = Deal("", Entry.TARGET, Exit.RELIST, (leg,), Confidence.QUOTE, next_ask=evidence.quote.ask)
    return (found(deal, evidence, rules),)


def own_bid(targets: Iterable[Target]) -> Cents | None:
    """What outbids every target without limits by a cent; `None` if there is none to go by."""
    bids = (target.price for target in targets if target.float_part is None and target.phase is None and target.paint_seed is None)
    best = max(bids, default=None)
    return None if best is None else best + 1


def _spread(evidence: Evidence, rules: Rules) -> Leg | Reason:
    """What the quote alone promises."""
    quote = evidence.quote
    reason = screen_target(quote, rules)
    if reason or quote.ask is None or quote.bid is None:
        return reason or Reason.NO_BID
    leg = spread_leg(quote.bid, quote.ask, evidence, rules)
    if leg.ask >= quote.ask:
        return Reason.CROSSED
    band = band_of(leg.ask, rules)
    if band is None:
        return Reason.NO_BUYABLE_OFFER
    return refusal(leg.net_profit, leg.ask, band, rules) or leg


def spread_leg(bid: Cents, ask: Cents, evidence: Evidence, rules: Rules) -> Leg:
    """A cent above the bid, sold a cent below the ask, a day later at the least."""
    fee_at = _fee_at(Fraction(1), evidence, rules)
    return Leg(bid + 1, ask - 1, fee(evidence.fees, ask - 1, fee_at), fee_at)


def costs_left(evidence: Evidence, rules: Rules) -> Rules | Reason:
    """The rules with bands of the costs that are still possible: once the targets are known, of one."""
    if evidence.targets is None:
        return rules
    cost = own_bid(evidence.targets.value)
    if cost is None:
        return Reason.NO_BID
    band = band_of(cost, rules)
    return replace(rules, bands=(PriceBand(cost, cost, band.min_roi),)) if band else Reason.NO_BUYABLE_OFFER


def variants(evidence: Evidence) -> Iterable[Variant]:
    """Those that others offer. Before the offers are known "" stands for all of which no sale is known."""
    sales = newest_offers(evidence.sales.value) if evidence.sales else ()
    fills = newest_fills(evidence.fills.value) if evidence.fills else ()
    offers = evidence.offers.value if evidence.offers else ()
    listed = [offer.phase for offer in offers if not offer.p2p] if evidence.offers else ["", *(row.phase for row in (*sales, *fills))]
    for phase in dict.fromkeys(listed):
        sold = support(sales, phase, evidence.now) if evidence.sales else None
        filled = support(fills, phase, evidence.now) if evidence.fills else None
        yield Variant(phase, sold, filled, cheapest_rival(offers, phase))


def _refusal(variant: Variant, evidence: Evidence, costs: Rules) -> Reason | None:
    """The first rule that a variant misses whatever else is asked; if nothing is left to ask, that it misses at all."""
    least = max(costs.bands[0].low, LEAST_COST)
    if variant.sales and len(variant.sales.prices) < costs.min_sales:
        return Reason.TOO_FEW_SALES
    if variant.next_ask is not None and least >= variant.next_ask:
        return Reason.CROSSED
    rules = (_refusal_at_best, _refusal_by_pace, _refusal_at_last)
    return next((reason for rule in rules if (reason := rule(variant, evidence, costs))), None)


def _refusal_at_best(variant: Variant, evidence: Evidence, costs: Rules) -> Reason | None:
    """Sold at the best price with the least fee, none of the costs may leave enough."""
    if variant.price is None:
        return None
    return refusal_at_best(most_proceeds(evidence.fees, variant.price, evidence.now), LEAST_COST, costs)


def _refusal_by_pace(variant: Variant, evidence: Evidence, costs: Rules) -> Reason | None:
    """Sales and offers tell how long one waits for a buyer, fills and targets how long for a seller."""
    sales, fills, price = variant.sales, variant.fills, variant.price
    if sales and price and evidence.offers and sales.window > costs.max_days_to_sell * DAY * sales.at_or_above(price):
        return Reason.TOO_SLOW
    if fills and evidence.targets and fills.window > costs.max_days_to_fill * DAY * fills.at_or_below(costs.bands[0].low):
        return Reason.TOO_FEW_FILLS
    return None


def _refusal_at_last(variant: Variant, evidence: Evidence, costs: Rules) -> Reason | None:
    """With the fee of the very day of sale."""
    deal = deal_of(variant, evidence, costs)
    return refusal(deal.legs[0].net_profit, deal.legs[0].ask, costs.bands[0], costs) if deal else None


def deal_of(variant: Variant, evidence: Evidence, costs: Rules) -> Deal | None:
    """What is bought and sold; `None` while anything that it rests on is not known."""
    sales, fills, price, cost = variant.sales, variant.fills, variant.price, costs.bands[0].low
    if evidence.unasked or sales is None or fills is None or price is None:
        return None
    days_to_fill = fills.days_to_fill(cost)
    fee_at = _fee_at(days_to_fill + sales.days_to_sell(1, price), evidence, costs)
    leg = Leg(cost, price, fee(evidence.fees, price, fee_at), fee_at)
    return Deal(variant.phase, Entry.TARGET, Exit.RELIST, (leg,), support=sales, next_ask=variant.next_ask, days_to_fill=days_to_fill)


def _fee_at(days: Fraction, evidence: Evidence, rules: Rules) -> int:
    """When the rows must hold that rule a sale in so many days."""
    return evidence.now + DAY * math.ceil(days) if rules.fee_at is FeeAt.SALE else evidence.now


def _missing(evidence: Evidence, rules: Rules) -> Need | None:
    """What most likely decides: the sales if the spread on the quote would pay, else how much of it there really is."""
    order = IF_THE_SPREAD_PAYS if isinstance(_spread(evidence, rules), Leg) else IF_IT_DOES_NOT
    unasked = evidence.unasked
    return next((need for need in order if need in unasked), None)

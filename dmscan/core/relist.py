"""Offers bought and offered again at a price that past sales support (design chapter 4.3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce

from msgspec import Struct

from dmscan.core.fees import DAY, fee, most_proceeds
from dmscan.core.found import Deal, found
from dmscan.core.models import Entry, Evidence, Exit, FeeAt, Leg, Need, Offer, Opportunity, Reason, Rules, Sale
from dmscan.core.money import Cents
from dmscan.core.offers import buyable, cheapest_rival, lock_days
from dmscan.core.rules import band_of, later, refusal, refusal_at_best
from dmscan.core.sales import Support, newest_offers, support
from dmscan.core.screen import screen_relist


class Relisting(Struct, frozen=True):
    """How units are offered again: on which sales, at which price and beside which cheapest ask."""

    support: Support
    price: Cents
    next_ask: Cents | None


def judge_relist(evidence: Evidence, rules: Rules) -> tuple[Opportunity, ...] | Reason | Need:
    """The finds of a title, one per variant; or why there is none; or what must be asked to tell."""
    reason = screen_relist(evidence.quote, rules)
    if reason:
        return reason
    if evidence.sales is None:
        return Need.SALES
    rows = newest_offers(evidence.sales.value)
    if evidence.offers is None:
        return _refused_by_sales(evidence, rows, rules) or Need.OFFERS
    offers, furthest = buyable(evidence.offers.value, rules, evidence.now)
    opportunities = []
    for phase in dict.fromkeys(offer.phase for offer in evidence.offers.value):
        verdict = _judge_variant(evidence, rules, support(rows, phase, evidence.now), [o for o in offers if o.phase == phase])
        if isinstance(verdict, Opportunity):
            opportunities.append(verdict)
        else:
            furthest = later(furthest, verdict)
    return tuple(opportunities) or furthest


def _refused_by_sales(evidence: Evidence, rows: Sequence[Sale], rules: Rules) -> Reason | None:
    """The sales alone may already show that no variant can pass: none is ever sold above its q40."""
    furthest = Reason.TOO_FEW_SALES
    for phase in {sale.phase for sale in rows}:
        sales = support(rows, phase, evidence.now)
        if len(sales.prices) < rules.min_sales:
            continue
        reason = refusal_at_best(most_proceeds(evidence.fees, sales.q40, evidence.now), evidence.quote.ask or 0, rules)
        if reason is None:
            return None
        furthest = later(furthest, reason)
    return furthest


def _judge_variant(evidence: Evidence, rules: Rules, sales: Support, offers: Sequence[Offer]) -> Opportunity | Reason:
    """Tries every number of units and takes the admissible one with the most profit, the smallest on a tie."""
    if len(sales.prices) < rules.min_sales:
        return Reason.TOO_FEW_SALES
    best: tuple[list[Leg], Relisting] | None = None
    furthest = Reason.TOO_FEW_SALES
    for legs, relisting, reason in attempts(evidence, rules, sales, offers):
        if reason:
            furthest = later(furthest, reason)
        elif best is None or _profit(legs) > _profit(best[0]):
            best = (legs, relisting)
    return found(_deal(*best), evidence, rules) if best else furthest


def attempts(
    evidence: Evidence, rules: Rules, sales: Support, offers: Sequence[Offer]
) -> Iterator[tuple[list[Leg], Relisting, Reason | None]]:
    """One unit of a variant after another: the legs of so many, how they are offered again, and why not if they must not be."""
    for units in range(1, min(rules.max_units, len(offers)) + 1):
        bought = offers[:units]
        relisting = _relisting(evidence, sales, bought)
        legs = [_leg(offer, place, relisting, evidence, rules) for place, offer in enumerate(bought, start=1)]
        yield legs, relisting, _refusal(legs, relisting, rules)


def _relisting(evidence: Evidence, sales: Support, bought: Sequence[Offer]) -> Relisting:
    """The price asked: the q40 of the sales, but a cent below the cheapest ask that would stand beside it."""
    taken = {offer.offer_id for offer in bought}
    next_ask = cheapest_rival(evidence.offers.value if evidence.offers else (), bought[0].phase, taken)
    price = sales.q40 if next_ask is None else min(sales.q40, next_ask - 1)
    return Relisting(sales, price, next_ask)


def _deal(legs: Sequence[Leg], relisting: Relisting) -> Deal:
    phase = legs[0].offer.phase if legs[0].offer else ""
    return Deal(phase, Entry.OFFER, Exit.RELIST, tuple(legs), support=relisting.support, next_ask=relisting.next_ask)


def _leg(offer: Offer, place: int, relisting: Relisting, evidence: Evidence, rules: Rules) -> Leg:
    price, now = relisting.price, evidence.now
    sold_at = now + DAY * math.ceil(relisting.support.days_to_sell(place, price))
    fee_at = sold_at if rules.fee_at is FeeAt.SALE else now
    return Leg(offer.price, price, fee(evidence.fees, price, fee_at), fee_at, offer, None, lock_days(offer, now))


def _refusal(legs: Sequence[Leg], relisting: Relisting, rules: Rules) -> Reason | None:
    """The furthest rule that a leg misses, the days to sell the last one included."""
    reasons = [reason for leg in legs if (reason := _leg_refusal(leg, rules))]
    if reasons:
        return reduce(later, reasons)
    too_slow = relisting.support.days_to_sell(len(legs), relisting.price) > rules.max_days_to_sell
    return Reason.TOO_SLOW if too_slow else None


def _leg_refusal(leg: Leg, rules: Rules) -> Reason | None:
    band = band_of(leg.ask, rules)
    return refusal(leg.net_profit, leg.ask, band, rules) if band else Reason.NO_BUYABLE_OFFER


def _profit(legs: Iterable[Leg]) -> Cents:
    return sum(leg.net_profit for leg in legs)

"""Offers bought and sold into targets at once (design chapter 4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dmscan.core.fees import fee, most_proceeds
from dmscan.core.found import found
from dmscan.core.models import Evidence, Leg, Need, Offer, Opportunity, Reason, Rules, Target
from dmscan.core.offers import buyable, lock_days
from dmscan.core.rules import band_of, later, refusal, refusal_at_best
from dmscan.core.screen import screen_instant


def judge_instant(evidence: Evidence, rules: Rules) -> tuple[Opportunity, ...] | Reason | Need:
    """The finds of a title, one per variant; or why there is none; or what must be asked to tell."""
    reason = screen_instant(evidence.quote, evidence.fees, rules)
    if reason:
        return reason
    if evidence.targets is None:
        return Need.TARGETS
    if evidence.offers is None:
        return _refused_by_targets(evidence, evidence.targets.value, rules) or Need.OFFERS
    offers, reason = buyable(evidence.offers.value, rules, evidence.now)
    legs, furthest = _match(offers, evidence, rules)
    if not legs:
        return later(reason, furthest)
    phases = dict.fromkeys(leg.offer.phase for leg in legs if leg.offer)
    return tuple(found(evidence, rules, [leg for leg in legs if leg.offer and leg.offer.phase == phase]) for phase in phases)


def judge_quote(evidence: Evidence, rules: Rules) -> tuple[Opportunity, ...] | Reason:
    """Without a key: one unit from the quoted ask into the quoted bid (design chapter 4)."""
    quote, now = evidence.quote, evidence.now
    reason = screen_instant(quote, evidence.fees, rules)
    if reason or quote.ask is None or quote.bid is None:
        return reason or Reason.NO_BID
    band = band_of(quote.ask, rules)
    if band is None:
        return Reason.NO_BUYABLE_OFFER
    leg = Leg(ask=quote.ask, sell=quote.bid, fee=fee(evidence.fees, quote.bid, now), fee_at=now, lock_days=None)
    return refusal(leg.net_profit, leg.ask, band, rules) or (found(evidence, rules, [leg]),)


def compatible(offer: Offer, target: Target) -> bool:
    """Whether the item meets every limit of the target; an unknown attribute meets none."""
    return (
        (target.phase is None or target.phase == offer.phase)
        and (target.float_part is None or target.float_part == offer.float_part)
        and (target.paint_seed is None or target.paint_seed == offer.paint_seed)
    )


def _match(offers: Sequence[Offer], evidence: Evidence, rules: Rules) -> tuple[list[Leg], Reason]:
    """Each offer in turn takes a unit of the best target it fits; a leg that does not pay takes none."""
    targets = sorted(evidence.targets.value if evidence.targets else (), key=_preference)
    left = [target.amount for target in targets]
    legs: list[Leg] = []
    furthest = Reason.NO_BUYABLE_OFFER
    for offer in offers:
        place = next((i for i, target in enumerate(targets) if left[i] and compatible(offer, target)), None)
        leg = None if place is None else _leg(offer, targets[place], evidence)
        reason = _refusal(leg, rules)
        if reason is None and leg and place is not None:
            left[place] -= 1
            legs.append(leg)
        else:
            furthest = later(furthest, reason or furthest)
    return legs, furthest


def _leg(offer: Offer, target: Target, evidence: Evidence) -> Leg:
    now = evidence.now
    return Leg(offer.price, target.price, fee(evidence.fees, target.price, now), now, offer, target, lock_days(offer, now))


def _refusal(leg: Leg | None, rules: Rules) -> Reason | None:
    if leg is None:
        return Reason.NO_COMPATIBLE_BID
    band = band_of(leg.ask, rules)
    return refusal(leg.net_profit, leg.ask, band, rules) if band else Reason.NO_BUYABLE_OFFER


def _preference(target: Target) -> tuple[int, int, str, str, str, int]:
    """The dearest first, then the more limited, then by limits as text: the service's own order never matters."""
    limits = (target.float_part or "", target.phase or "", target.paint_seed or "")
    return (-target.price, -sum(map(bool, limits)), *limits, target.amount)


def _refused_by_targets(evidence: Evidence, targets: Iterable[Target], rules: Rules) -> Reason | None:
    """The targets themselves may already show that no unit can pay."""
    quote, prices = evidence.quote, {target.price for target in targets}
    if not prices or quote.ask is None:
        return Reason.NO_COMPATIBLE_BID
    best = max(most_proceeds(evidence.fees, price, evidence.now) for price in prices)
    return refusal_at_best(best, quote.ask, rules)

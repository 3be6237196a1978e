"""Offers bought and sold into targets at once (design chapter 4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce

from dmscan.core.fees import fee, most_proceeds
from dmscan.core.found import Deal, found
from dmscan.core.models import Confidence, Entry, Evidence, Exit, Leg, Need, Offer, Opportunity, Reason, Rules, Target
from dmscan.core.offers import buyable, lock_days
from dmscan.core.rules import band_of, later, refusal, refusal_at_best
from dmscan.core.screen import screen_instant


def judge_instant(evidence: Evidence, rules: Rules) -> tuple[Opportunity, ...] | Reason | Need:
    """The finds of a title, one per variant; or why there is none; or what must be asked to tell."""
    reason = screen_instant(evidence.quote, evidence.fees, rules)
    if reason:
        return reason
    if evidence.offers is None:
        refused = evidence.targets and _refused_by_targets(evidence, evidence.targets.value, rules)
        return refused or Need.OFFERS
    offers, reason = buyable(evidence.offers.value, rules, evidence.now)
    if evidence.targets is None:
        return _refused_by_offers(evidence, offers, reason, rules) or Need.TARGETS
    legs, furthest = _match(offers, evidence, rules)
    if not legs:
        return later(reason, furthest)
    variants: dict[str, list[Leg]] = {}
    for leg in legs:
        variants.setdefault(leg.offer.phase if leg.offer else "", []).append(leg)
    return tuple(found(Deal(phase, Entry.OFFER, Exit.INSTANT, tuple(sold)), evidence, rules) for phase, sold in variants.items())


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
    deal = Deal("", Entry.OFFER, Exit.INSTANT, (leg,), Confidence.QUOTE)
    return refusal(leg.net_profit, leg.ask, band, rules) or (found(deal, evidence, rules),)


def compatible(offer: Offer, target: Target) -> bool:
    """Whether the item meets every limit of the target; an unknown attribute meets none."""
    return (
        (target.phase is None or target.phase == offer.phase)
        and (target.float_part is None or target.float_part == offer.float_part)
        and (target.paint_seed is None or target.paint_seed == offer.paint_seed)
    )


def attempts(offers: Sequence[Offer], evidence: Evidence, rules: Rules) -> Iterator[tuple[Offer, Leg | None, Reason | None]]:
    """Each offer in turn takes a unit of the best target it fits; a leg that does not pay takes none, and says why."""
    targets = sorted(evidence.targets.value if evidence.targets else (), key=_preference)
    left = [target.amount for target in targets]
    for offer in offers:
        place = next((i for i, target in enumerate(targets) if left[i] and compatible(offer, target)), None)
        leg = None if place is None else _leg(offer, targets[place], evidence)
        reason = _refusal(leg, rules)
        if reason is None and place is not None:
            left[place] -= 1
        yield offer, leg, reason


def _match(offers: Sequence[Offer], evidence: Evidence, rules: Rules) -> tuple[list[Leg], Reason]:
    """The legs that pay, and the furthest reason why others do not."""
    tried = list(attempts(offers, evidence, rules))
    furthest = reduce(later, (reason for _, _, reason in tried if reason), Reason.NO_BUYABLE_OFFER)
    return [leg for _, leg, reason in tried if leg and reason is None], furthest


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


def _refused_by_offers(evidence: Evidence, offers: Sequence[Offer], reason: Reason, rules: Rules) -> Reason | None:
    """Sold at the quoted bid, which no target exceeds, none of the offers may pay."""
    best = most_proceeds(evidence.fees, evidence.quote.bid or 0, evidence.now)
    for offer in offers:
        band = band_of(offer.price, rules)
        refused = refusal(best - offer.price, offer.price, band, rules) if band else Reason.NO_BUYABLE_OFFER
        if refused is None:
            return None
        reason = later(reason, refused)
    return reason


def _refused_by_targets(evidence: Evidence, targets: Iterable[Target], rules: Rules) -> Reason | None:
    """The targets themselves may already show that no unit can pay."""
    quote, prices = evidence.quote, {target.price for target in targets}
    if not prices or quote.ask is None:
        return Reason.NO_COMPATIBLE_BID
    best = max(most_proceeds(evidence.fees, price, evidence.now) for price in prices)
    return refusal_at_best(best, quote.ask, rules)

"""Which offers can be bought, in which order (design chapter 4.1), and which compete (design chapter 4.3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import reduce

from dmscan.core.fees import DAY
from dmscan.core.models import Offer, Reason, Rules
from dmscan.core.money import Cents
from dmscan.core.rules import band_of, later


def lock_days(offer: Offer, now: int) -> int:
    """Days until the item may leave for Steam, rounded up."""
    return 0 if offer.unlock_at is None else max(0, -((now - offer.unlock_at) // DAY))


def obstacle(offer: Offer, rules: Rules, now: int) -> Reason | None:
    """Why an offer is not buyable; `None` if it is."""
    if offer.p2p or offer.reserved or band_of(offer.price, rules) is None:
        return Reason.NO_BUYABLE_OFFER
    if rules.max_lock_days is not None and lock_days(offer, now) > rules.max_lock_days:
        return Reason.LOCK_TOO_LONG
    return None if offer.resellable else Reason.NOT_RESELLABLE


def buyable(offers: Iterable[Offer], rules: Rules, now: int) -> tuple[tuple[Offer, ...], Reason]:
    """The buyable offers by (price, createdAt, offerId), and the furthest reason why others are not or why there are none."""
    looked_at = [(offer, obstacle(offer, rules, now)) for offer in offers]
    kept = [offer for offer, reason in looked_at if reason is None]
    least = Reason.EXCLUDED if kept else Reason.NO_BUYABLE_OFFER
    furthest = reduce(later, (reason for _, reason in looked_at if reason), least)
    return tuple(sorted(kept, key=lambda offer: (offer.price, offer.created_at, offer.offer_id))), furthest


def cheapest_rival(offers: Iterable[Offer], phase: str, bought: Collection[str] = ()) -> Cents | None:
    """The least ask that a new one of the phase would stand beside, whatever its price, lock or restriction; `bought` are offer ids."""
    asks = (offer.price for offer in offers if offer.phase == phase and not offer.reserved and offer.offer_id not in bought)
    return min(asks, default=None)

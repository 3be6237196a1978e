"""The rules by name, and those that every offer bought must meet (design chapter 4.1)."""

from __future__ import annotations

from collections.abc import Iterator

from dmscan.core.checks import Check, Checks, Unit, at_least, at_most, first_failed, holds, in_bands
from dmscan.core.models import Evidence, Need, Offer, PriceBand, Reason, Rules
from dmscan.core.money import Cents
from dmscan.core.offers import lock_days
from dmscan.core.rules import band_of

ASK = ("ask", Reason.NO_ASK, Unit.CENTS)
BID = ("bid", Reason.NO_BID, Unit.CENTS)
MAX_PRICE = ("max_price", Reason.ASK_ABOVE_MAX, Unit.CENTS)
MIN_PRICE = ("min_price", Reason.NO_BUYABLE_OFFER, Unit.CENTS)
OFFERS = ("offers", Reason.NO_BUYABLE_OFFER, Unit.COUNT)
FOR_SALE = ("for_sale", Reason.NO_BUYABLE_OFFER, Unit.COUNT)
PRICE = ("price", Reason.NO_BUYABLE_OFFER, Unit.CENTS)
LOCK = ("max_lock_days", Reason.LOCK_TOO_LONG, Unit.DAYS)
RESELLABLE = ("resellable", Reason.NOT_RESELLABLE, Unit.COUNT)
COMPATIBLE = ("compatible_bid", Reason.NO_COMPATIBLE_BID, Unit.CENTS)
SALES = ("min_sales", Reason.TOO_FEW_SALES, Unit.COUNT)
CROSSED = ("next_ask", Reason.CROSSED, Unit.CENTS)
DAYS_TO_SELL = ("max_days_to_sell", Reason.TOO_SLOW, Unit.DAYS)
DAYS_TO_FILL = ("max_days_to_fill", Reason.TOO_FEW_FILLS, Unit.DAYS)


def not_buyable(evidence: Evidence, rules: Rules) -> Iterator[Checks]:
    for offer in evidence.offers.value if evidence.offers else ():
        checks = obstacles(offer, evidence, rules)
        if first_failed(checks):
            yield checks


def obstacles(offer: Offer, evidence: Evidence, rules: Rules) -> Checks:
    """What a buyable offer must be (design chapter 4.1)."""
    why = "P2P offers cannot be bought" if offer.p2p else "reserved by a running trade" if offer.reserved else ""
    return (
        holds(FOR_SALE, not why, why),
        in_bands(PRICE, offer.price, rules.bands, offer.phase),
        at_most(LOCK, lock_days(offer, evidence.now), rules.max_lock_days),
        holds(RESELLABLE, offer.resellable, "" if offer.resellable else "it cannot be sold again"),
    )


def no_offers() -> Check:
    return at_least(OFFERS, 0, 1, "nothing is offered")


def known_band(price: Cents, rules: Rules) -> PriceBand:
    """That of a price which is known to lie in one."""
    return band_of(price, rules) or rules.bands[0]


def not_asked(need: Need) -> str:
    return f"the {need} are not known yet"

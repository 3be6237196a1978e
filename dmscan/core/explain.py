"""Every rule that a verdict rests on, in the order in which it is looked at (design chapters 4 and 7).

The verdict itself is always that of `judge`. Of the offers, variants and numbers of units of a title the rules are shown for the one
that came furthest: the first rule it misses is the reason that `judge` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from dmscan.core import instant
from dmscan.core.checks import Checks, at_most, first_failed, furthest, holds, in_bands, pays, pays_at_best, there_is, unknown
from dmscan.core.fees import fee, most_proceeds
from dmscan.core.models import Entry, Evidence, Exit, Need, Rules
from dmscan.core.offers import buyable
from dmscan.core.report import Pair
from dmscan.core.resale import explain_relist, explain_spread, explain_target
from dmscan.core.rules import refusal_at_best
from dmscan.core.standards import (
    ASK,
    BID,
    COMPATIBLE,
    MAX_PRICE,
    OFFERS,
    PRICE,
    known_band,
    no_offers,
    not_asked,
    not_buyable,
    obstacles,
)

AT_THE_QUOTE = "at best: bought at the quoted ask, sold at the quoted bid"


def explain(pair: Pair, evidence: Evidence, rules: Rules, signed: bool = True) -> Checks:
    """The rules with value, limit and margin (cents, exact shares and days).

    The first that fails has the reason of `judge`; all pass exactly if it finds something; otherwise one of them is not known yet.
    """
    return (SIGNED if signed else UNSIGNED)[pair](evidence, rules)


def _instant_quote(evidence: Evidence, rules: Rules) -> Checks:
    """Before the fee first, because what fails before it fails after it."""
    quote = evidence.quote
    if quote.ask is None or quote.bid is None:
        return (there_is(ASK, quote.ask), there_is(BID, quote.bid))
    highest = at_most(MAX_PRICE, quote.ask, rules.bands[-1].high)
    checks = (there_is(ASK, quote.ask), there_is(BID, quote.bid), highest)
    if not highest.passed:
        return checks
    if refusal_at_best(quote.bid, quote.ask, rules):
        return (*checks, *pays_at_best(quote.bid, quote.ask, rules, f"{AT_THE_QUOTE}, before any fee"))
    best = most_proceeds(evidence.fees, quote.bid, quote.at)
    return (*checks, *pays_at_best(best, quote.ask, rules, f"{AT_THE_QUOTE}, least fee"))


def _instant(evidence: Evidence, rules: Rules) -> Checks:
    on_quote = _instant_quote(evidence, rules)
    if first_failed(on_quote):
        return on_quote
    if evidence.offers is None:
        return (*on_quote, *_by_targets(evidence, rules))
    attempts = [*not_buyable(evidence, rules), *_sold_at_once(evidence, rules)]
    return (*on_quote, *(furthest(attempts) if attempts else (no_offers(),)))


def _by_targets(evidence: Evidence, rules: Rules) -> Checks:
    """Before the offers are known: the best target may already be too low."""
    missing = unknown(OFFERS, not_asked(Need.OFFERS))
    if evidence.targets is None:
        return (missing,)
    prices = {one.price for one in evidence.targets.value}
    if not prices:
        return (holds(COMPATIBLE, False, "there are no targets"),)
    best = max(most_proceeds(evidence.fees, price, evidence.now) for price in prices)
    return (*pays_at_best(best, evidence.quote.ask or 0, rules, "at best: the best target, the quoted ask"), missing)


def _sold_at_once(evidence: Evidence, rules: Rules) -> Iterator[Checks]:
    """Every buyable offer with the target it is left with."""
    offers, _ = buyable(evidence.offers.value if evidence.offers else (), rules, evidence.now)
    if evidence.targets is None:
        best = most_proceeds(evidence.fees, evidence.quote.bid or 0, evidence.now)
        missing = unknown(COMPATIBLE, not_asked(Need.TARGETS))
        for offer in offers:
            at_best = pays(best - offer.price, offer.price, known_band(offer.price, rules), rules, "at best: sold at the quoted bid")
            yield (*obstacles(offer, evidence, rules), *at_best, missing)
        return
    for offer, leg, _ in instant.attempts(offers, evidence, rules):
        bid = there_is(COMPATIBLE, leg.sell if leg else None, "" if leg else "no target is left that takes this item")
        paid = pays(leg.net_profit, leg.ask, known_band(leg.ask, rules), rules) if leg else ()
        yield (*obstacles(offer, evidence, rules), bid, *paid)


def _instant_unsigned(evidence: Evidence, rules: Rules) -> Checks:
    on_quote, quote = _instant_quote(evidence, rules), evidence.quote
    if first_failed(on_quote) or quote.ask is None or quote.bid is None:
        return on_quote
    price = in_bands(PRICE, quote.ask, rules.bands)
    if not price.passed:
        return (*on_quote, price)
    profit = quote.bid - fee(evidence.fees, quote.bid, evidence.now) - quote.ask
    return (*on_quote, price, *pays(profit, quote.ask, known_band(quote.ask, rules), rules))


SIGNED: Mapping[Pair, Callable[[Evidence, Rules], Checks]] = {
    (Entry.OFFER, Exit.INSTANT): _instant,
    (Entry.OFFER, Exit.RELIST): explain_relist,
    (Entry.TARGET, Exit.RELIST): explain_target,
}
UNSIGNED: Mapping[Pair, Callable[[Evidence, Rules], Checks]] = {
    **SIGNED,
    (Entry.OFFER, Exit.INSTANT): _instant_unsigned,
    (Entry.TARGET, Exit.RELIST): explain_spread,
}

"""The rules of what is offered again, whether an offer or an own target brought it (design chapters 4.3 and 4.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from dmscan.core import relist, target
from dmscan.core.checks import (
    Check,
    Checks,
    Rule,
    Unit,
    at_least,
    at_most,
    first_failed,
    furthest,
    in_bands,
    pays,
    pays_at_best,
    there_is,
    unknown,
)
from dmscan.core.fees import DAY, most_proceeds
from dmscan.core.games import has_phases
from dmscan.core.models import Evidence, Leg, Need, Reason, Rules
from dmscan.core.money import Cents
from dmscan.core.offers import buyable
from dmscan.core.sales import Support, newest_offers, support
from dmscan.core.standards import (
    ASK,
    BID,
    CROSSED,
    DAYS_TO_FILL,
    DAYS_TO_SELL,
    MAX_PRICE,
    MIN_PRICE,
    OFFERS,
    PRICE,
    SALES,
    known_band,
    no_offers,
    not_asked,
    not_buyable,
    obstacles,
)

NEEDED: Mapping[Need, Rule] = {Need.SALES: SALES, Need.TARGETS: BID, Need.FILLS: DAYS_TO_FILL, Need.OFFERS: OFFERS}
"""The rule that waits for an answer."""


def explain_relist(evidence: Evidence, rules: Rules) -> Checks:
    on_quote = _relist_quote(evidence, rules)
    if first_failed(on_quote):
        return on_quote
    if evidence.sales is None:
        return (*on_quote, unknown(SALES, not_asked(Need.SALES)))
    if evidence.offers is None:
        return (*on_quote, *_by_sales(evidence, rules))
    attempts = [*not_buyable(evidence, rules), *_offered_again(evidence, rules)]
    return (*on_quote, *(furthest(attempts) if attempts else (no_offers(),)))


def _relist_quote(evidence: Evidence, rules: Rules) -> Checks:
    quote = evidence.quote
    if quote.ask is None:
        return (there_is(ASK, None),)
    checks = (there_is(ASK, quote.ask), at_most(MAX_PRICE, quote.ask, rules.bands[-1].high))
    if has_phases(quote.game, quote.title):
        return checks
    return (*checks, at_least(MIN_PRICE, quote.ask, rules.bands[0].low, "the cheapest ask caps the price of a relist"))


def _by_sales(evidence: Evidence, rules: Rules) -> Checks:
    """Before the offers are known: no variant is ever sold above the 40th percentile of its sales."""
    missing = unknown(OFFERS, not_asked(Need.OFFERS))
    attempts: list[Checks] = [(at_least(SALES, 0, rules.min_sales),)]
    rows = newest_offers(evidence.sales.value) if evidence.sales else ()
    for phase in dict.fromkeys(sale.phase for sale in rows):
        sales = support(rows, phase, evidence.now)
        enough = at_least(SALES, len(sales.prices), rules.min_sales, phase)
        if not enough.passed:
            attempts.append((enough,))
            continue
        best = most_proceeds(evidence.fees, sales.q40, evidence.now)
        paid = pays_at_best(best, evidence.quote.ask or 0, rules, "at best: bought at the quoted ask, sold at the q40 of the sales")
        attempts.append((enough, *paid, missing))
    return furthest(attempts)


def _offered_again(evidence: Evidence, rules: Rules) -> Iterator[Checks]:
    """Every variant with every number of units, that with the most profit first."""
    rows = newest_offers(evidence.sales.value) if evidence.sales else ()
    offers, _ = buyable(evidence.offers.value if evidence.offers else (), rules, evidence.now)
    for phase in dict.fromkeys(offer.phase for offer in offers):
        sales, kept = support(rows, phase, evidence.now), [offer for offer in offers if offer.phase == phase]
        enough = at_least(SALES, len(sales.prices), rules.min_sales, phase)
        if not enough.passed:
            yield (*obstacles(kept[0], evidence, rules), enough)
            continue
        tried = [(legs, again.price) for legs, again, _ in relist.attempts(evidence, rules, sales, kept)]
        for legs, price in sorted(tried, key=lambda one: -sum(leg.net_profit for leg in one[0])):
            yield (*obstacles(kept[len(legs) - 1], evidence, rules), enough, *_units_pay(legs, sales, price, rules))


def _units_pay(legs: Sequence[Leg], sales: Support, price: Cents, rules: Rules) -> Checks:
    """The least of the units, of those that miss the furthest rule if any does; then the days until the last is sold."""
    note = "" if len(legs) == 1 else f"the least of {len(legs)} units"
    paid = [pays(leg.net_profit, leg.ask, known_band(leg.ask, rules), rules, note) for leg in legs]
    missed = [one for one in paid if first_failed(one)]
    reason = reason_of(furthest(missed)) if missed else None
    shown = [one for one in paid if reason_of(one) is reason]
    profit, roi = (min(checks, key=lambda check: check.margin or 0) for checks in zip(*shown, strict=True))
    return profit, roi, at_most(DAYS_TO_SELL, sales.days_to_sell(len(legs), price), rules.max_days_to_sell, note and "all units")


def explain_target(evidence: Evidence, rules: Rules) -> Checks:
    on_quote = _target_quote(evidence, rules)
    if first_failed(on_quote):
        return on_quote
    costs = target.costs_left(evidence, rules)
    if evidence.targets is not None:
        cost = target.own_bid(evidence.targets.value)
        note = "a cent above the best target without limits"
        bid = there_is(BID, cost, note) if cost is None else in_bands(PRICE, cost, rules.bands, note)
        on_quote = (*on_quote, bid)
    if isinstance(costs, Reason):
        return on_quote
    attempts = [tuple(_own_target(variant, evidence, costs)) for variant in target.variants(evidence)]
    return (*on_quote, *(furthest(attempts) if attempts else (no_offers(),)))


def _target_quote(evidence: Evidence, rules: Rules) -> Checks:
    quote, lowest = evidence.quote, rules.bands[0].low
    if quote.bid is None or quote.ask is None:
        return (there_is(BID, quote.bid), there_is((ASK[0], Reason.NO_BUYABLE_OFFER, Unit.CENTS), quote.ask))
    checks = (
        there_is(BID, quote.bid),
        there_is((ASK[0], Reason.NO_BUYABLE_OFFER, Unit.CENTS), quote.ask),
        at_least(MIN_PRICE, quote.bid + 1, lowest, "a cent above the quoted bid, more it will not cost"),
    )
    if has_phases(quote.game, quote.title):
        return checks
    return (*checks, at_least(MIN_PRICE, quote.ask, lowest, "the cheapest ask caps the price of a relist"))


def _own_target(variant: target.Variant, evidence: Evidence, costs: Rules) -> Iterator[Check]:
    """The rules of a variant up to the first step that it fails; what is not asked yet is told at the end."""
    for step in (_enough_sales, _below_next_ask, _own_target_at_best, _own_target_pace, _own_target_pays):
        checks = tuple(step(variant, evidence, costs))
        yield from checks
        if first_failed(checks):
            return
    yield from (unknown(NEEDED[need], not_asked(need)) for need in evidence.unasked)


def _enough_sales(variant: target.Variant, _: Evidence, costs: Rules) -> Iterator[Check]:
    if variant.sales:
        yield at_least(SALES, len(variant.sales.prices), costs.min_sales, variant.phase)


def _below_next_ask(variant: target.Variant, _: Evidence, costs: Rules) -> Iterator[Check]:
    if variant.next_ask is not None:
        least = max(costs.bands[0].low, target.LEAST_COST)
        yield at_most(CROSSED, least, variant.next_ask - 1, "the bid must stay below the cheapest ask")


def _own_target_at_best(variant: target.Variant, evidence: Evidence, costs: Rules) -> Iterator[Check]:
    if variant.price is not None:
        best = most_proceeds(evidence.fees, variant.price, evidence.now)
        yield from pays_at_best(best, target.LEAST_COST, costs, "at best: the least cost and fee")


def _own_target_pace(variant: target.Variant, evidence: Evidence, costs: Rules) -> Iterator[Check]:
    sales, fills, price = variant.sales, variant.fills, variant.price
    if sales and price is not None and evidence.offers:
        yield _days(DAYS_TO_SELL, sales.window, sales.at_or_above(price), costs.max_days_to_sell)
    if fills and evidence.targets:
        yield _days(DAYS_TO_FILL, fills.window, fills.at_or_below(costs.bands[0].low), costs.max_days_to_fill)


def _own_target_pays(variant: target.Variant, evidence: Evidence, costs: Rules) -> Iterator[Check]:
    for leg in deal.legs if (deal := target.deal_of(variant, evidence, costs)) else ():
        yield from pays(leg.net_profit, leg.ask, costs.bands[0], costs, "with the fee of the expected day of sale")


def explain_spread(evidence: Evidence, rules: Rules) -> Checks:
    on_quote, quote = _target_quote(evidence, rules), evidence.quote
    if first_failed(on_quote) or quote.ask is None or quote.bid is None:
        return on_quote
    leg = target.spread_leg(quote.bid, quote.ask, evidence, rules)
    crossed = at_most(CROSSED, leg.ask, quote.ask - 1, "the bid must stay below the cheapest ask")
    price = in_bands(PRICE, leg.ask, rules.bands, "a cent above the quoted bid")
    if not (crossed.passed and price.passed):
        return (*on_quote, crossed, price)
    return (*on_quote, crossed, price, *pays(leg.net_profit, leg.ask, known_band(leg.ask, rules), rules))


def _days(rule: Rule, window: int, count: int, limit: Fraction) -> Check:
    """One unit at the pace of so many sales in a window of seconds."""
    if not count:
        return Check(*rule, None, limit, None, False, "no sale at such a price")
    return at_most(rule, Fraction(window, DAY * count), limit)


def reason_of(checks: Checks) -> Reason | None:
    failed = first_failed(checks)
    return failed.reason if failed else None

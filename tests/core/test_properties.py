"""What holds for any money, any market and any rules."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dmscan.core.fees import break_even, fee, most_proceeds, row_at
from dmscan.core.instant import judge_instant, judge_quote
from dmscan.core.models import Evidence, FeeSchedule, Need, Opportunity, PriceBand, Reason, Rules
from dmscan.core.money import Cents, fraction_text, parse_dollars, parse_fraction, parse_share, rounded, share_of
from dmscan.core.rank import SORTS, rank, totals
from dmscan.core.relist import judge_relist
from dmscan.core.rules import band_of, max_buy, refusal, refusal_at_best
from dmscan.core.screen import screen_instant, screen_relist, screen_target
from dmscan.core.target import judge_spread, judge_target
from dmscan.core.titles import TitleFilter
from dmscan.render.text import dollars

from make import DAY, NOW, make_leg, make_rules
from strategies import (
    BIG_PRICES,
    BIG_SCHEDULES,
    EVIDENCE,
    FINDS,
    PRICES,
    RULES,
    SCHEDULES,
    SHARES,
    TIMES,
    stricter,
)

CHANCE = st.integers(0, 2**64 - 1).map(Random)
LIMITS = st.tuples(SHARES, st.integers(0, 100))

NEEDS = frozenset(Need)
JUDGES = (judge_instant, judge_relist, judge_target, judge_quote, judge_spread)
ANSWERS = ("sales", "targets", "fills", "offers")


def finds(judge, evidence: Evidence, rules: Rules) -> tuple[Opportunity, ...]:
    verdict = judge(evidence, rules)
    return verdict if isinstance(verdict, tuple) else ()


def all_finds(evidence: Evidence, rules: Rules) -> list[Opportunity]:
    return [found for judge in JUDGES for found in finds(judge, evidence, rules)]


def proceeds(fees: FeeSchedule, price: Cents, at: int = NOW) -> Cents:
    return price - fee(fees, price, at)


# --- money --------------------------------------------------------------------------------------------------------------------


@given(EVIDENCE, RULES)
def test_net_profit_and_fee_and_cost_are_the_sale_price(evidence, rules):
    for found in all_finds(evidence, rules):
        for leg in found.legs:
            assert leg.net_profit + leg.fee + leg.ask == leg.sell
            assert leg.fee == fee(evidence.fees, leg.sell, leg.fee_at)
        assert found.net_profit + found.fee + found.cost == found.sell
        assert found.net_profit == sum(leg.net_profit for leg in found.legs)


@given(SCHEDULES, PRICES, TIMES)
def test_a_fee_is_its_fraction_rounded_up_by_less_than_a_cent_or_the_minimum(fees, price, at):
    row = row_at(fees, price, at)
    exact = price * (row.fraction if row else fees.default)
    assert fee(fees, price, at) == fees.min_amount or exact <= fee(fees, price, at) < exact + 1
    assert fee(fees, price, at) >= max(exact, fees.min_amount)


@given(SCHEDULES, PRICES, PRICES, TIMES)
def test_inside_one_stretch_fee_and_proceeds_grow_with_the_price(fees, one, other, at):
    low, high = sorted((one, other))
    cuts = {cut for row in fees.rows for cut in (row.low, row.high + 1)}
    if any(low < cut <= high for cut in cuts):
        fees = replace(fees, rows=())
    assert fee(fees, low, at) <= fee(fees, high, at)
    assert proceeds(fees, low, at) <= proceeds(fees, high, at)


@given(SCHEDULES, st.integers(1, 300), TIMES)
def test_break_even_is_the_first_price_that_gives_the_cost_back(fees, cost, at):
    fees = replace(fees, default=min(fees.default, Fraction(3, 4)))
    price = cost
    while proceeds(fees, price, at) < cost:
        price += 1
    assert break_even(fees, cost, at) == price


@given(BIG_SCHEDULES, BIG_PRICES, TIMES)
def test_no_cent_and_no_band_edge_below_a_break_even_gives_the_cost_back(fees, cost, at):
    price = break_even(fees, cost, at)
    edges = [edge + step for row in fees.rows for edge in (row.low, row.high) for step in (-1, 0, 1)]
    assert price >= cost
    assert proceeds(fees, price, at) >= cost
    assert all(proceeds(fees, below, at) < cost for below in (price - 1, cost, *edges) if cost <= below < price)


@given(SCHEDULES, st.integers(1, 400), st.integers(0, 5 * DAY))
def test_no_sale_at_the_ceiling_or_below_now_or_later_brings_more_than_the_most(fees, ceiling, later):
    most = most_proceeds(fees, ceiling, NOW)
    assert all(proceeds(fees, price, NOW + later) <= most for price in range(1, ceiling + 1))


@given(PRICES, PRICES, PRICES)
def test_roi_never_rises_when_the_cost_rises(cost, more, sell):
    leg = make_leg(ask=cost, sell=sell, fee=0)
    assert replace(leg, ask=cost + more).roi < leg.roi


@given(st.integers(0, 10**9), SHARES)
def test_a_share_of_an_amount_is_the_exact_value_rounded_up(amount, share):
    assert 0 <= share_of(amount, share) - amount * share < 1


# --- rules --------------------------------------------------------------------------------------------------------------------


def passes(cost: Cents, paid: Cents, rules: Rules) -> bool:
    band = band_of(cost, rules)
    return band is not None and refusal(paid - cost, cost, band, rules) is None


@given(st.integers(0, 2200), RULES)
def test_max_buy_is_the_highest_cost_that_passes_and_null_only_if_none_does(paid, rules):
    assert max_buy(paid, rules) == next((cost for cost in range(paid, 0, -1) if passes(cost, paid, rules)), None)


@given(BIG_PRICES, RULES)
def test_no_cost_above_max_buy_passes_however_large(paid, rules):
    most = max_buy(paid, rules)
    bounds = [band.high for band in rules.bands if band.high is not None]
    if most is not None:
        assert passes(most, paid, rules)
    assert not any(passes(cost, paid, rules) for cost in ((most or 0) + 1, paid, *bounds) if cost > (most or 0))


@given(st.integers(1, 2000), st.integers(1, 2000), RULES)
def test_the_best_case_of_a_leg_is_refused_exactly_if_no_cost_passes(paid, least, rules):
    refused = refusal_at_best(paid, least, rules) is not None
    assert refused == (not any(passes(cost, paid, rules) for cost in range(least, paid + 1)))


@given(PRICES, PRICES, LIMITS, LIMITS)
def test_a_leg_that_loose_limits_refuse_is_refused_by_strict_ones(cost, sell, one, other):
    def refused(roi: Fraction, profit: Cents) -> bool:
        return refusal(sell - cost, cost, PriceBand(1, None, roi), make_rules(min_profit=profit)) is not None

    assert refused(*one) <= refused(max(one[0], other[0]), max(one[1], other[1]))


@given(EVIDENCE, RULES, CHANCE)
def test_what_strict_rules_find_on_a_title_loose_ones_find_too(evidence, rules, chance):
    strict = stricter(rules, chance)
    for judge in JUDGES:
        if finds(judge, evidence, strict):
            assert finds(judge, evidence, rules)


# --- verdicts -----------------------------------------------------------------------------------------------------------------


@given(EVIDENCE, RULES)
def test_the_quote_rules_refuse_nothing_that_pays(evidence, rules):
    if finds(judge_instant, evidence, rules) or finds(judge_quote, evidence, rules):
        assert screen_instant(evidence.quote, evidence.fees, rules) is None
    if finds(judge_relist, evidence, rules):
        assert screen_relist(evidence.quote, rules) is None
    if finds(judge_target, evidence, rules) or finds(judge_spread, evidence, rules):
        assert screen_target(evidence.quote, rules) is None


@given(EVIDENCE, RULES)
def test_what_pays_is_never_refused_on_less_than_all_that_can_be_known(evidence, rules):
    unasked = [replace(evidence, **{name: None}) for name in ANSWERS]
    bare = replace(evidence, **dict.fromkeys(ANSWERS))
    for judge in (judge_instant, judge_relist, judge_target):
        if finds(judge, evidence, rules):
            assert all(not isinstance(judge(part, rules), str) or judge(part, rules) in NEEDS for part in (*unasked, bare))


@given(EVIDENCE, RULES, CHANCE)
def test_a_verdict_on_an_own_target_that_is_certain_never_changes_whichever_answers_come(evidence, rules, chance):
    order = chance.sample(ANSWERS, len(ANSWERS))
    verdicts = [judge_target(replace(evidence, **dict.fromkeys(order[count:])), rules) for count in range(len(order) + 1)]
    *_, last = verdicts
    assert last not in NEEDS
    for count, verdict in enumerate(verdicts):
        if isinstance(verdict, Need):
            assert verdict not in order[:count]
        elif isinstance(verdict, Reason):
            assert all(isinstance(after, Reason) for after in verdicts[count:])
        else:
            assert count == len(order)


@given(EVIDENCE, RULES)
def test_asking_for_what_an_own_target_needs_leads_to_the_verdict_on_all_answers(evidence, rules):
    asked: list[str] = []
    while isinstance(verdict := judge_target(replace(evidence, **dict.fromkeys({*ANSWERS} - {*asked})), rules), Need):
        asked.append(verdict)
    whole = judge_target(evidence, rules)
    assert len(asked) == len(set(asked))
    assert verdict == whole or (isinstance(verdict, Reason) and isinstance(whole, Reason))


@given(EVIDENCE, RULES)
def test_an_own_target_costs_a_cent_more_than_the_best_bid_and_less_than_any_ask(evidence, rules):
    for found in finds(judge_target, evidence, rules):
        (leg,) = found.legs
        free = [bid.price for bid in evidence.targets.value if bid.phase is bid.float_part is bid.paint_seed is None]
        asks = [offer.price for offer in evidence.offers.value if offer.phase == found.phase and not offer.reserved]
        assert leg.ask == max(free) + 1
        assert all(leg.ask < ask and leg.sell < ask for ask in asks)
        assert leg.sell == min([found.sales.q40, *(ask - 1 for ask in asks)])
        assert found.days_to_fill <= rules.max_days_to_fill


@given(EVIDENCE, RULES, CHANCE)
def test_the_order_in_which_the_market_lists_things_never_matters(evidence, rules, chance):
    def shuffled(stamped):
        return replace(stamped, value=tuple(chance.sample(stamped.value, len(stamped.value))))

    mixed = replace(evidence, **{name: shuffled(getattr(evidence, name)) for name in ANSWERS})
    assert rank(all_finds(mixed, rules)) == rank(all_finds(evidence, rules))


@given(EVIDENCE, RULES)
def test_every_leg_that_is_shown_meets_every_rule(evidence, rules):
    for found in all_finds(evidence, rules):
        assert all(passes(leg.ask, leg.sell - leg.fee, rules) for leg in found.legs)
        assert (found.hold_days or 0) <= rules.max_days_to_sell
        assert found.break_even <= found.legs[0].sell
        paid = found.legs[0].sell - found.legs[0].fee
        assert passes(found.max_buy, paid, rules)
        assert not any(passes(cost, paid, rules) for cost in range(found.max_buy + 1, paid + 1))


@given(EVIDENCE, RULES)
def test_no_offer_is_bought_twice_and_no_target_is_sold_into_beyond_its_amount(evidence, rules):
    legs = [leg for found in finds(judge_instant, evidence, rules) for leg in found.legs]
    assert len({leg.offer.offer_id for leg in legs}) == len(legs)
    for price in {leg.sell for leg in legs}:
        wanted = sum(target.amount for target in evidence.targets.value if target.price == price)
        assert sum(leg.sell == price for leg in legs) <= wanted


# --- order and totals ---------------------------------------------------------------------------------------------------------


@given(FINDS, CHANCE, st.sampled_from(sorted(SORTS)))
def test_ranking_loses_and_adds_nothing_and_ignores_the_order_it_is_given(opportunities, chance, sort):
    ranked = rank(opportunities, sort)
    assert sorted(found.key for found in ranked) == sorted(found.key for found in opportunities)
    assert rank(chance.sample(opportunities, len(opportunities)), sort) == ranked
    keys = [SORTS[sort](found) for found in ranked]
    assert keys == sorted(keys)


@given(FINDS)
def test_totals_count_each_offer_once_in_its_best_exit(opportunities):
    best: dict[str, int] = {}
    for found in opportunities:
        best[found.title] = max(best.get(found.title, 0), found.net_profit)
    assert totals(opportunities).net_profit == sum(best.values())


# --- words --------------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_glob_that_equals_a_title_matches_it_whatever_it_holds(title, other):
    assert TitleFilter([title]).wants(title)
    assert TitleFilter([other, title]).wants(title)
    assert not TitleFilter([], [other, title]).wants(title)
    assert TitleFilter([title.casefold()]).wants(title)


@given(st.integers(0, 999_999_999))
def test_dollars_come_back_as_they_were_written(cents):
    assert parse_dollars(dollars(cents).replace(",", "")) == cents


@given(st.integers(0, 999_999))
def test_shares_come_back_as_they_were_written(millionths):
    share = Fraction(millionths, 10**6)
    assert parse_share(fraction_text(share)) == share
    assert parse_share(f"{fraction_text(share * 100)}%") == share
    assert parse_fraction(fraction_text(share)) == share


@given(st.fractions(-1000, 1000), st.integers(0, 6))
def test_a_rounded_number_is_the_nearest_one_and_even_at_a_tie(value, places):
    shown = Fraction(rounded(value, places))
    off = abs(shown - value) * 10**places
    assert off < Fraction(1, 2) or (off == Fraction(1, 2) and shown * 10**places % 2 == 0)

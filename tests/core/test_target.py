"""Own targets that wait below the asks, filled and offered again at a price that past sales support."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import pytest
from msgspec.structs import replace

from dmscan.core.fees import fixed
from dmscan.core.models import (
    Confidence,
    Entry,
    Evidence,
    Exit,
    FeeAt,
    FeeRow,
    FeeSchedule,
    FeeSource,
    Need,
    PriceBand,
    Reason,
    SaleKind,
    Stamped,
)
from dmscan.core.rules import price_bands
from dmscan.core.target import judge_spread, judge_target, own_bid

from make import DAY, NOW, make_offer, make_quote, make_rules, make_sale, make_target
from strategies import PHASED

FREE = fixed(Fraction(0)).schedule("")
BIDS = [999]
SOLD = [1200] * 10
FILLED = [990] * 10
ANSWERS = ("sales", "targets", "fills", "offers")


def ask(price: int, **changes):
    return make_offer(**{"price": price, "offer_id": f"at {price}"} | changes)


def bid(price: int, **changes):
    return make_target(**{"price": price, "amount": 1} | changes)


def rows(prices, kind: SaleKind, **changes):
    return tuple(make_sale(**{"price": price, "at": NOW - DAY - n, "kind": kind} | changes) for n, price in enumerate(prices))


def known(offers=(1250,), sold=SOLD, bids=BIDS, filled=FILLED, **changes):
    """A title bid for at $9.99 and asked at $12.50, without fees; ten sales of the last days at $12 and ten into bids at $9.90."""
    return Evidence(
        changes.pop("quote", make_quote(ask=1250, bid=999, at=NOW - 5)),
        changes.pop("fees", FREE),
        sales=Stamped(rows(sold, SaleKind.OFFER), NOW - 3),
        targets=Stamped(tuple(bid(one) if isinstance(one, int) else one for one in bids), NOW - 2),
        offers=Stamped(tuple(ask(one) if isinstance(one, int) else one for one in offers), NOW),
        fills=Stamped(rows(filled, SaleKind.TARGET), NOW - 1),
    )


def only(evidence: Evidence, *answers: str) -> Evidence:
    return replace(evidence, **{name: None for name in ANSWERS if name not in answers})


# --- what a find is -----------------------------------------------------------------------------------------------------------


def test_a_find_says_what_it_rests_on():
    (found,) = judge_target(known(sold=[1300, *[1200] * 9, 1100, 1100], filled=[*FILLED, 1001, 1002]), make_rules())
    (leg,) = found.legs
    assert (found.entry, found.exit, found.phase, found.confidence) == (Entry.TARGET, Exit.RELIST, "", Confidence.CONFIRMED)
    assert (leg.ask, leg.sell, leg.fee, leg.offer, leg.target, leg.lock_days) == (1000, 1200, 0, None, None, 0)
    assert (found.sales.qualified, found.sales.q40, found.sales.at_or_above, found.sales.fetched_at) == (12, 1200, 10, NOW - 3)
    assert (found.hold_days, found.days_to_fill, found.pace, found.next_ask) == (3, 3, Fraction(1, 3), 1250)
    assert (found.bail_out, found.net_if_renewed, found.profit_per_day) == (999 - 1000, 200, 33)
    assert (found.break_even, found.max_buy, found.as_of) == (1000, 1165, NOW)
    assert found.warnings == ("sales_burst",)


@pytest.mark.parametrize(
    ("bids", "cost"),
    [
        ([999], 1000),
        ([999, 998, 1005], 1006),
        ([999, bid(1100, phase="ruby")], 1000),
        ([999, bid(1100, float_part="FT-0")], 1000),
        ([999, bid(1100, paint_seed="0")], 1000),
        ([bid(1100, float_part="FT-0")], None),
        ([], None),
    ],
)
def test_the_best_bid_without_limits_is_outbid_by_a_cent(bids, cost):
    evidence = known(bids=bids, quote=make_quote(ask=1250, bid=1100, at=NOW))
    assert own_bid(evidence.targets.value) == cost
    verdict = judge_target(evidence, make_rules())
    assert [leg.ask for found in verdict for leg in found.legs] == [cost] if cost else verdict is Reason.NO_BID


@pytest.mark.parametrize(
    ("offers", "price", "next_ask"),
    [
        ([1250], 1200, 1250),
        ([1201], 1200, 1201),
        ([1200], 1199, 1200),
        ([1250, ask(1150, p2p=True)], 1149, 1150),
        ([1250, ask(1150, resellable=False)], 1149, 1150),
        ([1250, ask(1150, unlock_at=NOW + 9 * DAY)], 1149, 1150),
        ([1250, ask(1150, reserved=True)], 1200, 1250),
        ([ask(1150, reserved=True)], 1200, None),
        ([1250, ask(1150, phase="ruby")], 1200, 1250),
    ],
)
def test_the_price_is_the_q40_of_the_sales_or_a_cent_below_the_cheapest_ask(offers, price, next_ask):
    (found,) = judge_target(known(offers), make_rules())
    assert (found.legs[0].sell, found.next_ask) == (price, next_ask)


@pytest.mark.parametrize(
    ("filled", "days"),
    [
        ([990] * 10, 3),
        ([1000] * 10, 3),
        ([*[1000] * 5, *[1001] * 5], 6),
        ([*[990] * 10, 100], 3),
        ([*[990] * 10, 600], 3 * Fraction(10, 11)),
        ([*[990] * 20, *[1001] * 5], Fraction(1, 20) * Fraction(DAY + 19, DAY)),
        ([*[1001] * 10, *[990] * 10], Fraction(1, 10) * Fraction(DAY + 19, DAY)),
    ],
)
def test_days_to_fill_are_those_of_the_sales_into_bids_at_the_cost_or_below(filled, days):
    """30 days hold ten such sales, but twenty rows only go back to the oldest; what is more than half off the median is none."""
    (found,) = judge_target(known(filled=filled), make_rules())
    assert found.days_to_fill == days
    assert found.hold_days == 3


def test_rows_of_the_other_kind_and_old_ones_fill_nothing():
    old = rows(FILLED, SaleKind.TARGET, at=NOW - 30 * DAY - 1)
    for fills in (
        rows(FILLED, SaleKind.OFFER),
        old,
        rows(FILLED, SaleKind.TARGET, at=NOW + 1),
        rows(FILLED, SaleKind.TARGET, phase="ruby"),
    ):
        assert judge_target(replace(known(), fills=Stamped(fills, NOW)), make_rules()) is Reason.TOO_FEW_FILLS


# --- fees ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "fee_at", "fee", "source"),
    [
        (6 * DAY, FeeAt.SALE, 24, FeeSource.REDUCED),
        (6 * DAY - 1, FeeAt.SALE, 120, FeeSource.DEFAULT),
        (0, FeeAt.NOW, 24, FeeSource.REDUCED),
        (-1, FeeAt.NOW, 120, FeeSource.DEFAULT),
    ],
)
def test_the_fee_is_that_of_the_day_on_which_what_was_filled_is_sold(ends, fee_at, fee, source):
    """Three days to fill and three to sell."""
    row = FeeRow(Fraction(2, 100), 1, 9999, NOW + ends)
    evidence = known(fees=FeeSchedule(Fraction(1, 10), 2, FeeSource.DEFAULT, (row,)))
    (found,) = judge_target(evidence, make_rules(fee_at=fee_at))
    assert (found.fee, found.fee_source, found.net_profit) == (fee, source, 200 - fee)
    assert found.net_if_renewed == (176 if ends >= 0 else 80)


@pytest.mark.parametrize(("ends", "fee"), [(5 * DAY, 24), (5 * DAY - 1, 120)])
def test_the_days_to_fill_and_to_sell_are_rounded_up_together(ends, fee):
    """15/7 and 15/7 days are 5 days, not 6."""
    row = FeeRow(Fraction(2, 100), 1, 9999, NOW + ends)
    evidence = known(sold=[1200] * 14, filled=[990] * 14, fees=FeeSchedule(Fraction(1, 10), 2, FeeSource.DEFAULT, (row,)))
    (found,) = judge_target(evidence, make_rules())
    assert (found.hold_days, found.days_to_fill, found.fee) == (Fraction(15, 7), Fraction(15, 7), fee)


def test_a_fee_that_ends_before_the_sale_refuses_at_last():
    """At 11.00 the default fee of 1.10 takes more than the spread, the row of today would leave 0.78."""
    row = FeeRow(Fraction(2, 100), 1, 9999, NOW + 6 * DAY - 1)
    evidence = known(sold=[1100] * 10, fees=FeeSchedule(Fraction(1, 10), 2, FeeSource.DEFAULT, (row,)))
    assert judge_target(evidence, make_rules()) is Reason.BELOW_MIN_PROFIT
    (found,) = judge_target(evidence, make_rules(fee_at=FeeAt.NOW))
    assert found.net_profit == 78


# --- why there is none --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "rules", "reason"),
    [
        ({"bids": [bid(999, phase="ruby")]}, {}, Reason.NO_BID),
        ({"sold": SOLD[:7]}, {}, Reason.TOO_FEW_SALES),
        ({"sold": []}, {}, Reason.TOO_FEW_SALES),
        ({"offers": [1000]}, {}, Reason.CROSSED),
        ({"offers": [1250, ask(1000, p2p=True)]}, {}, Reason.CROSSED),
        ({"offers": [1250, ask(900, resellable=False)]}, {}, Reason.CROSSED),
        ({"offers": []}, {}, Reason.NO_BUYABLE_OFFER),
        ({"offers": [ask(1250, p2p=True)]}, {}, Reason.NO_BUYABLE_OFFER),
        ({}, {"bands": (PriceBand(50, 999, Fraction(0)),)}, Reason.NO_BUYABLE_OFFER),
        ({"bids": [900, bid(999, phase="ruby")]}, {"bands": (PriceBand(902, None, Fraction(0)),)}, Reason.NO_BUYABLE_OFFER),
        ({"offers": [1001]}, {}, Reason.BELOW_MIN_PROFIT),
        ({"sold": [1004] * 10}, {}, Reason.BELOW_MIN_PROFIT),
        ({"sold": [1029] * 10}, {}, Reason.BELOW_MIN_ROI),
        ({}, {"bands": price_bands(["pro"], min_price=1000, max_price=99999)}, Reason.NO_BUYABLE_OFFER),
        ({"sold": [1049] * 10}, {"bands": price_bands(["standard", "medium"])}, Reason.BELOW_MIN_ROI),
        ({}, {"max_days_to_sell": Fraction(299, 100)}, Reason.TOO_SLOW),
        ({"filled": []}, {}, Reason.TOO_FEW_FILLS),
        ({"filled": [1001] * 10}, {}, Reason.TOO_FEW_FILLS),
        ({"filled": [*[1000] * 4, *[1001] * 6]}, {}, Reason.TOO_FEW_FILLS),
        ({}, {"max_days_to_fill": Fraction(299, 100)}, Reason.TOO_FEW_FILLS),
    ],
)
def test_a_title_is_refused_for_the_rule_it_misses(changes, rules, reason):
    assert judge_target(known(**changes), make_rules(**rules)) is reason


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"sold": SOLD[:8]}, {}),
        ({"sold": SOLD[:7]}, {"min_sales": 7, "max_days_to_sell": Fraction(5)}),
        ({"offers": [1031]}, {}),
        ({}, {"bands": (PriceBand(1000, 1000, Fraction(2, 10)),)}),
        ({"sold": [1030] * 10}, {}),
        ({"sold": [1050] * 10}, {"bands": price_bands(["standard", "medium"])}),
        ({}, {"max_days_to_sell": Fraction(3), "max_days_to_fill": Fraction(3)}),
        ({"filled": [*[1000] * 5, *[1001] * 6]}, {}),
        ({}, {"max_units": 1, "max_lock_days": 0, "min_profit": 200}),
    ],
)
def test_a_title_that_just_meets_every_rule_is_found(changes, rules):
    (found,) = judge_target(known(**changes), make_rules(**rules))
    assert found.units == 1


def test_the_quote_is_looked_at_before_anything_is_asked():
    for quoted, reason in (
        ({"bid": None}, Reason.NO_BID),
        ({"ask": None}, Reason.NO_BUYABLE_OFFER),
        ({"bid": 48}, Reason.NO_BUYABLE_OFFER),
    ):
        assert judge_target(known(quote=make_quote(**{"ask": 1250, "bid": 999} | quoted)), make_rules()) is reason


# --- variants -----------------------------------------------------------------------------------------------------------------


def phased(*offered: str, sold: str = "ruby", filled: str = "ruby") -> Evidence:
    """A title with phases, offered in some of them; its sales are of one and its fills of one."""
    evidence = known([ask(1250, phase=phase, offer_id=phase) for phase in offered], quote=make_quote(title=PHASED, ask=1250, bid=999))
    sales, fills = rows(SOLD, SaleKind.OFFER, phase=sold), rows(FILLED, SaleKind.TARGET, phase=filled)
    return replace(evidence, sales=Stamped(sales, NOW), fills=Stamped(fills, NOW))


def test_each_variant_that_is_offered_is_judged_on_its_own_sales_and_fills():
    (found,) = judge_target(phased("ruby", "sapphire"), make_rules())
    assert (found.phase, found.legs[0].ask) == ("ruby", 1000)
    assert judge_target(phased("sapphire"), make_rules()) is Reason.TOO_FEW_SALES
    assert judge_target(phased("ruby", "sapphire", filled="sapphire"), make_rules()) is Reason.TOO_FEW_FILLS


def test_all_variants_that_pass_are_found_at_one_cost():
    rubies = phased("ruby", "sapphire")
    both = {
        name: Stamped((*answer.value, *(replace(row, phase="sapphire") for row in answer.value)), NOW)
        for name, answer in (("sales", rubies.sales), ("fills", rubies.fills))
    }
    found = judge_target(replace(rubies, **both), make_rules())
    assert [(one.phase, one.cost) for one in found] == [("ruby", 1000), ("sapphire", 1000)]


def test_the_cheapest_ask_of_another_phase_caps_nothing():
    evidence = phased("ruby")
    other = replace(evidence, offers=Stamped((*evidence.offers.value, ask(40, phase="sapphire")), NOW))
    (found,) = judge_target(replace(other, quote=make_quote(title=PHASED, ask=40, bid=999)), make_rules())
    assert found.legs[0].sell == 1200


# --- what is asked, and in which order ----------------------------------------------------------------------------------------


def asked(evidence: Evidence) -> list[Need]:
    """What a title asks for until its verdict is certain."""
    calls: list[Need] = []
    while isinstance(need := judge_target(only(evidence, *calls), make_rules()), Need):
        assert need not in calls
        calls.append(need)
    assert need == judge_target(evidence, make_rules()) or isinstance(need, Reason)
    return calls


@pytest.mark.parametrize(
    ("changes", "calls"),
    [
        ({}, "sales targets fills offers"),
        ({"sold": SOLD[:7]}, "sales"),
        ({"sold": [54] * 10}, "sales"),
        ({"bids": [bid(999, phase="ruby")]}, "sales targets"),
        ({"bids": [48, bid(999, phase="ruby")]}, "sales targets"),
        ({"sold": [1029] * 10}, "sales targets"),
        ({"filled": [1001] * 10}, "sales targets fills"),
        ({"offers": [1000]}, "sales targets fills offers"),
    ],
)
def test_if_the_spread_on_the_quote_would_pay_the_sales_decide_first(changes, calls):
    assert asked(known(**changes)) == calls.split()


@pytest.mark.parametrize(
    ("changes", "calls"),
    [
        ({"offers": []}, "offers"),
        ({"offers": [50]}, "offers"),
        ({"offers": [54]}, "offers"),
        ({"offers": [1004]}, "offers targets"),
        ({"bids": [bid(999, phase="ruby")]}, "offers targets"),
        ({"sold": SOLD[:7], "offers": [1250, ask(1004, reserved=True)]}, "offers targets sales"),
        ({"sold": [1200] * 10, "offers": [1250, ask(1004, reserved=True)]}, "offers targets sales fills"),
    ],
)
def test_if_it_would_not_the_offers_and_targets_decide_first(changes, calls):
    """A cent above 9.99 into a cent below 10.04 leaves 0.03, but the cheapest ask may be reserved."""
    assert asked(known(quote=make_quote(ask=1004, bid=999), **changes)) == calls.split()


@pytest.mark.parametrize("changes", [{}, {"sold": SOLD[:7]}, {"sold": [1029] * 10}, {"filled": []}, {"offers": [1000]}, {"bids": []}])
def test_in_whatever_order_the_answers_come_the_verdict_is_the_same(changes):
    evidence = known(**changes)
    last = judge_target(evidence, make_rules())
    for order in permutations(ANSWERS):
        verdicts = [judge_target(only(evidence, *order[:count]), make_rules()) for count in range(5)]
        assert verdicts[4] == last
        for count, verdict in enumerate(verdicts[:4]):
            if isinstance(verdict, Need):
                assert verdict not in order[:count]
            else:
                assert isinstance(verdict, Reason)
                assert all(isinstance(later, Reason) and not isinstance(later, Need) for later in (*verdicts[count:], last))


def test_sales_of_one_variant_and_fills_of_another_may_both_still_be_offered():
    evidence = phased("ruby")
    assert judge_target(only(evidence, "sales"), make_rules()) is Need.TARGETS
    assert judge_target(only(evidence, "sales", "targets"), make_rules()) is Need.FILLS
    elsewhere = phased("ruby", filled="sapphire")
    assert judge_target(only(elsewhere, "targets", "fills"), make_rules()) is Need.SALES
    assert judge_target(only(elsewhere, "sales", "targets", "fills"), make_rules()) is Reason.TOO_FEW_FILLS


def test_a_lower_ask_may_make_it_sell_in_time_so_sales_alone_call_nothing_too_slow():
    """At 12.00 seven sales in 30 days are too few for four days, at 11.00 ten are enough."""
    rules, sold = make_rules(max_days_to_sell=Fraction(4)), [*[1100] * 3, *[1200] * 7]
    assert judge_target(only(known(sold=sold), "sales", "targets", "fills"), rules) is Need.OFFERS
    assert judge_target(known(sold=sold), rules) is Reason.TOO_SLOW
    (found,) = judge_target(known([1101], sold=sold), rules)
    assert (found.legs[0].sell, found.hold_days) == (1100, 3)


@pytest.mark.parametrize(("price", "verdict"), [(6, Reason.BELOW_MIN_PROFIT), (7, Need.TARGETS)])
def test_nothing_costs_less_than_a_cent_above_a_bid_of_one(price, verdict):
    rules = make_rules(bands=(PriceBand(0, None, Fraction(0)),))
    assert judge_target(only(known(sold=[price] * 10), "sales"), rules) is verdict


# --- without a key ------------------------------------------------------------------------------------------------------------


def quoted(fees=FREE, **changes) -> Evidence:
    return Evidence(make_quote(**{"ask": 1200, "bid": 999, "at": NOW} | changes), fees)


def test_without_a_key_the_spread_of_the_quote_is_the_find():
    (found,) = judge_spread(quoted(), make_rules())
    (leg,) = found.legs
    assert (found.entry, found.exit, found.phase, found.confidence) == (Entry.TARGET, Exit.RELIST, "", Confidence.QUOTE)
    assert (leg.ask, leg.sell, leg.fee, leg.offer, leg.target, leg.lock_days) == (1000, 1199, 0, None, None, 0)
    assert (found.hold_days, found.days_to_fill, found.pace, found.sales, found.next_ask) == (None, None, None, None, 1200)
    assert (found.net_profit, found.profit_per_day, found.net_if_renewed, found.bail_out) == (199, 199, 199, -1)
    assert found.warnings == ("restricted_bids_possible",)


@pytest.mark.parametrize(
    ("ends", "fee_at", "fee", "renewed"),
    [(DAY, FeeAt.SALE, 24, 175), (DAY - 1, FeeAt.SALE, 120, 175), (0, FeeAt.NOW, 24, 175), (-1, FeeAt.NOW, 120, 79)],
)
def test_without_a_key_the_sale_is_taken_to_be_tomorrow(ends, fee_at, fee, renewed):
    row = FeeRow(Fraction(2, 100), 1, 9999, NOW + ends)
    evidence = quoted(FeeSchedule(Fraction(1, 10), 2, FeeSource.DEFAULT, (row,)))
    (found,) = judge_spread(evidence, make_rules(fee_at=fee_at))
    assert (found.fee, found.net_profit, found.net_if_renewed) == (fee, 199 - fee, renewed)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bid": None}, Reason.NO_BID),
        ({"ask": None}, Reason.NO_BUYABLE_OFFER),
        ({"bid": 298}, Reason.NO_BUYABLE_OFFER),
        ({"bid": 2999, "ask": 4000}, Reason.NO_BUYABLE_OFFER),
        ({"ask": 1000}, Reason.CROSSED),
        ({"ask": 900}, Reason.CROSSED),
        ({"ask": 1005}, Reason.BELOW_MIN_PROFIT),
        ({"ask": 1050}, Reason.BELOW_MIN_ROI),
        ({"ask": 1051}, None),
        ({"bid": 299, "ask": 400}, None),
        ({"bid": 2998, "ask": 4000}, None),
    ],
)
def test_without_a_key_the_quote_alone_refuses(changes, reason):
    verdict = judge_spread(quoted(**changes), make_rules(bands=price_bands(["standard", "medium"])))
    assert verdict is reason if reason else isinstance(verdict, tuple)

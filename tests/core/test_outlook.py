"""What remembered sales promise, how long they stand for those not asked, and which candidate comes first."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dmscan.core.fees import fixed
from dmscan.core.memory import Known, SalesOutlook
from dmscan.core.models import Entry, Exit, Reason, Stamped
from dmscan.core.outlook import (
    CENT,
    PROMISES,
    instant_promise,
    promise,
    put_off_until,
    refused_by_outlook,
    relist_promise,
    sales_outlook,
    spread_promise,
)
from dmscan.core.relist import judge_relist

from make import DAY, NOW, make_quote, make_rules, make_sale
from strategies import EVIDENCE, PHASED, RULES, grown, random_evidence, random_sales

TENTH = fixed(Fraction(1, 10)).schedule("")
FREE = fixed(Fraction(0)).schedule("")
QUOTE = make_quote(ask=1000, bid=1200)
OUTLOOK = SalesOutlook(NOW, qualified=10, best_q40=1200, pace=Fraction(2))
SALES = grown(lambda chance: random_sales(chance, ("", "ruby")))


def outlook_of(*sales, at: int = NOW) -> SalesOutlook:
    return sales_outlook(Stamped(tuple(sales), at))


def known(**changes) -> Known:
    return replace(Known(QUOTE, usual_ask=None, two_sided=True), **changes)


# --- what is remembered -------------------------------------------------------------------------------------------------------


def test_the_variant_with_most_qualified_sales_and_the_one_with_the_best_price_speak_for_the_title():
    plain = [make_sale(price=1000 + n, at=NOW - n * DAY) for n in range(6)]
    ruby = [make_sale(price=9000 + n, at=NOW - n * DAY, phase="ruby") for n in range(3)]
    assert outlook_of(*plain, *ruby) == SalesOutlook(NOW, qualified=6, best_q40=9000, pace=Fraction(9, 30))


def test_a_title_without_sales_promises_nothing():
    assert outlook_of() == SalesOutlook(NOW, qualified=0, best_q40=None, pace=Fraction(0))


def test_sales_too_old_to_count_still_tell_the_pace_but_no_price():
    assert outlook_of(make_sale(at=NOW - 31 * DAY)) == SalesOutlook(NOW, qualified=0, best_q40=None, pace=Fraction(1, 30))


# --- until when ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pace", "wait"),
    [(Fraction(20), DAY // 4), (Fraction(2), 5 * DAY // 2), (Fraction(5, 7), 7 * DAY), (Fraction(1, 30), 7 * DAY), (Fraction(0), 7 * DAY)],
)
def test_sales_are_worth_asking_again_after_five_more_or_a_week(pace, wait):
    assert put_off_until(replace(OUTLOOK, pace=pace)) == NOW + wait


@given(SALES)
def test_nobody_is_put_off_for_more_than_a_week_or_less_than_twenty_sales_a_day_allow(sales):
    assert NOW + DAY // 4 <= put_off_until(outlook_of(*sales)) <= NOW + 7 * DAY


# --- who can wait -------------------------------------------------------------------------------------------------------------


@given(EVIDENCE, RULES)
def test_no_title_is_refused_that_the_same_sales_would_show_to_pay(evidence, rules):
    refused = refused_by_outlook(sales_outlook(evidence.sales), evidence.quote, evidence.fees, rules)
    assert not (refused and isinstance(judge_relist(evidence, rules), tuple))


def test_among_random_titles_some_are_refused_and_some_pay():
    evidence = [random_evidence(Random(seed)) for seed in range(200)]
    refused = [bool(refused_by_outlook(sales_outlook(one.sales), one.quote, one.fees, make_rules())) for one in evidence]
    paying = [isinstance(judge_relist(one, make_rules()), tuple) for one in evidence]
    assert set(zip(refused, paying, strict=True)) == {(True, False), (False, True), (False, False)}


@pytest.mark.parametrize(
    ("outlook", "reason"),
    [
        (OUTLOOK, None),
        (replace(OUTLOOK, qualified=8), None),
        (replace(OUTLOOK, qualified=7), Reason.TOO_FEW_SALES),
        (replace(OUTLOOK, qualified=0, best_q40=None), Reason.TOO_FEW_SALES),
        (replace(OUTLOOK, best_q40=1145), None),
        (replace(OUTLOOK, best_q40=1144), Reason.BELOW_MIN_ROI),
        (replace(OUTLOOK, best_q40=1100), Reason.BELOW_MIN_PROFIT),
    ],
)
def test_remembered_sales_refuse_what_they_leave_no_hope(outlook, reason):
    assert refused_by_outlook(outlook, QUOTE, TENTH, make_rules()) is reason


def test_without_sales_even_rules_that_ask_for_none_are_not_met():
    nothing = replace(OUTLOOK, qualified=0, best_q40=None)
    assert refused_by_outlook(nothing, QUOTE, TENTH, make_rules(min_sales=0)) is Reason.TOO_FEW_SALES


def test_a_cheaper_ask_gives_hope_again():
    hopeless = replace(OUTLOOK, best_q40=1100)
    assert refused_by_outlook(hopeless, replace(QUOTE, ask=900), TENTH, make_rules()) is None


def test_an_own_target_is_given_up_for_want_of_sales_or_of_a_price_but_not_for_the_ask():
    dear = replace(QUOTE, ask=2000)
    assert refused_by_outlook(OUTLOOK, dear, TENTH, make_rules()) is Reason.BELOW_MIN_PROFIT
    assert refused_by_outlook(OUTLOOK, dear, TENTH, make_rules(), Entry.TARGET) is None
    assert refused_by_outlook(replace(OUTLOOK, best_q40=55), dear, TENTH, make_rules(), Entry.TARGET) is Reason.BELOW_MIN_PROFIT
    assert refused_by_outlook(replace(OUTLOOK, qualified=7), dear, TENTH, make_rules(), Entry.TARGET) is Reason.TOO_FEW_SALES


# --- who comes first ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [{"ask": None}, {"bid": None}])
@pytest.mark.parametrize("promised", [instant_promise, spread_promise])
def test_what_needs_both_sides_promises_nothing_without_one(promised, missing):
    assert promised(make_quote(**missing), FREE, None) == 0


def test_an_instant_promises_its_margin_after_the_fee_by_how_often_the_title_paid():
    assert instant_promise(QUOTE, FREE, None) == 200 * CENT // 2 // 2
    assert instant_promise(QUOTE, TENTH, None) == 80 * CENT // 2 // 2
    assert instant_promise(QUOTE, FREE, known(looks=8, finds=0)) == 200 * CENT // 10 // 2
    assert instant_promise(QUOTE, FREE, known(looks=8, finds=8)) == 200 * CENT * 9 // 10 // 2
    assert instant_promise(replace(QUOTE, bid=900), FREE, None) == 0


def test_what_lies_between_two_phases_is_no_profit():
    phased = replace(QUOTE, title=PHASED, bid=4200)
    assert instant_promise(phased, FREE, None) == 50 * CENT // 64 // 2
    assert instant_promise(replace(phased, bid=1010), FREE, None) == 10 * CENT // 64 // 2
    assert instant_promise(phased, FREE, known(looks=32, finds=31)) == 50 * CENT * 32 // 96 // 2


def test_a_relist_without_an_ask_promises_nothing():
    assert relist_promise(make_quote(ask=None), FREE, known(sales=OUTLOOK)) == 0


def test_a_relist_with_remembered_sales_promises_what_they_pay():
    assert relist_promise(QUOTE, FREE, known(sales=OUTLOOK)) == 200 * CENT // 2
    assert relist_promise(QUOTE, TENTH, known(sales=OUTLOOK)) == 80 * CENT // 2
    assert relist_promise(QUOTE, FREE, known(sales=replace(OUTLOOK, best_q40=900))) == 0


def test_a_relist_without_sales_promises_by_its_bid_its_usual_ask_and_its_price():
    low = replace(QUOTE, bid=500)
    assert relist_promise(low, FREE, None) == 10 * CENT
    assert relist_promise(QUOTE, FREE, None) == (260 // 2 + 10) * CENT
    assert relist_promise(low, FREE, known(usual_ask=2000)) == (900 // 2 + 10) * CENT
    assert relist_promise(QUOTE, FREE, known(usual_ask=1100)) == (260 // 2 + 10) * CENT
    assert relist_promise(QUOTE, FREE, known(usual_ask=1100, sales=replace(OUTLOOK, best_q40=None))) == (260 // 2 + 10) * CENT
    assert relist_promise(low, FREE, known(usual_ask=800)) == 10 * CENT


def test_a_relist_that_few_want_promises_less_unless_it_is_a_bargain():
    counts = (0, 1, 10, 20, 500)
    low = {count: relist_promise(make_quote(ask=1000, bid=500, bid_count=count), FREE, None) for count in counts}
    assert low == {0: 0, 1: CENT // 2, 10: 5 * CENT, 20: 10 * CENT, 500: 10 * CENT}
    assert relist_promise(make_quote(ask=1000, bid=None, bid_count=0), FREE, known(usual_ask=2000)) == 900 // 2 * CENT


def test_an_own_target_promises_the_spread_after_the_fee_by_how_lively_the_title_is():
    wide = make_quote(ask=1201, bid=999, ask_count=30, bid_count=30)
    assert spread_promise(wide, FREE, None) == 200 * CENT // 4
    assert spread_promise(wide, TENTH, None) == 80 * CENT // 4
    assert spread_promise(replace(wide, ask_count=5), FREE, None) == 200 * CENT // 4 // 4
    assert spread_promise(replace(wide, bid_count=2), FREE, None) == 200 * CENT // 10 // 4
    assert spread_promise(replace(wide, bid=1250), FREE, None) == 0


def test_remembered_sales_cap_what_an_own_target_promises():
    wide = make_quote(ask=1201, bid=999, ask_count=30, bid_count=30)
    assert spread_promise(wide, FREE, known(sales=replace(OUTLOOK, best_q40=1100))) == 100 * CENT // 4
    assert spread_promise(wide, FREE, known(sales=replace(OUTLOOK, best_q40=1300))) == 200 * CENT // 4


def test_a_title_promises_what_its_open_pairs_do_together():
    both = {exit_: promise([(Entry.OFFER, exit_)], QUOTE, FREE, None) for exit_ in Exit}
    assert both == {Exit.INSTANT: 50 * CENT, Exit.RELIST: 140 * CENT}
    assert promise([(Entry.OFFER, exit_) for exit_ in Exit], QUOTE, FREE, None) == 190 * CENT
    assert promise([], QUOTE, FREE, None) == 0


@given(EVIDENCE, st.integers(0, 20), st.integers(0, 20))
def test_no_promise_is_negative(evidence, looks, finds):
    remembered = known(looks=looks + finds, finds=finds, sales=sales_outlook(evidence.sales))
    assert promise(PROMISES, evidence.quote, evidence.fees, remembered) >= 0

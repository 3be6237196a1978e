"""Offers bought and offered again at a price that past sales support."""

from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace

from dmscan.core.fees import fixed
from dmscan.core.models import Evidence, FeeAt, FeeRow, FeeSchedule, FeeSource, Need, Reason, Stamped
from dmscan.core.relist import judge_relist

from make import DAY, NOW, make_offer, make_quote, make_rules, make_sale
from strategies import PHASED

FREE = fixed(Fraction(0)).schedule("")
SOLD = [1200] * 10
MONTH = 30 * DAY


def ask(price: int, name: str = "", **changes):
    return make_offer(**{"price": price, "offer_id": name or f"at {price}"} | changes)


def evidence(offers=None, sold=SOLD, fees=FREE, **quoted):
    """A title asked at $10 whose ten sales of the last days were at $12, without fees."""
    quote = make_quote(**{"ask": 1000, "bid": 900, "at": NOW - 5} | quoted)
    sales = None if sold is None else Stamped(tuple(make_sale(price=price, at=NOW - DAY - n) for n, price in enumerate(sold)), NOW - 3)
    return Evidence(quote, fees, sales=sales, offers=None if offers is None else Stamped(tuple(offers), NOW))


@pytest.mark.parametrize(
    ("offers", "units", "price"),
    [
        ([ask(1000)], 1, 1200),
        ([ask(1000), ask(1300)], 1, 1200),
        ([ask(1000), ask(1170)], 1, 1169),
        ([ask(1000), ask(1010), ask(1180)], 2, 1179),
        ([ask(1000), ask(1001)], 2, 1200),
        ([ask(1000), ask(1150, p2p=True)], 1, 1149),
        ([ask(1000), ask(1150, resellable=False)], 1, 1149),
        ([ask(1000), ask(1150, unlock_at=NOW + 9 * DAY)], 1, 1149),
        ([ask(1000), ask(1150, reserved=True)], 1, 1200),
        ([ask(1000), ask(1150, phase="ruby")], 1, 1200),
    ],
)
def test_the_price_is_the_q40_of_the_sales_or_a_cent_below_the_next_ask(offers, units, price):
    (found,) = judge_relist(evidence(offers), make_rules(max_lock_days=7))
    assert found.units == units
    assert {leg.sell for leg in found.legs} == {price}


@pytest.mark.parametrize(
    ("changes", "units"),
    [({}, 2), ({"max_units": 1}, 1), ({"max_days_to_sell": Fraction(6)}, 2), ({"max_days_to_sell": Fraction(599, 100)}, 1)],
)
def test_as_many_units_are_bought_as_bring_the_most_in_time(changes, units):
    (found,) = judge_relist(evidence([ask(1000), ask(1140), ask(1190)]), make_rules(**changes))
    assert found.units == units
    assert found.hold_days == 3 * units


def test_at_equal_profit_fewer_units_are_bought():
    """One unit at 859 earns 73; of two at 1000 the first meets a dear row, so they earn 33 + 40; a cent less of fee and they win."""
    dear = FeeRow(Fraction(267, 1000), 900, 1100, NOW + 3 * DAY)
    ten = FeeSchedule(Fraction(1, 10), 2, FeeSource.DEFAULT, (dear,))
    known = evidence([ask(700), ask(860)], sold=[1000] * 10, fees=ten, ask=700)
    (found,) = judge_relist(known, make_rules())
    assert (found.units, found.net_profit) == (1, 73)
    less = replace(ten, rows=(replace(dear, fraction=Fraction(266, 1000)),))
    (found,) = judge_relist(replace(known, fees=less), make_rules())
    assert (found.units, found.net_profit) == (2, 74)


@pytest.mark.parametrize(
    ("offers", "sold", "changes", "verdict"),
    [
        (None, None, {}, Need.SALES),
        ([ask(1000)], None, {}, Need.SALES),
        (None, SOLD, {}, Need.OFFERS),
        (None, [], {}, Reason.TOO_FEW_SALES),
        (None, SOLD[:7], {}, Reason.TOO_FEW_SALES),
        (None, SOLD[:8], {}, Need.OFFERS),
        (None, SOLD[:7], {"min_sales": 7}, Need.OFFERS),
        (None, [1004] * 8, {}, Reason.BELOW_MIN_PROFIT),
        (None, [1029] * 8, {}, Reason.BELOW_MIN_ROI),
        ([], SOLD, {}, Reason.NO_BUYABLE_OFFER),
        ([ask(1000)], SOLD[:7], {}, Reason.TOO_FEW_SALES),
        ([ask(1000, reserved=True)], SOLD, {}, Reason.NO_BUYABLE_OFFER),
        ([ask(1000, unlock_at=NOW + 9 * DAY)], SOLD, {}, Reason.LOCK_TOO_LONG),
        ([ask(1000, resellable=False)], SOLD, {}, Reason.NOT_RESELLABLE),
        ([ask(1000)], [1004] * 8, {}, Reason.BELOW_MIN_PROFIT),
        ([ask(1000), ask(1000, "b", resellable=False)], [1029] * 8, {}, Reason.BELOW_MIN_PROFIT),
        ([ask(1000)], [1029] * 8, {}, Reason.BELOW_MIN_ROI),
        ([ask(1000)], SOLD, {"max_days_to_sell": Fraction(2)}, Reason.TOO_SLOW),
    ],
)
def test_a_title_is_refused_for_the_furthest_reason_or_asks_for_what_decides(offers, sold, changes, verdict):
    assert judge_relist(evidence(offers, sold), make_rules(max_lock_days=7, **changes)) is verdict


def test_the_quote_is_looked_at_before_anything_is_asked():
    assert judge_relist(evidence(sold=None, ask=49), make_rules()) is Reason.NO_BUYABLE_OFFER


def test_only_the_newest_twenty_rows_are_looked_at():
    assert judge_relist(evidence([ask(1000)], sold=[500] * 20 + SOLD), make_rules()) is Reason.BELOW_MIN_PROFIT


def test_each_variant_is_judged_on_its_own_sales():
    known = evidence([ask(1000, phase="ruby"), ask(1001, phase="sapphire")], title=PHASED)
    rubies = tuple(replace(sale, phase="ruby") for sale in known.sales.value)
    known = replace(known, sales=Stamped(rubies, NOW))
    (found,) = judge_relist(known, make_rules())
    assert found.phase == "ruby"
    sapphire = replace(known, offers=Stamped((ask(1001, phase="sapphire"),), NOW))
    assert judge_relist(sapphire, make_rules()) is Reason.TOO_FEW_SALES


def test_sales_of_any_variant_may_decide_before_the_offers_are_known():
    known = evidence(sold=[1004] * 9, title=PHASED)
    mixed = known.sales.value + tuple(make_sale(price=price, phase="ruby") for price in SOLD)
    assert judge_relist(replace(known, sales=Stamped(mixed, NOW)), make_rules()) is Need.OFFERS


@pytest.mark.parametrize(
    ("ends", "fee_at", "fees", "source"),
    [
        (6 * DAY, FeeAt.SALE, [24, 24], FeeSource.REDUCED),
        (3 * DAY, FeeAt.SALE, [24, 120], FeeSource.REDUCED),
        (3 * DAY - 1, FeeAt.SALE, [120, 120], FeeSource.DEFAULT),
        (3 * DAY - 1, FeeAt.NOW, [24, 24], FeeSource.REDUCED),
        (-1, FeeAt.NOW, [120, 120], FeeSource.DEFAULT),
    ],
)
def test_the_fee_is_that_of_each_units_own_day_of_sale(ends, fee_at, fees, source):
    row = FeeRow(Fraction(2, 100), 1, 9999, NOW + ends)
    known = evidence([ask(1000), ask(1000, "b")], fees=FeeSchedule(Fraction(1, 10), 2, FeeSource.DEFAULT, (row,)))
    (found,) = judge_relist(known, make_rules(fee_at=fee_at))
    assert [leg.fee for leg in found.legs] == fees
    assert found.fee_source is source
    assert found.net_if_renewed == (2 * (1200 - 24 - 1000) if ends >= 0 else 2 * (1200 - 120 - 1000))


def test_the_day_of_sale_is_rounded_up():
    row = FeeRow(Fraction(2, 100), 1, 9999, NOW + 3 * DAY - 1)
    schedule = FeeSchedule(Fraction(1, 10), 2, FeeSource.DEFAULT, (row,))
    (found,) = judge_relist(evidence([ask(1000)], sold=[1200] * 14, fees=schedule), make_rules())
    assert (found.hold_days, found.legs[0].fee_at, found.fee) == (Fraction(15, 7), NOW + 3 * DAY, 120)


def test_a_find_says_what_it_rests_on():
    (found,) = judge_relist(evidence([ask(1000), ask(1250)], sold=[1300, *[1200] * 9, 1100, 1100]), make_rules())
    sales = found.sales
    assert (sales.qualified, sales.median, sales.q40, sales.at_or_above) == (12, 1200, 1200, 10)
    assert (sales.last_at, sales.fetched_at) == (NOW - DAY, NOW - 3)
    assert (found.hold_days, found.pace, found.next_ask) == (3, Fraction(1, 3), 1250)
    assert (found.bail_out, found.net_if_renewed, found.profit_per_day) == (900 - 1000, 200, 66)


def test_without_a_bid_there_is_no_bailing_out():
    (found,) = judge_relist(evidence([ask(1000)], bid=None), make_rules())
    assert found.bail_out is None

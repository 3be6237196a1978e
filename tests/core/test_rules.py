"""Levels and limits become price bands, and bands decide on legs."""

from __future__ import annotations

from fractions import Fraction

import pytest

from dmscan.core.models import PriceBand, Reason
from dmscan.core.rules import band_of, later, max_buy, price_bands, refusal, refusal_at_best

from make import make_rules

THREE, FIVE = Fraction(3, 100), Fraction(5, 100)


@pytest.mark.parametrize(
    ("level", "low", "high", "percent"),
    [
        ("boost", 50, 300, 1),
        ("standard", 300, 1000, 5),
        ("medium", 1000, 3000, 5),
        ("advanced", 3000, 10000, 10),
        ("pro", 10000, 100000, 20),
    ],
)
def test_a_level_begins_at_its_lower_bound_and_ends_before_its_upper_one(level, low, high, percent):
    (band,) = price_bands([level])
    assert [band.holds(price) for price in (low - 1, low, high - 1, high)] == [False, True, True, False]
    assert band.min_roi == Fraction(percent, 100)


@pytest.mark.parametrize(
    ("asked", "bands"),
    [
        ({}, [(50, None, 3)]),
        ({"min_price": 10}, [(10, None, 3)]),
        ({"min_price": 0}, [(0, None, 3)]),
        ({"max_price": 70}, [(50, 70, 3)]),
        ({"max_price": 49}, []),
        ({"min_roi": Fraction(1, 100)}, [(50, None, 1)]),
        ({"levels": ["medium", "boost"]}, [(50, 299, 1), (1000, 2999, 5)]),
        ({"levels": ["boost", "boost"]}, [(50, 299, 1)]),
        ({"levels": ["boost"], "min_price": 10}, [(50, 299, 1)]),
        ({"levels": ["boost", "standard"], "min_price": 300}, [(300, 999, 5)]),
        ({"levels": ["standard"], "max_price": 300}, [(300, 300, 5)]),
        ({"levels": ["standard"], "max_price": 299}, []),
        ({"levels": ["pro"], "min_roi": Fraction(2, 100)}, [(10000, 99999, 2)]),
    ],
)
def test_limits_narrow_levels_and_an_explicit_roi_replaces_theirs(asked, bands):
    expected = tuple(PriceBand(low, high, Fraction(percent, 100)) for low, high, percent in bands)
    assert price_bands(**asked) == expected


def test_an_ask_lies_in_at_most_one_band():
    rules = make_rules(bands=price_bands(["boost", "medium"]))
    assert [band_of(price, rules) and band_of(price, rules).min_roi for price in (299, 300, 999, 1000)] == [
        Fraction(1, 100),
        None,
        None,
        FIVE,
    ]


@pytest.mark.parametrize(
    ("profit", "cost", "reason"),
    [
        (5, 100, None),
        (4, 100, Reason.BELOW_MIN_PROFIT),
        (29, 1000, Reason.BELOW_MIN_ROI),
        (30, 1000, None),
        (-3, 10, Reason.BELOW_MIN_PROFIT),
    ],
)
def test_a_leg_must_reach_the_least_profit_and_the_least_roi(profit, cost, reason):
    assert refusal(profit, cost, PriceBand(1, None, THREE), make_rules()) is reason


@pytest.mark.parametrize(
    ("proceeds", "ask", "reason"),
    [
        (120, 100, None),
        (104, 100, Reason.BELOW_MIN_PROFIT),
        (350, 299, None),
        (350, 300, Reason.BELOW_MIN_PROFIT),
        (1049, 600, Reason.BELOW_MIN_ROI),
        (1050, 600, None),
        (54, 1, Reason.BELOW_MIN_PROFIT),
        (55, 1, None),
        (9999, 3000, Reason.ASK_ABOVE_MAX),
    ],
)
def test_the_least_cost_of_each_band_decides_on_the_best_case(proceeds, ask, reason):
    rules = make_rules(bands=(PriceBand(50, 299, THREE), PriceBand(1000, 2999, FIVE)))
    assert refusal_at_best(proceeds, ask, rules) is reason


@pytest.mark.parametrize(
    ("proceeds", "cost"),
    [(54, None), (55, 50), (206, 200), (2000, 1904), (1049, 299), (1050, 1000), (1160, 1104), (9999, 2999), (0, None), (-5, None)],
)
def test_max_buy_is_the_highest_cost_in_any_band_that_still_pays(proceeds, cost):
    rules = make_rules(bands=(PriceBand(50, 299, THREE), PriceBand(1000, 2999, FIVE)))
    assert max_buy(proceeds, rules) == cost


def test_max_buy_has_no_end_but_the_rules_without_a_highest_price():
    assert max_buy(10300, make_rules()) == 10000
    assert max_buy(104, make_rules()) == 99


@pytest.mark.parametrize(("one", "other"), list(zip(list(Reason), list(Reason)[1:], strict=False)))
def test_of_two_reasons_the_later_one_of_the_contract_wins(one, other):
    assert later(one, other) == later(other, one) == other
    assert later(one, one) == one

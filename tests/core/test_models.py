"""What follows from a record's own fields."""

from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace

from dmscan.core.fees import ASSUMED
from dmscan.core.models import Entry, Evidence, Exit, Game, Need, PriceBand, Stamped

from make import NOW, make_leg, make_opportunity, make_quote, make_relist


@pytest.mark.parametrize(
    ("profit", "hold", "fill", "cents"),
    [(100, 0, None, 100), (100, "1/2", None, 100), (100, 1, None, 100), (100, 3, None, 33), (100, "3/2", 1, 40), (-1, 3, None, -1)],
)
def test_profit_per_day_is_rounded_down_over_at_least_a_day(profit, hold, fill, cents):
    leg = make_leg(ask=1000, sell=1000 + profit, fee=0)
    days = None if fill is None else Fraction(fill)
    assert make_relist(legs=(leg,), hold_days=Fraction(hold), days_to_fill=days).profit_per_day == cents


def test_sums_and_roi_are_those_of_the_legs():
    found = make_opportunity()
    assert (found.units, found.cost, found.sell, found.fee, found.net_profit) == (2, 4810, 5264, 106, 348)
    assert found.roi == Fraction(348, 4810)
    assert [leg.roi for leg in found.legs] == [Fraction(178, 2401), Fraction(170, 2409)]
    assert found.key == (Game.CS2, found.title, "", Entry.OFFER, Exit.INSTANT)


def test_unknown_days_count_as_one():
    leg = make_leg(ask=1000, sell=1100, fee=0)
    found = make_relist(legs=(leg,), hold_days=None)
    assert (found.days, found.profit_per_day) == (None, 100)


@pytest.mark.parametrize(
    ("stamps", "now", "oldest"),
    [
        ({}, 0, 0),
        ({"sales": 5}, 5, 0),
        ({"sales": 5, "targets": 9, "offers": 7}, 9, 0),
        ({"offers": -9}, 0, -9),
        ({"offers": 7, "fills": -8}, 7, -8),
    ],
)
def test_now_is_when_the_last_answer_used_arrived_and_the_oldest_is_told_too(stamps, now, oldest):
    answers = {name: Stamped((), NOW + after) for name, after in stamps.items()}
    evidence = Evidence(make_quote(at=NOW), ASSUMED.schedule(""), **answers)
    assert (evidence.now, evidence.oldest_at) == (NOW + now, NOW + oldest)


def test_what_has_not_been_asked_is_told_in_the_order_of_the_calls():
    bare = Evidence(make_quote(), ASSUMED.schedule(""))
    assert bare.unasked == tuple(Need)
    assert replace(bare, sales=Stamped((), NOW), offers=Stamped((), NOW)).unasked == (Need.TARGETS, Need.FILLS)


def test_a_band_holds_its_bounds():
    band = PriceBand(50, 299, Fraction(0))
    assert [band.holds(price) for price in (49, 50, 299, 300)] == [False, True, True, False]
    assert PriceBand(50, None, Fraction(0)).holds(10**9)

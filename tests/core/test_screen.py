"""The quote rules: what a title's quote alone decides."""

from __future__ import annotations

from fractions import Fraction

import pytest

from dmscan.core.models import FeeRow, FeeSchedule, FeeSource, Game, Reason
from dmscan.core.rules import price_bands
from dmscan.core.screen import screen_instant, screen_relist, screen_target

from make import NOW, make_quote, make_rules
from strategies import PHASED

TEN = FeeSchedule(Fraction(1, 10), 2, FeeSource.DEFAULT)
REDUCED = FeeSchedule(Fraction(1, 10), 2, FeeSource.DEFAULT, (FeeRow(Fraction(1, 100), 1, 1040, NOW),))


@pytest.mark.parametrize(
    ("changes", "fees", "reason"),
    [
        ({"ask": None}, TEN, Reason.NO_ASK),
        ({"bid": None}, TEN, Reason.NO_BID),
        ({"ask": None, "bid": None}, TEN, Reason.NO_ASK),
        ({"ask": 3000, "bid": 9000}, TEN, Reason.ASK_ABOVE_MAX),
        ({"ask": 2999, "bid": 9000}, TEN, None),
        ({"ask": 1000, "bid": 1004}, TEN, Reason.BELOW_MIN_PROFIT),
        ({"ask": 1000, "bid": 1049}, TEN, Reason.BELOW_MIN_ROI),
        ({"ask": 1000, "bid": 1166}, TEN, Reason.BELOW_MIN_ROI),
        ({"ask": 1000, "bid": 1167}, TEN, None),
        ({"ask": 10, "bid": 1167}, TEN, None),
        ({"ask": 1000, "bid": 1070}, REDUCED, Reason.BELOW_MIN_ROI),
        ({"ask": 980, "bid": 1070}, REDUCED, Reason.BELOW_MIN_ROI),
        ({"ask": 1000, "bid": 1080, "at": NOW - 1}, REDUCED, Reason.BELOW_MIN_ROI),
    ],
)
def test_instant_is_refused_by_the_first_rule_that_no_unit_can_meet(changes, fees, reason):
    rules = make_rules(bands=price_bands(["medium"]))
    assert screen_instant(make_quote(**{"at": NOW} | changes), fees, rules) is reason


def test_a_reduced_band_below_the_bid_may_save_a_title():
    rules = make_rules(bands=price_bands(["standard"]))
    assert screen_instant(make_quote(ask=980, bid=1070, at=NOW), REDUCED, rules) is None
    assert screen_instant(make_quote(ask=980, bid=1070, at=NOW + 1), REDUCED, rules) is Reason.BELOW_MIN_PROFIT


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ask": None}, Reason.NO_ASK),
        ({"bid": None}, None),
        ({"ask": 299}, Reason.NO_BUYABLE_OFFER),
        ({"ask": 300}, None),
        ({"ask": 2999}, None),
        ({"ask": 3000}, Reason.ASK_ABOVE_MAX),
        ({"ask": 299, "title": PHASED}, None),
        ({"ask": 3000, "title": PHASED}, Reason.ASK_ABOVE_MAX),
        ({"ask": 299, "title": PHASED, "game": Game.RUST}, Reason.NO_BUYABLE_OFFER),
    ],
)
def test_a_relist_is_refused_if_the_cheapest_ask_lies_outside_all_bands(changes, reason):
    assert screen_relist(make_quote(**changes), make_rules(bands=price_bands(["standard", "medium"]))) is reason


def test_without_a_highest_price_no_ask_is_above_it():
    assert screen_relist(make_quote(ask=10**8), make_rules()) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"bid": None}, Reason.NO_BID),
        ({"bid": None, "ask": None}, Reason.NO_BID),
        ({"ask": None}, Reason.NO_BUYABLE_OFFER),
        ({"bid": 298}, Reason.NO_BUYABLE_OFFER),
        ({"bid": 299}, None),
        ({"bid": 299, "ask": 299}, Reason.NO_BUYABLE_OFFER),
        ({"bid": 299, "ask": 299, "title": PHASED}, None),
        ({"bid": 298, "ask": 300, "title": PHASED}, Reason.NO_BUYABLE_OFFER),
        ({"bid": 9000, "ask": 3000}, None),
    ],
)
def test_an_own_target_is_refused_only_without_bids_and_offers_or_too_low_for_all_bands(changes, reason):
    rules = make_rules(bands=price_bands(["standard", "medium"]))
    assert screen_target(make_quote(**{"ask": 1200, "bid": 1000} | changes), rules) is reason

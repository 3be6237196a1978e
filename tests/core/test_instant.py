"""Offers sold into targets at once."""

from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace

from dmscan.core.fees import fixed
from dmscan.core.instant import compatible, judge_instant, judge_quote
from dmscan.core.models import Confidence, Evidence, Exit, Need, PriceBand, Reason, Stamped

from make import DAY, NOW, make_offer, make_quote, make_rules, make_target

FREE = fixed(Fraction(0)).schedule("")
THREE = Fraction(3, 100)


def evidence(offers=None, targets=None, **quoted):
    """What is known of a title quoted at $10 to $12, without fees."""
    quote = make_quote(**{"ask": 1000, "bid": 1200, "at": NOW - 5} | quoted)
    stamped = [None if found is None else Stamped(tuple(found), NOW) for found in (targets, offers)]
    return Evidence(quote, FREE, targets=stamped[0], offers=stamped[1])


def ask(price: int, name: str = "", **changes):
    return make_offer(**{"price": price, "offer_id": name or f"at {price}", "float_part": "FT-2", "paint_seed": "412"} | changes)


def bid(price: int, amount: int = 1, **limits):
    return make_target(price=price, amount=amount, **limits)


@pytest.mark.parametrize(
    ("limits", "fits"),
    [
        ({}, True),
        ({"phase": "ruby"}, True),
        ({"phase": "sapphire"}, False),
        ({"float_part": "FT-2"}, True),
        ({"float_part": "FT-3"}, False),
        ({"paint_seed": "412"}, True),
        ({"paint_seed": "0"}, False),
        ({"phase": "ruby", "float_part": "FT-2", "paint_seed": "412"}, True),
        ({"phase": "ruby", "float_part": "FT-2", "paint_seed": "413"}, False),
    ],
)
def test_an_item_must_meet_every_limit_of_a_target(limits, fits):
    assert compatible(ask(1000, phase="ruby"), bid(1200, **limits)) is fits


@pytest.mark.parametrize("limits", [{"phase": "ruby"}, {"float_part": "FT-2"}, {"paint_seed": "0"}])
def test_an_unknown_attribute_meets_no_limit(limits):
    assert not compatible(ask(1000, float_part=None, paint_seed=None), bid(1200, **limits))


@pytest.mark.parametrize(
    ("offers", "targets", "pairs"),
    [
        ([1000, 1010], [(1200, 1), (1100, 5)], [(1000, 1200), (1010, 1100)]),
        ([1000, 1010, 1020], [(1200, 2)], [(1000, 1200), (1010, 1200)]),
        ([1000, 1150, 1160], [(1200, 1), (1190, 1)], [(1000, 1200), (1150, 1190)]),
        ([1170, 1000], [(1200, 1)], [(1000, 1200)]),
    ],
)
def test_each_offer_in_turn_takes_the_dearest_target_with_units_left(offers, targets, pairs):
    known = evidence([ask(price) for price in offers], [bid(price, amount) for price, amount in targets])
    (found,) = judge_instant(known, make_rules())
    assert [(leg.ask, leg.sell) for leg in found.legs] == pairs


def test_a_leg_that_does_not_pay_uses_no_unit_of_its_target():
    cheap, dear = ask(3000, phase="ruby"), ask(3010)
    known = evidence([cheap, dear], [bid(3150, 1)], ask=3000, bid=3150)
    rules = make_rules(bands=(PriceBand(50, 3000, Fraction(9, 10)), PriceBand(3001, None, THREE)))
    (found,) = judge_instant(known, rules)
    assert [leg.offer for leg in found.legs] == [dear]


def test_among_equal_prices_the_more_limited_target_is_taken_then_the_first_by_text():
    targets = [
        bid(1200),
        bid(1200, paint_seed="412"),
        bid(1200, float_part="FT-2"),
        bid(1200, phase="ruby"),
        bid(1200, float_part="FT-2", phase="ruby"),
    ]
    (found,) = judge_instant(evidence([ask(1000, str(n), phase="ruby") for n in range(5)], targets), make_rules())
    limits = [(leg.target.float_part, leg.target.phase, leg.target.paint_seed) for leg in found.legs]
    assert limits == [("FT-2", "ruby", None), (None, None, "412"), (None, "ruby", None), ("FT-2", None, None), (None, None, None)]


def test_variants_share_the_targets_and_are_told_apart():
    known = evidence([ask(1000, phase="ruby"), ask(1001), ask(1002, phase="ruby"), ask(1003)], [bid(1200, 3)])
    ruby, plain = judge_instant(known, make_rules())
    assert [(found.phase, [leg.ask for leg in found.legs]) for found in (ruby, plain)] == [("ruby", [1000, 1002]), ("", [1001])]


@pytest.mark.parametrize(
    ("offers", "targets", "verdict"),
    [
        (None, None, Need.OFFERS),
        ([ask(1000)], None, Need.TARGETS),
        ([ask(1170), ask(1165)], None, Need.TARGETS),
        ([ask(1196), ask(1166)], None, Reason.BELOW_MIN_ROI),
        ([ask(1000, reserved=True), ask(1196)], None, Reason.BELOW_MIN_PROFIT),
        ([ask(40)], None, Reason.NO_BUYABLE_OFFER),
        ([], None, Reason.NO_BUYABLE_OFFER),
        ([ask(1000, unlock_at=NOW + 9 * DAY)], None, Reason.LOCK_TOO_LONG),
        (None, [bid(1200)], Need.OFFERS),
        (None, [], Reason.NO_COMPATIBLE_BID),
        (None, [bid(1004)], Reason.BELOW_MIN_PROFIT),
        (None, [bid(1020)], Reason.BELOW_MIN_ROI),
        ([], [bid(1200)], Reason.NO_BUYABLE_OFFER),
        ([ask(1000, reserved=True)], [bid(1200)], Reason.NO_BUYABLE_OFFER),
        ([ask(1000, unlock_at=NOW + 9 * DAY)], [bid(1200)], Reason.LOCK_TOO_LONG),
        ([ask(1000, resellable=False)], [bid(1200)], Reason.NOT_RESELLABLE),
        ([ask(1000)], [bid(1200, float_part="FN-0")], Reason.NO_COMPATIBLE_BID),
        ([ask(1000)], [bid(1004)], Reason.BELOW_MIN_PROFIT),
        ([ask(1000)], [bid(1029)], Reason.BELOW_MIN_ROI),
        ([ask(1000), ask(1001, resellable=False)], [bid(1029)], Reason.BELOW_MIN_ROI),
        ([ask(1000), ask(1100)], [bid(1029)], Reason.BELOW_MIN_ROI),
    ],
)
def test_a_title_is_refused_for_the_furthest_reason_or_asks_for_what_decides(offers, targets, verdict):
    assert judge_instant(evidence(offers, targets), make_rules(max_lock_days=7)) is verdict


def test_the_quote_is_looked_at_before_anything_is_asked():
    assert judge_instant(evidence(bid=None), make_rules()) is Reason.NO_BID


def test_a_find_says_what_the_first_leg_and_the_whole_come_to():
    known = replace(evidence([ask(1000), ask(1010, unlock_at=NOW + 1)], [bid(1300, 2)], bid=1250), fees=fixed(Fraction(1, 10)).schedule(""))
    (found,) = judge_instant(known, make_rules(cashout_fee=Fraction(1, 100)))
    assert (found.exit, found.confidence, found.as_of) == (Exit.INSTANT, Confidence.CONFIRMED, NOW)
    assert (found.units, found.cost, found.sell, found.fee, found.net_profit) == (2, 2010, 2600, 260, 330)
    assert (found.break_even, found.max_buy, found.bail_out) == (1112, 1135, 2 * (1250 - 125) - 2010)
    assert found.net_after_cashout == 330 - 24
    assert [leg.lock_days for leg in found.legs] == [0, 1]
    assert (found.hold_days, found.pace, found.sales, found.net_if_renewed, found.next_ask) == (0, None, None, None, None)


@pytest.mark.parametrize(
    ("quoted", "reason"),
    [
        ({"ask": None}, Reason.NO_ASK),
        ({"bid": None}, Reason.NO_BID),
        ({"ask": 49, "bid": 9000}, Reason.NO_BUYABLE_OFFER),
        ({"bid": 1029}, Reason.BELOW_MIN_ROI),
        ({"ask": 600, "bid": 610}, Reason.BELOW_MIN_ROI),
        ({"ask": 2400, "bid": 9000}, Reason.NO_BUYABLE_OFFER),
    ],
)
def test_without_a_key_the_quote_alone_decides(quoted, reason):
    rules = make_rules(bands=(PriceBand(50, 2000, THREE), PriceBand(3000, 4000, THREE)))
    assert judge_quote(evidence(**quoted), rules) is reason


def test_a_dear_ask_may_be_refused_though_one_in_a_laxer_band_would_pass():
    rules = make_rules(bands=(PriceBand(50, 1000, Fraction(1, 2)), PriceBand(1001, None, THREE)))
    assert judge_quote(evidence(ask=1000, bid=1200), rules) is Reason.BELOW_MIN_ROI


def test_without_a_key_one_unit_goes_from_the_quoted_ask_into_the_quoted_bid():
    (found,) = judge_quote(evidence(), make_rules())
    (leg,) = found.legs
    assert (leg.ask, leg.sell, leg.fee, leg.offer, leg.target, leg.lock_days) == (1000, 1200, 0, None, None, None)
    assert (found.confidence, found.phase, found.as_of, found.bail_out) == (Confidence.QUOTE, "", NOW - 5, 200)

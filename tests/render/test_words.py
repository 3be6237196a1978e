"""Reasons, warnings and evidence in words."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

import dmscan.core.warnings
from dmscan.core.models import Confidence, Entry, FeeSource, Reason
from dmscan.render.words import REASONS, REMEDIES, WARNINGS, evidence, reason_words, warning_words

from make import NOW, make_leg, make_offer, make_opportunity, make_quote, make_relist, make_sales, make_target


def test_every_reason_has_words_of_its_own():
    assert set(REASONS) == set(Reason)
    assert len(set(REASONS.values())) == len(Reason)
    assert set(REMEDIES) < set(Reason)


def test_every_warning_has_words_of_its_own():
    given = set(re.findall(r'yield "(\w+)"', Path(dmscan.core.warnings.__file__).read_text(encoding="utf-8")))
    assert given
    assert set(WARNINGS) == given
    assert len(set(WARNINGS.values())) == len(WARNINGS)


def test_a_name_from_a_later_version_stands_for_itself():
    assert reason_words("too_shiny") == "too shiny"
    assert warning_words(make_opportunity(warnings=("odd_moon",))) == ["odd moon"]


def test_the_lock_is_told_in_days():
    legs = (make_leg(lock_days=2), make_leg(lock_days=6))
    assert warning_words(make_opportunity(legs=legs, warnings=("locked", "thin_book"))) == ["locked 6 d", "thin book"]


def test_an_instant_find_shows_the_bids_it_is_sold_into():
    assert evidence(make_opportunity()) == [
        "2 units: $24.01 $24.09",
        "2 into a bid of $26.32 for 3",
        "fee 2% reduced",
        "buy up to $25.03",
    ]


def test_limits_of_a_bid_are_told():
    target = make_target(amount=1, phase="ruby", float_part="FN-1", paint_seed="412")
    assert "into a bid of $26.32 for 1, ruby FN-1 seed 412 only" in evidence(make_opportunity(legs=(make_leg(target=target),)))


def test_units_sold_into_several_bids_are_told_apart():
    legs = (make_leg(), make_leg(), make_leg(target=make_target(price=2600, amount=1)))
    parts = evidence(make_opportunity(legs=legs))
    assert parts[1:3] == ["2 into a bid of $26.32 for 3", "1 into a bid of $26.00 for 1"]


def test_many_units_are_told_by_their_first_and_last_price():
    legs = tuple(make_leg(ask=2400 + n) for n in range(12))
    assert evidence(make_opportunity(legs=legs))[0] == "12 units from $24.00 to $24.11"


def test_a_find_on_the_quote_claims_no_more_than_the_quote():
    found = make_opportunity(confidence=Confidence.QUOTE, legs=(make_leg(offer=None, target=None, lock_days=None),))
    assert evidence(found)[0] == "into the quoted bid, 37 wanted at all prices"


def test_a_relist_shows_the_sales_that_support_it():
    assert evidence(make_relist()) == [
        "12 of 18 sales at $25.70 or more",
        "next ask $27.10",
        "fee 10%",
        "a renewed fee would net $4.18",
        "buy up to $22.45",
    ]
    alone = evidence(make_relist(next_ask=None, net_if_renewed=213, max_buy=None, sales=make_sales(at_or_above=18)))
    assert alone == ["18 of 18 sales at $25.70 or more", "no other ask", "fee 10%"]


def test_an_own_target_is_told_as_the_bid_to_place():
    leg = make_leg(ask=2100, sell=2570, fee=257, offer=None, target=None)
    assert evidence(make_relist(entry=Entry.TARGET, legs=(leg,), days_to_fill=Fraction(2)))[0] == "bid $21.00, filled in 2.0 d"


@pytest.mark.parametrize(("source", "words"), [(FeeSource.ASSUMED, "fee 10% assumed"), (FeeSource.SET, "fee 10% set")])
def test_the_source_of_the_fee_is_told(source, words):
    assert words in evidence(make_relist(fee_source=source))


def test_a_cash_out_fee_is_told_only_if_there_is_one():
    assert "$1.00 after cash-out" in evidence(make_relist(net_after_cashout=100))
    assert not any("cash-out" in part for part in evidence(make_relist()))


def test_hidden_characters_of_the_market_are_visible_in_the_evidence():
    found = make_opportunity(
        legs=(make_leg(offer=make_offer(unlock_at=NOW), target=make_target(phase="\x1b[31m")),), quote=make_quote(), warnings=("a\x07_b",)
    )
    assert "\x1b" not in "".join(evidence(found))
    assert warning_words(found) == ["a\\u0007 b"]

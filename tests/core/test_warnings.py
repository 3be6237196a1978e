"""Warnings qualify a find; each begins and ends where the contract says."""

from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace

from dmscan.core.models import Confidence, Entry, Evidence, FeeRow, FeeSchedule, FeeSource
from dmscan.core.sales import support
from dmscan.core.warnings import warnings_of

from make import DAY, NOW, make_leg, make_offer, make_opportunity, make_quote, make_relist, make_sale

QUOTE = make_quote(ask=1000, bid=1200, ask_count=3, bid_count=3, at=NOW)
TEN = FeeSchedule(Fraction(1, 10), 2, FeeSource.DEFAULT)


def leg(**changes):
    return replace(make_leg(ask=1000, sell=1200, fee=0, lock_days=0, target=None), **changes)


def offered(**changes):
    return leg(offer=make_offer(**changes))


def instant(fees=TEN, **changes):
    """The warnings of a quiet instant find, but for the changes."""
    found = make_opportunity(**{"quote": QUOTE, "legs": (leg(),)} | changes)
    return warnings_of(found, Evidence(found.quote, fees), None)


def relist(*sold, **changes):
    """The warnings of a quiet relist find that rests on sales of (price, seconds ago[, float])."""
    sales = [make_sale(price=price, at=NOW - age, float_value=(*wear, None)[0]) for price, age, *wear in sold]
    found = make_relist(**{"quote": QUOTE, "legs": (leg(),)} | changes)
    return warnings_of(found, Evidence(found.quote, TEN), support(sales, "", NOW))


def daily(*prices: int):
    """Sales a day apart, the newest first."""
    return [(price, place * DAY) for place, price in enumerate(prices)]


@pytest.mark.parametrize(
    ("changes", "warnings"),
    [
        ({}, ()),
        ({"quote": replace(QUOTE, bid_count=2)}, ("thin_book",)),
        ({"quote": replace(QUOTE, ask_count=2)}, ()),
        ({"quote": replace(QUOTE, at=NOW - 300)}, ()),
        ({"quote": replace(QUOTE, at=NOW - 301)}, ("stale_quote",)),
        ({"legs": (leg(sell=2000),)}, ()),
        ({"legs": (leg(sell=2001),)}, ("roi_suspicious",)),
        ({"legs": (leg(sell=2001), leg(sell=1200))}, ()),
        ({"confidence": Confidence.QUOTE}, ("restricted_bids_possible",)),
        ({"legs": (leg(), leg(lock_days=1))}, ("lock_resale_unproven", "locked")),
        ({"legs": (leg(lock_days=None, offer=None),)}, ()),
        ({"legs": (offered(reversible_until=NOW),)}, ()),
        ({"legs": (leg(), offered(reversible_until=NOW + 1))}, ("reversible",)),
    ],
)
def test_warnings_of_quote_and_legs(changes, warnings):
    assert instant(**changes) == warnings


@pytest.mark.parametrize(
    ("ends", "warns"),
    [([DAY], True), ([DAY + 1], False), ([DAY, DAY + 1], False), ([0], True), ([-1], False), ([], False)],
)
def test_a_reduced_fee_in_use_expires_soon_within_a_day_of_the_sale(ends, warns):
    fees = replace(TEN, rows=tuple(FeeRow(Fraction(2, 100), 1, 9999, NOW + end) for end in ends))
    assert instant(fees, legs=(leg(fee_at=NOW),)) == (("fee_expires_soon",) if warns else ())


def test_the_days_of_sale_of_all_legs_count():
    fees = replace(TEN, rows=(FeeRow(Fraction(2, 100), 1, 9999, NOW + 3 * DAY),))
    assert instant(fees, legs=(leg(fee_at=NOW), leg(fee_at=NOW + 2 * DAY))) == ("fee_expires_soon",)
    assert instant(fees, legs=(leg(fee_at=NOW), leg(fee_at=NOW + 3 * DAY + 1))) == ()


@pytest.mark.parametrize(
    ("sold", "changes", "warnings"),
    [
        (daily(1200), {}, ()),
        (daily(1200), {"quote": replace(QUOTE, ask_count=2, bid_count=9)}, ("thin_book",)),
        (daily(1200), {"quote": replace(QUOTE, ask_count=3, bid_count=0)}, ()),
        (daily(1200), {"legs": (leg(lock_days=2),)}, ("locked",)),
        (daily(1200), {"quote": replace(QUOTE, bid=800)}, ()),
        (daily(1200), {"quote": replace(QUOTE, bid=799)}, ("far_above_bid",)),
        (daily(1200), {"quote": replace(QUOTE, bid=None)}, ("far_above_bid",)),
        ([(1200, age * 150) for age in range(5)], {}, ("sales_burst",)),
        ([(1200, age * 150) for age in range(4)], {}, ()),
        ([(1200, age * 150 + (age == 4)) for age in range(5)], {}, ()),
        ([(1200 + age % 2, age * 10) for age in range(8)], {}, ()),
        ([(1201, 9000), *((1200, age * 150 + 50_000) for age in range(5))], {}, ("sales_burst",)),
        (daily(930, 930, 930, 1000, 1000, 1000, 1000, 1000, 1000), {}, ()),
        (daily(929, 929, 929, 1000, 1000, 1000, 1000, 1000, 1000), {}, ("falling",)),
        (daily(929, 929, 1000, 1000, 1000, 929, 929, 1000, 1000, 1000, 1000), {}, ()),
        (daily(900, 1000, 1000, 1150, 1150), {}, ()),
        (daily(899, 1000, 1000, 1150, 1150), {}, ()),
    ],
)
def test_warnings_of_the_sales(sold, changes, warnings):
    assert relist(*sold, **changes) == warnings


@pytest.mark.parametrize(("low", "warns"), [(900, False), (899, True)])
def test_sales_are_spread_out_if_the_middle_half_spans_more_than_a_quarter_of_the_median(low, warns):
    assert relist(*daily(1000, low, 1150, low, 1000, 1150, 1150, low, 1000)) == (("spread_out_sales",) if warns else ())


@pytest.mark.parametrize(
    ("own", "known", "warns"),
    [
        ("0.30", ["0.29", "0.29", "0.29", "0.31"], True),
        ("0.30", ["0.29", "0.29", "0.30", "0.31"], False),
        ("0.30", ["0.29", None, None, None], True),
        ("0.30", [None, None], False),
        (None, ["0.29", "0.29"], False),
        ("0.300000000000000001", ["0.3"], True),
    ],
)
def test_a_float_is_worse_if_three_quarters_of_the_known_ones_are_lower(own, known, warns):
    sold = [(1200, place * DAY, wear) for place, wear in enumerate(known)]
    legs = (leg(offer=None), offered(float_value=own))
    assert relist(*sold, legs=legs) == (("worse_float_than_sales",) if warns else ())


def own_target(*, fast_bids: bool = False, **changes):
    """The warnings of a quiet own target on the quote alone, but for the changes."""
    found = make_relist(**{"entry": Entry.TARGET, "quote": QUOTE, "legs": (leg(offer=None),), "sales": None} | changes)
    return warnings_of(found, Evidence(found.quote, TEN, fast_bids=fast_bids), None)


@pytest.mark.parametrize(
    ("changes", "warnings"),
    [
        ({}, ()),
        ({"quote": replace(QUOTE, bid_count=2)}, ("thin_bids",)),
        ({"quote": replace(QUOTE, ask_count=2)}, ("thin_book",)),
        ({"fast_bids": True}, ("fast_bids",)),
        ({"fast_bids": True, "entry": Entry.OFFER}, ()),
        ({"quote": replace(QUOTE, bid_count=2), "entry": Entry.OFFER}, ()),
        ({"quote": replace(QUOTE, bid=800)}, ()),
        ({"quote": replace(QUOTE, bid=799)}, ("far_above_bid",)),
    ],
)
def test_warnings_of_an_own_target(changes, warnings):
    assert own_target(**changes) == warnings


def test_names_are_sorted():
    names = instant(quote=replace(QUOTE, at=NOW - 999, bid_count=1), legs=(leg(lock_days=1, sell=5000),))
    assert list(names) == sorted(names)
    assert len(names) == 5

"""What past sales support."""

from __future__ import annotations

from fractions import Fraction

import pytest

from dmscan.core.models import SaleKind
from dmscan.core.sales import Support, newest_fills, newest_offers, quantile, support

from make import DAY, NOW, make_sale

MONTH = 30 * DAY


def sales(*prices: int, **changes):
    return tuple(make_sale(price=price, at=NOW - place - 1, **changes) for place, price in enumerate(prices))


@pytest.mark.parametrize(("share", "of_eight", "of_nine"), [("1/2", 3, 4), ("2/5", 2, 3), ("1/4", 1, 2), ("3/4", 5, 6), ("0", 0, 0)])
def test_quantiles_are_lower_ones(share, of_eight, of_nine):
    assert quantile(range(8), Fraction(share)) == of_eight
    assert quantile(range(9), Fraction(share)) == of_nine
    assert quantile([7], Fraction(share)) == 7


@pytest.mark.parametrize(("age", "counts"), [(-1, False), (0, True), (MONTH, True), (MONTH + 1, False)])
def test_a_sale_counts_from_thirty_days_ago_until_now(age, counts):
    assert len(support([make_sale(at=NOW - age)], "", NOW).prices) == counts


def test_only_sales_of_the_same_variant_count():
    rows = [make_sale(phase="ruby", price=900), make_sale(price=100)]
    assert support(rows, "ruby", NOW).prices == (900,)
    assert support(rows, "sapphire", NOW).prices == ()


@pytest.mark.parametrize(
    ("prices", "dropped"),
    [
        ((100, 100, 100, 110, 110, 110, 90), set()),
        ((100, 104, 96, 100, 108, 92, 104, 96, 118), {118}),
        ((100, 104, 96, 100, 108, 92, 104, 96, 117), set()),
        ((100, 100, 100, 150), set()),
        ((100, 100, 100, 151), {151}),
        ((100, 100, 100, 49), {49}),
        ((100, 100, 100, 50), set()),
    ],
)
def test_outliers_are_dropped_once(prices, dropped):
    """Off by more than 3 × 1.4826 MAD (4 here: 17.79 cents), or with a MAD of 0 by more than half the median."""
    assert support(sales(*prices), "", NOW).prices == tuple(sorted(price for price in prices if price not in dropped))


def test_what_is_an_outlier_only_after_others_went_stays():
    prices = (100, 101, 102, 110, 112, 140, 900, 900, 900)
    assert support(sales(*prices), "", NOW).prices == (100, 101, 102, 110, 112, 140)


@pytest.mark.parametrize(
    ("rows", "oldest", "window"),
    [
        (19, 5 * DAY, MONTH),
        (20, 5 * DAY, 5 * DAY),
        (20, MONTH, MONTH),
        (20, MONTH + 1, MONTH),
        (20, MONTH - 1, MONTH - 1),
        (20, 100, DAY),
        (0, 0, MONTH),
    ],
)
def test_the_window_is_a_month_or_since_the_oldest_of_twenty_rows_but_at_least_a_day(rows, oldest, window):
    listed = [make_sale(at=NOW - oldest, phase="ruby"), *(make_sale(at=NOW) for _ in range(rows - 1))][:rows]
    assert support(listed, "", NOW).window == window


def test_the_newest_twenty_offer_rows_are_looked_at_newest_first():
    offers = [make_sale(at=NOW - age, price=age + 1) for age in range(25)]
    rows = newest_offers([make_sale(at=NOW, kind=SaleKind.TARGET), *reversed(offers)])
    assert [sale.price for sale in rows] == list(range(1, 21))


def test_pace_and_days_count_the_sales_at_the_price_or_above():
    known = Support((), (90, 100, 100, 110), 2 * DAY)
    assert [known.at_or_above(price) for price in (90, 91, 110, 111)] == [4, 3, 1, 0]
    assert known.days_to_sell(1, 100) == Fraction(2, 3)
    assert known.days_to_sell(2, 110) == 4
    assert known.pace(100) == Fraction(3, 2)
    assert (known.median, known.q40) == (100, 100)


def test_sales_into_targets_are_looked_at_apart_from_those_of_offers():
    sold, filled = sales(*[500] * 21), sales(*[400] * 21, kind=SaleKind.TARGET)
    rows = (*sold, *filled)
    assert newest_offers(rows) == sold[:20]
    assert newest_fills(rows[::-1]) == filled[:20]


@pytest.mark.parametrize(("price", "days"), [(400, 15), (499, 15), (500, 10), (900, 6)])
def test_days_to_fill_count_what_was_sold_at_the_price_or_below(price, days):
    assert Support((), (300, 400, 500, 600, 700), MONTH).days_to_fill(price) == days

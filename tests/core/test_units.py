"""A unit that changed shows in most titles at once."""

from __future__ import annotations

import pytest

from dmscan.core.fees import ASSUMED
from dmscan.core.models import Evidence, Stamped
from dmscan.core.units import sale_and_ask, units_differ

from make import NOW, make_quote, make_sale

NEAR, FAR = (100, 100), (10_000, 100)


@pytest.mark.parametrize(
    ("sample", "differ"),
    [
        ([], False),
        ([FAR] * 4, False),
        ([FAR] * 5, True),
        ([(100, 10_000)] * 5, True),
        ([(2000, 100)] * 5, False),
        ([(2001, 100)] * 5, True),
        ([(100, 2001)] * 5, True),
        ([FAR] * 3 + [NEAR] * 3, False),
        ([FAR] * 4 + [NEAR] * 3, True),
    ],
)
def test_units_differ_if_most_titles_lie_more_than_a_factor_of_twenty_apart(sample, differ):
    assert units_differ(sample) is differ


@pytest.mark.parametrize(
    ("prices", "ask", "known"),
    [((300, 100, 200, 400), 150, (200, 150)), ((), 150, None), (None, 150, None), ((100,), None, None)],
)
def test_a_title_tells_if_its_sales_and_its_ask_are_known(prices, ask, known):
    sales = None if prices is None else Stamped(tuple(make_sale(price=price) for price in prices), NOW)
    evidence = Evidence(make_quote(ask=ask), ASSUMED.schedule(""), sales=sales)
    assert sale_and_ask(evidence) == known

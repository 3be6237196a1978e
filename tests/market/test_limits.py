from __future__ import annotations

import pytest

from dmscan.market.endpoints import Endpoint
from dmscan.market.limits import Group, Shown, group_of, limits, shown


def test_the_documented_limits_are_those_of_the_vendor():
    assert limits(signed=True) == {"fees": 110, "items": 10, "sales": 6, "others": 20}
    assert limits(signed=False) == {"fees": 2, "items": 2, "others": 6}


@pytest.mark.parametrize("signed", [True, False])
def test_every_endpoint_has_a_group_with_a_limit(signed):
    groups = {endpoint: group_of(endpoint, signed=signed) for endpoint in Endpoint}
    assert groups == {
        Endpoint.PRICES: Group.ITEMS,
        Endpoint.OFFERS: Group.ITEMS,
        Endpoint.FEES: Group.FEES,
        Endpoint.SALES: Group.SALES if signed else Group.OTHERS,
        Endpoint.TARGETS: Group.OTHERS,
        Endpoint.BALANCE: Group.OTHERS,
    }
    assert set(groups.values()) <= set(limits(signed=signed))


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ({}, Shown()),
        ({"ratelimit-limit": "7", "ratelimit-remaining": "0", "ratelimit-reset": "1"}, Shown(7, 0, 1)),
        ({"x-ratelimit-limit-second": "5", "ratelimit-limit": "300"}, Shown(5)),
        ({"x-ratelimit-remaining-second": "2", "ratelimit-remaining": "0"}, Shown(None, 2)),
        ({"x-ratelimit-limit-second": " 5 "}, Shown(5)),
        ({"x-ratelimit-limit-second": "0", "ratelimit-reset": "0"}, Shown(None, None, 0)),
        ({"x-ratelimit-limit-second": "many", "ratelimit-limit": "4"}, Shown(4)),
        ({"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "-1", "ratelimit-reset": "1e3"}, Shown()),
        ({"ratelimit-limit": "٣", "ratelimit-remaining": "nan", "ratelimit-reset": "9" * 400}, Shown()),
    ],
)
def test_headers_are_plain_digits_or_nothing(headers, seen):
    assert shown(headers) == seen

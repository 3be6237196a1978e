"""Which offers can be bought, and in which order."""

from __future__ import annotations

import pytest

from dmscan.core.models import Reason
from dmscan.core.offers import buyable, cheapest_rival, lock_days, obstacle
from dmscan.core.rules import later, price_bands

from make import DAY, NOW, make_offer, make_rules


@pytest.mark.parametrize(
    ("unlock", "days"),
    [(None, 0), (-5 * DAY, 0), (-1, 0), (0, 0), (1, 1), (DAY, 1), (DAY + 1, 2), (7 * DAY, 7)],
)
def test_lock_days_are_rounded_up(unlock, days):
    assert lock_days(make_offer(unlock_at=None if unlock is None else NOW + unlock), NOW) == days


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"p2p": True}, Reason.NO_BUYABLE_OFFER),
        ({"reserved": True}, Reason.NO_BUYABLE_OFFER),
        ({"price": 299}, Reason.NO_BUYABLE_OFFER),
        ({"price": 300}, None),
        ({"price": 2999}, None),
        ({"price": 3000}, Reason.NO_BUYABLE_OFFER),
        ({"unlock_at": NOW + 3 * DAY}, None),
        ({"unlock_at": NOW + 3 * DAY + 1}, Reason.LOCK_TOO_LONG),
        ({"resellable": False}, Reason.NOT_RESELLABLE),
        ({"resellable": False, "reserved": True}, Reason.NO_BUYABLE_OFFER),
    ],
)
def test_an_offer_is_buyable_unless_a_rule_names_the_obstacle(changes, reason):
    rules = make_rules(bands=price_bands(["standard", "medium"]), max_lock_days=3)
    assert obstacle(make_offer(**changes), rules, NOW) is reason


def test_without_a_limit_any_lock_will_do():
    assert obstacle(make_offer(unlock_at=NOW + 90 * DAY), make_rules(), NOW) is None


def test_offers_are_bought_by_price_then_age_then_id():
    keys = [(100, 1, "b"), (100, 1, "a"), (99, 2, "z"), (100, 0, "c")]
    offers = [make_offer(price=price, created_at=at, offer_id=name) for price, at, name in keys]
    kept, _ = buyable(offers, make_rules(), NOW)
    assert [offer.offer_id for offer in kept] == ["z", "c", "a", "b"]


def test_the_furthest_obstacle_is_told():
    locked, unsellable = make_offer(unlock_at=NOW + 9 * DAY), make_offer(resellable=False)
    rules = make_rules(max_lock_days=3)
    assert buyable([], rules, NOW) == ((), Reason.NO_BUYABLE_OFFER)
    assert buyable([locked], rules, NOW) == ((), Reason.LOCK_TOO_LONG)
    assert buyable([unsellable, locked], rules, NOW) == ((), Reason.NOT_RESELLABLE)
    assert buyable([make_offer(), locked], rules, NOW) == ((make_offer(),), Reason.LOCK_TOO_LONG)


def test_where_all_can_be_bought_no_obstacle_is_told():
    _, furthest = buyable([make_offer()], make_rules(), NOW)
    assert later(furthest, Reason.TOO_FEW_SALES) is Reason.TOO_FEW_SALES


@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({}, 700),
        ({"p2p": True}, 700),
        ({"resellable": False}, 700),
        ({"unlock_at": NOW + 99 * DAY}, 700),
        ({"reserved": True}, 900),
        ({"phase": "ruby"}, 900),
        ({"offer_id": "bought"}, 900),
    ],
)
def test_whatever_is_not_reserved_and_not_bought_competes(changes, least):
    offers = [make_offer(offer_id="dear", price=900), make_offer(**{"price": 700} | changes)]
    assert cheapest_rival(offers, "", {"bought"}) == least
    assert cheapest_rival([], "") is None

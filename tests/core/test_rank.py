"""The order of opportunities, and what they come to together."""

from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace

from dmscan.core.models import Game
from dmscan.core.rank import SORTS, rank, totals

from make import make_leg, make_offer, make_opportunity, make_relist


def found(title: str, ask: int = 100, net: int = 20, days: int = 0, **changes):
    leg = make_leg(ask=ask, sell=ask + net, fee=0, offer=make_offer(offer_id=title))
    return make_opportunity(**{"title": title, "legs": (leg,), "hold_days": Fraction(days)} | changes)


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("profit-per-day", "DCBA"),
        ("profit", "ADCB"),
        ("roi", "BCAD"),
        ("cost", "BCAD"),
        ("days", "DCBA"),
        ("title", "ABCD"),
        ("lively", "ADCB"),
    ],
)
def test_sorted_as_asked_and_equals_by_the_default_order(sort, order):
    rows = [found("A", 200, 60, 6), found("B", 50, 20, 2), found("C", 100, 30, 2), found("D", 300, 40, 1)]
    assert "".join(one.title for one in rank(rows, sort)) == order
    assert set(SORTS) == {"profit-per-day", "profit", "roi", "cost", "days", "title", "lively"}


def test_days_that_nothing_tells_come_last():
    rows = [found("A", hold_days=None), found("B", days=6), found("C", days=2, days_to_fill=Fraction(5))]
    assert "".join(one.title for one in rank(rows, "days")) == "BCA"


@pytest.mark.parametrize(
    ("asks", "bids", "first"),
    [(10, 10, "A"), (10, 3, "B"), (3, 10, "B"), (50, 60, "A"), (500, 500, "A")],
)
def test_a_lively_title_has_many_on_both_sides_and_beyond_fifty_no_more_count(asks, bids, first):
    """Twice the profit of B, which has six offers and 200 bids; beyond fifty a crowd is worth no more than fifty."""
    quote = make_opportunity().quote
    lively = found("A", 100, 40, quote=replace(quote, ask_count=asks, bid_count=bids))
    other = found("B", 100, 20, quote=replace(quote, ask_count=7, bid_count=200))
    assert rank([other, lively], "lively")[0].title == first
    crowded = found("C", 100, 41, quote=replace(quote, ask_count=50, bid_count=50))
    assert rank([lively, crowded], "lively")[0].title == "C"


def test_at_equal_profit_per_day_the_higher_roi_comes_first_then_the_names():
    rows = [
        found("B", 200),
        found("B", 100),
        found("A", 200),
        found("A", 200, game=Game.RUST),
        found("A", 200, phase="ruby"),
        make_relist(title="A", legs=found("A", 200).legs, hold_days=Fraction(0)),
    ]
    order = [(one.game, one.title, one.phase, one.exit, one.cost) for one in rank(rows)]
    assert order == [
        ("cs2", "B", "", "instant", 100),
        ("cs2", "A", "", "instant", 200),
        ("cs2", "A", "", "relist", 200),
        ("cs2", "A", "ruby", "instant", 200),
        ("cs2", "B", "", "instant", 200),
        ("rust", "A", "", "instant", 200),
    ]


@pytest.mark.parametrize(("instant", "relist", "capital", "net"), [(20, 30, 100, 30), (30, 20, 100, 30), (20, 20, 100, 20)])
def test_an_offer_counts_once_in_its_best_exit(instant, relist, capital, net):
    rows = [found("A", 100, instant), make_relist(title="A", legs=found("A", 100, relist).legs)]
    for ordered in (rows, rows[::-1]):
        assert (totals(ordered).capital, totals(ordered).net_profit) == (capital, net)


def test_legs_without_an_offer_count_once_per_variant():
    bare = [replace_offer(found(title, phase=phase)) for title, phase in (("A", ""), ("A", "ruby"), ("B", ""), ("B", ""))]
    assert totals(bare).capital == 300
    assert totals([]) == totals(())


def replace_offer(one):
    return make_opportunity(title=one.title, phase=one.phase, legs=(make_leg(ask=100, sell=120, fee=0, offer=None),))

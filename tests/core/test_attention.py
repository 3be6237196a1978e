"""In a watch what changed has its turn before what stands, and that before what was just looked at."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from dmscan.core.attention import Turn, abreast, turn
from dmscan.core.memory import OFTEN, YOUNG_S, Known, Refusals
from dmscan.core.models import Quote

from make import NOW, make_quote, make_request

WATCH = make_request(rest_s=300)
SCAN = make_request()
THEN = make_quote(at=NOW - 60)


def known(**changes: Any) -> Known:
    """A title that got its verdict a minute ago, on the quote it still has."""
    judged = Known(THEN, 2401, two_sided=True, looks=3, looked_at=NOW - 60, refusals=Refusals("q", NOW - 60, {}))
    return replace(judged, **changes)


def turn_of(one: Known | None, quote: Quote | None = None, *, is_open: bool = False, question: str = "q") -> Turn:
    return turn(one, quote or make_quote(at=NOW), question, WATCH, is_open=is_open)


def test_a_young_verdict_on_the_same_quote_is_settled_even_if_it_found_something() -> None:
    assert turn_of(known()) is turn_of(known(), is_open=True) is Turn.SETTLED


def test_a_changed_quote_comes_first() -> None:
    assert turn_of(known(), make_quote(at=NOW, ask=2400)) is Turn.CHANGED
    assert turn_of(known(), make_quote(at=NOW, bid_count=36), is_open=True) is Turn.OPEN_AND_CHANGED


def test_a_change_that_no_verdict_followed_is_still_one() -> None:
    """The quote changed in a pass that ended before the title had its turn: its remembered refusals went with the quote."""
    assert turn_of(known(refusals=None)) is Turn.CHANGED


def test_other_rules_or_fees_are_a_change() -> None:
    assert turn_of(known(), question="other") is Turn.CHANGED


def test_after_a_while_what_stands_is_looked_at_again() -> None:
    old = known(looked_at=NOW - 300)
    assert turn_of(old) is Turn.USUAL
    assert turn_of(old, is_open=True) is Turn.OPEN


def test_what_never_had_a_verdict_is_no_change() -> None:
    assert turn_of(None) is turn_of(known(looked_at=None, refusals=None)) is Turn.USUAL


def test_a_scan_that_stands_alone_confirms_what_is_open_first_and_knows_no_other_turns() -> None:
    for one in (known(), known(refusals=None), known(looked_at=NOW - 9000), None):
        assert turn(one, make_quote(at=NOW), "q", SCAN, is_open=True) is Turn.OPEN
        assert turn(one, make_quote(at=NOW), "q", SCAN, is_open=False) is Turn.USUAL


def test_the_turns_are_in_order() -> None:
    assert all(sooner > later for later, sooner in pairwise(Turn))


def test_no_more_is_under_way_than_the_pace_can_use_and_a_scan_that_stands_alone_asks_as_it_likes() -> None:
    assert [abreast(4, pace, WATCH) for pace in (0.5, 2, 5, 10, 300)] == [1, 1, 2, 3, 4]
    assert abreast(4, 2, SCAN) == 4


def test_a_best_bid_moves_fast_if_it_is_young_or_moved_in_half_of_the_looks() -> None:
    assert not known().has_fast_bids
    assert [known(bid_since=THEN.at - age).has_fast_bids for age in (0, YOUNG_S - 1, YOUNG_S)] == [True, True, False]
    assert [known(bid_moves=moves).has_fast_bids for moves in (0, OFTEN - 1, OFTEN)] == [False, False, True]

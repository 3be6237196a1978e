"""An opportunity over time, worked by hand, and what holds for any run of scans."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dmscan.core.episodes import Changes, Ended, Episode, Terms, follow, is_as_wide, level_of, terms_of
from dmscan.core.models import Entry, Exit, FeeAt, Game, Opportunity, PriceBand, Rules
from dmscan.core.report import ScanReport
from dmscan.core.rules import price_bands

from make import DAY, NOW, TITLE, make_leg, make_opportunity, make_report, make_request, make_rules

INSTANT = (Entry.OFFER, Exit.INSTANT)
FOUND = make_opportunity()
HOUR = 3600
WIDER = make_rules(bands=(PriceBand(50, None, Fraction(1, 100)),))
STRICTER = make_rules(bands=(PriceBand(50, None, Fraction(5, 100)),))


def scan(at: int, *found: Opportunity, refused: bool = False, rules: Rules | None = None, **changes: Any) -> ScanReport:
    """A scan at that moment; `refused`: it refused the title to be sold at once."""
    return make_report(
        request=make_request(rules=rules or make_rules()),
        finished_at=at,
        opportunities=tuple(replace(opportunity, as_of=at) for opportunity in found),
        refused={(Game.CS2, TITLE, INSTANT): at} if refused else {},
        **changes,
    )


def episode(**changes: Any) -> Episode:
    return replace(Episode(FOUND.key, NOW, NOW, 1, FOUND.net_profit, terms_of(scan(NOW))), **changes)


def only(changes: Changes) -> Episode:
    assert changes.begun == ()
    (changed,) = changes.changed
    return changed


def test_a_find_without_an_open_episode_begins_one():
    assert follow([], scan(NOW, FOUND)) == Changes((), (replace(FOUND, as_of=NOW),))


def test_a_find_again_extends_it():
    better = replace(FOUND, legs=(make_leg(sell=9000),))
    later = only(follow([episode()], scan(NOW + HOUR, better)))
    assert later == episode(seen_at=NOW + HOUR, scans=2, best_net_profit=better.net_profit)
    assert only(follow([later], scan(NOW + 2 * HOUR, FOUND))).best_net_profit == better.net_profit


def test_a_refusal_under_the_same_rules_ends_it_when_the_verdict_came():
    assert only(follow([episode()], scan(NOW + HOUR, refused=True))) == episode(ended_at=NOW + HOUR, ended=Ended.GONE)


def test_another_variant_found_alone_is_a_verdict_on_this_one_too():
    other = replace(FOUND, phase="ruby")
    changes = follow([episode()], scan(NOW + HOUR, other))
    assert changes.changed == (episode(ended_at=NOW + HOUR, ended=Ended.GONE),)
    assert [found.phase for found in changes.begun] == ["ruby"]


def test_another_pair_is_none():
    relist = replace(FOUND, exit=Exit.RELIST)
    assert follow([episode()], scan(NOW + HOUR, relist)).changed == ()


def test_a_scan_that_did_not_reach_the_title_says_nothing():
    assert follow([episode()], scan(NOW + DAY)) == Changes((), ())


@pytest.mark.parametrize(("rules", "ended"), [(make_rules(), True), (WIDER, True), (STRICTER, False)])
def test_only_rules_at_least_as_wide_end_it(rules: Rules, ended: bool):
    assert len(follow([episode()], scan(NOW + HOUR, refused=True, rules=rules)).changed) == ended


def test_of_the_rules_that_found_it_the_widest_count():
    wide = only(follow([episode()], scan(NOW + 1, FOUND, rules=WIDER)))
    assert wide.terms.rules == WIDER
    narrow = only(follow([wide], scan(NOW + 2, FOUND, rules=STRICTER)))
    assert narrow.terms.rules == WIDER
    assert follow([narrow], scan(NOW + 3, refused=True)).changed == ()
    assert only(follow([narrow], scan(NOW + 3, refused=True, rules=WIDER))).ended is Ended.GONE


@pytest.mark.parametrize("how", [{}, {"refused": True}, {"refused": True, "rules": STRICTER}])
def test_a_gap_of_more_than_a_day_ends_it_where_it_was_last_seen(how: dict[str, Any]):
    assert only(follow([episode()], scan(NOW + DAY + 1, **how))) == episode(ended_at=NOW, ended=Ended.CENSORED)


def test_a_find_after_such_a_gap_is_another_episode_and_one_of_just_a_day_is_not():
    changes = follow([episode()], scan(NOW + DAY + 1, FOUND))
    assert changes.changed == (episode(ended_at=NOW, ended=Ended.CENSORED),)
    assert changes.begun == (replace(FOUND, as_of=NOW + DAY + 1),)
    assert only(follow([episode()], scan(NOW + DAY, FOUND))).seen_at == NOW + DAY


def test_a_long_scan_that_saw_it_in_time_extends_it():
    late = replace(scan(NOW + DAY, FOUND), finished_at=NOW + DAY + 300)
    assert only(follow([episode()], late)).ended is None


def test_a_clock_set_back_shortens_nothing():
    assert only(follow([episode()], scan(NOW - 9, FOUND))).seen_at == NOW
    assert only(follow([episode()], scan(NOW - 9, refused=True))).ended_at == NOW


# Rules at least as wide


def terms(**changes: Any) -> Terms:
    return Terms(make_rules(**changes), None, True)


BANDS = (PriceBand(50, 299, Fraction(1, 100)), PriceBand(300, 999, Fraction(5, 100)))


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ({"bands": price_bands(("standard", "medium"))}, {"bands": price_bands(("standard",))}),
        ({"bands": price_bands(("standard", "medium"))}, {"bands": (PriceBand(400, 2000, Fraction(6, 100)),)}),
        ({"bands": price_bands()}, {"bands": price_bands(("standard",))}),
        ({"bands": price_bands(min_price=100)}, {"bands": price_bands(min_price=101)}),
        ({"bands": price_bands(min_roi=Fraction(1, 50))}, {"bands": price_bands()}),
        ({"bands": BANDS}, {"bands": (PriceBand(299, 300, Fraction(5, 100)),)}),
        ({"min_profit": 4}, {"min_profit": 5}),
        ({"max_lock_days": None}, {"max_lock_days": 7}),
        ({"max_lock_days": 8}, {"max_lock_days": 7}),
        ({"min_sales": 7}, {}),
        ({"max_units": 6}, {}),
        ({"max_days_to_sell": Fraction(8)}, {}),
        ({"max_days_to_fill": Fraction(8)}, {}),
    ],
)
def test_no_limit_may_be_stricter(wide: dict[str, Any], narrow: dict[str, Any]):
    assert is_as_wide(terms(**wide), terms(**narrow))
    assert not is_as_wide(terms(**narrow), terms(**wide))


def test_a_hole_between_bands_is_not_covered():
    holed = (PriceBand(50, 299, Fraction(1, 100)), PriceBand(301, None, Fraction(1, 100)))
    assert not is_as_wide(terms(bands=holed), terms(bands=(PriceBand(200, 400, Fraction(5, 100)),)))


@pytest.mark.parametrize("other", [Terms(make_rules(), Fraction(1, 20), True), Terms(make_rules(), None, False), terms(fee_at=FeeAt.NOW)])
def test_other_fees_or_no_key_cannot_be_compared(other: Terms):
    assert not is_as_wide(other, terms())
    assert not is_as_wide(terms(), other)


PRICES = st.integers(1, 30)


@st.composite
def some_bands(draw: Callable[[Any], Any]) -> tuple[PriceBand, ...]:
    edges = sorted(draw(st.lists(PRICES, min_size=2, max_size=6, unique=True)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return tuple(PriceBand(low, high - 1, Fraction(draw(st.integers(0, 3)), 10)) for low, high in pairs)


@given(some_bands(), some_bands())
def test_bands_cover_others_exactly_if_they_hold_every_ask_of_theirs_as_cheaply(ours, theirs):
    def least(bands: tuple[PriceBand, ...], ask: int) -> Fraction | None:
        return next((band.min_roi for band in bands if band.holds(ask)), None)

    asks = [(least(ours, ask), least(theirs, ask)) for ask in range(1, 31)]
    covered = all(their is None or (our is not None and our <= their) for our, their in asks)
    assert is_as_wide(terms(bands=ours), terms(bands=theirs)) is covered


@pytest.mark.parametrize(("ask", "level"), [(49, ""), (50, "boost"), (299, "boost"), (300, "standard"), (99_999, "pro"), (100_000, "")])
def test_the_level_is_that_of_the_first_unit(ask: int, level: str):
    assert level_of(make_opportunity(legs=(make_leg(ask=ask), make_leg(ask=5000)))) == level


# Any run of scans

WHAT, RULES = st.sampled_from(["found", "refused", "not reached"]), st.sampled_from([make_rules(), WIDER, STRICTER])
STEPS = st.tuples(st.integers(1, 2 * DAY), WHAT, RULES)


@given(st.lists(STEPS, max_size=12))
def test_of_any_run_of_scans_one_episode_at_most_is_open_and_each_is_within_its_scans(steps):
    at, opened, closed, sightings = NOW, [], [], 0
    for wait, what, rules in steps:
        at += wait
        report = scan(at, *([FOUND] if what == "found" else []), refused=what == "refused", rules=rules)
        sightings += what == "found"
        changes = follow(opened, report)
        known = {episode.key: episode for episode in (*opened, *changes.changed)}
        closed += [episode for episode in known.values() if episode.ended]
        begun = [Episode(find.key, find.as_of, find.as_of, 1, find.net_profit, terms_of(report)) for find in changes.begun]
        opened = [episode for episode in known.values() if not episode.ended] + begun
        assert len(opened) <= 1
        assert all(at - episode.seen_at <= DAY for episode in opened)
        assert not (what == "found" and (not opened or opened[0].seen_at != at))
    assert sum(episode.scans for episode in (*opened, *closed)) == sightings
    ends = [(episode.begun_at, episode.seen_at, episode.ended_at) for episode in closed]
    assert all(begun <= seen <= ended for begun, seen, ended in ends)
    assert all(ended <= begun for (_, _, ended), (begun, _, _) in pairwise(ends))

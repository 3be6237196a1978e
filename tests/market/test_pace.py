"""The rules of pacing one by one; each promise is a row of records and moments."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmscan.market.limits import Shown
from dmscan.market.pace import (
    KEPT,
    PROBE_S,
    SECOND_S,
    TOGETHER_S,
    WARM_S,
    Lane,
    Pace,
    Pause,
    Terms,
    after_429,
    after_answer,
    after_claim,
    held,
    in_force,
    joint_rate,
    next_in_all,
    next_send,
    opened,
    released,
    spaced,
)

from market_fakes import UNHURRIED

ITEMS = Terms(10)
BUSY = tuple(100 + place / 4 for place in range(9))
"""Four a second up to 102."""


def busy(**pace: float) -> Lane:
    return Lane(Pace(**{"rate": 4.0, "risen_at": 100.0} | pace), BUSY)


# What binds


@pytest.mark.parametrize(
    ("terms", "start", "target", "most", "limit"),
    [
        (Terms(10), 2, 9, 9, 10),
        (Terms(2), 1.8, 1.8, 1.8, 2),
        (Terms(10, 5), 5, 5, math.inf, 10),
        (Terms(10, 50), 50, 50, math.inf, 50),
    ],
)
def test_terms_are_nine_tenths_of_the_documented_limit_or_what_replaces_it(terms, start, target, most, limit):
    assert (terms.start, terms.target, terms.most, terms.limit) == pytest.approx((start, target, most, limit))


@pytest.mark.parametrize(
    ("pace", "terms", "rate"),
    [
        (Pace(), ITEMS, 2),
        (Pace(4), ITEMS, 4),
        (Pace(50), ITEMS, 9),
        (Pace(9, limit=5), ITEMS, 4.5),
        (Pace(9, limit=50), ITEMS, 9),
        (Pace(7), Terms(10, 7), 7),
        (Pace(7, limit=5), Terms(10, 7), 5),
        (Pace(9), Terms(10, 2), 9),
    ],
)
def test_the_rate_in_force_is_bound_by_the_terms_and_by_what_the_market_says(pace, terms, rate):
    assert in_force(pace, terms) == pytest.approx(rate)


# Spacing


def test_the_first_request_waits_for_nothing():
    assert spaced((), 2, 2) == -math.inf


@pytest.mark.parametrize(
    ("sends", "rate", "limit", "at"),
    [
        ((10.0,), 4, 5, 10.25),
        ((10.0, 10.1, 10.2, 10.3), 4, 4, 11.03),
        ((10.0, 10.1, 10.2, 10.3), 4, 4.9, 11.03),
        ((10.0, 10.1, 10.2, 10.3), 4, 5, 10.55),
        ((10.0,), 0.5, 0.5, 12.0),
        ((10.0,), 5, 1, 11.03),
    ],
)
def test_requests_are_spaced_evenly_and_no_second_holds_more_than_the_limit(sends, rate, limit, at):
    assert spaced(sends, rate, limit) == pytest.approx(at)


def test_of_a_limit_beyond_what_is_remembered_the_part_is_kept_to():
    sends = tuple(10 + place / 1000 for place in range(KEPT))
    assert spaced(sends, 10_000, 2 * KEPT) == pytest.approx(10 + SECOND_S / 2)


@UNHURRIED
@given(st.floats(0.3, 60), st.lists(st.floats(0, 1.5), min_size=30, max_size=90))
def test_whoever_sends_as_early_as_allowed_never_exceeds_the_limit(limit, delays):
    lane = Lane(Pace(limit))
    for delay in delays:
        at = max(spaced(lane.sends, limit, limit), (lane.sends or (0.0,))[-1])
        lane = lane.sent(at + delay * (delay > 1))
    most = max(1, math.floor(limit))
    assert all(later - earlier >= 1 for earlier, later in zip(lane.sends, lane.sends[most:], strict=False))
    assert all(later - earlier >= 0.999 / limit for earlier, later in pairwise(lane.sends))


def test_a_lane_keeps_the_last_sends_only():
    lane = Lane()
    for moment in range(3 * KEPT):
        lane = lane.sent(float(moment))
    assert lane.sends == tuple(map(float, range(2 * KEPT, 3 * KEPT)))


def test_a_request_that_went_later_than_its_turn_counts_at_its_true_moment():
    assert Lane(sends=(1.0, 2.0, 3.0)).moved(2.0, 3.5).sends == (1.0, 3.0, 3.5)


def test_the_next_request_of_a_group_keeps_to_hold_rate_and_limit():
    assert next_send(Lane(Pace(2)), ITEMS) == 0
    assert next_send(Lane(Pace(2, resume_at=50), (10.0,)), ITEMS) == 50
    assert next_send(Lane(Pace(2, resume_at=5), (10.0,)), ITEMS) == 10.5
    assert next_send(Lane(Pace(9, limit=2), (10.0, 10.9)), ITEMS) == pytest.approx(10.9 + 1 / 1.8)
    assert next_send(Lane(Pace(9, limit=2), (10.0, 10.1)), Terms(10, 9)) == pytest.approx(11.03)
    assert next_send(Lane(Pace(20), (10.0,)), Terms(10, 20)) == 10.05


def test_the_account_holds_everybody_and_an_explicit_rate_spaces_all_groups():
    assert next_in_all(Lane(Pace(resume_at=7), (10.0,)), None, 10) == 7
    assert next_in_all(Lane(Pace(resume_at=7), (10.0,)), 5, 10) == 10.2
    assert next_in_all(Lane(Pace(resume_at=70), (10.0,)), 5, 10) == 70


def test_of_several_explicit_rates_the_highest_is_shared_while_its_owner_is_at_it():
    account = Lane(Pace(5), (10.0,))
    assert joint_rate(account, 2, 11) == 5
    assert joint_rate(account, 8, 11) == 8
    assert joint_rate(account, 2, 10 + TOGETHER_S) == 2
    assert joint_rate(Lane(Pace(5)), 2, 11) == 2


def test_a_claim_is_noted_on_the_account_only_for_an_explicit_rate():
    assert after_claim(Lane(), None, 10) == Lane()
    assert after_claim(Lane(), 5, 10) == Lane(Pace(5), (10,))


def test_while_refused_one_request_at_a_time_tries_the_market():
    account = after_claim(Lane(Pace(refusals=1, resume_at=9)), None, 10)
    assert next_in_all(account, None, 10) == 10 + PROBE_S


# Opening


def test_a_new_lane_begins_at_the_start_and_a_silent_one_anew():
    assert opened(Lane(), ITEMS, 50).pace == Pace(2, risen_at=50)
    silent = Lane(Pace(8, 9, 10, resume_at=3, refused_at=4, refusals=1), (10.0,))
    assert opened(silent, ITEMS, 11 + WARM_S) == Lane(Pace(2, resume_at=3, risen_at=11 + WARM_S), (10.0,))
    assert opened(Lane(Pace(8, resume_at=60)), ITEMS, 50).pace == Pace(2, resume_at=60, risen_at=50)


def test_a_warm_lane_keeps_its_rate_and_an_explicit_one_raises_it():
    warm = Lane(Pace(4), (10.0,))
    assert opened(warm, ITEMS, 11) == warm
    assert opened(warm, Terms(10, 7), 11).pace.rate == 7
    assert opened(warm, Terms(10, 3), 11).pace.rate == 4


def test_a_refused_rate_is_not_raised_by_asking_for_it():
    assert opened(Lane(Pace(2, ceiling=4), (10.0,)), Terms(10, 7), 11).pace.rate == 2


# Rising


@pytest.mark.parametrize(
    ("seen", "rate"),
    [(Shown(10, 6), 7), (Shown(10, 2), 5), (Shown(10, 1), 4.6), (Shown(10), 4.6), (Shown(), 4.6), (Shown(10, 9), 8.5), (Shown(10, 99), 9)],
)
def test_a_busy_second_raises_the_rate_by_half_the_room_that_is_shown_and_a_little_without(seen, rate):
    assert after_answer(busy(), ITEMS, seen, 102, 102.1).rate == pytest.approx(rate)


@pytest.mark.parametrize(
    ("lane", "terms", "rate"),
    [
        (busy(risen_at=101.2), ITEMS, 4),
        (busy(rate=8.9), ITEMS, 8.9),
        (busy(rate=4.0, limit=5), ITEMS, 4.5),
        (busy(rate=4.5, limit=5), ITEMS, 4.5),
        (busy(rate=4.5, limit=5), Terms(10, 8), 5),
        (busy(rate=4.0), Terms(10, 4), 4),
        (busy(rate=4.0, ceiling=4.4), ITEMS, 4 * 1.05 ** (1 / 60)),
    ],
    ids=["within a second", "idle", "up to 90 % of the stated limit", "not beyond", "explicit up to it", "at the target", "past a refusal"],
)
def test_the_rate_rises_no_further_and_no_faster_than_it_may(lane, terms, rate):
    assert after_answer(lane, terms, Shown(), 102, 102.1).rate == pytest.approx(rate)


def test_the_limit_that_the_market_states_is_kept_until_it_states_another():
    known = after_answer(busy(), ITEMS, Shown(7), 102, 102.1)
    assert known.limit == 7
    assert after_answer(Lane(known, BUSY), ITEMS, Shown(), 102, 102.2).limit == 7
    assert after_answer(Lane(known, BUSY), ITEMS, Shown(6), 102, 102.2).limit == 6


def test_nothing_left_that_we_did_not_use_is_waited_out_until_the_reset():
    seen = Shown(10, 0, 1)
    assert after_answer(busy(), ITEMS, seen, 102, 102.1).resume_at == 103
    assert after_answer(busy(), ITEMS, Shown(10, 0, None), 102, 102.1).resume_at == 103
    assert after_answer(busy(), ITEMS, Shown(10, 0, 0), 102, 102.1).resume_at == 102
    assert after_answer(busy(), ITEMS, Shown(10, 0, 86400), 102, 102.1).resume_at == 162
    assert after_answer(busy(resume_at=110), ITEMS, seen, 102, 102.1).resume_at == 110
    assert after_answer(busy(), ITEMS, Shown(None, 0, 1), 102, 102.1).resume_at == 103


def test_nothing_left_because_we_used_it_is_no_reason_to_wait():
    assert after_answer(busy(), ITEMS, Shown(5, 0, 1), 102, 102.1) == Pace(4.5, limit=5, risen_at=102.1)


# Refusals


def test_a_429_halves_the_rate_and_remembers_it():
    pace = after_429(Lane(Pace(8)), ITEMS, 10, 10.1)
    assert pace == Pace(4, ceiling=8, refused_at=10.1, refusals=1)
    assert after_429(Lane(Pace(50)), ITEMS, 10, 10.1).ceiling == 9


@pytest.mark.parametrize(
    ("sends", "ceiling"), [((10.0, 10.3, 10.6, 10.9), 4), ((10.3, 10.6, 10.9), 4.5), ((10.0, 10.2, 10.4, 10.6, 10.9), 4.5)]
)
def test_what_was_really_sent_is_what_was_refused_if_it_was_nearly_the_rate(sends: tuple[float, ...], ceiling: float):
    assert after_429(Lane(Pace(4.5), sends), ITEMS, 10.9, 11).ceiling == ceiling


def test_what_was_under_way_at_a_429_neither_halves_again_nor_mends():
    pace = after_429(Lane(Pace(8)), ITEMS, 10, 10.1)
    assert after_429(Lane(pace), ITEMS, 10.05, 10.2) == pace
    assert after_answer(Lane(pace), ITEMS, Shown(), 10.05, 10.2) == pace


def test_a_second_429_before_a_clean_answer_is_of_the_same_storm():
    pace = after_429(Lane(after_429(Lane(Pace(8)), ITEMS, 10, 10.1)), ITEMS, 11.2, 11.3)
    assert (pace.rate, pace.ceiling, pace.refusals) == (2, 8, 2)
    for moment in range(20, 30):
        pace = after_429(Lane(pace), ITEMS, moment, moment)
    assert (pace.rate, pace.ceiling) == (0.5, 8)
    assert after_429(Lane(Pace(0.3)), Terms(10, 0.3), 10, 10.1).rate == 0.3


def test_after_a_clean_answer_90_percent_of_the_ceiling_come_back_at_once():
    pace = after_answer(Lane(after_429(Lane(Pace(8)), ITEMS, 10, 10.1)), ITEMS, Shown(), 11.2, 11.3)
    assert pace == Pace(pytest.approx(7.2), ceiling=8, refused_at=10.1, risen_at=11.3)


def test_beyond_it_five_percent_come_in_a_clean_minute():
    lane = Lane(Pace(4.5, ceiling=5, risen_at=0))
    for second in range(1, 61):
        lane = Lane(lane.pace, tuple(second - place / 5 for place in range(4, -1, -1)))
        lane = Lane(after_answer(lane, ITEMS, Shown(), second, second), lane.sends)
    assert lane.pace.rate == pytest.approx(4.5 * 1.05)


def test_the_account_is_held_for_the_pause_and_released_by_a_clean_answer():
    account = held(Pace(), 10, 10.1, Pause(3, 0))
    assert account == Pace(resume_at=13.1, refused_at=10.1, refusals=1)
    assert released(account, 10.05) == account
    assert released(account, 13.2) == Pace(refused_at=10.1)
    assert released(Pace(resume_at=5), 13.2) == Pace(resume_at=5)


def test_a_429_to_what_was_under_way_only_lengthens_the_hold():
    account = held(Pace(), 10, 10.1, Pause(3, 0))
    assert held(account, 10.05, 10.2, Pause(1, 0)) == account
    later = held(account, 10.05, 10.2, Pause(5, 0))
    assert (later.resume_at, later.refusals, later.refused_at) == (15.2, 1, 10.1)
    assert held(released(account, 13.2), 10.05, 13.3, Pause(None, 0)).resume_at == 14.3


@pytest.mark.parametrize(
    ("asked", "refusals", "chance", "seconds"),
    [
        (0, 1, 0.5, 0),
        (1, 1, 0.5, 1),
        (86400, 1, 0.5, 60),
        (1, 2, 0.5, 4),
        (30, 2, 0.5, 30),
        (1, 3, 0.5, 10),
        (1, 9, 0.5, 20),
        (None, 1, 0, 1),
        (None, 1, 1, 2),
        (None, 2, 0.5, 4.5),
        (None, 9, 1, 20),
    ],
)
def test_a_pause_is_what_the_market_asks_and_longer_the_longer_it_refuses(asked, refusals, chance, seconds):
    assert Pause(asked, chance).seconds(refusals) == seconds

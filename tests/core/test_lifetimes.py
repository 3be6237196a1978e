"""Kaplan-Meier worked by hand, and what must hold for any episodes."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from dmscan.core.lifetimes import ENOUGH, Life, Step, lifetimes, quartiles, survival
from dmscan.core.models import Exit, Game


def gone(*seconds: int) -> list[Life]:
    return [Life(2 * one, gone=True) for one in seconds]


def seen(*seconds: int) -> list[Life]:
    """Known to have lasted so long, and maybe longer."""
    return [Life(2 * one, gone=False) for one in seconds]


def curve(lives: list[Life]) -> list[tuple[int, Fraction]]:
    return [(step.halves // 2, Fraction(step.alive, step.of)) for step in survival(lives)]


LIVES = st.lists(st.builds(Life, st.integers(0, 50), st.booleans(), times=st.integers(1, 4)), min_size=1, max_size=30)


def test_without_censoring_the_curve_is_the_share_still_there() -> None:
    assert curve(gone(60, 120, 120, 300)) == [(60, Fraction(3, 4)), (120, Fraction(1, 4)), (300, Fraction(0))]


def test_worked_by_hand_with_censoring() -> None:
    """Six remission times of a textbook's kind: 6, 6+, 7, 9+, 10, 16: 5/6, · 3/4, · 1/2, · 0."""
    lives = gone(6, 7, 10, 16) + seen(6, 9)
    assert curve(lives) == [(6, Fraction(5, 6)), (7, Fraction(5, 8)), (10, Fraction(5, 16)), (16, Fraction(0))]
    assert quartiles(lives) == (7, 10, 16)


def test_the_leukaemia_patients_of_freireich() -> None:
    """The published curve of the treated group (Freireich and others 1963), 21 patients, weeks."""
    lives = gone(6, 6, 6, 7, 10, 13, 16, 22, 23) + seen(6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)
    told = {at: round(float(left), 3) for at, left in curve(lives)}
    assert told == {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert quartiles(lives) == (13, 23, None)


def test_who_was_last_seen_at_the_moment_of_an_end_was_there_until_then() -> None:
    assert curve(gone(100) + seen(100)) == [(100, Fraction(1, 2))]


def test_what_nobody_saw_end_has_no_quartile() -> None:
    assert quartiles(seen(10, 20, 30)) == (None, None, None)
    assert quartiles([]) == (None, None, None)
    assert quartiles(gone(10) + seen(20, 20, 20)) == (10, None, None)


def test_alike_episodes_count_as_often_as_there_are() -> None:
    assert list(survival([Life(5, gone=True, times=3), Life(9, gone=False)])) == [Step(5, 1, 4)]


@given(LIVES)
def test_the_curve_falls_and_one_record_a_time_or_an_episode_is_the_same(lives: list[Life]) -> None:
    shares = [Fraction(1), *(Fraction(step.alive, step.of) for step in survival(lives))]
    assert shares == sorted(set(shares), reverse=True)
    assert 0 <= shares[-1] <= 1
    apart = [Life(life.halves, life.gone) for life in lives for _ in range(life.times)]
    assert curve(apart) == curve(lives)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40))
def test_without_censoring_a_quartile_is_the_first_time_by_which_so_many_are_gone(seconds: list[int]) -> None:
    for fourths, quartile in enumerate(quartiles(gone(*seconds)), 1):
        by_then = [sum(one <= time for one in seconds) * 4 >= fourths * len(seconds) for time in sorted(seconds)]
        assert quartile == sorted(seconds)[by_then.index(True)]


@given(LIVES)
def test_censoring_earlier_never_makes_them_seem_shorter_lived(lives: list[Life]) -> None:
    """An end that was not seen any more can only raise the curve."""
    last = max((life for life in lives if life.gone), key=lambda life: life.halves, default=None)
    if last is None:
        return
    unseen = [Life(life.halves, gone=False, times=life.times) if life is last else life for life in lives]
    for before, after in zip(quartiles(lives), quartiles(unseen), strict=True):
        assert after is None or (before is not None and after >= before)


def test_groups_are_told_apart_and_in_order() -> None:
    lives = [
        Life(120, gone=True, game=Game.RUST, exit=Exit.RELIST, weekday=6, hour=9),
        Life(180, gone=True, again=True, times=2, weekday=0, hour=23),
        Life(0, gone=False, weekday=2, hour=9),
    ]
    told = lifetimes(lives, 600)
    assert [(row.by, row.value, row.episodes) for row in told.rows] == [
        ("all", "", 4),
        ("exit", "instant", 3),
        ("exit", "relist", 1),
        ("game", "cs2", 3),
        ("game", "rust", 1),
        ("weekday", "Monday", 2),
        ("weekday", "Wednesday", 1),
        ("weekday", "Sunday", 1),
        ("hour", "09", 2),
        ("hour", "23", 2),
    ]
    assert told.blur_s == 600


def test_gone_by_the_next_scan_counts_only_those_that_it_looked_at() -> None:
    """Sixteen gone at once, sixteen seen again and gone later, and one that only one scan ever saw."""
    lives = [Life(600, gone=True, times=16), Life(1800, gone=True, again=True, times=16), *seen(0)]
    row = lifetimes(lives).rows[0]
    assert (row.looked, row.gone_next, row.gone_next_share) == (32, 16, Fraction(1, 2))


def test_few_ends_are_no_evidence() -> None:
    few = lifetimes([Life(2, gone=True, times=ENOUGH - 1), *seen(*range(100))]).rows[0]
    assert (few.enough, few.gone_next_share) == (False, None)
    assert lifetimes([Life(2, gone=True, times=ENOUGH)]).rows[0].enough
    assert lifetimes([]).rows == ()

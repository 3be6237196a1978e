"""Amounts, shares, spans and titles as a reader sees them."""

from __future__ import annotations

import unicodedata
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmscan.render.text import age, days, dollars, iso, percent, plural, share, title, visible


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("AK-47 | Redline", "AK-47 | Redline"),
        ("★ StatTrak™ é 日本 🔫", "★ StatTrak™ é 日本 🔫"),
        ("a\x1b[31m", "a\\u001b[31m"),
        ("a\nb\tc\r", "a\\u000ab\\u0009c\\u000d"),
        ("\x9bm\x7f", "\\u009bm\\u007f"),
        ("a\u202eb", "a\\u202eb"),
        ("\u200b\ufeff\u2028", "\\u200b\\ufeff\\u2028"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("\u3164", "\\u3164"),
    ],
)
def test_hidden_characters_become_visible(hidden, shown):
    assert visible(hidden) == shown


@given(st.text(st.characters()))
def test_nothing_hidden_is_left_and_each_character_is_shown_for_itself(text):
    shown = visible(text)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert visible(shown) == shown
    assert shown == "".join(map(visible, text))


def test_a_title_is_cut_at_256_characters():
    assert title("A" * 256) == "A" * 256
    assert title("A" * 257) == "A" * 255 + "…"


@pytest.mark.parametrize(
    ("cents", "shown"),
    [(1234, "$12.34"), (5, "$0.05"), (0, "$0.00"), (-33, "-$0.33"), (-100, "-$1.00"), (123456789, "$1,234,567.89"), (None, "-")],
)
def test_cents_are_shown_as_dollars(cents, shown):
    assert dollars(cents) == shown


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (Fraction(20, 270), "7.41%"),
        (Fraction(7, 100), "7.00%"),
        (Fraction(-1, 3), "-33.33%"),
        (Fraction(100005, 10**7), "1.00%"),
        (Fraction(100015, 10**7), "1.00%"),
        (Fraction(10005, 10**6), "1.00%"),
        (Fraction(10015, 10**6), "1.00%"),
        (Fraction(1, 80000) * 12, "0.02%"),
        (Fraction(25, 10**5), "0.02%"),
        (Fraction(35, 10**5), "0.04%"),
    ],
)
def test_a_ratio_has_two_decimals_rounded_half_to_even(ratio, shown):
    assert percent(ratio) == shown


@pytest.mark.parametrize(("fraction", "shown"), [(Fraction(1, 50), "2%"), (Fraction(25, 1000), "2.5%"), (Fraction(0), "0%")])
def test_a_share_that_was_set_has_no_trailing_zeros(fraction, shown):
    assert share(fraction) == shown


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (Fraction(0), "now"),
        (Fraction(1, 100), "<1 h"),
        (Fraction(1, 3), "8 h"),
        (Fraction(1), "1.0 d"),
        (Fraction(19, 5), "3.8 d"),
        (Fraction(45, 20), "2.2 d"),
    ],
)
def test_days_are_shown_in_days_or_hours(span, shown):
    assert days(span) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0 s"), (12, "12 s"), (119, "119 s"), (120, "2 min"), (6000, "100 min"), (7200, "2 h"), (2 * 86400, "2 d")],
)
def test_an_age_is_shown_in_the_largest_unit_there_are_two_of(seconds, shown):
    assert age(seconds) == shown


def test_times_are_utc():
    assert iso(1_795_500_296) == "2026-11-24T06:04:56Z"


@pytest.mark.parametrize(("count", "shown"), [(1, "1 call"), (0, "0 calls"), (25112, "25,112 calls")])
def test_a_noun_agrees_with_its_number(count, shown):
    assert plural(count, "call") == shown

"""What a user types becomes exact cents and shares; what is shown is rounded once."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from dmscan.core.money import fraction_text, meets_roi, parse_dollars, parse_fee, parse_fraction, parse_share, rounded, share_of


@pytest.mark.parametrize(
    ("text", "cents"),
    [("3", 300), ("0.5", 50), ("0.05", 5), (" 12.34 ", 1234), ("$12.34", 1234), ("0", 0), ("9999999.99", 999_999_999)],
)
def test_dollars_become_cents(text, cents):
    assert parse_dollars(text) == cents


@pytest.mark.parametrize("text", ["", "-1", "1.234", "1,5", "1e3", ".5", "5.", "3%", "€3", "٣", "1 000", "12345678", "NaN"])
def test_what_is_no_amount_in_dollars_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r"is not an amount in dollars such as 3 or 0\.50"):
        parse_dollars(text)


@pytest.mark.parametrize(
    ("text", "share"), [("3%", "3/100"), ("0.03", "3/100"), ("0", "0"), ("150%", "3/2"), (" 2.5% ", "1/40"), ("0.999999", "999999/1000000")]
)
def test_shares_are_exact(text, share):
    assert parse_share(text) == Fraction(share)


@pytest.mark.parametrize("text", ["", "%", "-3%", "3 %", "a", "1/3", ".03", "1e-2", "1234567"])
def test_what_is_no_share_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r"is not a share such as 3% or 0\.03"):
        parse_share(text)


@pytest.mark.parametrize(("text", "suggested"), [("1", "1%"), ("3", "3%"), ("2.5", r"2\.5%")])
def test_a_bare_number_of_one_or_more_is_refused_with_a_suggestion(text, suggested):
    with pytest.raises(ValueError, match=rf"did you mean {suggested}\?"):
        parse_share(text)


def test_a_fee_is_a_share_below_all_of_it():
    assert parse_fee("99.9%") == Fraction(999, 1000)
    with pytest.raises(ValueError, match="would leave nothing: a fee is below 100%"):
        parse_fee("100%")


@pytest.mark.parametrize(("text", "fraction"), [("0.02", "1/50"), ("0", "0"), ("0.100", "1/10"), ("0.999999999999999999", None)])
def test_fee_fractions_of_the_wire_are_exact(text, fraction):
    assert parse_fraction(text) == (Fraction(fraction) if fraction else 1 - Fraction(1, 10**18))


@pytest.mark.parametrize("text", ["", "1", "1.0", "2", "-0.1", "0,1", "5%", "1e-2", ".5", "0.", "abc", "٠.١", "0.1 "])
def test_a_fraction_that_is_not_plain_digits_below_one_is_none(text):
    assert parse_fraction(text) is None


@pytest.mark.parametrize(
    ("amount", "share", "cents"), [(100, "1/10", 10), (101, "1/10", 11), (109, "1/10", 11), (0, "1/10", 0), (999, "0", 0), (1, "1/1000", 1)]
)
def test_a_share_of_an_amount_is_rounded_up(amount, share, cents):
    assert share_of(amount, Fraction(share)) == cents


@pytest.mark.parametrize(("profit", "cost", "meets"), [(30, 1000, True), (29, 1000, False), (3, 101, False), (-1, 100, False)])
def test_roi_is_compared_exactly(profit, cost, meets):
    assert meets_roi(profit, cost, Fraction(3, 100)) is meets


@pytest.mark.parametrize(
    ("value", "shown"),
    [("1/20000", "0.0000"), ("3/20000", "0.0002"), ("-1/20000", "0.0000"), ("1/3", "0.3333"), ("2/3", "0.6667"), ("7", "7.0000")],
)
def test_half_a_ten_thousandth_goes_to_the_even_neighbour(value, shown):
    assert rounded(Fraction(value)) == Decimal(shown)


@pytest.mark.parametrize(("value", "text"), [("1/50", "0.02"), ("0", "0"), ("1/10", "0.1"), ("100", "100"), ("1/1000000", "0.000001")])
def test_a_decimal_fraction_is_written_without_trailing_zeros_and_exponents(value, text):
    assert fraction_text(Fraction(value)) == text

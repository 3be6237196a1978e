"""The fee of a sale: the highest reduced row that holds at its price and time, else the default."""

from __future__ import annotations

from fractions import Fraction

import pytest

from dmscan.core.fees import ASSUMED, break_even, describe, fee, fixed, most_proceeds, row_at
from dmscan.core.models import FeeRow, FeeSchedule, FeeSource, FeeTable

from make import DAY, NOW

TEN, TWO, FIVE = Fraction(1, 10), Fraction(2, 100), Fraction(5, 100)


def schedule(*rows: FeeRow, default: Fraction = TEN, minimum: int = 2) -> FeeSchedule:
    return FeeSchedule(default, minimum, FeeSource.DEFAULT, rows)


def row(fraction: Fraction = TWO, low: int = 100, high: int = 200, ends: int = DAY) -> FeeRow:
    return FeeRow(fraction, low, high, NOW + ends)


@pytest.mark.parametrize(("price", "cents"), [(99, 10), (100, 2), (101, 3), (200, 4), (201, 21)])
def test_a_row_holds_from_its_lowest_to_its_highest_price(price, cents):
    assert fee(schedule(row()), price, NOW) == cents


@pytest.mark.parametrize(("ends", "cents"), [(-1, 15), (0, 3), (1, 3)])
def test_a_row_holds_to_the_second_of_its_expiry(ends, cents):
    assert fee(schedule(row(ends=ends)), 150, NOW) == cents


def test_the_minimum_always_holds():
    assert fee(schedule(row(), minimum=8), 150, NOW) == 8
    assert fee(schedule(minimum=8), 10, NOW) == 8


def test_the_highest_row_counts_even_above_the_default():
    assert fee(schedule(row(TWO), row(FIVE)), 200, NOW) == 10
    assert fee(schedule(row(Fraction(15, 100))), 200, NOW) == 30


def test_among_equal_rows_the_one_that_lasts_longest_is_used():
    short, long = row(ends=DAY), row(ends=2 * DAY)
    assert row_at(schedule(short, long), 150, NOW) == row_at(schedule(long, short), 150, NOW) == long
    assert row_at(schedule(short), 201, NOW) is None


@pytest.mark.parametrize(
    ("rows", "ceiling", "cents"),
    [
        ((), 300, 270),
        ((row(),), 150, 147),
        ((row(),), 99, 89),
        ((row(),), 205, 196),
        ((row(),), 300, 270),
        ((row(Fraction(15, 100)),), 200, 180),
        ((row(ends=-1),), 205, 184),
        ((row(low=200, high=100),), 205, 184),
        ((row(low=0),), 205, 196),
        ((), 1, -1),
    ],
)
def test_the_most_that_any_sale_up_to_a_ceiling_can_bring(rows, ceiling, cents):
    """Lower prices count because a band may end below the ceiling; a dear row may have expired by the time of the sale."""
    assert most_proceeds(schedule(*rows), ceiling, NOW) == cents


@pytest.mark.parametrize(
    ("rows", "cost", "price"),
    [
        ((), 900, 1000),
        ((), 901, 1002),
        ((), 5, 7),
        ((row(),), 98, 100),
        ((row(),), 196, 200),
        ((row(),), 197, 219),
        ((row(),), 89, 99),
        ((row(Fraction(1, 2), 100, 200),), 91, 182),
        ((row(Fraction(1, 2), 100, 200),), 101, 201),
        ((row(Fraction(0), 100, 200), row(Fraction(1, 2), 150, 160)), 150, 161),
    ],
)
def test_break_even_is_found_band_by_band(rows, cost, price):
    assert break_even(schedule(*rows), cost, NOW) == price


def test_break_even_takes_the_rows_of_the_day_of_sale():
    assert break_even(schedule(row()), 150, NOW) == 154
    assert break_even(schedule(row()), 150, NOW + DAY + 1) == 167


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (ASSUMED, "10% assumed"),
        (fixed(Fraction(5, 100)), "5% set"),
        (FeeTable(TEN, 2, FeeSource.DEFAULT, {"a": (row(),), "b": (row(), row(FIVE))}), "2 titles reduced, else 10%"),
    ],
)
def test_a_fee_table_in_words(table, words):
    assert describe(table) == words


def test_a_schedule_is_the_table_seen_from_one_title():
    table = FeeTable(TEN, 2, FeeSource.DEFAULT, {"a": (row(),)})
    assert table.schedule("a") == schedule(row())
    assert table.schedule("b") == schedule()

"""What a sale leaves at a price, and what changed from one fee table to the next."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given

from dmscan.core.fees import ASSUMED, fee
from dmscan.core.models import FeeRow, FeeSchedule, FeeSource, FeeTable, Game, Stamped
from dmscan.core.pricing import TitleFees, Turn, changed, fee_changes, priced, worked_out
from dmscan.core.report import Trouble
from dmscan.errors import ExitCode

from make import DAY, NOW, TITLE, make_quote, make_request, make_rules
from strategies import PRICES, RULES, SCHEDULES, TIMES

LOW = FeeRow(Fraction(2, 100), 100, 1999, NOW + DAY)
HIGH = FeeRow(Fraction(5, 100), 2000, 9999, NOW + DAY)
FEES = FeeSchedule(Fraction(1, 10), 2, FeeSource.DEFAULT, (LOW, HIGH))


def table(**rows: tuple[FeeRow, ...]) -> FeeTable:
    return FeeTable(Fraction(1, 10), 2, FeeSource.DEFAULT, rows)


def told(**changes: object) -> TitleFees:
    return TitleFees(Game.CS2, TITLE, make_request(), NOW, (), **changes)


@pytest.mark.parametrize(
    ("price", "at", "expected"),
    [
        (1000, NOW, (20, Fraction(2, 100), FeeSource.REDUCED, 951)),
        (2000, NOW, (100, Fraction(5, 100), FeeSource.REDUCED, 1844)),
        (1000, NOW + DAY + 1, (100, Fraction(1, 10), FeeSource.DEFAULT, 873)),
        (50, NOW, (5, Fraction(1, 10), FeeSource.DEFAULT, None)),
        (3, NOW, (2, Fraction(1, 10), FeeSource.DEFAULT, None)),
    ],
)
def test_a_sale_worked_out_by_hand(price, at, expected):
    """10.00 at 2 % leaves 9.80, which is 3 % more than 9.51; 0.50 leaves 0.45, and no cost from 0.50 on pays with that."""
    one = priced(FEES, price, at, make_rules())
    assert (one.fee, one.fraction, one.source, one.max_buy) == expected
    assert one.proceeds == price - one.fee


@given(SCHEDULES, PRICES, TIMES, RULES)
def test_what_is_taken_is_the_fee_of_a_scan(fees, price, at, rules):
    one = priced(fees, price, at, rules)
    assert (one.fee, one.proceeds + one.fee) == (fee(fees, price, at), price)
    assert one.max_buy is None or one.proceeds - one.max_buy >= rules.min_profit


def test_the_last_ask_and_bid_are_worked_out_unless_prices_are_named():
    quoted = told(quote=make_quote(ask=1000, bid=None), fees=FEES)
    assert [one.price for one in worked_out(quoted, (), None).prices] == [1000]
    assert [one.price for one in worked_out(quoted, (2000, 50), None).prices] == [2000, 50]
    assert worked_out(told(fees=FEES), (), None).prices == ()


def test_the_break_even_of_a_cost():
    assert worked_out(told(fees=FEES), (), 980).break_even == 1000
    assert worked_out(told(fees=FEES), (), None).break_even is None
    assert worked_out(told(), (1000,), 980) == told()


@pytest.mark.parametrize(
    ("old", "new", "turns"),
    [
        ((), (LOW,), (Turn.GAINED,)),
        ((LOW,), (), (Turn.LOST,)),
        ((LOW, HIGH), (HIGH, LOW), ()),
        ((LOW,), (FeeRow(Fraction(3, 100), 100, 1999, NOW + DAY),), (Turn.FRACTION,)),
        ((LOW,), (FeeRow(Fraction(2, 100), 100, 2000, NOW + DAY),), (Turn.BANDS,)),
        ((LOW,), (FeeRow(Fraction(2, 100), 100, 1999, NOW + 2 * DAY),), (Turn.EXPIRY,)),
        ((LOW,), (LOW, HIGH), (Turn.FRACTION, Turn.BANDS, Turn.EXPIRY)),
    ],
)
def test_every_way_a_titles_rows_change(old, new, turns):
    before, after = (table(**({"A": rows} if rows else {}), B=(LOW,)) for rows in (old, new))
    assert [change.turns for change in fee_changes(before, after)] == ([turns] if turns else [])


def test_rows_that_swap_their_bands_or_their_ends_are_a_change():
    """Fractions, bands and ends are each the same as a whole."""
    swapped = (FeeRow(Fraction(5, 100), 100, 1999, NOW + DAY), FeeRow(Fraction(2, 100), 2000, 9999, NOW + DAY))
    (change,) = fee_changes(table(A=(LOW, HIGH)), table(A=swapped))
    assert change.turns == (Turn.FRACTION,)
    later = FeeRow(HIGH.fraction, HIGH.low, HIGH.high, NOW + 2 * DAY)
    sooner = FeeRow(LOW.fraction, LOW.low, LOW.high, NOW + 2 * DAY)
    (change,) = fee_changes(table(A=(LOW, later)), table(A=(sooner, HIGH)))
    assert change.turns == (Turn.EXPIRY,)


def test_without_two_tables_nothing_is_compared():
    now = Stamped(table(A=(LOW,)), NOW)
    assert changed(Game.CS2, None, now).changes == changed(Game.CS2, now, None).changes == ()
    (change,) = changed(Game.CS2, Stamped(ASSUMED, NOW - DAY), now).changes
    assert (change.title, change.before, change.after) == ("A", (), (LOW,))


def test_a_title_that_is_named_without_a_row_is_no_change():
    assert [*fee_changes(table(A=(), B=(LOW,)), table(B=(LOW,)))] == []


@pytest.mark.parametrize(
    ("code", "without", "with_fees"),
    [
        (ExitCode.NO_DATA, ExitCode.NO_DATA, ExitCode.PARTIAL),
        (ExitCode.RATE_LIMITED, ExitCode.RATE_LIMITED, ExitCode.PARTIAL),
        (ExitCode.KEY_REFUSED, ExitCode.KEY_REFUSED, ExitCode.KEY_REFUSED),
    ],
)
def test_an_answer_that_lacks_something_is_partial_if_there_are_fees(code, without, with_fees):
    troubles = (Trouble(code, "It broke."),)
    assert told(troubles=troubles).exit_code is without
    assert told(troubles=troubles, fees=FEES).exit_code is with_fees
    assert told(fees=FEES).exit_code is ExitCode.OK

"""The fee of a sale: reduced rows by price band and expiry, else the default (design chapter 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

from dmscan.core.models import FeeRow, FeeSchedule, FeeSource, FeeTable
from dmscan.core.money import Cents, fraction_text, share_of

DAY = 86400

ASSUMED = FeeTable(Fraction(1, 10), 0, FeeSource.ASSUMED)
"""What holds when the fee table was refused: 10 % and no minimum."""


def fixed(fraction: Fraction) -> FeeTable:
    """`--fee`: replaces table and assumption."""
    return FeeTable(fraction, 0, FeeSource.SET)


def row_at(fees: FeeSchedule, price: Cents, at: int) -> FeeRow | None:
    """The reduced row that rules a sale at `price` cents at time `at`: the highest fraction, then the one that lasts longest."""
    holding = [row for row in fees.rows if row.low <= price <= row.high and row.expires_at >= at]
    return max(holding, key=lambda row: (row.fraction, row.expires_at), default=None)


def fee(fees: FeeSchedule, price: Cents, at: int) -> Cents:
    """Cents taken from a sale at `price` at time `at`, rounded up, at least the minimum."""
    row = row_at(fees, price, at)
    return max(fees.min_amount, share_of(price, row.fraction if row else fees.default))


def most_proceeds(fees: FeeSchedule, ceiling: Cents, now: int) -> Cents:
    """No sale at `ceiling` cents or less, now or later, can bring more than this.

    Because of the bands a lower price may bring more than `ceiling` itself. A row that holds now may have expired by the
    time of the sale, so each stretch of prices is given the least fraction it could meet.
    """
    if not fees.rows:
        # Without bands proceeds never fall as the price rises.
        return ceiling - max(fees.min_amount, share_of(ceiling, fees.default))

    def least(rows: list[FeeRow]) -> Fraction:
        return min([fees.default, *(row.fraction for row in rows)])

    tops = (
        (ceiling if high is None else min(high, ceiling), fraction)
        for low, high, fraction in _stretches(fees, now, least)
        if low <= ceiling
    )
    return max(price - max(fees.min_amount, share_of(price, fraction)) for price, fraction in tops)


def break_even(fees: FeeSchedule, cost: Cents, at: int) -> Cents:
    """The least sale price ≥ cost whose proceeds are at least `cost` cents.

    Within a stretch of one fraction f, p − ceil(p × f) ≥ cost exactly if p ≥ cost / (1 − f).
    """

    def highest(rows: list[FeeRow]) -> Fraction:
        return max((row.fraction for row in rows), default=fees.default)

    firsts = (
        (max(low, cost + fees.min_amount, -(-cost * fraction.denominator // (fraction.denominator - fraction.numerator))), high)
        for low, high, fraction in _stretches(fees, at, highest)
    )
    return next(price for price, high in firsts if high is None or price <= high)


def _stretches(fees: FeeSchedule, at: int, pick: Callable[[list[FeeRow]], Fraction]) -> Iterator[tuple[Cents, Cents | None, Fraction]]:
    """Ascending (low, high, fraction): stretches of prices that meet the same rows; the last has no upper end."""
    rows = [row for row in fees.rows if row.expires_at >= at and row.low <= row.high]
    cuts = sorted({1, *_positive(row.low for row in rows), *_positive(row.high + 1 for row in rows)})
    for low, following in zip(cuts, [*cuts[1:], None], strict=True):
        fraction = pick([row for row in rows if row.low <= low <= row.high])
        yield low, None if following is None else following - 1, fraction


def _positive(prices: Iterable[Cents]) -> Iterator[Cents]:
    return (price for price in prices if price > 0)


def describe(table: FeeTable) -> str:
    """A game's fees in words, for the line above the results."""
    percent = f"{fraction_text(table.default * 100)}%"
    if table.default_source is FeeSource.DEFAULT:
        return f"{len(table.rows)} titles reduced, else {percent}"
    return f"{percent} {table.default_source}"

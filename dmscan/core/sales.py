"""What past sales support: qualified sales, quantiles, pace (design chapter 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct

from dmscan.core.fees import DAY
from dmscan.core.models import Sale, SaleKind
from dmscan.core.money import Cents

ROWS_ASKED = 20
MONTH = 30 * 86400


class Support(Struct, frozen=True):
    """The qualified sales of one variant, newest first, their prices ascending and the seconds looked at."""

    sales: tuple[Sale, ...]
    prices: tuple[Cents, ...]
    window: int

    @property
    def median(self) -> Cents:
        return quantile(self.prices, Fraction(1, 2))

    @property
    def q40(self) -> Cents:
        return quantile(self.prices, Fraction(2, 5))

    def at_or_below(self, price: Cents) -> int:
        return sum(sale <= price for sale in self.prices)

    def at_or_above(self, price: Cents) -> int:
        return sum(sale >= price for sale in self.prices)

    def days_to_sell(self, units: int, price: Cents) -> Fraction:
        """Days until `units` are sold at `price` cents, which at least one of the sales reached."""
        return Fraction(units * self.window, DAY * self.at_or_above(price))

    def days_to_fill(self, price: Cents) -> Fraction:
        """Days until somebody sells at `price` cents or less, as at least one of the sales was."""
        return Fraction(self.window, DAY * self.at_or_below(price))

    def pace(self, price: Cents) -> Fraction:
        """Sales a day at `price` cents or more."""
        return Fraction(DAY * self.at_or_above(price), self.window)


def newest_offers(rows: Sequence[Sale]) -> tuple[Sale, ...]:
    """The newest 20 `Offer` rows of a title, newest first."""
    return _newest(rows, SaleKind.OFFER)


def newest_fills(rows: Sequence[Sale]) -> tuple[Sale, ...]:
    """The newest 20 `Target` rows of a title, newest first."""
    return _newest(rows, SaleKind.TARGET)


def support(rows: Sequence[Sale], phase: str, now: int) -> Support:
    """The qualified sales of a phase: in the last 30 days, not in the future, outliers dropped once."""
    recent = [sale for sale in rows if sale.phase == phase and now - MONTH <= sale.at <= now]
    kept = _without_outliers(recent)
    return Support(tuple(kept), tuple(sorted(sale.price for sale in kept)), _window(rows, now))


def quantile(ascending: Sequence[Cents], share: Fraction) -> Cents:
    """The lower quantile: index ⌊share × (n − 1)⌋ of at least one price."""
    return ascending[share.numerator * (len(ascending) - 1) // share.denominator]


def _newest(rows: Sequence[Sale], kind: SaleKind) -> tuple[Sale, ...]:
    of_kind = [sale for sale in rows if sale.kind is kind]
    return tuple(sorted(of_kind, key=lambda sale: -sale.at)[:ROWS_ASKED])


def _without_outliers(sales: list[Sale]) -> list[Sale]:
    """Drops what lies more than 3 × 1.4826 MAD off the median; with a MAD of 0, more than half the median."""
    if not sales:
        return []
    half = Fraction(1, 2)
    median = quantile(sorted(sale.price for sale in sales), half)
    mad = quantile(sorted(abs(sale.price - median) for sale in sales), half)
    if mad == 0:
        return [sale for sale in sales if 2 * abs(sale.price - median) <= median]
    return [sale for sale in sales if 10_000 * abs(sale.price - median) <= 3 * 14_826 * mad]


def _window(rows: Sequence[Sale], now: int) -> int:
    """Seconds looked at: 30 days, or since the oldest of 20 rows if that is less, but at least a day."""
    oldest = min((sale.at for sale in rows), default=now)
    if len(rows) < ROWS_ASKED or oldest <= now - MONTH:
        return MONTH
    return max(DAY, now - oldest)

"""Whether the market changed a unit: sales and asks of many titles must be of one order (design chapter 7)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from dmscan.core.models import Evidence
from dmscan.core.money import Cents
from dmscan.core.sales import quantile

SAMPLE = 20
LEAST_SAMPLE = 5
FAR = 20


def sale_and_ask(evidence: Evidence) -> tuple[Cents, Cents] | None:
    """The median sale and the quoted ask of a title in cents, if both are known."""
    if evidence.sales is None or not evidence.sales.value or not evidence.quote.ask:
        return None
    prices = sorted(sale.price for sale in evidence.sales.value)
    return quantile(prices, Fraction(1, 2)), evidence.quote.ask


def units_differ(sample: Sequence[tuple[Cents, Cents]]) -> bool:
    """Whether most of a sample of (median sale, ask) lie more than a factor of 20 apart; a handful proves nothing."""
    apart = sum(sale > FAR * ask or ask > FAR * sale for sale, ask in sample)
    return len(sample) >= LEAST_SAMPLE and 2 * apart > len(sample)

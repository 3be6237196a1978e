"""From levels and limits to the price bands a leg must meet (design chapter 4.4)."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from dmscan.core.models import PriceBand, Reason, Rules
from dmscan.core.money import Cents, meets_roi

LEVELS: dict[str, PriceBand] = {
    "boost": PriceBand(50, 299, Fraction(1, 100)),
    "standard": PriceBand(300, 999, Fraction(5, 100)),
    "medium": PriceBand(1000, 2999, Fraction(5, 100)),
    "advanced": PriceBand(3000, 9999, Fraction(10, 100)),
    "pro": PriceBand(10000, 99999, Fraction(20, 100)),
}
"""Lower bound inclusive, upper exclusive in the contract, hence one cent less here."""

DEFAULT_MIN_PRICE: Cents = 50
DEFAULT_MIN_ROI = Fraction(3, 100)


def price_bands(
    levels: Iterable[str] = (), min_price: Cents | None = None, max_price: Cents | None = None, min_roi: Fraction | None = None
) -> tuple[PriceBand, ...]:
    """The bands allowed, ascending. Explicit limits narrow the levels, an explicit ROI replaces theirs; empty bands vanish."""
    chosen = [LEVELS[name] for name in levels] or [PriceBand(DEFAULT_MIN_PRICE if min_price is None else min_price, None, DEFAULT_MIN_ROI)]
    narrowed = [
        PriceBand(
            low=max(band.low, min_price or 0),
            high=min((limit for limit in (band.high, max_price) if limit is not None), default=None),
            min_roi=band.min_roi if min_roi is None else min_roi,
        )
        for band in set(chosen)
    ]
    return tuple(sorted((band for band in narrowed if band.high is None or band.low <= band.high), key=lambda band: band.low))


def band_of(price: Cents, rules: Rules) -> PriceBand | None:
    """The band that holds an ask of `price` cents."""
    return next((band for band in rules.bands if band.holds(price)), None)


def refusal(profit: Cents, cost: Cents, band: PriceBand, rules: Rules) -> Reason | None:
    """Why a unit that costs `cost` cents and earns `profit` cents is refused; `None` if it meets the rules."""
    if profit < rules.min_profit:
        return Reason.BELOW_MIN_PROFIT
    if not meets_roi(profit, cost, band.min_roi):
        return Reason.BELOW_MIN_ROI
    return None


def refusal_at_best(proceeds: Cents, least_ask: Cents, rules: Rules) -> Reason | None:
    """Why no unit bought for at least `least_ask` and sold for at most `proceeds` cents can pass; `None` if one could.

    Profit and ROI fall as the cost rises, so the least cost of each band decides for all of it.
    """
    furthest = Reason.ASK_ABOVE_MAX
    for band in rules.bands:
        cost = max(least_ask, band.low, 1)
        if not band.holds(cost):
            continue
        reason = refusal(proceeds - cost, cost, band, rules)
        if reason is None:
            return None
        furthest = later(furthest, reason)
    return furthest


def max_buy(proceeds: Cents, rules: Rules) -> Cents | None:
    """The highest cost at which a leg with these proceeds meets every per-leg rule; `None` if there is none (design chapter 3)."""
    costs = []
    for band in rules.bands:
        roi = band.min_roi
        by_roi = proceeds * roi.denominator // (roi.denominator + roi.numerator)
        cost = min(proceeds - rules.min_profit, by_roi, by_roi if band.high is None else band.high)
        if cost >= max(band.low, 1):
            costs.append(cost)
    return max(costs, default=None)


_ORDER = {reason: place for place, reason in enumerate(Reason)}


def later(one: Reason, other: Reason) -> Reason:
    """Of two reasons the one further along the order of design chapter 4.4."""
    return one if _ORDER[one] >= _ORDER[other] else other

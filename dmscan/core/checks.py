"""One rule held against one value: how far it lies inside or outside, and which of several attempts came furthest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from fractions import Fraction

from msgspec import Struct

from dmscan.core.models import PriceBand, Reason, Rules
from dmscan.core.money import Cents

Amount = int | Fraction


class Unit(StrEnum):
    CENTS = "cents"
    SHARE = "share"
    COUNT = "count"
    DAYS = "days"


class Check(Struct, frozen=True):
    """A rule's verdict on a value; `reason` is what a title is refused for that fails it.

    `margin` is how far inside the limit the value lies, negative outside. `passed` is `None` if the value is not known yet, `limit`
    and `margin` are if there is no limit or the rule only asks whether there is a value.
    """

    rule: str
    reason: Reason
    unit: Unit
    value: Amount | None
    limit: Amount | None
    margin: Amount | None
    passed: bool | None
    note: str = ""


Checks = tuple[Check, ...]
Rule = tuple[str, Reason, Unit]
"""Name, reason and unit of a rule."""

_ORDER = {reason: place for place, reason in enumerate(Reason)}


def at_least(rule: Rule, value: Amount, limit: Amount, note: str = "") -> Check:
    return Check(*rule, value, limit, value - limit, value >= limit, note)


def at_most(rule: Rule, value: Amount, limit: Amount | None, note: str = "") -> Check:
    """A limit of `None` holds for every value."""
    return Check(*rule, value, limit, None if limit is None else limit - value, limit is None or value <= limit, note)


def there_is(rule: Rule, value: Amount | None, note: str = "") -> Check:
    """Whether there is a value at all."""
    return Check(*rule, value, None, None, value is not None, note)


def holds(rule: Rule, passed: bool, note: str = "") -> Check:
    """A rule without a number."""
    return Check(*rule, None, None, None, passed, note)


def unknown(rule: Rule, note: str) -> Check:
    return Check(*rule, None, None, None, None, note)


def in_bands(rule: Rule, price: Cents, bands: Iterable[PriceBand], note: str = "") -> Check:
    """Against the nearest edge of the band that holds the price, else of the band that comes nearest to holding it."""
    margin, limit = max(_nearest_edge(price, band) for band in bands)
    return Check(*rule, price, limit, margin, margin >= 0, note)


def pays(profit: Cents, cost: Cents, band: PriceBand, rules: Rules, note: str = "") -> Checks:
    """The rules of one unit: its net profit and its ROI."""
    least_profit = at_least(("min_profit", Reason.BELOW_MIN_PROFIT, Unit.CENTS), profit, rules.min_profit, note)
    return least_profit, at_least(("min_roi", Reason.BELOW_MIN_ROI, Unit.SHARE), Fraction(profit, cost), band.min_roi, note)


def pays_at_best(proceeds: Cents, least_cost: Cents, rules: Rules, note: str) -> Checks:
    """A unit bought for at least `least_cost` cents, in the band that suits it best, and sold for at most `proceeds` cents."""
    costs = [(max(least_cost, band.low, 1), band) for band in rules.bands]
    tried = [pays(proceeds - cost, cost, band, rules, note) for cost, band in costs if band.holds(cost)]
    return furthest(tried) if tried else (in_bands(("max_price", Reason.ASK_ABOVE_MAX, Unit.CENTS), max(least_cost, 1), rules.bands, note),)


def first_failed(checks: Iterable[Check]) -> Check | None:
    """The first rule that is known to be missed."""
    return next((check for check in checks if check.passed is False), None)


def furthest(attempts: Sequence[Checks]) -> Checks:
    """The attempt that misses no rule, else the one refused for the furthest reason; of equal ones the nearest to passing."""
    return max(attempts, key=_distance)


def _distance(checks: Checks) -> tuple[int, Amount]:
    failed = first_failed(checks)
    if failed is None:
        return len(_ORDER), 0
    return _ORDER[failed.reason], -(10**12) if failed.margin is None else failed.margin


def _nearest_edge(price: Cents, band: PriceBand) -> tuple[Cents, Cents]:
    """How far inside the band the price lies, negative outside, and the edge it is measured from."""
    below = (price - band.low, band.low)
    return below if band.high is None else min(below, (band.high - price, band.high))

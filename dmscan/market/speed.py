"""How fast a scan may expect to ask, from the documented limits and what the last answers taught (design chapter 5)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from dmscan.core.calls import Speed
from dmscan.market import pace
from dmscan.market.limits import Group, limits
from dmscan.market.pace import SHARE, START, Lane, Terms


def set_speed(rate: Fraction) -> Speed:
    """`--rate`: it replaces the limits and holds for all requests together."""
    return Speed(rate, rate, rate, rate, in_all=rate)


STARTING = set_speed(Fraction(START))
"""If the market allows no more in all than what each group begins with."""


def expected_speed(lanes: Mapping[str, Lane], now: float, *, signed: bool) -> Speed:
    """What the pace rises to: 90 % of the documented limits, less where a 429 or an answer's headers lately said so.

    `now` is the moment of the machine's monotonic clock.
    """
    documented = limits(signed=signed)
    rates = {group: _risen(lanes[group], Terms(limit), now) for group, limit in documented.items()}
    others = rates[Group.OTHERS]
    return Speed(rates[Group.ITEMS], rates.get(Group.SALES, others), rates[Group.FEES], others)


def _risen(lane: Lane, terms: Terms, now: float) -> Fraction:
    learnt = pace.opened(lane, terms, now).pace
    stated = learnt.limit * terms.share if learnt.limit else terms.target
    refused = SHARE * learnt.ceiling if learnt.ceiling else terms.target
    return Fraction(min(terms.target, stated, refused)).limit_denominator(100)

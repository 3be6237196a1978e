"""The smallest change of one setting that lets a refused title pass (design chapter 7)."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dmscan.core.judge import Verdict, judge
from dmscan.core.models import Evidence, FeeAt
from dmscan.core.money import Cents, fraction_text
from dmscan.core.report import Pair, ScanRequest
from dmscan.core.rules import DEFAULT_MIN_PRICE, LEVELS, price_bands

BASIS_POINTS = 10_000
HIGHEST_PRICE: Cents = 10**9
MOST_DAYS = 3_650
"""What is searched at the most: dearer and slower than anything on the market."""

Step = Any
"""A value of an option: cents, basis points, days, a count or a name."""


class Change(Struct, frozen=True):
    """One option as it is to be typed."""

    option: str
    value: str

    @property
    def typed(self) -> str:
        return f"{self.option} {self.value}"


class Dial(Struct, frozen=True):
    """An option: the values it can be moved to, the smallest change first, how they are typed and what they make of a request.

    Whatever passes with one value passes with all that follow.
    """

    option: str
    steps: Callable[[ScanRequest, Evidence], Sequence[Step]]
    typed: Callable[[Step], str]
    turned: Callable[[ScanRequest, Step], ScanRequest]


def smallest_changes(pair: Pair, evidence: Evidence, request: ScanRequest) -> tuple[Change, ...]:
    """For each option that alone lets the pair pass on what is known, its smallest change: by a cent, a basis point, a day, a sale."""
    changes = (_smallest(dial, pair, evidence, request) for dial in DIALS)
    return tuple(change for change in changes if change)


def open_verdicts(pair: Pair, evidence: Evidence, request: ScanRequest) -> Iterator[Verdict]:
    """What the judge says with each option moved all the way: a `Need` must be asked before its smallest change is known."""
    for dial in DIALS:
        for step in dial.steps(request, evidence)[-1:]:
            yield _verdict(pair, evidence, dial.turned(request, step))


def _smallest(dial: Dial, pair: Pair, evidence: Evidence, request: ScanRequest) -> Change | None:
    def passes(step: Step) -> bool:
        return isinstance(_verdict(pair, evidence, dial.turned(request, step)), tuple)

    steps = dial.steps(request, evidence)
    if not steps or not passes(steps[-1]):
        return None
    return Change(dial.option, dial.typed(steps[bisect_left(steps, True, key=passes)]))


def _verdict(pair: Pair, evidence: Evidence, request: ScanRequest) -> Verdict:
    return judge(pair, evidence, request.rules, signed=request.signed)


def _priced(request: ScanRequest, **changes: Any) -> ScanRequest:
    """The request with other levels or limits of price and ROI, and the bands that follow from them."""
    asked = replace(request, **changes)
    bands = price_bands(asked.levels, asked.min_price, asked.max_price, asked.min_roi)
    return replace(asked, rules=replace(asked.rules, bands=bands))


def _ruled(name: str) -> Callable[[ScanRequest, Any], ScanRequest]:
    return lambda request, step: replace(request, rules=replace(request.rules, **{name: step}))


def _days_ruled(name: str) -> Callable[[ScanRequest, Any], ScanRequest]:
    return lambda request, step: _ruled(name)(request, Fraction(step))


def _dollars(cents: Any) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _percent(points: Any) -> str:
    return f"{fraction_text(Fraction(points, 100))}%"


def _lower_prices(request: ScanRequest, _: Evidence) -> Sequence[int]:
    least = 0 if request.levels else DEFAULT_MIN_PRICE
    return range((least if request.min_price is None else request.min_price) - 1, -1, -1)


def _higher_prices(request: ScanRequest, _: Evidence) -> Sequence[int]:
    return () if request.max_price is None else range(request.max_price + 1, HIGHEST_PRICE)


def _lower_rois(request: ScanRequest, _: Evidence) -> Sequence[int]:
    highest = max(band.min_roi for band in request.rules.bands)
    return range(math.ceil(highest * BASIS_POINTS) - 1, -1, -1)


def _longer_locks(request: ScanRequest, _: Evidence) -> Sequence[int]:
    longest = request.rules.max_lock_days
    return () if longest is None else range(longest + 1, MOST_DAYS)


def _more_units(request: ScanRequest, evidence: Evidence) -> Sequence[int]:
    return range(request.rules.max_units + 1, len(evidence.offers.value if evidence.offers else ()) + 1)


def _level(name: str) -> Dial:
    """One more level beside those named."""
    return Dial(
        "--level",
        lambda request, _: (name,) if request.levels and name not in request.levels else (),
        str,
        lambda request, step: _priced(request, levels=(*request.levels, step)),
    )


DIALS = (
    Dial("--min-price", _lower_prices, _dollars, lambda request, step: _priced(request, min_price=step)),
    Dial("--max-price", _higher_prices, _dollars, lambda request, step: _priced(request, max_price=step)),
    *map(_level, LEVELS),
    Dial("--max-lock-days", _longer_locks, str, _ruled("max_lock_days")),
    Dial("--min-sales", lambda request, _: range(request.rules.min_sales - 1, 0, -1), str, _ruled("min_sales")),
    Dial("--max-units", _more_units, str, _ruled("max_units")),
    Dial("--min-profit", lambda request, _: range(request.rules.min_profit - 1, -1, -1), _dollars, _ruled("min_profit")),
    Dial("--min-roi", _lower_rois, _percent, lambda request, step: _priced(request, min_roi=Fraction(step, BASIS_POINTS))),
    Dial(
        "--max-days-to-sell",
        lambda request, _: range(math.floor(request.rules.max_days_to_sell) + 1, MOST_DAYS),
        str,
        _days_ruled("max_days_to_sell"),
    ),
    Dial(
        "--max-days-to-fill",
        lambda request, _: range(math.floor(request.rules.max_days_to_fill) + 1, MOST_DAYS),
        str,
        _days_ruled("max_days_to_fill"),
    ),
    Dial("--fee-at", lambda request, _: (FeeAt.NOW,) if request.rules.fee_at is FeeAt.SALE else (), str, _ruled("fee_at")),
)

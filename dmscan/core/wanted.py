"""Which remembered titles a sweep asks again (design chapter 4)."""

from __future__ import annotations

from collections.abc import Sequence

from dmscan.core.games import has_phases
from dmscan.core.memory import Known
from dmscan.core.models import Entry, Exit, PriceBand
from dmscan.core.money import Cents
from dmscan.core.report import ScanRequest

NEAR = 2
"""A price this many times below or above the prices asked for may have moved into them since."""


def is_wanted(known: Known, request: ScanRequest) -> bool:
    """Whether a title may have become worth something: its ask lay near the bands or between them, or its bid reached its ask.

    For own targets it is enough that its bid lay near them. All others are refused by the quote they had. A title that was never
    seen with both sides is of no use to a scan that only sells into bids.
    """
    quote, bands = known.quote, request.rules.bands
    if Entry.TARGET in request.entries and quote.ask and quote.bid and _is_near(quote.bid, bands):
        return True
    if not known.two_sided and request.pairs == ((Entry.OFFER, Exit.INSTANT),):
        return False
    if quote.ask is None:
        return known.usual_ask is not None and _is_near(known.usual_ask, bands)
    if has_phases(quote.game, quote.title):
        return True
    return _is_near(quote.ask, bands) or (quote.bid or 0) >= max(quote.ask, bands[0].low)


def _is_near(price: Cents, bands: Sequence[PriceBand]) -> bool:
    highest = bands[-1].high
    return bands[0].low <= NEAR * price and (highest is None or price <= NEAR * highest)

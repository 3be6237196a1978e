"""Which remembered titles a sweep asks again (design chapter 4)."""

from __future__ import annotations

from dmscan.core.games import has_phases
from dmscan.core.memory import Known
from dmscan.core.models import Entry, Exit, PriceBand
from dmscan.core.report import ScanRequest

NEAR = 2
"""An ask this many times below or above a price band may have moved into it since."""


def is_wanted(known: Known, request: ScanRequest) -> bool:
    """Whether a title may have become worth something: its ask lay near a band, or its bid reached into one.

    A title that was never seen with both sides is of no use to a scan that only sells into bids.
    """
    quote, bands = known.quote, request.rules.bands
    if not known.two_sided and request.pairs == ((Entry.OFFER, Exit.INSTANT),):
        return False
    if quote.ask is None:
        return known.usual_ask is not None and any(_is_near(known.usual_ask, band) for band in bands)
    if has_phases(quote.game, quote.title):
        return True
    return any(_is_near(quote.ask, band) for band in bands) or (quote.bid or 0) >= max(quote.ask, bands[0].low)


def _is_near(ask: int, band: PriceBand) -> bool:
    return band.low <= NEAR * ask and (band.high is None or ask <= NEAR * band.high)

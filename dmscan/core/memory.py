"""What is remembered of the market between scans, so that the next one asks less (design chapter 5)."""

from __future__ import annotations

from fractions import Fraction

from msgspec import Struct

from dmscan.core.models import Quote
from dmscan.core.money import Cents


class SalesOutlook(Struct, frozen=True, gc=False):
    """What the last sales asked for promised: the most qualified sales of a variant, the best q40, `Offer` rows a day."""

    asked_at: int
    qualified: int
    best_q40: Cents | None
    pace: Fraction


class Known(Struct, frozen=True, gc=False):
    """One title as last seen. `usual_ask` is the moving average of its asks; `looks` and `finds` count past confirmations."""

    quote: Quote
    usual_ask: Cents | None
    two_sided: bool
    looks: int = 0
    finds: int = 0
    sales: SalesOutlook | None = None


class SweepState(Struct, frozen=True):
    """When the whole catalogue was last read to its end, and the cursor where a sweep was cut ("" at its beginning)."""

    full_at: int = 0
    cursor: str = ""

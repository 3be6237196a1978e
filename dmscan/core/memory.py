"""What is remembered of the market between scans, so that the next one asks less (design chapter 5)."""

from __future__ import annotations

from fractions import Fraction

from msgspec import Struct

from dmscan.core.models import Quote, Reason
from dmscan.core.money import Cents

YOUNG_S = 3600
OFTEN = 500


class SalesOutlook(Struct, frozen=True, gc=False):
    """What the last sales asked for promised: the most qualified sales of a variant, the best q40, `Offer` rows a day."""

    asked_at: int
    qualified: int
    best_q40: Cents | None
    pace: Fraction


class Refusals(Struct, frozen=True):
    """Why a title was refused, by "entry.exit", when `question` was asked of it, by answers since `at`.

    They stand for as long as its quote does.
    """

    question: str
    at: int
    reasons: dict[str, Reason]


class Look(Struct, frozen=True):
    """That a title got a verdict, when, and whether it had an opportunity."""

    at: int
    found: bool
    refusals: Refusals | None = None


class Known(Struct, frozen=True, gc=False):
    """One title as last seen. `usual_ask` is the moving average of its asks; `looks` and `finds` count past confirmations.

    `bid_since` is when its best bid was last seen to move, `bid_moves` how many of a thousand looks found it moved, `looked_at` when
    it had its last verdict, `refusals` what that was if the quote has not changed since.
    """

    quote: Quote
    usual_ask: Cents | None
    two_sided: bool
    looks: int = 0
    finds: int = 0
    sales: SalesOutlook | None = None
    bid_since: int | None = None
    bid_moves: int = 0
    looked_at: int | None = None
    refusals: Refusals | None = None

    @property
    def has_fast_bids(self) -> bool:
        """Whether its best bid is young or moves often: an own target a cent above it will soon be outbid."""
        is_young = self.bid_since is not None and self.quote.at - self.bid_since < YOUNG_S
        return is_young or self.bid_moves >= OFTEN


class SweepState(Struct, frozen=True):
    """When the whole catalogue was last read to its end, and the cursor where a sweep was cut ("" at its beginning)."""

    full_at: int = 0
    cursor: str = ""

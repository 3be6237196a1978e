"""Which title a pass asks about first: what changed before what stands, what stands before what was just looked at (design chapter 7)."""

from __future__ import annotations

from enum import IntEnum
from math import ceil

from msgspec.structs import replace

from dmscan.core.memory import Known
from dmscan.core.models import Quote
from dmscan.core.report import ScanRequest

REST_S = 300
"""In a watch so long a verdict on an unchanged quote may wait."""


ANSWER_MS = 300
"""An answer hardly ever takes longer: with more questions under way than come meanwhile, each only waits for its turn."""


class Turn(IntEnum):
    """The higher the sooner; within one the most promising first."""

    SETTLED = -1
    USUAL = 0
    OPEN = 1
    CHANGED = 2
    OPEN_AND_CHANGED = 3


def turn(known: Known | None, quote: Quote, question: str, request: ScanRequest, *, is_open: bool) -> Turn:
    """When a title has its turn; `is_open` if it was an opportunity within a day, `question` is what is asked of it now.

    A scan that stands alone has nothing else to tell than what is open. Passes that follow each other are told by the quotes where
    something happened: what stays as it was is looked at again every `rest_s` seconds, and in between when all others had their turn.
    """
    if not request.rest_s or known is None or known.looked_at is None:
        return Turn.OPEN if is_open else Turn.USUAL
    if not _is_as_judged(known, quote, question):
        return Turn.OPEN_AND_CHANGED if is_open else Turn.CHANGED
    if quote.at - known.looked_at < request.rest_s:
        return Turn.SETTLED
    return Turn.OPEN if is_open else Turn.USUAL


def abreast(most: int, pace: float, request: ScanRequest) -> int:
    """How many questions of a kind are under way at a time, at `pace` requests a second in all; at most `most`.

    In a watch no more than the pace can use: whatever is asked waits behind them, even if it comes first by its turn.
    """
    return max(1, min(most, ceil(pace * ANSWER_MS / 1000))) if request.rest_s else most


def _is_as_judged(known: Known, quote: Quote, question: str) -> bool:
    """What a verdict refused is remembered until the quote changes: while that is there, the quote is the one it was given on."""
    return known.refusals is not None and known.refusals.question == question and replace(quote, at=known.quote.at) == known.quote

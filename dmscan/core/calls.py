"""Which calls a scan makes and which it is spared: the decisions that a scan and its plan share (design chapters 4 and 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from hashlib import blake2b
from math import ceil

from msgspec import Struct
from msgspec.structs import replace

from dmscan.core.fees import DAY, describe
from dmscan.core.memory import Known, SweepState
from dmscan.core.models import Exit, FeeSchedule, FeeTable, Quote, Reason
from dmscan.core.outlook import put_off_until, refused_by_outlook
from dmscan.core.report import Pair, ScanRequest

BATCH = 100
"""Titles that one call of aggregated-prices answers for."""
CONFIRM_SHARE = Fraction(9, 10)
"""So much of a budget may be used before the second look, if there is to be one."""

_GLOB_MARKS = frozenset("*?[")


class Calls(Struct, frozen=True):
    """Requests by endpoint; fractions are expectations."""

    prices: int | Fraction = 0
    fees: int | Fraction = 0
    sales: int | Fraction = 0
    targets: int | Fraction = 0
    offers: int | Fraction = 0

    def __add__(self, other: Calls) -> Calls:
        return Calls(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))

    def part(self, share: Fraction) -> Calls:
        return Calls(*(getattr(self, name) * share for name in self.__struct_fields__))

    @property
    def by_endpoint(self) -> Mapping[str, int]:
        """Whole requests, rounded up, by the names that a scan counts them by."""
        return {
            "aggregated-prices": ceil(self.prices),
            "customized-fees": ceil(self.fees),
            "last-sales": ceil(self.sales),
            "targets-by-title": ceil(self.targets),
            "v2/offers": ceil(self.offers),
        }

    @property
    def total(self) -> int | Fraction:
        return self.prices + self.fees + self.sales + self.targets + self.offers


class Speed(Struct, frozen=True):
    """Requests a second for each group of endpoints with a limit of its own, and for all together if that is limited too."""

    items: Fraction
    sales: Fraction
    fees: Fraction
    others: Fraction
    in_all: Fraction | None = None

    def seconds(self, calls: Calls) -> Fraction:
        """What the calls take if the groups are asked side by side."""
        groups = (
            (calls.prices + calls.offers) / self.items,
            calls.sales / self.sales,
            calls.fees / self.fees,
            calls.targets / self.others,
        )
        return max(*groups, Fraction(calls.total) / self.in_all if self.in_all else Fraction(0))


def is_budgeted(request: ScanRequest) -> bool:
    return bool(request.deadline_s or request.max_requests)


def titles_named(request: ScanRequest) -> tuple[str, ...]:
    """The titles wanted, if all of them are named outright; () otherwise."""
    titles = tuple(dict.fromkeys(request.titles))
    return () if any(set(title) & _GLOB_MARKS for title in titles) else titles


def is_full_sweep_due(state: SweepState, now: int, request: ScanRequest) -> bool:
    """Whether the catalogue is read: a sweep was cut, or the last whole one is too long ago."""
    return bool(state.cursor) or now - state.full_at >= request.full_sweep_every_s


def sales_since(request: ScanRequest, now: int) -> int:
    """Remembered sales asked for since then will still be young enough when they are printed."""
    return now - request.max_age_s + request.deadline_s


def put_off(needs: Iterable[Pair], known: Known | None, evidence: tuple[Quote, FeeSchedule], request: ScanRequest) -> Mapping[Pair, Reason]:
    """Under a budget a relist that remembered sales leave no hope waits until there are new ones."""
    sales, (quote, fees) = known.sales if known else None, evidence
    if sales is None or not is_budgeted(request) or quote.at >= put_off_until(sales):
        return {}
    relists = (pair for pair in needs if pair[1] is Exit.RELIST)
    return {pair: reason for pair in relists if (reason := refused_by_outlook(sales, quote, fees, request.rules, pair[0]))}


def question_of(request: ScanRequest, fees: FeeTable) -> str:
    """What a verdict depends on beside the title: the rules and the fees, as a short text that is the same for equal ones."""
    asked = repr((request.rules, request.fee, request.signed, describe(fees)))
    return blake2b(asked.encode(), digest_size=6).hexdigest()


def still_refused(needs: Iterable[Pair], known: Known | None, quote: Quote, request: ScanRequest, question: str) -> Mapping[Pair, Reason]:
    """Why the last verdict refused a title, if it was asked the same and what it rests on is of today and young enough to be printed.

    That the quote is the same to the piece stands for offers and targets being the same.
    """
    if known is None or known.refusals is None or known.refusals.question != question:
        return {}
    is_young = known.refusals.at >= max(sales_since(request, quote.at), quote.at // DAY * DAY)
    if not is_young or replace(quote, at=known.quote.at) != known.quote:
        return {}
    reasons = known.refusals.reasons
    return {pair: reasons[name] for pair in needs if (name := ".".join(pair)) in reasons}

"""What a title promises before it is confirmed: the order of candidates, and who can wait (design chapters 4 and 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction

from dmscan.core.fees import DAY, most_proceeds
from dmscan.core.games import has_phases
from dmscan.core.memory import Known, SalesOutlook
from dmscan.core.models import Entry, Exit, FeeSchedule, Quote, Reason, Rules, Sale, Stamped
from dmscan.core.report import Pair
from dmscan.core.rules import refusal_at_best
from dmscan.core.sales import newest_offers, support

LONGEST_PUT_OFF = 7 * DAY
SALES_TO_WAIT_FOR = 5

Promise = int
"""Thousandths of a cent expected for each call, because a cheap title's promise is often less than one."""
CENT: Promise = 1000

LIVELY = 20
"""A title that so many want has the sales a relist needs; one that nobody wants hardly ever has them."""
PHASES = 64
"""Of so many titles with phases whose bid is above their ask, one pays: the bid is mostly for a dearer phase than the ask."""


def sales_outlook(answer: Stamped[tuple[Sale, ...]]) -> SalesOutlook:
    """What is worth remembering of the newest sales of a title."""
    rows = newest_offers(answer.value)
    variants = [support(rows, phase, answer.at) for phase in {sale.phase for sale in rows}]
    counted = [variant for variant in variants if variant.prices]
    return SalesOutlook(
        asked_at=answer.at,
        qualified=max((len(variant.prices) for variant in counted), default=0),
        best_q40=max((variant.q40 for variant in counted), default=None),
        pace=Fraction(DAY * len(rows), variants[0].window) if variants else Fraction(0),
    )


def put_off_until(sales: SalesOutlook) -> int:
    """When the sales are worth asking again: after five more of them, after a week at the latest (Unix seconds)."""
    wait = LONGEST_PUT_OFF if not sales.pace else min(LONGEST_PUT_OFF, int(SALES_TO_WAIT_FOR * DAY / sales.pace))
    return sales.asked_at + wait


def refused_by_outlook(sales: SalesOutlook, quote: Quote, fees: FeeSchedule, rules: Rules, entry: Entry = Entry.OFFER) -> Reason | None:
    """Why the remembered sales leave a relist no hope at today's ask; `None` if they leave some.

    The cost of an own target is known only when the targets are: the quoted bid may be restricted, and so above what it takes.
    """
    if sales.qualified < rules.min_sales or sales.best_q40 is None:
        return Reason.TOO_FEW_SALES
    least_cost = (quote.ask or 0) if entry is Entry.OFFER else 0
    return refusal_at_best(most_proceeds(fees, sales.best_q40, quote.at), least_cost, rules)


def promise(pairs: Iterable[Pair], quote: Quote, fees: FeeSchedule, known: Known | None) -> Promise:
    """What confirming a title is expected to bring; `pairs` are those still open."""
    return sum(PROMISES[pair](quote, fees, known) for pair in pairs)


def instant_promise(quote: Quote, fees: FeeSchedule, known: Known | None) -> Promise:
    """Of a verdict that costs two calls, for offers and targets. What lies between two phases is no profit."""
    if quote.ask is None or quote.bid is None:
        return 0
    margin = most_proceeds(fees, quote.bid, quote.at) - quote.ask
    looks, finds = (known.looks, known.finds) if known else (0, 0)
    if has_phases(quote.game, quote.title):
        margin, looks = min(margin, quote.ask // 20), looks + PHASES - 2
    return max(0, CENT * margin * (finds + 1) // (looks + 2) // 2)


def relist_promise(quote: Quote, fees: FeeSchedule, known: Known | None) -> Promise:
    """Of a verdict that costs one call for sales, and seldom another for offers.

    Remembered sales tell best, and how often they came true. Without them an ask far below the title's usual one, or near its bid,
    is likely a bargain; and a dear title is worth more than a cheap one, a lively one more than a dead one.
    """
    if quote.ask is None:
        return 0
    if known and known.sales and known.sales.best_q40:
        margin = max(0, most_proceeds(fees, known.sales.best_q40, quote.at) - quote.ask)
        return CENT * margin * (known.finds + 1) // (known.looks + 1) // 2
    fair = max((quote.bid or 0) * 105 // 100, (known.usual_ask or 0) * 95 // 100 if known else 0)
    margin = most_proceeds(fees, fair, quote.at) - quote.ask if fair else 0
    return CENT * max(0, margin) // 2 + CENT * quote.ask * min(quote.bid_count, LIVELY) // LIVELY // 100


def spread_promise(quote: Quote, fees: FeeSchedule, known: Known | None) -> Promise:
    """Of an own target that costs four calls: a cent above the bid, sold a cent below the ask or at what sales support."""
    if quote.ask is None or quote.bid is None:
        return 0
    q40 = known.sales.best_q40 if known and known.sales else None
    price = quote.ask - 1 if q40 is None else min(quote.ask - 1, q40)
    margin = most_proceeds(fees, price, quote.at) - quote.bid - 1
    return CENT * max(0, margin) * min(quote.bid_count, quote.ask_count, LIVELY) // LIVELY // 4


PROMISES: Mapping[Pair, Callable[[Quote, FeeSchedule, Known | None], Promise]] = {
    (Entry.OFFER, Exit.INSTANT): instant_promise,
    (Entry.OFFER, Exit.RELIST): relist_promise,
    (Entry.TARGET, Exit.RELIST): spread_promise,
}

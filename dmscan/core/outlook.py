"""What a title promises before it is confirmed: the order of candidates, and who can wait (design chapters 4 and 5)."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from dmscan.core.fees import DAY, most_proceeds
from dmscan.core.games import has_phases
from dmscan.core.memory import Known, SalesOutlook
from dmscan.core.models import Exit, FeeSchedule, Quote, Reason, Rules, Sale, Stamped
from dmscan.core.money import Cents
from dmscan.core.report import Pair
from dmscan.core.rules import refusal_at_best
from dmscan.core.sales import newest_offers, support

LONGEST_PUT_OFF = 7 * DAY
SALES_TO_WAIT_FOR = 5


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


def refused_by_outlook(sales: SalesOutlook, quote: Quote, fees: FeeSchedule, rules: Rules) -> Reason | None:
    """Why the remembered sales leave a relist no hope at today's ask; `None` if they leave some."""
    if sales.qualified < rules.min_sales or sales.best_q40 is None:
        return Reason.TOO_FEW_SALES
    return refusal_at_best(most_proceeds(fees, sales.best_q40, quote.at), quote.ask or 0, rules)


def closed_for_now(sales: SalesOutlook, quote: Quote, fees: FeeSchedule, rules: Rules) -> Reason | None:
    """The reason why a relist can wait until its sales are worth asking again; `None` if it should be looked at."""
    return refused_by_outlook(sales, quote, fees, rules) if quote.at < put_off_until(sales) else None


def promise(pairs: Iterable[Pair], quote: Quote, fees: FeeSchedule, known: Known | None) -> Cents:
    """Cents expected for each call that confirming a title costs; `pairs` are those still open."""
    return sum((instant_promise if exit_ is Exit.INSTANT else relist_promise)(quote, fees, known) for _, exit_ in pairs)


def instant_promise(quote: Quote, fees: FeeSchedule, known: Known | None) -> Cents:
    """Cents expected for each call that an instant verdict costs: two, for targets and offers.

    The bid of a title with phases is mostly that of its dearest one, which the cheapest ask is not.
    """
    if quote.ask is None or quote.bid is None:
        return 0
    margin = most_proceeds(fees, quote.bid, quote.at) - quote.ask
    looks, finds = (known.looks, known.finds) if known else (0, 0)
    odds = Fraction(finds + 1, looks + (32 if has_phases(quote.game, quote.title) else 2))
    return max(0, int(margin * odds / 2))


def relist_promise(quote: Quote, fees: FeeSchedule, known: Known | None) -> Cents:
    """Cents expected for each call that a relist verdict costs.

    Remembered sales tell best. Without them an ask far below the title's usual one, or near its bid, is likely a bargain; and
    a dear title is worth more than a cheap one.
    """
    if quote.ask is None:
        return 0
    if known and known.sales and known.sales.best_q40:
        return max(0, (most_proceeds(fees, known.sales.best_q40, quote.at) - quote.ask) // 2)
    fair = max((quote.bid or 0) * 105 // 100, (known.usual_ask or 0) * 95 // 100 if known else 0)
    margin = most_proceeds(fees, fair, quote.at) - quote.ask if fair else 0
    return max(0, margin) // 2 + quote.ask // 100

"""Own targets that wait and are relisted, by brute force (design chapter 4.5)."""

from __future__ import annotations

from fractions import Fraction

from dmscan.sandbox.question import DAY, Book, Find, Leg, Support
from dmscan.sandbox.searches import limit_of, pays, quote_refuses, relist_price, rivals, sale_time, support_of
from dmscan.sandbox.state import Target


def own_target(book: Book) -> list[Find]:
    """One bid above the best that takes anything, variant by variant of the offers that the quote counts."""
    bids = [target.price for target in book.targets if _takes_anything(target)]
    if not bids or quote_refuses(book):
        return []
    phases = sorted({offer.phase for offer in book.listed})
    return [one for phase in phases for one in [_of_variant(book, phase, max(bids) + 1)] if one is not None]


def _takes_anything(target: Target) -> bool:
    return all(limit_of(limit) is None for limit in (target.float_part, target.phase, target.paint_seed))


def _of_variant(book: Book, phase: str, cost: int) -> Find | None:
    support, asks = support_of(book, phase), rivals(book, phase)
    crossed = bool(asks) and cost >= min(asks)
    if crossed or not support.sales or len(support.sales) < book.question.min_sales:
        return None
    price = relist_price(support, asks)
    days_to_fill = _days_to_fill(support_of(book, phase, "Target"), cost)
    if days_to_fill is None or days_to_fill > book.question.max_days_to_fill:
        return None
    if support.at_or_above(price) == 0 or support.days(1, price) > book.question.max_days_to_sell:
        return None
    leg = _leg(book, cost, price, sale_time(book, days_to_fill + support.days(1, price)))
    find = Find(book, phase, "relist", (leg,), support, entry="target", days_to_fill=days_to_fill)
    return find if pays(cost, price - leg.fee, book.question) else None


def _days_to_fill(fills: Support, cost: int) -> Fraction | None:
    count = fills.at_or_below(cost)
    return Fraction(fills.window, DAY * count) if count else None


def _leg(book: Book, cost: int, price: int, sold_at: int) -> Leg:
    return Leg(cost, price, book.fees.fee(price, sold_at), sold_at)


def quoted_spread(book: Book) -> list[Find]:
    """Without a key: one cent above the quoted bid, one below the quoted ask, with the fee of tomorrow at the earliest."""
    if book.ask is None or book.bid is None or book.bid + 1 >= book.ask:
        return []
    leg = _leg(book, book.bid + 1, book.ask - 1, sale_time(book, Fraction(1)))
    return [Find(book, "", "relist", (leg,), entry="target")] if pays(leg.ask, leg.sell - leg.fee, book.question) else []

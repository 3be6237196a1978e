"""The right answer, by brute force over the full state of the sandbox market (design chapters 2-4 and 8).

It shares no code and no constant with the scanner on purpose: two independent readings of one contract.
Prices are integer cents, times whole Unix seconds, shares and days exact fractions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from math import ceil
from typing import Any

from dmscan.sandbox.question import Answer, Book, Fees, Find, Leg, Question, Search, Support
from dmscan.sandbox.searches import book_of, break_even, float_part, instant, limit_of, lock_days, max_buy, on_quotes, relist, renewing
from dmscan.sandbox.spreads import own_target, quoted_spread
from dmscan.sandbox.state import DefaultFee, Target, Title
from dmscan.sandbox.warnings import warnings

__all__ = ["Answer", "Fees", "Question", "break_even", "find", "max_buy"]

ORDERS: dict[str, Callable[[Find], Any]] = {
    "profit-per-day": lambda one: -one.per_day,
    "profit": lambda one: -one.net,
    "roi": lambda one: -one.roi,
    "cost": lambda one: one.cost,
    "days": lambda one: (one.days is None, one.days),
    "title": lambda one: one.book.title,
    "lively": lambda one: -one.net * min(len(one.book.listed), one.book.wanted, 50),
}
"""Design chapter 4.4; days that are unknown come last."""


def find(
    titles: Iterable[Title],
    default_fees: Mapping[str, DefaultFee | None],
    question: Question,
    now: Callable[[str, str], int],
    edition: str = "2026-10",
) -> Answer:
    """All that `question` should bring to light, `now(game, title)` being the one instant of each title."""
    finds: list[Find] = []
    seen, renewed = 0, 0
    found: Counter[str] = Counter()
    searches = _searches(question)
    for state in titles:
        if state.game not in question.games or not _acceptable(state.title):
            continue
        seen += 1
        if not _wanted(state.title, question):
            continue
        book = book_of(state, default_fees.get(state.game), question, now(state.game, state.title), edition)
        of_title = {pair: searches[pair](book) for pair in searches}
        found.update(pair for pair, ones in of_title.items() if ones)
        finds += [one for ones in of_title.values() for one in ones]
        renewed += any(not of_title[pair] and searches[pair](renewing(book)) for pair in searches if pair.endswith(".relist"))
    return Answer(
        opportunities=[_written(one) for one in _sorted(finds, question.sort)],
        totals=_totals(finds),
        seen=seen,
        refused={pair: seen - found[pair] for pair in searches},
        found={pair: found[pair] for pair in searches},
        pass_if_renewed=renewed,
    )


def _searches(question: Question) -> dict[str, Search]:
    """How each pair of entry and exit asked for is looked for; without a key no sales are known to relist by."""
    known = {"offer.instant": on_quotes, "target.relist": quoted_spread}
    if question.signed:
        known = {"offer.instant": instant, "offer.relist": relist, "target.relist": own_target}
    asked = {f"{entry}.{exit_}" for entry in question.entries for exit_ in question.exits}
    return {pair: search for pair, search in known.items() if pair in asked}


def _acceptable(title: str) -> bool:
    """Design chapter 4.1: longer than 512 characters, NUL or a lone surrogate is dropped."""
    return len(title) <= 512 and "\0" not in title and not any("\ud800" <= character <= "\udfff" for character in title)


def _wanted(title: str, question: Question) -> bool:
    included = not question.titles or any(_matches(title, glob) for glob in question.titles)
    return included and not any(_matches(title, glob) for glob in question.exclude)


def _matches(title: str, glob: str) -> bool:
    title, glob = title.casefold(), glob.casefold()
    return title == glob or fnmatchcase(title, glob)


def _sorted(finds: list[Find], sort: str) -> list[Find]:
    """Design chapter 4.4: by the order asked for, then by the default order."""
    return sorted(
        finds,
        key=lambda one: (ORDERS[sort](one), -one.per_day, -one.roi, one.book.game, one.book.title, one.phase, one.entry, one.exit),
    )


def _totals(finds: list[Find]) -> dict[str, int]:
    """Each offer once, in its best exit (design chapter 4.4)."""
    best: dict[tuple[str, ...], Leg] = {}
    for one in finds:
        for leg in one.legs:
            key = (leg.offer.offer_id,) if leg.offer else (one.book.game, one.book.title, one.phase, one.entry)
            if key not in best or leg.net > best[key].net:
                best[key] = leg
    return {"capital_cents": sum(leg.ask for leg in best.values()), "net_profit_cents": sum(leg.net for leg in best.values())}


def _written(one: Find) -> dict[str, Any]:
    """The opportunity as design chapter 8 prints it, without id, links and ages."""
    book, first = one.book, one.legs[0]
    proceeds = sum(leg.sell - leg.fee for leg in one.legs)
    row = book.fees.row(first.sell, first.sold_at)
    return {
        "game": book.game,
        "title": book.title,
        "phase": one.phase,
        "entry": one.entry,
        "exit": one.exit,
        "confidence": "confirmed" if book.question.signed else "quote",
        "as_of": _iso(book.now),
        "units": len(one.legs),
        "cost_cents": one.cost,
        "sell_cents": sum(leg.sell for leg in one.legs),
        "fee_cents": sum(leg.fee for leg in one.legs),
        "net_profit_cents": one.net,
        "roi": _number(one.roi),
        "net_profit_if_renewed_cents": _sold_now(one, None) if one.exit == "relist" else None,
        "bail_out_cents": None if book.bid is None else _sold_now(one, book.bid),
        "net_after_cashout_cents": one.net - ceil(proceeds * book.question.cashout_fee),
        "break_even_cents": break_even(first.ask, book.fees, first.sold_at),
        "max_buy_cents": max_buy(first.sell - first.fee, book.question),
        "fee_fraction": _decimal(book.fees.fraction(first.sell, first.sold_at)),
        "fee_source": book.fees.source if row is None else "reduced",
        "hold_days": _number(one.hold_days),
        "days_to_fill": _number(one.days_to_fill),
        "profit_per_day_cents": one.per_day,
        "pace_per_day": _number(len(one.legs) / one.hold_days) if one.support and one.hold_days else None,
        "warnings": sorted(warnings(one)),
        "quote": {
            "ask_cents": book.ask,
            "bid_cents": book.bid,
            "ask_count": len(book.listed),
            "bid_count": book.wanted,
        },
        "sales": _sales_written(one.support, first.sell) if one.support else None,
        "legs": [_leg_written(leg, book) for leg in one.legs],
    }


def _sold_now(one: Find, price: int | None) -> int:
    """The net profit with every unit sold at `price` (`None`: its own price) under the fees that hold now."""
    return sum((price or leg.sell) - one.book.fees.fee(price or leg.sell, one.book.now) - leg.ask for leg in one.legs)


def _sales_written(support: Support, price: int) -> dict[str, Any]:
    return {
        "qualified": len(support.sales),
        "median_cents": support.quantile(1, 2),
        "q40_cents": support.quantile(2, 5),
        "at_or_above": support.at_or_above(price),
        "last_at": _iso(max(sale.at for sale in support.sales)),
    }


def _leg_written(leg: Leg, book: Book) -> dict[str, Any]:
    offer = leg.offer
    return {
        "offer_id": offer.offer_id if offer else None,
        "ask_cents": leg.ask,
        "sell_cents": leg.sell,
        "fee_cents": leg.fee,
        "net_profit_cents": leg.net,
        "roi": _number(Fraction(leg.net, leg.ask)),
        "lock_days": _days_locked(leg, book.now),
        "unlock_at": _iso(offer.unlock_at) if offer and offer.unlock_at is not None else None,
        "reversible_until": _iso(offer.revert_until) if offer and offer.revert_until is not None else None,
        "float_part": float_part(offer) if offer else None,
        "paint_seed": (offer.paint_seed or None) if offer else None,
        "target": _target_written(leg.target) if leg.target else None,
    }


def _days_locked(leg: Leg, now: int) -> int | None:
    """Unknown where a quote was bought; an own target gets a piece of which no lock is known, and says 0."""
    if leg.offer is None:
        return None if leg.target else 0
    return lock_days(leg.offer, now)


def _target_written(target: Target) -> dict[str, Any]:
    return {
        "price_cents": target.price,
        "amount": target.amount or None,
        "float_part": limit_of(target.float_part),
        "phase": limit_of(target.phase),
        "paint_seed": None if limit_of(target.paint_seed) is None else int(target.paint_seed or 0),
    }


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(value: Fraction | None) -> int | float | None:
    """At most four decimals, half to even; a whole number is an `int`; `None` is unknown."""
    if value is None:
        return None
    scaled = round(value * 10000)
    return scaled // 10000 if scaled % 10000 == 0 else scaled / 10000


def _decimal(fraction: Fraction) -> str:
    text = f"{Decimal(fraction.numerator) / fraction.denominator:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

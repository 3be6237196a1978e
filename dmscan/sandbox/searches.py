"""Brute force over one title's full state, in the plainest loops (design chapters 3 and 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

from dmscan.sandbox.question import DAY, FLOAT_PARTS, LEVELS, Band, Book, Fees, Find, Leg, Question, Support
from dmscan.sandbox.state import DefaultFee, Offer, Sale, Target, Title


def book_of(state: Title, default: DefaultFee | None, question: Question, now: int, edition: str) -> Book:
    p2p_known = edition != "2026-07"
    return Book(
        question=question,
        game=state.game,
        title=state.title,
        now=now,
        fees=_fees(state, default, question),
        offers=tuple(offer for offer in state.offers if offer.price > 0 and (p2p_known or not offer.p2p)),
        targets=tuple(target for target in state.targets if target.price > 0 and target.amount > 0),
        sales=tuple(state.sales),
    )


def _fees(state: Title, default: DefaultFee | None, question: Question) -> Fees:
    """Design chapter 3: `--fee` replaces the table, 10 % is assumed without one."""
    if question.fee is not None:
        return Fees(question.fee, 0, "set")
    if default is None:
        return Fees(Fraction(1, 10), 0, "assumed")
    rows = tuple(row for row in state.fee_rows if re.fullmatch(r"[0-9]+(\.[0-9]+)?", row.fraction) and Fraction(row.fraction) < 1)
    return Fees(Fraction(default.fraction), default.min_amount, "default", rows)


def renewing(book: Book) -> Book:
    return replace(book, question=replace(book.question, fee_at="now"))


def sale_time(book: Book, days: Fraction) -> int:
    return book.now if book.question.fee_at == "now" else book.now + DAY * ceil(days)


def bands(question: Question) -> list[Band]:
    """Design chapter 4.4: explicit price limits narrow levels, an explicit ROI replaces theirs."""
    levels: list[tuple[int, int | None, Fraction]]
    if question.levels:
        levels = [(low, end - 1, roi) for low, end, roi in (LEVELS[name] for name in question.levels)]
    else:
        levels = [(50 if question.min_price is None else 0, None, Fraction(3, 100))]
    bands = []
    for low, high, roi in levels:
        lowest = low if question.min_price is None else max(low, question.min_price)
        highest = min((limit for limit in (high, question.max_price) if limit is not None), default=None)
        if highest is None or lowest <= highest:
            bands.append(Band(lowest, highest, roi if question.min_roi is None else question.min_roi))
    return bands


def _affordable(price: int, question: Question) -> bool:
    return any(band.holds(price) for band in bands(question))


def pays(ask: int, proceeds: int, question: Question) -> bool:
    """Every rule that one leg must meet, price limits included (design chapter 4.4)."""
    profit = proceeds - ask
    return profit >= question.min_profit and any(band.holds(ask) and Fraction(profit, ask) >= band.min_roi for band in bands(question))


def _buyable(book: Book) -> list[Offer]:
    """Design chapter 4.1, in the order in which they are bought."""
    limit = book.question.max_lock_days
    return sorted(
        (
            offer
            for offer in {offer.offer_id: offer for offer in book.listed}.values()
            if not offer.reserved
            and not (offer.sale_restricted or offer.sell_unavailable or offer.overstocked)
            and _affordable(offer.price, book.question)
            and (limit is None or lock_days(offer, book.now) <= limit)
        ),
        key=lambda offer: (offer.price, offer.created_at, offer.offer_id),
    )


def lock_days(offer: Offer, now: int) -> int:
    return 0 if offer.unlock_at is None else max(0, ceil(Fraction(offer.unlock_at - now, DAY)))


def instant(book: Book) -> list[Find]:
    """Design chapter 4.2: each offer in turn meets the best target that fits it and still has units."""
    wanted = sorted(book.targets, key=_preference)
    left = [target.amount for target in wanted]
    legs: dict[str, list[Leg]] = {}
    for offer in _buyable(book):
        place = next((i for i, target in enumerate(wanted) if left[i] and _fits(offer, target)), None)
        if place is None:
            continue
        leg = _leg_into(wanted[place], offer, book)
        if pays(leg.ask, leg.sell - leg.fee, book.question):
            left[place] -= 1
            legs.setdefault(offer.phase, []).append(leg)
    return [Find(book, phase, "instant", tuple(of_phase)) for phase, of_phase in legs.items()]


def _preference(target: Target) -> tuple[int, int, list[str], int]:
    limits = [limit_of(limit) for limit in (target.float_part, target.phase, target.paint_seed)]
    return -target.price, -sum(limit is not None for limit in limits), [limit or "" for limit in limits], target.amount


def limit_of(text: str | None) -> str | None:
    return None if text in (None, "", "any") else text


def _fits(offer: Offer, target: Target) -> bool:
    part, phase, seed = limit_of(target.float_part), limit_of(target.phase), limit_of(target.paint_seed)
    return (
        (part is None or part == float_part(offer))
        and (phase is None or phase == offer.phase)
        and (seed is None or (offer.paint_seed != 0 and seed == str(offer.paint_seed)))
    )


def float_part(offer: Offer) -> str | None:
    if offer.float_part or not offer.float_value:
        return offer.float_part or None
    value, part = Fraction(offer.float_value), None
    for entry in FLOAT_PARTS.split(", "):
        name, bound = entry.split(" ")
        if Fraction(bound) <= value <= 1:
            part = name
    return part


def _leg_into(target: Target, offer: Offer, book: Book) -> Leg:
    fee = book.fees.fee(target.price, book.now)
    return Leg(offer.price, target.price, fee, book.now, offer, target)


def on_quotes(book: Book) -> list[Find]:
    """Design chapter 4, "Without a key": one unit from the quoted ask into the quoted bid."""
    if book.ask is None or book.bid is None:
        return []
    fee = book.fees.fee(book.bid, book.now)
    leg = Leg(book.ask, book.bid, fee, book.now, target=Target(book.bid, 0))
    return [Find(book, "", "instant", (leg,))] if pays(leg.ask, leg.sell - leg.fee, book.question) else []


def quote_refuses(book: Book) -> bool:
    """The one rule on the quote for what is relisted (design chapter 4)."""
    has_phases = book.game == "cs2" and "Doppler" in book.title
    least = min((band.low for band in bands(book.question)), default=0)
    return book.ask is None or (not has_phases and book.ask < least)


def relist(book: Book) -> list[Find]:
    """Design chapter 4.3, variant by variant."""
    if quote_refuses(book):
        return []
    phases = sorted({offer.phase for offer in _buyable(book)})
    return [one for phase in phases for one in [_relist_variant(book, phase)] if one is not None]


def _relist_variant(book: Book, phase: str) -> Find | None:
    support = support_of(book, phase)
    if not support.sales or len(support.sales) < book.question.min_sales:
        return None
    buyable = [offer for offer in _buyable(book) if offer.phase == phase]
    best = None
    for units in range(1, min(book.question.max_units, len(buyable)) + 1):
        tried = _relist_units(book, support, buyable[:units])
        if tried is not None and (best is None or tried.net > best.net):
            best = tried
    return best


def _relist_units(book: Book, support: Support, bought: list[Offer]) -> Find | None:
    """All of `bought` sold at one price, or `None` if a leg breaks a rule or the last unit takes too long."""
    phase = bought[0].phase
    price = relist_price(support, rivals(book, phase, bought))
    if support.at_or_above(price) == 0 or support.days(len(bought), price) > book.question.max_days_to_sell:
        return None
    legs = []
    for unit, offer in enumerate(bought, start=1):
        sold_at = sale_time(book, support.days(unit, price))
        fee = book.fees.fee(price, sold_at)
        if not pays(offer.price, price - fee, book.question):
            return None
        legs.append(Leg(offer.price, price, fee, sold_at, offer))
    return Find(book, phase, "relist", tuple(legs), support)


def rivals(book: Book, phase: str, bought: Iterable[Offer] = ()) -> list[int]:
    """The asks that compete once `bought` are gone."""
    ids = {offer.offer_id for offer in bought}
    return [offer.price for offer in book.offers if offer.phase == phase and not offer.reserved and offer.offer_id not in ids]


def relist_price(support: Support, asks: list[int]) -> int:
    return min([support.quantile(2, 5), *(ask - 1 for ask in asks)])


def support_of(book: Book, phase: str, kind: str = "Offer") -> Support:
    """The newest 20 rows of that kind of the title, of them the qualified ones of the variant, and the window in seconds."""
    rows = sorted((sale for sale in book.sales if sale.kind == kind), key=lambda sale: -sale.at)[:20]
    start = book.now - 30 * DAY
    window = 30 * DAY
    if len(rows) == 20 and rows[-1].at > start:
        window = max(DAY, book.now - rows[-1].at)
    recent = [sale for sale in rows if sale.phase == phase and start <= sale.at <= book.now]
    return Support(tuple(_without_outliers(recent)), window)


def _without_outliers(sales: list[Sale]) -> list[Sale]:
    if not sales:
        return []
    median = lower_median([sale.price for sale in sales])
    deviation = lower_median([abs(sale.price - median) for sale in sales])
    limit = 3 * Fraction("1.4826") * deviation if deviation else Fraction(median, 2)
    return [sale for sale in sales if abs(sale.price - median) <= limit]


def lower_median(numbers: list[int]) -> int:
    return sorted(numbers)[(len(numbers) - 1) // 2]


def break_even(cost: int, fees: Fees, at: int) -> int:
    """The least sale price ≥ `cost` that gives `cost` back after the fee (design chapter 3).

    Between two band edges the fraction stands still, and no price below cost / (1 - fraction) can pay there:
    each stretch is walked cent by cent from that price on.
    """
    edges = {edge for row in fees.rows for edge in (row.low, row.high + 1) if edge > cost}
    starts = sorted({cost, *edges})
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        price = max(start, floor(cost / (1 - fees.fraction(start, at))))
        while end is None or price < end:
            if price - fees.fee(price, at) >= cost:
                return price
            price += 1
    raise AssertionError("the last stretch has no end")


def max_buy(proceeds: int, question: Question) -> int | None:
    """The highest cost at which `proceeds` still meet every rule of a leg; `None` if there is none (design chapter 3)."""
    costs = []
    for band in bands(question):
        highest = min(proceeds - question.min_profit, floor(proceeds / (1 + band.min_roi)))
        costs.append(highest if band.high is None else min(highest, band.high))
    return max((cost for cost in costs if cost >= 1 and pays(cost, proceeds, question)), default=None)

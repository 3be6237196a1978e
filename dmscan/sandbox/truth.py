"""The right answer, by brute force over the full state of the sandbox market (design chapters 2-4 and 8).

It shares no code and no constant with the scanner on purpose: two independent readings of one contract.
Prices are integer cents, times whole Unix seconds, shares and days exact fractions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from math import ceil, floor
from typing import Any

from dmscan.sandbox.state import DefaultFee, FeeRow, Offer, Sale, Target, Title

DAY = 86400

LEVELS = {
    "boost": (50, 300, Fraction(1, 100)),
    "standard": (300, 1000, Fraction(5, 100)),
    "medium": (1000, 3000, Fraction(5, 100)),
    "advanced": (3000, 10000, Fraction(10, 100)),
    "pro": (10000, 100000, Fraction(20, 100)),
}

FLOAT_PARTS = (
    "FN-0 0.00, FN-1 0.01, FN-2 0.02, FN-3 0.03, FN-4 0.04, FN-5 0.05, FN-6 0.06, MW-0 0.07, MW-1 0.08, MW-2 0.09, "
    "MW-3 0.10, MW-4 0.11, FT-0 0.15, FT-1 0.18, FT-2 0.21, FT-3 0.24, FT-4 0.27, WW-0 0.38, WW-1 0.39, WW-2 0.40, "
    "WW-3 0.41, WW-4 0.42, BS-0 0.45, BS-1 0.50, BS-2 0.63, BS-3 0.76, BS-4 0.80"
)
"""Each float part with its lower bound, inclusive; the last one ends at 1.00, inclusive (dmarket-api.md 3.3)."""


@dataclass(frozen=True)
class Question:
    """What is asked of the market, in plain values. `signed` false means: what a scan without a key could know."""

    games: tuple[str, ...]
    exits: tuple[str, ...] = ("instant", "relist")
    entries: tuple[str, ...] = ("offer",)
    levels: tuple[str, ...] = ()
    min_price: int | None = None
    max_price: int | None = None
    min_roi: Fraction | None = None
    min_profit: int = 5
    max_lock_days: int | None = None
    min_sales: int = 8
    max_units: int = 5
    max_days_to_sell: Fraction = Fraction(7)
    max_days_to_fill: Fraction = Fraction(7)
    fee: Fraction | None = None
    fee_at: str = "sale"
    cashout_fee: Fraction = Fraction(0)
    titles: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sort: str = "profit-per-day"
    signed: bool = True


@dataclass(frozen=True)
class Answer:
    """`opportunities` in the shape of design chapter 8; `refused` and `found` count titles per "entry.exit"."""

    opportunities: list[dict[str, Any]]
    totals: dict[str, int]
    seen: int
    refused: dict[str, int]
    found: dict[str, int]
    pass_if_renewed: int


@dataclass(frozen=True)
class Fees:
    """What selling one title costs."""

    default: Fraction
    minimum: int
    source: str
    rows: tuple[FeeRow, ...] = ()

    def row(self, price: int, at: int) -> FeeRow | None:
        """The row that counts for a sale at `price` at the time `at`: the highest fraction, then the one that lasts longest."""
        holding = [row for row in self.rows if row.low <= price <= row.high and row.expires_at >= at]
        return max(holding, key=lambda row: (Fraction(row.fraction), row.expires_at), default=None)

    def fraction(self, price: int, at: int) -> Fraction:
        row = self.row(price, at)
        return self.default if row is None else Fraction(row.fraction)

    def fee(self, price: int, at: int) -> int:
        return max(self.minimum, ceil(price * self.fraction(price, at)))


@dataclass(frozen=True)
class Band:
    """Asks from `low` to `high` (inclusive, `None` is no limit) and the ROI that a leg in it must reach."""

    low: int
    high: int | None
    min_roi: Fraction

    def holds(self, price: int) -> bool:
        return self.low <= price and (self.high is None or price <= self.high)


@dataclass(frozen=True)
class Book:
    """One title as the market stands at `now`, with the question asked of it."""

    question: Question
    game: str
    title: str
    now: int
    fees: Fees
    offers: tuple[Offer, ...]
    targets: tuple[Target, ...]
    sales: tuple[Sale, ...]

    @property
    def listed(self) -> list[Offer]:
        """What the quote counts: all but P2P offers, reserved ones included."""
        return [offer for offer in self.offers if not offer.p2p]

    @property
    def ask(self) -> int | None:
        return min((offer.price for offer in self.listed), default=None)

    @property
    def bid(self) -> int | None:
        return max((target.price for target in self.targets), default=None)


Search = Callable[["Book"], list["Find"]]


@dataclass(frozen=True)
class Leg:
    """One unit: bought at `ask`, sold at `sell` at the time `sold_at`."""

    ask: int
    sell: int
    fee: int
    sold_at: int
    offer: Offer | None = None
    target: Target | None = None

    @property
    def net(self) -> int:
        return self.sell - self.fee - self.ask


@dataclass(frozen=True)
class Support:
    """The qualified sales of a variant and the seconds they stand for."""

    sales: tuple[Sale, ...]
    window: int

    def quantile(self, share: int, of: int) -> int:
        prices = sorted(sale.price for sale in self.sales)
        return prices[share * (len(prices) - 1) // of]

    def at_or_above(self, price: int) -> int:
        return sum(sale.price >= price for sale in self.sales)

    def days(self, unit: int, price: int) -> Fraction:
        """Days until the `unit`-th unit is sold at `price`."""
        return Fraction(unit * self.window, DAY * self.at_or_above(price))


@dataclass(frozen=True)
class Find:
    """An opportunity in exact values, before it is written down."""

    book: Book
    phase: str
    exit: str
    legs: tuple[Leg, ...]
    support: Support | None = None
    entry: str = field(default="offer", kw_only=True)
    days_to_fill: Fraction | None = field(default=None, kw_only=True)

    @property
    def cost(self) -> int:
        return sum(leg.ask for leg in self.legs)

    @property
    def net(self) -> int:
        return sum(leg.net for leg in self.legs)

    @property
    def roi(self) -> Fraction:
        return Fraction(self.net, self.cost)

    @property
    def hold_days(self) -> Fraction:
        return self.support.days(len(self.legs), self.legs[-1].sell) if self.support else Fraction(0)

    @property
    def days(self) -> Fraction:
        return self.hold_days + (self.days_to_fill or 0)

    @property
    def per_day(self) -> int:
        return floor(self.net / max(Fraction(1), self.days))


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
        book = _book(state, default_fees.get(state.game), question, now(state.game, state.title), edition)
        of_title = {pair: searches[pair](book) for pair in searches}
        found.update(pair for pair, ones in of_title.items() if ones)
        finds += [one for ones in of_title.values() for one in ones]
        renewed += of_title.get("offer.relist") == [] and bool(_relist(_renewing(book)))
    return Answer(
        opportunities=[_written(one) for one in _sorted(finds, question.sort)],
        totals=_totals(finds),
        seen=seen,
        refused={pair: seen - found[pair] for pair in searches},
        found={pair: found[pair] for pair in searches},
        pass_if_renewed=renewed,
    )


def _searches(question: Question) -> dict[str, Search]:
    """How each pair of entry and exit asked for is looked for; without a key only `offer.instant` is."""
    known = {"offer.instant": _instant, "offer.relist": _relist} if question.signed else {"offer.instant": _quoted}
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


def _book(state: Title, default: DefaultFee | None, question: Question, now: int, edition: str) -> Book:
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


def _renewing(book: Book) -> Book:
    return replace(book, question=replace(book.question, fee_at="now"))


def _sale_time(book: Book, days: Fraction) -> int:
    return book.now if book.question.fee_at == "now" else book.now + DAY * ceil(days)


def _bands(question: Question) -> list[Band]:
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
    return any(band.holds(price) for band in _bands(question))


def _pays(ask: int, proceeds: int, question: Question) -> bool:
    """Every rule that one leg must meet, price limits included (design chapter 4.4)."""
    profit = proceeds - ask
    return profit >= question.min_profit and any(band.holds(ask) and Fraction(profit, ask) >= band.min_roi for band in _bands(question))


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
            and (limit is None or _lock_days(offer, book.now) <= limit)
        ),
        key=lambda offer: (offer.price, offer.created_at, offer.offer_id),
    )


def _lock_days(offer: Offer, now: int) -> int:
    return 0 if offer.unlock_at is None else max(0, ceil(Fraction(offer.unlock_at - now, DAY)))


def _instant(book: Book) -> list[Find]:
    """Design chapter 4.2: each offer in turn meets the best target that fits it and still has units."""
    wanted = sorted(book.targets, key=_preference)
    left = [target.amount for target in wanted]
    legs: dict[str, list[Leg]] = {}
    for offer in _buyable(book):
        place = next((i for i, target in enumerate(wanted) if left[i] and _fits(offer, target)), None)
        if place is None:
            continue
        leg = _leg_into(wanted[place], offer, book)
        if _pays(leg.ask, leg.sell - leg.fee, book.question):
            left[place] -= 1
            legs.setdefault(offer.phase, []).append(leg)
    return [Find(book, phase, "instant", tuple(of_phase)) for phase, of_phase in legs.items()]


def _preference(target: Target) -> tuple[int, int, list[str], int]:
    limits = [_limit(limit) for limit in (target.float_part, target.phase, target.paint_seed)]
    return -target.price, -sum(limit is not None for limit in limits), [limit or "" for limit in limits], target.amount


def _limit(text: str | None) -> str | None:
    return None if text in (None, "", "any") else text


def _fits(offer: Offer, target: Target) -> bool:
    part, phase, seed = _limit(target.float_part), _limit(target.phase), _limit(target.paint_seed)
    return (
        (part is None or part == _float_part(offer))
        and (phase is None or phase == offer.phase)
        and (seed is None or (offer.paint_seed != 0 and seed == str(offer.paint_seed)))
    )


def _float_part(offer: Offer) -> str | None:
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


def _quoted(book: Book) -> list[Find]:
    """Design chapter 4, "Without a key": one unit from the quoted ask into the quoted bid."""
    if book.ask is None or book.bid is None:
        return []
    fee = book.fees.fee(book.bid, book.now)
    leg = Leg(book.ask, book.bid, fee, book.now, target=Target(book.bid, 0))
    return [Find(book, "", "instant", (leg,))] if _pays(leg.ask, leg.sell - leg.fee, book.question) else []


def _relist(book: Book) -> list[Find]:
    """Design chapter 4.3, variant by variant, with the one rule on the quote of chapter 4."""
    has_phases = book.game == "cs2" and "Doppler" in book.title
    least = min((band.low for band in _bands(book.question)), default=0)
    if book.ask is None or (not has_phases and book.ask < least):
        return []
    phases = sorted({offer.phase for offer in _buyable(book)})
    return [one for phase in phases for one in [_relist_variant(book, phase)] if one is not None]


def _relist_variant(book: Book, phase: str) -> Find | None:
    support = _support(book, phase)
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
    phase, price = bought[0].phase, _relist_price(book, support, bought)
    if support.at_or_above(price) == 0 or support.days(len(bought), price) > book.question.max_days_to_sell:
        return None
    legs = []
    for unit, offer in enumerate(bought, start=1):
        sold_at = _sale_time(book, support.days(unit, price))
        fee = book.fees.fee(price, sold_at)
        if not _pays(offer.price, price - fee, book.question):
            return None
        legs.append(Leg(offer.price, price, fee, sold_at, offer))
    return Find(book, phase, "relist", tuple(legs), support)


def _relist_price(book: Book, support: Support, bought: list[Offer]) -> int:
    ids = {offer.offer_id for offer in bought}
    rivals = [offer.price for offer in book.offers if offer.phase == bought[0].phase and not offer.reserved and offer.offer_id not in ids]
    return min([support.quantile(2, 5), *(price - 1 for price in rivals)])


def _support(book: Book, phase: str) -> Support:
    """The newest 20 `Offer` rows of the title, of them the qualified ones of the variant, and the window in seconds."""
    rows = sorted((sale for sale in book.sales if sale.kind == "Offer"), key=lambda sale: -sale.at)[:20]
    start = book.now - 30 * DAY
    window = 30 * DAY
    if len(rows) == 20 and rows[-1].at > start:
        window = max(DAY, book.now - rows[-1].at)
    recent = [sale for sale in rows if sale.phase == phase and start <= sale.at <= book.now]
    return Support(tuple(_without_outliers(recent)), window)


def _without_outliers(sales: list[Sale]) -> list[Sale]:
    if not sales:
        return []
    median = _lower_median([sale.price for sale in sales])
    deviation = _lower_median([abs(sale.price - median) for sale in sales])
    limit = 3 * Fraction("1.4826") * deviation if deviation else Fraction(median, 2)
    return [sale for sale in sales if abs(sale.price - median) <= limit]


def _lower_median(numbers: list[int]) -> int:
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
    for band in _bands(question):
        highest = min(proceeds - question.min_profit, floor(proceeds / (1 + band.min_roi)))
        costs.append(highest if band.high is None else min(highest, band.high))
    return max((cost for cost in costs if cost >= 1 and _pays(cost, proceeds, question)), default=None)


ORDERS: dict[str, Callable[[Find], Any]] = {
    "profit-per-day": lambda one: -one.per_day,
    "profit": lambda one: -one.net,
    "roi": lambda one: -one.roi,
    "cost": lambda one: one.cost,
    "days": lambda one: one.days,
    "title": lambda one: one.book.title,
}


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
        "days_to_fill": None if one.days_to_fill is None else _number(one.days_to_fill),
        "profit_per_day_cents": one.per_day,
        "pace_per_day": _number(len(one.legs) / one.hold_days) if one.support else None,
        "warnings": sorted(_warnings(one)),
        "quote": {
            "ask_cents": book.ask,
            "bid_cents": book.bid,
            "ask_count": len(book.listed),
            "bid_count": sum(target.amount for target in book.targets),
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
        "lock_days": _lock_days(offer, book.now) if offer else None,
        "unlock_at": _iso(offer.unlock_at) if offer and offer.unlock_at is not None else None,
        "reversible_until": _iso(offer.revert_until) if offer and offer.revert_until is not None else None,
        "float_part": _float_part(offer) if offer else None,
        "paint_seed": (offer.paint_seed or None) if offer else None,
        "target": _target_written(leg.target) if leg.target else None,
    }


def _target_written(target: Target) -> dict[str, Any]:
    return {
        "price_cents": target.price,
        "amount": target.amount or None,
        "float_part": _limit(target.float_part),
        "phase": _limit(target.phase),
        "paint_seed": None if _limit(target.paint_seed) is None else int(target.paint_seed or 0),
    }


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(value: Fraction) -> int | float:
    """At most four decimals, half to even; a whole number is an `int`."""
    scaled = round(value * 10000)
    return scaled // 10000 if scaled % 10000 == 0 else scaled / 10000


def _decimal(fraction: Fraction) -> str:
    text = f"{Decimal(fraction.numerator) / fraction.denominator:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _warnings(one: Find) -> set[str]:
    """Design chapter 4.4."""
    book = one.book
    offers = [leg.offer for leg in one.legs if leg.offer]
    locked = any(_lock_days(offer, book.now) > 0 for offer in offers)
    depth = sum(target.amount for target in book.targets) if one.exit == "instant" else len(book.listed)
    said = {
        "thin_book": depth < 3,
        "roi_suspicious": one.roi > 1,
        "locked": locked,
        "lock_resale_unproven": locked and one.exit == "instant",
        "reversible": any(offer.revert_until is not None and offer.revert_until > book.now for offer in offers),
        "fee_expires_soon": any(_fee_ends(leg, book.fees) for leg in one.legs),
        "restricted_bids_possible": not book.question.signed,
    }
    warnings = {name for name, holds in said.items() if holds}
    return warnings | (_sales_warnings(one, one.support) if one.support else set())


def _fee_ends(leg: Leg, fees: Fees) -> bool:
    row = fees.row(leg.sell, leg.sold_at)
    return row is not None and row.expires_at - leg.sold_at <= DAY


def _sales_warnings(one: Find, support: Support) -> set[str]:
    median, price = support.quantile(1, 2), one.legs[0].sell
    newest = sorted(support.sales, key=lambda sale: (-sale.at, sale.price))[:5]
    said = {
        "far_above_bid": one.book.bid is None or price > Fraction(3, 2) * one.book.bid,
        "falling": _lower_median([sale.price for sale in newest]) < Fraction("0.93") * median,
        "spread_out_sales": support.quantile(3, 4) - support.quantile(1, 4) > Fraction(median, 4),
        "sales_burst": _burst(support.sales),
        "worse_float_than_sales": any(_worse_float(leg, support.sales) for leg in one.legs),
    }
    return {name for name, holds in said.items() if holds}


def _burst(sales: tuple[Sale, ...]) -> bool:
    """Five sales at one price within ten minutes: some sale is the first of them."""
    return any(sum(s.price == first.price and first.at <= s.at <= first.at + 600 for s in sales) >= 5 for first in sales)


def _worse_float(leg: Leg, sales: tuple[Sale, ...]) -> bool:
    known = [Fraction(sale.float_value) for sale in sales if sale.float_value]
    if not known or leg.offer is None or not leg.offer.float_value:
        return False
    own = Fraction(leg.offer.float_value)
    return Fraction(sum(value < own for value in known), len(known)) >= Fraction(3, 4)

"""Random records for the property tests.

Markets, rules and finds grow from one random number each: drawn value by value, little in them would ever pay.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec.structs import replace

from dmscan.core.models import (
    Evidence,
    FeeAt,
    FeeRow,
    FeeSchedule,
    FeeSource,
    Offer,
    Opportunity,
    PriceBand,
    Quote,
    Rules,
    Sale,
    SaleKind,
    Stamped,
    Target,
)
from dmscan.core.rules import price_bands

from make import DAY, NOW, TITLE, make_leg, make_offer, make_opportunity, make_quote, make_relist, make_sale, make_target

PHASED = "★ Karambit | Doppler (Factory New)"
SHARES = st.integers(0, 999).map(lambda mills: Fraction(mills, 1000))
PRICES = st.integers(1, 3000)
BIG_PRICES = st.integers(1, 10**8)
TIMES = st.integers(NOW - 2, NOW + 5 * DAY)

T = TypeVar("T")


def grown(grow: Callable[[Random], T]) -> SearchStrategy[T]:
    return st.integers(0, 2**64 - 1).map(lambda seed: grow(Random(seed)))


def schedules(prices: SearchStrategy[int] = PRICES) -> SearchStrategy[FeeSchedule]:
    """Up to three rows; their bands may overlap, lie apart or be empty."""
    rows = st.lists(st.builds(FeeRow, SHARES, prices, prices, TIMES), max_size=3).map(tuple)
    return st.builds(FeeSchedule, SHARES, st.integers(0, 60), st.just(FeeSource.DEFAULT), rows)


def random_schedule(chance: Random) -> FeeSchedule:
    def row() -> FeeRow:
        fraction = Fraction(chance.choice((0, 20, 50, 150)), 1000)
        return FeeRow(fraction, chance.randint(1, 950), chance.randint(600, 1200), NOW + chance.choice((-1, 0, DAY, 3 * DAY, 9 * DAY)))

    default = Fraction(chance.choice((0, 30, 70, 100)), 1000)
    rows = tuple(row() for _ in range(chance.choice((0, 0, 1, 2))))
    return FeeSchedule(default, chance.choice((0, 2, 40)), FeeSource.DEFAULT, rows)


def random_offer(chance: Random, number: int, phases: tuple[str, ...], cheapest: int) -> Offer:
    value = chance.choice((None, "0.15", "0.2", "0.21", "0.3"))
    return Offer(
        offer_id=f"offer-{number}",
        price=chance.randint(cheapest, 1000),
        created_at=NOW - chance.randint(0, 2),
        reserved=chance.random() < 0.15,
        p2p=chance.random() < 0.1,
        resellable=chance.random() < 0.9,
        phase=chance.choice(phases),
        float_part=chance.choice((None, "FT-0", "FT-2")),
        float_value=value,
        paint_seed=chance.choice((None, "7", "661")),
        unlock_at=NOW + chance.randint(-DAY, 8 * DAY) if chance.random() < 0.2 else None,
        reversible_until=NOW + chance.choice((-1, 0, 1)) if chance.random() < 0.2 else None,
    )


def random_target(chance: Random, phases: tuple[str, ...], dearest: int) -> Target:
    return Target(
        price=10 * chance.randint(dearest - 50, dearest),
        amount=chance.randint(1, 3),
        float_part=chance.choice((None, None, None, "FT-0", "FT-2")),
        phase=chance.choice((None, None, None, *filter(None, phases))),
        paint_seed=chance.choice((None, None, None, "0", "661")),
    )


def random_sales(
    chance: Random, phases: tuple[str, ...], kind: SaleKind = SaleKind.OFFER, prices: tuple[int, int] = (850, 1100)
) -> tuple[Sale, ...]:
    start = NOW - chance.choice((1, 3, 32)) * DAY
    return tuple(
        Sale(chance.randint(*prices), chance.randint(start, NOW + 1), kind, chance.choice(phases), chance.choice((None, "0.2")))
        for _ in range(chance.choice((0, 7, 12, 20, 20)))
    )


def random_evidence(chance: Random) -> Evidence:
    """All that can be known of a crowded title around $10; its quote is that of its offers and targets."""
    title = chance.choice((TITLE, PHASED))
    phases = ("", "ruby") if title == PHASED else ("",)
    cheapest, dearest = chance.choice(((600, 110), (600, 110), (600, 75), (850, 80), (850, 80)))
    offers = tuple(random_offer(chance, number, phases, cheapest) for number in range(chance.randint(0, 8)))
    targets = tuple(random_target(chance, phases, dearest) for _ in range(chance.randint(0, 6)))
    targets += (make_target(price=10 * dearest, amount=1),) * chance.choice((0, 0, 1))
    fills = random_sales(chance, phases, SaleKind.TARGET, (10 * dearest - 300, 10 * dearest))
    return Evidence(
        quote_of(title, offers, targets),
        random_schedule(chance),
        sales=Stamped(random_sales(chance, phases), NOW),
        targets=Stamped(targets, NOW),
        offers=Stamped(offers, NOW),
        fills=Stamped(fills, NOW),
        fast_bids=chance.random() < 0.1,
    )


def quote_of(title: str, offers: tuple[Offer, ...], targets: tuple[Target, ...]) -> Quote:
    asks = [offer.price for offer in offers if not offer.p2p]
    bid = max((target.price for target in targets), default=None)
    wanted = sum(target.amount for target in targets)
    return make_quote(title=title, ask=min(asks, default=None), bid=bid, ask_count=len(asks), bid_count=wanted, at=NOW)


def random_rules(chance: Random) -> Rules:
    levels = chance.choice(((), (), ("standard",), ("boost", "standard", "medium")))
    least = chance.choice((None, None, 700, 850))
    most = chance.choice((None, None, 900, 1000))
    roi = chance.choice((None, *(Fraction(percent, 100) for percent in (0, 1, 3, 10))))
    return Rules(
        bands=price_bands(levels, least, most, roi),
        min_profit=chance.choice((0, 1, 5, 40)),
        max_lock_days=chance.choice((None, None, 0, 3)),
        min_sales=chance.choice((1, 4, 8)),
        max_units=chance.randint(1, 5),
        max_days_to_sell=Fraction(chance.choice((1, 7, 30))),
        max_days_to_fill=Fraction(chance.choice((1, 7, 30))),
        fee_at=chance.choice(tuple(FeeAt)),
        cashout_fee=Fraction(chance.choice((0, 25)), 1000),
    )


def stricter(rules: Rules, chance: Random) -> Rules:
    """Rules that pass nothing that `rules` refuse; each rule is left or narrowed."""

    def narrowed(band: PriceBand) -> PriceBand:
        high = chance.choice((band.high, 950 if band.high is None else min(band.high, 950)))
        return PriceBand(band.low + chance.choice((0, 0, 100)), high, band.min_roi + Fraction(chance.choice((0, 0, 4)), 100))

    return replace(
        rules,
        bands=tuple(map(narrowed, rules.bands)),
        min_profit=rules.min_profit + chance.choice((0, 0, 20)),
        max_lock_days=chance.choice((rules.max_lock_days, 0)),
        min_sales=rules.min_sales + chance.choice((0, 0, 4)),
        max_units=max(1, rules.max_units - chance.choice((0, 0, 2))),
        max_days_to_sell=rules.max_days_to_sell * Fraction(chance.choice((4, 4, 2)), 4),
        max_days_to_fill=rules.max_days_to_fill * Fraction(chance.choice((4, 4, 2)), 4),
    )


def random_finds(chance: Random) -> list[Opportunity]:
    """Opportunities of distinct keys, many of them equal in all that is sorted by; both exits of a title share its offer."""
    titles = chance.sample("ABCDEFGH", chance.randint(0, 6))
    makers = (make_opportunity, make_relist)
    return [_random_find(chance, title, make) for title in titles for make in chance.sample(makers, chance.randint(1, 2))]


def _random_find(chance: Random, title: str, make: Callable[..., Opportunity]) -> Opportunity:
    leg = make_leg(ask=chance.choice((100, 200)), sell=chance.choice((300, 400)), fee=0, offer=make_offer(offer_id=title))
    return make(title=title, legs=(leg,), hold_days=Fraction(chance.randint(0, 2)))


RENEWABLE = Evidence(
    make_quote(ask=1000, bid=1200),
    FeeSchedule(Fraction(1, 10), 2, FeeSource.DEFAULT, (FeeRow(Fraction(2, 100), 1, 9999, NOW + DAY),)),
    sales=Stamped(tuple(make_sale(price=1100, at=NOW - DAY - n) for n in range(10)), NOW),
    targets=Stamped((make_target(price=1200),), NOW),
    offers=Stamped((make_offer(price=1000),), NOW),
)
"""As a relist it would pay if today's reduced fee still held on the day of sale."""

RENEWABLE_BOTH = replace(
    RENEWABLE,
    quote=make_quote(ask=1000, bid=949),
    targets=Stamped((make_target(price=949),), NOW),
    fills=Stamped(tuple(make_sale(price=940, kind=SaleKind.TARGET, at=NOW - DAY - n) for n in range(10)), NOW),
)
"""As a relist and as an own target at $9.50, sold at $9.99, it would pay if today's reduced fee still held on the day of sale."""

SCHEDULES = schedules()
BIG_SCHEDULES = schedules(BIG_PRICES)
EVIDENCE = grown(random_evidence)
RULES = grown(random_rules)
FINDS = grown(random_finds)

"""A title's past sales and its reduced fees."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random

from dmscan.sandbox import book
from dmscan.sandbox.outline import DAY, Outline, Scale, dated, phase_drawn
from dmscan.sandbox.parameters import FEES, OFFERS, SALES, TIMES
from dmscan.sandbox.state import FeeRow, Sale

MONTH = 30 * DAY
EXACT_AGES = (-MONTH, -MONTH - 1, -MONTH + 1, -28 * DAY, -21 * DAY, -DAY, 0, 1)


def sales(about: Outline, scale: Scale) -> list[Sale]:
    """Newest first, in the order in which the service lists them."""
    if about.story == "empty":
        return []
    rng = about.random("sales")
    mood = rng.random()
    rows = [_sale(about, scale, rng, age) for age in _ages(rng)]
    if mood < SALES.burst:
        rows = _burst(rng, rows)
    elif mood < SALES.burst + SALES.flat:
        rows = [_repriced(row, _flat_price(about, row)) if rng.random() < 0.85 else row for row in rows]
    elif mood < SALES.burst + SALES.flat + SALES.falling:
        rows = [_repriced(row, row.price * (78 + 5 * min(number, 6)) // 100) for number, row in enumerate(rows)]
    return sorted((_at_its_bids(about, row) for row in rows), key=lambda row: -row.at)


def _flat_price(about: Outline, row: Sale) -> int:
    return about.fair if row.kind == "Offer" else round(about.fair * SALES.target_discount)


def _at_its_bids(about: Outline, row: Sale) -> Sale:
    """What was sold into a bid went for what the title's bids are, not those of the usual title."""
    return row if row.kind == "Offer" else _repriced(row, round(row.price * bid_share(about) / SALES.target_discount))


def pace(about: Outline) -> float:
    """The title's sales a day; none on one that nobody trades."""
    rng = about.random("sales")
    rng.random()
    return 0.0 if about.story == "empty" else _per_day(rng)


def is_flat(about: Outline) -> bool:
    """Whether the title is nearly always sold at one price."""
    return SALES.burst <= about.random("sales").random() < SALES.burst + SALES.flat


def _per_day(rng: Random) -> float:
    return rng.lognormvariate(math.log(SALES.per_day_median), SALES.per_day_spread)


def bid_share(about: Outline) -> float:
    """The best bid of an ordinary day as a share of what buyers pay; bids of the day of a bargain stand lower."""
    return book.bid_level(about) * (1 + OFFERS.above_fair / 2)


def noise(about: Outline) -> float:
    """How far the prices of one variant lie around what buyers pay: a share of it, as sigma."""
    return SALES.noise * (4 if about.index % round(1 / SALES.wild) == 0 else 1)


def odds(rng: Random) -> float:
    """By how much a sale is out of line, now and then; else 1."""
    return rng.choice((0.1, 0.4, 1.8, 3.5, 20)) if rng.random() < SALES.outlier else 1.0


def float_text(about: Outline, rng: Random) -> str:
    return repr(rng.uniform(*about.floats)) if about.floats and rng.random() < 0.97 else ""


def _ages(rng: Random) -> Iterator[int]:
    per_day = _per_day(rng)
    age = -rng.uniform(0.05, 0.12) * DAY if rng.random() < SALES.future else rng.expovariate(per_day) * DAY + TIMES.clear_s
    for _ in range(SALES.most):
        if age > SALES.oldest_days * DAY:
            return
        yield int(age)
        age = max(age, TIMES.clear_s) + rng.expovariate(per_day) * DAY


def _sale(about: Outline, scale: Scale, rng: Random, age: int) -> Sale:
    phase = phase_drawn(about, rng) if about.phases else ""
    kind = "Offer" if rng.random() < SALES.offer_share else "Target"
    fair = about.fair * about.phases.get(phase, 1.0) * (1 if kind == "Offer" else SALES.target_discount)
    price = fair * rng.gauss(1, noise(about)) * odds(rng)
    value = float_text(about, rng)
    return Sale(max(1, round(price)), dated(rng, scale, -age, EXACT_AGES), kind, phase, value)


def _repriced(row: Sale, price: int) -> Sale:
    return Sale(max(1, price), row.at, row.kind, row.phase, row.float_value)


def _burst(rng: Random, rows: list[Sale]) -> list[Sale]:
    if not rows:
        return rows
    pattern = rng.choice(rows[:6])
    ages = (rng.choice((0, 60, 120)) * (number % 5) for number in range(rng.choice((4, 5, 6, 8))))
    return rows + [Sale(pattern.price, pattern.at - age, "Offer", pattern.phase, "") for age in ages]


def fee_rows(about: Outline, scale: Scale, rng: Random | None = None) -> list[FeeRow]:
    """The title's rows in a list made at the market's birth, or drawn from `rng`."""
    rng = rng or about.random("fees")
    if about.story == "empty" or rng.random() >= FEES.reduced:
        return []
    rows = [_fee_row(about, scale, rng)]
    if rng.random() < FEES.second:
        rows.append(_fee_row(about, scale, rng))
    if rng.random() < FEES.malformed:
        rows.append(FeeRow(rng.choice(FEES.malformed_fractions), 0, 10 * about.fair, scale.born_at + DAY // 2))
    return rows


def _fee_row(about: Outline, scale: Scale, rng: Random) -> FeeRow:
    low, high = round(about.fair * rng.choice((0, 0.3, 0.6, 0.8))), round(about.fair * rng.choice((1.5, 3, 10))) + 1
    if rng.random() < FEES.on_price:
        bound = rng.choice((about.ask, about.fair)) + rng.choice((-1, 0, 1))
        low, high = rng.choice(((low, max(low, bound)), (min(bound, high), high)))
    expiry = dated(rng, scale, _expiry(rng, scale), (-1, 0, 1, DAY - 1, DAY, DAY + 1, 2 * DAY, 3 * DAY, 4 * DAY))
    return FeeRow(rng.choices(FEES.fractions, range(len(FEES.fractions), 0, -1))[0], low, high, expiry)


def _expiry(rng: Random, scale: Scale) -> int:
    place = rng.random()
    if place < FEES.to_day_end:
        left = DAY - scale.born_at % DAY
        return left if left > 2 * TIMES.clear_s else left + DAY
    if place < FEES.to_day_end + FEES.expired:
        return -rng.randrange(2 * TIMES.clear_s, 2 * DAY)
    return rng.randrange(DAY, FEES.most_days * DAY)

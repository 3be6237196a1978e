"""A title's offers and targets."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from random import Random
from typing import Any

from dmscan.sandbox.outline import DAY, Outline, Scale, dated, phase_drawn
from dmscan.sandbox.parameters import FEES, OFFERS, TARGETS
from dmscan.sandbox.state import FeeRow, Offer, Target

PARTS = {"FN": 7, "MW": 5, "FT": 5, "WW": 5, "BS": 5}
PART_NAMES = [f"{wear}-{number}" for wear, count in PARTS.items() for number in range(count)]
PART_STARTS = [0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.11, 0.15, 0.18, 0.21, 0.24, 0.27]
PART_STARTS += [0.38, 0.39, 0.4, 0.41, 0.42, 0.45, 0.5, 0.63, 0.76, 0.8]
_SHARE = re.compile(r"0(?:\.[0-9]+)?", re.ASCII)


def part_of(value: float) -> str:
    """The float part the service would give: FN-0 … BS-4."""
    return PART_NAMES[bisect_right(PART_STARTS, value) - 1]


def offers(about: Outline, scale: Scale) -> list[Offer]:
    """The cheapest honest ask first; what a twist spoils is among the first."""
    if about.story in ("no offers", "empty"):
        return []
    rng = about.random("offers")
    rows = [offer(about, scale, rng, price) for price in _asks(about, scale, rng)]
    rows += [replace(rng.choice(rows), offer_id=_uuid(rng)) for _ in rows if rng.random() < OFFERS.equal]
    if about.story in ("crossed", "bargain", "tight"):
        rows[0] = twisted(about, scale, rng, rows[0])
    return rows


def _asks(about: Outline, scale: Scale, rng: Random) -> Iterator[int]:
    count = min(OFFERS.most, math.ceil(scale.depth * rng.lognormvariate(math.log(OFFERS.median), OFFERS.spread)))
    price = float(about.ask)
    cheap = rng.choice((1, 1, 2, 3, 5)) if about.story in ("bargain", "crossed") else 0
    for number in range(count):
        if number == cheap and cheap:
            price = max(price + 1, about.fair * (1 + rng.random() * OFFERS.above_fair))
        yield max(1, round(price))
        price += rng.expovariate(1) * price * (OFFERS.step if number + 1 != cheap else 0)


def offer(about: Outline, scale: Scale, rng: Random, price: int) -> Offer:
    """One more listing at about `price` cents, times what its phase is worth."""
    place = rng.random()
    traits: dict[str, Any] = {}
    if place < OFFERS.reserved:
        traits["reserved"] = True
    elif place < OFFERS.reserved + OFFERS.unsellable:
        traits |= _unsellable(rng)
    elif place < OFFERS.reserved + OFFERS.unsellable + OFFERS.p2p and about.game == "cs2":
        traits["p2p"] = True
    elif place > 1 - OFFERS.free:
        price = 0
    if about.phases:
        traits["phase"] = phase_drawn(about, rng)
        price = round(price * about.phases[traits["phase"]])
    if about.floats:
        traits |= _wear(about.floats, rng)
    if rng.random() < OFFERS.locked:
        traits |= _lock(scale, rng)
    return Offer(_uuid(rng), price, scale.born_at - int(rng.uniform(0.01, 60) * DAY), **traits)


def _unsellable(rng: Random) -> dict[str, Any]:
    return {rng.choice(("sale_restricted", "sell_unavailable", "overstocked")): True}


def _uuid(rng: Random) -> str:
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _wear(floats: tuple[float, float], rng: Random) -> dict[str, Any]:
    place = rng.random()
    seed = int(rng.random() * 1001)
    if place < OFFERS.no_float:
        return {"paint_seed": seed}
    value = rng.uniform(*floats)
    if rng.random() < OFFERS.round_float:
        value = round(value, 2) or 0.001
    if place < OFFERS.no_float + OFFERS.no_part:
        return {"paint_seed": seed, "float_value": repr(value)}
    part = rng.choice(PART_NAMES) if place > 1 - OFFERS.wrong_part else part_of(value)
    return {"paint_seed": seed, "float_value": repr(value), "float_part": part}


def _lock(scale: Scale, rng: Random) -> dict[str, Any]:
    if rng.random() < OFFERS.past_unlock:
        return {"unlock_at": dated(rng, scale, -int(rng.uniform(0.1, 40) * DAY), (-1, 0))}
    until = dated(rng, scale, int(rng.uniform(0.05, OFFERS.most_lock_days) * DAY), (0, 1, DAY, DAY + 1, 3 * DAY, 7 * DAY, 7 * DAY + 1))
    return {"unlock_at": until, "revert_until": until if rng.random() < OFFERS.reversible else None}


def twisted(about: Outline, scale: Scale, rng: Random, row: Offer) -> Offer:
    """What makes a bargain false or plain: the cheapest offer is reserved, P2P, locked …; without a twist it is buyable."""
    clean = replace(row, reserved=False, p2p=False, sale_restricted=False, sell_unavailable=False, overstocked=False)
    clean = replace(clean, price=round(about.ask * about.phases.get(clean.phase, 1)))
    match about.twist:
        case "reserved":
            return replace(clean, reserved=True)
        case "unsellable":
            return replace(clean, **_unsellable(rng))
        case "p2p":
            return replace(clean, p2p=True)
        case "locked":
            return replace(clean, unlock_at=dated(rng, scale, int(rng.uniform(5.1, 7.9) * DAY), (DAY, 7 * DAY)))
        case _:
            return clean


def targets(about: Outline, asks: Sequence[Offer], rows: Sequence[FeeRow], scale: Scale) -> list[Target]:
    """Bids below the cheapest ask, except where the title's story says otherwise; the service's order means nothing."""
    rng = about.random("targets")
    plain, high = _bids(about, asks, rows, scale, rng)
    bids = plain + high
    rng.shuffle(bids)
    return bids


def high_targets(about: Outline, asks: Sequence[Offer], rows: Sequence[FeeRow], scale: Scale) -> list[Target]:
    """Those among the title's targets that pay, or nearly pay, for its first offer."""
    return _bids(about, asks, rows, scale, about.random("targets"))[1]


def _bids(about: Outline, asks: Sequence[Offer], rows: Sequence[FeeRow], scale: Scale, rng: Random) -> tuple[list[Target], list[Target]]:
    if about.story in ("no bids", "empty"):
        return [], []
    ask = min((row.price for row in asks if row.price > 0 and not row.p2p), default=about.ask)
    plain = list(_plain(about, rng, ask))
    crossed = about.story in ("crossed", "tight") and asks
    return plain, list(high(about, rng, asks[0], rows, scale)) if crossed else []


def _plain(about: Outline, rng: Random, ask: int) -> Iterator[Target]:
    price = ask * _level(rng)
    for _ in range(1 + int(rng.expovariate(1 / TARGETS.mean_levels))):
        yield target(about, rng, price, ask)
        price *= 1 - rng.random() * TARGETS.step
    if about.phases:
        yield from (Target(int(ask * worth * 0.85), 2, "any", phase, "any") for phase, worth in about.phases.items() if rng.random() < 0.5)


def _level(rng: Random) -> float:
    return rng.uniform(TARGETS.least_of_ask, TARGETS.most_of_ask)


def bid_level(about: Outline) -> float:
    """The best honest bid of the title as a share of its cheapest ask, on an ordinary day."""
    return _level(about.random("targets"))


def target(about: Outline, rng: Random, price: float, ask: int) -> Target:
    """One more honest bid at about `price` cents while the cheapest ask is `ask`."""
    amount = 0 if rng.random() < TARGETS.void else rng.randint(1, TARGETS.most_amount)
    worth = price if rng.random() >= TARGETS.void else 0
    if about.game == "cs2" and rng.random() < TARGETS.limited:
        return _limited(about, rng, Target(int(min(price * rng.uniform(1, 1.25), ask * TARGETS.limit_premium)), amount))
    return Target(int(worth), amount, *_no_limits(about, rng))


def _no_limits(about: Outline, rng: Random) -> tuple[str | None, str | None, str | None]:
    if about.game != "cs2":
        return (None, None, None)
    return rng.choice((("any", "any", "any"), ("any", "any", "any"), ("any", None, "any"), (None, None, None), ("", "", "")))


def _limited(about: Outline, rng: Random, bid: Target) -> Target:
    part = part_of(rng.uniform(*about.floats)) if about.floats else "any"
    seed = rng.choice(("0", "661", "412", str(rng.randrange(1001))))
    phase = rng.choice(list(about.phases)) if about.phases else rng.choice(("any", None, ""))
    limits = rng.choice(((part, phase, "any"), (part, "any", "any"), ("any", phase, seed), (part, None, seed), (None, None, seed)))
    return Target(bid.price, bid.amount, *limits)


def high(about: Outline, rng: Random, wanted: Offer, rows: Sequence[FeeRow], scale: Scale) -> Iterator[Target]:
    """Bids that pay for `wanted` (crossed), or nearly so (tight); a twisted one wants what the offer is not."""
    cost = max(1, wanted.price)
    if about.story == "tight":
        short = rng.choice((0, 5, max(5, -(-cost * 3 // 100)), max(5, -(-cost * 3 // 100)))) + rng.choice((-1, 0, 0, 1))
        yield Target(_price_netting(cost + short, rows, scale.born_at), rng.randint(1, 3), *_no_limits(about, rng))
        return
    price = _price_netting(cost + max(5, round(cost * rng.uniform(0.03, 0.16))), rows, scale.born_at)
    wants = rng.random()
    if about.twist == "restricted":
        part, seed = "FN-0" if wanted.float_part != "FN-0" else "BS-4", str((wanted.paint_seed + 1) % 1000)
        yield Target(price, 2, *rng.choice(((part, "any", "any"), ("any", "any", seed), (part, None, seed))))
    elif wants < 0.2 and about.floats:
        seed = str(wanted.paint_seed) if wants < 0.1 else "any"
        yield Target(price + rng.choice((0, 0, 1)), 1, wanted.float_part or "any", wanted.phase or "any", seed)
        yield Target(price, rng.randint(1, 2), *_no_limits(about, rng))
    else:
        yield Target(price, rng.randint(1, 4), *_no_limits(about, rng))


def _price_netting(net: int, rows: Sequence[FeeRow], now: int) -> int:
    """The price (cents) at which about `net` is left after the fee, walked to from below."""
    price = net
    while (short := net - price + _fee(price, rows, now)) > 0:
        price += short
    return price


def _fee(price: int, rows: Sequence[FeeRow], now: int) -> int:
    held = [row.fraction for row in rows if row.low <= price <= row.high and row.expires_at >= now]
    fraction = max([share for text in held if (share := _share(text)) is not None], default=Decimal(FEES.fraction))
    return max(FEES.min_amount, int((price * fraction).to_integral_value(ROUND_CEILING)))


def _share(text: str) -> Decimal | None:
    return Decimal(text) if _SHARE.fullmatch(text) else None

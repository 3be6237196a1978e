"""The parameters of the sandbox market, read once from market.toml, where each has its reason."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Demo:
    seed: int
    titles: int
    rate: int
    crossed: str


@dataclass(frozen=True, slots=True)
class Stories:
    tight: float
    bargain: float
    no_offers: float
    no_bids: float
    empty: float
    pinned: float
    bounds: list[int]


@dataclass(frozen=True, slots=True)
class Prices:
    median: float
    spread: float
    star: float
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Offers:
    median: float
    spread: float
    most: int
    above_fair: float
    step: float
    equal: float
    reserved: float
    p2p: float
    unsellable: float
    locked: float
    most_lock_days: int
    reversible: float
    past_unlock: float
    no_float: float
    round_float: float
    no_part: float
    wrong_part: float
    free: float


@dataclass(frozen=True, slots=True)
class Targets:
    mean_levels: float
    least_of_ask: float
    most_of_ask: float
    step: float
    most_amount: int
    limited: float
    limit_premium: float
    void: float


@dataclass(frozen=True, slots=True)
class Sales:
    per_day_median: float
    per_day_spread: float
    most: int
    oldest_days: int
    offer_share: float
    noise: float
    wild: float
    outlier: float
    burst: float
    flat: float
    falling: float
    future: float
    target_discount: float


@dataclass(frozen=True, slots=True)
class Fees:
    fraction: str
    min_amount: int
    reduced: float
    second: float
    fractions: list[str]
    to_day_end: float
    expired: float
    most_days: int
    on_price: float
    malformed: float
    malformed_fractions: list[str]
    renewed: float
    lasting: float


@dataclass(frozen=True, slots=True)
class Course:
    busiest: float
    volatility: float
    volatility_spread: float
    reversion: float
    undercuts: float
    shade: float
    moved_asks: float
    new_asks: float
    trade_s: int
    completed: float
    moved_bids: float
    new_bids: float
    bid_spread: float
    bursts: float


@dataclass(frozen=True, slots=True)
class Bargains:
    bid_median_s: int
    ask_median_s: int


@dataclass(frozen=True, slots=True)
class Times:
    clear_s: int
    exact: float


@dataclass(frozen=True, slots=True)
class Answers:
    fee_page: int
    odd_bounds_every: int


def _read() -> dict[str, Any]:
    return tomllib.loads(files("dmscan.sandbox").joinpath("market.toml").read_text("utf-8"))


_DATA = _read()
DEMO = Demo(**_DATA["demo"])
STORIES = Stories(**_DATA["stories"])
TWISTS: dict[str, float] = _DATA["twists"]
PRICES = Prices(**_DATA["prices"])
OFFERS = Offers(**_DATA["offers"])
TARGETS = Targets(**_DATA["targets"])
SALES = Sales(**_DATA["sales"])
FEES = Fees(**_DATA["fees"])
COURSE = Course(**_DATA["course"])
BARGAINS = Bargains(**_DATA["bargains"])
TIMES = Times(**_DATA["times"])
ANSWERS = Answers(**_DATA["answers"])


def crossed_share(setting: str | Fraction | None = None) -> Fraction:
    """A named setting of market.toml, a decimal text or a fraction; without one the default setting."""
    if isinstance(setting, Fraction):
        return setting
    names: dict[str, str] = _DATA["crossed"]
    name = setting or names["default"]
    return Fraction(names.get(name, name))

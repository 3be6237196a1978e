"""What the truth is asked and what it works with; it shares no code and no constant with the scanner (design chapters 2-4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Any

from dmscan.sandbox.state import FeeRow, Offer, Sale, Target

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

    @property
    def wanted(self) -> int:
        """Pieces wanted, restricted targets included."""
        return sum(target.amount for target in self.targets)


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
    """The qualified sales of a variant, or fills of targets, and the seconds they stand for."""

    sales: tuple[Sale, ...]
    window: int

    def quantile(self, share: int, of: int) -> int:
        prices = sorted(sale.price for sale in self.sales)
        return prices[share * (len(prices) - 1) // of]

    def at_or_above(self, price: int) -> int:
        return sum(sale.price >= price for sale in self.sales)

    def at_or_below(self, price: int) -> int:
        return sum(sale.price <= price for sale in self.sales)

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
    def hold_days(self) -> Fraction | None:
        """`None`: relisted without a key, when no sale is known."""
        if self.support:
            return self.support.days(len(self.legs), self.legs[-1].sell)
        return None if self.exit == "relist" else Fraction(0)

    @property
    def days(self) -> Fraction | None:
        return None if self.hold_days is None else self.hold_days + (self.days_to_fill or 0)

    @property
    def per_day(self) -> int:
        return floor(self.net / max(Fraction(1), self.days or Fraction(0)))

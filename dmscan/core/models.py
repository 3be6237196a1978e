"""The records that flow through a scan. Prices are integer cents, times are whole Unix seconds UTC.

Quote* → screen → candidate → (Sale*, Target*, Offer*, FeeSchedule, Rules, now) → Opportunity | Reason

They are msgspec structs: a page row costs a fifth of what a frozen dataclass takes to build.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from typing import Generic, TypeVar

from msgspec import Struct

from dmscan.core.money import Cents


class Word(StrEnum):
    """One of a few words. It hashes as the text it is: an enumeration's own hash is Python code, and counting refusals is all hashing."""

    __hash__ = str.__hash__


class Game(Word):
    CS2 = "cs2"
    DOTA2 = "dota2"
    TF2 = "tf2"
    RUST = "rust"


class Entry(Word):
    """How it is bought: an existing offer, or an own target that waits."""

    OFFER = "offer"
    TARGET = "target"


class Exit(Word):
    """How it is sold: into targets at once, or by an own offer at a price that sales support."""

    INSTANT = "instant"
    RELIST = "relist"


class Confidence(StrEnum):
    """What a find rests on: offers, targets and sales, or the quote alone."""

    CONFIRMED = "confirmed"
    QUOTE = "quote"


class Quote(Struct, frozen=True, gc=False, array_like=True):
    """Both sides of one title at one moment; `None` means that side is empty."""

    game: Game
    title: str
    ask: Cents | None
    bid: Cents | None
    ask_count: int
    bid_count: int
    at: int


class QuotePage(Struct, frozen=True):
    """A page of the catalogue; `cursor` leads on from it, "" at the end."""

    quotes: tuple[Quote, ...]
    cursor: str


class Offer(Struct, frozen=True, gc=False):
    """Someone sells one item. Attributes are in the normal form of design chapter 4.1.

    `reserved` is the API's `locked`; `p2p` offers cannot be bought but compete; `float_value` is a decimal text.
    """

    offer_id: str
    price: Cents
    created_at: int
    reserved: bool = False
    p2p: bool = False
    resellable: bool = True
    phase: str = ""
    float_part: str | None = None
    float_value: str | None = None
    paint_seed: str | None = None
    unlock_at: int | None = None
    reversible_until: int | None = None


class Target(Struct, frozen=True, gc=False):
    """Someone wants to buy `amount` items; `None` means no limit on that attribute."""

    price: Cents
    amount: int
    float_part: str | None = None
    phase: str | None = None
    paint_seed: str | None = None


class SaleKind(StrEnum):
    """`OFFER`: a listing was bought (a sale at ask); `TARGET`: someone sold into a bid."""

    OFFER = "Offer"
    TARGET = "Target"


class Sale(Struct, frozen=True, gc=False):
    price: Cents
    at: int
    kind: SaleKind = SaleKind.OFFER
    phase: str = ""
    float_value: str | None = None


class FeeRow(Struct, frozen=True, gc=False, array_like=True):
    """A reduced fee: holds for sale prices `low` … `high` (both inclusive) up to `expires_at` (inclusive)."""

    fraction: Fraction
    low: Cents
    high: Cents
    expires_at: int


class FeeSource(StrEnum):
    REDUCED = "reduced"
    DEFAULT = "default"
    ASSUMED = "assumed"
    SET = "set"


class FeeSchedule(Struct, frozen=True, gc=False, array_like=True):
    """What one title's sale costs: `rows` by band and expiry, else `default`; never less than `min_amount` cents."""

    default: Fraction
    min_amount: Cents
    default_source: FeeSource
    rows: tuple[FeeRow, ...] = ()


class FeeTable(Struct, frozen=True):
    """One game's fees; `ignored` counts rows that could not be understood (design chapter 3)."""

    default: Fraction
    min_amount: Cents
    default_source: FeeSource
    rows: Mapping[str, tuple[FeeRow, ...]] = {}
    ignored: int = 0

    def schedule(self, title: str) -> FeeSchedule:
        return FeeSchedule(self.default, self.min_amount, self.default_source, self.rows.get(title, ()))


T = TypeVar("T")


class Stamped(Struct, Generic[T], frozen=True):
    """An answer and the moment it arrived."""

    value: T
    at: int


class Leg(Struct, frozen=True):
    """One unit bought and sold; the fee is that of the rows that hold at `fee_at`.

    `offer` is `None` for an own target and for a find on the quote alone; `lock_days` is `None` if nothing tells.
    """

    ask: Cents
    sell: Cents
    fee: Cents
    fee_at: int
    offer: Offer | None = None
    target: Target | None = None
    lock_days: int | None = 0

    @property
    def net_profit(self) -> Cents:
        return self.sell - self.fee - self.ask

    @property
    def roi(self) -> Fraction:
        return Fraction(self.net_profit, self.ask)


class SalesSummary(Struct, frozen=True):
    """What the qualified sales of a variant say (design chapter 4.3); `at_or_above` counts those at ≥ the relist price."""

    qualified: int
    median: Cents
    q40: Cents
    at_or_above: int
    last_at: int
    fetched_at: int


class Opportunity(Struct, frozen=True):
    """One (game, title, phase, entry, exit) with its legs; sums, ROI and profit per day follow from the legs.

    `fee_fraction`, `fee_source`, `break_even` and `max_buy` speak of the first leg. Days are exact fractions; `hold_days` is `None`
    if nothing tells how fast it sells: on the quote alone.
    """

    game: Game
    title: str
    phase: str
    entry: Entry
    exit: Exit
    confidence: Confidence
    as_of: int
    legs: tuple[Leg, ...]
    quote: Quote
    fee_fraction: Fraction
    fee_source: FeeSource
    break_even: Cents
    max_buy: Cents | None
    bail_out: Cents | None
    net_if_renewed: Cents | None = None
    net_after_cashout: Cents = 0
    hold_days: Fraction | None = Fraction(0)
    days_to_fill: Fraction | None = None
    pace: Fraction | None = None
    sales: SalesSummary | None = None
    next_ask: Cents | None = None
    warnings: tuple[str, ...] = ()

    @property
    def units(self) -> int:
        return len(self.legs)

    @property
    def cost(self) -> Cents:
        return sum(leg.ask for leg in self.legs)

    @property
    def sell(self) -> Cents:
        return sum(leg.sell for leg in self.legs)

    @property
    def fee(self) -> Cents:
        return sum(leg.fee for leg in self.legs)

    @property
    def net_profit(self) -> Cents:
        return self.sell - self.fee - self.cost

    @property
    def roi(self) -> Fraction:
        return Fraction(self.net_profit, self.cost)

    @property
    def days(self) -> Fraction | None:
        """Days to fill and to sell; `None` if unknown."""
        return None if self.hold_days is None else self.hold_days + (self.days_to_fill or 0)

    @property
    def profit_per_day(self) -> Cents:
        """Whole cents, rounded down, over the days it takes, at least one (design chapter 8)."""
        return int(self.net_profit // max(Fraction(1), self.days or Fraction(0)))

    @property
    def key(self) -> tuple[Game, str, str, Entry, Exit]:
        return (self.game, self.title, self.phase, self.entry, self.exit)


class Reason(Word):
    """Why a title has no find for one entry and exit, the furthest along first to last (design chapter 4.4)."""

    EXCLUDED = "excluded"
    NO_ASK = "no_ask"
    NO_BID = "no_bid"
    ASK_ABOVE_MAX = "ask_above_max"
    TOO_FEW_SALES = "too_few_sales"
    CROSSED = "crossed"
    NO_BUYABLE_OFFER = "no_buyable_offer"
    LOCK_TOO_LONG = "lock_too_long"
    NOT_RESELLABLE = "not_resellable"
    NO_COMPATIBLE_BID = "no_compatible_bid"
    BELOW_MIN_PROFIT = "below_min_profit"
    BELOW_MIN_ROI = "below_min_roi"
    TOO_SLOW = "too_slow"
    TOO_FEW_FILLS = "too_few_fills"
    NOT_CONFIRMED = "not_confirmed"


class Need(Word):
    """What a verdict still has to ask for, the cheapest deciding call first. `FILLS` are the sales into targets."""

    SALES = "sales"
    TARGETS = "targets"
    FILLS = "fills"
    OFFERS = "offers"


class Evidence(Struct, frozen=True, gc=False, array_like=True):
    """All that is known of one title; `None` means not asked yet.

    `sales` are the newest 20 `Offer` rows, `fills` the newest 20 `Target` rows.
    `fast_bids`: earlier quotes show that its best bid is outbid again and again.
    """

    quote: Quote
    fees: FeeSchedule
    sales: Stamped[tuple[Sale, ...]] | None = None
    targets: Stamped[tuple[Target, ...]] | None = None
    offers: Stamped[tuple[Offer, ...]] | None = None
    fills: Stamped[tuple[Sale, ...]] | None = None
    fast_bids: bool = False

    @property
    def unasked(self) -> tuple[Need, ...]:
        answers = {Need.SALES: self.sales, Need.TARGETS: self.targets, Need.FILLS: self.fills, Need.OFFERS: self.offers}
        return tuple(need for need, answer in answers.items() if answer is None)

    @property
    def is_asked(self) -> bool:
        """Whether anything was asked of it beside its quote."""
        return not (self.sales is None and self.targets is None and self.offers is None and self.fills is None)

    @property
    def now(self) -> int:
        """The one instant of a title: when the last answer used for it arrived (design chapter 4)."""
        return max(self._times)

    @property
    def oldest_at(self) -> int:
        """When the oldest answer used arrived."""
        return min(self._times)

    @property
    def _times(self) -> tuple[int, ...]:
        answers = (self.sales, self.targets, self.offers, self.fills)
        return (self.quote.at, *(answer.at for answer in answers if answer))


class PriceBand(Struct, frozen=True):
    """Asks from `low` to `high` (both inclusive, `None` = no limit) and the ROI a leg in it must reach."""

    low: Cents
    high: Cents | None
    min_roi: Fraction

    def holds(self, price: Cents) -> bool:
        return self.low <= price and (self.high is None or price <= self.high)


class FeeAt(StrEnum):
    """`SALE`: fee rows must hold on the expected day of sale; `NOW`: today's row is taken to be renewed."""

    SALE = "sale"
    NOW = "now"


class Rules(Struct, frozen=True):
    """What a leg and a title must meet (design chapters 4.3 to 4.5). `bands` ascend and do not overlap."""

    bands: tuple[PriceBand, ...]
    min_profit: Cents = 5
    max_lock_days: int | None = None
    min_sales: int = 8
    max_units: int = 5
    max_days_to_sell: Fraction = Fraction(7)
    max_days_to_fill: Fraction = Fraction(7)
    fee_at: FeeAt = FeeAt.SALE
    cashout_fee: Fraction = Fraction(0)

"""The full state of the sandbox market. Prices are integer cents, times are whole Unix seconds UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Offer:
    """`float_value` is a decimal text, "" if unknown; `float_part` is "FT-2", "" if only the float tells; seed 0 is unknown."""

    offer_id: str
    price: int
    created_at: int
    reserved: bool = False
    p2p: bool = False
    phase: str = ""
    float_value: str = ""
    float_part: str = ""
    paint_seed: int = 0
    unlock_at: int | None = None
    revert_until: int | None = None
    sale_restricted: bool = False
    sell_unavailable: bool = False
    overstocked: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A limit is `None` (the key is absent), "", "any" or a value."""

    price: int
    amount: int
    float_part: str | None = None
    phase: str | None = None
    paint_seed: str | None = None


@dataclass(frozen=True, slots=True)
class Sale:
    """`kind` is "Offer" (a listing was bought) or "Target" (sold into a bid)."""

    price: int
    at: int
    kind: str = "Offer"
    phase: str = ""
    float_value: str = ""


@dataclass(frozen=True, slots=True)
class FeeRow:
    """`fraction` is the text as sent; bounds are inclusive cents."""

    fraction: str
    low: int
    high: int
    expires_at: int


@dataclass(slots=True)
class Title:
    game: str
    title: str
    offers: list[Offer] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)
    fee_rows: list[FeeRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DefaultFee:
    fraction: str
    min_amount: int


class Bargain(NamedTuple):
    """What a reseller looks for, from its appearance until a rival has it. `kind` is "bid" (above the cheapest ask) or "ask"."""

    game: str
    title: str
    kind: str
    appeared_at: int
    gone_at: int

"""The rows of the API as they are sent: only the fields used, in both editions' names and types (dmarket-api.md chapter 3)."""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct

from dmscan.market.notations import Number


class Row(Struct, gc=False, rename="camel"):
    pass


class Price(Struct, gc=False, rename="pascal"):
    currency: str = ""
    amount: Number = None


class QuoteRow(Row, gc=False):
    title: str
    order_best_price: Price | str | None = None
    order_count: Number = None
    offer_best_price: Price | str | None = None
    offer_count: Number = None


class Cs2(Row, gc=False):
    """`float` is the October text, `floatValue` the July number."""

    float: str = ""
    float_value: Raw = Raw(b"")
    float_part: str | None = None
    phase: str | None = None
    phase_title: str | None = None
    paint_seed: Number = None


class Attributes(Row, gc=False):
    title: str
    game_id: str
    cs2: Cs2 | None = None
    cs2_attributes: Cs2 | None = None
    sale_restricted: bool = False
    sell_unavailable: bool = False
    overstocked: bool = False
    unlock_date: Any = None
    revert_pending_until: Any = None


class OfferRow(Row, gc=False):
    offer_id: str
    price_cents: Number
    locked: bool
    attributes: Attributes
    created_at: Any = None
    offer_type: str | None = None


class Limits(Row, gc=False):
    float_part_value: str | None = None
    phase: str | None = None
    paint_seed: Number = None


class TargetRow(Row, gc=False):
    title: str
    price: Number
    amount: Number
    attributes: Limits | None = None


class Sold(Row, gc=False):
    float_value: Raw = Raw(b"")
    phase_title: str | None = None
    phase: str | None = None


class SaleRow(Row, gc=False):
    price: str
    date: Number
    tx_operation_type: str
    offer_attributes: Sold | None = None


class ReducedFee(Row, gc=False):
    title: str
    fraction: Raw
    min_price: Number
    max_price: Number
    expires_at: Number


class DefaultFee(Row, gc=False):
    fraction: Raw
    min_amount: Number

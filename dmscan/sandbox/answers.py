"""How the market's state is written on the wire, in both editions of the API (dmarket-api.md chapters 2 and 3)."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime
from typing import Any

from dmscan.sandbox.state import DefaultFee, FeeRow, Sale, Target
from dmscan.sandbox.world import Sides

OCTOBER, JULY = "2026-10", "2026-07"
EDITIONS = (OCTOBER, JULY)
GAME_IDS = {"a8db": "cs2", "9a92": "dota2", "tf2": "tf2", "rust": "rust"}
IDS = {game: wire for wire, game in GAME_IDS.items()}
EMPTY_SIDES: tuple[tuple[dict[str, str] | None, ...], ...] = (
    (None,),
    ({"Currency": "USD", "Amount": ""},),
    ({"Currency": "USD", "Amount": "0"},),
    (),
)
"""The ways of saying that a side is empty, the last by leaving the key out; clients have met each."""


def dumps(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def iso(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def dollars(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def quote(title: str, sides: Sides) -> dict[str, Any]:
    row = {"title": title, **_best("orderBestPrice", sides.bid, title), "orderCount": str(sides.bid_count)}
    return row | _best("offerBestPrice", sides.ask, title) | {"offerCount": str(sides.ask_count)}


def _best(key: str, price: int | None, title: str) -> dict[str, Any]:
    if price is not None:
        return {key: {"Currency": "USD", "Amount": str(price)}}
    said = EMPTY_SIDES[zlib.crc32(title.encode()) % len(EMPTY_SIDES)]
    return dict.fromkeys([key] * len(said), *said)


def target(title: str, row: Target) -> dict[str, Any]:
    limits = {"floatPartValue": row.float_part, "paintSeed": row.paint_seed, "phase": row.phase}
    attributes = {key: value for key, value in limits.items() if value is not None}
    return {"amount": str(row.amount), "price": str(row.price), "title": title, "attributes": attributes}


def sale(game: str, row: Sale, edition: str) -> dict[str, Any]:
    kind = "Order" if edition == JULY and row.kind == "Target" else row.kind
    attributes: dict[str, Any] = {"gems": None}
    if game == "cs2":
        attributes = {
            "floatValue": float(row.float_value) if row.float_value else None,
            "paintSeed": row.at % 1000 + 1,
            "rareInfo": "phase" if row.phase else None,
            "phaseTitle": row.phase or None,
            "stickers": [{"name": "Sticker | Example", "image": "", "rarity": "Gold"}] if row.at % 9 == 0 else None,
            "charms": None,
            "charmPattern": None,
        }
    order = {"isAdvanced": row.at % 2 == 0, "rareInfo": None} if row.kind == "Target" else {}
    return {
        "price": dollars(row.price),
        "date": str(row.at),
        "txOperationType": kind,
        "offerAttributes": attributes,
        "orderAttributes": order,
    }


def fee(title: str, row: FeeRow) -> dict[str, Any]:
    return {"title": title, "fraction": row.fraction, "minPrice": row.low, "maxPrice": row.high, "expiresAt": row.expires_at}


def default_fee(row: DefaultFee) -> dict[str, Any]:
    return {"fraction": row.fraction, "minAmount": row.min_amount}


BALANCE = {"usd": "123456", "usdAvailableToWithdraw": "100456", "dmc": "0", "dmcAvailableToWithdraw": "0"}

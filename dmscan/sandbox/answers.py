"""How the market's state is written on the wire, in both editions of the API (dmarket-api.md chapters 2 and 3)."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime
from typing import Any

from dmscan.sandbox.state import DefaultFee, FeeRow, Offer, Sale, Target
from dmscan.sandbox.world import Sides

OCTOBER, JULY = "2026-10", "2026-07"
EDITIONS = (OCTOBER, JULY)
GAME_IDS = {"a8db": "cs2", "9a92": "dota2", "tf2": "tf2", "rust": "rust"}
IDS = {game: wire for wire, game in GAME_IDS.items()}
APP_IDS = {"cs2": 730, "dota2": 570, "tf2": 440, "rust": 252490}
ACCOUNT = "5c0ffee0-0000-4000-8000-00000000090"
WEARS = ("Factory New", "Minimal Wear", "Field-Tested", "Well-Worn", "Battle-Scarred")
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
    return None if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


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


def offer(game: str, title: str, row: Offer, now: int, edition: str) -> dict[str, Any]:
    """One offer with every field of the edition; what no rule reads is plausible and constant."""
    july = edition == JULY
    listed = {
        "attributes": _asset(game, title, row, now) | _block(game, title, row, july),
        "priceCents": row.price if july else str(row.price),
        "createdAt": iso(row.created_at),
        "locked": row.reserved,
        "offerId": row.offer_id,
    }
    return listed if july else listed | {"discountPercent": discount(row), "offerType": "p2p" if row.p2p else "dmarket"}


def discount(row: Offer) -> float:
    """The service's own estimate: decoration, no rule may read it."""
    return row.created_at % 160 / 10


def _asset(game: str, title: str, row: Offer, now: int) -> dict[str, Any]:
    locked_s = max(0, (row.unlock_at or 0) - now)
    slug = "-".join(filter(None, "".join(mark if mark.isalnum() else " " for mark in title.lower()).split()))[:80]
    asset_id = str(40_000_000_000 + zlib.crc32(row.offer_id.encode()))
    owner = ACCOUNT + str(row.created_at % 10)
    return {
        "backgroundColor": "42413e",
        "botId": "" if row.p2p else "76561199000000001",
        "categoryPath": "rifle/ak-47",
        "classId": "3669724953",
        "depositLocked": False,
        "description": "",
        "gameId": IDS[game],
        "gameType": "steam",
        "imageUri": "",
        "inGameAssetId": f"8590574520:3669724953:{asset_id}:{APP_IDS[game]}",
        "itemSlug": slug,
        "name": title.rpartition(" (")[0] or title,
        "nameColor": "d2d2d2",
        "owner": owner,
        "productId": f"{IDS[game]}:{zlib.crc32(title.encode()):032x}",
        "provider": "ICS" if row.p2p else "CPU",
        "slug": slug,
        "steamAssetId": asset_id,
        "title": title,
        "tradable": not locked_s,
        "tradeLockDays": -(-locked_s // 86400),
        "tradeLockDuration": f"{locked_s}s" if locked_s else None,
        "unlockDate": iso(row.unlock_at),
        "type": "rifle",
        "viewAtSteamUri": f"https://steamcommunity.com/profiles/76561199000000001/inventory/#{APP_IDS[game]}_2_{asset_id}",
        "withdrawable": not locked_s,
        "id": f"{row.offer_id[:-4]}{row.created_at % 10_000:04}",
        "overstocked": row.overstocked,
        "status": "default",
        "saleRestricted": row.sale_restricted,
        "withdrawalState8": False,
        "settlementTime": iso(row.unlock_at),
        "sellUnavailable": row.sell_unavailable,
        "depositor": owner,
        "withdrawOnlyEndTime": None,
        "tradeProtectionRemoved": not locked_s,
        "revertPendingUntil": iso(row.revert_until),
    }


def _block(game: str, title: str, row: Offer, july: bool) -> dict[str, Any]:
    if game == "cs2":
        return {"cs2Attributes" if july else "cs2": _cs2(title, row, july)}
    return {game: {"dota2": _DOTA2, "rust": _RUST, "tf2": _TF2}[game]}


def _enum(prefix: str, value: str) -> str:
    return f"{prefix}_{value.upper().replace('-', '_').replace(' ', '_') or 'UNSPECIFIED'}"


def _cs2(title: str, row: Offer, july: bool) -> dict[str, Any]:
    wear = next((name for name in WEARS if title.endswith(f"({name})")), "")
    varying = {
        "category": _enum("CATEGORY", _category(title)),
        "exterior": wear.lower() if july else _enum("EXTERIOR", wear),
        "phase": row.phase,
        "phaseTitle": _enum("PHASE_TITLE", row.phase),
        "rareInfo": "phase" if row.phase else "",
        "paintSeed": row.paint_seed,
        "floatPart": _enum("FLOAT_PART", row.float_part),
    }
    value: dict[str, Any] = {"float": row.float_value}
    if july:
        value = {"floatValue": float(row.float_value) if row.float_value else None}
    return _CS2 | varying | value


def _category(title: str) -> str:
    names = {"★": "star", "StatTrak™": "stattrack", "Souvenir": "souvenir"}
    return next((category for mark, category in names.items() if title.startswith(mark)), "normal")


_CS2 = {
    "collection": "the example collection",
    "family": "example",
    "inspectInGameUri": "steam://run/730//+csgo_econ_action_preview%20S76561199000000001A0D0",
    "itemType": "rifle",
    "quality": "QUALITY_CLASSIFIED",
    "paintIndex": 282,
    "stickers": [],
    "fadePercent": "0",
    "rarePattern": "RARE_PATTERN_UNSPECIFIED",
    "colors": ["COLOR_RED", "COLOR_BLACK"],
    "charms": [],
    "charmPattern": 0,
    "defIndex": 7,
    "customName": "",
    "killEaterScoreType": 0,
    "killEaterValue": 0,
    "isProskin": False,
    "proskin": {"proPlayerOwned": False, "hasHighlights": False, "proPlayerNickname": ""},
    "inspectInGameTemplateUri": "",
}
_DOTA2 = {
    "gems": [{"name": "Example Gem", "image": "", "type": "kinetic"}],
    "hero": "axe",
    "quality": "standard",
    "rarity": "mythical",
    "slot": "SLOT_WEAPON",
}
_RUST = {"categoryPath": "skin/door", "type": "door"}
_TF2 = {
    "class": ["CLASS_SNIPER"],
    "collection": "",
    "exterior": "EXTERIOR_UNSPECIFIED",
    "grade": "GRADE_UNSPECIFIED",
    "quality": "QUALITY_UNIQUE",
    "type": "TYPE_COSMETIC",
    "inspectInGameUri": "",
    "effect": "",
    "spells": [],
    "paintColor": "",
    "warPaint": "",
    "isCraftable": True,
    "isFestivized": False,
    "killstreak": "KILLSTREAK_NONE",
    "isAustralium": False,
    "inspectInGameTemplateUri": "",
}

"""How an offer is written on the wire, every field of it, in both editions of the API (dmarket-api.md chapter 3.2)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from dmscan.sandbox.answers import IDS, JULY, iso
from dmscan.sandbox.catalogue import WEARS
from dmscan.sandbox.state import Offer

APP_IDS = {"cs2": 730, "dota2": 570, "tf2": 440, "rust": 252490}
ACCOUNT = "5c0ffee0-0000-4000-8000-00000000090"


def offer(game: str, title: str, row: Offer, now: int, edition: str) -> dict[str, Any]:
    """One offer with every field of the edition; what no rule reads is plausible and constant."""
    july = edition == JULY
    listed = {
        "attributes": {**_asset(game, row, now), **_of_title(game, title), **_CONSTANT, **_block(game, title, row, july)},
        "priceCents": row.price if july else str(row.price),
        "createdAt": iso(row.created_at),
        "locked": row.reserved,
        "offerId": row.offer_id,
    }
    return listed if july else {**listed, "discountPercent": discount(row), "offerType": "p2p" if row.p2p else "dmarket"}


def discount(row: Offer) -> float:
    """The service's own estimate: decoration, no rule may read it."""
    return row.created_at % 160 / 10


def _asset(game: str, row: Offer, now: int) -> dict[str, Any]:
    locked_s = max(0, (row.unlock_at or 0) - now)
    asset_id = str(40_000_000_000 + zlib.crc32(row.offer_id.encode()))
    owner = ACCOUNT + str(row.created_at % 10)
    unlock = iso(row.unlock_at)
    return {
        "botId": "" if row.p2p else "76561199000000001",
        "inGameAssetId": f"8590574520:3669724953:{asset_id}:{APP_IDS[game]}",
        "owner": owner,
        "provider": "ICS" if row.p2p else "CPU",
        "steamAssetId": asset_id,
        "tradable": not locked_s,
        "tradeLockDays": -(-locked_s // 86400),
        "tradeLockDuration": f"{locked_s}s" if locked_s else None,
        "unlockDate": unlock,
        "viewAtSteamUri": f"https://steamcommunity.com/profiles/76561199000000001/inventory/#{APP_IDS[game]}_2_{asset_id}",
        "withdrawable": not locked_s,
        "id": f"{row.offer_id[:-4]}{row.created_at % 10_000:04}",
        "overstocked": row.overstocked,
        "saleRestricted": row.sale_restricted,
        "settlementTime": unlock,
        "sellUnavailable": row.sell_unavailable,
        "depositor": owner,
        "tradeProtectionRemoved": not locked_s,
        "revertPendingUntil": iso(row.revert_until),
    }


@lru_cache(maxsize=256)
def _of_title(game: str, title: str) -> Mapping[str, str]:
    words = "".join(mark if mark.isalnum() else " " for mark in title.lower()).split()
    slug = "-".join(words)[:80]
    name = title.rpartition(" (")[0] or title
    product = f"{IDS[game]}:{zlib.crc32(title.encode()):032x}"
    return {"gameId": IDS[game], "itemSlug": slug, "name": name, "productId": product, "slug": slug, "title": title}


def _block(game: str, title: str, row: Offer, july: bool) -> dict[str, Any]:
    if game != "cs2":
        return {game: _BLOCKS[game]}
    value: dict[str, Any] = {"float": row.float_value}
    if july:
        value = {"floatValue": float(row.float_value) if row.float_value else None}
    varying = {
        "phase": row.phase,
        "phaseTitle": _enum("PHASE_TITLE", row.phase),
        "rareInfo": "phase" if row.phase else "",
        "paintSeed": row.paint_seed,
        "floatPart": _enum("FLOAT_PART", row.float_part),
    }
    return {"cs2Attributes" if july else "cs2": {**value, **varying, **_cs2_of_title(title, july), **_CS2}}


@lru_cache(maxsize=256)
def _cs2_of_title(title: str, july: bool) -> Mapping[str, str]:
    wear = next((name for name in WEARS if title.endswith(f"({name})")), "")
    marks = {"★": "star", "StatTrak™": "stattrack", "Souvenir": "souvenir"}
    category = next((name for mark, name in marks.items() if title.startswith(mark)), "normal")
    return {"category": _enum("CATEGORY", category), "exterior": wear.lower() if july else _enum("EXTERIOR", wear)}


@lru_cache(maxsize=256)
def _enum(prefix: str, value: str) -> str:
    return f"{prefix}_{value.upper().replace('-', '_').replace(' ', '_') or 'UNSPECIFIED'}"


_CONSTANT: Mapping[str, Any] = {
    "backgroundColor": "42413e",
    "categoryPath": "rifle/ak-47",
    "classId": "3669724953",
    "depositLocked": False,
    "description": "",
    "gameType": "steam",
    "imageUri": "",
    "nameColor": "d2d2d2",
    "type": "rifle",
    "status": "default",
    "withdrawalState8": False,
    "withdrawOnlyEndTime": None,
}
_CS2: Mapping[str, Any] = {
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
_BLOCKS: Mapping[str, Any] = {
    "dota2": {
        "gems": [{"name": "Example Gem", "image": "", "type": "kinetic"}],
        "hero": "axe",
        "quality": "standard",
        "rarity": "mythical",
        "slot": "SLOT_WEAPON",
    },
    "rust": {"categoryPath": "skin/door", "type": "door"},
    "tf2": {
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
    },
}

"""Faults on request: what a service answers on a bad day."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LIST_KEYS = ("items", "aggregatedPrices", "orders", "sales", "reducedFees", "usd")
PRICE_KEYS = frozenset({"priceCents", "Amount", "price", "minPrice", "maxPrice", "minAmount", "usd", "usdAvailableToWithdraw"})
STATUSES = frozenset(map(str, (401, 403, 404, 410, 429, 500, 502, 503, 504)))
KINDS = STATUSES | {"html", "empty", "truncated", "units", "fields", "skew", "redirect", "endless", "repeat", "hang"}
SKEW_S = 300
JSON = [("Content-Type", "application/json")]
REPLACED: Mapping[str, tuple[int, list[tuple[str, str]], bytes]] = {
    "hang": (0, [], b""),
    "html": (200, [("Content-Type", "text/html")], b"<!doctype html><title>Just a moment...</title>"),
    "empty": (200, JSON, b""),
    "redirect": (302, [("Location", "https://elsewhere.invalid/")], b""),
}
"""Faults that need no answer to be spoiled: status (0: never answered), headers and body."""


@dataclass(slots=True)
class Faults:
    """`wanted` maps an endpoint name or "*" to a kind, with ":N" for the first N calls only. ValueError if a kind is unknown."""

    wanted: Mapping[str, str] = field(default_factory=dict)
    fired: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for text in self.wanted.values():
            kind, _, times = text.partition(":")
            if kind not in KINDS or not (times or "1").isdigit():
                raise ValueError(f"{text!r} is no fault: known are {', '.join(sorted(KINDS))}, each with an optional :N")

    def take(self, endpoint: str) -> str:
        """The fault that this call meets, "" if none; it is counted as fired."""
        name = endpoint if endpoint in self.wanted else "*"
        kind, _, times = self.wanted.get(name, "").partition(":")
        if not kind or (times and self.fired[name] >= int(times)):
            return ""
        self.fired[name] += 1
        return kind


def in_hundredths(body: bytes) -> bytes:
    """The answer with every price × 100."""
    return json.dumps(_scaled(json.loads(body), ""), ensure_ascii=False).encode()


def _scaled(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _scaled(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_scaled(inner, key) for inner in value]
    if key not in PRICE_KEYS or not value:
        return value
    if isinstance(value, int):
        return value * 100
    whole, point, cents = value.partition(".")
    return f"{whole}{cents}.00" if point else f"{whole}00"


def without_list(body: bytes) -> bytes:
    """The answer without the key that holds its rows."""
    return json.dumps({key: value for key, value in json.loads(body).items() if key not in LIST_KEYS}, ensure_ascii=False).encode()


def with_cursor(body: bytes, cursor: str) -> bytes:
    """The answer with another cursor to follow, where the endpoint has one."""
    answer = json.loads(body)
    return json.dumps(answer | {key: cursor for key in ("cursor", "nextCursor") if key in answer}, ensure_ascii=False).encode()

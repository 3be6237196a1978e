"""How often the market may be asked: the documented limits, and what an answer's headers say of them (dmarket-api.md chapter 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from dmscan.market.endpoints import Endpoint

_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)


class Group(StrEnum):
    """Endpoints that share one limit."""

    FEES = "fees"
    ITEMS = "items"
    SALES = "sales"
    OTHERS = "others"


MEMBERS: Mapping[Endpoint, Group] = {
    Endpoint.FEES: Group.FEES,
    Endpoint.PRICES: Group.ITEMS,
    Endpoint.OFFERS: Group.ITEMS,
    Endpoint.SALES: Group.SALES,
}
SIGNED: Mapping[Group, int] = {Group.FEES: 110, Group.ITEMS: 10, Group.SALES: 6, Group.OTHERS: 20}
"""Requests a second and account."""
KEYLESS: Mapping[Group, int] = {Group.FEES: 2, Group.ITEMS: 2, Group.OTHERS: 6}
"""Requests a second and address."""


class Shown(Struct, frozen=True):
    """What an answer says: the limit, what remains of it, and after how many seconds it is renewed (None: not said)."""

    limit: int | None = None
    remaining: int | None = None
    reset: int | None = None


def limits(*, signed: bool) -> Mapping[Group, int]:
    return SIGNED if signed else KEYLESS


def group_of(endpoint: Endpoint, *, signed: bool) -> Group:
    """An endpoint without a limit of its own counts with all others."""
    group = MEMBERS.get(endpoint, Group.OTHERS)
    return group if group in limits(signed=signed) else Group.OTHERS


def shown(headers: Mapping[str, str]) -> Shown:
    """From a reply's headers, names in lower case; the ones of the second go before those of an unnamed span."""
    return Shown(
        _number(headers, "x-ratelimit-limit-second", "ratelimit-limit") or None,
        _number(headers, "x-ratelimit-remaining-second", "ratelimit-remaining"),
        _number(headers, "ratelimit-reset"),
    )


def _number(headers: Mapping[str, str], *names: str) -> int | None:
    for name in names:
        text = headers.get(name, "").strip()
        if _DIGITS.fullmatch(text):
            return int(text)
    return None

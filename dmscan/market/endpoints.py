"""The reading endpoints: all that can be called (dmarket-api.md chapter 3)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import quote

from msgspec import Struct


class Endpoint(StrEnum):
    PRICES = "aggregated-prices"
    OFFERS = "v2/offers"
    TARGETS = "targets-by-title"
    SALES = "last-sales"
    FEES = "customized-fees"
    BALANCE = "balance"


class Route(Struct, frozen=True):
    """`open_ended`: segments follow the path."""

    method: str
    path: str
    open_ended: bool = False

    def allows(self, method: str, path: str) -> bool:
        return method == self.method and (path.startswith(f"{self.path}/") if self.open_ended else path == self.path)


ROUTES = {
    Endpoint.PRICES: Route("POST", "/marketplace-api/v1/aggregated-prices"),
    Endpoint.OFFERS: Route("GET", "/marketplace-api/v2/offers"),
    Endpoint.TARGETS: Route("GET", "/marketplace-api/v1/targets-by-title", open_ended=True),
    Endpoint.SALES: Route("GET", "/trade-aggregator/v1/last-sales"),
    Endpoint.FEES: Route("GET", "/exchange/v1/customized-fees"),
    Endpoint.BALANCE: Route("GET", "/account/v1/balance"),
}


def only_reads(method: str, path: str) -> bool:
    """Whether a request is one of the reading ones."""
    return any(route.allows(method, path) for route in ROUTES.values())


class Call(Struct, frozen=True):
    """One request to make. `segments` and `query` are decoded; `older` is the same question in an earlier edition's spelling."""

    endpoint: Endpoint
    segments: tuple[str, ...] = ()
    query: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    older: Call | None = None

    @property
    def method(self) -> str:
        return ROUTES[self.endpoint].method

    @property
    def path(self) -> str:
        """As signed: decoded (dmarket-api.md chapter 1.2)."""
        return "/".join((ROUTES[self.endpoint].path, *self.segments))

    @property
    def encoded_path(self) -> str:
        return "/".join((ROUTES[self.endpoint].path, *map(_segment, self.segments)))

    @property
    def encoded_query(self) -> str:
        return "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in self.query)


def _segment(text: str) -> str:
    # A segment of dots alone would be folded away as a relative path.
    return quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")

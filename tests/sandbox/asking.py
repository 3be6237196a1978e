"""A reader of the sandbox: signed requests for each endpoint, and a clock that is moved by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dmscan.clock import Clock
from dmscan.sandbox.gate import signed_text
from dmscan.sandbox.server import Request, Sandbox

BORN = 1_792_500_000
IDS = {"cs2": "a8db", "dota2": "9a92", "tf2": "tf2", "rust": "rust"}
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@dataclass
class Hands:
    """A clock that stands still until it is moved."""

    at: float = BORN

    def clock(self) -> Clock:
        return Clock(now=lambda: self.at, monotonic=lambda: self.at - BORN)


def signed(method: str, target: str, body: bytes = b"", at: int = BORN) -> Request:
    signature = KEY.sign(signed_text(method, target, body, str(at))).hex()
    public = KEY.public_key().public_bytes_raw().hex()
    return Request(method, target, {"x-api-key": public, "x-sign-date": str(at), "x-request-sign": f"dmar ed25519 {signature}"}, body)


def read(endpoint: str, game: str = "cs2", title: str = "", **query: object) -> Request:
    """A signed request for one page of an endpoint."""
    params = "".join(f"&{name}={quote(str(value), safe='')}" for name, value in query.items())
    match endpoint:
        case "aggregated-prices":
            wanted = {"game": IDS[game], "includeP2p": query.pop("includeP2p", False)} | (
                {"titles": query.pop("titles")} if "titles" in query else {}
            )
            return signed("POST", "/marketplace-api/v1/aggregated-prices", json.dumps({"filter": wanted, "limit": "100", **query}).encode())
        case "v2/offers":
            limit = "" if "limit" in query else "&limit=100"
            return signed("GET", f"/marketplace-api/v2/offers?gameId={IDS[game]}&title={quote(title, safe='')}{limit}{params}")
        case "targets-by-title":
            return signed("GET", f"/marketplace-api/v1/targets-by-title/{IDS[game]}/{quote(title, safe='')}")
        case "last-sales":
            return signed("GET", f"/trade-aggregator/v1/last-sales?gameId={IDS[game]}&title={quote(title, safe='')}{params}")
        case "customized-fees":
            return signed("GET", f"/exchange/v1/customized-fees?gameId={IDS[game]}{params}")
    return signed("GET", "/account/v1/balance")


def answered(sandbox: Sandbox, request: Request) -> Any:
    response = sandbox.respond(request)
    assert response.status == 200, response
    return json.loads(response.body)

"""Who may ask how often: signatures and the limits of a sliding second (dmarket-api.md chapters 1 and 5)."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WINDOW_S = 120
GROUPS = {"v2/offers": "items", "aggregated-prices": "items", "last-sales": "sales", "customized-fees": "fees"}
SIGNED_LIMITS = {"items": 10, "sales": 6, "fees": 110, "others": 20}
KEYLESS_LIMITS = {"items": 2, "sales": 6, "fees": 2, "others": 6}

_KEY = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"dmar ed25519 ([0-9a-f]{128})")
_DATE = re.compile(r"[0-9]{1,12}", re.ASCII)


def signed_text(method: str, target: str, body: bytes, date: str) -> bytes:
    """What is signed: the path decoded, the query as sent, then body and date, joined without separators."""
    path, mark, query = target.partition("?")
    return f"{method}{unquote(path)}{mark if query else ''}{query}".encode("utf-8", "surrogateescape") + body + date.encode()


def is_signed(method: str, target: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether a fresh signature verifies with the public key sent beside it; any key pair will do."""
    key, date = headers.get("x-api-key", ""), headers.get("x-sign-date", "")
    signature = _SIGNATURE.fullmatch(headers.get("x-request-sign", ""))
    if not (_KEY.fullmatch(key) and _DATE.fullmatch(date) and signature) or abs(now - int(date)) > WINDOW_S:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature[1]), signed_text(method, target, body, date))
    except (InvalidSignature, ValueError):
        return False
    return True


class Limits:
    """Requests let through per group of endpoints in any second; `rate` replaces the documented numbers."""

    def __init__(self, rate: int | None = None) -> None:
        self._rate = rate
        self._passed: dict[tuple[str, bool], deque[float]] = {}

    def enter(self, endpoint: str, signed: bool, now: float) -> tuple[bool, int, int]:
        """Whether the request may pass, the limit, and what remains of it in this second."""
        group = GROUPS.get(endpoint, "others")
        limit = self._rate or (SIGNED_LIMITS if signed else KEYLESS_LIMITS)[group]
        passed = self._passed.setdefault((group, signed), deque())
        while passed and passed[0] <= now - 1:
            passed.popleft()
        if len(passed) >= limit:
            return False, limit, 0
        passed.append(now)
        return True, limit, limit - len(passed)

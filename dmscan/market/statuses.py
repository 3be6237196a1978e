"""What a status means: which error a reply is, and whether another attempt may help (dmarket-api.md chapter 6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec

from dmscan.errors import ClockSkewed, MarketChanged, MarketError, MarketRefused, MarketUnavailable, RateLimited
from dmscan.market.endpoints import Endpoint
from dmscan.market.exchange import Reply

MAX_SKEW_S = 120
LONGEST_PAUSE_S = 60

OF_ONE_TITLE = frozenset({Endpoint.OFFERS, Endpoint.TARGETS, Endpoint.SALES})
"""Here a refusal may lie in an odd title alone, which must not end the scan of all others."""

_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_INVISIBLE = re.compile(r"[^ -~]+", re.ASCII)
_KEY_MATERIAL = re.compile(r"[0-9a-fA-F]{16,}", re.ASCII)
"""A server may say back what it was sent."""


class Refusal(Exception):
    """One attempt failed with `error`; `status` is 0 where nothing came back, `again` whether another attempt may help."""

    def __init__(self, error: MarketError, *, again: bool, status: int = 0, timed_out: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.again = again
        self.status = status
        self.timed_out = timed_out


def refusal(reply: Reply, endpoint: Endpoint, key: str, now: float) -> Refusal | None:
    """None for 200. `key` is the public key, "" without one; `now` Unix seconds of this computer."""
    status = reply.status
    if status == 200:
        return None
    if status == 401:
        error = _unauthorized(reply, endpoint, key, now)
    elif status == 403:
        error = MarketRefused(f"The market refuses {endpoint}{_to(key)}; the account or this address may be blocked.", endpoint)
    elif status == 410 or (status == 404 and endpoint is not Endpoint.TARGETS):
        error = MarketChanged(f"The market has retired {endpoint} or moved it (status {status}).", endpoint)
    elif status == 429:
        later = _later(reply.headers, now)
        error = RateLimited(f"The market keeps refusing {endpoint} for too many requests; try {later} or with a lower --rate.", endpoint)
    elif 300 <= status < 400:
        error = MarketUnavailable(f"The market answered {endpoint} with a redirect, which is not followed.", endpoint)
    elif 400 <= status < 500 and status != 408 and endpoint in OF_ONE_TITLE:
        error = MarketUnavailable(f"The market does not answer {endpoint} for a title (status {status}){_message(reply.body)}.", endpoint)
    elif 400 <= status < 500 and status != 408:
        error = MarketChanged(f"The market does not accept the request to {endpoint} (status {status}){_message(reply.body)}.", endpoint)
    else:
        error = MarketUnavailable(f"The market could not answer {endpoint} (status {status}).", endpoint)
    return Refusal(error, again=status in (408, 429) or not 300 <= status < 500, status=status)


def pause_asked(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds to wait that a reply asks for, 0 to 60; None if it asks for nothing that can be understood."""
    pause = _pause(headers, now)
    return None if pause is None else min(max(pause, 0.0), LONGEST_PAUSE_S)


def _later(headers: Mapping[str, str], now: float) -> str:
    """When to try again, if that is too long to be waited for."""
    pause = _pause(headers, now) or 0
    return f"in {pause / 60:.0f} minutes, as it asks," if pause > LONGEST_PAUSE_S else "later"


def _pause(headers: Mapping[str, str], now: float) -> float | None:
    for name in ("retry-after", "ratelimit-reset"):
        text = headers.get(name, "").strip()
        if _SECONDS.fullmatch(text):
            return float(text)
        moment = http_date(text)
        if moment is not None:
            return moment - now
    return None


def http_date(text: str) -> float | None:
    """Unix seconds of an HTTP date, None if it is none."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _unauthorized(reply: Reply, endpoint: Endpoint, key: str, now: float) -> MarketError:
    if not key:
        return MarketRefused(f"The market answers {endpoint} only with a key; set DMARKET_PUBLIC_KEY and DMARKET_SECRET_KEY.", endpoint)
    theirs = http_date(reply.headers.get("date", ""))
    if theirs is not None and abs(theirs - now) > MAX_SKEW_S:
        side = "behind" if theirs > now else "ahead of"
        return ClockSkewed(f"This computer's clock is {abs(theirs - now):.0f} s {side} the market's; set it right and try again.", endpoint)
    return MarketRefused(
        f"The market refuses the key …{key[-4:]}; check that it is active and that both keys were copied in full.", endpoint
    )


def _to(key: str) -> str:
    return f" to the key …{key[-4:]}" if key else ""


def _message(body: bytes) -> str:
    """The reason an error body gives, as visible ASCII of at most 200 characters; never the body itself, nor keys and signatures in it."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, object])
    except (ValueError, RecursionError):
        return ""
    reasons = [value for name, value in fields.items() if name.lower() == "message" and isinstance(value, str)]
    return f": {_KEY_MATERIAL.sub('…', _INVISIBLE.sub(' ', reasons[0]))[:200]}" if reasons else ""

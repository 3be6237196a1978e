"""Every question that can be asked, with everything that can go wrong: the error and the number of calls it costs (reliability R6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dmscan.core.models import Game, SaleKind
from dmscan.errors import ClockSkewed, MarketChanged, MarketError, MarketRefused, MarketUnavailable, RateLimited
from dmscan.market.cache import CachedMarket

from fault_scans import leaping_now, market_at
from fault_server import ALWAYS, Fault, misbehaving
from misdeeds import HTML, body, cut, cut_without_length, drip_body, drip_headers, hang, last_chunk_missing, raw, reset, status

pytestmark = pytest.mark.usefixtures("no_backoff")

ASKS: dict[str, Callable[[CachedMarket], Awaitable[Any]]] = {
    "catalogue": lambda market: anext(market.catalogue(Game.CS2)),
    "quotes": lambda market: market.quotes(Game.CS2, ["x"]),
    "fees": lambda market: market.fees(Game.CS2),
    "offers": lambda market: market.offers(Game.CS2, "x"),
    "targets": lambda market: market.targets(Game.CS2, "x"),
    "sales": lambda market: market.sales(Game.CS2, "x"),
    "fills": lambda market: market.sales(Game.CS2, "x", SaleKind.TARGET),
    "balance": lambda market: market.balance(),
}
OF_A_TITLE = ("offers", "targets", "sales", "fills")
"""Here a refusal may lie in the title alone."""
WITH_OLDER_SPELLING = ("targets", "fills")
"""These are asked in an earlier edition's words too, once, after 400 and 404."""

PASSING = {
    "reset": reset,
    "no HTTP": raw(b"hello\r\n\r\n", ends=True),
    "cut": cut,
    "cut without a length": cut_without_length,
    "last chunk missing": last_chunk_missing,
    "hang": hang,
    "headers drip": drip_headers,
    "body drips": drip_body,
    "empty": body(b""),
    "html": body(HTML),
    "array": body(b"[]"),
    "gzip that is none": body(b"{}", ("Content-Encoding", "gzip")),
    "an encoding not asked for": body(b"{}", ("Content-Encoding", "br")),
    "a header of a megabyte": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2**20 + b"\r\n\r\n", ends=True),
    **{str(number): status(number, b"" if number == 204 else b"{}") for number in (101, 204, 206, 408, 500, 502, 503, 504, 520)},
}
SLOW = ("hang", "headers drip", "body drips")


async def cost(ask: str, fault: Callable[..., Any], attempt_s: float = 5.0) -> tuple[type[BaseException], int]:
    """The error that the question ends in and how many requests the market saw."""
    async with misbehaving(Fault(fault, turns=ALWAYS)) as server, market_at(server.url, leaping_now(), attempt_s=attempt_s) as market:
        with pytest.raises(MarketError) as caught:
            await ASKS[ask](market)
        assert caught.value.endpoint in {arrival.endpoint for arrival in server.log} | {""}
        assert market.traffic().sent == len(server.log)
        return type(caught.value), len(server.log)


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("name", PASSING)
async def test_what_may_pass_is_asked_three_times(ask, name, score):
    assert await cost(ask, PASSING[name], 0.2 if name in SLOW else 5.0) == (MarketUnavailable, 3)
    score("R6", "exact")


@pytest.mark.parametrize("ask", ASKS)
async def test_a_429_is_asked_three_times(ask):
    assert await cost(ask, status(429, retry_after="1")) == (RateLimited, 3)
    assert await cost(ask, status(429)) == (RateLimited, 3)


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("number", [301, 302, 303, 304, 307, 308])
async def test_a_redirect_is_asked_once(ask, number):
    assert await cost(ask, status(number, location="/account/v1/balance")) == (MarketUnavailable, 1)


@pytest.mark.parametrize("ask", ASKS)
async def test_a_refused_key_is_asked_once(ask):
    assert await cost(ask, status(401)) == (MarketRefused, 1)
    assert await cost(ask, status(403)) == (MarketRefused, 1)
    assert await cost(ask, status(401, date="Thu, 01 Jan 2026 00:00:00 GMT")) == (ClockSkewed, 1)


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("number", [400, 404, 405, 409, 410, 413, 418, 422])
async def test_a_refusal_of_the_question_is_asked_once_in_each_spelling(ask, number, score):
    calls = 2 if ask in WITH_OLDER_SPELLING and number in (400, 404) else 1
    retired = number == 410 or (number == 404 and ask != "targets")
    assert await cost(ask, status(number)) == (MarketUnavailable if ask in OF_A_TITLE and not retired else MarketChanged, calls)
    score("R6", "exact")


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("answer", [b"{}", b'{"error": {"code": 7}}', b'{"items": 1, "sales": "x", "orders": {}, "usd": []}'])
async def test_another_shape_is_asked_once(ask, answer):
    assert await cost(ask, body(answer)) == (MarketChanged, 1)

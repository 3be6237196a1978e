"""Faults of the line (reliability chapter 2.1)."""

from __future__ import annotations

import asyncio
import gc
import socket
import warnings
from contextlib import closing
from typing import Any

import pytest

from dmscan.core.models import Game
from dmscan.errors import MarketUnavailable
from dmscan.market import wire
from dmscan.market.endpoints import Call, Endpoint
from dmscan.market.exchange import POOL, TIMEOUTS, Exchange, Outgoing, Pool, open_client

from fault_runs import run_alone
from fault_scans import is_honest, is_whole, market_at, scan_at, scan_with, transport_to
from fault_server import ALWAYS, Fault, misbehaving
from misdeeds import (
    closed_afterwards,
    cut,
    cut_without_length,
    hang,
    last_chunk_missing,
    pause,
    raw,
    reset,
    slow,
    status,
    with_headers,
)

pytestmark = pytest.mark.usefixtures("no_backoff")

BALANCE = Call(Endpoint.BALANCE)
EVERY_NINTH = range(0, 1000, 9)
SWEEP_IN_VAIN = {"customized-fees": 6, "aggregated-prices": 6}
"""Three attempts, and three more because a whole game depends on the answer."""


async def test_N1_a_closed_port_ends_in_a_sentence_with_the_host(tmp_path):
    with closing(socket.socket()) as deaf:  # nobody else gets its port meanwhile
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        done = await run_alone(tmp_path, f"http://127.0.0.1:{port}")
    assert (done.code, done.document["stats"]["requests"]) == (10, SWEEP_IN_VAIN)
    assert "127.0.0.1 could not be reached" in done.stderr
    assert str(port) not in done.stderr
    assert done.document["stats"]["elapsed_s"] <= 10


async def test_N2_a_host_without_an_address_ends_in_a_sentence(tmp_path):
    done = await run_alone(tmp_path, "https://market.invalid")
    assert (done.code, done.document["stats"]["requests"]) == (10, SWEEP_IN_VAIN)
    assert "market.invalid could not be reached" in done.stderr


async def test_N3_a_connect_into_a_black_hole_counts_as_a_timeout():
    assert TIMEOUTS["connect"] <= 5
    with closing(socket.socket()) as hole, closing(socket.socket()) as first, closing(socket.socket()) as second:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(hole.getsockname())
        transport = transport_to(f"http://127.0.0.1:{hole.getsockname()[1]}", attempt_s=0.1)
        with pytest.raises(MarketUnavailable, match="did not answer"):
            await transport.ask(BALANCE, wire.balance)
        await transport.close()
    assert (transport.traffic().sent, transport._retries.tokens) == (3, 80)


@pytest.mark.parametrize("turns", [range(2), EVERY_NINTH], ids=["at the start", "again and again"])
async def test_N4_a_reset_before_the_headers_is_asked_again(turns):
    report, _ = await scan_with(Fault(reset, turns=turns))
    assert is_whole(report)


async def test_N5_a_body_cut_short_is_asked_again():
    report, _ = await scan_with(Fault(cut, turns=EVERY_NINTH))
    assert is_whole(report)


async def test_N6_half_a_body_without_a_length_is_no_empty_page():
    report, _ = await scan_with(Fault(cut_without_length, turns=EVERY_NINTH))
    assert is_whole(report)


async def test_N7_a_missing_last_chunk_is_asked_again():
    report, _ = await scan_with(Fault(last_chunk_missing, turns=EVERY_NINTH))
    assert is_whole(report)


async def test_N9_a_connection_closed_while_idle_costs_nothing():
    report, server = await scan_with(Fault(closed_afterwards, turns=ALWAYS))
    assert is_whole(report)
    assert report.stats.traffic.sent == len(server.log)


class Crowd:
    """Answers late, and knows how many waited at the same time."""

    __name__ = "crowd"

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, exchange: Any) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await slow(0.05)(exchange)
        self.now -= 1


async def test_N10_who_finds_the_pool_full_waits_and_never_fails():
    crowd = Crowd()
    async with misbehaving(Fault(crowd, turns=ALWAYS)) as server:
        transport = transport_to(server.url, pool=Pool(10))
        assert len(await asyncio.gather(*[transport.ask(BALANCE, wire.balance) for _ in range(50)])) == 50
        await transport.close()
    assert (crowd.most, transport.traffic().sent, transport.traffic().failed) == (10, 50, 0)


async def test_N12_two_cancels_while_a_body_streams_cost_no_place():
    async def slow_body(exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n1234567890")
        await pause(0.02)
        await exchange.send(b"1234567890")

    async with misbehaving(Fault(slow_body, turns=ALWAYS)) as server:
        exchange = Exchange(open_client())
        request = Outgoing("GET", f"{server.url}/account/v1/balance", {})
        for _ in range(50):
            tasks = [asyncio.create_task(exchange.send(request, 5)) for _ in range(4)]
            await asyncio.sleep(0.005)
            for task in tasks:
                task.cancel()
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        replies = await asyncio.gather(*[exchange.send(request, 5) for _ in range(POOL)])
        assert {reply.body for reply in replies} == {b"12345678901234567890"}
        assert exchange.abandoned == 0
        await exchange.close()


async def test_N16_proxies_of_the_environment_are_not_used(monkeypatch):
    async with misbehaving() as proxy, misbehaving() as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
        assert is_whole(await scan_at(server.url))
    assert server.log
    assert proxy.log == []


@pytest.mark.parametrize("number", [301, 302, 303, 307, 308])
async def test_N18_a_redirect_in_a_circle_is_not_followed(number):
    async with misbehaving(Fault(status(number, location="/account/v1/balance"), "balance", turns=ALWAYS)) as server:
        async with market_at(server.url) as market:
            with pytest.raises(MarketUnavailable, match="redirect, which is not followed"):
                await market.balance()
        assert len(server.log) == 1


@pytest.mark.parametrize("headers", [[("X-Long", "x" * 2**20)], [(f"X-{number}", "y" * 90) for number in range(10_000)]])
async def test_N19_headers_without_measure_are_a_bad_answer_and_asked_again(headers):
    report, _ = await scan_with(Fault(with_headers(*headers), turns=range(0, 1000, 20)))
    assert is_whole(report)


async def test_N20_a_market_away_for_a_moment_is_found_again():
    """The connections there were are gone, and nobody listens for less than the attempts of a request take."""
    async with misbehaving() as server:
        scan = asyncio.create_task(scan_at(server.url))
        while len(server.log) < 12:
            await pause(0.001)
        before = len(server.log)
        await server.close()
        await server.open()
        report = await scan
    assert is_whole(report)
    assert len(server.log) > before


async def test_N21_where_ipv6_leads_nowhere_ipv4_is_used(monkeypatch):
    addresses = socket.getaddrinfo

    def both(host: str, *options: Any, **more: Any) -> list[Any]:
        asked = ("::1", "127.0.0.1") if host == "localhost" else (host,)
        return [found for one in asked for found in addresses(one, *options, **more)]

    async with misbehaving() as server:
        monkeypatch.setattr(socket, "getaddrinfo", both)
        async with market_at(server.url.replace("127.0.0.1", "localhost"), attempt_s=1.0) as market:
            await market.balance()
        assert market.traffic().sent == 1


async def test_a_market_that_says_no_http_at_all_ends_the_scan_soon():
    report, server = await scan_with(Fault(raw(b"220 mail.example ESMTP\r\n", ends=True), turns=ALWAYS))
    assert (report.exit_code(), len(server.log), is_honest(report)) == (10, 12, True)


async def test_offers_that_are_not_answered_at_first_are_asked_again():
    report, _ = await scan_with(Fault(hang, "v2/offers", turns=range(3)), attempt_s=1)
    assert is_whole(report)


async def test_games_are_asked_side_by_side_and_one_that_hangs_holds_up_no_other():
    async with misbehaving(Fault(hang, game="rust", turns=ALWAYS)) as server, market_at(server.url, attempt_s=0.5) as market:
        answers = await asyncio.gather(market.fees(Game.RUST), market.fees(Game.CS2), return_exceptions=True)
    assert isinstance(answers[0], MarketUnavailable)
    assert not isinstance(answers[1], BaseException)


async def test_connections_that_wait_for_work_are_closed_with_the_client_that_was_replaced():
    """Half of a pool abandoned makes a new client; at the end the old one is closed while its last requests are given up."""
    async with misbehaving(Fault(hang, turns=range(8, 12))) as server:
        exchange = Exchange(open_client(pool=Pool(8)))
        request = Outgoing("GET", f"{server.url}/account/v1/balance", {})
        await asyncio.gather(*[exchange.send(request, 5) for _ in range(8)])
        await asyncio.gather(*[exchange.send(request, 0.1) for _ in range(4)], return_exceptions=True)
        assert len(exchange._closing) == 1
        await exchange.close(grace_s=0.01)
        del exchange
        with warnings.catch_warnings(record=True) as left_open:
            warnings.simplefilter("always")
            gc.collect()
    assert [str(warning.message) for warning in left_open] == []

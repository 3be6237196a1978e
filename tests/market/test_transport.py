from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
import tracemalloc
from contextlib import suppress
from email.utils import formatdate
from fractions import Fraction

import httpx
import pytest

from benchmarks.tls_server import throw_away_certificate
from dmscan.clock import Clock
from dmscan.errors import (
    BudgetSpent,
    ClockSkewed,
    MarketChanged,
    MarketError,
    MarketRefused,
    MarketUnavailable,
    RateLimited,
    SettingsError,
)
from dmscan.market import wire
from dmscan.market.endpoints import ROUTES, Call, Endpoint, only_reads
from dmscan.market.exchange import MAX_BODY, POOL, Exchange, NoAnswer, Outgoing, Pool, Reply, Watch, open_client
from dmscan.market.pacing import Pacer
from dmscan.market.sharing import ACCOUNT
from dmscan.market.statuses import pause_asked, refusal
from dmscan.market.transport import Transport

from market_fakes import NOW, OFFICIAL, VECTORS, Script, http, leaping, raw_server, reply, request_head, sample, signer, transport_for

BALANCE = Call(Endpoint.BALANCE)
GOOD = sample("balance")
WALL = Clock()


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch):
    """The waits between attempts are random; the event loop here does not wait them out."""
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda seconds, *rest: sleep(min(seconds, 0.01), *rest))


def outcome(status: int, **headers: str):
    return Script(reply(b'{"message": "no"}', status, **headers))


# Which error a status is, and how many calls it costs

STATUSES = [
    (204, MarketUnavailable, 3),
    (206, MarketUnavailable, 3),
    (301, MarketUnavailable, 1),
    (302, MarketUnavailable, 1),
    (304, MarketUnavailable, 1),
    (400, MarketChanged, 1),
    (401, MarketRefused, 1),
    (403, MarketRefused, 1),
    (404, MarketChanged, 1),
    (408, MarketUnavailable, 3),
    (409, MarketChanged, 1),
    (410, MarketChanged, 1),
    (418, MarketChanged, 1),
    (429, RateLimited, 3),
    (500, MarketUnavailable, 3),
    (502, MarketUnavailable, 3),
    (503, MarketUnavailable, 3),
    (504, MarketUnavailable, 3),
    (520, MarketUnavailable, 3),
]


@pytest.mark.parametrize("call", [BALANCE, Call(Endpoint.PRICES, body=b"{}")], ids=["GET", "POST"])
@pytest.mark.parametrize(("status", "error", "calls"), STATUSES)
async def test_each_status_has_its_error_and_its_number_of_calls(status, error, calls, call):
    script = outcome(status, retry_after="0")
    transport = transport_for(script)
    with pytest.raises(MarketError, match=call.endpoint if status != 401 else "key") as caught:
        await transport.ask(call, wire.balance)
    assert (type(caught.value), caught.value.endpoint, len(script.requests)) == (error, call.endpoint, calls)
    traffic = transport.traffic()
    assert (traffic.sent, traffic.retries) == (calls, calls - 1)
    assert (traffic.rate_limited, traffic.failed) == ((calls, 0) if status == 429 else (0, calls))


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        (httpx.ReadTimeout("secret"), 3),
        (httpx.ConnectError("secret"), 3),
        (httpx.RemoteProtocolError("secret"), 3),
        (httpx.ReadError("secret"), 3),
    ],
)
async def test_trouble_on_the_line_is_tried_three_times_and_names_the_host(fault, calls):
    script = Script(fault)
    with pytest.raises(MarketUnavailable, match=r"api\.dmarket\.com") as caught:
        await transport_for(script).ask(BALANCE, wire.balance)
    assert len(script.requests) == calls
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__.__cause__, type(fault))


@pytest.mark.parametrize("body", [b"", b"<html>", GOOD[:-9]])
async def test_an_unreadable_body_is_tried_again(body):
    script = Script(reply(body), reply(GOOD))
    assert await transport_for(script).ask(BALANCE, wire.balance) == 12345
    assert len(script.requests) == 2


async def test_another_shape_is_not_tried_again():
    script = Script(reply(b'{"EUR": 1}'))
    with pytest.raises(MarketChanged):
        await transport_for(script).ask(BALANCE, wire.balance)
    assert len(script.requests) == 1


async def test_one_500_is_made_good():
    script = Script(reply(b"", 500), reply(GOOD))
    transport = transport_for(script)
    assert await transport.ask(BALANCE, wire.balance) == 12345
    assert (transport.traffic().retries, transport.traffic().failed) == (1, 1)


@pytest.mark.parametrize(("status", "fallback"), [(400, True), (404, True), (410, False), (403, False)])
async def test_an_older_spelling_is_tried_once_on_400_and_404_only(status, fallback):
    script = Script(reply(b"", status), reply(GOOD))
    call = Call(Endpoint.TARGETS, ("a8db", "x"), older=Call(Endpoint.TARGETS, ("csgo", "x")))
    if fallback:
        assert await transport_for(script).ask(call, lambda answer: answer.body) == GOOD
        assert script.requests[1].url.path.endswith("/csgo/x")
    else:
        with pytest.raises(MarketError):
            await transport_for(script).ask(call, lambda answer: answer.body)
        assert len(script.requests) == 1


# What the messages say


@pytest.mark.parametrize(("offset", "words"), [(300, "300 s behind"), (-300, "300 s ahead of")])
async def test_a_401_with_a_skewed_clock_says_by_how_much(offset, words):
    script = outcome(401, date=formatdate(NOW + offset, usegmt=True))
    transport = transport_for(script)
    with pytest.raises(ClockSkewed, match=words):
        await transport.ask(BALANCE, wire.balance)
    assert (len(script.requests), transport.skew_s) == (1, offset)


@pytest.mark.parametrize("date", [formatdate(NOW + 120, usegmt=True), "yesterday", ""])
async def test_a_401_with_a_good_clock_names_the_key_by_four_characters(date):
    public = VECTORS["public_key_hex_64"]
    with pytest.raises(MarketRefused, match=public[-4:]) as caught:
        await transport_for(outcome(401, date=date)).ask(BALANCE, wire.balance)
    assert public[-8:] not in str(caught.value)


async def test_a_401_without_a_key_asks_for_one():
    with pytest.raises(MarketRefused, match="DMARKET_PUBLIC_KEY"):
        await transport_for(outcome(401), signer=None).ask(BALANCE, wire.balance)


def test_an_error_body_is_shown_as_short_visible_ascii():
    body = '{"Message": "bad\\u001b[31m \\u202e' + "x" * 500 + '"}'
    why = refusal(Reply(400, {}, body.encode()), Endpoint.OFFERS, "", NOW)
    assert why
    assert str(why).isascii()
    assert str(why).isprintable()
    assert len(str(why)) < 300
    assert "bad [31m" in str(why)


@pytest.mark.parametrize("body", [b"<html>token</html>", b"\xff", b"[1]", b'{"message": {"token": 1}}', b"[" * 100_000])
def test_an_error_body_that_is_no_message_is_not_shown(body):
    assert "token" not in str(refusal(Reply(400, {}, body), Endpoint.OFFERS, "", NOW))


# Pauses


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        ("1", 1),
        ("0", 0),
        ("86400", 60),
        ("nan", None),
        ("inf", None),
        ("-5", None),
        ("abc", None),
        ("1e3", None),
        ("9" * 400, None),
        ("", None),
        ("١", None),
        (formatdate(NOW + 30, usegmt=True), 30),
        (formatdate(NOW - 30, usegmt=True), 0),
        (formatdate(NOW + 9999, usegmt=True), 60),
    ],
)
def test_a_pause_is_digits_or_a_date_within_a_minute(text, pause):
    assert pause_asked({"retry-after": text}, NOW) == pause
    assert pause_asked({"ratelimit-reset": text}, NOW) == pause


async def test_a_429_holds_every_task_back_by_the_pause_asked_for():
    clock = leaping()
    began = clock.monotonic()
    transport = transport_for(Script(reply(b"", 429, retry_after="7"), reply(b"", 429, retry_after="nan"), reply(GOOD)), clock=clock)
    assert await transport.ask(BALANCE, wire.balance) == 12345
    traffic = transport.traffic()
    assert (traffic.rate_limited, traffic.retries) == (2, 2)
    assert 8_000 <= traffic.held_ms <= 15_100
    assert traffic.held_ms <= traffic.waited_ms <= 1000 * (clock.monotonic() - began) + 1


async def test_the_headers_of_an_answer_bind_the_next_requests():
    clock = leaping()
    transport = transport_for(Script(reply(GOOD, x_ratelimit_limit_second="1")), clock=clock, pacer=Pacer(clock, Fraction(50)))
    for _ in range(5):
        await transport.ask(BALANCE, wire.balance)
    assert clock.monotonic() >= 1000 + 4


@pytest.mark.parametrize(("status", "released"), [(200, True), (404, True), (503, False)])
async def test_only_an_answer_of_the_market_itself_ends_a_hold(status, released):
    transport = transport_for(Script(reply(b"", 429, retry_after="1"), reply(GOOD, status)), pacer=Pacer(leaping()))
    with suppress(MarketError):
        await transport.ask(BALANCE, wire.balance)
    assert (not transport.pacer._board.known[ACCOUNT].pace.refusals) is released


async def test_a_request_tells_when_it_connects_and_when_it_goes():
    async def handler(reader, writer):
        while True:
            await request_head(reader)
            writer.write(http(GOOD))

    async with raw_server(handler) as url:
        told = []

        async def sending() -> None:
            told.append("sending")

        exchange = Exchange(open_client())
        for _ in range(2):
            await exchange.send(
                Outgoing("GET", f"{url}/account/v1/balance", {}, watch=Watch(lambda _: told.append("connecting"), sending)), 5
            )
        await exchange.close()
    assert told == ["connecting", "sending", "sending"]


# Budget


async def test_the_budget_counts_retries_and_is_never_exceeded():
    script = Script(reply(b"", 500))
    transport = transport_for(script, max_requests=2)
    with pytest.raises(BudgetSpent):
        await transport.ask(BALANCE, wire.balance)
    assert len(script.requests) == transport.traffic().sent == 2
    assert transport.traffic().retries == 1


async def test_many_tasks_together_keep_the_budget():
    script = Script(reply(GOOD))
    transport = transport_for(script, max_requests=5)
    outcomes = await asyncio.gather(*[transport.ask(BALANCE, wire.balance) for _ in range(20)], return_exceptions=True)
    assert len(script.requests) == outcomes.count(12345) == 5


# Only reading, keys only home


WRITES = [
    ("PATCH", "/exchange/v1/offers-buy"),
    ("POST", "/marketplace-api/v1/user-targets/create"),
    ("POST", "/marketplace-api/v1/user-targets/delete"),
    ("POST", "/marketplace-api/v2/offers:batchCreate"),
    ("POST", "/marketplace-api/v2/offers:batchUpdate"),
    ("POST", "/marketplace-api/v2/offers:batchDelete"),
    ("POST", "/marketplace-api/v1/deposit-assets"),
    ("POST", "/marketplace-api/v1/user-inventory/sync"),
    ("POST", "/exchange/v1/withdraw-assets"),
    ("DELETE", "/marketplace-api/v2/offers"),
    ("POST", "/marketplace-api/v2/offers"),
    ("GET", "/account/v1/user"),
    ("POST", "/marketplace-api/v1/targets-by-title/a8db/x"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_no_writing_call_can_leave(method, path):
    script = Script(reply(GOOD))
    exchange = Exchange(open_client(httpx.MockTransport(script)))
    with pytest.raises(RuntimeError, match="not one of the reading endpoints"):
        await exchange.send(Outgoing(method, OFFICIAL + path, {}), 1)
    assert not script.requests


def test_every_endpoint_reads_and_only_quotes_are_asked_by_post():
    calls = [Call(endpoint, ("a8db", "x") if ROUTES[endpoint].open_ended else ()) for endpoint in Endpoint]
    assert all(only_reads(call.method, call.path) for call in calls)
    assert [call.endpoint for call in calls if call.method != "GET"] == [Endpoint.PRICES]


@pytest.mark.parametrize("title", ["../../../exchange/v1/offers-buy", "..", ".", "a/b", "a?b#c", "%2e%2e"])
async def test_a_hostile_title_stays_in_its_place_in_the_path(title):
    script = Script(reply(GOOD))
    await transport_for(script).ask(Call(Endpoint.TARGETS, ("a8db", title)), lambda answer: answer.body)
    path = script.requests[0].url.raw_path.decode()
    assert path.startswith("/marketplace-api/v1/targets-by-title/a8db/")
    assert path.count("/") == 5


@pytest.mark.parametrize("url", [OFFICIAL, "http://127.0.0.1:8080", "http://localhost", "http://[::1]:9"])
async def test_keys_may_go_to_the_service_and_to_loopback(url):
    assert transport_for(Script(reply(GOOD)), base_url=url).signed


@pytest.mark.parametrize(
    "url",
    [
        "https://dmarket.com",
        "https://api.dmarket.com.evil.example",
        "http://api.dmarket.com",
        "https://evil.example",
        "http://169.254.169.254",
    ],
)
async def test_keys_go_nowhere_else(url):
    with pytest.raises(SettingsError, match=r"api\.dmarket\.com"):
        transport_for(Script(reply(GOOD)), base_url=url)
    script = Script(reply(GOOD))
    await transport_for(script, base_url=url, signer=None).ask(BALANCE, wire.balance)
    assert not [name for name in script.requests[0].headers if name.startswith("x-")]


async def test_the_loggers_of_the_library_keep_urls_to_themselves(caplog):
    caplog.set_level(logging.DEBUG)
    await transport_for(Script(reply(GOOD))).ask(BALANCE, wire.balance)
    assert [record.name for record in caplog.records] == ["dmscan.market"]
    assert OFFICIAL not in caplog.text


# Faults of the wire


def transport_to(url: str, **changes) -> Transport:
    return Transport(open_client(), url, signer(), Pacer(WALL, Fraction(10_000)), WALL, **changes)


async def test_a_redirect_is_not_followed_and_the_second_server_sees_nothing():
    seen = []

    async def second(reader, writer):
        seen.append(await request_head(reader))

    async with raw_server(second) as elsewhere:

        async def first(reader, writer):
            await request_head(reader)
            writer.write(http(b"", f"Location: {elsewhere}/account/v1/balance", status="302 Found"))

        async with raw_server(first) as url:
            transport = transport_to(url)
            with pytest.raises(MarketUnavailable, match="redirect"):
                await transport.ask(BALANCE, wire.balance)
            await transport.close()
    assert not seen


def _chunked(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body)


FAULTS = {
    "reset before headers": b"",
    "cut in the middle of the body": http(GOOD)[:-20],
    "half a body without a length": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + GOOD[:30],
    "last chunk missing": _chunked(GOOD),
    "no HTTP at all": b"hello\r\n\r\n",
    "an encoding not asked for": http(GOOD, "Content-Encoding: br"),
    "gzip that is none": http(GOOD, "Content-Encoding: gzip"),
    "gzip cut short": http(gzip.compress(GOOD)[:-4], "Content-Encoding: gzip"),
    "gzip bomb": http(gzip.compress(bytes(64 * 2**20)), "Content-Encoding: gzip"),
    "length beyond the cap": f"HTTP/1.1 200 OK\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n".encode(),
    "body beyond the cap": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + bytes(MAX_BODY + 1),
    "header of a megabyte": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2**20 + b"\r\n\r\n",
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_broken_answer_is_tried_again_and_made_good(fault):
    answers = [fault, http(GOOD, "Connection: close")]

    async def handler(reader, writer):
        await request_head(reader)
        writer.write(answers.pop(0))
        await writer.drain()

    async with raw_server(handler) as url:
        transport = transport_to(url)
        assert await transport.ask(BALANCE, wire.balance) == 12345
        assert transport.traffic().retries == 1
        await transport.close()


async def test_a_gzip_bomb_is_never_held_in_memory():
    async def handler(reader, writer):
        await request_head(reader)
        writer.write(bomb)
        await writer.drain()

    bomb = http(gzip.compress(bytes(128 * 2**20)), "Content-Encoding: gzip")
    async with raw_server(handler) as url:
        exchange = Exchange(open_client())
        tracemalloc.start()
        with pytest.raises(NoAnswer, match="more than 8 MiB"):
            await exchange.send(Outgoing("GET", f"{url}/account/v1/balance", {}), 20)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await exchange.close()
    assert peak < 4 * MAX_BODY


async def test_gzip_and_plain_answers_are_read():
    answers = [http(gzip.compress(GOOD), "Content-Encoding: gzip"), http(GOOD)]
    heads = []

    async def handler(reader, writer):
        while answers:
            heads.append(await request_head(reader))
            writer.write(answers.pop(0))

    async with raw_server(handler) as url:
        transport = transport_to(url)
        assert [await transport.ask(BALANCE, wire.balance) for _ in range(2)] == [12345, 12345]
        await transport.close()
    assert "Accept-Encoding: gzip\r\n" in heads[0]
    assert "User-Agent: dmscan/" in heads[0]


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"], ids=["headers", "body"]
)
async def test_a_dripping_server_is_left_after_the_limit(start):
    async def handler(reader, writer):
        await request_head(reader)
        writer.write(start)
        for _ in range(200):
            writer.write(b"x")
            await writer.drain()
            await asyncio.Event().wait() if writer.is_closing() else await _pause()

    async with raw_server(handler) as url:
        transport = transport_to(url, attempt_s=0.1)
        with pytest.raises(MarketUnavailable, match=r"127\.0\.0\.1 did not answer"):
            await transport.ask(BALANCE, wire.balance)
        assert transport.traffic().failed == 3
        await transport.close()


async def _pause() -> None:
    await asyncio.wait({asyncio.create_task(asyncio.Event().wait())}, timeout=0.02)


async def test_a_closed_port_is_reported_without_a_traceback_of_the_library():
    async with raw_server(lambda reader, _: request_head(reader)) as url:
        pass
    transport = transport_to(url)
    with pytest.raises(MarketUnavailable, match=r"127\.0\.0\.1 could not be reached"):
        await transport.ask(BALANCE, wire.balance)
    assert transport.traffic().sent == 3


async def _pool_is_free(exchange: Exchange, url: str) -> None:
    """As many requests at once as the pool has places: none of them waits for a leaked one."""
    request = Outgoing("GET", f"{url}/account/v1/balance", {})
    replies = await asyncio.gather(*[exchange.send(request, 5) for _ in range(POOL)])
    assert {reply.status for reply in replies} == {200}


async def test_cancelled_callers_never_cost_the_pool_a_place():
    async def handler(reader, writer):
        while True:
            await request_head(reader)
            writer.write(http(GOOD))

    async with raw_server(handler) as url:
        opened = []
        exchange = Exchange(open_client(), lambda: opened.append(open_client()) or opened[-1])
        request = Outgoing("GET", f"{url}/account/v1/balance", {})
        for steps in range(40):
            tasks = [asyncio.create_task(exchange.send(request, 5)) for _ in range(8)]
            for _ in range(steps % 20):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await _pool_is_free(exchange, url)
        await exchange.close()
        assert exchange.abandoned == 0


async def test_at_half_the_pool_abandoned_a_new_client_takes_over():
    heads = []

    async def handler(reader, writer):
        while True:
            heads.append(await request_head(reader))
            if len(heads) <= POOL // 2:
                await reader.read()
            writer.write(http(GOOD))

    async with raw_server(handler) as url:
        opened = []
        exchange = Exchange(open_client(), lambda: opened.append(open_client()) or opened[-1])
        request = Outgoing("GET", f"{url}/account/v1/balance", {})
        for _ in range(POOL // 2):
            with pytest.raises(NoAnswer):
                await exchange.send(request, 0.02)
        assert (len(opened), exchange.abandoned) == (1, 0)
        await _pool_is_free(exchange, url)
        await exchange.close(grace_s=0)
        assert all(client.is_closed for client in opened)


async def test_requests_do_not_gather_before_a_small_pool_and_then_go_together():
    at = []

    async def handler(reader, writer):
        while True:
            await request_head(reader)
            at.append(WALL.monotonic())
            await asyncio.wait({asyncio.create_task(asyncio.Event().wait())}, timeout=1.2 if len(at) <= 2 else 0)
            writer.write(http(GOOD))

    async with raw_server(handler) as url:
        client = open_client(pool=Pool(2))
        transport = Transport(client, url, signer(), Pacer(Clock(), Fraction(10)), WALL)
        assert await asyncio.gather(*[transport.ask(BALANCE, wire.balance) for _ in range(14)]) == [12345] * 14
        await transport.close()
    assert all(later - earlier > 0.9 for earlier, later in zip(at, at[10:], strict=False))


@pytest.mark.parametrize("size", [1, 3, 8])
async def test_abandoned_requests_take_no_place_from_those_that_are_waited_for(size):
    lost, heads, together = (size - 1) // 2, [], asyncio.Barrier(size)

    async def handler(reader, writer):
        heads.append(await request_head(reader))
        if len(heads) <= lost:
            await reader.read()
        await together.wait()
        writer.write(http(GOOD))

    async with raw_server(handler) as url:
        exchange = Exchange(open_client(pool=Pool(size)))
        request = Outgoing("GET", f"{url}/account/v1/balance", {})
        for _ in range(lost):
            with pytest.raises(NoAnswer):
                await exchange.send(request, 0.05)
        replies = await asyncio.gather(*[exchange.send(request, 5) for _ in range(size)])
        assert {reply.status for reply in replies} == {200}
        assert exchange.abandoned == lost
        await exchange.close(grace_s=0)


async def test_a_caller_who_leaves_does_not_stop_the_request():
    arrived, answered = asyncio.Event(), asyncio.Event()

    async def handler(reader, writer):
        await request_head(reader)
        arrived.set()
        await answered.wait()
        writer.write(http(GOOD))

    async with raw_server(handler) as url:
        transport = transport_to(url)
        task = asyncio.create_task(transport.ask(BALANCE, wire.balance))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        exchange = transport._exchange
        (flying,) = exchange._flying
        answered.set()
        assert (await flying).status == 200
        assert exchange.abandoned == 0
        await transport.close()


async def test_a_refused_certificate_is_not_tried_again(tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(throw_away_certificate(tmp_path))
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    transport = transport_to(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(MarketUnavailable, match="TLS certificate"):
        await transport.ask(BALANCE, wire.balance)
    assert transport.traffic().sent == 1
    server.close()
    await transport.close()


async def test_answer_times_are_kept_as_median_and_95th_percentile():
    ticks = iter(range(10_000))
    clock = Clock(now=lambda: NOW, monotonic=lambda: next(ticks))
    transport = transport_for(Script(reply(GOOD)), clock=clock)
    for _ in range(3):
        await transport.ask(BALANCE, wire.balance)
    traffic = transport.traffic()
    assert (traffic.requests, traffic.api_ms) == ({"balance": 3}, (1000, 1000))

"""What holds over HTTP/1.1 holds over HTTP/2, against a real server over TLS."""

from __future__ import annotations

import asyncio
import gzip
import importlib.util
import logging
import tracemalloc
from collections.abc import Awaitable, Callable
from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.tls_server import Served, Stream, Visit, serving, throw_away_certificate, trust
from dmscan.clock import Clock
from dmscan.market import wire
from dmscan.market.endpoints import Call, Endpoint
from dmscan.market.exchange import MAX_BODY, Exchange, NoAnswer, Outgoing, Pool, Watch, open_client
from dmscan.market.pacing import Pacer
from dmscan.market.sharing import board_for
from dmscan.market.transport import Transport

from market_fakes import sample, signer

BALANCE = Call(Endpoint.BALANCE)
GOOD = sample("balance")
HTTP2 = Pool(http2=True)
WALL = Clock()

Rude = Callable[[Stream], Awaitable[None]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """One that the clients of this process do trust."""
    path = throw_away_certificate(tmp_path_factory.mktemp("tls"))
    trust(path)
    return path


def asking(served: Served) -> Outgoing:
    return Outgoing("GET", f"{served.url}/account/v1/balance", {})


async def good(visit: Visit) -> None:
    await visit.answer(GOOD)


def once(rude: Rude, *before: Rude) -> Callable[[Visit], Awaitable[None]]:
    """Rude to the first (or to the one after those `before`), good to all others."""
    left = [rude, *before]

    async def handle(visit: Visit) -> None:
        await (left.pop() if left else good)(visit)

    return handle


def transport_to(served: Served, pacer: Pacer | None = None, pool: Pool = HTTP2, **changes) -> Transport:
    return Transport(open_client(pool=pool), served.url, signer(), pacer or Pacer(WALL, Fraction(10_000)), WALL, **changes)


@pytest.mark.parametrize(("pool", "protocol"), [(HTTP2, "h2"), (Pool(), "http/1.1")])
async def test_http2_is_spoken_if_and_only_if_it_is_asked_for(certificate, pool, protocol):
    async with serving(certificate, good) as served:
        transport = transport_to(served, pool=pool)
        assert await asyncio.gather(*[transport.ask(BALANCE, wire.balance) for _ in range(12)]) == [12345] * 12
        await transport.close()
    assert served.protocols == {protocol: 12}
    assert (served.connections == 1) is pool.http2


# What the server does wrong


async def _cut(stream: Stream) -> None:
    stream.begin([("content-length", "100")])
    await stream.go_on(GOOD[:12])
    stream.http2.end_stream(stream.number)
    await stream.flush()


async def _reset(stream: Stream) -> None:
    stream.begin([])
    await stream.go_on(GOOD[:12])
    stream.http2.reset_stream(stream.number)
    await stream.flush()


async def _go_away(stream: Stream) -> None:
    stream.http2.close_connection(last_stream_id=0)
    await stream.flush()


async def _go_away_in_the_middle(stream: Stream) -> None:
    """As if it had never heard of the request."""
    stream.begin([])
    await stream.go_on(GOOD[:12])
    stream.http2.close_connection(last_stream_id=1)
    await stream.flush()


async def _bad_frames(stream: Stream) -> None:
    stream.begin([])
    await stream.go_on(GOOD[:12])
    stream._writer.write(b"\x00\x00\x01\x00\x00\x00\x00\x00\x63x")  # data of a stream that never was
    await stream.flush()


async def _many_headers(stream: Stream) -> None:
    stream.begin([(f"x-{number}", "x" * 1000) for number in range(100)])
    await stream.flush()


async def _bomb(stream: Stream) -> None:
    await stream.answer(gzip.compress(bytes(64 * 2**20)), [("content-encoding", "gzip")])


async def _too_long(stream: Stream) -> None:
    await stream.answer(bytes(MAX_BODY + 1))


async def _without_end(stream: Stream) -> None:
    stream.begin([])
    while True:
        await stream.go_on(bytes(100_000))


FAULTS = [_cut, _reset, _go_away, _go_away_in_the_middle, _bad_frames, _many_headers, _bomb, _too_long, _without_end]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_broken_answer_is_tried_again_and_made_good(certificate, fault):
    async with serving(certificate, once(fault, good)) as served:
        transport = transport_to(served)
        assert [await transport.ask(BALANCE, wire.balance) for _ in range(2)] == [12345, 12345]
        assert transport.traffic().retries == 1
        assert await asyncio.gather(*[transport.ask(BALANCE, wire.balance) for _ in range(5)]) == [12345] * 5
        await transport.close()
    assert set(served.protocols) == {"h2"}


async def test_a_gzip_bomb_is_never_held_in_memory(certificate):
    bomb = gzip.compress(bytes(128 * 2**20))

    async def handler(visit: Visit) -> None:
        await visit.answer(bomb, [("content-encoding", "gzip")])

    async with serving(certificate, handler) as served:
        exchange = Exchange(open_client(pool=HTTP2))
        tracemalloc.start()
        with pytest.raises(NoAnswer, match="more than 8 MiB"):
            await exchange.send(asking(served), 20)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await exchange.close()
    assert peak < 4 * MAX_BODY


async def _silent(_: Visit) -> None:
    await asyncio.Event().wait()


async def _dripping(stream: Stream) -> None:
    stream.begin([])
    while True:
        await stream.go_on(b"x")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("rude", [_silent, _dripping])
async def test_a_slow_answer_is_left_after_the_limit_and_holds_nobody_else_up(certificate, rude):
    async with serving(certificate, once(rude)) as served:
        exchange = Exchange(open_client(pool=HTTP2))
        slow = asyncio.create_task(exchange.send(asking(served), 0.5))
        await asyncio.sleep(0.1)
        assert [reply.body for reply in await asyncio.gather(*[exchange.send(asking(served), 5) for _ in range(20)])] == [GOOD] * 20
        with pytest.raises(NoAnswer) as caught:
            await slow
        assert caught.value.timed_out
        assert (await exchange.send(asking(served), 5)).body == GOOD
        await exchange.close(grace_s=0)


async def test_cancelled_callers_never_stop_a_request_or_cost_a_place(certificate):
    async with serving(certificate, good) as served:
        exchange = Exchange(open_client(pool=HTTP2))
        for steps in range(40):
            tasks = [asyncio.create_task(exchange.send(asking(served), 5)) for _ in range(8)]
            for _ in range(steps % 20):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        replies = await asyncio.gather(*[exchange.send(asking(served), 60) for _ in range(120)])
        assert {reply.status for reply in replies} == {200}
        await exchange.close()
        assert exchange.abandoned == 0
    assert served.protocols["h2"] >= 120


async def test_a_body_that_was_left_unread_starves_no_later_answer(certificate):
    """Over HTTP/2 all answers share a window, and nobody gives back what was sent in vain."""
    async with serving(certificate, once(_without_end)) as served:
        exchange = Exchange(open_client(pool=HTTP2))
        with pytest.raises(NoAnswer, match="more than 8 MiB"):
            await exchange.send(asking(served), 20)
        for _ in range(400):
            assert (await exchange.send(asking(served), 5)).body == GOOD
        await exchange.close()


async def test_after_a_broken_answer_one_new_client_takes_over_and_all_are_closed(certificate):
    async with serving(certificate, once(_go_away)) as served:
        opened = []
        exchange = Exchange(open_client(pool=HTTP2), lambda: opened.append(open_client(pool=HTTP2)) or opened[-1])
        with pytest.raises(NoAnswer):
            await exchange.send(asking(served), 5)
        assert (await exchange.send(asking(served), 5)).body == GOOD
        await exchange.close()
        assert [client.is_closed for client in opened] == [True]


# The pace


async def test_requests_that_wait_while_they_tell_of_themselves_get_streams_of_their_own(certificate):
    """Whoever waits between taking a stream's number and sending its headers lets another request take the same number."""

    async def sending() -> None:
        await asyncio.sleep(0.01)

    async with serving(certificate, good) as served:
        exchange = Exchange(open_client(pool=HTTP2))
        watched = Outgoing("GET", asking(served).url, {}, watch=Watch(lambda _: None, sending))
        replies = await asyncio.gather(*[exchange.send(watched, 5) for _ in range(20)])
        assert [reply.body for reply in replies] == [GOOD] * 20
        await exchange.close()
    assert served.connections == 1


async def test_those_who_wait_for_the_one_connection_do_not_go_together_when_it_stands(certificate):
    at = []

    async def noted(visit: Visit) -> None:
        at.append(WALL.monotonic())
        await visit.answer(GOOD)

    async def slowly(reader, writer) -> None:
        """A way to the server on which a connection takes its time."""
        await asyncio.sleep(1.6)
        there = await asyncio.open_connection("127.0.0.1", int(served.url.rpartition(":")[2]))
        await asyncio.gather(_pour(reader, there[1]), _pour(there[0], writer), return_exceptions=True)

    async with serving(certificate, noted) as served:
        way = await asyncio.start_server(slowly, "127.0.0.1", 0)
        far = Served(f"https://127.0.0.1:{way.sockets[0].getsockname()[1]}")
        transport = transport_to(far, Pacer(WALL, Fraction(4)))
        assert await asyncio.gather(*[transport.ask(BALANCE, wire.balance) for _ in range(8)]) == [12345] * 8
        await transport.close()
        way.close()
    assert len(at) == 8
    assert all(later - earlier > 0.9 for earlier, later in zip(at, at[4:], strict=False))


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


async def test_processes_share_their_pace_over_http2_too(certificate, tmp_path):
    async with serving(certificate, good) as served:
        pacer = Pacer(WALL, Fraction(200), board=board_for(tmp_path, served.url, "account", WALL))
        transport = transport_to(served, pacer)
        assert await asyncio.gather(*[transport.ask(BALANCE, wire.balance) for _ in range(40)]) == [12345] * 40
        assert (transport.traffic().retries, pacer.warning) == (0, "")
        await transport.close()


async def test_nothing_of_the_headers_is_logged(certificate, caplog):
    caplog.set_level(logging.DEBUG)
    async with serving(certificate, good) as served:
        transport = transport_to(served)
        await transport.ask(BALANCE, wire.balance)
        await transport.close()
    assert not [record for record in caplog.records if record.name.partition(".")[0] in ("httpx", "httpcore", "h2", "hpack")]


def test_h2_is_loaded_for_http2_only():
    assert importlib.util.find_spec("h2")
    assert not [error for error in Pool().breaks if error.__module__.startswith("h2")]
    assert [error for error in HTTP2.breaks if error.__module__.startswith("h2")]

"""What the fault server can do to a request instead of answering it."""

from __future__ import annotations

import asyncio
import functools
import json
import zlib
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from dmscan.sandbox.respond import Response

from fault_server import Exchange, Misdeed, packed

HTML = b"<!doctype html><title>Just a moment...</title><script>_cf_chl_opt={}</script>"


class Share:
    """The turns of a share of the requests, drawn anew for each."""

    def __init__(self, share: float, seed: int) -> None:
        self._share, self._random = share, Random(seed)

    def __contains__(self, _: object) -> bool:
        return self._random.random() < self._share


def named(name: str) -> Callable[[Misdeed], Misdeed]:
    def name_it(misdeed: Misdeed) -> Misdeed:
        misdeed.__name__ = name  # type: ignore[attr-defined]
        return misdeed

    return name_it


# The line


async def reset(exchange: Exchange) -> None:
    exchange.writer.transport.abort()


async def hang(exchange: Exchange) -> None:
    await asyncio.Event().wait()


async def cut(exchange: Exchange) -> None:
    """Half of the body that was promised."""
    await exchange.send(packed(exchange.answer)[: -(len(exchange.answer.body) // 2)])
    exchange.end()


async def cut_without_length(exchange: Exchange) -> None:
    """Half a body that ends with the connection, as a whole one would."""
    await exchange.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + exchange.answer.body[: len(exchange.answer.body) // 2])
    exchange.end()


async def last_chunk_missing(exchange: Exchange) -> None:
    body = exchange.answer.body
    await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body))
    exchange.end()


async def closed_afterwards(exchange: Exchange) -> None:
    """A good answer on a connection that is then closed without a word."""
    await exchange.send(packed(exchange.answer))
    exchange.end()


async def drip_headers(exchange: Exchange) -> None:
    await _drip(exchange, b"HTTP/1.1 200 OK\r\nX-Slow: ")


async def drip_body(exchange: Exchange) -> None:
    await _drip(exchange, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")


async def _drip(exchange: Exchange, start: bytes) -> None:
    await exchange.send(start)
    while True:
        await exchange.send(b" ")
        await pause(0.05)


async def pause(seconds: float) -> None:
    """Real seconds, also where `asyncio.sleep` is cut short."""
    await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=seconds)


def slow(seconds: float) -> Misdeed:
    @named("slow")
    async def misdeed(exchange: Exchange) -> None:
        await pause(seconds)
        await exchange.send(packed(exchange.answer))

    return misdeed


# Statuses and headers


def raw(data: bytes, *, ends: bool = False) -> Misdeed:
    @named("raw")
    async def misdeed(exchange: Exchange) -> None:
        await exchange.send(data)
        if ends:
            exchange.end()

    return misdeed


def status(number: int, body: bytes = b'{"message": "no"}', **headers: str) -> Misdeed:
    """`retry_after="1"` is a header."""
    lines = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return named(f"status {number}")(raw(packed(Response(number, lines, body))))


def early(number: int) -> Misdeed:
    """The good answer after an informational one."""

    @named(f"early {number}")
    async def misdeed(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 %d Soon\r\n\r\n" % number + packed(exchange.answer))

    return misdeed


def with_headers(*headers: tuple[str, str]) -> Misdeed:
    """The good answer with more headers."""

    @named("with headers")
    async def misdeed(exchange: Exchange) -> None:
        await exchange.send(packed(exchange.answer._replace(headers=[*exchange.answer.headers, *headers])))

    return misdeed


# Bodies


def body(data: bytes, *headers: tuple[str, str]) -> Misdeed:
    return named("body")(raw(packed(Response(200, list(headers), data))))


@functools.cache
def gzip_bomb(mebibytes: int) -> Misdeed:
    packer = zlib.compressobj(9, wbits=31)
    data = b"".join(packer.compress(bytes(2**20)) for _ in range(mebibytes)) + packer.flush()
    return named("gzip bomb")(body(data, ("Content-Encoding", "gzip")))


def stream(chunk: bytes, times: int) -> Misdeed:
    """A body without a length that goes on and on."""

    @named("stream")
    async def misdeed(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for _ in range(times):
            await exchange.send(chunk)
        exchange.end()

    return misdeed


def rewritten(change: Callable[[bytes], bytes]) -> Misdeed:
    """The good answer with another body."""

    @named("rewritten")
    async def misdeed(exchange: Exchange) -> None:
        await exchange.send(packed(exchange.answer._replace(body=change(exchange.answer.body))))

    return misdeed


def edited(change: Callable[[Any], Any]) -> Misdeed:
    """The good answer with its JSON changed in place, or replaced by what `change` returns."""

    def edit(data: bytes) -> bytes:
        answer = json.loads(data)
        return json.dumps(change(answer) or answer).encode()

    return named("edited")(rewritten(edit))


ROWS = ("aggregatedPrices", "items", "orders", "sales", "reducedFees")


def rows_of(answer: Any) -> list[Any]:
    rows: list[Any] = next(answer[key] for key in ROWS if key in answer)
    return rows


def each_row(change: Callable[[Any], Any]) -> Misdeed:
    """The good answer with each row changed in place."""

    def edit(answer: Any) -> None:
        for row in rows_of(answer):
            change(row)

    return named("each row")(edited(edit))


def more_rows(*rows: Any) -> Misdeed:
    """The good answer with rows before its own."""
    return named("more rows")(edited(lambda answer: rows_of(answer).__setitem__(slice(0, 0), rows)))


def with_cursor(cursor: Callable[[Exchange], str]) -> Misdeed:
    """The good answer with another cursor to follow."""

    @named("with cursor")
    async def misdeed(exchange: Exchange) -> None:
        answer = json.loads(exchange.answer.body)
        key = next(key for key in ("nextCursor", "cursor") if key in answer)
        changed = json.dumps(answer | {key: cursor(exchange)}).encode()
        await exchange.send(packed(exchange.answer._replace(body=changed)))

    return misdeed


async def echo(exchange: Exchange) -> None:
    """Refuses with everything that was sent as the reason."""
    said = " ".join(f"{name}={value}" for name, value in sorted(exchange.arrival.headers.items(), reverse=True))
    await exchange.send(packed(Response(400, [], json.dumps({"message": said}).encode())))


def in_turn(misdeeds: Iterable[Misdeed]) -> Misdeed:
    """Each time the next one, round and round."""
    left = list(misdeeds)

    @named("in turn")
    async def misdeed(exchange: Exchange) -> None:
        left.append(left.pop(0))
        await left[-1](exchange)

    return misdeed

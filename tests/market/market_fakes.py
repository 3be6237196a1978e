"""A market behind an httpx transport for logic, and a raw socket for faults of the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
from hypothesis import HealthCheck, settings

from dmscan.clock import Clock
from dmscan.market.client import Market
from dmscan.market.exchange import open_client
from dmscan.market.pacing import Pacer
from dmscan.market.signing import Signer, load_keys
from dmscan.market.transport import Transport

DATA = Path(__file__).parents[1] / "data"
VECTORS = json.loads((DATA / "signing.json").read_text())
NOW = 1_792_500_000
TITLE = "AK-47 | Redline (Field-Tested)"
OFFICIAL = "https://api.dmarket.com"


def leaping(start: float = 1000.0) -> Clock:
    """Its date stands still; whoever sleeps moves its monotonic time on and waits for nothing."""
    moment = start

    async def sleep(seconds: float) -> None:
        nonlocal moment
        moment += seconds
        await asyncio.sleep(0)

    return Clock(now=lambda: NOW, monotonic=lambda: moment, sleep=sleep)


UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=300)
"""A promise holds on a busy machine too."""


def sample(name: str) -> bytes:
    return (DATA / "answers" / f"{name}.json").read_bytes()


def signer() -> Signer:
    return load_keys(VECTORS["public_key_hex_64"], VECTORS["secret_key_hex_128"])


def reply(body: bytes | dict[str, Any] = b"", status: int = 200, **headers: str) -> httpx.Response:
    """A reply whose body still streams, as it does from a socket; `retry_after="1"` is a header."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=names, stream=httpx.ByteStream(content))


class Script:
    """Answers with its replies in turn, the last one for ever; keeps what was asked."""

    def __init__(self, *replies: httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            body = b"".join(answer.stream)
            return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(body))
        return answer(request)

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests]


def transport_for(script: Callable[[httpx.Request], httpx.Response], **changes: Any) -> Transport:
    client = open_client(httpx.MockTransport(script))
    clock = changes.pop("clock", None) or leaping()
    settings = {"base_url": OFFICIAL, "signer": signer(), "pacer": Pacer(clock, Fraction(10_000)), "clock": clock} | changes
    return Transport(client, **settings)


def market_for(*replies: Any, **changes: Any) -> tuple[Market, Script]:
    script = Script(*replies)
    return Market(transport_for(script, **changes)), script


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(handler: Handler) -> AsyncIterator[str]:
    """`handler` speaks HTTP by hand over one connection, as rudely as it likes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def request_head(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode()


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body

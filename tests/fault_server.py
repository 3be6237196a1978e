"""A market that misbehaves on cue: HTTP/1.1 by hand, so that broken bytes can be sent; in between it answers as the sandbox does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qs

from dmscan.clock import Clock
from dmscan.sandbox.respond import READING, TARGETS, Request, Response, Sandbox
from dmscan.sandbox.world import World

from inprocess import still

NOW = 1_795_500_000
STILL = still(NOW)
REAL = Clock()
"""For a scan in a process of its own."""
FIRST = range(1)
ALWAYS = range(10**9)
IDS = {"a8db": "cs2", "csgo": "cs2", "9a92": "dota2", "dota2": "dota2", "tf2": "tf2", "rust": "rust"}


class Arrival(NamedTuple):
    """One request as it came; `at` is monotonic seconds, header names are in lower case, `fault` is what it met, "" if nothing."""

    at: float
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    endpoint: str
    game: str
    fault: str = ""


class Exchange(NamedTuple):
    """What a misdeed has to do with: the request, the honest answer, and the line."""

    arrival: Arrival
    answer: Response
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def end(self) -> None:
        self.writer.close()


Misdeed = Callable[[Exchange], Awaitable[None]]


@dataclass
class Fault:
    """A misdeed that meets the requests of an endpoint and a game ("" is any), of these the ones whose number is in `turns`, from 0 on."""

    act: Misdeed
    endpoint: str = ""
    game: str = ""
    turns: Container[int] = FIRST
    met: int = 0
    fired: int = 0

    @property
    def name(self) -> str:
        return self.act.__name__

    def strikes(self, arrival: Arrival) -> bool:
        if self.endpoint not in ("", arrival.endpoint) or self.game not in ("", arrival.game):
            return False
        self.met += 1
        strikes = self.met - 1 in self.turns
        self.fired += strikes
        return strikes


def packed(answer: Response) -> bytes:
    """The answer as a server with good manners sends it."""
    head = [
        f"HTTP/1.1 {answer.status} Thus",
        *(f"{name}: {value}" for name, value in answer.headers),
        f"Content-Length: {len(answer.body)}",
    ]
    return "\r\n".join((*head, "", "")).encode("latin-1") + answer.body


@dataclass
class FaultServer:
    """Answers on loopback while it is `open`; the first fault that strikes decides, without one the sandbox does."""

    sandbox: Sandbox
    faults: tuple[Fault, ...]
    log: list[Arrival] = field(default_factory=list)
    port: int = 0
    connections: int = 0
    _server: asyncio.Server | None = None
    _visits: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, endpoint: str) -> list[Arrival]:
        return [arrival for arrival in self.log if arrival.endpoint == endpoint]

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """No connection is taken any more and those there are break off; `open` begins again on the same port."""
        assert self._server
        self._server.close()
        for visit in self._visits:
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        visit = asyncio.ensure_future(self._visited(reader, writer))
        self._visits.add(visit)
        visit.add_done_callback(self._visits.discard)

    async def _visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not writer.is_closing():
                await self._served(await _received(reader), writer)
        writer.close()

    async def _served(self, arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        fault = next((fault for fault in self.faults if fault.strikes(arrival)), None)
        self.log.append(arrival._replace(fault=fault.name if fault else ""))
        answer = self.sandbox.respond(Request(arrival.method, arrival.target, arrival.headers, arrival.body))
        if fault:
            await fault.act(Exchange(arrival, answer, writer))
        else:
            writer.write(packed(answer))
            await writer.drain()


async def _received(reader: asyncio.StreamReader) -> Arrival:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    endpoint = "targets-by-title" if path.startswith(TARGETS) else READING.get(path, ("", ""))[1]
    return Arrival(time.monotonic(), method, target, headers, body, endpoint, _game(path, query, body))


def _game(path: str, query: str, body: bytes) -> str:
    if path.startswith(TARGETS):
        return IDS.get(path[len(TARGETS) :].partition("/")[0], "")
    asked = json.loads(body)["filter"]["game"] if body else parse_qs(query).get("gameId", [""])[0]
    return IDS.get(asked, "")


def small_market(games: tuple[str, ...] = ("cs2",), clock: Clock = STILL, titles: int = 24) -> Sandbox:
    """A market that stands still since the clock's now, with something to find for each exit."""
    return Sandbox(World(20, clock.seconds(), titles, games, crossed="rich"), clock, rate=10**9)


@asynccontextmanager
async def misbehaving(*faults: Fault, market: Sandbox | None = None, idle: bool = False) -> AsyncIterator[FaultServer]:
    """A small market with these faults, for as long as the block runs.

    At its end every fault must have fired, or the test has proved nothing (reliability R21), unless some may be `idle`.
    """
    server = FaultServer(market or small_market(), faults)
    await server.open()
    try:
        yield server
    finally:
        await server.close()
    assert idle or [fault.name for fault in faults if not fault.fired] == []

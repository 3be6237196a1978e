"""One HTTP exchange at a time, guarded: the only place that knows httpx (reliability.md chapter 5).

A request that was sent is never cancelled, because a cancelled one may keep its pool slot for ever.
Whoever stops waiting abandons it, and a client with too many abandoned requests is replaced.
Over HTTP/2 so is one any of whose answers broke off, as HTTP/1.1 drops the connection of such an answer.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpcore
import httpx
from msgspec import Struct

from dmscan import __version__
from dmscan.market.endpoints import only_reads

POOL = 20
MAX_BODY = 8 * 2**20
TIMEOUTS = httpx.Timeout(15, connect=5).as_dict()
HEADERS = {"User-Agent": f"dmscan/{__version__}", "Accept": "application/json", "Accept-Encoding": "gzip"}
BOARDING_S = 1.0
"""So long a request that opens a connection of its own lets the next one wait; a host that cannot be reached is asked once a second."""
CLOSING_S = 1.0
GOING = ("http11.send_request_headers.started", "http2.send_request_headers.complete")
"""When a request goes on the wire. Over HTTP/2 nobody may wait between its number and its headers: the next would take the same number."""


class NoAnswer(Exception):
    """No usable answer; `again` says whether another attempt may help."""

    def __init__(self, reason: str, *, again: bool = True, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.timed_out = timed_out


class Watch(Struct, frozen=True):
    """Told when a request has to wait for a connection and for how many seconds the next should let it, and when it goes on the wire."""

    connecting: Callable[[float], None]
    sending: Callable[[], Awaitable[None]]

    async def trace(self, event: str, _: object) -> None:
        """What httpcore calls at each step of an exchange."""
        if event == "connection.connect_tcp.started":
            self.connecting(BOARDING_S)
        elif event in GOING:
            await self.sending()


class Outgoing(Struct, frozen=True):
    """A request as it goes on the wire; `url` is whole and percent-encoded."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    watch: Watch | None = None


class Reply(Struct, frozen=True):
    """Header names in lower case; the body is decoded."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@functools.cache
def certificates() -> Future[ssl.SSLContext]:
    """Those that are believed over https. A thread takes 30 ms to read them, so who asks early can do something else meanwhile."""
    return ThreadPoolExecutor(1).submit(httpx.create_ssl_context, trust_env=False)


def _tls(scheme: str) -> ssl.SSLContext:
    """Over http nobody proves who he is, so nobody is believed."""
    return certificates().result() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


_parsed = functools.lru_cache(maxsize=8)(httpx.URL)
"""A sweep asks one address again and again."""


class Pool(Struct, frozen=True):
    """How many requests may be under way, each on a connection of its own or all on one of HTTP/2 where the market speaks that."""

    size: int = POOL
    http2: bool = False

    @property
    def limits(self) -> httpx.Limits:
        """Half as many again for the requests that nobody waits for any more."""
        return httpx.Limits(max_connections=self.size + self.size // 2, max_keepalive_connections=self.size, keepalive_expiry=30)

    @property
    def breaks(self) -> tuple[type[Exception], ...]:
        """What a broken answer raises; over HTTP/2 httpcore lets some errors through as they are."""
        known = (httpx.HTTPError, httpx.StreamError, zlib.error)
        if not self.http2:
            return known
        from h2.exceptions import H2Error  # noqa: PLC0415 - an extra

        return (*known, httpcore.ConnectionNotAvailable, H2Error)


USUAL = Pool()


class Client:
    """A pool of connections with every trap closed: no redirects (keys would travel), no proxies or CA files from the environment.

    It speaks to the transport of httpx itself: what an `httpx.AsyncClient` does for each request beside (redirects, cookies, hooks)
    is not wanted here, and takes up to a quarter of the CPU of a request.
    """

    def __init__(self, pool: Pool, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.pool, self.breaks, self.is_closed = pool, pool.breaks, False
        self._transport = transport

    async def send(self, request: httpx.Request) -> httpx.Response:
        """The answer, whose body is still to be read. RuntimeError once the client is closed."""
        if self.is_closed:
            raise RuntimeError("The client is closed.")
        self._transport = self._transport or self._opened(request.url.scheme)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        self.is_closed = True
        if self._transport:
            await self._transport.aclose()

    def _opened(self, scheme: str) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(verify=_tls(scheme), trust_env=False, http2=self.pool.http2, limits=self.pool.limits)


def open_client(transport: httpx.AsyncBaseTransport | None = None, pool: Pool = USUAL) -> Client:
    """A client, by default over HTTP/1.1; the libraries below keep URLs and headers to themselves. ImportError for HTTP/2 without h2."""
    for name in ("httpx", "httpcore", "hpack"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return Client(pool, transport)


class Exchange:
    """Sends over one client; `fresh` makes the next one, by default one with the same pool."""

    def __init__(self, client: Client, fresh: Callable[[], Client] | None = None) -> None:
        self._client = client
        self._fresh = fresh or functools.partial(open_client, pool=client.pool)
        self._flying: set[asyncio.Task[Reply]] = set()
        self._abandoned: set[asyncio.Task[Reply]] = set()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def abandoned(self) -> int:
        """Requests of the present client that nobody waits for any more."""
        return len(self._abandoned)

    async def send(self, request: Outgoing, limit_s: float) -> Reply:
        """The reply within `limit_s` seconds, else NoAnswer. RuntimeError if the request is not one of the reading ones."""
        target = _parsed(request.url)
        if not only_reads(request.method, target.path):
            raise RuntimeError(f"{request.method} {target.path} is not one of the reading endpoints.")
        task = asyncio.create_task(_exchange(self._client, target, request, limit_s))
        self._flying.add(task)
        task.add_done_callback(functools.partial(self._landed, self._client))
        try:
            await asyncio.wait({task}, timeout=limit_s)
        finally:
            if not task.done():
                self._abandon(task)
        if not task.done():
            raise NoAnswer(f"did not answer within {limit_s:.0f} seconds", timed_out=True)
        return task.result()

    async def close(self, grace_s: float = 1.0) -> None:
        """Give what is in flight a moment, then close; what is left may be cancelled because its pool goes with it."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=grace_s)
        await _cancelled(self._flying)
        if self._closing:
            # With nothing in flight they end by themselves; cancelled in the middle they would leave connections open.
            await asyncio.wait(self._closing, timeout=CLOSING_S)
        await _cancelled(self._closing)
        await self._client.aclose()

    def _landed(self, client: Client, task: asyncio.Task[Reply]) -> None:
        self._flying.discard(task)
        self._abandoned.discard(task)
        if not task.cancelled() and task.exception() and client.pool.http2 and client is self._client:
            self._renew()

    def _abandon(self, task: asyncio.Task[Reply]) -> None:
        self._abandoned.add(task)
        if 2 * len(self._abandoned) >= self._client.pool.size:
            self._renew()

    def _renew(self) -> None:
        """The next requests go over another client; the one so far is closed once all that it carries has landed."""
        closing = asyncio.create_task(_close_when_idle(self._client, set(self._flying)))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        self._client = self._fresh()
        self._abandoned = set()


async def _cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    ended = tuple(tasks)
    for task in ended:
        task.cancel()
    await asyncio.gather(*ended, return_exceptions=True)


async def _close_when_idle(client: Client, flying: set[asyncio.Task[Reply]]) -> None:
    try:
        if flying:
            await asyncio.wait(flying)
    finally:
        await client.aclose()


async def _exchange(client: Client, target: httpx.URL, request: Outgoing, limit_s: float) -> Reply:
    try:
        # The clock of httpx starts anew with every byte, so the body has a limit of its own.
        deadline = asyncio.get_running_loop().time() + limit_s
        extensions = {"timeout": TIMEOUTS} | ({"trace": request.watch.trace} if request.watch else {})
        if request.watch and client.pool.http2:
            # Many may wait for one connection and go together when it stands, so until then one does.
            request.watch.connecting(limit_s)
        headers = {**HEADERS, **request.headers}
        response = await client.send(httpx.Request(request.method, target, headers=headers, content=request.body, extensions=extensions))
        try:
            body = await _read(response, deadline)
        finally:
            await response.aclose()
    except httpx.TimeoutException as error:
        raise NoAnswer("did not answer in time", timed_out=True) from error
    except client.breaks as error:
        raise _no_answer(error) from error
    return Reply(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)


def _no_answer(error: Exception) -> NoAnswer:
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, ssl.SSLError) and isinstance(error, httpx.ConnectError):
            return NoAnswer("could not prove who it is (its TLS certificate is refused)", again=False)
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectError):
        return NoAnswer("could not be reached")
    return NoAnswer("broke off in the middle of an answer")


async def _read(response: httpx.Response, deadline: float) -> bytes:
    """The body, inflated under a cap: a few hundred kB of gzip can hold hundreds of MB."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise NoAnswer("answered in an encoding that was not asked for")
    length = response.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:12]) > MAX_BODY:
        raise NoAnswer("answered with more than 8 MiB")
    inflater = zlib.decompressobj(31) if encoding == "gzip" else None
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += inflater.decompress(chunk, MAX_BODY + 1 - len(body)) if inflater else chunk
        if len(body) > MAX_BODY:
            raise NoAnswer("answered with more than 8 MiB")
        if asyncio.get_running_loop().time() > deadline:
            raise NoAnswer("did not answer in time", timed_out=True)
    if inflater and body and not inflater.eof:
        raise NoAnswer("broke off in the middle of an answer")
    return bytes(body)

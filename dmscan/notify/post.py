"""One HTTP POST at a time, guarded: what `market/exchange.py` is to the market, for addresses that are secrets themselves.

Nothing is raised for trouble on the line, it comes back as a value: an error of httpx holds the address.
httpx's client is passed over for its transport, because it logs each address, keeps cookies and may follow redirects.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
from collections.abc import Mapping
from typing import Any, Self

import httpx
from msgspec import Struct

from dmscan import __version__

MAX_BODY = 2**20
CONNECT_S = 5.0
GRACE_S = 1.0
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
_GOING = "http11.send_request_headers.started"
_HEADERS = {"User-Agent": f"dmscan/{__version__}", "Accept": "application/json, text/plain", "Accept-Encoding": "identity"}


class Reply(Struct, frozen=True):
    """Header names in lower case; the body is empty if it did not come whole or has more than 1 MiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Silence(Struct, frozen=True):
    """No reply, and why, as what goes after a name ("could not be reached").

    `is_out`: the request went on the wire, so it may have been understood. `passes`: it may go better in a moment.
    """

    why: str
    is_out: bool = False
    passes: bool = True


class _Withdrawn(Exception):
    """Nobody waits for this request any more, and it has not gone yet."""


class _Flight:
    """A request under way: whether it has gone on the wire, and whether anybody still waits."""

    def __init__(self) -> None:
        self.is_out, self.is_wanted = False, True

    async def trace(self, event: str, _: object) -> None:
        """What httpcore calls at each step. Whoever was told that a request did not go can rely on it."""
        if event == _GOING:
            if not self.is_wanted:
                raise _Withdrawn
            self.is_out = True


@functools.cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


class Post:
    """Sends over connections of its own: one kept idle may be closed under the next request, and nobody would know whether that arrived.

    So there is no pool in which a request that is never answered could keep a place.
    """

    def __init__(self) -> None:
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._transport = httpx.AsyncHTTPTransport(verify=_tls(), trust_env=False, limits=limits)
        self._flying: set[asyncio.Task[Reply | Silence]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Gives what is in flight a moment; the rest may be cancelled because its transport goes with it."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=GRACE_S)
        left = tuple(self._flying)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._transport.aclose()

    async def send(self, url: str, body: bytes, kind: str, limit_s: float) -> Reply | Silence:
        """The reply within `limit_s` seconds; `kind` is the body's content type. A request that went out is never cancelled."""
        flight = _Flight()
        extensions = {"timeout": httpx.Timeout(limit_s, connect=CONNECT_S).as_dict(), "trace": flight.trace}
        task = asyncio.create_task(self._fly(flight, url, body, {"headers": {**_HEADERS, "Content-Type": kind}, "extensions": extensions}))
        self._flying.add(task)
        task.add_done_callback(self._flying.discard)
        try:
            await asyncio.wait({task}, timeout=limit_s)
        finally:
            flight.is_wanted = False
        return task.result() if task.done() else _late(flight)

    async def _fly(self, flight: _Flight, url: str, body: bytes, options: Mapping[str, Any]) -> Reply | Silence:
        try:
            response = await self._transport.handle_async_request(httpx.Request("POST", url, content=body, **options))
        except (httpx.InvalidURL, UnicodeError, httpx.UnsupportedProtocol):
            return Silence("has an address that cannot be used", passes=False)
        except (httpx.HTTPError, _Withdrawn) as error:
            return _silence(error, flight)
        try:
            names = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status_code, names, await _body(response, flight))
        finally:
            await response.aclose()


async def _body(response: httpx.Response, flight: _Flight) -> bytes:
    body = bytearray()
    try:
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_BODY or not flight.is_wanted:
                return b""
    except httpx.HTTPError:
        return b""
    return bytes(body)


def _late(flight: _Flight) -> Silence:
    return Silence("did not answer in time" if flight.is_out else "could not be reached in time", flight.is_out)


def _silence(error: Exception, flight: _Flight) -> Silence:
    if isinstance(error, httpx.TimeoutException | _Withdrawn):
        return _late(flight)
    if flight.is_out:
        return Silence("broke off before it had answered", is_out=True)
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, ssl.SSLError):
            return Silence("could not prove who it is (its TLS certificate is refused)", passes=False)
        cause = cause.__cause__ or cause.__context__
    return Silence("could not be reached")

"""The sandbox market over real HTTP on loopback: asyncio streams and h11."""

from __future__ import annotations

import asyncio
import gzip
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import lru_cache

import h11

from dmscan.sandbox.respond import Entry, Manners, Request, Response, Sandbox

__all__ = ["Entry", "Manners", "Request", "Response", "Sandbox", "run", "running", "serve"]

MOST_HEADER_BYTES = 65_536
MOST_BODY_BYTES = 1_000_000
CHUNK = 65_536
WORTH_PACKING = 1000


@lru_cache(maxsize=1024)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, 1, mtime=0)


async def serve(sandbox: Sandbox, host: str = "127.0.0.1", port: int = 0, visits: set[asyncio.Task[None]] | None = None) -> asyncio.Server:
    """Listens on loopback; port 0 takes a free one; `visits` collects the open connections. OSError if the port is taken."""
    opened: set[asyncio.Task[None]] = set() if visits is None else visits

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = asyncio.create_task(_visited(sandbox, reader, writer))
        opened.add(visit)
        visit.add_done_callback(opened.discard)

    return await asyncio.start_server(connected, host, port, limit=CHUNK)


async def _visited(sandbox: Sandbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, h11.ProtocolError, asyncio.CancelledError):
        await _Visit(sandbox, reader, writer).serve()
    writer.close()


@asynccontextmanager
async def running(sandbox: Sandbox, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """A market that listens as long as the block runs; its URL. Open connections are cut at the end."""
    visits: set[asyncio.Task[None]] = set()
    server = await serve(sandbox, host, port, visits)
    try:
        yield url_of(server)
    finally:
        server.close()
        for visit in visits:
            visit.cancel()
        if visits:  # one that was cut before it began ends as cancelled
            await asyncio.wait(visits)
        await server.wait_closed()


def url_of(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    return f"http://{host}:{port}"


async def run(sandbox: Sandbox, port: int = 0, ready: Callable[[str], None] = lambda _: None) -> None:
    """Serves until SIGTERM or Ctrl-C; `ready` is told the URL once requests are answered."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        async with running(sandbox, port=port) as url:
            ready(url)
            await stopped.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _headless(response: Response) -> Response:
    return response._replace(body=b"")


class _Visit:
    """One connection, kept alive from request to request."""

    def __init__(self, sandbox: Sandbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sandbox, self._reader, self._writer = sandbox, reader, writer
        self._peer: str = (writer.get_extra_info("peername") or ("::",))[0]
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEADER_BYTES)

    async def serve(self) -> None:
        while isinstance(event := await self._event(), h11.Request):
            body = await self._body()
            if body is None:
                return
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
            request = Request(event.method.decode(), event.target.decode("latin-1"), headers, body, self._peer)
            response = self._sandbox.respond(request)
            await self._send(_headless(response) if request.method == "HEAD" else response, "gzip" in headers.get("accept-encoding", ""))
            if self._http.our_state is h11.MUST_CLOSE:
                return
            self._http.start_next_cycle()

    async def _event(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(CHUNK))
        return event

    async def _body(self) -> bytes | None:
        """The whole body; `None` if it is larger than any request of this API."""
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > MOST_BODY_BYTES:
                return None
        return bytes(body)

    async def _send(self, response: Response, packs: bool) -> None:
        if not response.status:
            await asyncio.Event().wait()
        headers, body = list(response.headers), response.body
        if packs and len(body) > WORTH_PACKING:
            headers.append(("Content-Encoding", "gzip"))
            body = _packed(body)
        headers.append(("Content-Length", str(len(body))))
        parts = (h11.Response(status_code=response.status, headers=headers), h11.Data(data=body), h11.EndOfMessage())
        self._writer.write(b"".join(self._http.send(part) or b"" for part in parts))
        await self._writer.drain()

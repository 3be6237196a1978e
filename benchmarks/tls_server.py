"""A server on loopback over TLS, by hand and as rude as its handler likes: HTTP/2 for whoever asks for it, else HTTP/1.1."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from dmscan.market import exchange

ADDRESS = "127.0.0.1"
CHUNK = 65_536

Headers = Sequence[tuple[str, str]]


class Visit(Protocol):
    """A request that waits for its answer."""

    async def answer(self, body: bytes, headers: Headers = ()) -> None: ...


Handler = Callable[[Visit], Awaitable[None]]


def throw_away_certificate(folder: Path) -> Path:
    """The path of a PEM file with a certificate of 127.0.0.1, which nobody has reason to trust, and its key."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ADDRESS)])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(ADDRESS))]), critical=False)
    path = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + builder.sign(key, None).public_bytes(Encoding.PEM))
    return path


def trust(certificate: Path) -> None:
    """Clients of this process believe the certificate from now on; dmscan itself has no way to make them."""
    exchange.certificates().result().load_verify_locations(certificate)


@dataclass
class Served:
    """`connections` counts those opened, `protocols` the requests by the protocol that brought them."""

    url: str = ""
    connections: int = 0
    protocols: Counter[str] = field(default_factory=Counter)


@asynccontextmanager
async def serving(certificate: Path, handler: Handler) -> AsyncIterator[Served]:
    """Listens as long as the block runs; each request is handed to `handler` in a task of its own."""
    served, visits = Served(), set[asyncio.Task[None]]()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.connections += 1
        protocol = writer.get_extra_info("ssl_object").selected_alpn_protocol() or "http/1.1"
        visit = asyncio.ensure_future((_over_http2 if protocol == "h2" else _over_http1)(reader, writer, noted(protocol)))
        visits.add(visit)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await visit
        writer.close()

    def noted(protocol: str) -> Handler:
        async def handle(visit: Visit) -> None:
            served.protocols[protocol] += 1
            await handler(visit)

        return handle

    server = await asyncio.start_server(connected, ADDRESS, 0, ssl=_context(certificate))
    served.url = f"https://{ADDRESS}:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        server.close()
        for visit in visits:
            visit.cancel()
        await asyncio.gather(*visits, return_exceptions=True)


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


class Stream:
    """A request over HTTP/2; `http2` is the whole connection, for a handler that has mischief in mind."""

    def __init__(self, http2: H2Connection, number: int, writer: asyncio.StreamWriter) -> None:
        self.http2, self.number, self._writer = http2, number, writer

    async def answer(self, body: bytes, headers: Headers = ()) -> None:
        self.begin([("content-length", str(len(body))), *headers])
        await self.go_on(body)
        self.http2.end_stream(self.number)
        await self.flush()

    def begin(self, headers: Headers) -> None:
        self.http2.send_headers(self.number, [(":status", "200"), *headers])

    async def go_on(self, body: bytes) -> None:
        """As much of the body as the client's windows let through."""
        for start in range(0, len(body), self.http2.max_outbound_frame_size):
            piece = body[start : start + self.http2.max_outbound_frame_size]
            while self.http2.local_flow_control_window(self.number) < len(piece):  # noqa: ASYNC110 - the windows wake nobody
                await asyncio.sleep(0.001)
            self.http2.send_data(self.number, piece)
            await self.flush()

    async def flush(self) -> None:
        self._writer.write(self.http2.data_to_send())
        await self._writer.drain()


async def _over_http2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
    http2, work = H2Connection(H2Configuration(client_side=False)), set[asyncio.Task[None]]()
    http2.initiate_connection()
    try:
        while True:
            writer.write(http2.data_to_send())
            await writer.drain()
            if not (data := await reader.read(CHUNK)):
                return
            streams = [event.stream_id for event in http2.receive_data(data) if isinstance(event, RequestReceived)]
            work |= {asyncio.ensure_future(handler(Stream(http2, number, writer))) for number in streams if number}
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


@dataclass
class _Single:
    """A request over HTTP/1.1."""

    writer: asyncio.StreamWriter

    async def answer(self, body: bytes, headers: Headers = ()) -> None:
        lines = ("HTTP/1.1 200 OK", f"content-length: {len(body)}", *(f"{name}: {value}" for name, value in headers), "", "")
        self.writer.write("\r\n".join(lines).encode() + body)
        await self.writer.drain()


async def _over_http1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
    while True:
        await reader.readuntil(b"\r\n\r\n")
        await handler(_Single(writer))

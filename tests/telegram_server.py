"""A Bot API on loopback that checks what it is sent, keeps it, and misbehaves as told: for tests in this process and of the command.

with TelegramServer() as telegram:
    telegram.misbehave("-1001", limited(2), SILENT)      # its first two messages
    … dmscan with **telegram.environment("-1001") …
    assert telegram.texts("-1001") == ["…"]
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

from dmscan.core.message import MOST_UNITS, units

TOKEN = "31415926:AAcanary-Tok3n_thatNobodyMaySee"
BOT = "canary_bot"


@dataclass(frozen=True)
class Fault:
    """What comes instead of a good answer. `takes`: the message arrives all the same.

    `status` 0 is no answer: the connection is cut. Every answer comes after `late_s` seconds; its body goes byte by byte if it `drips`.
    """

    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    takes: bool = False
    late_s: float = 0
    drips: bool = False


def _error(status: int, description: str, parameters: Mapping[str, Any]) -> bytes:
    told = {"ok": False, "error_code": status, "description": description}
    return json.dumps({**told, "parameters": parameters} if parameters else told).encode()


def refused(status: int, description: str, **parameters: Any) -> Fault:
    """An error as the Bot API words it."""
    return Fault(status, _error(status, description, parameters))


def limited(retry_after: int) -> Fault:
    """Says in the body and in the header how long to wait."""
    fault = refused(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)
    return replace(fault, headers={"Retry-After": str(retry_after)})


def moved(chat: str) -> Fault:
    """The group is another chat now."""
    return refused(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=int(chat))


def broken(status: int = 502) -> Fault:
    """A proxy's page."""
    return Fault(status, b"<html><h1>Bad Gateway</h1></html>", {"Content-Type": "text/html"})


BLOCKED = refused(403, "Forbidden: bot was blocked by the user")
NOT_FOUND = refused(400, "Bad Request: chat not found")
UNPARSED = refused(400, "Bad Request: can't parse entities: unsupported start tag at byte offset 7")
CUT = Fault()
"""Nothing arrives, and nobody answers."""
CUT_AFTER = Fault(takes=True)
"""It arrives, and nobody answers."""
SILENT = Fault(takes=True, late_s=600)
"""It arrives, and the connection stays open without an answer."""
DEAF = Fault(late_s=600)
"""It does not arrive, and the connection stays open without an answer."""
GARBLED = Fault(200, b'{"ok":true,"resu', takes=True)
"""It arrives, and the answer cannot be read."""


class Arrival(NamedTuple):
    """A request as it came; `at` is `time.monotonic()`. `chat` is "" where none was named."""

    at: float
    method: str
    chat: str
    fields: Mapping[str, Any]
    taken: bool

    @property
    def text(self) -> str:
        return str(self.fields.get("text", ""))


class TelegramServer:
    """`arrived` is every request in order; faults told are used up one a request, after which all is well again."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.arrived: list[Arrival] = []
        self.complaints: list[str] = []
        """What was wrong with messages: too long, empty, entities outside the text."""
        self.updates: list[dict[str, Any]] = []
        self._faults: dict[str, list[Fault]] = defaultdict(list)
        self._always: dict[str, Fault] = {}
        self._changed, self._closing = threading.Condition(), threading.Event()
        self._http = _Listener(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def environment(self, *chats: str) -> dict[str, str]:
        """What a `dmscan` process needs to send here."""
        return {"DMSCAN_TELEGRAM_URL": self.url, "DMSCAN_TELEGRAM_TOKEN": self.token, "DMSCAN_TELEGRAM_CHAT": ",".join(chats)}

    def misbehave(self, target: str, *faults: Fault, always: Fault | None = None) -> None:
        """`target` is a chat, or a method such as "getMe"; `always` is what comes once `faults` are used up."""
        self._faults[target] += faults
        if always:
            self._always[target] = always

    def behave(self, target: str) -> None:
        self._faults.pop(target, None)
        self._always.pop(target, None)

    def messages(self, chat: str = "") -> list[Arrival]:
        """What people in a chat (or in all) can read now."""
        return [one for one in list(self.arrived) if one.taken and chat in ("", one.chat)]

    def texts(self, chat: str = "") -> list[str]:
        return [one.text for one in self.messages(chat)]

    def tries(self, chat: str = "") -> list[Arrival]:
        """Every message that was sent to a chat (or to all), taken or not."""
        return [one for one in list(self.arrived) if one.method == "sendMessage" and chat in ("", one.chat)]

    def wait_for(self, count: int, timeout_s: float = 60) -> list[Arrival]:
        """Waits until that many requests have arrived; from a test with an event loop through `asyncio.to_thread`."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.arrived) >= count, timeout_s), f"only {len(self.arrived)} of {count} arrived"
        return list(self.arrived)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, method: str, fields: Mapping[str, Any]) -> Fault:
        """What a request with the right token is answered."""
        chat = str(fields.get("chat_id", ""))
        fault = self._fault(chat) or self._fault(method) or self._good(method, fields)
        with self._changed:
            self.arrived.append(Arrival(time.monotonic(), method, chat, fields, fault.takes))
            self._changed.notify_all()
        self._closing.wait(fault.late_s)
        return fault

    @property
    def is_closing(self) -> bool:
        return self._closing.is_set()

    def _fault(self, target: str) -> Fault | None:
        with self._changed:
            waiting = self._faults[target]
            return waiting.pop(0) if waiting else self._always.get(target)

    def _good(self, method: str, fields: Mapping[str, Any]) -> Fault:
        if method == "getMe":
            return _well({"id": 31415926, "is_bot": True, "first_name": "Canary", "username": BOT})
        if method == "getUpdates":
            return _well(self.updates)
        if method != "sendMessage":
            return refused(404, "Not Found: method not found")
        wrong = next(_wrong(fields), "")
        if wrong:
            self.complaints.append(wrong)
            return refused(400, f"Bad Request: {wrong}")
        return replace(_well({"message_id": 100 + len(self.messages()), "text": fields["text"]}), takes=True)


class _Listener(ThreadingHTTPServer):
    daemon_threads, block_on_close, request_queue_size = True, True, 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what some tests are about."""


def _handler(server: TelegramServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version, timeout = "HTTP/1.1", 5

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            empty, bot, method = [*self.path.split("/"), "", ""][:3]
            right = not empty and bot == f"bot{server.token}"
            self._give(server.answer(method, json.loads(body or b"{}")) if right else refused(401, "Unauthorized"))

        def do_GET(self) -> None:
            self.do_POST()

        def _give(self, fault: Fault) -> None:
            if server.is_closing or not fault.status:
                self.close_connection = True
                return
            self.send_response(fault.status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(fault.body)), **fault.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):
                for piece in _pieces(fault):
                    self.wfile.write(piece)
                    self.wfile.flush()
                    server._closing.wait(0.02 if fault.drips else 0)

        def log_message(self, *_: Any) -> None:
            """stderr is what tests look at."""

    return Handler


def _pieces(fault: Fault) -> Iterator[bytes]:
    if fault.drips:
        yield from (bytes([byte]) for byte in fault.body)
    else:
        yield fault.body


def _well(result: Any) -> Fault:
    return Fault(200, json.dumps({"ok": True, "result": result}).encode())


def _wrong(fields: Mapping[str, Any]) -> Iterator[str]:
    """What Telegram itself would refuse, and more strictly what it would silently mend."""
    text = fields.get("text", "")
    if not isinstance(text, str) or not text.strip():
        yield "message text is empty"
        return
    if units(text) > MOST_UNITS:
        yield "message is too long"
    if not fields.get("chat_id"):
        yield "chat_id is empty"
    for one in fields.get("entities", ()):
        if one["offset"] < 0 or one["length"] < 1 or one["offset"] + one["length"] > units(text):
            yield "entity begins or ends outside the text"
        if (one["type"] == "text_link") is not bool(one.get("url")):
            yield "entity of a link without an address, or an address without a link"

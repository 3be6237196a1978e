"""Planted secrets are told to nobody: through every command and every way to fail (reliability R17, R18, K8, K9).

What a process says is looked through by `Dmscan` itself, here as in every other test; here too is what it leaves, sends and hands on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from email.utils import formatdate
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from dmscan.clock import Clock
from dmscan.errors import DmscanError, SettingsError
from dmscan.market.client import Market
from dmscan.market.exchange import open_client
from dmscan.market.pacing import Pacer
from dmscan.market.signing import new_pair
from dmscan.market.transport import Transport
from dmscan.settings import API_URL, load
from dmscan.wiring import signer

from fault_server import ALWAYS, REAL, Fault, FaultServer, small_market
from misdeeds import Misdeed, echo, status
from processes import SECRETS, Dmscan, assert_no_canary, pieces, planted
from telegram_server import NOT_FOUND, TelegramServer

TITLE = "AK-47 | Redline (Field-Tested)"
CHAT = "-1001"
NAMES = {"DMARKET_PUBLIC_KEY": "public_key", "DMARKET_SECRET_KEY": "secret_key"} | {
    f"DMSCAN_{name.upper()}": name for name in ("telegram_token", "ping_url")
}
WAYS = ("environment", "files", "toml")


def secrets(number: int, ping_host: str = "https://hc-ping.invalid") -> dict[str, str]:
    """Of each way its own, by the names of their variables."""
    public, secret = new_pair()
    token, ping = (
        f"3141592{number}:AAcanary-Tok3n_thatNobodyMaySee{number}",
        f"{ping_host}/{number}f14e45f-ceea-canary-a9b1/run",
    )
    return {"DMARKET_PUBLIC_KEY": public, "DMARKET_SECRET_KEY": secret, "DMSCAN_TELEGRAM_TOKEN": token, "DMSCAN_PING_URL": ping}


def private(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    path.write_text(text)
    return str(path)


def plant(dmscan: Dmscan, way: str, ping_host: str) -> dict[str, str]:
    """Gives the command its secrets in one of the three ways."""
    given = secrets(WAYS.index(way), ping_host)
    folder = dmscan.home / "planted"
    if way == "environment":
        dmscan.environment |= given
    elif way == "files":
        dmscan.environment |= {f"{name}_FILE": private(folder / name, f"{text}\n") for name, text in given.items()}
    else:
        lines = [f'{NAMES[name]} = "{text}"\n' for name, text in given.items()]
        dmscan.environment["DMSCAN_CONFIG"] = private(folder / "dmscan.toml", "".join(lines))
    assert {given[name] for name in SECRETS} == planted(dmscan.environment) - {""}
    return given


@pytest.fixture(scope="module")
def market() -> Iterator[FaultServer]:
    """A market in a thread of its own; a test may give it faults."""
    server = FaultServer(small_market(clock=REAL), ())
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.open(), loop).result()
    try:
        yield server
        asyncio.run_coroutine_threadsafe(server.close(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def telegram() -> Iterator[TelegramServer]:
    with TelegramServer() as server:
        yield server


class Pinged(BaseHTTPRequestHandler):
    """What is told about runs: `heard` are paths after the secret one, and bodies."""

    heard: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.heard.append(f"{self.path.partition('/run/')[2]} {body}")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """stderr is what tests look at."""


@pytest.fixture
def ping_host() -> Iterator[str]:
    Pinged.heard.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Pinged) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(params=WAYS)
def way(request) -> str:
    return str(request.param)


@pytest.fixture
def dmscan(tmp_path: Path, market: FaultServer, telegram: TelegramServer, ping_host: str, way: str) -> Iterator[Dmscan]:
    """The command with its secrets. At the end they are in no file that it left, and in nothing that it sent but where they belong."""
    where = {"DMSCAN_TELEGRAM_URL": telegram.url, "DMSCAN_TELEGRAM_CHAT": CHAT, "DMSCAN_DB": str(tmp_path / "history.db")}
    command = Dmscan(tmp_path, market.url, DMSCAN_RATE="5000", **where)
    given = plant(command, way, ping_host)
    telegram.token = given["DMSCAN_TELEGRAM_TOKEN"]
    market.faults, market.log[:] = (), []
    yield command
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "planted"]
    for path in left:
        assert_no_canary(path.read_bytes(), planted(command.environment))
    for arrival in market.log:
        assert_no_canary(repr(arrival), planted(command.environment))
    for told in (*telegram.arrived, *Pinged.heard):
        assert_no_canary(repr(told), planted(command.environment))


def run(dmscan: Dmscan, line: str, code: int = 0) -> str:
    """`line` without its quotes, in the home folder, where profiles are left; what was said in all."""
    arguments = [word.replace("TITLE", TITLE) for word in line.split()]
    done = dmscan(*arguments, cwd=dmscan.home)
    assert done.returncode == code, (line, done.stderr)
    return str(done.stdout + done.stderr)


def test_the_search_finds_a_secret_in_every_form():
    public, secret = new_pair()
    for text in (secret, "31415926:AAcanary-Tok3n_thatNobodyMaySee", "https://hc-ping.com/8f14e45f-canary/run"):
        for piece in pieces(text):
            with pytest.raises(AssertionError, match="a secret was told"):
                assert_no_canary(f"so {piece.upper()} it is".encode(), [text])
    assert_no_canary(f"{public} hc-ping.com", [secret, "https://hc-ping.com/8f14e45f-canary/run"])


# Every command


def test_no_secret_is_told_wherever_it_was_read(dmscan, telegram):
    dmscan.environment["DMSCAN_LOG_FORMAT"] = "json"
    assert '"event": "request"' in run(dmscan, "scan -f table -v --debug --notify")
    del dmscan.environment["DMSCAN_LOG_FORMAT"]
    assert telegram.texts(CHAT)
    assert len(Pinged.heard) == 2
    assert "ok " in run(dmscan, "doctor -v")
    run(dmscan, "config show --all")


@pytest.mark.parametrize("way", ["environment"], indirect=True)
def test_scanning_tells_no_secret(dmscan, score):
    run(dmscan, "scan -f json -v --metrics-file figures.prom --profile memory")
    run(dmscan, "scan -f csv -v --profile cpu")
    for line in ("watch --passes 1 -v", "explain TITLE", "fees TITLE", "scan --plan"):
        run(dmscan, line)
    names = {path.name for path in dmscan.home.rglob("*")}
    assert names >= {"history.db", "figures.prom", "dmscan-profile.pstats", "dmscan-memory.txt"}
    score("R17", "0 told; looked for in the output of every process that `processes.py` starts")


@pytest.mark.parametrize("way", ["environment"], indirect=True)
def test_asking_tells_no_secret(dmscan):
    for line in ("doctor -f json", "config show -f json", "config path", "config init --config new.toml", "notify chats"):
        run(dmscan, line)
    assert "sent" in run(dmscan, "notify test")


@pytest.mark.parametrize("way", ["environment"], indirect=True)
def test_the_history_tells_no_secret(dmscan):
    run(dmscan, "scan -f none")
    shown = ("list", "show last", "title TITLE", "stats", "lifetimes", "export --what scans", "prune", "backup copy.db")
    for line in shown:
        run(dmscan, f"history {line}")


# Every way to fail


def skewed() -> Misdeed:
    return status(401, date=formatdate(REAL.now() + 86_400, usegmt=True))


@pytest.mark.parametrize("way", ["environment"], indirect=True)
@pytest.mark.parametrize(
    ("misdeed", "code"), [(status(401), 12), (skewed(), 13), (echo, 15), (status(410), 15)], ids=["refused", "clock", "echo", "gone"]
)
def test_a_market_that_refuses_learns_and_tells_no_secret(dmscan, market, misdeed, code):
    fault = Fault(misdeed, turns=ALWAYS)
    market.faults = (fault,)
    run(dmscan, "scan -f json -v --debug", code)
    assert fault.fired


@pytest.mark.parametrize("way", ["environment"], indirect=True)
def test_an_address_that_was_typed_is_as_secret(dmscan, ping_host):
    typed = f"--ping-url {ping_host}/typed-8f14e45f-canary/run"
    run(dmscan, f"scan -f none -v {typed}")
    assert len(Pinged.heard) == 2
    run(dmscan, f"scan -f none {typed.replace('http:', 'ftp:')}", 22)
    dmscan.environment["SEEN"] = typed
    traced = dmscan.script(EVERYTHING, "scan", "--debug", *typed.split())
    assert "RuntimeError" in traced.stderr


@pytest.mark.parametrize("way", ["environment"], indirect=True)
def test_a_market_that_is_not_there_is_told_no_secret(dmscan):
    dmscan.environment["DMSCAN_API_URL"] = "http://127.0.0.1:1"
    assert "127.0.0.1" in run(dmscan, "scan -f json -v --debug", 10)


@pytest.mark.parametrize("way", ["environment"], indirect=True)
def test_a_messenger_that_refuses_tells_no_secret(dmscan, telegram):
    telegram.misbehave(CHAT, NOT_FOUND)
    run(dmscan, "notify test --debug", 30)
    telegram.token = "1:another"
    run(dmscan, "notify test --debug", 30)


EVERYTHING = """
import os, pathlib
import dmscan.scanner
known = dict(os.environ)
paths = [value for name, value in known.items() if name.endswith(("_FILE", "_CONFIG"))]
texts = [*known.values(), *(text for path in paths for text in pathlib.Path(path).read_text().replace('"', " ").split())]

class Broken(dmscan.scanner.Scan):
    async def run(self, *given):
        raise RuntimeError(" ".join(texts), vars(self), given)

dmscan.scanner.Scan = Broken
"""


def test_a_bug_that_holds_all_secrets_tells_none(dmscan):
    traced = dmscan.script(EVERYTHING, "scan", "-f", "json", "--debug")
    assert traced.returncode == 1
    assert "RuntimeError" in traced.stderr
    assert "***" in traced.stderr


@pytest.mark.parametrize("way", ["environment"], indirect=True)
def test_a_bug_tells_none_in_short_or_as_json_either(dmscan):
    dmscan.environment["DMSCAN_LOG_FORMAT"] = "json"
    for more in ((), ("--debug",)):
        done = dmscan.script(EVERYTHING, "scan", "-f", "json", *more)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert ("RuntimeError: " in done.stderr) == bool(more)


CANARY = "canary0123456789abcdef"
SPOILT = {
    "a key with a letter that is none": {"DMARKET_PUBLIC_KEY": "a" * 64, "DMARKET_SECRET_KEY": CANARY.ljust(128, "z")},
    "a key in capitals": {"DMARKET_PUBLIC_KEY": "a" * 64, "DMARKET_SECRET_KEY": "ABCDEF0123456789" * 8},
    "a key that is cut": {"DMARKET_PUBLIC_KEY": "a" * 64, "DMARKET_SECRET_KEY": "0123456789abcdef" * 7},
    "a key of another pair": {"DMARKET_PUBLIC_KEY": new_pair()[0], "DMARKET_SECRET_KEY": new_pair()[1]},
    "a key alone": {"DMARKET_SECRET_KEY": new_pair()[1]},
    "a token that is none": {"DMSCAN_TELEGRAM_TOKEN": CANARY},
    "a ping URL without TLS": {"DMSCAN_PING_URL": f"http://example.invalid/{CANARY}"},
    "a ping URL that cannot be read": {"DMSCAN_PING_URL": f"https://[{CANARY}"},
    "a ping URL with a user that cannot be read": {"DMSCAN_PING_URL": f"https://{CANARY}\u2100@hc-ping.invalid/x"},
}


@pytest.mark.parametrize(
    "spoilt",
    SPOILT,
)
def test_a_secret_that_is_refused_is_not_repeated(tmp_path, spoilt):
    run(Dmscan(tmp_path, **SPOILT[spoilt]), "scan --debug", 22)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (f'telegram_token = "31415926:AA{CANARY}"\n', 0o644),
        (f'secret_key = "{CANARY}"\n', 0o600),
        (f'telegram_token = "31415926:AA{CANARY}"\nping_url = [1]\n', 0o600),
        (f'secret_key = "{CANARY}\n', 0o600),
        (f"secret_key = {CANARY}\n", 0o600),
        (f'"{CANARY}" = 1\nsecret_key = "{CANARY}"\n', 0o602),
    ],
    ids=["others can read it", "no key", "another type", "no end", "no text", "others can write it"],
)
def test_a_settings_file_that_is_refused_is_not_repeated(tmp_path, text, mode):
    config = tmp_path / "config.toml"
    config.write_text(text)
    config.chmod(mode)
    for line in ("scan --debug", "doctor --offline"):
        done = Dmscan(tmp_path)(*line.split(), "--config", str(config))
        assert (done.returncode, CANARY[:12] in done.stdout + done.stderr) == (22, False)


# What others can see of a process


@pytest.mark.parametrize("way", ["environment"], indirect=True)
def test_no_secret_is_in_the_arguments_of_a_process_or_of_its_child(dmscan):
    """As `ps` shows them to everybody on the machine."""
    for arguments, _ in _processes(dmscan):
        assert b"dmscan" in arguments
        assert_no_canary(arguments, planted(dmscan.environment))


@pytest.mark.parametrize("way", ["environment"], indirect=True)
def test_the_sandbox_inherits_no_secret(dmscan):
    _, (_, environ) = _processes(dmscan)
    assert_no_canary(environ, planted(dmscan.environment))


def _processes(dmscan: Dmscan) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
    """Arguments and environment of a scan and of the sandbox beside it."""
    dmscan.environment["DMSCAN_RATE"] = "1"
    scan = dmscan.start("scan", "--sandbox", "-f", "none", "-v", "--no-store")
    assert scan.stderr
    while "scanning" not in scan.stderr.readline():
        assert scan.poll() is None
    parents = {int(stat.parent.name): int(stat.read_text().rpartition(")")[2].split()[1]) for stat in Path("/proc").glob("[0-9]*/stat")}
    (child,) = (number for number, parent in parents.items() if parent == scan.pid)
    seen = tuple(
        (Path(f"/proc/{number}/cmdline").read_bytes(), Path(f"/proc/{number}/environ").read_bytes()) for number in (scan.pid, child)
    )
    os.kill(scan.pid, signal.SIGINT)
    scan.communicate(timeout=60)
    return seen[0], seen[1]


# R18: to whom keys go

ELSEWHERE = [
    "https://example.invalid",
    "https://api.dmarket.com.example.invalid",
    "https://api.dmarket.com:8443",
    "https://API.DMARKET.COM",
    "https://api.dmarket.com.",
    "https://localhost.example.invalid",
    "https://127.0.0.1.example.invalid",
]
REFUSED = [
    "http://api.dmarket.com",
    "http://example.invalid",
    "https://api.dmarket.com@example.invalid",
    "https://user:word@api.dmarket.com",
    "https://93.184.216.34",
    "https://[2001:db8::1]",
    "https://169.254.169.254",
    "https://0x7f.1/x",
    "https://api.dmarket.com/path",
    "https://api.dmarket.com?query",
    "https://api.dmarket.com#part",
    "https://api.dmarket.com\\@example.invalid",
    "file:///etc/passwd",
    "//example.invalid",
    "https://",
]


class Heard(httpx.AsyncBaseTransport):
    """Whom a request would have gone to, and its headers."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(404)


async def heard_at(url: str, folder: Path) -> httpx.Request:
    """What is sent with keys in the environment and this base URL."""
    settings = load({**secrets(0), "DMSCAN_API_URL": url}, str(folder / "history.db"))
    heard, key = Heard(), signer(settings)
    market = Market(Transport(open_client(heard), settings.api_url, key, Pacer(Clock(), Fraction(10**6), signed=key is not None), Clock()))
    with pytest.raises(DmscanError):
        await market.balance()
    await market.close()
    return heard.requests[0]


@pytest.mark.parametrize("url", ELSEWHERE)
async def test_R18_no_byte_of_a_key_goes_to_another_host(tmp_path, url):
    request = await heard_at(url, tmp_path)
    assert not {name for name in request.headers if name.lower().startswith(("x-api", "x-request", "x-sign", "authorization"))}
    assert_no_canary(repr((request.url, request.headers.raw, request.content)), secrets(0).values())


@pytest.mark.parametrize("url", [API_URL, f"{API_URL}/", "http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"])
async def test_R18_the_service_and_loopback_get_the_public_key_and_a_signature(tmp_path, url):
    request = await heard_at(url, tmp_path)
    assert "x-api-key" in request.headers


@pytest.mark.parametrize("url", REFUSED)
def test_R18_an_address_that_might_lead_elsewhere_is_refused(tmp_path, url):
    with pytest.raises(SettingsError) as caught:
        load({**secrets(0), "DMSCAN_API_URL": url}, str(tmp_path / "history.db"))
    assert "DMSCAN_API_URL" in str(caught.value)

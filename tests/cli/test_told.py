"""`--notify` and `--ping-url` through the real command, a market that changes and a real server that answers like Telegram."""

from __future__ import annotations

import json
import re
import signal
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from processes import Dmscan, keys, rows, serving
from telegram_server import BLOCKED, CUT_AFTER, SILENT, TelegramServer

CHAT, OTHER = "123", "-100456"
QUICK = ("--exit", "instant", "-q", "-f", "none", "--notify", "--notify-top", "50")


@pytest.fixture
def telegram() -> Iterator[TelegramServer]:
    with TelegramServer() as server:
        yield server
        assert not server.complaints


@pytest.fixture
def market(tmp_path: Path) -> Iterator[str]:
    """One that lives, and that `age` lets live on."""
    command = ("--titles", "100", "--rate", "5000", "--crossed", "0.2", "--born", "1792500000")
    with serving(tmp_path, *command, still=False) as url:
        yield url


@pytest.fixture
def told(tmp_path: Path, market: str, telegram: TelegramServer) -> Dmscan:
    return Dmscan(tmp_path, market, DMSCAN_RATE="2000", **keys(), **telegram.environment(CHAT))


def age(market: str, seconds: int) -> None:
    request = urllib.request.Request(f"{market}/sandbox/age", json.dumps({"seconds": seconds}).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def told_finds(telegram: TelegramServer, chat: str = CHAT) -> Counter[str]:
    """How often the chat read of each find: its title, phase and way, without the number of units."""
    text = "\n\n".join(telegram.texts(chat))
    items = re.findall(r"(?:^|\n\n)([^\n]+)\ncs2 · (offer → instant)\n", text)
    return Counter(f"{re.sub(r' ×[0-9]+$', '', title)} {way}" for title, way in items)


def episodes(dmscan: Dmscan) -> int:
    return rows(database(dmscan), "SELECT count(*) FROM episodes")[0][0]


def database(dmscan: Dmscan) -> Path:
    return dmscan.home / "data" / "dmscan" / "history.db"


def test_each_episode_is_told_once_while_the_market_changes(told: Dmscan, market: str, telegram: TelegramServer) -> None:
    for _ in range(3):
        assert told("scan", *QUICK, "--realert", "99%").returncode == 0
        age(market, 1800)
    again = rows(database(told), "SELECT count(*) FROM alerts WHERE kind = 'better'")[0][0]
    assert episodes(told) > 5, "the market has to offer something"
    assert len(told_finds(telegram)) > 5
    assert told_finds(telegram).total() == episodes(told) + again
    assert rows(database(told), "SELECT count(*) FROM alerts WHERE state = 'due'") == [(0,)]


@pytest.mark.parametrize("fault", [SILENT, CUT_AFTER], ids=["in flight", "arrived"])
def test_a_scan_killed_while_it_tells_costs_one_repetition_at_most_and_nothing_is_lost(
    told: Dmscan, telegram: TelegramServer, fault: object
) -> None:
    telegram.misbehave(CHAT, fault)
    scan = told.start("scan", *QUICK)
    telegram.wait_for(1) if fault is CUT_AFTER else _wait_until(lambda: telegram.tries(CHAT))
    scan.send_signal(signal.SIGKILL)
    scan.communicate()
    telegram.behave(CHAT)
    assert told("scan", *QUICK).returncode == 0
    finds = told_finds(telegram)
    assert len(finds) == episodes(told) > 5
    assert max(finds.values()) <= 2


def test_a_chat_that_blocks_the_bot_is_a_30_and_disturbs_neither_the_output_nor_another_chat(
    told: Dmscan, telegram: TelegramServer
) -> None:
    told.environment |= telegram.environment(CHAT, OTHER)
    telegram.misbehave(CHAT, always=BLOCKED)
    done = told("scan", "--exit", "instant", "--notify", "-f", "json")
    assert done.returncode == 30
    assert json.loads(done.stdout)["opportunities"]
    assert "unblock" in done.stderr
    assert telegram.messages(OTHER)
    assert not telegram.messages(CHAT)
    telegram.behave(CHAT)
    assert told("scan", *QUICK).returncode == 0
    assert told_finds(telegram).total() == episodes(told)


def test_what_found_nobody_awake_is_told_after_the_quiet_hours(told: Dmscan, telegram: TelegramServer) -> None:
    told.environment |= {"TZ": "UTC"}
    hour = datetime.now(UTC).hour
    assert told("scan", *QUICK, "--quiet-hours", f"{(hour - 1) % 24:02}:00-{(hour + 2) % 24:02}:00").returncode == 0
    assert not telegram.tries(CHAT)
    assert told("scan", *QUICK).returncode == 0
    assert told_finds(telegram).total() == episodes(told)


def test_that_the_key_is_refused_and_that_all_is_well_again_is_one_message_each(tmp_path: Path, telegram: TelegramServer) -> None:
    with serving(tmp_path, "--fault", "customized-fees=401:2") as url:
        dmscan = Dmscan(tmp_path, url, DMSCAN_RATE="2000", **keys(), **telegram.environment(CHAT))
        codes = [dmscan("scan", *QUICK, "--title", "no such title").returncode for _ in range(4)]
    assert codes == [12, 12, 0, 0]
    refused, recovered = telegram.texts(CHAT)
    assert "refuses the key" in refused
    assert "Recovered" in recovered


@pytest.mark.parametrize(
    ("flags", "unset", "answer"),
    [
        (("--no-store",), "", (2, "--no-store")),
        ((), "DMSCAN_TELEGRAM_TOKEN", (22, "@BotFather")),
        ((), "DMSCAN_TELEGRAM_CHAT", (22, "dmscan notify chats")),
        (("--sandbox",), "DMSCAN_TELEGRAM_URL", (2, "--sandbox")),
        (("--realert", "2"), "", (2, "--realert")),
        (("--quiet-hours", "7:00-7:00"), "", (2, "23:00-07:00")),
        (("--notify-top", "0"), "", (2, "--notify-top")),
    ],
)
def test_what_cannot_be_told_is_refused_before_anything_is_asked(
    tmp_path: Path, telegram: TelegramServer, flags: tuple[str, ...], unset: str, answer: tuple[int, str]
) -> None:
    dmscan = Dmscan(tmp_path, "http://127.0.0.1:9", **keys(), **telegram.environment(CHAT))
    dmscan.environment.pop(unset, None)
    done = dmscan("scan", "--notify", *flags)
    code, says = answer
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
    assert not telegram.tries()


def test_a_watch_tells_each_find_once_and_leaves_its_metrics(told: Dmscan, market: str, telegram: TelegramServer, tmp_path: Path) -> None:
    metrics = tmp_path / "watch.prom"
    watch = told.start("watch", *QUICK, "--every", "4s", "--passes", "60", "--metrics-file", str(metrics))
    _wait_until(lambda: metrics.exists() and "dmscan_passes_total" in metrics.read_text("utf-8"))
    age(market, 1800)
    passes = re.compile(r'^dmscan_passes_total{exit_code="0"} ([0-9]+)$', re.MULTILINE)
    _wait_until(lambda: int((passes.search(metrics.read_text("utf-8")) or ("", "0"))[1]) >= 3)
    _wait_until(lambda: not rows(database(told), "SELECT 1 FROM alerts WHERE state = 'due' AND kind = 'new'"))
    watch.send_signal(signal.SIGTERM)
    watch.communicate(timeout=60)
    assert watch.returncode == 143
    finds = told_finds(telegram)
    assert len(finds) > 5
    assert finds.total() == rows(database(told), "SELECT count(*) FROM alerts WHERE state = 'told'")[0][0]


class Beat(NamedTuple):
    path: str
    body: str


@contextmanager
def monitor(status: int = 200) -> Iterator[tuple[str, list[Beat]]]:
    """A monitor of cron jobs: its URL, and what it heard."""
    heard: list[Beat] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(Beat(self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/beat", heard
        server.shutdown()


def test_a_monitor_hears_the_start_and_the_end_with_the_summary(dmscan: Dmscan) -> None:
    with monitor() as (url, heard):
        done = dmscan("scan", "--exit", "instant", "-f", "json", "--ping-url", url)
    scan_id = json.loads(done.stdout)["scan_id"]
    assert done.returncode == 0
    assert [beat.path for beat in heard] == [f"/beat/start?rid={scan_id}", f"/beat/0?rid={scan_id}"]
    assert "candidates judged" in heard[1].body
    assert url not in done.stderr


def test_a_monitor_hears_why_there_is_no_scan(tmp_path: Path) -> None:
    with monitor() as (url, heard):
        dmscan = Dmscan(tmp_path, "http://127.0.0.1:9", DMSCAN_PING_URL=url, **keys())
        assert dmscan("scan", "-q", "-f", "none").returncode == 10
    assert [beat.path.partition("?")[0] for beat in heard] == ["/beat/start", "/beat/10"]


def test_a_monitor_hears_of_each_pass_of_a_watch(dmscan: Dmscan) -> None:
    with monitor() as (url, heard):
        assert dmscan("watch", "--exit", "instant", "-q", "-f", "none", "--every", "2s", "--passes", "2", "--ping-url", url).returncode == 0
    assert [beat.path.partition("?")[0] for beat in heard] == ["/beat/0", "/beat/0"]


def test_a_monitor_that_fails_changes_no_exit_code_and_is_told_without_its_address(dmscan: Dmscan) -> None:
    with monitor(503) as (url, heard):
        done = dmscan("scan", "--exit", "instant", "-q", "-f", "none", "--ping-url", url)
    assert len(heard) == 2
    assert done.returncode == 0
    assert done.stderr == "dmscan: The ping URL answered with status 503.\n"


def _wait_until(holds: Callable[[], object]) -> None:
    for _ in range(1200):
        if holds():
            return
        threading.Event().wait(0.05)
    raise AssertionError("It did not happen within a minute.")

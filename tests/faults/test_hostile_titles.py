"""Titles that try to do something, as real finds of the real command: wherever they are shown they do nothing (reliability T5-T10, R19).

What each tries stands beside it in the corpus. Of one market with all of them there are two scans; everything else reads what these left.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import pty
import re
import subprocess
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from dmscan.clock import Clock
from dmscan.core.alerts import Alert, Due, Kind
from dmscan.core.episodes import Terms
from dmscan.core.events import Gone, New, Passed, hear
from dmscan.core.message import Message
from dmscan.core.models import Game, Opportunity
from dmscan.notify.telegram import Telegram
from dmscan.render.board import Board, State
from dmscan.render.events import line_event
from dmscan.render.message import body, compose
from dmscan.render.text import title, visible
from dmscan.sandbox.respond import TARGETS, Sandbox
from dmscan.sandbox.state import Offer, Sale, Target, Title
from dmscan.sandbox.world import World

from fault_server import ALWAYS, REAL, Arrival, Fault, FaultServer
from make import NOW, make_opportunity, make_relist, make_report, make_request, make_rules
from misdeeds import rewritten
from processes import Dmscan, keys, rows
from telegram_server import TOKEN, TelegramServer

CORPUS = json.loads((Path(__file__).parents[1] / "data" / "hostile.json").read_text("ascii"))
TITLES = [text for _, text in CORPUS]
GOOD = [text for text in TITLES if 0 < len(text) <= 512 and not re.search("[\0\ud800-\udfff]", text)]
"""Those that are not dropped at the border (design chapter 4.1)."""
COLOURS = re.compile(r"\x1b\[(?:0|1|2|1;32|31|32|33|36)m")
PLOT = re.compile(r"\x1b\[[0-9;]*m")
LIVE = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[hl]|2K|[0-9]*[AG]|H|J)|\r")
"""How the watch's table is kept up to date."""
UNSEEN = re.compile("[\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]")
FORMULA = tuple("=+-@＝＋－＠")
WIDE = {"COLUMNS": "300", "LINES": "3000"}


def hidden(text: str) -> set[str]:
    """Characters that somebody might act on or show nothing for, but for LF."""
    return {char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or UNSEEN.match(char)} - {"\n"}


# The market: its catalogue is the corpus, and each title of it sells at once and after a while

HALVES, AWAY = re.compile("[\ud800-\udfff]"), 0xF0000
"""Half a character cannot be said in UTF-8, so on its way through the market it is one of a private plane."""


def _as_escapes(data: bytes) -> bytes:
    return re.sub("[\U000fd800-\U000fdfff]", lambda one: f"\\u{ord(one[0]) - AWAY:04x}", data.decode()).encode()


class Hostile(World):
    def __init__(self, now: int) -> None:
        super().__init__(1, now, 1, ("cs2",))
        self._names = {"cs2": tuple(HALVES.sub(lambda one: chr(ord(one[0]) + AWAY), text) for text in TITLES)}
        for number, name in enumerate(self._names["cs2"]):
            offers = [Offer(f"offer-{number}-{unit}", 1000 + unit, now - 86_400) for unit in range(2)]
            sales = [Sale(1600, now - 3600 * (hour + 1)) for hour in range(10)]
            self.put(Title("cs2", name, offers, [Target(1500, 3)], sales))


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """In a thread of its own, for as long as there are tests here."""
    escaped = Fault(rewritten(_as_escapes), "aggregated-prices", turns=ALWAYS)
    serving = FaultServer(Sandbox(Hostile(REAL.seconds()), REAL, rate=10**9), (escaped,))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(serving.open(), loop).result()
        yield serving
        asyncio.run_coroutine_threadsafe(serving.close(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
    assert escaped.fired


class Scanned(NamedTuple):
    """`asked` is what the market was sent by the first scan, `asked_again` by the second, which knew the titles already."""

    dmscan: Dmscan
    document: dict[str, Any]
    lines: list[str]
    stderr: str
    metrics: str
    asked: list[Arrival]
    asked_again: list[Arrival]
    told: list[str]

    def show(self, *arguments: str, **environ: str) -> str:
        """What a command prints that must succeed and have nothing to say."""
        dmscan = Dmscan(self.dmscan.home)
        dmscan.environment = self.dmscan.environment | WIDE | environ
        done = dmscan(*arguments, text=False)
        assert (done.returncode, done.stderr) == (0, b"")
        return bytes(done.stdout).decode()


@pytest.fixture(scope="module")
def scanned(server: FaultServer, tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    home = tmp_path_factory.mktemp("hostile")
    dmscan = Dmscan(home, server.url, DMSCAN_RATE="5000", DMSCAN_DB=str(home / "history.db"), DMSCAN_LOG_FORMAT="json", **keys())
    with TelegramServer() as telegram:
        dmscan.environment |= telegram.environment("-1001")
        first = dmscan("scan", "-f", "json", "-v", "--notify", "--metrics-file", str(home / "dmscan.prom"))
    assert first.returncode == 0, first.stderr
    assert telegram.complaints == []
    for name in telegram.environment():
        del dmscan.environment[name]
    asked, server.log[:] = server.log[:], []
    second = dmscan("scan", "-f", "ndjson", "-v")
    assert second.returncode == 0, second.stderr
    del dmscan.environment["DMSCAN_LOG_FORMAT"]
    said = first.stderr + second.stderr
    return Scanned(
        dmscan,
        json.loads(first.stdout),
        second.stdout.splitlines(),
        said,
        (home / "dmscan.prom").read_text(),
        asked,
        server.log[:],
        telegram.texts(),
    )


# Identity


def test_every_title_is_found_or_dropped_at_the_border(scanned):
    for exit_ in ("instant", "relist"):
        found = [one["title"] for one in scanned.document["opportunities"] if one["exit"] == exit_]
        assert sorted(found) == sorted(map(visible, GOOD))
    assert scanned.document["stats"]["skipped"] == len(TITLES) - len(GOOD) > 10


def test_the_title_asked_for_is_the_one_received(scanned):
    for endpoint in ("last-sales", "v2/offers"):
        asked = [parse_qs(urlsplit(one.target).query) for one in scanned.asked if one.endpoint == endpoint]
        assert {one["title"][0] for one in asked} == set(GOOD)
    paths = [one.target for one in scanned.asked if one.endpoint == "targets-by-title"]
    assert {unquote(path.removeprefix(TARGETS).partition("/")[2]) for path in paths} == set(GOOD)
    batches = [json.loads(one.body) for one in scanned.asked_again if one.endpoint == "aggregated-prices"]
    assert {text for batch in batches for text in batch["filter"].get("titles", ())} == set(GOOD)
    assert "" not in {one.endpoint for one in (*scanned.asked, *scanned.asked_again)}


def test_the_history_holds_each_title_as_it_is(scanned):
    database = scanned.dmscan.home / "history.db"
    assert {text for (text,) in rows(database, "SELECT title FROM titles")} == set(GOOD)
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]
    assert len(rows(database, "SELECT 1 FROM opportunities")) == 4 * len(GOOD)


# Every format, of the history and so of a scan


def test_json_shows_escapes_and_stays_json(scanned):
    shown = scanned.show("history", "show", "last", "-f", "json")
    for text in (shown, *scanned.lines, json.dumps(scanned.document)):
        assert text.isascii()
        assert not hidden(text)
        assert not hidden(str(json.loads(text)))
    assert [json.loads(line)["type"] for line in scanned.lines] == ["scan_started", *["opportunity"] * 2 * len(GOOD), "scan_finished"]
    lines = scanned.show("history", "show", "last", "-f", "ndjson").splitlines()
    assert {json.loads(line).get("title") for line in lines} - {None} == set(map(visible, GOOD))


@pytest.mark.parametrize(("color", "fields"), [(False, ()), (True, ()), (True, ("--fields", "title,exit,roi"))])
def test_tables_hold_no_control_but_our_own_colours(scanned, color, fields):
    environ = {"FORCE_COLOR": "1"} if color else {}
    shown = scanned.show("history", "show", "last", "-f", "table", "--limit", "1000", *fields, **environ)
    assert ("\x1b" in shown) == color
    assert not hidden(COLOURS.sub("", shown))
    assert "[link=https://evil.example]x[/link]" in shown
    assert "\\u001b]52;c;cm0gLXJmIC8=\\u0007" in shown


def unrun(cell: str) -> bool:
    return not any(part.lstrip(' "\xa0\u3000').startswith(FORMULA) for part in cell.split(";")) or bool(re.fullmatch(r"-?[0-9.]+", cell))


@pytest.mark.parametrize(
    "arguments",
    [
        ("history", "show", "last"),
        ("history", "title", "=1+1"),
        ("history", "export", "--what", "opportunities"),
        ("history", "export", "--what", "quotes"),
    ],
)
def test_csv_runs_nothing(scanned, arguments):
    shown = scanned.show(*arguments, "-f", "csv")
    assert hidden(shown) <= {"\r"}
    table = list(csv.reader(io.StringIO(shown, newline="")))
    assert shown.count("\r\n") == shown.count("\r") == len(table) > 1
    assert {len(row) for row in table} == {len(table[0])}
    assert [cell for row in table for cell in row if not unrun(cell)] == []


@pytest.mark.parametrize("what", ["opportunities", "quotes", "sales", "episodes"])
def test_exported_lines_show_escapes(scanned, what):
    shown = scanned.show("history", "export", "--what", what)
    assert not hidden(shown)
    lines = [json.loads(line) for line in shown.splitlines()]
    assert not hidden(str(lines))
    assert {line["title"] for line in lines} == set(map(visible, GOOD))


def test_markdown_has_a_row_for_each_and_links_nothing(scanned):
    shown = scanned.show("history", "show", "last", "-f", "markdown", "--fields", "title,roi")
    assert not hidden(shown)
    assert len(shown.splitlines()) == 2 + 2 * len(GOOD)
    for row in shown.splitlines()[2:]:
        bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", row)
        assert bare.count("|") == 3
        assert not set(bare) & set("`*_[]<>#!~&@$\\:")
        assert "www." not in bare.lower()


@pytest.mark.parametrize("command", ["history list", "history stats", "history lifetimes", "scan --plan", "doctor", "doctor -v"])
def test_what_sums_up_is_harmless_too(scanned, command):
    form = "json" if command == "doctor" else "table"
    shown = scanned.show(*command.split(), "-f", form)
    assert not hidden(shown)
    assert form == "table" or not hidden(str(json.loads(shown)))


def test_metrics_hold_no_title(scanned):
    assert not hidden(scanned.metrics)
    for line in scanned.metrics.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) .+|dmscan_[a-z_]+(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? [0-9.e+-]+', line), line


def test_each_line_of_the_log_is_an_object_of_ours(scanned):
    told = [json.loads(line) for line in scanned.stderr.splitlines()]
    assert {tuple(one)[:4] for one in told} == {("at", "level", "event", "message")}
    assert not hidden(scanned.stderr)
    assert not hidden("".join(one["message"] for one in told))
    assert len(told) >= len(scanned.asked) + len(scanned.asked_again)
    assert "forged" not in {one["message"] for one in told}


# The commands about one title: all titles in one process, so that it starts once

EACH = """
import json, pathlib
from dmscan.cli.app import main
for arguments in json.loads(pathlib.Path(sys.argv.pop()).read_text()):
    print(main(arguments))
"""


def each(scanned: Scanned, titles: Sequence[str], *command: str, **environ: str) -> tuple[list[str], list[str], str]:
    """Exit codes, what was printed, and stderr."""
    folder = scanned.dmscan.home / "each"
    folder.mkdir(exist_ok=True)
    files = [folder / f"{number}.txt" for number in range(len(titles))]
    for file in files:
        file.unlink(missing_ok=True)
    calls = folder / "calls.json"
    calls.write_text(json.dumps([[*command, "-o", str(file), "--", text] for file, text in zip(files, titles, strict=True)]))
    dmscan = Dmscan(scanned.dmscan.home)
    dmscan.environment = scanned.dmscan.environment | WIDE | environ
    done = dmscan.script(EACH, "--version", str(calls))
    return done.stdout.splitlines()[:-1], [file.read_text() for file in files if file.exists()], done.stderr


COMMANDS = (("explain", "--offline"), ("fees", "--offline", "--price", "10"), ("history", "title"))


@pytest.mark.parametrize("turn", range(len(COMMANDS)))
def test_the_commands_about_one_title_show_it_and_nothing_happens(scanned, turn):
    for form, asked in (("table", GOOD[turn :: 2 * len(COMMANDS)]), ("json", GOOD[turn::50])):
        codes, printed, stderr = each(scanned, asked, *COMMANDS[turn], "-f", form)
        assert (set(codes), stderr, len(printed)) == ({"0"}, "", len(asked))
        for text, shown in zip(asked, printed, strict=True):
            assert not hidden(PLOT.sub("", shown))
            assert (json.loads(shown)["title"] == visible(text)) if form == "json" else (visible(text)[:20].strip() in shown)


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_title_that_nobody_knows_is_refused_in_one_line(scanned, format_):
    strange = [f"{text[:100]} never seen" for text in TITLES[::40]] + sorted(set(TITLES) - set(GOOD))[::3]
    for command in COMMANDS:
        codes, printed, stderr = each(scanned, strange, *command, DMSCAN_LOG_FORMAT=format_)
        assert set(codes) <= {"2", "20"}  # 20: the history cannot be asked for half a character
        assert printed == []
        assert not hidden(stderr)
        told = stderr.splitlines()
        assert len(told) == len(strange)
        assert all(line.startswith("dmscan: " if format_ == "text" else '{"at": "') for line in told)


# The watch


def test_the_events_of_a_watch_are_lines_of_json(scanned):
    shown = scanned.show("watch", "--passes", "1", "--exit", "relist", "--no-store", "-q")
    assert shown.isascii()
    told = [json.loads(line) for line in shown.splitlines()]
    assert not hidden(str(told))
    assert sorted(one["opportunity"]["title"] for one in told if one["type"] == "new") == sorted(map(visible, GOOD))


def test_the_table_of_a_watch_holds_no_control_but_those_that_keep_it_up_to_date(scanned):
    master, slave = pty.openpty()
    environ = scanned.dmscan.environment | WIDE | {"TERM": "xterm"}
    command = Dmscan(scanned.dmscan.home)
    command.environment = environ
    with command.start("watch", "--passes", "1", "--exit", "instant", "--no-store", stdout=slave, stderr=subprocess.PIPE) as watch:
        os.close(slave)
        shown = _read_all(master).decode()
        assert watch.wait() == 0
    assert "\x1b[" in shown
    assert not hidden(LIVE.sub("", shown))
    assert "\\u001b]52;c;cm0gLXJmIC8=\\u0007" in shown
    assert "[link=https://evil.example]" in shown


def _read_all(master: int) -> bytes:
    """Until the last one who could write to the terminal has gone."""
    said = bytearray()
    while True:
        try:
            said += os.read(master, 65_536)
        except OSError:
            os.close(master)
            return bytes(said)


def test_what_is_gone_is_told_as_harmlessly():
    board, terms = Board("https://api.dmarket.com", make_request()), Terms(make_rules(), None, signed=True)
    open_: Any = {}
    for text in GOOD:
        found = make_opportunity(title=text)
        open_ = hear(open_, found, terms, NOW).open
        board.event(New(NOW, found), 1)
        gone = Gone(NOW + 60, open_[found.key], unseen=False)
        line = line_event(gone, "scan-2", "sandbox")
        assert json.loads(line)["title"] == visible(text)
        assert line.isascii()
        board.event(gone, 2)
    board.passed(open_, 2)
    shown = board.text(State(passed=Passed(2, make_report(), open_, 0, 0, 0)), NOW + 60, (200, 1000), color=True)
    assert not hidden(PLOT.sub("", shown))
    assert shown.count("\n") > len(GOOD)


# Telegram


def alerts(texts: Sequence[str], game: Game = Game.CS2) -> list[Alert]:
    found: list[Opportunity] = [make(title=text, phase=text, game=game) for text in texts for make in (make_opportunity, make_relist)]
    dues = [Due(Kind.NEW, one) for one in found]
    return [Alert(number, due.kind, 1, body(due, make_report())) for number, due in enumerate(dues, 1)]


def spans(message: Message) -> list[tuple[str, str, str | None]]:
    utf16 = message.text.encode("utf-16-le")
    return [(one.type, utf16[2 * one.offset : 2 * (one.offset + one.length)].decode("utf-16-le"), one.url) for one in message.entities]


def test_what_a_scan_tells_a_chat_is_harmless(scanned):
    assert sum(title(text) in "\n".join(scanned.told) for text in GOOD) >= 5
    assert not hidden("".join(scanned.told))


async def test_a_chat_is_told_titles_as_text_and_links_of_our_own():
    with TelegramServer() as server:
        async with Telegram(TOKEN, server.url, Clock()) as telegram:
            for start in range(0, len(GOOD), 10):
                given = alerts(GOOD[start : start + 10])
                for part in compose(given, top=len(given)):
                    await telegram.send("-1001", part.message)
                    for kind, text, url in spans(part.message):
                        assert text in map(title, GOOD)
                        assert (kind == "text_link") == (url or "").startswith(
                            "https://dmarket.com/ingame-items/item-list/csgo-skins?title="
                        )
        assert server.complaints == []
        told = "\n".join(server.texts())
        assert not hidden(told)
        assert [text for text in GOOD if title(text) not in told] == []
        assert {"parse_mode"} & set().union(*(one.fields for one in server.arrived)) == set()
        assert all(one.fields["link_preview_options"] == {"is_disabled": True} for one in server.arrived)

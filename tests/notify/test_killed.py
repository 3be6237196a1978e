"""Killed at any step, or beside others: at most one message too many, and never silence (reliability G9)."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from telegram_server import CUT_AFTER, SILENT, TOKEN, TelegramServer

CHATS = ("-1001", "-1002")
FINDS = 2
RUN = f"""
import asyncio, os, signal, sys
from pathlib import Path
from dmscan.clock import Clock
from dmscan.core.alerts import Part, Wish
from dmscan.core.message import Message
from dmscan.errors import ExitCode
from dmscan.history.alerts import Telling
from dmscan.history.store import ScanEnd, ScanStart, open_history
from dmscan.notify.outbox import Courier, drain
from dmscan.notify.telegram import Telegram
from dmscan.render.message import body
from make import make_opportunity, make_report

CHATS = tuple(sys.argv[5:])

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Dying:
    '''The real outbox, which dies at a step.'''
    def __init__(self, outbox, step):
        self._outbox, self._step = outbox, step

    def __getattr__(self, name):
        return getattr(self._outbox, name)

    async def intend(self, chat, alerts, now):
        if self._step == "before the intent":
            die()
        message = await self._outbox.intend(chat, alerts, now)
        if self._step == "before sending":
            die()
        return message

    async def sent(self, message, telegram_id, now):
        if self._step == "before the mark":
            die()
        await self._outbox.sent(message, telegram_id, now)
        if self._step == "after the mark":
            die()

def each_alone(alerts):
    '''A message for each alert, told apart by its title.'''
    return [Part(Message(alert.body), (alert,)) for alert in alerts]

async def main(path, url, scan_id, step):
    now = int(Clock().now())
    found = tuple(make_opportunity(title=f"Title {{number}}", as_of=now) for number in range({FINDS}))
    async with open_history(path, "https://api.dmarket.com", Clock(), 60) as history, Telegram({TOKEN!r}, url, Clock()) as telegram:
        if scan_id:
            report = make_report(scan_id=scan_id, started_at=now, finished_at=now, opportunities=found)
            await history.record(ScanStart(scan_id, now, "{{}}", "0"), report, ScanEnd(ExitCode.OK, "{{}}", Telling(CHATS, Wish(), body)))
        print("ready", flush=True)
        sys.stdin.readline()
        courier = Courier(Dying(history.outbox, step), telegram, each_alone, Clock())
        for outcome in await drain(courier, CHATS, 60):
            print(outcome, flush=True)

asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:5]))
"""
"""A scan with the same finds each time (without an id none), and then what is due is sent."""


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    with TelegramServer() as server:
        yield server
    assert server.complaints == []


def run(path: Path, server: TelegramServer, scan_id: str = "", step: str = "", chats: Sequence[str] = CHATS) -> subprocess.Popen[str]:
    """A process that has stored its scan, and waits for a word to send."""
    command = [sys.executable, "-c", RUN, str(path), server.url, scan_id, step, *chats]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(process: subprocess.Popen[str]) -> int:
    _, stderr = process.communicate("go\n", timeout=120)
    assert stderr == ""
    return process.returncode


def told(server: TelegramServer, chats: Sequence[str] = CHATS) -> list[int]:
    """How often each find reached each chat."""
    return [sum(f'"title":"Title {number}"' in text for text in server.texts(chat)) for chat in chats for number in range(FINDS)]


def waiting(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM alerts WHERE state = 'due'").fetchone()[0]


@pytest.mark.parametrize(
    ("step", "arrivals"),
    [("before the intent", [1, 1]), ("before sending", [1, 1]), ("before the mark", [2, 1]), ("after the mark", [1, 1])],
)
def test_killed_at_any_step_nothing_is_lost_and_at_most_one_is_too_many(
    tmp_path: Path, server: TelegramServer, step: str, arrivals: list[int]
) -> None:
    path = tmp_path / "history.db"
    assert end(run(path, server, "one", step, CHATS[:1])) == -signal.SIGKILL
    assert end(run(path, server, "two", chats=CHATS[:1])) == 0
    assert told(server, CHATS[:1]) == arrivals
    assert waiting(path) == 0


def test_killed_again_and_again_before_the_mark_nothing_arrives_three_times(tmp_path: Path, server: TelegramServer) -> None:
    path = tmp_path / "history.db"
    codes = [end(run(path, server, f"{number}", "before the mark", CHATS[:1])) for number in range(5)]
    assert codes == [-signal.SIGKILL] * 4 + [0]
    assert told(server, CHATS[:1]) == [2, 2]
    assert waiting(path) == 0


def test_killed_with_a_message_in_flight(tmp_path: Path, server: TelegramServer) -> None:
    path = tmp_path / "history.db"
    for chat in CHATS:
        server.misbehave(chat, SILENT)
    process = run(path, server, "one")
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    server.wait_for(2)
    process.kill()
    process.communicate()
    assert end(run(path, server)) == 0
    assert sorted(told(server)) == [1, 1, 2, 2]
    assert waiting(path) == 0


def test_two_that_send_at_once_send_each_once(tmp_path: Path, server: TelegramServer) -> None:
    path = tmp_path / "history.db"
    both = [run(path, server, "one"), run(path, server, "two")]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [end(process) for process in both] == [0, 0]
    assert told(server) == [1] * len(CHATS) * FINDS
    assert waiting(path) == 0


def test_a_lost_answer_and_a_death_together_are_one_message_too_many(tmp_path: Path, server: TelegramServer) -> None:
    path, chats = tmp_path / "history.db", CHATS[:1]
    server.misbehave(chats[0], CUT_AFTER)
    assert end(run(path, server, "one", chats=chats)) == 0
    assert end(run(path, server, "two", "before the mark", chats)) == -signal.SIGKILL
    assert end(run(path, server, "three", chats=chats)) == 0
    assert told(server, chats) == [2, 1]
    assert waiting(path) == 0

"""`dmscan notify` through the real process."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dmscan import __version__

from processes import Dmscan
from telegram_server import BLOCKED, BOT, SILENT, TOKEN, TelegramServer, limited, moved, refused

A, B, C = "-1001", "42", "@deals"


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    with TelegramServer() as running:
        yield running
        assert running.complaints == []


@pytest.fixture
def dmscan(tmp_path: Path, server: TelegramServer) -> Dmscan:
    return Dmscan(tmp_path, **server.environment(A, B, C))


def private(number: int, name: str) -> dict[str, object]:
    return {"message": {"chat": {"id": number, "type": "private", "first_name": name}}}


def hushed(done: subprocess.CompletedProcess[str]) -> bool:
    return TOKEN.partition(":")[2] not in done.stdout + done.stderr


def test_every_chat_gets_the_message(dmscan, server):
    done = dmscan("notify", "test")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"ok    {A}  sent\nok    {B}  sent\nok    {C}  sent\n"
    greeting = f"dmscan can reach you\nThis is a test message of dmscan {__version__}."
    assert {chat: server.texts(chat) for chat in (A, B, C)} == {chat: [greeting] for chat in (A, B, C)}


def test_30_if_one_failed_and_the_others_are_served(dmscan, server):
    server.misbehave(A, always=BLOCKED)
    server.misbehave(C, always=limited(77))
    done = dmscan("notify", "test")
    assert (done.returncode, done.stderr) == (30, "")
    first, second, third = done.stdout.splitlines()
    assert first.startswith(f"fail  {A}  The bot may not write")
    assert second == f"ok    {B}  sent"
    assert third.startswith(f"fail  {C}  ")
    assert "77 s" in third
    assert len(server.arrived) == 3
    assert hushed(done)


def test_a_group_that_has_moved_is_told(dmscan, server):
    server.misbehave(A, always=moved("-1009"))
    done = dmscan("notify", "test")
    assert done.returncode == 0
    assert f"ok    {A}  sent, but the chat is -1009 now: put that into DMSCAN_TELEGRAM_CHAT\n" in done.stdout


@pytest.mark.parametrize("command", ["test", "chats"])
def test_without_a_token_it_says_how_to_get_one(dmscan, server, command):
    del dmscan.environment["DMSCAN_TELEGRAM_TOKEN"]
    done = dmscan("notify", command)
    assert (done.returncode, done.stdout) == (22, "")
    assert "@BotFather" in done.stderr
    assert "DMSCAN_TELEGRAM_TOKEN_FILE" in done.stderr
    assert done.stderr.count("\n") == 1
    assert server.arrived == []


def test_without_a_chat_it_says_how_to_find_one(dmscan, server):
    del dmscan.environment["DMSCAN_TELEGRAM_CHAT"]
    done = dmscan("notify", "test")
    assert (done.returncode, done.stdout) == (22, "")
    assert "dmscan notify chats" in done.stderr
    assert server.arrived == []


def test_a_token_may_stand_in_a_file(dmscan, server, tmp_path):
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text(f"{TOKEN}\n")
    del dmscan.environment["DMSCAN_TELEGRAM_TOKEN"]
    dmscan.environment["DMSCAN_TELEGRAM_TOKEN_FILE"] = str(path)
    assert dmscan("notify", "test").returncode == 0
    assert len(server.messages()) == 3


def test_chats_are_listed_the_newest_last(dmscan, server):
    group = {"id": int(A), "type": "supergroup", "title": "Deals \x1b]0;x\x07\u202e"}
    server.updates = [private(42, "Ann"), {"channel_post": {"chat": group}}]
    table = dmscan("notify", "chats", "-f", "table")
    assert (table.returncode, table.stderr) == (0, "")
    assert table.stdout == "   42  private     Ann\n-1001  supergroup  Deals \\u001b]0;x\\u0007\\u202e\n"
    document = json.loads(dmscan("notify", "chats").stdout)
    assert document["schema"] == "dmscan.chats/1"
    assert document["bot"] == f"@{BOT}"
    assert [row["setting"] for row in document["chats"]] == ["42", "-1001"]
    assert document["chats"][0] == {"setting": "42", "id": 42, "thread_id": None, "kind": "private", "name": "Ann"}
    assert json.loads(dmscan("notify", "chats", "--json").stdout) == document


def test_without_chats_it_says_what_to_do(dmscan):
    done = dmscan("notify", "chats", "-f", "table")
    assert (done.returncode, done.stdout) == (0, "")
    assert f"@{BOT}" in done.stderr
    assert "write to it" in done.stderr
    assert json.loads(dmscan("notify", "chats").stdout)["chats"] == []


def test_chats_are_found_before_one_is_set(dmscan, server):
    del dmscan.environment["DMSCAN_TELEGRAM_CHAT"]
    server.updates = [private(42, "Ann")]
    assert dmscan("notify", "chats", "-f", "table").stdout == "42  private     Ann\n"


@pytest.mark.parametrize(
    ("description", "words"),
    [("Conflict: can't use getUpdates method while webhook is active", "webhook"), ("Conflict: terminated by other", "Another program")],
)
def test_30_if_the_updates_go_elsewhere(dmscan, server, description, words):
    server.misbehave("getUpdates", always=refused(409, description))
    done = dmscan("notify", "chats")
    assert (done.returncode, done.stdout) == (30, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["test", "chats"])
def test_a_token_that_is_refused_is_not_shown(dmscan, server, command):
    server.token = "another"
    done = dmscan("notify", command, "--debug")
    assert done.returncode == 30
    assert "@BotFather" in done.stdout + done.stderr
    assert hushed(done)


def test_the_token_is_not_in_the_process_list_and_ctrl_c_ends_the_wait(dmscan, server):
    server.misbehave(A, always=SILENT)
    command = dmscan.start("notify", "test")
    server.wait_for(3)
    listed = subprocess.run(["ps", "-o", "args=", "-p", f"{command.pid}"], capture_output=True, text=True, check=True).stdout
    assert "notify test" in listed
    assert TOKEN.partition(":")[2] not in listed
    command.send_signal(signal.SIGINT)
    stdout, stderr = command.communicate(timeout=60)
    assert (command.returncode, stdout, stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("arguments", "words"), [(["chats", "-f", "csv"], "table, json"), (["chats", "--json", "-f", "table"], "--json"), (["tset"], "tset")]
)
def test_2_for_what_was_mistyped(dmscan, server, arguments, words):
    done = dmscan("notify", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert server.arrived == []

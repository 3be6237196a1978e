"""What the environment says, and which of it is refused: each refusal names its variable and repeats no secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dmscan.errors import SettingsError
from dmscan.places import LARGEST, _folder
from dmscan.settings import API_URL, load

TOKEN = "123456789:AAcanary-token_x"
CANARY = "canary0123456789"


def refused(tmp_path: Path, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(environ, str(tmp_path / "history.db"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"DMSCAN_PING_URL": f"http://example.com/{CANARY}"}, "DMSCAN_PING_URL must begin with https://"),
        ({"DMSCAN_PING_URL": f"file:///{CANARY}"}, "DMSCAN_PING_URL must begin with https://"),
        ({"DMSCAN_PING_URL": f"https:///{CANARY}"}, "DMSCAN_PING_URL must be a URL"),
        ({"DMSCAN_PING_URL": f"https://user:{CANARY}@example.com/x"}, "DMSCAN_PING_URL must be a URL such as"),
        ({"DMSCAN_PING_URL": f"https://[{CANARY}"}, "DMSCAN_PING_URL is not a URL"),
        ({"DMSCAN_PING_URL": f"https://example.com/{CANARY} x"}, "DMSCAN_PING_URL holds a blank"),
        ({"DMSCAN_API_URL": "https://["}, "DMSCAN_API_URL is not a URL"),
        ({"DMSCAN_API_URL": "https://example.com:port"}, "DMSCAN_API_URL is not a URL"),
        ({"DMSCAN_TELEGRAM_TOKEN": CANARY}, "DMSCAN_TELEGRAM_TOKEN must be digits, a colon and letters"),
        ({"DMSCAN_TELEGRAM_TOKEN": f"{TOKEN}\n{CANARY}"}, "DMSCAN_TELEGRAM_TOKEN must be"),
        ({"DMSCAN_TELEGRAM_TOKEN": TOKEN, "DMSCAN_TELEGRAM_CHAT": "deals"}, "DMSCAN_TELEGRAM_CHAT: 'deals' is no chat"),
        ({"DMSCAN_TELEGRAM_TOKEN": TOKEN, "DMSCAN_TELEGRAM_CHAT": "1, --2"}, "DMSCAN_TELEGRAM_CHAT: '--2'"),
        ({"DMSCAN_TELEGRAM_TOKEN": TOKEN, "DMSCAN_TELEGRAM_URL": "http://example.com"}, "DMSCAN_TELEGRAM_URL must begin with https://"),
        ({"DMARKET_SECRET_KEY_FILE": "~nobody-has-this-name/key"}, "DMARKET_SECRET_KEY_FILE names ~nobody"),
    ],
)
def test_a_refusal_names_its_variable_and_repeats_no_secret(tmp_path: Path, environ: dict[str, str], words: str) -> None:
    sentence = refused(tmp_path, **environ)
    assert words in sentence
    assert CANARY not in sentence
    assert TOKEN not in sentence


def test_what_is_right_is_taken(tmp_path: Path) -> None:
    environ = {
        "DMSCAN_TELEGRAM_TOKEN": TOKEN,
        "DMSCAN_TELEGRAM_CHAT": "-1001234567890, @my_deals/12 7",
        "DMSCAN_PING_URL": "http://[::1]:80/x",
    }
    found = load(environ, str(tmp_path / "history.db"))
    assert found.telegram
    assert found.telegram.chats == ("-1001234567890", "@my_deals/12", "7")
    assert found.telegram.token.reveal() == TOKEN
    assert found.ping_url
    assert found.ping_url.reveal() == "http://[::1]:80/x"
    assert load({}, "x.db").telegram is None
    assert load({}, "x.db").api_url == API_URL


def test_the_record_prints_no_secret(tmp_path: Path) -> None:
    environ = {"DMARKET_PUBLIC_KEY": "a" * 64, "DMARKET_SECRET_KEY": CANARY, "DMSCAN_TELEGRAM_TOKEN": TOKEN}
    shown = repr(load(environ | {"DMSCAN_PING_URL": f"https://example.com/{CANARY}"}, str(tmp_path / "history.db")))
    assert CANARY not in shown
    assert TOKEN not in shown


def test_a_secret_is_read_from_a_file_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    secret = tmp_path / "token"
    secret.write_text(f"{TOKEN}\n")
    secret.chmod(0o600)
    found = load({"DMSCAN_TELEGRAM_TOKEN_FILE": "~/token"}, "x.db").telegram
    assert found
    assert found.token.reveal() == TOKEN


def test_a_secret_that_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe, folder, bulky, odd = (tmp_path / name for name in ("pipe", "folder", "bulky", "odd"))
    os.mkfifo(pipe, 0o600)
    folder.mkdir()
    bulky.write_bytes(b"x" * (LARGEST + 1))
    odd.write_bytes(b"\xff\xfe")
    for path, words in ((pipe, "not a file"), (folder, "cannot be read"), (bulky, "too large"), (odd, "not text")):
        path.chmod(0o700) if path.exists() else None
        sentence = refused(tmp_path, DMSCAN_PING_URL_FILE=str(path))
        assert sentence.startswith(f"DMSCAN_PING_URL_FILE names {path}, which ")
        assert words in sentence


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    for mode in (0o640, 0o604, 0o644):
        secret.chmod(mode)
        assert f"run chmod 600 {secret}" in refused(tmp_path, DMSCAN_TELEGRAM_TOKEN_FILE=str(secret))


def test_without_a_home_no_folder_is_taken_for_it() -> None:
    def homeless(name: str) -> Path:
        raise RuntimeError

    assert _folder(homeless) is None
    assert _folder(lambda name: Path("~/.config") / name) is None
    assert _folder(lambda name: Path("/home") / name) == Path("/home/dmscan")


def test_what_processes_share_lies_with_the_history_where_there_is_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert load({}, str(tmp_path / "history.db")).state == tmp_path / "state" / "dmscan"

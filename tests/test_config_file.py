"""The settings file: what is refused names file and line, and what is taken is what the option would take."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dmscan.cli.configured import read_config
from dmscan.cli.setting import SETTINGS, Kind
from dmscan.config_file import ConfigFile, Said, find, outdone, variable
from dmscan.errors import SettingsError
from dmscan.settings import Secret

CANARY = "canary0123456789"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def refused(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        read_config(path)
    assert CANARY not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("min_sales = 3\nmin_roi = \n", 2, "this is not TOML: Invalid value"),
        (f'secret_key = "{CANARY}\n', 1, "this is not TOML"),
        (f"secret_key = {CANARY}\n", 1, "this is not TOML"),
        ('game = ["cs2"\n\n', 1, "this is not TOML"),
        ("min_sales = 3\nmin_sales = 4\n", 2, "this is not TOML"),
        ("# none\nmin_proft = 1\n", 2, "'min_proft' is no setting, did you mean min_profit?"),
        ("zzz = 1\n", 1, "'zzz' is no setting: dmscan config init"),
        (f'"{chr(92)}u001b[31m" = 1\n', 0, "'\\x1b[31m' is no setting"),
        (f'sekret_key = "{CANARY}"\n', 1, "did you mean secret_key?"),
        (f'min_sales = 3\n\n[telegram]\ntoken = "{CANARY}"\n', 3, "'telegram' would be a section"),
        (f'telegram.token = "{CANARY}"\n', 1, "'telegram' would be a section"),
        ("config = '/x'\n", 1, "'config' is no setting"),
        ("min_roi = '5x'\n", 1, "min_roi: '5x' is not a share such as 3% or 0.03."),
        ("\n\nmin-roi = 5\n", 3, "min_roi: 5 would be 500%: did you mean 5%?."),
        ("min_price = 1e3\n", 1, "min_price: '1e3' is not an amount in dollars"),
        ("min_price = nan\n", 1, "min_price: 'nan' is not an amount"),
        ("deadline = '5 minutes'\n", 1, "deadline: '5 minutes' is not a duration"),
        ("game = ['cs2', 'cs3']\n", 1, "game: "),
        ("level = 'standart'\n", 1, "level: 'standart' is unknown, did you mean standard?"),
        ("format = 'xml'\n", 1, "format: 'xml' is unknown"),
        ("fee = '100%'\n", 1, "fee: 100% would leave nothing"),
        ("max_units = 0\n", 1, "max_units must be at least 1, not 0."),
        ("connections = 101\n", 1, "connections must be from 1 to 100, not 101."),
        ("max_units = '5'\n", 1, "max_units must be a whole number."),
        ("max_units = 5.0\n", 1, "max_units must be a whole number."),
        ("max_units = true\n", 1, "max_units must be a whole number."),
        ("http2 = 1\n", 1, "http2 must be true or false."),
        ("http2 = 'yes'\n", 1, "http2 must be true or false."),
        ("min_roi = true\n", 1, "min_roi must be text or a number."),
        ("min_roi = ['3%']\n", 1, "min_roi must be text or a number."),
        ("min_roi = 2026-11-24\n", 1, "min_roi must be text or a number."),
        ("game = [['cs2']]\n", 1, "game must be text or a list of texts"),
        ("game = [true]\n", 1, "game must be text or a list of texts"),
        (f"secret_key = ['{CANARY}']\n", 1, "secret_key must be text or a number."),
        (f'secret_key = """{CANARY}\n{CANARY}"""\n', 1, "secret_key holds a line break"),
        ('db = "/tmp/a\\u0000b"\n', 1, "db holds a line break"),
        ("db = 'history.db'\n", 1, "db must be a whole path or begin with ~"),
        ("db = '~nobody-has-this-name/x'\n", 1, "db names ~nobody-has-this-name/x, but nobody knows that home folder"),
        ("secret_key_file = 'secret'\n", 1, "secret_key_file must be a whole path"),
        ("secret_key = ''\n", 1, "secret_key is empty."),
        (f"telegram_token = '{CANARY}'\n", 1, "telegram_token must be digits"),
        ("telegram_chat = [1, 'deals']\n", 1, "telegram_chat: 'deals' is no chat"),
        ("api_url = 'http://example.com'\n", 1, "api_url must begin with https://"),
        (f"ping_url = 'http://example.com/{CANARY}'\n", 1, "ping_url must begin with https://"),
        (f"ping_url = 'https://example.com/{CANARY}'\nping_url_file = '/x'\n", 2, "ping_url and ping_url_file are both set"),
        ("min-roi = '3%'\nmin_roi = '4%'\n", 2, "min_roi is set twice"),
        ("min_sales = " + "9" * 5000, 0, "this is not TOML"),
        ("game = " + "[" * 5000, 0, "this is not TOML"),
    ],
)
def test_a_refusal_is_one_sentence_with_file_and_line(path: Path, text: str, line: int, words: str) -> None:
    sentence = refused(written(path, text))
    assert sentence.startswith(f"{path}:{line}: " if line else f"{path}")
    assert words in sentence
    assert "\n" not in sentence


def test_a_file_that_others_can_change_is_refused(path: Path) -> None:
    for mode in (0o620, 0o602, 0o666):
        assert f"run chmod go-w {path}" in refused(written(path, "min_sales = 3\n", mode))


def test_a_secret_in_a_file_that_others_can_read_is_refused_and_the_rest_is_not(path: Path) -> None:
    for key, value in (("secret_key", CANARY), ("telegram_token", f"1:{CANARY}"), ("ping_url", f"https://example.com/{CANARY}")):
        for mode in (0o640, 0o604):
            sentence = refused(written(path, f"min_sales = 3\n{key} = '{value}'\n", mode))
            assert sentence == f"{path}:2: {key} is for you alone, but others can read the file: run chmod 600 {path}."
        assert read_config(written(path, f"{key} = '{value}'\n")).entries
    assert read_config(written(path, "min_sales = 3\nsecret_key_file = '/x'\n", 0o644)).entries["min_sales"].value == 3


def test_only_a_plain_file_of_ones_own_is_read(path: Path, tmp_path: Path) -> None:
    assert "There is no settings file" in refused(path)
    assert "There is no settings file" in refused(tmp_path / "nowhere" / "config.toml")
    os.mkfifo(path, 0o600)
    assert "not a file" in refused(path)
    assert "cannot be read" in refused(tmp_path)
    path.unlink()
    path.write_bytes(b"min_roi = '\xff'\n")
    path.chmod(0o600)
    assert "it is not text" in refused(path)
    path.write_bytes(b"#" * 70_000)
    assert "too large" in refused(path)
    link = tmp_path / "link.toml"
    link.symlink_to(written(path, "min_sales = 3\n"))
    assert read_config(link).entries["min_sales"] == Said(3, 1)
    path.unlink()
    assert "cannot be read" in refused(link)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user's")
def test_what_is_another_users_is_refused(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(written(path, "min_sales = 3\n"))
    os.lchown(link, 12345, 12345)
    assert "a link of another user's" in refused(link)
    os.chown(path, 12345, 12345)
    assert "belongs to another user" in refused(path)


def test_the_usual_file_may_be_missing_and_there_may_be_no_place_for_one(path: Path) -> None:
    assert find(None, path) == ConfigFile(path)
    assert find(None, path / "below" / "a" / "file").entries == {}
    assert find(None, None) == ConfigFile(None)
    assert find(Path(os.devnull), written(path, "min_sales = 3\n")).entries == {}


def test_values_are_what_the_options_take(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    text = """
min-price = 0.50
min_roi = "3%"
max_units = 7
http2 = true
game = "cs2 rust"
level = ["standard"]
deadline = 120
telegram_chat = [-100, "@my_deals"]
secret_key = "s"
db = "~/own.db"
"""
    read = {key: said.value for key, said in read_config(written(path, text)).entries.items()}
    secret = read.pop("secret_key")
    assert isinstance(secret, Secret)
    assert secret.reveal() == "s"
    assert read == {
        "min_price": "0.50",
        "min_roi": "3%",
        "max_units": 7,
        "http2": True,
        "game": ["cs2", "rust"],
        "level": ["standard"],
        "deadline": "120",
        "telegram_chat": ["-100", "@my_deals"],
        "db": "/home/me/own.db",
    }
    assert read_config(path).entries["level"].line == 7


def test_the_environment_goes_before_the_file_in_either_of_its_two_ways(path: Path) -> None:
    lines = ("telegram_token_file = '/t'", "ping_url = 'https://a.example/x'", "http2 = false", "game = ['cs2', 'tf2']")
    file = read_config(written(path, "\n".join(lines)))
    merged = file.environment({"DMSCAN_TELEGRAM_TOKEN": "1:x", "DMSCAN_PING_URL": "", "HOME": "/h"})
    assert merged == {
        "HOME": "/h",
        "DMSCAN_TELEGRAM_TOKEN": "1:x",
        "DMSCAN_PING_URL": "https://a.example/x",
        "DMSCAN_HTTP2": "0",
        "DMSCAN_GAME": "cs2 tf2",
    }
    assert outdone("ping_url", {"DMSCAN_PING_URL_FILE": "/x"})
    assert not outdone("ping_url", {"DMSCAN_PING_URL_FILE": ""})


def test_names_in_the_environment() -> None:
    assert variable("min_roi") == "DMSCAN_MIN_ROI"
    assert {variable(key) for key in SETTINGS if key.startswith(("public", "secret"))} == {
        "DMARKET_PUBLIC_KEY",
        "DMARKET_PUBLIC_KEY_FILE",
        "DMARKET_SECRET_KEY",
        "DMARKET_SECRET_KEY_FILE",
    }


def test_a_file_read_prints_no_secret(path: Path) -> None:
    assert CANARY not in repr(read_config(written(path, f"secret_key = '{CANARY}'\n")))
    assert all(setting.kind is Kind.TEXT for setting in SETTINGS.values() if setting.secret)

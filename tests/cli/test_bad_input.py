"""Bad input gets one clear sentence on stderr that names the setting, the right exit code, and nothing half written."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmscan.market.signing import new_pair

from processes import Dmscan, keys

PUBLIC, SECRET = keys()["DMARKET_PUBLIC_KEY"], keys()["DMARKET_SECRET_KEY"]


def refused(dmscan: Dmscan, *arguments: str) -> tuple[int, str]:
    """The exit code and the one sentence of a command that must print nothing."""
    done = dmscan(*arguments)
    assert done.stdout == ""
    assert done.stderr.startswith("dmscan: ")
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(".\n")
    assert not list(dmscan.home.rglob("*.db"))
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--game", "csgo2"], ["--game", "csgo2", "cs2, dota2, tf2, rust"]),
        (["--level", "standart"], ["--level", "did you mean standard"]),
        (["--min-price", "5", "--max-price", "3"], ["--min-price 5", "--max-price 3"]),
        (["--level", "boost", "--min-price", "5"], ["--min-price 5", "boost"]),
        (["--min-roi", "3"], ["--min-roi", "did you mean 3%?"]),
        (["--min-roi", "3pc"], ["--min-roi", "3% or 0.03"]),
        (["--fee", "5"], ["--fee", "did you mean 5%?"]),
        (["--fee", "100%"], ["--fee"]),
        (["--min-profit", "5c"], ["--min-profit", "dollars"]),
        (["--max-price", "1e3"], ["--max-price", "1e3"]),
        (["--deadline", "soon"], ["--deadline", "5m"]),
        (["--rate", "0"], ["--rate", "greater than 0"]),
        (["--max-requests", "0"], ["--max-requests", "at least 1"]),
        (["--connections", "0"], ["--connections", "from 1 to 100", "not 0"]),
        (["--connections", "101"], ["--connections", "from 1 to 100", "not 101"]),
        (["--connections", "few"], ["--connections", "integer"]),
        (["--limit", "0"], ["--limit", "at least 1"]),
        (["--min-sales", "0"], ["--min-sales", "at least 1"]),
        (["--max-units", "many"], ["--max-units", "integer"]),
        (["--exit", "instand"], ["--exit", "did you mean instant"]),
        (["--entry", "target", "--exit", "instant"], ["--entry target", "--exit instant"]),
        (["--sort", "price"], ["--sort", "profit"]),
        (["--fee-at", "later"], ["--fee-at", "sale, now"]),
        (["-f", "yaml"], ["--format", "markdown"]),
        (["-f", "csv", "--json"], ["--json", "-f csv"]),
        (["--fields", "titel"], ["titel", "title"]),
        (["--title", "@missing.txt"], ["--title", "missing.txt"]),
        (["--title", "@-", "--exclude", "@-"], ["--title", "--exclude", "stdin"]),
        (["--since-last", "--no-store"], ["--since-last", "--no-store"]),
        (["--nope"], ["--nope"]),
    ],
)
def test_usage(dmscan: Dmscan, arguments: list[str], words: list[str]) -> None:
    code, sentence = refused(dmscan, "scan", *arguments)
    assert code == 2
    assert [word for word in words if word not in sentence] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DMARKET_PUBLIC_KEY": ""}, ["DMARKET_SECRET_KEY is set but DMARKET_PUBLIC_KEY is not"]),
        ({"DMARKET_SECRET_KEY": ""}, ["DMARKET_PUBLIC_KEY is set but DMARKET_SECRET_KEY is not"]),
        ({"DMARKET_PUBLIC_KEY": SECRET, "DMARKET_SECRET_KEY": PUBLIC}, ["swapped"]),
        ({"DMARKET_PUBLIC_KEY": PUBLIC[:-2]}, ["DMARKET_PUBLIC_KEY", "62 digits"]),
        ({"DMARKET_SECRET_KEY": SECRET[:100]}, ["DMARKET_SECRET_KEY", "100 digits"]),
        ({"DMARKET_PUBLIC_KEY": "g" * 64}, ["DMARKET_PUBLIC_KEY", "hexadecimal"]),
        ({"DMARKET_PUBLIC_KEY": new_pair()[0]}, ["does not belong to DMARKET_SECRET_KEY"]),
        ({"DMSCAN_API_URL": "http://example.com"}, ["DMSCAN_API_URL", "https://"]),
        ({"DMSCAN_API_URL": "https://user:pass@example.com"}, ["DMSCAN_API_URL"]),
        ({"DMSCAN_API_URL": "file:///etc/passwd"}, ["DMSCAN_API_URL"]),
        ({"DMSCAN_API_URL": "https://169.254.169.254"}, ["DMSCAN_API_URL", "address"]),
        ({"DMARKET_SECRET_KEY_FILE": "/nowhere/at/all"}, ["DMARKET_SECRET_KEY_FILE", "/nowhere/at/all"]),
    ],
)
def test_settings(dmscan: Dmscan, changes: dict[str, str], words: list[str]) -> None:
    dmscan.environment |= changes
    code, sentence = refused(dmscan, "scan")
    assert code == 22
    assert [word for word in words if word not in sentence] == []
    assert SECRET not in sentence
    assert PUBLIC not in sentence


def test_a_secret_in_a_file_that_others_can_read_is_refused(dmscan: Dmscan, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o644)
    dmscan.environment["DMARKET_SECRET_KEY_FILE"] = str(secret)
    code, sentence = refused(dmscan, "scan")
    assert code == 22
    assert f"chmod 600 {secret}" in sentence
    secret.chmod(0o600)
    assert dmscan.scan("--no-store")["complete"] is True


@pytest.mark.parametrize("asked", [["--http2"], []], ids=["option", "environment"])
def test_http2_without_its_package_says_what_to_install(dmscan: Dmscan, tmp_path: Path, asked: list[str]) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['h2'] = None")
    dmscan.environment |= {"PYTHONPATH": str(tmp_path)} | ({} if asked else {"DMSCAN_HTTP2": "1"})
    code, sentence = refused(dmscan, "scan", *asked)
    assert code == 22
    assert "--http2" in sentence
    assert "pip install 'dmscan[http2]'" in sentence


def test_what_needs_a_key_says_so(dmscan: Dmscan) -> None:
    for name in keys():
        del dmscan.environment[name]
    assert refused(dmscan, "scan", "--exit", "relist")[0] == 22
    code, sentence = refused(dmscan, "scan", "--max-lock-days", "3")
    assert code == 2
    assert "--max-lock-days" in sentence


def test_a_folder_in_place_of_the_database_or_the_output(dmscan: Dmscan, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    done = dmscan("scan", "--db", str(folder))
    assert done.returncode == 20
    assert str(folder) in done.stderr
    code, sentence = refused(dmscan, "scan", "--no-store", "-o", str(folder))
    assert code == 74
    assert str(folder) in sentence

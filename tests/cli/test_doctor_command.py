"""`dmscan doctor` through the real process: all is well on a healthy market, and every fault has its line and its exit code."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from filelock import FileLock

from dmscan.history.lock import lock_path
from dmscan.market.signing import new_pair

from disks import read_only
from processes import Dmscan, keys, rows
from telegram_server import TOKEN, TelegramServer, refused

NOWHERE = "http://127.0.0.1:1"
PING = "https://hc-ping.com/canary-0123-4567"
PUBLIC, SECRET = keys()["DMARKET_PUBLIC_KEY"], keys()["DMARKET_SECRET_KEY"]


def examined(dmscan: Dmscan, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code and the checks by name; of two with one name the worse."""
    done = dmscan("doctor", "-f", "json", *arguments)
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document["exit_code"] == done.returncode
    worst = sorted(document["checks"], key=lambda check: ("ok", "warn", "fail").index(check["status"]))
    return done.returncode, {check["name"]: check for check in worst}


def not_well(checks: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: check["status"] for name, check in checks.items() if check["status"] != "ok"}


@pytest.fixture
def local(tmp_path: Path) -> Dmscan:
    """Asks nobody: its market cannot be reached."""
    return Dmscan(tmp_path, NOWHERE, **keys())


def test_all_is_well_on_a_healthy_market(dmscan: Dmscan) -> None:
    dmscan.scan()
    done = dmscan("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[-1].startswith("all well, ")
    assert {line.split()[0] for line in lines[:-2]} == {"ok"}
    assert max(map(len, lines)) <= 160


def test_before_the_first_scan_there_is_nothing_to_complain_of_and_nothing_is_made(dmscan: Dmscan) -> None:
    code, checks = examined(dmscan)
    assert (code, not_well(checks)) == (0, {})
    assert checks["database"]["detail"].startswith("none yet: the first scan makes ")
    assert not list(dmscan.home.rglob("*.db*"))


def test_the_sandbox_needs_no_settings_and_leaves_the_users_own_alone(tmp_path: Path) -> None:
    dmscan = Dmscan(tmp_path, NOWHERE, DMSCAN_DB=str(tmp_path / "mine.db"))
    (tmp_path / "mine.db").write_text("not to be looked at")
    code, checks = examined(dmscan, "--sandbox")
    assert (code, not_well(checks)) == (0, {})
    assert checks["balance"]["detail"] == "$1,234.56: the key is accepted"
    assert "sandbox.db" in checks["database"]["detail"]


@pytest.mark.parametrize(
    ("fault", "name", "code", "words"),
    [
        ("v2/offers=410", "v2/offers", 15, "retired v2/offers"),
        ("targets-by-title=fields", "targets-by-title", 15, "orders"),
        ("last-sales=units", "units", 15, "last-sales seems to have changed its unit"),
        ("aggregated-prices=html", "aggregated-prices", 10, "not complete JSON"),
        ("customized-fees=403", "customized-fees", 12, "to the key …"),
        ("balance=skew", "balance", 13, "s behind the market's"),
    ],
)
def test_a_fault_of_the_market_has_its_line_and_its_code(against, fault: str, name: str, code: int, words: str) -> None:
    found, checks = examined(against("--fault", fault))
    assert found == code
    failed = [check for check in checks.values() if check["status"] == "fail"]
    assert [(check["name"], check["code"]) for check in failed] == [(name, code)]
    assert words in failed[0]["detail"]


def test_12_when_every_endpoint_refuses_the_key(against) -> None:
    code, checks = examined(against("--fault", "*=401"))
    assert code == 12
    assert {name: check["code"] for name, check in checks.items() if check["status"] == "fail"} == dict.fromkeys(
        ["aggregated-prices", "customized-fees", "balance", "v2/offers", "targets-by-title", "last-sales Offer", "last-sales Target"], 12
    )
    assert checks["units"]["status"] == "warn"


def test_13_when_the_clock_is_off(against) -> None:
    code, checks = examined(against("--fault", "*=skew"))
    assert code == 13
    assert checks["clock"]["status"] == "fail"
    assert "behind the market's: set it" in checks["clock"]["detail"]


def test_10_when_nobody_answers_and_everything_else_is_looked_at(local: Dmscan) -> None:
    code, checks = examined(local)
    assert code == 10
    assert checks["aggregated-prices"]["detail"].startswith("127.0.0.1 could not be reached")
    assert checks["clock"]["status"] == "warn"
    assert {"keys", "database", "disk", "locks", "SQLite", "balance", "Telegram"} <= checks.keys()


def test_without_a_key_it_says_what_is_missing(dmscan: Dmscan) -> None:
    for name in keys():
        del dmscan.environment[name]
    code, checks = examined(dmscan)
    assert (code, not_well(checks)) == (0, {"keys": "warn", "customized-fees": "warn"})
    assert "balance" not in checks


def test_offline_nothing_is_sent(local: Dmscan) -> None:
    with TelegramServer() as telegram:
        local.environment |= telegram.environment("-1001")
        code, checks = examined(local, "--offline")
        assert telegram.arrived == []
    assert (code, not_well(checks)) == (0, {})
    assert "aggregated-prices" not in checks
    assert not (local.home / ".local" / "state").exists()


def test_20_for_a_file_that_is_no_database_or_somebody_elses(local: Dmscan, tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    database.write_text("this is no database, and never was one" * 100)
    code, checks = examined(local, "--offline", "--db", str(database))
    assert (code, checks["database"]["code"]) == (20, 20)
    assert f"{database} is not a database" in checks["database"]["detail"]
    database.unlink()
    rows(database, "CREATE TABLE theirs (x)")
    code, checks = examined(local, "--offline", "--db", str(database))
    assert code == 20
    assert "another program" in checks["database"]["detail"]
    assert rows(database, "PRAGMA user_version") == [(0,)]


def test_20_for_a_folder(local: Dmscan, tmp_path: Path) -> None:
    code, checks = examined(local, "--offline", "--db", str(tmp_path))
    assert code == 20
    assert checks["database"]["detail"] == f"{tmp_path} is a folder: choose another file with --db."


def test_20_for_a_damaged_database_that_stays_where_it_is(dmscan: Dmscan, tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    dmscan.scan("--db", str(database))
    content = bytearray(database.read_bytes())
    content[2 * 4096 : 3 * 4096] = b"\xff" * 4096
    database.write_bytes(content)
    code, checks = examined(dmscan, "--offline", "--db", str(database))
    assert code == 20
    (failed,) = (check for check in checks.values() if check["status"] == "fail")
    assert f"{database}.corrupt" in failed["detail"] or "history.db.corrupt" in failed["detail"]
    assert database.read_bytes() == content


def test_21_for_a_newer_database_that_stays_as_it_is(dmscan: Dmscan, tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    dmscan.scan("--db", str(database))
    rows(database, "PRAGMA user_version = 999")
    before = database.read_bytes()
    code, checks = examined(dmscan, "--offline", "--db", str(database))
    assert (code, checks["database"]["code"]) == (21, 21)
    assert "update dmscan" in checks["database"]["detail"]
    assert database.read_bytes() == before


@pytest.mark.parametrize("exists", [True, False])
def test_20_where_nothing_can_be_written(local: Dmscan, tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o700)
    database = folder / "history.db"
    if exists:
        database.touch(mode=0o600)
    with read_only(folder):
        code, checks = examined(local, "--offline", "--db", str(database))
    assert (code, checks["database"]["code"]) == (20, 20)
    assert "may not be written" in checks["database"]["detail"]


def test_open_files_are_warned_of_with_the_commands_that_close_them(dmscan: Dmscan, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    dmscan.scan("--db", str(folder / "history.db"))
    folder.chmod(0o755)
    (folder / "history.db").chmod(0o644)
    code, checks = examined(dmscan, "--offline", "--db", str(folder / "history.db"))
    assert (code, not_well(checks)) == (0, {"permissions": "warn"})
    assert f"chmod 600 {folder / 'history.db'} and chmod 700 {folder}" in checks["permissions"]["detail"]


def test_a_lock_that_is_held_is_told(local: Dmscan, tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    with FileLock(lock_path(database)):
        _, checks = examined(local, "--offline", "--db", str(database))
        assert checks["locks"] == {"name": "locks", "status": "ok", "detail": "held now by scan", "code": 0}


def test_a_database_that_somebody_locks_is_a_warning(dmscan: Dmscan, tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    dmscan.scan("--db", str(database))
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        code, checks = examined(dmscan, "--offline", "--db", str(database))
    assert (code, not_well(checks)) == (0, {"database": "warn"})


def test_22_for_a_secret_that_others_can_read_and_the_market_is_asked_without_it(dmscan: Dmscan, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o644)
    del dmscan.environment["DMARKET_SECRET_KEY"]
    dmscan.environment["DMARKET_SECRET_KEY_FILE"] = str(secret)
    code, checks = examined(dmscan)
    assert (code, checks["keys"]["code"]) == (22, 22)
    assert f"chmod 600 {secret}" in checks["keys"]["detail"]
    assert checks["aggregated-prices"]["status"] == "ok"
    secret.chmod(0o600)
    assert not_well(examined(dmscan)[1]) == {}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"DMARKET_PUBLIC_KEY": SECRET, "DMARKET_SECRET_KEY": PUBLIC}, "keys"),
        ({"DMARKET_PUBLIC_KEY": new_pair()[0]}, "keys"),
        ({"DMSCAN_API_URL": "http://example.com"}, "base URL"),
        ({"DMSCAN_TELEGRAM_TOKEN": "canary without a colon"}, "Telegram"),
        ({"DMSCAN_PING_URL": "http://example.com/canary"}, "ping URL"),
        ({"DMSCAN_CONFIG": "/nowhere/at/all.toml"}, "settings"),
    ],
    ids=["swapped", "of two keys", "address", "token", "ping", "file"],
)
def test_22_for_a_setting_that_is_refused_and_the_rest_is_looked_at(local: Dmscan, changes: dict[str, str], name: str) -> None:
    local.environment |= changes
    code, checks = examined(local, "--offline")
    assert code == 22
    assert {failed: check["code"] for failed, check in checks.items() if check["status"] == "fail"} == {name: 22}
    assert {"database", "locks", "SQLite"} <= checks.keys()
    assert "canary" not in json.dumps(checks)


def test_a_refused_address_is_not_replaced_by_the_usual_one(local: Dmscan) -> None:
    local.environment["DMSCAN_API_URL"] = "http://example.com"
    code, checks = examined(local)
    assert code == 22
    assert checks["market"]["detail"].startswith("not asked")
    assert "aggregated-prices" not in checks


def test_an_address_that_a_refused_file_may_name_is_not_guessed(local: Dmscan) -> None:
    del local.environment["DMSCAN_API_URL"]
    local.environment["DMSCAN_CONFIG"] = "/nowhere/at/all.toml"
    code, checks = examined(local)
    assert code == 22
    assert {name for name, check in checks.items() if check["status"] == "fail"} == {"settings", "base URL"}
    assert checks["market"]["detail"].startswith("not asked")


def test_the_settings_file_is_read_and_named(local: Dmscan, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'db = "{tmp_path / "filed.db"}"\nmin_roi = "5%"\n')
    config.chmod(0o600)
    _, checks = examined(local, "--offline", "--config", str(config))
    assert f"{config} sets db, min_roi" in checks["settings"]["detail"]
    assert "DMARKET_SECRET_KEY" in checks["settings"]["detail"]
    assert str(tmp_path / "filed.db") in checks["database"]["detail"]
    config.write_text('min_roi = "5x"\n')
    code, checks = examined(local, "--offline", "--config", str(config))
    assert code == 22
    assert f"{config}:1" in checks["settings"]["detail"]


def test_a_misspelt_variable_is_found(local: Dmscan) -> None:
    local.environment |= {"DMSCAN_MIN_ROY": "3%", "DMSCAN_MAX_AGE": "5m", "DMSCAN_DEADLINE": "1m"}
    code, checks = examined(local, "--offline")
    assert (code, not_well(checks)) == (0, {"variables": "warn"})
    assert checks["variables"]["detail"] == "DMSCAN_MIN_ROY is no setting: did you mean DMSCAN_MIN_ROI?"


def test_telegram_is_asked_who_the_bot_is_and_nothing_is_sent(dmscan: Dmscan) -> None:
    with TelegramServer() as telegram:
        dmscan.environment |= telegram.environment("-1001", "@deals")
        assert examined(dmscan)[1]["Telegram"]["detail"] == "@canary_bot tells 2 chats"
        del dmscan.environment["DMSCAN_TELEGRAM_CHAT"]
        check = examined(dmscan)[1]["Telegram"]
        assert check["status"] == "warn"
        assert "dmscan notify chats" in check["detail"]
        assert [arrival.method for arrival in telegram.arrived] == ["getMe", "getMe"]


def test_30_when_telegram_does_not_know_the_bot(dmscan: Dmscan) -> None:
    with TelegramServer() as telegram:
        telegram.misbehave("getMe", always=refused(401, "Unauthorized"))
        dmscan.environment |= telegram.environment("-1001")
        code, checks = examined(dmscan)
    assert (code, checks["Telegram"]["code"]) == (30, 30)
    assert "@BotFather" in checks["Telegram"]["detail"]


def test_the_most_specific_failure_gives_the_code(against, tmp_path: Path) -> None:
    dmscan = against("--fault", "v2/offers=410", "--fault", "balance=401")
    assert examined(dmscan, "--db", str(tmp_path))[0] == 12


@pytest.mark.parametrize("arguments", [(), ("-v",), ("-f", "json"), ("--offline",)])
@pytest.mark.parametrize("fault", ["*=401", "balance=fields"])
def test_no_secret_is_ever_shown(against, fault: str, arguments: tuple[str, ...]) -> None:
    dmscan = against("--fault", fault)
    with TelegramServer() as telegram:
        telegram.misbehave("getMe", refused(400, f"Bad Request: bot{TOKEN} is odd"))
        dmscan.environment |= {**telegram.environment("-1001"), "DMSCAN_PING_URL": PING, "DMSCAN_DEBUG": "1"}
        done = dmscan("doctor", *arguments)
    for secret in (SECRET, SECRET[:64], SECRET[:12], PUBLIC, PUBLIC[:12], TOKEN, TOKEN.partition(":")[2], PING, "canary-0123"):
        assert secret not in done.stdout + done.stderr
    assert PUBLIC[-4:] in done.stdout


def test_the_document_fits_the_schema_that_the_program_prints(local: Dmscan) -> None:
    done = local("schema", "doctor")
    assert done.returncode == 0
    jsonschema.validate(json.loads(local("doctor", "--json", "--offline").stdout), json.loads(done.stdout))


def test_lines_appear_as_they_are_known(against) -> None:
    doctor = against("--fault", "*=hang").start("doctor")
    assert doctor.stdout
    seen = [doctor.stdout.readline()]
    while "locks" not in seen[-1]:
        seen.append(doctor.stdout.readline())
        assert seen[-1]
    assert doctor.poll() is None
    doctor.kill()
    doctor.communicate()


def test_it_fits_its_screen_and_has_colour_where_that_is_wanted(local: Dmscan) -> None:
    local.environment["COLUMNS"] = "60"
    plain = local("doctor", "--offline", "-v").stdout
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 60
    local.environment["FORCE_COLOR"] = "1"
    assert "\x1b[32mok" in local("doctor", "--offline").stdout
    assert "\x1b" not in local("doctor", "--offline", "--no-color").stdout
    local.environment["NO_COLOR"] = "1"
    assert "\x1b" not in local("doctor", "--offline").stdout


def test_an_old_locale_is_told_what_to_set(local: Dmscan) -> None:
    local.environment |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    code, checks = examined(local, "--offline")
    assert (code, not_well(checks)) == (0, {"terminal": "warn"})
    assert "LC_ALL=C.UTF-8" in checks["terminal"]["detail"]


def test_74_when_stdout_is_closed(local: Dmscan) -> None:
    assert local.shell("dmscan doctor --offline >&-").returncode == 74


def test_141_when_the_reader_leaves_while_the_market_is_asked(local: Dmscan):
    """The lines about this machine come first, so fifteen are some of the market's too."""
    done = local.shell("dmscan doctor --sandbox | head -15")
    assert (done.returncode, done.stderr) == (141, "")
    assert "aggregated-prices" in done.stdout

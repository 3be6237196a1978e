"""Every exit code of the contract, through the real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from dmscan.history.lock import lock_path

from processes import Dmscan, keys, rows


def test_0_with_and_without_finds(dmscan: Dmscan) -> None:
    assert dmscan.scan("--no-store")["opportunities"]
    assert not dmscan.scan("--no-store", "--min-profit", "90000")["opportunities"]


def test_1_names_a_bug_in_one_line_and_shows_its_trace_only_with_debug(dmscan: Dmscan) -> None:
    broken = "import dmscan.scanner as s, sys; s.Scan = None; from dmscan.cli.app import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", broken, "scan", "--no-store"]
    done = subprocess.run(command, env=dmscan.environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "bug (TypeError)" in done.stderr
    traced = subprocess.run([*command, "--debug"], env=dmscan.environment, capture_output=True, text=True, timeout=60, check=False)
    assert traced.returncode == 1
    assert "Traceback" in traced.stderr


def test_2_for_what_was_mistyped(dmscan: Dmscan) -> None:
    assert dmscan("scan", "--nope").returncode == 2


def test_3_when_something_failed_but_results_came(against) -> None:
    done = against("--fault", "customized-fees=503")("scan", "-f", "json", "--no-store")
    document = json.loads(done.stdout)
    assert done.returncode == 3
    assert document["opportunities"]
    assert {found["fee_source"] for found in document["opportunities"]} == {"assumed"}
    assert [error["endpoint"] for error in document["errors"]] == ["customized-fees"]
    assert "customized-fees" in done.stderr


def test_4_only_with_fail_empty(dmscan: Dmscan) -> None:
    done = dmscan("scan", "-f", "json", "--no-store", "--fail-empty", "--min-profit", "90000")
    assert done.returncode == 4
    assert json.loads(done.stdout)["complete"] is True


def test_10_when_no_game_gave_data(against) -> None:
    done = against("--fault", "aggregated-prices=503")("scan", "-f", "json", "--no-store")
    assert done.returncode == 10
    assert json.loads(done.stdout)["errors"][0]["endpoint"] == "aggregated-prices"


def test_11_when_another_scan_holds_the_lock(dmscan: Dmscan, tmp_path: Path, score: Callable[[str, str], None]) -> None:
    database = tmp_path / "history.db"
    with FileLock(lock_path(database)):
        done = dmscan("scan", "--db", str(database))
        assert (done.returncode, done.stdout) == (11, "")
        assert "--no-store" in done.stderr
        score("R26", "overlap: exit 11")
        assert dmscan("scan", "-f", "none", "--no-store").returncode == 0
    assert dmscan("scan", "-f", "none", "--db", str(database), "--wait", "5").returncode == 0


def test_12_when_the_key_is_refused(against) -> None:
    done = against("--fault", "*=401")("scan", "-f", "json", "--no-store")
    assert done.returncode == 12
    assert keys()["DMARKET_PUBLIC_KEY"][-4:] in done.stderr
    assert keys()["DMARKET_PUBLIC_KEY"] not in done.stderr


def test_13_when_the_clock_is_off(against) -> None:
    done = against("--fault", "*=skew")("scan", "-f", "json", "--no-store")
    assert done.returncode == 13
    assert "clock" in done.stderr


def test_14_when_rate_limited_and_nothing_came(against) -> None:
    done = against("--fault", "*=429")("scan", "-f", "json", "--no-store", "--deadline", "20s")
    document = json.loads(done.stdout)
    assert done.returncode == 14
    assert document["stats"]["rate_limited"] >= 3


@pytest.mark.parametrize(("fault", "endpoint"), [("v2/offers=410", "v2/offers"), ("targets-by-title=fields", "targets-by-title")])
def test_15_names_the_endpoint_that_changed_and_keeps_what_was_found(against, fault: str, endpoint: str) -> None:
    done = against("--fault", fault)("scan", "-f", "json", "--no-store")
    document = json.loads(done.stdout)
    assert done.returncode == 15
    assert endpoint in done.stderr
    assert document["complete"] is False
    assert document["errors"][0]["endpoint"] == endpoint


def test_15_when_sales_are_of_another_unit_than_asks(against) -> None:
    done = against("--fault", "last-sales=units")("scan", "-f", "json", "--no-store")
    document = json.loads(done.stdout)
    assert done.returncode == 15
    assert {found["exit"] for found in document["opportunities"]} == {"instant"}


def test_15_for_an_html_page_in_place_of_quotes_is_10(against) -> None:
    done = against("--fault", "aggregated-prices=html")("scan", "-f", "json", "--no-store")
    assert done.returncode == 10
    assert "<" not in done.stderr


def test_20_when_history_cannot_be_stored_and_results_are_printed_all_the_same(dmscan: Dmscan, tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    database.write_text("this is no database, and never was one" * 100)
    done = dmscan("scan", "-f", "json", "--db", str(database))
    assert done.returncode == 20
    assert json.loads(done.stdout)["opportunities"]
    assert str(database) in done.stderr
    assert database.read_text().startswith("this is no database")


def test_21_leaves_a_newer_database_untouched_and_asks_nothing(dmscan: Dmscan, tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    dmscan.scan("--db", str(database))
    rows(database, "PRAGMA user_version = 999")
    before = database.read_bytes()
    done = dmscan("scan", "--db", str(database))
    assert (done.returncode, done.stdout) == (21, "")
    assert database.read_bytes() == before


def test_22_when_only_half_of_the_keys_is_set(dmscan: Dmscan) -> None:
    del dmscan.environment["DMARKET_SECRET_KEY"]
    done = dmscan("scan")
    assert (done.returncode, done.stdout) == (22, "")
    assert "DMARKET_SECRET_KEY" in done.stderr


def test_74_when_stdout_is_full_or_closed(dmscan: Dmscan) -> None:
    full = dmscan.shell("dmscan scan -f json --no-store > /dev/full")
    assert full.returncode == 74
    assert "stdout" in full.stderr
    closed = dmscan.shell("dmscan scan -f json --no-store >&-")
    assert closed.returncode == 74
    assert "stdout" in closed.stderr


def test_74_when_the_output_file_cannot_be_made(dmscan: Dmscan, tmp_path: Path) -> None:
    done = dmscan("scan", "--no-store", "-o", str(tmp_path / "missing" / "out.json"))
    assert done.returncode == 74
    assert "missing" in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_129_130_143_end_soon_with_a_valid_document(dmscan: Dmscan, number: int, code: int, tmp_path: Path) -> None:
    dmscan.environment["DMSCAN_RATE"] = "5"
    database = tmp_path / "history.db"
    scan = dmscan.start("scan", "-v", "-f", "json", "--db", str(database))
    assert scan.stderr
    assert "scanning" in scan.stderr.readline()
    time.sleep(1)
    scan.send_signal(number)
    stdout, stderr = scan.communicate(timeout=60)
    assert scan.returncode == code, stderr
    assert json.loads(stdout)["complete"] is False
    assert rows(database, "SELECT status, exit_code FROM scans") == [("cut", code)]


def test_130_at_once_on_a_second_interrupt(dmscan: Dmscan) -> None:
    dmscan.environment["DMSCAN_RATE"] = "1"
    scan = dmscan.start("scan", "-f", "ndjson", "--no-store")
    assert scan.stdout
    scan.stdout.readline()
    os.kill(scan.pid, signal.SIGINT)
    os.kill(scan.pid, signal.SIGINT)
    assert scan.wait(60) == 130
    scan.communicate()


def test_141_when_the_reader_goes_away_and_the_scan_is_stored(dmscan: Dmscan, tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    done = dmscan.shell(f"dmscan scan -f ndjson --db {database} | head -1")
    assert done.returncode == 141
    assert json.loads(done.stdout)["type"] == "scan_started"
    assert done.stderr == ""
    assert rows(database, "SELECT count(*) FROM scans WHERE finished_at > 0") == [(1,)]

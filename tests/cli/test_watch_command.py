"""`dmscan watch` in a real process: its lines, its end, its locks, and a market that goes away and comes back."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from processes import Dmscan, keys, rows, serving

NDJSON = ("watch", "-f", "ndjson", "--every", "5s")
"""A pass of the small market takes a second, or several on a busy machine."""


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def until(stream: Any, what: str) -> str:
    """Reads lines up to the first one that holds `what`, and gives it."""
    for line in stream:
        if what in line:
            return str(line)
    pytest.fail(f"{what!r} never came")


def test_every_line_fits_the_printed_schema_and_every_pass_is_a_scan_of_its_own(dmscan: Dmscan, tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    done = dmscan(*NDJSON, "--passes", "3", "--db", str(database))
    assert (done.returncode, done.stderr) == (0, "")
    told = lines(done.stdout)
    validator = jsonschema.Draft202012Validator(json.loads(dmscan("schema", "watch").stdout))
    for line in told:
        validator.validate(line)
    assert [told[0]["type"], told[-1]["type"]] == ["watch_started", "pass"]
    passes = [line for line in told if line["type"] == "pass"]
    assert [one["number"] for one in passes] == [1, 2, 3]
    assert [scan for (scan,) in rows(database, "SELECT scan_id FROM scans ORDER BY id")] == [one["scan_id"] for one in passes]
    new = Counter(line["scan_id"] for line in told if line["type"] == "new")
    assert {one["scan_id"]: one["new"] for one in passes if one["new"]} == new
    assert passes[0]["new"]  # a pass that was cut on a busy machine leaves some to the next
    assert [(one["better"], one["gone"]) for one in passes] == [(0, 0)] * 3


def test_it_tells_the_finds_that_a_scan_tells(dmscan: Dmscan) -> None:
    told = lines(dmscan(*NDJSON, "--every", "60s", "--passes", "1", "--no-store").stdout)
    found = {one["opportunity_id"] for one in dmscan.scan("--no-store")["opportunities"]}
    assert {line["opportunity"]["opportunity_id"] for line in told if line["type"] == "new"} == found


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("rate", ["1", "2000"])
def test_129_130_143_end_it_soon_with_a_pass_that_is_not_complete(dmscan: Dmscan, number: int, code: int, rate: str) -> None:
    """At a low rate within the first pass, at a high one in the pause after it."""
    dmscan.environment["DMSCAN_RATE"] = rate
    watch = dmscan.start("watch", "-f", "ndjson", "--every", "1h", "--no-store")
    assert watch.stdout
    first = until(watch.stdout, "watch_started" if rate == "1" else '"type": "pass"')
    watch.send_signal(number)
    stdout, stderr = watch.communicate(timeout=60)
    assert (watch.returncode, stderr) == (code, "")
    last = lines(first + stdout)[-1]
    assert (last["type"], last["complete"], last["next_at"]) == ("pass", False, None)


def test_130_at_once_on_a_second_interrupt(dmscan: Dmscan, tmp_path: Path) -> None:
    dmscan.environment["DMSCAN_RATE"] = "1"
    watch = dmscan.start(*NDJSON, "--every", "1h", "--db", str(tmp_path / "history.db"))
    assert watch.stdout
    watch.stdout.readline()
    os.kill(watch.pid, signal.SIGINT)
    os.kill(watch.pid, signal.SIGINT)
    assert watch.wait(60) == 130
    watch.communicate()


def test_11_for_a_second_watch_while_a_scan_beside_it_is_allowed(dmscan: Dmscan, tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    watch = dmscan.start(*NDJSON, "--db", str(database))
    assert watch.stdout
    until(watch.stdout, '"type": "pass"')
    second = dmscan(*NDJSON, "--passes", "1", "--db", str(database))
    assert (second.returncode, second.stdout) == (11, "")
    assert "Another watch" in second.stderr
    assert dmscan("scan", "-f", "none", "--db", str(database)).returncode == 0
    assert dmscan(*NDJSON, "--passes", "1", "--no-store").returncode == 0
    watch.send_signal(signal.SIGINT)
    watch.communicate(timeout=60)
    assert watch.returncode == 130
    assert dmscan(*NDJSON, "--passes", "1", "--db", str(database)).returncode == 0


def test_without_storing_it_remembers_all_the_same_and_leaves_nothing(dmscan: Dmscan, tmp_path: Path) -> None:
    dmscan.environment["TMPDIR"] = str(tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()
    passes = [line for line in lines(dmscan(*NDJSON, "--passes", "2", "--no-store").stdout) if line["type"] == "pass"]
    assert passes[1]["calls"] < passes[0]["calls"] / 2
    assert not (tmp_path / "data").exists()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert Path(tempfile.gettempdir()) != tmp_path / "tmp"


def test_20_when_the_history_cannot_be_opened_said_once_and_the_watch_goes_on(dmscan: Dmscan, tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    database.write_text("this is no database, and never was one" * 100)
    done = dmscan(*NDJSON, "--passes", "2", "--db", str(database))
    assert done.returncode == 20
    assert done.stderr.count(str(database)) == 1
    assert [line["new"] > 0 for line in lines(done.stdout) if line["type"] == "pass"] == [True, False]
    assert database.read_text().startswith("this is no database")


def test_21_leaves_a_newer_database_alone(dmscan: Dmscan, tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    dmscan.scan("--db", str(database))
    rows(database, "PRAGMA user_version = 999")
    done = dmscan(*NDJSON, "--db", str(database))
    assert (done.returncode, done.stdout) == (21, "")


@pytest.mark.parametrize("typed", [("--every", "0"), ("--passes", "0"), ("-f", "json"), ("--limit", "0")])
def test_2_for_what_was_mistyped(dmscan: Dmscan, typed: tuple[str, str]) -> None:
    done = dmscan("watch", *typed)
    assert (done.returncode, done.stdout) == (2, "")
    assert typed[0].strip("-")[:3] in done.stderr


def test_74_when_stdout_is_full_or_closed_and_141_when_the_reader_goes_away(dmscan: Dmscan) -> None:
    full = dmscan.shell("dmscan watch -f ndjson --no-store > /dev/full")
    assert full.returncode == 74
    closed = dmscan.shell("dmscan watch -f ndjson --no-store >&-")
    assert closed.returncode == 74
    gone = dmscan.shell("dmscan watch -f ndjson --every 1s --no-store | head -1")
    assert (gone.returncode, gone.stderr) == (141, "")
    assert json.loads(gone.stdout)["type"] == "watch_started"


def test_ndjson_is_the_default_in_a_pipe_and_none_prints_nothing(dmscan: Dmscan) -> None:
    assert lines(dmscan("watch", "--passes", "1", "--no-store").stdout)[0]["type"] == "watch_started"
    done = dmscan("watch", "-f", "none", "--passes", "1", "--no-store")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_table_in_a_pipe_is_the_last_screen_in_plain_text(dmscan: Dmscan) -> None:
    dmscan.environment |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii", "COLUMNS": "100"}
    done = dmscan("watch", "-f", "table", "--passes", "1", "--no-store")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "ended" in done.stdout


def test_without_a_key_it_watches_the_quotes(dmscan: Dmscan) -> None:
    for name in keys():
        del dmscan.environment[name]
    done = dmscan(*NDJSON, "--passes", "1", "--no-store")
    assert done.returncode == 0
    assert "no key is set" in done.stderr
    assert {line["opportunity"]["confidence"] for line in lines(done.stdout) if line["type"] == "new"} == {"quote"}


def test_the_most_requests_are_for_each_pass(dmscan: Dmscan) -> None:
    told = lines(dmscan(*NDJSON, "--passes", "2", "--no-store", "--max-requests", "30").stdout)
    assert [line["calls"] for line in told if line["type"] == "pass"] == [30, 30]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_an_outage_is_said_once_and_so_is_its_end(tmp_path: Path) -> None:
    port = str(free_port())
    with serving(tmp_path, "--port", port) as url:
        dmscan = Dmscan(tmp_path, url, DMSCAN_RATE="2000", **keys())
        watch = dmscan.start(*NDJSON, "--no-store", stderr=subprocess.PIPE)
        assert watch.stdout
        assert watch.stderr
        until(watch.stdout, '"type": "pass"')
    until(watch.stderr, "no usable data since")
    down = json.loads(until(watch.stdout, '"code": 10'))
    assert down["stats"]["requests"]
    with serving(tmp_path, "--port", port):
        until(watch.stderr, "recovered after")
        up = json.loads(until(watch.stdout, '"errors": []'))
        assert up["open"] > 0
        watch.send_signal(signal.SIGINT)
        _, stderr = watch.communicate(timeout=60)
    assert (watch.returncode, stderr) == (130, "")


def test_what_is_wrong_pass_after_pass_is_said_once(against) -> None:
    done = against("--fault", "customized-fees=503")(*NDJSON, "--passes", "3", "--no-store")
    assert done.returncode == 0
    assert done.stderr.count("customized-fees") == 1
    assert [len(line["errors"]) for line in lines(done.stdout) if line["type"] == "pass"] == [1, 1, 1]


def test_a_refused_key_does_not_end_it_but_is_what_it_ends_with(against) -> None:
    done = against("--fault", "*=401")(*NDJSON, "--passes", "2", "--no-store")
    assert done.returncode == 12
    assert done.stderr.count("no usable data since") == 1

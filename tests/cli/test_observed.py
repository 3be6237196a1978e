"""A scan in a real process watched from outside: its log as JSON, its metrics, its profile."""

from __future__ import annotations

import json
import pstats
import stat
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from processes import Dmscan, keys, rows


def samples(file: Path):
    return {sample.name: sample.value for family in text_string_to_metric_families(file.read_text()) for sample in family.samples}


def test_with_v_every_request_is_an_event_of_the_scan(dmscan: Dmscan) -> None:
    done = dmscan("scan", "-f", "json", "--log-format", "json", "-v")
    assert done.returncode == 0
    document, told = json.loads(done.stdout), [json.loads(line) for line in done.stderr.splitlines()]
    requests = [one for one in told if one["event"] == "request"]
    assert Counter(one["endpoint"] for one in requests) == document["stats"]["requests"]
    assert {(one["level"], one["game"], one["status"], one["attempt"]) for one in requests} == {("debug", "cs2", 200, 1)}
    assert {one["scan_id"] for one in told} == {document["scan_id"]}
    assert {one["source"] for one in told} == {document["source"]}
    assert [one["message"].partition(":")[0] for one in told[-5:]] == ["answers", "database", "memory", "cache", "errors"]
    assert not [secret for secret in keys().values() if secret in done.stderr]


def test_without_v_a_good_scan_says_nothing_and_a_bad_one_its_troubles(dmscan: Dmscan, against) -> None:
    assert dmscan("scan", "-f", "json", "--no-store", "--log-format", "json").stderr == ""
    done = against("--fault", "customized-fees=503")("scan", "-q", "-f", "none", "--no-store", "--log-format", "json")
    (told,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert (told["level"], told["event"], told["code"], told["game"], told["endpoint"]) == (
        "warning",
        "trouble",
        10,
        "cs2",
        "customized-fees",
    )


def test_text_stays_text_and_has_no_request_in_it(dmscan: Dmscan) -> None:
    done = dmscan("scan", "-f", "none", "--no-store", "-v")
    assert {line.partition(":")[0] for line in done.stderr.splitlines()} == {"dmscan"}
    assert len(done.stderr.splitlines()) <= 8


def test_another_log_format_is_refused(dmscan: Dmscan) -> None:
    done = dmscan("scan", "--log-format", "xml")
    assert done.returncode == 2
    assert "--log-format" in done.stderr


def test_each_scan_leaves_its_metrics_and_a_failure_keeps_the_last_success(dmscan: Dmscan) -> None:
    file = dmscan.home / "dmscan.prom"
    stats = json.loads(dmscan("scan", "-f", "json", "--metrics-file", str(file)).stdout)["stats"]
    first = samples(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert (first["dmscan_last_scan_exit_code"], first["dmscan_last_scan_titles"]) == (0, stats["titles"])
    dmscan.environment["DMSCAN_API_URL"] = "http://127.0.0.1:9"
    assert dmscan("scan", "-f", "none", "--metrics-file", str(file)).returncode == 10
    second = samples(file)
    assert second["dmscan_last_scan_exit_code"] == 10
    assert second["dmscan_last_success_timestamp_seconds"] == first["dmscan_last_success_timestamp_seconds"]


def test_a_metrics_file_that_cannot_be_is_refused_before_anything_is_stored(dmscan: Dmscan) -> None:
    database = dmscan.home / "h.db"
    done = dmscan("scan", "--metrics-file", str(dmscan.home / "none" / "x.prom"), "--db", str(database))
    assert (done.returncode, database.exists()) == (74, False)
    assert "--metrics-file" in done.stderr


@pytest.mark.parametrize(("kind", "file"), [("cpu", "dmscan-profile.pstats"), ("memory", "dmscan-memory.txt")])
def test_a_scan_can_be_profiled(dmscan: Dmscan, kind: str, file: str) -> None:
    dmscan.environment["PYTHONPATH"] = str(Path.cwd())
    folder = dmscan.home / "here"
    folder.mkdir()
    done = dmscan("scan", "-f", "json", "--profile", kind, "--db", str(dmscan.home / "h.db"), cwd=folder)
    assert done.returncode == 0
    assert json.loads(done.stdout)["opportunities"]
    assert file in done.stderr
    if kind == "cpu":
        assert any(name == "_sweep" for _, _, name in pstats.Stats(str(folder / file)).stats)
    else:
        assert "MiB at the peak" in (folder / file).read_text()
    assert rows(dmscan.home / "h.db", "SELECT count(*) FROM scans") == [(1,)]

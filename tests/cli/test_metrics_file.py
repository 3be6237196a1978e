"""The metrics file appears whole, readable by all, and keeps the last success; the port is on loopback only."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
import urllib.request
from fractions import Fraction
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dmscan.cli.metrics import check_metrics_file, last_success, serve_metrics, write_failure, write_metrics, write_scan
from dmscan.core.models import Entry, Exit
from dmscan.errors import ExitCode, OutputError, SettingsError
from dmscan.render.metrics import Course
from dmscan.sandbox.server import Sandbox
from dmscan.sandbox.world import World

from inprocess import scan_of, still
from make import NOW, make_report, make_request
from processes import environment


def families(text: str):
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_a_file_is_replaced_in_one_step_and_readable_by_all(tmp_path):
    file = tmp_path / "dmscan.prom"
    write_scan(file, make_report(), ExitCode.OK)
    first, inode = file.read_text(), file.stat().st_ino
    write_scan(file, make_report(finished_at=NOW + 60), ExitCode.OK)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert file.stat().st_ino != inode
    assert file.read_text() != first
    assert list(tmp_path.iterdir()) == [file]


def test_a_failure_keeps_the_last_success_of_the_file(tmp_path):
    file = tmp_path / "dmscan.prom"
    assert last_success(file) is None
    write_failure(file, NOW - 60, ExitCode.LOCKED)
    assert last_success(file) is None
    write_scan(file, make_report(), ExitCode.OK)
    for code in (ExitCode.NO_DATA, ExitCode.PARTIAL):
        write_scan(file, make_report(finished_at=NOW + 60), code)
        assert last_success(file) == NOW
    write_failure(file, NOW + 120, ExitCode.DATABASE_NEWER)
    assert last_success(file) == NOW
    assert families(file.read_text())["dmscan_last_scan_exit_code"].samples[0].value == 21


@pytest.mark.parametrize(
    "old", [b"", b"\xff\xfe", b"dmscan_last_success_timestamp_seconds soon\n", b"# dmscan_last_success_timestamp_seconds 5\n"]
)
def test_what_is_no_metrics_file_has_no_last_success(tmp_path, old):
    file = tmp_path / "dmscan.prom"
    file.write_bytes(old)
    assert last_success(file) is None


def test_a_file_that_cannot_be_written_is_refused_before_the_scan_and_named(tmp_path):
    check_metrics_file(tmp_path / "dmscan.prom")
    for path in (tmp_path, tmp_path / "none" / "dmscan.prom"):
        with pytest.raises(OutputError, match="--metrics-file"):
            check_metrics_file(path)
    with pytest.raises(OutputError, match="cannot be written"):
        write_metrics(tmp_path / "none" / "dmscan.prom", "")


async def test_the_metrics_of_a_real_scan_agree_with_its_report(tmp_path):
    request = make_request(entries=tuple(Entry), exits=tuple(Exit), deadline_s=0)
    report = await scan_of(Sandbox(World(7, NOW, 60, crossed="rich"), still(NOW), rate=10**6), request, still(NOW))
    file = tmp_path / "dmscan.prom"
    write_scan(file, report, report.exit_code())
    seen = families(file.read_text())
    requests = {}
    for sample in seen["dmscan_last_scan_requests"].samples:
        requests[sample.labels["endpoint"]] = requests.get(sample.labels["endpoint"], 0) + sample.value
    assert requests == report.stats.traffic.requests
    counts = [sample for sample in seen["dmscan_last_scan_request_duration_seconds"].samples if sample.name.endswith("_count")]
    assert sum(sample.value for sample in counts) == report.stats.traffic.sent
    assert sum(sample.value for sample in seen["dmscan_last_scan_opportunities"].samples) == len(report.opportunities) > 0
    refused = sum(sample.value for sample in seen["dmscan_last_scan_rejections"].samples)
    assert refused == sum(sum(reasons.values()) for reasons in report.rejected.values())
    assert seen["dmscan_last_scan_coverage_ratio"].samples[0].value == report.coverage == Fraction(1)


def fetched(port: int, path: str = "/metrics", **headers: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers), timeout=10) as answer:
        return answer.read().decode()


def test_a_watch_serves_what_is_latest_and_the_figures_of_its_process():
    course = Course()
    with serve_metrics(0, lambda: course.text) as port:
        assert "dmscan_passes_total" not in fetched(port)
        course.add(make_report(), ExitCode.OK)
        served, own = families(fetched(port)), families(course.text)
        assert {name: family.samples for name, family in served.items() if name in own} == {
            name: family.samples for name, family in own.items()
        }
        assert served["process_resident_memory_bytes"].samples[0].value > 2**20
        assert fetched(port, Accept="application/openmetrics-text; version=1.0.0").endswith("# EOF\n")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "the port is free again"


def test_nobody_but_this_computer_is_served():
    with serve_metrics(0, lambda: "") as port, socket.socket() as other:
        other.bind(("127.0.0.2", port))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"--metrics-port {port} cannot be used: Address already in use"), serve_metrics(port, str):
            pass
    with pytest.raises(SettingsError, match="--metrics-port 70000"), serve_metrics(70_000, str):
        pass


def test_without_the_extra_a_sentence_says_what_to_install(tmp_path):
    script = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from dmscan.cli.metrics import serve_metrics\n"
        "from dmscan.errors import SettingsError\n"
        "try:\n    serve_metrics(0, str).__enter__()\nexcept SettingsError as error:\n    print(error)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment(tmp_path), cwd=Path.cwd(), capture_output=True, text=True, timeout=60, check=True)
    assert "pip install 'dmscan[metrics]'" in done.stdout

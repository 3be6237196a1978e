"""Metrics are read back with the parser of Prometheus' own client."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dmscan.core.models import Entry, Exit, Game
from dmscan.core.report import LATENCY_MS, Latency, ScanReport, Traffic
from dmscan.errors import ExitCode
from dmscan.render.metrics import Course, of_failure, of_scan

from make import NOW, make_report, make_request, make_stats

NAMES = re.compile(r"dmscan_[a-z_]+(_seconds|_bytes|_ratio|_total|_info)?")
STILL_A_HISTOGRAM = "dmscan_last_scan_request_duration_seconds"


def read(text: str) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by name and labels; a family or sample that is there twice fails."""
    families = list(text_string_to_metric_families(text))
    samples = [sample for family in families for sample in family.samples]
    values = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(values) == len(samples)
    assert len({family.name for family in families}) == len(families) == text.count("# TYPE ") == text.count("# HELP ")
    assert text.endswith("\n")
    return values


def value(text: str, name: str, **labels: str) -> float:
    return read(text)[f"dmscan_{name}", frozenset(labels.items())]


def busy(**changes) -> ScanReport:
    """Five requests for offers: three answered, one refused, one never answered."""
    traffic = Traffic(
        {"v2/offers": 5},
        retries=1,
        rate_limited=1,
        failed=1,
        api_ms=(140, 310),
        waited_ms=2500,
        held_ms=1000,
        statuses={("v2/offers", 200): 3, ("v2/offers", 429): 1},
        latency={"v2/offers": Latency((1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1), 20_750)},
    )
    return make_report(stats=make_stats(traffic=traffic, cache_hits=3), **changes)


def test_a_scan_tells_all_that_was_asked_for():
    text = of_scan(busy(), ExitCode.OK)
    assert value(text, "last_scan_requests", endpoint="v2/offers", status="200") == 3
    assert value(text, "last_scan_requests", endpoint="v2/offers", status="429") == 1
    assert value(text, "last_scan_requests", endpoint="v2/offers", status="none") == 1
    assert value(text, "last_scan_wait_seconds") == 2.5
    assert value(text, "last_scan_rate_limited_wait_seconds") == 1
    assert (value(text, "last_scan_retries"), value(text, "last_scan_failed_requests")) == (1, 1)
    assert value(text, "last_scan_cache_lookups", result="hit") == 3
    assert value(text, "last_scan_cache_lookups", result="miss") == 347
    assert (value(text, "last_scan_titles"), value(text, "last_scan_candidates"), value(text, "last_scan_judged_titles")) == (
        25112,
        7402,
        348,
    )
    assert value(text, "last_scan_rejections", entry="offer", exit="relist", reason="too_few_sales") == 212
    assert value(text, "last_scan_database_seconds", percentile="95") == 0.006
    assert value(text, "last_scan_resident_memory_max_bytes") == 61 * 2**20
    assert value(text, "last_scan_timestamp_seconds") == NOW
    assert (value(text, "last_scan_duration_seconds"), value(text, "last_scan_complete")) == (300, 0)
    assert value(text, "last_scan_coverage_ratio") == pytest.approx(348 / 7402)


def test_the_latency_histogram_is_cumulative_and_its_sum_is_in_seconds():
    text, name = of_scan(busy(), ExitCode.OK), "last_scan_request_duration_seconds"
    bounds = [f"{bound / 1000:g}" for bound in LATENCY_MS] + ["+Inf"]
    buckets = [value(text, f"{name}_bucket", endpoint="v2/offers", le=bound) for bound in bounds]
    assert buckets == [1, 1, 1, 3, 3, 3, 3, 3, 3, 3, 4]
    assert (value(text, f"{name}_sum", endpoint="v2/offers"), value(text, f"{name}_count", endpoint="v2/offers")) == (20.75, 4)


def test_every_game_and_way_to_trade_asked_for_has_its_number_of_opportunities():
    request = make_request(games=(Game.CS2, Game.RUST), entries=tuple(Entry), exits=tuple(Exit))
    text = of_scan(busy(request=request), ExitCode.OK)
    found = {labels: count for (name, labels), count in read(text).items() if name == "dmscan_last_scan_opportunities"}
    assert len(found) == 6
    assert sorted(found.values()) == [0, 0, 0, 0, 1, 1]


def test_what_one_scan_counted_is_never_a_counter():
    for family in text_string_to_metric_families(of_scan(busy(), ExitCode.OK)):
        assert family.type == ("histogram" if family.name == STILL_A_HISTOGRAM else "gauge")
        assert family.name.startswith(("dmscan_last_", "dmscan_build_info"))


def test_a_watch_adds_its_passes_up_and_shows_the_last_beside_them():
    course = Course()
    assert list(read(course.text)) == [("dmscan_build_info", frozenset({("version", "0.1.0")}))]
    course.add(busy(finished_at=NOW), ExitCode.OK)
    course.add(busy(finished_at=NOW + 60), ExitCode.PARTIAL)
    text = course.text
    assert value(text, "passes_total", exit_code="0") == value(text, "passes_total", exit_code="3") == 1
    assert value(text, "requests_total", endpoint="v2/offers", status="200") == 6
    assert value(text, "last_scan_requests", endpoint="v2/offers", status="200") == 3
    assert value(text, "wait_seconds_total") == 5
    assert value(text, "request_duration_seconds_bucket", endpoint="v2/offers", le="+Inf") == 8
    assert value(text, "cache_lookups_total", result="miss") == 694
    assert (value(text, "last_scan_exit_code"), value(text, "last_success_timestamp_seconds")) == (3, NOW)
    kinds = {family.name: family.type for family in text_string_to_metric_families(text)}
    assert (kinds["dmscan_requests"], kinds["dmscan_request_duration_seconds"]) == ("counter", "histogram")


@pytest.mark.parametrize("code", ExitCode)
def test_only_a_scan_without_an_error_moves_the_last_success(code):
    moved = code in {0, 4}
    assert value(of_scan(busy(), code, NOW - 999), "last_success_timestamp_seconds") == (NOW if moved else NOW - 999)
    assert value(of_failure(NOW, code, NOW - 999), "last_success_timestamp_seconds") == (NOW if moved else NOW - 999)
    assert value(of_failure(NOW, code), "last_scan_exit_code") == code
    assert ("last_success" in of_failure(NOW, code)) == moved


def test_names_follow_the_conventions_and_no_label_holds_a_title_or_an_address():
    course = Course()
    course.add(busy(source="https://api.dmarket.com"), ExitCode.OK)
    for family in text_string_to_metric_families(course.text):
        assert NAMES.fullmatch(family.name)
        assert family.documentation.endswith(".")
    labels = {label for _, labels in read(course.text) for label in labels}
    assert {name for name, _ in labels} == {
        *("version", "game", "entry", "exit", "reason", "percentile", "endpoint", "status", "le", "result", "exit_code"),
    }
    assert not [text for _, text in labels if "AK-47" in text or "://" in text]


@pytest.mark.parametrize("text", ['"', "\\", "\n", '\\"\n\\n', "}", ' {a="b"} 1'])
def test_a_label_comes_back_as_it_went_whatever_it_holds(text):
    report = make_report(rejected={(Entry.OFFER, Exit.INSTANT): {text: 7}})
    assert value(of_scan(report, ExitCode.OK), "last_scan_rejections", entry="offer", exit="instant", reason=text) == 7


def test_an_empty_scan_has_metrics_too():
    empty = make_report(stats=make_stats(traffic=Traffic(), db_ms=None, rss_mb=0), opportunities=(), rejected={})
    text = of_scan(empty, ExitCode.NO_DATA)
    assert value(text, "last_scan_exit_code") == 10
    assert "database" not in text
    assert "memory" not in text
    read(text)

"""Each figure of a scan is graded by its goal, and what was not measured is not."""

from __future__ import annotations

from fractions import Fraction

import pytest

from dmscan.core.health import Grade, Health, health
from dmscan.core.report import ScanStats, Traffic

from make import make_stats

OK, WARN, CRITICAL = Grade


def sent(failed: int, of: int = 1000, **more) -> ScanStats:
    return ScanStats(traffic=Traffic({"v2/offers": of}, failed=failed, **more))


@pytest.mark.parametrize(
    ("figure", "stats", "value", "grade"),
    [
        ("api", sent(0, api_ms=(199, 9000)), 199, OK),
        ("api", sent(0, api_ms=(200, 200)), 200, WARN),
        ("api", sent(0, api_ms=(400, 400)), 400, WARN),
        ("api", sent(0, api_ms=(401, 401)), 401, CRITICAL),
        ("database", ScanStats(db_ms=(90, 49)), 49, OK),
        ("database", ScanStats(db_ms=(1, 50)), 50, WARN),
        ("database", ScanStats(db_ms=(1, 101)), 101, CRITICAL),
        ("memory", ScanStats(rss_mb=499), 499, OK),
        ("memory", ScanStats(rss_mb=1000), 1000, WARN),
        ("memory", ScanStats(rss_mb=1001), 1001, CRITICAL),
        ("cache", ScanStats(cache_hits=81, cache_misses=19), Fraction(81, 100), OK),
        ("cache", ScanStats(cache_hits=80, cache_misses=20), Fraction(80, 100), WARN),
        ("cache", ScanStats(cache_hits=1, cache_misses=1), Fraction(1, 2), WARN),
        ("cache", ScanStats(cache_hits=499, cache_misses=501), Fraction(499, 1000), CRITICAL),
        ("cache", ScanStats(cache_misses=1), 0, CRITICAL),
        ("errors", sent(9), Fraction(9, 1000), OK),
        ("errors", sent(10), Fraction(1, 100), WARN),
        ("errors", sent(20), Fraction(2, 100), WARN),
        ("errors", sent(21), Fraction(21, 1000), CRITICAL),
    ],
)
def test_a_figure_is_graded_by_how_far_it_is_off_its_goal(figure, stats, value, grade):
    seen = getattr(health(stats), figure)
    assert (seen.value, seen.grade) == (value, grade)


def test_what_was_not_measured_has_a_goal_and_no_grade():
    seen = health(ScanStats())
    assert {(figure.value, figure.grade) for figure in figures(seen)} == {(None, None)}
    assert [figure.goal for figure in figures(seen)] == [200, 50, 500, Fraction(4, 5), Fraction(1, 100)]


def test_the_example_of_the_design_is_well_but_for_its_cold_cache():
    assert [figure.grade for figure in figures(health(make_stats()))] == [OK, OK, OK, CRITICAL, OK]


def figures(seen: Health):
    return [getattr(seen, name) for name in seen.__struct_fields__]

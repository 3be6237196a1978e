"""The figures beside their goals, in words and in JSON."""

from __future__ import annotations

import json

from dmscan.core.report import ScanStats
from dmscan.render import records
from dmscan.render.document import as_json
from dmscan.render.health import health_lines

from make import make_report, make_stats


def test_each_figure_is_a_line_with_its_goal_and_grade():
    assert health_lines(make_report(stats=make_stats(cache_hits=1041))) == [
        "answers: 140 ms at the median (goal: under 200 ms): ok",
        "database: 6 ms at the 95th percentile (goal: under 50 ms): ok",
        "memory: 61 MB at most (goal: under 500 MB): ok",
        "cache: 75.00% hits (goal: over 80%): warn",
        "errors: 0.00% of the requests (goal: under 1%): ok",
    ]


def test_what_was_not_measured_is_said_to_be_so():
    assert health_lines(make_report(stats=ScanStats()))[1] == "database: not measured (goal: under 50 ms)"


def test_the_document_has_value_goal_and_grade_of_each():
    assert json.loads(as_json(make_report()))["stats"]["health"] == {
        "api": {"value": 140, "goal": 200, "grade": "ok"},
        "database": {"value": 6, "goal": 50, "grade": "ok"},
        "memory": {"value": 61, "goal": 500, "grade": "ok"},
        "cache": {"value": 0, "goal": 0.8, "grade": "critical"},
        "errors": {"value": 0, "goal": 0.01, "grade": "ok"},
    }
    unknown = records.stats(ScanStats(), None).health.cache
    assert (unknown.value, unknown.goal, unknown.grade) == (None, 0.8, None)

"""The lines of a watch: each fits the printed schema and says what happened."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from dmscan.core.episodes import Terms
from dmscan.core.events import Better, Gone, New, Passed, hear
from dmscan.core.models import Opportunity
from dmscan.render.events import line_event, line_pass, line_started, schema_json

from make import NOW, make_opportunity, make_relist, make_report, make_request, make_rules

SOURCE = "https://api.dmarket.com"
FOUND = make_opportunity()
OPEN = hear({}, FOUND, Terms(make_rules(), None, signed=True), NOW).open
GONE = Gone(NOW + 100, OPEN[FOUND.key], unseen=False)
REPORT = make_report()

SCHEMA = json.loads(schema_json())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def valid(line: str) -> dict[str, Any]:
    assert line.isascii()
    assert line.count("\n") == 1
    record: dict[str, Any] = json.loads(line)
    VALIDATOR.validate(record)
    return record


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_watch_that_started_says_what_was_asked() -> None:
    record = valid(line_started(SOURCE, NOW, 60, None, make_request()))
    assert (record["type"], record["schema"], record["passes"]) == ("watch_started", "dmscan.watch/1", None)
    assert record["request"]["exits"] == ["instant", "relist"]


@pytest.mark.parametrize("found", [FOUND, make_relist()])
def test_new_carries_the_opportunity_as_a_scan_prints_it(found: Opportunity) -> None:
    record = valid(line_event(New(NOW, found), "scan-1", SOURCE))
    assert (record["type"], record["scan_id"], record["at"]) == ("new", "scan-1", "2026-11-24T06:04:56Z")
    assert record["opportunity"]["net_profit_cents"] == found.net_profit
    assert record["opportunity"]["exit"] == found.exit


def test_better_says_what_it_was_before() -> None:
    record = valid(line_event(Better(NOW, FOUND, before=100), "scan-1", SOURCE))
    assert (record["net_profit_cents_before"], record["opportunity"]["net_profit_cents"]) == (100, 348)


def test_gone_says_what_how_long_and_what_it_was_worth() -> None:
    record = valid(line_event(GONE, "scan-2", SOURCE))
    assert {name: record[name] for name in ("title", "exit", "reason", "lasted_s", "net_profit_cents", "first_seen_at")} == {
        "title": FOUND.title,
        "exit": "instant",
        "reason": "gone",
        "lasted_s": 0,
        "net_profit_cents": 348,
        "first_seen_at": "2026-11-24T06:04:56Z",
    }
    new = valid(line_event(New(NOW, FOUND), "scan-1", SOURCE))
    assert record["opportunity_id"] == new["opportunity"]["opportunity_id"]
    assert valid(line_event(Gone(NOW, OPEN[FOUND.key], unseen=True), "scan-2", SOURCE))["reason"] == "unseen"


def test_a_pass_says_what_it_told_what_it_cost_and_when_the_next_begins() -> None:
    record = valid(line_pass(Passed(3, REPORT, OPEN, 1, 2, 0, next_in_s=10.4), NOW, 20))
    assert [record[name] for name in ("number", "scan_id", "new", "better", "gone", "open")] == [3, "01jd0example", 1, 2, 0, 1]
    assert (record["calls"], record["calls_left"], record["next_at"]) == (600, 20, "2026-11-24T06:05:06Z")
    assert (record["complete"], record["stats"]["titles"]) == (False, 25112)


def test_a_pass_that_came_to_nothing_is_a_line_too() -> None:
    record = valid(line_pass(Passed(4, None, OPEN), NOW, None))
    assert (record["complete"], record["scan_id"], record["stats"], record["next_at"]) == (False, None, None, None)


def test_a_title_cannot_smuggle_anything_into_a_line() -> None:
    hostile = make_opportunity(title="A\x1b[2J\u202eB\n\u200b")
    open_ = hear({}, hostile, Terms(make_rules(), None, signed=True), NOW).open
    assert valid(line_event(New(NOW, hostile), "s", SOURCE))["opportunity"]["title"] == "A\\u001b[2J\\u202eB\\u000a\\u200b"
    assert valid(line_event(Gone(NOW, open_[hostile.key], unseen=False), "s", SOURCE))["title"] == "A\\u001b[2J\\u202eB\\u000a\\u200b"

"""JSON and NDJSON: one document or one line each, in ASCII, as the schema says."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator, ValidationError

from dmscan.errors import UsageError
from dmscan.render.contract import schema
from dmscan.render.document import OpportunityLines, as_json, as_lines, line_finished, line_started, schema_json
from dmscan.render.fields import COLUMNS, FIELDS, NAMES, chosen

from make import NOW, make_opportunity, make_relist, make_report, make_request

VALID = Draft202012Validator(schema())


def test_the_schema_is_a_schema_and_is_printed_as_it_is():
    Draft202012Validator.check_schema(schema())
    assert schema()["$id"] == "dmscan.scan/1"
    assert json.loads(schema_json()) == json.loads(json.dumps(schema()))


def test_the_document_and_every_line_fit_the_schema():
    VALID.validate(json.loads(as_json(make_report())))
    lines = [json.loads(line) for line in as_lines(make_report()).splitlines()]
    assert [line["type"] for line in lines] == ["scan_started", "opportunity", "opportunity", "scan_finished"]
    for line in lines:
        VALID.validate(line)


def test_the_schema_refuses_a_missing_key_a_wrong_type_and_a_null_that_is_not_allowed():
    line = json.loads(as_lines(make_report()).splitlines()[1])
    for spoilt in ({"roi": "0.07"}, {"units": None}, {"legs": [{}]}, {"type": "other"}):
        with pytest.raises(ValidationError):
            VALID.validate(line | spoilt)
    line.pop("scan_id")
    with pytest.raises(ValidationError):
        VALID.validate(line)


def test_the_schema_is_open_for_additions_everywhere():
    def closed(part):
        if isinstance(part, dict):
            return part.get("additionalProperties") is False or any(map(closed, part.values()))
        return isinstance(part, list) and any(map(closed, part))

    assert not closed(schema())
    line = json.loads(as_lines(make_report()).splitlines()[1])
    VALID.validate(line | {"from_a_later_version": 1})


@pytest.mark.parametrize(
    ("part", "names"),
    [
        (
            "Opportunity",
            {"url", "net_profit_if_renewed_cents", "bail_out_cents", "max_buy_cents", "hold_days", "days_to_fill", "pace_per_day", "sales"},
        ),
        ("Leg", {"offer_id", "url", "lock_days", "unlock_at", "reversible_until", "float_part", "paint_seed", "target"}),
        ("Target", {"amount", "float_part", "phase", "paint_seed"}),
        ("Quote", {"ask_cents", "bid_cents"}),
        ("Sales", set()),
        ("Stats", {"api_ms", "db_ms", "seconds_for_all"}),
        ("Error", {"game", "endpoint"}),
        ("Totals", set()),
    ],
)
def test_the_schema_says_which_fields_may_be_null_and_requires_all(part, names):
    shape = schema()["$defs"][part]
    assert {name for name, field in shape["properties"].items() if {"type": "null"} in field.get("anyOf", ())} == names
    assert set(shape["required"]) == set(shape["properties"])
    assert shape["description"]


def test_the_output_is_ascii_on_single_lines():
    scan = make_report(opportunities=(make_opportunity(title="★ StatTrak™ 日本 \ud800 a\nb"),))
    assert as_json(scan).isascii()
    assert as_json(scan).count("\n") == 1
    assert as_lines(scan).isascii()
    assert as_lines(scan).count("\n") == 3
    assert json.loads(as_json(scan))["opportunities"][0]["title"] == "★ StatTrak™ 日本 \\ud800 a\\u000ab"


def test_lines_are_the_document_in_pieces():
    scan = make_report()
    whole = json.loads(as_json(scan))
    opening, *finds, end = [json.loads(line) for line in as_lines(scan).splitlines()]
    assert opening == json.loads(line_started(scan.scan_id, scan.source, scan.started_at, make_request()))
    assert end == json.loads(line_finished(scan))
    extra = {"type", "scan_id"}
    assert [{name: line[name] for name in line if name not in extra} for line in finds] == whole["opportunities"]
    rest = {name: value for line in (opening, end) for name, value in line.items() if name != "type"}
    assert rest | {"opportunities": whole["opportunities"]} == whole


def test_fields_narrow_each_opportunity_and_nothing_else():
    narrow, whole = json.loads(as_json(make_report(), ("roi", "title", "quote_ask_cents"))), json.loads(as_json(make_report()))
    assert [list(found.items()) for found in narrow["opportunities"]] == [
        [("roi", 0.0723), ("title", "AK-47 | Redline (Field-Tested)"), ("quote_ask_cents", 2401)],
        [("roi", 0.1014), ("title", "AK-47 | Redline (Field-Tested)"), ("quote_ask_cents", 2100)],
    ]
    assert narrow | {"opportunities": None} == whole | {"opportunities": None}


def test_a_narrowed_line_still_names_its_type_and_scan():
    line = OpportunityLines("scan-1", "sandbox", ("title", "warnings")).line(make_relist(warnings=("falling",)), NOW)
    assert json.loads(line) == {
        "type": "opportunity",
        "scan_id": "scan-1",
        "title": "AK-47 | Redline (Field-Tested)",
        "warnings": ["falling"],
    }


def test_every_field_can_be_asked_for_alone():
    for name in FIELDS:
        assert list(json.loads(as_json(make_report(), (name,)))["opportunities"][1]) == [name]
    assert set(NAMES) | set(COLUMNS) == set(FIELDS)


def test_fields_are_taken_in_order_once_and_blanks_are_ignored():
    assert chosen(" roi, title ,,roi") == ("roi", "title")
    assert chosen(None) == chosen("") == ()


def test_an_unknown_field_is_refused_with_the_nearest_names():
    with pytest.raises(UsageError, match="'net_profit': did you mean net_profit_cents"):
        chosen("title,net_profit")
    with pytest.raises(UsageError, match=r"the fields are opportunity_id, game, .*offer_ids"):
        chosen("zzzz")

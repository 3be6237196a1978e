"""Checks on a terminal and as JSON."""

from __future__ import annotations

import json

import jsonschema
import pytest

from dmscan.core.checkup import Check, Mark
from dmscan.errors import ExitCode
from dmscan.render.doctor import Report, as_closing, as_json, as_line, schema_json

from make import NOW

WELL = Check("clock", Mark.OK, "within 5 s of the market's")
LONG = Check("customized-fees", Mark.FAIL, "The market has retired customized-fees or moved it (status 410).", ExitCode.API_CHANGED)
HOSTILE = Check("aggregated-prices", Mark.WARN, "the busiest is \x1b]52;c;aGk=\x07[bold]\u202e[/foo]")


def test_a_line_that_is_well_is_short() -> None:
    assert as_line(WELL, 80, color=False) == "ok    clock              within 5 s of the market's\n"


def test_what_does_not_fit_goes_on_beneath_its_own_column() -> None:
    assert as_line(LONG, 70, color=False).splitlines() == [
        "fail  customized-fees    The market has retired customized-fees or",
        "                         moved it (status 410).",
    ]


@pytest.mark.parametrize("width", [20, 40, 59, 60, 80, 200])
def test_no_line_is_wider_than_the_screen_and_nothing_is_lost(width: int) -> None:
    lines = as_line(LONG, width, color=False).splitlines()
    assert max(map(len, lines)) <= width
    assert "".join("".join(lines).split()) == f"failcustomized-fees{LONG.detail.replace(' ', '')}"


def test_a_mark_has_its_colour() -> None:
    assert "\x1b[32mok" in as_line(WELL, 80, color=True)
    assert "\x1b[1;31mfail" in as_line(LONG, 80, color=True)
    assert "\x1b" not in as_line(LONG, 80, color=False)


def test_a_hostile_detail_is_shown_and_not_obeyed() -> None:
    line = as_line(HOSTILE, 120, color=False)
    assert "\\u001b]52;c;aGk=\\u0007[bold]\\u202e[/foo]" in line
    assert "\\u202e" in json.loads(as_json(Report("sandbox", NOW, offline=False, checks=[HOSTILE])))["checks"][0]["detail"]


def test_the_last_line_counts_what_wants_to_be_looked_at() -> None:
    assert as_closing([WELL, WELL], 80, color=False) == "\nall well, 2 checks\n"
    assert as_closing([WELL, LONG, HOSTILE, LONG], 80, color=False) == "\n2 failed, 1 to look at\n"


@pytest.mark.parametrize("source", ["https://api.dmarket.com", None])
def test_the_document_fits_its_schema(source: str | None) -> None:
    document = json.loads(as_json(Report(source, NOW, offline=source is None, checks=[WELL, LONG])))
    jsonschema.validate(document, json.loads(schema_json()))
    assert document["schema"] == "dmscan.doctor/1"
    assert document["source"] == source
    assert document["exit_code"] == 15
    assert document["checks"][1] == {"name": "customized-fees", "status": "fail", "detail": LONG.detail, "code": 15}

"""Titles that try to do something: through every format they do nothing (reliability.md T5-T7, T10)."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from dmscan.core.models import Entry, Exit, Game
from dmscan.core.report import Example
from dmscan.render.contract import schema
from dmscan.render.document import as_json, as_lines
from dmscan.render.table import as_columns, as_table
from dmscan.render.tabular import as_csv, as_markdown
from dmscan.render.text import title, visible

from make import make_opportunity, make_relist, make_report

TITLES = json.loads((Path(__file__).parents[1] / "data" / "hostile.json").read_text(encoding="ascii"))
OURS = re.compile(r"\x1b\[(?:0|1|2|1;32|31|32|33|36)m")
PAIR = (Entry.OFFER, Exit.INSTANT)
SCAN = make_report(
    opportunities=tuple(found for text in TITLES for found in (make_opportunity(title=text, phase=text), make_relist(title=text))),
    rejected={PAIR: {"no_bid": len(TITLES)}},
    examples={PAIR: {"no_bid": tuple(Example(Game.CS2, text, 1, None) for text in TITLES)}},
)


def hidden(text):
    """Characters a terminal might act on, but for LF."""
    return {char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - {"\n"}


def test_the_corpus_is_hostile_enough():
    assert len(TITLES) >= 200
    assert len(hidden("".join(TITLES))) > 100


@pytest.mark.parametrize(("width", "color"), [(40, False), (100, True)])
def test_tables_hold_no_control_but_our_own_colours(width, color):
    for shown in (as_table(SCAN, width, color, why=True), as_columns(SCAN, ("title", "phase"), width, color)):
        assert not hidden(OURS.sub("", shown))
        assert color or "\x1b" not in shown
        assert shown.encode()


def test_markup_and_emoji_codes_stand_in_the_table_as_they_were_written():
    shown = as_table(make_report(opportunities=tuple(make_opportunity(title=text) for text in TITLES if len(text) < 60)), 300, False)
    for text in ("[/foo]", "[bold]x[/bold]", "[link=https://evil.example]x[/link]", "trailing\\", ":smile:", "\\u001b[2J\\u001b[H"):
        assert text in shown


def test_json_and_lines_hold_no_control_and_every_record_fits_the_schema():
    valid = Draft202012Validator(schema())
    whole, pieces = as_json(SCAN), as_lines(SCAN)
    assert whole.isascii()
    assert pieces.isascii()
    assert not hidden(whole + pieces)
    valid.validate(json.loads(whole))
    for line in pieces.splitlines()[:9]:
        valid.validate(json.loads(line))
    assert [found["title"] for found in json.loads(whole)["opportunities"][::2]] == [visible(text) for text in TITLES]


def test_csv_reads_back_as_it_was_and_runs_nothing():
    text = as_csv(SCAN)
    assert hidden(text) == {"\r"}
    assert text.count("\r") == text.count("\r\n") == len(SCAN.opportunities) + 1
    for row, written in zip(list(csv.DictReader(io.StringIO(text, newline="")))[::2], TITLES, strict=True):
        assert row["title"].removeprefix("'") == visible(written).removeprefix("'")
        assert not row["title"].startswith(("=", "+", "-", "@"))
        assert int(row["net_profit_cents"]) == 348


def test_markdown_keeps_one_row_per_find():
    text = as_markdown(SCAN, ("title", "phase", "roi"))
    assert not hidden(text)
    rows = text.splitlines()[2:]
    assert len(rows) == len(SCAN.opportunities)
    for row in rows:
        assert len(re.split(r"(?<!\\)(?:\\\\)*\|", row)) == 5


def test_ids_tell_titles_apart_that_look_alike():
    ids = [found["opportunity_id"] for found in json.loads(as_json(SCAN))["opportunities"]]
    assert len(set(ids)) == len(ids)
    assert title(visible("\x1b")) == visible("\\u001b")

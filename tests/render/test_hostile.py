"""Titles that try to do something: through every format they do nothing (reliability T5-T7, T10)."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

from dmscan.core.models import Entry, Exit, Game
from dmscan.core.report import Example
from dmscan.render.contract import schema
from dmscan.render.document import as_json, as_lines
from dmscan.render.table import as_columns, as_table
from dmscan.render.tabular import as_csv, as_markdown
from dmscan.render.text import title, visible

from make import make_opportunity, make_relist, make_report

CORPUS = json.loads((Path(__file__).parents[1] / "data" / "hostile.json").read_text(encoding="ascii"))
"""What each tries, and the title."""
TITLES = [text for _, text in CORPUS]
OURS = re.compile(r"\x1b\[(?:0|1|2|1;32|31|32|33|36)m")
UNSEEN = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point."""
ESCAPED = re.compile(r"\\[!-/:-@\[-`{-~]")
PAIR = (Entry.OFFER, Exit.INSTANT)
SCAN = make_report(
    opportunities=tuple(found for text in TITLES for found in (make_opportunity(title=text, phase=text), make_relist(title=text))),
    rejected={PAIR: {"no_bid": len(TITLES)}},
    examples={PAIR: {"no_bid": tuple(Example(Game.CS2, text, 1, None) for text in TITLES)}},
)


def hidden(text):
    """Characters a terminal might act on or show nothing for, but for LF."""
    return {char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or UNSEEN.match(char)} - {"\n"}


def test_the_corpus_is_hostile_enough():
    assert len(set(TITLES)) == len(TITLES) >= 200
    assert all(CORPUS)
    assert len(hidden("".join(TITLES))) > 100


@pytest.mark.parametrize(("width", "color"), [(40, False), (100, True)])
def test_tables_hold_no_control_but_our_own_colours(width, color, score):
    for shown in (as_table(SCAN, width, color, why=True), as_columns(SCAN, ("title", "phase"), width, color)):
        assert not hidden(OURS.sub("", shown))
        assert color or "\x1b" not in shown
        assert shown.encode()
    score("R19", f"0 of {len(TITLES)} titles")


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
        assert re.sub("(^|;)'", r"\1", row["title"]) == re.sub("(^|;)'", r"\1", visible(written))
        assert int(row["net_profit_cents"]) == 348
        for cell in (row["title"], row["phase"]):
            assert not [part for part in cell.split(";") if part.lstrip(' "\xa0\u3000').startswith(tuple("=+-@＝＋－＠"))]


def test_markdown_keeps_one_row_per_find():
    text = as_markdown(SCAN, ("title", "phase", "roi"))
    assert not hidden(text)
    rows = text.splitlines()[2:]
    assert len(rows) == len(SCAN.opportunities)
    for row in rows:
        assert len(re.split(r"(?<!\\)(?:\\\\)*\|", row)) == 5


def test_markdown_is_read_as_text_with_links_of_our_own():
    read = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(as_markdown(SCAN, ("title", "phase")))
    cells = [token for token in read if token.type == "inline"][2:]
    assert len(cells) == 2 * len(SCAN.opportunities)
    for found, name, phase in zip(SCAN.opportunities, cells[::2], cells[1::2], strict=True):
        if not found.title:
            continue
        link, *inner, end = name.children
        assert (link.type, end.type) == ("link_open", "link_close")
        assert link.attrs["href"].startswith("https://dmarket.com/ingame-items/item-list/csgo-skins?title=")
        for tokens, text in ((inner, found.title), (phase.children or (), found.phase)):
            assert {token.type for token in tokens} <= {"text"}
            assert "".join(token.content for token in tokens).strip() == visible(text).strip()


def test_nothing_in_markdown_links_itself():
    for row in as_markdown(SCAN, ("phase", "roi")).splitlines()[2:]:
        assert not set(ESCAPED.sub("", row)) & set("`*_[]<>#!~&@$\\:")
        assert "www." not in row.lower()


def test_ids_tell_titles_apart_that_look_alike():
    ids = [found["opportunity_id"] for found in json.loads(as_json(SCAN))["opportunities"]]
    assert len(set(ids)) == len(ids)
    assert title(visible("\x1b")) == visible("\\u001b")

"""`dmscan history` through the real command, on what real scans of sandbox markets stored."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest

from dmscan.cli.options import parse_moment
from dmscan.clock import Clock
from dmscan.history.lock import command_lock
from dmscan.history.schema import STEPS
from dmscan.history.store import open_history

from make import NOW
from processes import Dmscan, keys

QUESTIONS = (("list",), ("show", "last"), ("stats",), ("stats", "--by", "day"), ("lifetimes",))
HOSTILE = "\x1b[2J\u202e[bold]\n`=1`"


class Stored(NamedTuple):
    """A home with two scans, what each of them printed, and the schema of answers."""

    dmscan: Dmscan
    first: dict[str, Any]
    second: dict[str, Any]
    schema: dict[str, Any]

    @property
    def database(self) -> Path:
        return self.dmscan.home / "data" / "dmscan" / "history.db"

    @property
    def title(self) -> str:
        title: str = self.first["opportunities"][0]["title"]
        return title

    def ask(self, *arguments: str) -> Any:
        done = self.dmscan("history", *arguments, "-f", "json")
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    def text(self, *arguments: str, **environment: str) -> str:
        before = self.dmscan.environment
        self.dmscan.environment = {**before, "COLUMNS": "110", **environment}
        done = self.dmscan("history", *arguments)
        self.dmscan.environment = before
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, shared_market: str) -> Stored:
    """The tests of this module only read it."""
    dmscan = Dmscan(tmp_path_factory.mktemp("stored"), shared_market, DMSCAN_RATE="2000", **keys())
    first, second = (
        dmscan.scan("--entry", "any"),
        dmscan.scan("--fresh", "--max-requests", "20", "--sort", "roi", "-l", "boost", "-l", "standard"),
    )
    return Stored(dmscan, first, second, json.loads(dmscan("schema", "history").stdout))


def test_the_list_says_what_the_scans_said(stored: Stored) -> None:
    document = stored.ask()
    assert [row["scan_id"] for row in document["rows"]] == [stored.second["scan_id"], stored.first["scan_id"]]
    for row, scan in zip(document["rows"], (stored.second, stored.first), strict=True):
        stats = scan["stats"]
        assert {name: row[name] for name in ("finished_at", "complete", "coverage")} == {
            name: scan[name] for name in ("finished_at", "complete", "coverage")
        }
        assert {name: row[name] for name in ("games", "entries", "exits")} == {
            name: scan["request"][name] for name in ("games", "entries", "exits")
        }
        assert (row["titles"], row["requests"]) == (stats["titles"], sum(stats["requests"].values()))
        assert (row["opportunities"], row["net_profit_cents"]) == (len(scan["opportunities"]), scan["totals"]["net_profit_cents"])
    assert [row["status"] for row in document["rows"]] == ["cut", "finished"]


def test_show_gives_the_document_that_was_printed(stored: Stored) -> None:
    for scan in (stored.first, stored.second):
        told = stored.ask("show", scan["scan_id"])
        assert told == scan
        assert told == stored.ask("show", scan["scan_id"][:8])
    assert stored.ask("show", "last")["scan_id"] == stored.second["scan_id"]


def test_show_has_the_formats_of_a_scan(stored: Stored) -> None:
    of = ("show", stored.first["scan_id"])
    lines = [json.loads(line) for line in stored.text(*of, "-f", "ndjson").splitlines()]
    assert [line["type"] for line in lines] == ["scan_started", *["opportunity"] * len(stored.first["opportunities"]), "scan_finished"]
    rows = list(csv.DictReader(io.StringIO(stored.text(*of, "-f", "csv", "--limit", "2", "--fields", "title,roi"))))
    assert [row["title"].lstrip("'") for row in rows] == [found["title"] for found in stored.first["opportunities"][:2]]
    table = stored.text(*of, "-f", "table", "--limit", "3")
    assert "counting each offer once" in table
    assert f"{len(stored.first['opportunities']) - 3} rows not shown" in table


def test_a_title_has_its_quotes_and_finds(stored: Stored) -> None:
    document = stored.ask("title", stored.title)
    found = [one for one in stored.first["opportunities"] if one["title"] == stored.title]
    assert (document["what"], document["game"], document["title"]) == ("title", "cs2", stored.title)
    assert {(one["ask_cents"], one["bid_cents"]) for one in document["quotes"]} == {
        (one["quote"]["ask_cents"], one["quote"]["bid_cents"]) for one in found
    }
    assert {(one["exit"], one["net_profit_cents"], one["at"]) for one in document["opportunities"]} >= {
        (one["exit"], one["net_profit_cents"], one["as_of"]) for one in found
    }
    assert stored.ask("title", stored.title, "--until", "1d")["quotes"] == []


def test_a_title_is_drawn(stored: Stored) -> None:
    table = stored.text("title", stored.title, "-f", "table")
    assert stored.title in table
    assert ("┌" in table and "⠢ bid" in table) if find_spec("plotext") else ("█" in table and "pip install 'dmscan[plot]'" in table)


def test_near_titles_are_suggested(stored: Stored) -> None:
    done = stored.dmscan("history", "title", stored.title.upper())
    assert done.returncode == 2
    assert done.stderr.startswith(f"dmscan: No title '{stored.title.upper()}' of cs2 is stored: did you mean {stored.title}")
    assert done.stderr.count("\n") == 1
    assert "did you mean" not in stored.dmscan("history", "title", "qqqqqqqqqqqqqqqq").stderr
    assert stored.dmscan("history", "title", stored.title, "-g", "rust").returncode == 2
    assert stored.dmscan("history", "title", stored.title, "-g", "all").returncode == 2


def test_stats_count_the_scans_and_their_calls(stored: Stored) -> None:
    document = stored.ask("stats", "--by", "entry")
    requests: dict[str, int] = {}
    for scan in (stored.first, stored.second):
        for endpoint, count in scan["stats"]["requests"].items():
            requests[endpoint] = requests.get(endpoint, 0) + count
    assert document["requests"] == requests
    assert (document["total"]["scans"], document["total"]["requests"]) == (2, sum(requests.values()))
    begun = {(one["game"], one["title"], one["phase"], one["entry"], one["exit"]) for one in stored.first["opportunities"]}
    assert document["total"]["episodes"] == len(begun)
    assert {row["name"]: row["episodes"] for row in document["rows"]} == {
        entry: sum(key[3] == entry for key in begun) for entry in ("offer", "target")
    }


def test_lifetimes_without_ends_are_no_evidence(stored: Stored) -> None:
    document = stored.ask("lifetimes")
    whole = document["rows"][0]
    assert (whole["by"], whole["enough"], whole["half_gone_s"]) == ("all", False, None)
    assert whole["episodes"] == len(stored.first["opportunities"])
    assert "not enough evidence (below 30)" in stored.text("lifetimes", "-f", "table")


@pytest.mark.parametrize("question", [*QUESTIONS, ("title", "")])
def test_every_format_of_every_question(stored: Stored, question: tuple[str, ...], tmp_path: Path) -> None:
    question = ("title", stored.title) if question[0] == "title" else question
    is_scan = question[0] == "show"
    document = stored.ask(*question)
    lines = [json.loads(line) for line in stored.text(*question, "-f", "ndjson").splitlines()]
    for one in () if is_scan else (document, *lines):
        jsonschema.validate(one, stored.schema)
    rows = list(csv.DictReader(io.StringIO(stored.text(*question, "-f", "csv"))))
    marked = stored.text(*question, "-f", "markdown").splitlines()
    assert len(lines) - (2 if is_scan else 0) == len(rows) == len(marked) - 2
    table = stored.text(*question, "-f", "table")
    assert not table.startswith("{")
    assert "\x1b[" not in table
    assert "\x1b[" in stored.text(*question, "-f", "table", FORCE_COLOR="1")
    assert "\x1b[" not in stored.text(*question, "-f", "table", FORCE_COLOR="1", NO_COLOR="1")
    assert all(len(line) <= 40 for line in stored.text(*question, "-f", "table", COLUMNS="40").splitlines()) or is_scan
    file = tmp_path / "answer.json"
    assert stored.text(*question, "-f", "json", "-o", str(file)) == ""
    assert json.loads(file.read_text()) == document or question[0] in {"title", "stats", "lifetimes"}


def test_the_schema_refuses_what_is_none_of_its_documents(stored: Stored) -> None:
    assert stored.schema["$id"] == "dmscan.history/1"
    document = stored.ask()
    for gone in ("schema", "rows", "what"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({name: value for name, value in document.items() if name != gone}, stored.schema)


@pytest.mark.parametrize("question", [("list",), ("stats",), ("lifetimes",), ()])
def test_an_empty_history_says_what_to_do_and_is_not_made(tmp_path: Path, question: tuple[str, ...]) -> None:
    dmscan = Dmscan(tmp_path)
    done = dmscan("history", *question, "-f", "table")
    assert (done.returncode, done.stderr) == (0, "")
    assert "run dmscan scan," in " ".join(done.stdout.split())
    assert "run dmscan scan --sandbox," in " ".join(dmscan("history", *question, "--sandbox", "-f", "table").stdout.split())
    assert json.loads(dmscan("history", *question, "-f", "json").stdout)["rows"] == []
    assert list(tmp_path.iterdir()) == []


def test_of_an_empty_history_no_scan_and_no_title_can_be_shown(tmp_path: Path) -> None:
    dmscan = Dmscan(tmp_path)
    for question, words in (
        (("show", "last"), "run dmscan scan"),
        (("show", "5f"), "dmscan history lists them"),
        (("title", "A"), "No title 'A'"),
    ):
        done = dmscan("history", *question)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_asking_needs_no_lock_and_no_key_and_changes_nothing(stored: Stored) -> None:
    before = (stored.database.read_bytes(), stored.database.stat().st_mtime_ns)
    keyless = Dmscan(stored.dmscan.home, stored.dmscan.environment["DMSCAN_API_URL"])
    with command_lock(stored.database):
        for question in QUESTIONS:
            assert keyless("history", *question).returncode == 0
    assert (stored.database.read_bytes(), stored.database.stat().st_mtime_ns) == before


def test_sources_do_not_see_each_other(stored: Stored) -> None:
    elsewhere = Dmscan(stored.dmscan.home)
    assert json.loads(elsewhere("history", "-f", "json").stdout)["rows"] == []
    assert elsewhere("history", "show", stored.first["scan_id"]).returncode == 2


def test_a_running_scan_has_nothing_to_show(stored: Stored, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(stored.database, copy)
    changed(copy, "UPDATE scans SET status = 'running', finished_at = NULL, exit_code = NULL WHERE status = 'cut'")
    done = stored.dmscan("history", "show", stored.second["scan_id"], "--db", str(copy))
    assert (done.returncode, done.stdout) == (2, "")
    assert "it still runs, or it died" in done.stderr
    assert "running" in stored.text("list", "-f", "table", "--db", str(copy))


def changed(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("harm", "code", "words"),
    [
        (lambda path: changed(path, f"PRAGMA user_version = {len(STEPS) + 1}"), 21, "written by a newer dmscan"),
        (lambda path: changed(path, "PRAGMA user_version = 1"), 20, "the next scan brings it up to date"),
        (lambda path: path.write_bytes(b"nothing of the kind" * 99), 20, "is not a database"),
        (lambda path: path.unlink() or path.mkdir(), 20, "is not a file"),
    ],
)
async def test_a_history_that_cannot_be_read_is_one_sentence(tmp_path: Path, harm: Callable[[Path], Any], code: int, words: str) -> None:
    path = tmp_path / "history.db"
    async with open_history(path, "sandbox", Clock()):
        pass
    harm(path)
    for question in QUESTIONS:
        done = Dmscan(tmp_path)("history", *question, "--db", str(path))
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
        assert words in done.stderr


async def test_a_lock_held_for_ever_ends_with_11(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with open_history(path, "sandbox", Clock()):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        done = Dmscan(tmp_path)("history", "--db", str(path))
    assert (done.returncode, done.stdout) == (11, "")
    assert "stayed locked by another program" in done.stderr


def test_hostile_words_stay_words(stored: Stored, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(stored.database, copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("UPDATE titles SET title = ? WHERE title = ?", (HOSTILE, stored.title))
        connection.execute("UPDATE opportunities SET title = ?, phase = '=1+\x1b[2J' WHERE title = ?", (HOSTILE, stored.title))
    for form in ("table", "json", "ndjson", "csv", "markdown"):
        for question in (("title", HOSTILE), ("show", stored.first["scan_id"])):
            told = stored.text(*question, "-f", form, "--db", str(copy))
            assert not {"\x1b", "\u202e"} & set(told)
    rows = list(csv.DictReader(io.StringIO(stored.text("title", HOSTILE, "-f", "csv", "--db", str(copy)))))
    assert {row["phase"] for row in rows if row["type"] == "opportunity"} == {"'=1+\\u001b[2J"}
    unknown = stored.dmscan("history", "title", f"{HOSTILE}?", "--db", str(copy))
    assert "\x1b" not in unknown.stderr
    assert unknown.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "yesterday"),
        ("--since", "2026-11-31"),
        ("--until", "2026-11-01T12:00:00"),
        ("--since", "1d", "--until", "2d"),
        ("--limit", "0"),
        ("list", "extra"),
        ("tell",),
        ("show",),
        ("stats", "--by", "hour"),
        ("-f", "xml"),
    ],
)
def test_what_is_mistyped_is_told(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = Dmscan(tmp_path)("history", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_output_that_cannot_be_written_ends_with_74(stored: Stored) -> None:
    assert stored.dmscan("history", "-o", "/nowhere/answer.json").returncode == 74
    assert stored.dmscan.shell("dmscan history -f ndjson >/dev/full").returncode == 74


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30d", NOW - 30 * 86_400),
        ("90", NOW - 90),
        ("1970-01-02", 86_400),
        (" 2026-11-24T06:04:56Z ", NOW),
        ("2026-11-24t08:04:56.9+02:00", NOW),
        ("2026-11-24 06:04:56z", NOW),
    ],
)
def test_a_moment_is_a_span_ago_a_day_or_a_time(text: str, moment: int) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "now", "2026-1-1", "2026-02-30", "2026-11-24T06:04Z", "2026-11-24T06:04:56", "-3d", "٣d"])
def test_what_is_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="nor a day such as 2026-11-01"):
        parse_moment(text, NOW)

"""stdout is data only, and survives pipes, locales, narrow terminals and hostile titles."""

from __future__ import annotations

import csv
import io
import json
import shutil
import unicodedata
from collections.abc import Iterator

import jsonschema
import pytest

from dmscan.render.contract import schema

from processes import Dmscan, keys, serving

needs_jq = pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dmscan]:
    """A market where a title with an escape sequence and one with a line break are worth buying."""
    home = tmp_path_factory.mktemp("hostile")
    with serving(home, "--seed", "13", "--titles", "75") as url:
        yield Dmscan(home, url, DMSCAN_RATE="2000", **keys())


def ndjson(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


@needs_jq
def test_jq_reads_every_line_and_selects_what_it_says(dmscan: Dmscan) -> None:
    everything = dmscan.shell("dmscan scan -f ndjson --no-store 2>/dev/null | jq -c .")
    chosen = dmscan.shell("""dmscan scan -f ndjson --no-store 2>/dev/null | jq -c 'select(.roi > 0.05)'""")
    assert everything.returncode == chosen.returncode == 0
    expected = {line["opportunity_id"] for line in ndjson(everything.stdout) if line.get("roi", 0) > 0.05}
    assert expected
    assert {line["opportunity_id"] for line in ndjson(chosen.stdout)} == expected


def test_ndjson_tells_start_finds_and_end_in_one_scan(dmscan: Dmscan) -> None:
    lines = ndjson(dmscan("scan", "-f", "ndjson", "--no-store").stdout)
    assert [lines[0]["type"], lines[-1]["type"]] == ["scan_started", "scan_finished"]
    assert {line["type"] for line in lines[1:-1]} == {"opportunity"}
    assert len({line["scan_id"] for line in lines}) == 1


def test_every_record_fits_the_printed_schema(dmscan: Dmscan) -> None:
    published = json.loads(dmscan("schema").stdout)
    assert published == schema()
    jsonschema.Draft202012Validator.check_schema(published)
    validator = jsonschema.Draft202012Validator(published)
    for line in ndjson(dmscan("scan", "-f", "ndjson", "--no-store", "-g", "all").stdout):
        validator.validate(line)
    validator.validate(dmscan.scan("--no-store", "-g", "all"))


def test_json_is_the_default_off_a_terminal_and_json_flag_says_the_same(dmscan: Dmscan) -> None:
    assert json.loads(dmscan("scan", "--no-store").stdout)["schema"] == "dmscan.scan/1"
    assert json.loads(dmscan("scan", "--no-store", "--json").stdout)["schema"] == "dmscan.scan/1"


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "csv", "markdown"])
def test_no_format_lets_a_control_or_direction_mark_through(hostile: Dmscan, form: str) -> None:
    done = hostile("scan", "-f", form, "--no-store", "-g", "all", "--limit", "500", text=False)
    text = done.stdout.decode()
    assert done.returncode == 0
    assert "u001b" in text, "a hostile title must be among the finds, or this test proves nothing"
    breaks = {"\n", "\r"} if form == "csv" else {"\n"}
    assert not {mark for mark in set(text) - breaks if unicodedata.category(mark) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}


def test_csv_has_the_same_finds_by_the_same_names(dmscan: Dmscan) -> None:
    found = dmscan.scan("--no-store")["opportunities"]
    rows = list(csv.DictReader(io.StringIO(dmscan("scan", "-f", "csv", "--no-store").stdout)))
    assert [row["opportunity_id"] for row in rows] == [one["opportunity_id"] for one in found]
    assert [int(row["net_profit_cents"]) for row in rows] == [one["net_profit_cents"] for one in found]


def test_fields_narrow_every_format(dmscan: Dmscan) -> None:
    document = dmscan.scan("--no-store", "--fields", "title,roi")
    assert {tuple(found) for found in document["opportunities"]} == {("title", "roi")}
    assert dmscan("scan", "--no-store", "-f", "csv", "--fields", "title,roi").stdout.splitlines()[0] == "title,roi"


def test_none_prints_nothing_and_quiet_says_nothing(dmscan: Dmscan) -> None:
    done = dmscan("scan", "-q", "-f", "none", "--no-store")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_output_file_appears_whole_and_replaces_the_old_one(dmscan: Dmscan) -> None:
    target = dmscan.home / "found.json"
    target.write_text("old")
    done = dmscan("scan", "--no-store", "-o", str(target))
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads(target.read_text())["opportunities"]
    assert [path.name for path in dmscan.home.iterdir() if path.name.startswith(".found")] == []


def test_titles_survive_a_locale_without_unicode(dmscan: Dmscan) -> None:
    dmscan.environment |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    done = dmscan("scan", "-f", "table", "--no-store", text=False)
    assert done.returncode == 0
    assert done.stdout.isascii()


@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_line_of_the_table_is_wider_than_the_screen(dmscan: Dmscan, width: int) -> None:
    dmscan.environment["COLUMNS"] = str(width)
    text = dmscan("scan", "-f", "table", "--no-store").stdout
    assert max(map(len, text.splitlines())) <= width


def test_colour_is_off_in_a_pipe_and_obeys_the_environment(dmscan: Dmscan) -> None:
    assert "\x1b" not in dmscan("scan", "-f", "table", "--no-store").stdout
    dmscan.environment["FORCE_COLOR"] = "1"
    assert "\x1b[" in dmscan("scan", "-f", "table", "--no-store").stdout
    dmscan.environment["NO_COLOR"] = "1"
    assert "\x1b" not in dmscan("scan", "-f", "table", "--no-store").stdout


def test_titles_come_from_a_file_or_stdin(dmscan: Dmscan) -> None:
    title = dmscan.scan("--no-store")["opportunities"][0]["title"]
    wanted = dmscan.home / "titles.txt"
    wanted.write_text(f"{title}\n\n")
    from_file = dmscan.scan("--no-store", "--title", f"@{wanted}")
    assert {found["title"] for found in from_file["opportunities"]} == {title}
    done = dmscan("scan", "--no-store", "--title", "@-", given=f"{title}\n")
    assert {found["title"] for found in json.loads(done.stdout)["opportunities"]} == {title}

"""`dmscan history prune`, `backup` and `export` through the real process, on what real scans stored."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from processes import Dmscan, rows

WHAT = ("scans", "opportunities", "quotes", "sales", "episodes")


@pytest.fixture
def database(dmscan: Dmscan, tmp_path: Path) -> Path:
    """What two scans of one market left."""
    for _ in range(2):
        assert dmscan("scan", "-q", "-f", "none").returncode == 0
    return tmp_path / "data" / "dmscan" / "history.db"


def test_an_export_is_every_stored_row_as_a_line_or_as_csv(dmscan: Dmscan, database: Path) -> None:
    for what in WHAT:
        lines = dmscan("history", "export", "--what", what)
        assert (lines.returncode, lines.stderr) == (0, "")
        found = [json.loads(line) for line in lines.stdout.splitlines()]
        assert [(len(found),)] == rows(database, f"SELECT count(*) FROM {what}")
        told = dmscan("history", "export", "--what", what, "-f", "csv", text=False).stdout.decode()
        cells = list(csv.DictReader(io.StringIO(told, newline="")))
        assert [list(row) for row in found] == [list(row) for row in cells]
        assert told.count("\r\n") == told.count("\n")
    (first, *_) = rows(database, "SELECT title, begun_at, scans, net_profit_cents FROM episodes ORDER BY begun_at, id")
    assert [found[0][name] for name in ("title", "scans", "net_profit_cents")] == [first[0], 2, first[3]]
    assert found[0]["begun_at"].endswith("Z")


def test_a_cell_that_a_spreadsheet_would_run_is_text_and_nothing_is_hidden_in_a_title(dmscan: Dmscan, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE titles SET title = '=1+1' || char(8238) WHERE id = (SELECT min(title) FROM quotes)")
    told = dmscan("history", "export", "--what", "quotes", "-f", "csv").stdout
    assert ",'=1+1\\u202e," in told
    assert json.loads(dmscan("history", "export", "--what", "quotes").stdout.splitlines()[0])["title"] == "=1+1\\u202e"


def test_an_export_knows_its_span_and_its_file(dmscan: Dmscan, database: Path, tmp_path: Path) -> None:
    file = tmp_path / "scans.ndjson"
    assert dmscan("history", "export", "--what", "scans", "--since", "1h", "-o", str(file)).stdout == ""
    assert len(file.read_text().splitlines()) == 2
    assert dmscan("history", "export", "--what", "scans", "--until", "2026-01-01").stdout == ""
    assert dmscan("history", "export", "--what", "scans", "--sandbox").stdout == "", "another file"


def test_a_backup_is_a_private_whole_copy_that_replaces_nothing(dmscan: Dmscan, database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    done = dmscan("history", "backup", str(copy))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"dmscan: copied {database} to {copy}, {copy.stat().st_size:,} bytes.\n"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert rows(copy, "SELECT * FROM opportunities") == rows(database, "SELECT * FROM opportunities")
    again = dmscan("history", "backup", str(copy))
    assert (again.returncode, again.stderr) == (20, f"dmscan: {copy} exists, and a backup replaces nothing: choose another name.\n")


def test_prune_says_what_went(dmscan: Dmscan, database: Path) -> None:
    assert dmscan("history", "prune").stderr == f"dmscan: deleted nothing of {dmscan.environment['DMSCAN_API_URL']} from {database}.\n"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE scans SET started_at = started_at - 91 * 86400 WHERE id = 1")
    done = dmscan("history", "prune", "--keep", "90d", "--vacuum")
    assert done.returncode == 0
    assert " 1 scans of " in done.stderr
    assert rows(database, "SELECT id FROM scans") == [(2,)]
    assert dmscan("history", "prune", "-q").stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("prune", "--keep", "soon"), 2, "--keep: 'soon' is not a duration"),
        (("export", "--what", "quote"), 2, "--what: 'quote' is unknown, did you mean quotes?"),
        (("export", "-f", "xml"), 2, "--format: 'xml' is unknown"),
        (("export", "--since", "2026-11-02", "--until", "2026-11-01"), 2, "--since must be before --until"),
        (("backup", "copy.db"), 20, "There is no history at "),
        (("prune",), 0, "there is no history at "),
        (("export",), 0, ""),
    ],
)
def test_what_is_wrong_is_one_sentence_and_no_file_is_made(
    dmscan: Dmscan, tmp_path: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = dmscan("history", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == bool(sentence)
    assert not (tmp_path / "data").exists()
    assert not list(tmp_path.glob("*copy.db*"))


def test_a_file_locked_for_ever_ends_in_11_and_a_newer_one_in_21(dmscan: Dmscan, database: Path, tmp_path: Path) -> None:
    commands = (("prune",), ("backup", str(tmp_path / "copy.db")), ("export",))
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        for command in commands:
            done = dmscan("history", *command)
            assert (done.returncode, done.stderr.count("stayed locked by another program"), done.stderr.count("\n")) == (11, 1, 1)
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA user_version = 99")
    for command in commands:
        assert dmscan("history", *command).returncode == 21


def test_a_reader_that_leaves_ends_an_export(dmscan: Dmscan, database: Path) -> None:
    assert dmscan.shell("dmscan history export --what quotes | head -0").returncode in (0, 141)

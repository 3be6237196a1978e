"""Questions to a history: what they answer, that they find it by an index, and whom they wait for."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import pytest

from dmscan import __version__
from dmscan.clock import Clock
from dmscan.core.models import Entry, Game, SaleKind, Stamped
from dmscan.core.past import PastQuote, Span, Tally
from dmscan.core.rank import totals
from dmscan.errors import ExitCode, HistoryError, HistoryTooNew, Locked
from dmscan.history import reader, schema
from dmscan.history.queries import PARTS, POINTS, Past
from dmscan.history.reader import asking
from dmscan.history.store import ScanEnd, ScanStart, open_history

from make import DAY, NOW, TITLE, make_leg, make_offer, make_opportunity, make_relist, make_report, make_sale
from stored import SCHEMA_1, sha256

ALL = Span(0, 2**40)
BIG = ("quotes", "sales", "titles", "opportunities", "legs", "rejections", "scans", "episodes", "samples", "days", "spent")

Ask = Callable[[str], Past]


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A history in memory; source 1 is the sandbox."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        schema.prepare(opened, Path("history.db"))
        opened.execute("INSERT INTO sources VALUES (1, 'sandbox'), (2, 'elsewhere')")
        opened.execute("INSERT INTO titles (id, source_id, game, title, first_seen_at) VALUES (1, 1, 'cs2', ?, 0)", (TITLE,))
        yield opened


@pytest.fixture
def past(connection: sqlite3.Connection) -> Past:
    return Past(connection, "sandbox")


def quote(connection: sqlite3.Connection, at: int, ask: int | None = 2401, bid: int | None = 2632) -> None:
    connection.execute("INSERT INTO quotes VALUES (1, ?, ?, ?, 9, 8)", (at, ask, bid))


def scan(connection: sqlite3.Connection, scan_id: str, at: int, source: int = 1) -> None:
    connection.execute(
        "INSERT INTO scans (scan_id, source_id, status, started_at, request, dmscan_version) VALUES (?, ?, 'running', ?, '{}', '0')",
        (scan_id, source, at),
    )


def episode(connection: sqlite3.Connection, begun: int, seen: int, ended: int | None = None, how: str | None = None) -> None:
    connection.execute(
        "INSERT INTO episodes (source_id, game, title, phase, entry, exit, begun_at, seen_at, scans, ended_at, ended, cost_cents,"
        " net_profit_cents, best_net_profit_cents, request) VALUES (1, 'cs2', ?, '', 'offer', 'instant', ?, ?, ?, ?, ?, 1, 1, 1, '{}')",
        (f"{begun}", begun, seen, 1 + (seen > begun), ended, how),
    )


async def test_a_scan_in_the_list_says_what_its_report_says(tmp_path: Path) -> None:
    """Both finds live on one offer, so the net profit of the better exit counts alone."""
    shared = make_offer(offer_id="offer-2", price=2409)
    found = (make_opportunity(), make_relist(legs=(make_leg(ask=2409, sell=2800, fee=10, offer=shared, target=None),)))
    own = make_relist(entry=Entry.TARGET, legs=(make_leg(offer=None, target=None),))
    report = make_report(opportunities=(*found, own))
    async with open_history(tmp_path / "history.db", report.source, Clock()) as history:
        asked = '{"games": ["cs2"], "entries": ["offer"], "exits": ["relist"]}'
        start = ScanStart(report.scan_id, report.started_at, asked, __version__)
        await history.record(start, report, ScanEnd(ExitCode.PARTIAL, '{"titles": 7, "requests": {"v2/offers": 2, "last-sales": 3}}'))
    with asking(tmp_path / "history.db", report.source) as past:
        (line,) = past.scans(ALL, 9)
    assert (line.scan_id, line.status, line.started_at, line.finished_at) == (report.scan_id, "cut", NOW - 300, NOW)
    assert (line.games, line.entries, line.exits) == (("cs2",), ("offer",), ("relist",))
    assert (line.titles, line.found, line.calls, line.coverage, line.exit_code) == (7, 3, 5, Fraction(348, 7402), 3)
    assert line.net == totals(report.opportunities).net_profit != sum(found.net_profit for found in report.opportunities)


def test_scans_are_listed_newest_first_within_the_time_and_the_source(connection: sqlite3.Connection, past: Past) -> None:
    for number in range(5):
        scan(connection, f"scan-{number}", 100 * number)
    scan(connection, "other", 300, source=2)
    assert [line.scan_id for line in past.scans(ALL, 3)] == ["scan-4", "scan-3", "scan-2"]
    assert [line.scan_id for line in past.scans(Span(100, 300), 9)] == ["scan-2", "scan-1"]


def test_a_scan_is_found_by_the_beginning_of_its_id(connection: sqlite3.Connection, past: Past) -> None:
    for scan_id in ("ab1", "ab2", "b%_*"):
        scan(connection, scan_id, 1)
    scan(connection, "ab3", 1, source=2)
    assert past.scan_ids("ab", 9) == ["ab1", "ab2"]
    assert past.scan_ids("ab", 1) == ["ab1"]
    assert past.scan_ids("b%", 9) == ["b%_*"]
    assert past.scan_ids("%", 9) == past.scan_ids("ab3", 9) == []
    assert past.scan_ids("last", 9) == []
    connection.execute("UPDATE scans SET status = 'failed', finished_at = 5, exit_code = 10 WHERE scan_id = 'ab1'")
    assert past.scan_ids("last", 9) == ["ab1"]


def test_a_course_begins_with_the_quote_that_held_then(connection: sqlite3.Connection, past: Past) -> None:
    for at in (10, 20, 30, 40):
        quote(connection, at, ask=at)
    told = past.course(Game.CS2, TITLE, Span(25, 40))
    assert told
    assert told.quotes == (PastQuote(20, 20, 2632, 9, 8), PastQuote(30, 30, 2632, 9, 8))


@pytest.mark.parametrize("before", [True, False])
def test_of_many_quotes_the_last_of_each_part_is_kept(connection: sqlite3.Connection, past: Past, before: bool) -> None:
    for at in range(1 if before else 1001, 5_000):
        quote(connection, at, ask=at)
    told = past.course(Game.CS2, TITLE, Span(1000, 5_000))
    assert told
    assert POINTS / 2 < len(told.quotes) <= POINTS
    assert told.quotes[-1].at == 4_999
    assert [quote.ask for quote in told.quotes] == [quote.at for quote in told.quotes] == sorted(quote.at for quote in told.quotes)
    assert told.quotes[0].at == (1000 if before else 1007)


async def test_a_course_has_both_kinds_of_sales_and_the_finds(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    sold = [make_sale(at=NOW - at, price=at) for at in (50, 40, 30)]
    fill = make_sale(at=NOW - 45, price=9, kind=SaleKind.TARGET, float_value="0.2")
    report = make_report()
    async with open_history(path, report.source, Clock()) as history:
        history.memory.note_fills(Game.CS2, TITLE, Stamped((fill,), NOW))
        await history.memory.flush()
        await history.record(ScanStart("a", NOW - 60, "{}", __version__), report, ScanEnd(ExitCode.OK, "{}"))
    with closing(sqlite3.connect(path)) as connection, connection:
        for one in sold:
            connection.execute("INSERT INTO sales VALUES (1, 'Offer', ?, ?, '', '', 0, NULL)", (one.at, one.price))
    with asking(path, report.source) as past:
        told, early = past.course(Game.CS2, TITLE, ALL), past.course(Game.CS2, TITLE, Span(NOW - 46, NOW - 39))
        assert past.course(Game.RUST, TITLE, ALL) is None
        assert past.titles(Game.CS2) == [TITLE]
    assert told
    assert early
    assert told.sales == (sold[0], fill, sold[1], sold[2])
    assert early.sales == (fill, sold[1])
    assert {(one.at, one.scan_id, one.exit, one.net) for one in told.found} == {
        (NOW, "a", found.exit, found.net_profit) for found in report.opportunities
    }
    assert early.found == ()


def days(connection: sqlite3.Connection) -> None:
    for day, game, level, episodes in (
        (20_000, "cs2", "pro", 1),
        (20_000, "rust", "boost", 2),
        (20_004, "cs2", "", 4),
        (20_005, "cs2", "pro", 8),
    ):
        connection.execute(
            "INSERT INTO days VALUES (1, ?, ?, 'offer', 'relist', ?, ?, ?, ?)", (day, game, level, episodes, 100 * episodes, episodes)
        )
    connection.execute("INSERT INTO spent VALUES (1, 20000, 'last-sales', 5), (1, 20000, 'v2/offers', 2), (1, 20005, 'last-sales', 1)")
    for number, at in enumerate((20_000 * DAY, 20_001 * DAY - 1, 20_006 * DAY)):
        scan(connection, f"{number}", at)


def test_days_are_added_up_by_each_part(connection: sqlite3.Connection, past: Past) -> None:
    """Day 20,000 is 2024-10-04, a Friday."""
    days(connection)
    told = {by: past.stats(by, ALL).rows for by in PARTS}
    assert told["game"] == (Tally("cs2", 13, 1300, 13), Tally("rust", 2, 200, 2))
    assert told["level"] == (Tally("boost", 2, 200, 2), Tally("pro", 9, 900, 9), Tally("", 4, 400, 4))
    assert (told["exit"], told["entry"]) == ((Tally("relist", 15, 1500, 15),), (Tally("offer", 15, 1500, 15),))
    assert told["day"] == (
        Tally("2024-10-04", 3, 300, 3, scans=2, calls=7),
        Tally("2024-10-08", 4, 400, 4, scans=0, calls=0),
        Tally("2024-10-09", 8, 800, 8, scans=0, calls=1),
        Tally("2024-10-10", 0, 0, 0, scans=1, calls=0),
    )
    assert told["week"] == (Tally("2024-09-30", 3, 300, 3, scans=2, calls=7), Tally("2024-10-07", 12, 1200, 12, scans=1, calls=1))


def test_the_total_counts_what_cannot_be_told_apart(connection: sqlite3.Connection, past: Past) -> None:
    days(connection)
    told = past.stats("game", ALL)
    assert (told.total, told.requests) == (Tally("", 15, 1500, 15, scans=3, calls=8), {"last-sales": 6, "v2/offers": 2})


def test_a_day_that_is_partly_asked_for_counts_wholly(connection: sqlite3.Connection, past: Past) -> None:
    days(connection)
    told = past.stats("day", Span(20_000 * DAY + 5, 20_004 * DAY + 1))
    assert [row.name for row in told.rows] == ["2024-10-04", "2024-10-08"]
    assert past.stats("day", Span(20_001 * DAY, 20_004 * DAY)).rows == ()


def test_an_end_lies_half_way_and_the_rest_lasted_as_long_as_seen(connection: sqlite3.Connection, past: Past) -> None:
    monday = 19_996 * DAY
    for number in range(30):
        episode(connection, monday + number, monday + number + 600, monday + number + 1200, "gone")
    episode(connection, monday + 40, monday + 40, monday + 40 + 2 * DAY, "censored")
    episode(connection, monday + 7200, monday + 9000)
    whole, *rest = past.lifetimes(ALL).rows
    assert (whole.episodes, whole.gone, whole.quartiles, whole.looked, whole.gone_next) == (32, 30, (900, 900, 900), 31, 0)
    assert past.lifetimes(ALL).blur_s == 600
    assert [(row.by, row.value, row.episodes) for row in rest] == [
        ("exit", "instant", 32),
        ("game", "cs2", 32),
        ("weekday", "Monday", 32),
        ("hour", "00", 31),
        ("hour", "02", 1),
    ]
    assert past.lifetimes(Span(monday + 7200, monday + 9000)).rows[0].episodes == 1


def test_no_question_reads_a_large_table_from_end_to_end(connection: sqlite3.Connection, past: Past) -> None:
    """What the questions really ask, explained by SQLite itself."""
    scan(connection, "a", 1)
    quote(connection, 1)
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    past.scans(ALL, 20)
    past.scan_ids("a", 9)
    past.scan_ids("last", 9)
    past.report("a")
    past.titles(Game.CS2)
    past.course(Game.CS2, TITLE, Span(5, 9))
    for by in PARTS:
        past.stats(by, ALL)
    past.lifetimes(ALL)
    connection.execute(
        "UPDATE scans SET status = 'failed', finished_at = 5, exit_code = 10, stats = '{}', coverage = '0', signed = 1,"
        " fee_sources = '{}', troubles = '[]'"
    )
    past.report("a")
    connection.set_trace_callback(None)
    questions = [sql for sql in asked if sql.lstrip().startswith("SELECT")]
    assert len(questions) > 20
    for sql in questions:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
        assert not [step for step in plan if re.match(rf"SCAN ({'|'.join(BIG)})\b", step)], (sql, plan)


async def test_asking_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history 1?.db"
    async with open_history(path, "sandbox", Clock()):
        pass
    before = (sha256(path), path.stat().st_mtime_ns, files(tmp_path))
    with asking(path, "sandbox") as past:
        assert past.scans(ALL, 9) == ()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            past._connection.execute("DELETE FROM scans")
    assert (sha256(path), path.stat().st_mtime_ns, files(tmp_path)) == before


def test_a_file_that_is_not_there_holds_nothing_and_is_not_made(tmp_path: Path) -> None:
    with asking(tmp_path / "no" / "history.db", "sandbox") as past:
        assert (past.scans(ALL, 9), past.course(Game.CS2, TITLE, ALL), past.lifetimes(ALL).rows) == ((), None, ())
        assert past.stats("day", ALL).total == Tally("", 0, 0, 0, 0, 0)
    assert list(tmp_path.iterdir()) == []


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def made(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


async def test_files_that_are_none_of_ours_or_of_another_time_are_refused(tmp_path: Path) -> None:
    ours, other, text = tmp_path / "history.db", tmp_path / "other.db", tmp_path / "text.db"
    async with open_history(ours, "sandbox", Clock()):
        pass
    made(ours, f"PRAGMA user_version = {len(schema.STEPS) + 1}")
    made(other, "CREATE TABLE bookmarks (url)")
    text.write_text("no database at all" * 100)
    for path, error, words in (
        (ours, HistoryTooNew, "written by a newer dmscan"),
        (other, HistoryError, "database of another program"),
        (text, HistoryError, "is not a database"),
        (tmp_path, HistoryError, "is not a file"),
        (SCHEMA_1, HistoryError, "the next scan brings it up to date"),
    ):
        before = path.is_file() and sha256(path)
        with pytest.raises(error, match=words), asking(path, "sandbox"):
            pass
        assert (path.is_file() and sha256(path)) == before


async def test_a_file_locked_for_ever_is_waited_for_and_then_told(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with open_history(path, "sandbox", Clock()):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Locked, match=r"stayed locked by another program for 0\.5 s"), asking(path, "sandbox", 0.5):
            pass
        holder.execute("ROLLBACK")
    with asking(path, "sandbox") as past:
        assert past.scans(ALL, 9) == ()


@pytest.mark.parametrize("before", [0, 1])
async def test_a_file_that_is_locked_between_two_looks_at_it_is_looked_at_again(tmp_path: Path, before: int) -> None:
    """Its version is one look, the moment that is then held another."""
    path = tmp_path / "history.db"
    async with open_history(path, "sandbox", Clock()):
        pass
    steps = [*[("BEGIN", "SELECT 1")] * before, ("BEGIN", "BEGIN EXCLUSIVE"), ("ROLLBACK", "ROLLBACK")]
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as holder,
        closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as asker,
    ):
        asker.set_trace_callback(lambda statement: steps and statement == steps[0][0] and holder.execute(steps.pop(0)[1]))
        reader._begin(asker, path, 2)
        assert (steps, asker.in_transaction) == ([], True)


async def test_what_a_dead_scan_left_half_written_is_undone(tmp_path: Path) -> None:
    """A file and its hot journal, as a power cut leaves them."""
    path, left = tmp_path / "history.db", tmp_path / "left.db"
    async with open_history(path, "sandbox", Clock()):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO sources (url) SELECT 'x' || value FROM (WITH RECURSIVE n(value) AS"
            " (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 5000) SELECT value FROM n)"
        )
        left.write_bytes(path.read_bytes())
        left.with_name("left.db-journal").write_bytes(path.with_name("history.db-journal").read_bytes())
        connection.execute("ROLLBACK")
    assert sha256(left) != sha256(path)
    with asking(left, "sandbox") as past:
        assert past.scans(ALL, 9) == ()
        assert past._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert past._connection.execute("SELECT count(*) FROM sources").fetchone()[0] <= 1

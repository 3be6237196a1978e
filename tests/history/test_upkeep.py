"""What is old goes and nothing else, a copy is whole, and exported rows are all there, however they are paged."""

# ruff: noqa: ASYNC240  (a test may touch a file while its loop has nothing else to do)

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import pytest
from msgspec.structs import replace

from dmscan.clock import Clock
from dmscan.core.memory import SalesOutlook
from dmscan.core.models import Entry, Exit, FeeSource, FeeTable, Game, Reason, SaleKind, Stamped
from dmscan.core.past import Span
from dmscan.core.report import Refusal, ScanReport
from dmscan.errors import ExitCode, HistoryError, HistoryTooNew, Locked
from dmscan.history import exports, prune, schema
from dmscan.history.backup import backup
from dmscan.history.exports import EXPORTS, names, pages
from dmscan.history.store import History, ScanEnd, ScanStart, open_history

from make import DAY, NOW, TITLE, make_opportunity, make_quote, make_relist, make_report, make_sale
from stored import SCHEMA_3, contents, count, rows

SOURCE, OTHER = "https://api.dmarket.com", "http://127.0.0.1:8080"
EVER = Span(0, 2**40)
INSTANT = (Entry.OFFER, Exit.INSTANT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
async def history(path: Path) -> AsyncIterator[History]:
    async with open_history(path, SOURCE, Clock(), patience_s=0.5) as history:
        yield history


def report(number: int, at: int, **changes: object) -> ScanReport:
    drawn = Refusal(make_quote(title="Refused"), at, {INSTANT: Reason.NO_BID})
    return make_report(**{"scan_id": f"scan-{number}", "started_at": at, "finished_at": at, "sample": (drawn,)} | changes)


async def scanned(history: History, number: int, at: int, **changes: object) -> None:
    told = report(number, at, **changes)
    found = tuple(replace(opportunity, as_of=at) for opportunity in told.opportunities)
    start = ScanStart(told.scan_id, at, "{}", "0.1.0")
    await history.record(start, replace(told, opportunities=found), ScanEnd(ExitCode.OK, "{}"))


async def fill(path: Path, source: str = SOURCE, days: int = 10) -> None:
    """A scan, a quote, a sale and a fee table a day; the last day is NOW."""
    async with open_history(path, source, Clock()) as history:
        for number in range(days):
            at = NOW - (days - 1 - number) * DAY
            history.memory.note_quotes([make_quote(ask=1000 + number, at=at), make_quote(title="Still", at=at)])
            sale = Stamped((make_sale(at=at), make_sale(at=at - 60)), at)
            history.memory.note_sales(Game.CS2, TITLE, sale, SalesOutlook(at, 1, 2570, Fraction(1)))
            history.memory.note_fills(Game.CS2, TITLE, Stamped((make_sale(at=at, kind=SaleKind.TARGET),), at))
            history.memory.note_fees(Game.CS2, Stamped(FeeTable(Fraction(number, 100), 0, FeeSource.DEFAULT), at))
            await history.memory.flush()
            await scanned(history, number, at, scan_id=f"{source}/{number}")


# Writing


async def test_a_quote_is_a_row_exactly_when_ask_bid_or_a_count_changed(history: History, path: Path) -> None:
    changes = [{}, {"ask": 1}, {}, {"ask": None}, {"bid": 5}, {"bid": None}, {}, {"ask_count": 1}, {"bid_count": 2}, {}]
    quote, expected = make_quote(at=NOW), 0
    for number, change in enumerate(changes):
        quote = replace(quote, at=NOW + number, **change)
        history.memory.note_quotes([quote])
        await history.memory.flush()
        expected += bool(change) or number == 0
        assert count(path, "quotes") == expected, change
    last = rows(path, "SELECT * FROM quotes ORDER BY at DESC LIMIT 1")[0]
    assert list(last.values()) == [1, NOW + 8, quote.ask, quote.bid, quote.ask_count, quote.bid_count]


async def test_of_two_quotes_of_one_second_the_later_counts_and_an_older_one_is_no_row(history: History, path: Path) -> None:
    history.memory.note_quotes([make_quote(at=NOW, ask=1), make_quote(at=NOW, ask=2), make_quote(at=NOW - 1, ask=3)])
    await history.memory.flush()
    assert rows(path, "SELECT at, ask_cents FROM quotes") == [{"at": NOW, "ask_cents": 2}]


async def test_the_first_quote_of_a_title_known_by_its_sales_is_a_row(history: History, path: Path) -> None:
    history.memory.note_sales(Game.CS2, TITLE, Stamped((), NOW), SalesOutlook(NOW, 0, None, Fraction(0)))
    history.memory.note_quotes([make_quote(ask=None, bid=None, ask_count=0, bid_count=0, at=NOW)])
    await history.memory.flush()
    assert count(path, "quotes") == 1


async def test_episodes_days_and_requests_are_stored_with_the_scan_and_once(history: History, path: Path) -> None:
    await scanned(history, 1, NOW)
    await scanned(history, 1, NOW)
    await scanned(history, 2, NOW + 60, opportunities=(make_relist(),), refused={(Game.CS2, TITLE, INSTANT): NOW + 50})
    told = rows(path, "SELECT exit, begun_at, seen_at, scans, ended_at, ended FROM episodes ORDER BY exit")
    assert [list(row.values()) for row in told] == [
        ["instant", NOW, NOW, 1, NOW + 50, "gone"],
        ["relist", NOW, NOW + 60, 2, None, None],
    ]
    days = rows(path, "SELECT day, exit, level, episodes, cost_cents, net_profit_cents FROM days ORDER BY exit")
    assert [list(row.values()) for row in days] == [
        [NOW // DAY, "instant", "medium", 1, make_opportunity().cost, make_opportunity().net_profit],
        [NOW // DAY, "relist", "medium", 1, make_relist().cost, make_relist().net_profit],
    ]
    assert {row["endpoint"]: row["requests"] for row in rows(path, "SELECT * FROM spent")}["last-sales"] == 2 * 214
    assert [row["reason"] for row in rows(path, "SELECT * FROM samples")] == ["no_bid", "no_bid"]


async def test_another_source_has_episodes_of_its_own(history: History, path: Path) -> None:
    await scanned(history, 1, NOW)
    async with open_history(path, OTHER, Clock()) as other:
        await scanned(other, 2, NOW + 60, opportunities=(), refused={(Game.CS2, TITLE, INSTANT): NOW + 60})
    assert rows(path, "SELECT count(*) AS n FROM episodes WHERE ended IS NOT NULL") == [{"n": 0}]


# Prune


async def test_what_is_older_goes_and_what_still_counts_stays(path: Path) -> None:
    for source in (SOURCE, OTHER):
        await fill(path, source)
    before = contents(path)
    gone = await prune.prune(path, SOURCE, NOW - 3 * DAY)
    after = contents(path)
    assert {name: number for name, number in gone.items() if number} == {
        "scans": 6, "opportunities": 12, "samples": 6, "fee tables": 5, "quotes": 6, "sales": 19,
    }  # fmt: skip
    theirs = 2
    for table in before:
        if "source_id" in (before[table] or [{}])[0]:
            kept, there = ([row for row in tables[table] if row["source_id"] == theirs] for tables in (after, before))
            assert kept == there
    assert [row["started_at"] for row in after["scans"] if row["source_id"] == 1] == [NOW - day * DAY for day in (3, 2, 1, 0)]
    course = rows(path, "SELECT at FROM quotes JOIN titles ON id = quotes.title WHERE source_id = 1 AND titles.title = 'Still'")
    assert course == [{"at": NOW - 9 * DAY}], "the last quote of a title stays"
    assert (after["episodes"], after["days"], after["spent"]) == (before["episodes"], before["days"], before["spent"])
    for check in ("integrity_check", "foreign_key_check"):
        assert [list(row.values()) for row in rows(path, f"PRAGMA {check}")] in ([["ok"]], [])


async def test_nothing_kept_keeps_last_quotes_answers_fees_and_open_episodes(path: Path) -> None:
    await fill(path)
    async with open_history(path, SOURCE, Clock()) as history:
        await scanned(history, 99, NOW + 60, opportunities=(make_relist(),), refused={(Game.CS2, TITLE, INSTANT): NOW + 50})
        sold = await history.memory.sales(Game.CS2, TITLE, 0)
        await prune.prune(path, SOURCE, NOW + DAY)
        assert await history.memory.sales(Game.CS2, TITLE, 0) == sold
        assert await history.memory.fees(Game.CS2, 0) == Stamped(FeeTable(Fraction(9, 100), 0, FeeSource.DEFAULT), NOW)
        assert [known.quote.ask for known in await history.memory.known(Game.CS2)] == [1009, 2401]
    assert (count(path, "scans"), count(path, "legs"), count(path, "rejections"), count(path, "samples")) == (0, 0, 0, 0)
    assert rows(path, "SELECT exit FROM episodes") == [{"exit": "relist"}]
    assert (count(path, "quotes"), count(path, "fee_tables")) == (2, 1)
    assert sum((await prune.prune(path, SOURCE, NOW + DAY)).values()) == 0


async def test_much_goes_in_small_transactions(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(path)
    monkeypatch.setattr(prune, "BATCH", 2)
    monkeypatch.setattr(prune, "TITLES_AT_ONCE", 1)
    assert (await prune.prune(path, SOURCE, NOW - DAY))["quotes"] == 8
    assert [row["at"] for row in rows(path, "SELECT at FROM quotes WHERE title = 1")] == [NOW - DAY, NOW]


async def test_vacuum_gives_the_room_back(path: Path) -> None:
    async with open_history(path, SOURCE, Clock()) as history:
        for number in range(20):
            await scanned(history, number, NOW, opportunities=tuple(make_opportunity(title=f"{n}") for n in range(100)))
    size = path.stat().st_size
    await prune.prune(path, SOURCE, NOW + DAY)
    assert path.stat().st_size == size
    await prune.prune(path, SOURCE, NOW + DAY, vacuum=True)
    assert path.stat().st_size < size / 3


async def test_what_cannot_be_pruned_is_left_as_it_is(path: Path, tmp_path: Path) -> None:
    await fill(path, days=2)
    before = contents(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Locked, match="close that program or prune later"):
            await prune.prune(path, SOURCE, NOW + DAY)
        other.execute("ROLLBACK")
        other.execute(f"PRAGMA user_version = {len(schema.STEPS) + 1}")
    with pytest.raises(HistoryTooNew):
        await prune.prune(path, SOURCE, NOW + DAY)
    assert contents(path) == before
    (tmp_path / "text.db").write_text("no database at all" * 100)
    with pytest.raises(HistoryError, match="is not a database") as caught:
        await prune.prune(tmp_path / "text.db", SOURCE, NOW + DAY)
    assert not isinstance(caught.value, Locked)


async def test_a_scan_beside_it_stores_what_it_finds(path: Path) -> None:
    await fill(path, days=60)
    async with open_history(path, SOURCE, Clock()) as history, asyncio.TaskGroup() as group:
        group.create_task(prune.prune(path, SOURCE, NOW - DAY))
        for number in range(10):
            group.create_task(scanned(history, 1000 + number, NOW + number))
    assert count(path, "scans") == 2 + 10


# Backup


async def test_a_copy_made_while_a_scan_stores_is_whole_and_private(path: Path, tmp_path: Path) -> None:
    await fill(path)
    copy = tmp_path / "copy.db"
    async with open_history(path, SOURCE, Clock()) as history:
        storing = asyncio.create_task(scanned(history, 99, NOW))
        size = await asyncio.to_thread(backup, path, copy)
        await storing
    assert copy.stat().st_size == size
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert rows(copy, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert count(copy, "scans") in (10, 11)
    assert sorted(file.name for file in tmp_path.iterdir() if not file.name.endswith("-journal")) == ["copy.db", "history.db"]


def test_a_database_of_an_earlier_schema_is_copied_as_it_is(tmp_path: Path) -> None:
    path = Path(shutil.copy(SCHEMA_3, tmp_path / "old.db"))
    backup(path, tmp_path / "copy.db")
    assert contents(tmp_path / "copy.db") == contents(SCHEMA_3)
    assert rows(tmp_path / "copy.db", "PRAGMA user_version") == [{"user_version": 3}]


async def test_a_copy_replaces_nothing_and_a_failure_leaves_nothing(path: Path, tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="no history at"):
        backup(path, tmp_path / "copy.db")
    await fill(path, days=1)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(HistoryError, match=r"mine\.txt exists"):
        backup(path, tmp_path / "mine.txt")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    with pytest.raises(HistoryError, match="cannot be made: No such file or directory"):
        backup(path, tmp_path / "missing" / "copy.db")
    with pytest.raises(HistoryError, match="File name too long"):
        backup(path, tmp_path / "copy.db".ljust(255, "x"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(schema.STEPS) + 1}")
    with pytest.raises(HistoryTooNew):
        backup(path, tmp_path / "copy.db")
    assert not [file for file in tmp_path.iterdir() if "copy.db" in file.name]


# Export


async def test_every_row_of_a_source_comes_once_and_in_order_however_small_the_pages(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in (SOURCE, OTHER):
        await fill(path, source)
    whole = {what: list(pages(path, SOURCE, what, EVER)) for what in EXPORTS}
    assert {what: [len(page) for page in found] for what, found in whole.items()} == {
        "scans": [10], "opportunities": [20], "quotes": [11], "sales": [30], "episodes": [2],
    }  # fmt: skip
    monkeypatch.setattr(exports, "PAGE", 3)
    for what, (page,) in whole.items():
        small = list(pages(path, SOURCE, what, EVER))
        assert all(len(part) <= 3 for part in small)
        assert [row for part in small for row in part] == page
        assert {len(row) for row in page} == {len(names(what))}


async def test_only_the_span_asked_for_comes(path: Path) -> None:
    await fill(path)
    span = Span(NOW - 2 * DAY, NOW)
    found = {what: sum(map(len, pages(path, SOURCE, what, span))) for what in EXPORTS}
    assert found == {"scans": 2, "opportunities": 4, "quotes": 2, "sales": 6, "episodes": 0}


def test_of_no_file_nothing_comes_and_none_is_made(path: Path) -> None:
    assert [list(pages(path, SOURCE, what, EVER)) for what in EXPORTS] == [[]] * 5
    assert not path.exists()


async def test_no_query_reads_a_whole_table_or_sorts_one(path: Path) -> None:
    await fill(path, days=1)
    big = {"scans", "opportunities", "legs", "quotes", "sales", "episodes", "titles", "samples", "fee_rows"}
    statements = [(sql, {"source": 1, "before": 1, "most": 1}) for sql, _ in prune._OF_SCANS.values()]
    statements += [(sql, {"title": 1, "before": 1, "room": 1}) for _, sql in prune._OF_TITLES]
    with closing(sqlite3.connect(path)) as connection:
        plans = {sql: connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall() for sql, values in statements}
        for export in EXPORTS.values():
            blanks = ("", *[0] * (len(export.order) + 3))
            plans[export.sql] = connection.execute(f"EXPLAIN QUERY PLAN {export.sql}", blanks).fetchall()
        plans[prune._TITLES] = connection.execute(f"EXPLAIN QUERY PLAN {prune._TITLES}", (1, 1, 1)).fetchall()
    for sql, plan in plans.items():
        steps = [step[3] for step in plan]
        assert [step for step in steps if step.startswith("SCAN") and step.split()[1] in big] == [], (sql, steps)
        assert [step for step in steps if step == "USE TEMP B-TREE FOR ORDER BY"] == [], (sql, steps)

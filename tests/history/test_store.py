"""What was recorded comes back, whole or not at all, and whatever is wrong with the file is said in one sentence."""

# ruff: noqa: ASYNC240  (a test may touch a file while its loop has nothing else to do)

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from fractions import Fraction
from pathlib import Path

import pytest

from dmscan.clock import Clock
from dmscan.core.models import Confidence, Entry, Game, Opportunity
from dmscan.core.report import Trouble
from dmscan.errors import ExitCode, HistoryError
from dmscan.history.store import History, ScanEnd, ScanStart, open_history

from disks import read_only
from make import NOW, make_leg, make_offer, make_opportunity, make_quote, make_relist, make_report, make_target
from stored import count, opportunities, rejected, rows

SOURCE = "https://api.dmarket.com"
END = ScanEnd(ExitCode.OK, '{"titles":25112}')
EVERY_KIND = (
    make_opportunity(warnings=("locked", "thin_book"), sales=None, max_buy=None, bail_out=None),
    make_relist(hold_days=Fraction(13, 7), pace=Fraction(7, 13), fee_fraction=Fraction(123456789, 10**9)),
    make_relist(
        entry=Entry.TARGET,
        legs=(make_leg(offer=None, target=None),),
        days_to_fill=Fraction(1, 3),
        game=Game.DOTA2,
        quote=make_quote(game=Game.DOTA2, ask=None),
    ),
    make_opportunity(
        title="★ M9 Bayonet | Doppler™",
        quote=make_quote(title="★ M9 Bayonet | Doppler™", bid=None),
        phase="Phase 2",
        confidence=Confidence.QUOTE,
        legs=(
            make_leg(
                offer=make_offer(
                    resellable=False, phase="Phase 2", float_part=None, float_value=None, unlock_at=NOW, reversible_until=NOW + 9
                ),
                target=make_target(float_part="FN-0", phase="Phase 2", paint_seed="1"),
                lock_days=None,
            ),
        ),
    ),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
async def history(path: Path) -> AsyncIterator[History]:
    async with opened(path) as history:
        yield history


@asynccontextmanager
async def opened(path: Path, source: str = SOURCE) -> AsyncIterator[History]:
    async with open_history(path, source, Clock(), patience_s=0.5) as history:
        yield history


@contextmanager
def held(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, locked by another connection."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield connection


def start(scan_id: str = "scan-1") -> ScanStart:
    return ScanStart(scan_id, NOW - 300, '{"games":["cs2"]}', "0.1.0")


async def record(history: History, scan_id: str = "scan-1", found: tuple[Opportunity, ...] = EVERY_KIND) -> None:
    await history.record(start(scan_id), make_report(scan_id=scan_id, opportunities=found), END)


# What is kept


async def test_every_kind_of_opportunity_comes_back_equal_and_in_order(history: History, path: Path) -> None:
    await record(history)
    assert opportunities(path, "scan-1") == EVERY_KIND


async def test_sums_are_stored_as_the_record_gives_them(history: History, path: Path) -> None:
    await record(history)
    sums = "units, cost_cents, sell_cents, fee_cents, net_profit_cents, profit_per_day_cents"
    stored = [tuple(row.values()) for row in rows(path, f"SELECT {sums} FROM opportunities ORDER BY id")]
    assert stored == [(o.units, o.cost, o.sell, o.fee, o.net_profit, o.profit_per_day) for o in EVERY_KIND]


async def test_rejections_come_back_by_pair_and_reason(history: History, path: Path) -> None:
    await record(history)
    assert rejected(path, "scan-1") == make_report().rejected


async def test_the_scan_keeps_its_request_numbers_and_troubles(history: History, path: Path) -> None:
    trouble = Trouble(ExitCode.RATE_LIMITED, "Too many requests.", Game.CS2, "v2/offers", 2)
    await history.begin(start())
    await history.record(start(), make_report(scan_id="scan-1", troubles=(trouble,)), ScanEnd(ExitCode.PARTIAL, "{}"))
    assert rows(path, "SELECT * FROM scans") == [
        {
            "id": 1,
            "scan_id": "scan-1",
            "source_id": 1,
            "status": "cut",
            "started_at": NOW - 300,
            "finished_at": NOW,
            "complete": 0,
            "coverage": "174/3701",
            "signed": 1,
            "exit_code": 3,
            "request": '{"games":["cs2"]}',
            "stats": "{}",
            "fee_sources": '{"cs2":"default"}',
            "troubles": '[{"code":14,"message":"Too many requests.","game":"cs2","endpoint":"v2/offers","count":2}]',
            "dmscan_version": "0.1.0",
        }
    ]


async def test_a_scan_that_died_stays_known_as_running(history: History, path: Path) -> None:
    await history.begin(start())
    assert rows(path, "SELECT scan_id, status, finished_at FROM scans") == [{"scan_id": "scan-1", "status": "running", "finished_at": None}]


@pytest.mark.parametrize(
    ("complete", "code", "status"),
    [
        (True, ExitCode.OK, "finished"),
        (True, ExitCode.NOTHING_FOUND, "finished"),
        (False, ExitCode.OK, "cut"),
        (False, ExitCode.INTERRUPTED, "cut"),
        (False, ExitCode.NO_DATA, "failed"),
        (True, ExitCode.API_CHANGED, "failed"),
    ],
)
async def test_the_status_says_how_it_ended(history: History, path: Path, complete: bool, code: ExitCode, status: str) -> None:
    await history.record(start(), make_report(scan_id="scan-1", complete=complete), ScanEnd(code, "{}"))
    assert rows(path, "SELECT status FROM scans") == [{"status": status}]


async def test_a_second_record_of_a_scan_replaces_the_first(history: History, path: Path) -> None:
    await record(history)
    await record(history, found=EVERY_KIND[:1])
    assert opportunities(path, "scan-1") == EVERY_KIND[:1]
    assert (count(path, "scans"), count(path, "legs")) == (1, EVERY_KIND[0].units)


async def test_every_row_belongs_to_the_source_it_came_from(path: Path) -> None:
    for source in ("https://api.dmarket.com", "http://127.0.0.1:8080"):
        async with opened(path, source) as history:
            await record(history, scan_id=source)
            await history.memory.note_fee_attempt(Game.CS2, 20_781, answered=True)
    for table in ("scans", "opportunities", "legs", "rejections", "fee_attempts"):
        per_source = rows(path, f"SELECT url, count(*) AS n FROM {table} JOIN sources ON sources.id = source_id GROUP BY url")
        assert len(per_source) == 2, table
        assert per_source[0]["n"] == per_source[1]["n"] > 0, table


async def test_fees_are_asked_for_once_a_day_game_and_source(history: History, path: Path) -> None:
    await history.memory.note_fee_attempt(Game.CS2, 20_781, answered=False)
    assert await history.memory.fee_attempted(Game.CS2, 20_781)
    assert not await history.memory.fee_attempted(Game.CS2, 20_782)
    assert not await history.memory.fee_attempted(Game.RUST, 20_781)
    async with opened(path, "http://127.0.0.1:8080") as other:
        assert not await other.memory.fee_attempted(Game.CS2, 20_781)


async def test_an_answered_fee_attempt_stays_answered(history: History, path: Path) -> None:
    for answered in (False, True, False):
        await history.memory.note_fee_attempt(Game.CS2, 20_781, answered=answered)
    assert rows(path, "SELECT answered FROM fee_attempts") == [{"answered": 1}]


async def test_a_profit_that_is_not_the_difference_is_refused(history: History, path: Path) -> None:
    await record(history)
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="net_profit_cents"):
        connection.execute("UPDATE opportunities SET net_profit_cents = net_profit_cents + 1")


async def test_database_times_are_those_of_the_running_scan(path: Path) -> None:
    ticks = iter(range(1000))
    async with open_history(path, SOURCE, Clock(monotonic=lambda: float(next(ticks)))) as history:
        assert history.db_ms is None
        await history.begin(start())
        assert history.db_ms == (1000, 1000)
        await history.begin(start("scan-2"))
        await record(history, "scan-2")
        assert history.db_ms == (1000, 1000)


# What goes wrong


@pytest.mark.parametrize(
    "broken",
    [
        make_opportunity(title="half a pair \ud83d"),
        make_opportunity(as_of=2**63),
        make_opportunity(title=""),
        make_opportunity(legs=(make_leg(ask=0),)),
    ],
)
async def test_a_value_that_cannot_be_stored_leaves_nothing_of_its_scan(history: History, path: Path, broken: Opportunity) -> None:
    await history.begin(start())
    with pytest.raises(HistoryError, match=r"history\.db could not be used"):
        await record(history, found=(*EVERY_KIND, broken))
    assert (count(path, "opportunities"), count(path, "legs"), count(path, "rejections")) == (0, 0, 0)
    assert rows(path, "SELECT status FROM scans") == [{"status": "running"}]
    await record(history)
    assert opportunities(path, "scan-1") == EVERY_KIND


async def test_a_lock_held_for_ever_ends_in_a_sentence(history: History, path: Path) -> None:
    with held(path), pytest.raises(HistoryError, match=r"history\.db stayed locked by another program"):
        await record(history)
    await record(history)
    assert opportunities(path, "scan-1") == EVERY_KIND


async def test_who_stops_waits_for_a_lock_no_longer_also_if_he_waits_already(path: Path) -> None:
    """Otherwise the test would be over only after its own limit of time."""
    async with open_history(path, "sandbox", Clock(), patience_s=10_000) as history:
        with held(path):
            waiting = asyncio.create_task(record(history))
            await asyncio.sleep(0)
            history.hurry()
            with pytest.raises(HistoryError, match=r"history\.db stayed locked by another program"):
                await waiting


async def test_opening_a_locked_database_ends_in_a_sentence_and_no_thread(history: History, path: Path) -> None:
    threads = threading.active_count()
    with held(path), pytest.raises(HistoryError, match=r"history\.db stayed locked by another program"):
        async with opened(path):
            pytest.fail("opened")
    assert threading.active_count() == threads


async def test_a_lock_that_is_given_up_is_waited_for(path: Path) -> None:
    async with open_history(path, SOURCE, Clock(), patience_s=60) as history:
        with held(path) as other:
            recording = asyncio.create_task(record(history))
            await asyncio.sleep(0.4)
            assert not recording.done()
            other.execute("ROLLBACK")
        await recording
    assert opportunities(path, "scan-1") == EVERY_KIND


async def test_a_reader_in_the_middle_of_its_work_only_delays_a_record(path: Path) -> None:
    async with open_history(path, SOURCE, Clock(), patience_s=60) as history:
        await history.begin(start())
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM scans").fetchall()
            recording = asyncio.create_task(record(history))
            await asyncio.sleep(0.4)
            assert not recording.done()
            reader.execute("ROLLBACK")
        await recording
    assert opportunities(path, "scan-1") == EVERY_KIND


async def test_who_is_cancelled_while_waiting_for_a_lock_stops_and_leaves_no_transaction_open(path: Path) -> None:
    async with open_history(path, SOURCE, Clock(), patience_s=3600) as history:
        with held(path):
            recording = asyncio.create_task(record(history))
            await asyncio.sleep(0.1)
            recording.cancel()
            with pytest.raises(asyncio.CancelledError):
                await recording
        await history.memory.fee_attempted(Game.CS2, 20_781)  # comes after whatever the thread still had to do
        with held(path):
            pass
    assert opportunities(path, "scan-1") in ((), EVERY_KIND)


async def test_a_record_cancelled_at_any_moment_is_stored_wholly_or_not_at_all(history: History, path: Path) -> None:
    many = tuple(make_opportunity(title=f"Title {number}") for number in range(200))
    for turn in range(12):
        recording = asyncio.create_task(record(history, f"scan-{turn}", many))
        await asyncio.sleep(turn / 1000)
        recording.cancel()
        await asyncio.wait({recording})
    await history.begin(start("afterwards"))
    per_scan = rows(path, "SELECT scan_id, status, (SELECT count(*) FROM opportunities WHERE scan = scans.id) AS n FROM scans")
    assert {(row["status"], row["n"]) for row in per_scan if row["scan_id"] != "afterwards"} <= {("cut", 200)}
    assert per_scan[-1]["scan_id"] == "afterwards"


async def test_a_database_deleted_while_running_is_noticed(history: History, path: Path) -> None:
    await history.begin(start())
    path.unlink()
    with pytest.raises(HistoryError, match="deleted or replaced while dmscan was running"):
        await record(history)
    assert not path.exists()


async def test_a_database_replaced_while_running_is_noticed_and_the_new_one_left_alone(history: History, path: Path) -> None:
    await history.begin(start())
    path.rename(path.with_name("moved.db"))
    path.write_bytes(b"")
    with pytest.raises(HistoryError, match="deleted or replaced while dmscan was running"):
        await record(history)
    assert path.read_bytes() == b""
    assert count(path.with_name("moved.db"), "opportunities") == 0


def make_dir(path: Path) -> None:
    path.mkdir()


def make_text(path: Path) -> None:
    path.write_text("Dear diary, this is much longer than the header of a database has to be, and it is no database at all.\n" * 20)


def make_loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [(make_dir, "is a folder"), (os.mkfifo, "is not a regular file"), (make_text, "is not a database"), (make_loop, "could not be used")],
)
async def test_what_is_no_database_is_refused_by_name(path: Path, make: object, sentence: str) -> None:
    assert callable(make)
    make(path)
    threads = threading.active_count()
    with pytest.raises(HistoryError, match=rf"history\.db {sentence}"):
        async with opened(path):
            pytest.fail("opened")
    assert threading.active_count() == threads


async def test_a_path_below_a_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HistoryError, match=r"history\.db could not be used \(File exists|Not a directory"):
        async with opened(tmp_path / "file" / "history.db"):
            pytest.fail("opened")


async def test_a_file_that_may_not_be_written_is_refused_by_name(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch(0o400)
    with read_only(path.parent), pytest.raises(HistoryError, match=r"Your file .*history\.db may not be read and written"):
        async with opened(path):
            pytest.fail("opened")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
async def test_a_folder_that_may_not_be_written_is_refused_by_name(path: Path) -> None:
    async with opened(path):
        pass
    path.with_name("history.db-journal").unlink(missing_ok=True)
    path.parent.chmod(0o500)
    with pytest.raises(HistoryError, match=r"history\.db or its folder may not be written"):
        async with opened(path) as history:
            await record(history)
    path.parent.chmod(0o700)


async def test_an_own_link_is_followed(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere.db")
    async with opened(path) as history:
        await record(history)
    assert opportunities(tmp_path / "elsewhere.db", "scan-1") == EVERY_KIND


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
async def test_a_link_of_another_user_is_refused(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere.db")
    os.lchown(path, 12345, 12345)
    with pytest.raises(HistoryError, match="is a link that belongs to another user"):
        async with opened(path):
            pytest.fail("opened")
    assert not (tmp_path / "elsewhere.db").exists()


async def test_a_damaged_database_is_named_and_kept(path: Path) -> None:
    async with opened(path) as history:
        await record(history)
    damaged = path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096)
    path.write_bytes(damaged)
    with pytest.raises(HistoryError, match=r"history\.db is damaged .*move it to history\.db\.corrupt"):
        async with opened(path) as history:
            await record(history, "scan-2")
    assert path.read_bytes() == damaged


# Files and threads


async def test_the_file_and_its_new_folder_are_private_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "new" / "history.db"
    umask = os.umask(0)
    try:
        async with opened(path) as history:
            await record(history)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(umask)
    assert modes == {"history.db": 0o600, "history.db-journal": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_nothing_but_the_database_is_left_after_closing(path: Path, tmp_path: Path) -> None:
    async with opened(path) as history:
        await record(history)
    assert [file.name for file in tmp_path.iterdir() if file.stat().st_size] == ["history.db"]


async def test_leaving_ends_the_thread_also_after_an_error(path: Path) -> None:
    async def fail() -> None:
        async with opened(path) as history:
            await record(history)
            raise ZeroDivisionError

    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        await fail()
    assert threading.active_count() == threads


async def test_leaving_ends_the_thread_while_a_write_is_under_way(path: Path) -> None:
    threads = threading.active_count()
    async with opened(path) as history:
        recording = asyncio.create_task(record(history))
        await asyncio.sleep(0)
    assert threading.active_count() == threads
    await recording
    assert opportunities(path, "scan-1") == EVERY_KIND


@pytest.mark.parametrize("turns", range(6))
async def test_opening_cancelled_at_any_moment_ends_the_thread(path: Path, turns: int) -> None:
    threads = threading.active_count()

    async def use() -> None:
        async with opened(path):
            await asyncio.Event().wait()

    using = asyncio.create_task(use())
    for _ in range(turns):
        await asyncio.sleep(0)
    using.cancel()
    await asyncio.wait({using})
    assert using.cancelled()
    assert threading.active_count() == threads


async def test_two_histories_that_write_at_once_lose_nothing(path: Path) -> None:
    async with open_history(path, SOURCE, Clock()) as one, open_history(path, SOURCE, Clock()) as other, asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(record(one, f"one-{number}"))
            group.create_task(record(other, f"other-{number}"))
    assert count(path, "scans") == 40
    assert count(path, "opportunities") == 40 * len(EVERY_KIND)

"""What a scan makes due is stored with it, once for each episode and chat, and what was delivered is known for ever after."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import pytest
from msgspec.structs import replace

from dmscan.clock import Clock
from dmscan.core.alerts import Alert, Due, Kind, Wish
from dmscan.core.models import Entry, Exit, Game, Opportunity
from dmscan.core.report import ScanReport
from dmscan.errors import ExitCode, HistoryError, Locked
from dmscan.history import prune
from dmscan.history.alerts import Telling
from dmscan.history.store import History, ScanEnd, ScanStart, open_history

from make import DAY, NOW, TITLE, make_leg, make_opportunity, make_report
from stored import count, rows

SOURCE, OTHER = "https://api.dmarket.com", "http://127.0.0.1:8080"
CHAT = "-1001"
INSTANT = (Entry.OFFER, Exit.INSTANT)
BIG = ("alerts", "messages", "episodes", "scans", "opportunities", "titles")


def body(due: Due, report: ScanReport) -> str:
    what = due.found.net_profit if due.found else ""
    return f"{due.kind} {what} was {due.before}" if due.before else f"{due.kind} {what}".strip()


def telling(*chats: str, realert: str = "1/5", tells_gone: bool = False) -> Telling:
    return Telling(chats or (CHAT,), Wish(Fraction(realert), tells_gone), body)


def earning(cents: int, title: str = TITLE) -> Opportunity:
    return make_opportunity(title=title, legs=(make_leg(ask=1000, sell=1000 + cents, fee=0),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
async def scans(path: Path) -> AsyncIterator[Scans]:
    async with open_history(path, SOURCE, Clock(), patience_s=0.5) as history:
        yield Scans(history)


class Scans:
    """Scans one after the other, a minute apart."""

    def __init__(self, history: History) -> None:
        self.history, self.outbox = history, history.outbox
        self.number, self.at = 0, NOW

    async def __call__(self, *found: Opportunity, tell: Telling | None = None, code: ExitCode = ExitCode.OK, gone: bool = False) -> None:
        self.number += 1
        self.at += 60
        report = make_report(
            scan_id=f"scan-{self.number}",
            started_at=self.at,
            finished_at=self.at,
            opportunities=tuple(replace(one, as_of=self.at) for one in found),
            refused={(Game.CS2, TITLE, INSTANT): self.at} if gone else {},
        )
        await self.history.record(ScanStart(report.scan_id, self.at, "{}", "0.1.0"), report, ScanEnd(code, "{}", tell))

    async def due(self, chat: str = CHAT) -> list[str]:
        return [alert.body for alert in await self.outbox.due(chat, self.at)]

    async def intend(self, chat: str = CHAT) -> int:
        message = await self.outbox.intend(chat, await self.outbox.due(chat, self.at), self.at)
        assert message
        return message

    async def deliver(self, chat: str = CHAT) -> None:
        await self.outbox.sent(await self.intend(chat), 77, self.at)


# Once


async def test_a_find_is_due_once_to_each_chat(scans: Scans) -> None:
    for _ in range(3):
        await scans(earning(100), earning(50, "Other"), tell=telling(CHAT, "@deals"))
    assert await scans.due() == ["new 100", "new 50"]
    await scans.deliver()
    await scans(earning(100), earning(50, "Other"), tell=telling(CHAT, "@deals"))
    assert await scans.due() == []
    assert await scans.due("@deals") == ["new 100", "new 50"]


async def test_it_is_due_again_when_it_rose_by_a_fifth_over_what_was_delivered(scans: Scans) -> None:
    await scans(earning(100), tell=telling())
    await scans.deliver()
    for cents, told in ((119, []), (120, ["better 120 was 100"]), (119, []), (130, ["better 130 was 100"]), (150, ["better 150 was 100"])):
        await scans(earning(cents), tell=telling())
        assert await scans.due() == told, cents
    await scans.deliver()
    for cents, told in ((179, []), (90, []), (180, ["better 180 was 150"])):
        await scans(earning(cents), tell=telling())
        assert await scans.due() == told, cents


async def test_what_waits_says_what_is_known_last(scans: Scans) -> None:
    await scans(earning(100), tell=telling())
    await scans(earning(90), tell=telling())
    assert await scans.due() == ["new 90"]
    await scans(tell=telling())
    assert await scans.due() == ["new 90"], "a scan that did not reach it says nothing"


async def test_a_find_that_comes_back_is_new(scans: Scans, path: Path) -> None:
    await scans(earning(100), tell=telling())
    await scans.deliver()
    await scans(tell=telling(), gone=True)
    await scans(earning(100), tell=telling())
    assert await scans.due() == ["new 100"]
    assert count(path, "episodes") == 2


async def test_a_chat_that_is_added_later_hears_of_what_is_found_then(scans: Scans) -> None:
    await scans(earning(100), tell=telling())
    await scans.deliver()
    await scans(earning(100), tell=telling(CHAT, "@late"))
    assert (await scans.due(), await scans.due("@late")) == ([], ["new 100"])


async def test_sources_do_not_hear_of_each_other(scans: Scans, path: Path) -> None:
    await scans(earning(100), tell=telling())
    async with open_history(path, OTHER, Clock()) as history:
        other = Scans(history)
        other.number = 50
        await other(earning(70), tell=telling())
        assert await other.due() == ["new 70"]
    assert await scans.due() == ["new 100"]


async def test_a_second_record_of_a_scan_makes_nothing_due(scans: Scans) -> None:
    await scans(earning(100), tell=telling())
    await scans.deliver()
    scans.number -= 1
    await scans(earning(500), tell=telling())
    assert await scans.due() == []


async def test_a_scan_and_what_it_makes_due_are_stored_both_or_not_at_all(scans: Scans, path: Path) -> None:
    def fails(due: Due, report: ScanReport) -> str:
        raise OverflowError

    with pytest.raises(HistoryError):
        await scans(earning(100), tell=Telling((CHAT,), Wish(), fails))
    assert (count(path, "scans"), count(path, "episodes"), count(path, "alerts")) == (0, 0, 0)


async def test_the_database_refuses_a_second_find_that_waits_of_one_episode(scans: Scans, path: Path) -> None:
    await scans(earning(100), tell=telling())
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        connection.execute(
            "INSERT INTO alerts (source_id, chat, kind, episode, net_profit_cents, body, since) SELECT source_id, chat, 'better',"
            " episode, 5, '', since FROM alerts"
        )


# Gone, late


async def test_what_ended_before_it_was_told_is_dropped(scans: Scans, path: Path) -> None:
    await scans(earning(100), tell=telling(tells_gone=True))
    await scans(gone=True)
    assert await scans.due() == []
    assert rows(path, "SELECT state FROM alerts") == [{"state": "dropped"}]


@pytest.mark.parametrize("tells_gone", [True, False])
async def test_only_what_was_delivered_is_told_to_be_gone(scans: Scans, tells_gone: bool) -> None:
    tell = telling(CHAT, "@late", tells_gone=tells_gone)
    await scans(earning(100), tell=tell)
    await scans.deliver()
    await scans(earning(200), tell=tell)
    await scans(tell=tell, gone=True)
    assert await scans.due() == (["gone"] if tells_gone else [])
    assert await scans.due("@late") == []
    await scans(tell=tell, gone=True)
    assert await scans.due() == (["gone"] if tells_gone else [])


async def test_what_waited_for_a_day_is_dropped_and_due_anew_if_it_is_still_there(scans: Scans) -> None:
    await scans(earning(100), tell=telling())
    scans.at += DAY
    assert await scans.due() == ["new 100"]
    scans.at += 1
    assert await scans.due() == []
    await scans(earning(100), tell=telling())
    assert await scans.due() == ["new 100"]


# Health


async def test_a_change_of_health_is_due_once_and_a_good_beginning_is_not(scans: Scans) -> None:
    told = []
    down, refused = ExitCode.NO_DATA, ExitCode.KEY_REFUSED
    for code in (0, down, 0, down, down, down, ExitCode.INTERRUPTED, down, refused, refused, down, 0, 3, 0):
        await scans(tell=telling(), code=ExitCode(code))
        if now := await scans.due():
            told.append((scans.number, *now))
            await scans.deliver()
    assert told == [(6, "failing"), (9, "key refused"), (12, "well")]


async def test_health_that_was_not_told_gives_way(scans: Scans) -> None:
    await scans(tell=telling(), code=ExitCode.KEY_REFUSED)
    assert await scans.due() == ["key refused"]
    await scans(tell=telling())
    assert await scans.due() == [], "nobody heard of it"
    await scans(tell=telling(), code=ExitCode.API_CHANGED)
    await scans.outbox.unknown(await scans.intend(), scans.at)
    await scans(tell=telling())
    assert await scans.due() == ["well"], "somebody may have heard of it"


# Messages


async def test_a_message_that_did_not_arrive_leaves_its_alerts_as_they_were(scans: Scans, path: Path) -> None:
    await scans(earning(100), tell=telling())
    for _ in range(5):
        await scans.outbox.failed(await scans.intend(), scans.at)
        assert await scans.due() == ["new 100"]
    assert rows(path, "SELECT tries, message FROM alerts") == [{"tries": 0, "message": None}]
    assert rows(path, "SELECT DISTINCT state FROM messages") == [{"state": "failed"}]


async def test_a_message_that_may_have_arrived_is_sent_once_more_and_then_given_up(scans: Scans) -> None:
    await scans(earning(100), earning(50, "Other"), tell=telling())
    assert await scans.outbox.unknown(await scans.intend(), scans.at) == 0
    await scans(earning(101), earning(50, "Other"), tell=telling())
    await scans.outbox.failed(await scans.intend(), scans.at)
    assert await scans.due() == ["new 101", "new 50"]
    assert await scans.outbox.unknown(await scans.intend(), scans.at) == 2
    await scans(earning(101), earning(60, "Other"), tell=telling())
    assert await scans.due() == ["better 60 was 50"], "what was given up is not told anew"


async def test_what_a_dead_process_left_counts_as_unknown(scans: Scans, path: Path) -> None:
    await scans(earning(100), tell=telling())
    await scans.intend()
    assert await scans.outbox.recover(scans.at) == {}
    assert await scans.due() == ["new 100"]
    await scans.intend()
    assert await scans.outbox.recover(scans.at) == {CHAT: 1}
    assert await scans.due() == []
    assert rows(path, "SELECT state FROM messages") == [{"state": "unknown"}] * 2


async def test_what_was_delivered_is_what_was_sent_and_not_what_became_known_meanwhile(scans: Scans) -> None:
    await scans(earning(100), tell=telling())
    message = await scans.intend()
    await scans(earning(130), tell=telling())
    await scans.outbox.sent(message, 77, scans.at)
    assert await scans.due() == []
    await scans(earning(130), tell=telling())
    assert await scans.due() == ["better 130 was 100"]


@pytest.mark.parametrize("meanwhile", ["gone", "changed", "told", "nothing"])
async def test_only_what_is_still_due_as_it_was_read_goes_out(scans: Scans, path: Path, meanwhile: str) -> None:
    await scans(earning(100), tell=telling())
    read = await scans.outbox.due(CHAT, scans.at)
    if meanwhile == "gone":
        await scans(gone=True)
    elif meanwhile == "changed":
        await scans(earning(101), tell=telling())
    elif meanwhile == "told":
        await scans.deliver()
    before = count(path, "messages")
    message = await scans.outbox.intend(CHAT, read, scans.at)
    assert (message is not None) == (meanwhile == "nothing")
    assert count(path, "messages") == before + (meanwhile == "nothing")


async def test_the_pace_of_a_chat_is_that_of_all_its_topics(scans: Scans) -> None:
    assert await scans.outbox.attempts(CHAT) == ()
    for number in range(25):
        chat = f"{CHAT}/{number % 3}"
        await scans(earning(100 * 2**number), tell=telling(chat))
        await scans.deliver(chat)
    assert await scans.outbox.attempts(f"{CHAT}/9") == tuple(scans.at - 60 * number for number in range(20))
    assert await scans.outbox.attempts("-100") == ()


async def test_one_process_at_a_time_sends(scans: Scans, path: Path) -> None:
    with scans.outbox.turn(), pytest.raises(Locked), scans.outbox.turn():
        pytest.fail("two at once")
    async with open_history(path, OTHER, Clock()) as history:
        with scans.outbox.turn(), pytest.raises(Locked), history.outbox.turn():
            pytest.fail("two at once")
        with history.outbox.turn():
            pass


# Much


async def test_no_statement_reads_a_large_table_from_end_to_end(scans: Scans, path: Path) -> None:
    """What is really asked, explained by SQLite itself."""
    asked: set[str] = set()
    await scans.history._database.run(lambda connection: connection.set_trace_callback(asked.add))
    both = telling(tells_gone=True)
    await scans(earning(100), tell=both, code=ExitCode.KEY_REFUSED)
    await scans.outbox.failed(await scans.intend(), scans.at)
    await scans.outbox.unknown(await scans.intend(), scans.at)
    await scans.deliver()
    await scans(earning(110), tell=both)
    await scans(tell=both, gone=True)
    await scans.intend()
    await scans.outbox.recover(scans.at)
    await scans.outbox.attempts(CHAT)
    await scans.history._database.run(lambda connection: connection.set_trace_callback(None))
    asked |= {sql.replace(":source", "1").replace(":before", "1").replace(":most", "1") for sql, _ in prune._OF_SCANS.values()}
    statements = [sql for sql in asked if sql.split()[0] in {"SELECT", "UPDATE", "INSERT", "DELETE"}]
    assert len([sql for sql in statements if re.search(r"\b(alerts|messages)\b", sql)]) > 20
    with closing(sqlite3.connect(path)) as connection:
        for sql in statements:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
            assert not [step for step in plan if re.match(rf"SCAN ({'|'.join(BIG)}|later)\b", step)], (sql, plan)
            assert not [step for step in plan if step == "USE TEMP B-TREE FOR ORDER BY"], (sql, plan)


async def test_old_alerts_and_messages_go_and_what_still_counts_stays(scans: Scans, path: Path) -> None:
    both = telling(CHAT, "@slow", tells_gone=True)
    await scans(tell=both, code=ExitCode.KEY_REFUSED)
    await scans.deliver()
    await scans(earning(100), earning(50, "Open"), tell=both)
    await scans.deliver()
    await scans(earning(50, "Open"), tell=both, gone=True)
    await scans.deliver()
    assert count(path, "alerts") == 8
    young = await prune.prune(path, SOURCE, NOW + 10)
    assert (young["alerts"], young["messages"]) == (0, 0)
    gone = await prune.prune(path, SOURCE, scans.at + 10)
    assert (gone["alerts"], gone["messages"], gone["episodes"]) == (2, 3, 1)
    kept = rows(path, "SELECT chat, kind, state, message FROM alerts ORDER BY chat, kind")
    assert [list(row.values()) for row in kept] == [
        [CHAT, "new", "told", None],
        [CHAT, "well", "told", None],
        ["@slow", "new", "due", None],
    ]
    await scans(earning(50, "Open"), tell=both)
    assert await scans.due() == []
    assert (await prune.prune(path, SOURCE, scans.at + 2 * DAY))["alerts"] == 1
    assert rows(path, "PRAGMA foreign_key_check") == []


async def test_alerts_are_alerts(scans: Scans) -> None:
    await scans(earning(100), tell=telling())
    assert await scans.outbox.due(CHAT, scans.at) == (Alert(1, Kind.NEW, 100, "new 100"),)

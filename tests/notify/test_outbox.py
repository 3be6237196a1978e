"""What is due arrives once, at the pace Telegram wants, whatever goes wrong on the way. Against a real server and a real database."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from dmscan.clock import Clock
from dmscan.core.alerts import Alert, Part, QuietHours, Wish
from dmscan.core.message import Message
from dmscan.core.models import Entry, Exit, Game, Opportunity
from dmscan.errors import ExitCode, HistoryError, NotifyError
from dmscan.history.alerts import Telling
from dmscan.history.store import History, ScanEnd, ScanStart, open_history
from dmscan.notify.outbox import Courier, Outcome, Sent, drain
from dmscan.notify.pace import quiet_now, wait_s
from dmscan.notify.telegram import Telegram
from dmscan.render.message import body, compose

from make import NOW, TITLE, make_opportunity, make_report
from telegram_server import BLOCKED, CUT_AFTER, DEAF, SILENT, TOKEN, Fault, TelegramServer, broken, limited, moved

SOURCE = "https://api.dmarket.com"
A, B = "-1001", "-1002"
INSTANT = (Entry.OFFER, Exit.INSTANT)


class Quick:
    """A clock on which waiting takes no time."""

    def __init__(self) -> None:
        self.at = float(NOW)
        self.is_late = asyncio.Event()
        """A minute has passed."""

    async def sleep(self, s: float) -> None:
        assert s > 0
        self.at += s
        if self.at > NOW + 60:
            self.is_late.set()
        await asyncio.sleep(0)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.at, lambda: self.at, self.sleep)


class Timed:
    """The real sender; when it sent by the clock of the outbox, and what happens just before."""

    def __init__(self, telegram: Telegram, quick: Quick) -> None:
        self.telegram, self.quick = telegram, quick
        self.times: list[float] = []
        self.before: Callable[[str], None] = lambda _: None

    async def send(self, chat: str, message: Message) -> Sent:
        self.before(chat)
        self.times.append(self.quick.at)
        return await self.telegram.send(chat, message)


class Bench:
    """A database with what is due, a sender, and a clock."""

    def __init__(self, history: History, sender: Timed, quick: Quick) -> None:
        self.history, self.sender, self.quick = history, sender, quick
        self.courier = Courier(history.outbox, sender, compose, quick.clock)
        self.scans = 0

    async def scan(self, *found: Opportunity, chats: Sequence[str] = (A,), gone: bool = False) -> None:
        self.scans += 1
        report = make_report(
            scan_id=f"scan-{self.scans}",
            finished_at=int(self.quick.at),
            opportunities=tuple(replace(one, as_of=int(self.quick.at)) for one in found),
            refused={(Game.CS2, TITLE, INSTANT): int(self.quick.at)} if gone else {},
        )
        end = ScanEnd(ExitCode.OK, "{}", Telling(tuple(chats), Wish(), body))
        await self.history.record(ScanStart(report.scan_id, report.started_at, "{}", "0.1.0"), report, end)

    async def drain(self, *chats: str, until_s: float = 60, **changes: object) -> dict[str, Outcome]:
        stop = changes.pop("stop", None)
        told = await drain(dataclasses.replace(self.courier, **changes), chats or (A,), until_s, stop)
        return {outcome.chat: outcome for outcome in told}

    async def due(self, chat: str = A) -> int:
        return len(await self.history.outbox.due(chat, int(self.quick.at)))


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    with TelegramServer() as server:
        yield server
    assert server.complaints == []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@asynccontextmanager
async def on(path: Path, server: TelegramServer, source: str = SOURCE) -> AsyncIterator[Bench]:
    quick = Quick()
    async with open_history(path, source, Clock()) as history, Telegram(TOKEN, server.url, Clock()) as telegram:
        yield Bench(history, Timed(telegram, quick), quick)


@pytest.fixture
async def bench(path: Path, server: TelegramServer) -> AsyncIterator[Bench]:
    async with on(path, server) as bench:
        yield bench


def each_alone(alerts: Sequence[Alert]) -> list[Part]:
    """A message for each alert."""
    return [Part(Message(f"alert {alert.number}"), (alert,)) for alert in alerts]


def states(path: Path) -> set[str]:
    """What came of the messages."""
    with closing(sqlite3.connect(path)) as connection:
        return {state for (state,) in connection.execute("SELECT state FROM messages")}


def titled(count: int) -> list[Opportunity]:
    return [make_opportunity(title=f"Title {number}") for number in range(count)]


# All well


async def test_what_is_due_arrives_once(bench: Bench, server: TelegramServer) -> None:
    await bench.scan(make_opportunity(), chats=(A, B))
    assert await bench.drain(A, B) == {A: Outcome(A, messages=1, told=1), B: Outcome(B, messages=1, told=1)}
    assert [TITLE in text for text in server.texts(A) + server.texts(B)] == [True, True]
    await bench.scan(make_opportunity(), chats=(A, B))
    assert await bench.drain(A, B) == {A: Outcome(A), B: Outcome(B)}
    assert len(server.arrived) == 2


async def test_a_chat_named_twice_is_told_once(bench: Bench, server: TelegramServer) -> None:
    await bench.scan(make_opportunity(), chats=(A, A))
    assert list(await bench.drain(A, A)) == [A]
    assert len(server.arrived) == 1


async def test_of_five_thousand_finds_five_messages_tell(bench: Bench, server: TelegramServer) -> None:
    await bench.scan(*titled(5000))
    told = await bench.drain(compose=lambda alerts: compose(alerts, top=1000))
    assert told == {A: Outcome(A, messages=5, told=5000)}
    assert [text.partition("\n")[0] for text in server.texts(A)] == [f"5,000 new · api.dmarket.com ({n}/5)" for n in range(1, 6)]
    assert server.texts(A)[-1].endswith("more: dmscan history show scan-1")
    assert spread(bench.sender.times) >= 1


async def test_what_becomes_due_meanwhile_is_sent_too(bench: Bench, server: TelegramServer) -> None:
    await bench.scan(make_opportunity())
    added: list[asyncio.Task[None]] = []

    def one_more(chat: str) -> None:
        if not added:
            added.append(asyncio.ensure_future(bench.scan(make_opportunity(), make_opportunity(title="Later"))))

    bench.sender.before = one_more
    server.misbehave(A, Fault(200, b'{"ok":true,"result":{"message_id":5}}', takes=True, late_s=0.2))
    assert await bench.drain() == {A: Outcome(A, messages=2, told=2)}
    assert ["Later" in text for text in server.texts(A)] == [False, True]


# Pace


def spread(times: Sequence[float]) -> float:
    """Seconds between the two messages that were closest."""
    return min(later - earlier for earlier, later in pairwise(times))


async def test_one_message_a_second_and_twenty_a_minute(bench: Bench) -> None:
    await bench.scan(*titled(50))
    assert (await bench.drain(compose=each_alone, until_s=1000))[A].messages == 50
    times = bench.sender.times
    assert spread(times) >= 1
    assert min(later - earlier for earlier, later in zip(times, times[20:], strict=False)) >= 60
    assert times[-1] - times[0] < 200


async def test_another_run_goes_on_at_the_same_pace(bench: Bench) -> None:
    for number in range(25):
        await bench.scan(*titled(number + 1), chats=(f"{A}/{number % 2}",))
        await bench.drain(f"{A}/{number % 2}", until_s=100)
    times = bench.sender.times
    assert spread(times) >= 1
    assert times[20] - times[0] >= 60


async def test_what_does_not_fit_into_the_time_waits_for_the_next_run(bench: Bench, server: TelegramServer) -> None:
    await bench.scan(*titled(30))
    (first,) = (await bench.drain(compose=each_alone, until_s=30)).values()
    assert (first.error, first.messages + first.waiting) == (None, 30)
    assert 10 < first.messages <= 20
    bench.quick.at += 100
    (second,) = (await bench.drain(compose=each_alone, until_s=100)).values()
    assert (second.messages, second.waiting) == (first.waiting, 0)
    assert sorted(server.texts(A)) == sorted(f"alert {number}" for number in range(1, 31))


@pytest.mark.parametrize(
    ("attempts", "wait"),
    [
        ([], 0),
        ([100], 1.75),
        ([99], 0.75),
        ([98], 0),
        ([200, 99], 0.75),
        ([*range(99, 80, -1)], 0.75),
        ([*range(99, 79, -1)], 40.75),
        ([*range(98, 38, -3)], 1.75),
        ([*range(96, 36, -3)], 0),
    ],
)
def test_how_long_a_chat_must_wait(attempts: list[int], wait: float) -> None:
    assert wait_s(attempts, 100.25) == wait


# Trouble


async def test_a_pause_that_telegram_asks_for_is_kept(bench: Bench, server: TelegramServer) -> None:
    server.misbehave(A, limited(7))
    await bench.scan(make_opportunity())
    assert await bench.drain() == {A: Outcome(A, messages=1, told=1)}
    assert spread(bench.sender.times) >= 7
    assert len(server.texts(A)) == 1


@pytest.mark.parametrize(
    ("faults", "always", "tries"),
    [
        ([limited(3600)], None, 1),
        ([limited(61)], None, 1),
        ([BLOCKED], None, 1),
        ([], broken(), 3),
        ([], limited(2), 3),
    ],
)
async def test_a_chat_that_cannot_be_told_disturbs_no_other_and_keeps_what_is_due(
    bench: Bench, server: TelegramServer, faults: list[Fault], always: Fault | None, tries: int
) -> None:
    server.misbehave(A, *faults, always=always)
    await bench.scan(make_opportunity(), chats=(A, B))
    told = await bench.drain(A, B)
    assert told[B] == Outcome(B, messages=1, told=1)
    assert isinstance(told[A].error, NotifyError)
    assert (told[A].messages, told[A].waiting, told[A].given_up) == (0, 1, 0)
    assert len(server.tries(A)) == tries
    server.behave(A)
    bench.quick.at += 60
    assert (await bench.drain(A, B))[A] == Outcome(A, messages=1, told=1)
    assert len(server.texts(A)) == 1


async def test_a_server_that_is_not_there_is_tried_three_times(bench: Bench, server: TelegramServer, path: Path) -> None:
    async with Telegram(TOKEN, "http://127.0.0.1:9", Clock()) as nobody:
        await bench.scan(make_opportunity())
        sender = Timed(nobody, bench.quick)
        (told,) = (await bench.drain(sender=sender)).values()
        assert len(sender.times) == 3
    assert (isinstance(told.error, NotifyError), told.waiting) == (True, 1)
    assert states(path) == {"failed"}
    assert (await bench.drain())[A].messages == 1


async def test_of_a_lost_answer_there_is_one_message_too_many_at_the_most(bench: Bench, server: TelegramServer) -> None:
    server.misbehave(A, CUT_AFTER)
    await bench.scan(make_opportunity(), chats=(A, B))
    told = await bench.drain(A, B)
    assert (isinstance(told[A].error, NotifyError), told[A].waiting, told[A].given_up) == (True, 1, 0)
    assert len(server.texts(A)) == 1, "this run does not ask again"
    await bench.scan(make_opportunity(), chats=(A, B))
    assert (await bench.drain(A, B))[A] == Outcome(A, messages=1, told=1)
    await bench.scan(make_opportunity(), chats=(A, B))
    assert (await bench.drain(A, B))[A] == Outcome(A)
    assert (len(server.texts(A)), len(server.texts(B))) == (2, 1)


async def test_what_may_have_arrived_twice_is_given_up_and_that_is_said(bench: Bench, server: TelegramServer) -> None:
    server.misbehave(A, always=CUT_AFTER)
    await bench.scan(make_opportunity())
    outcomes = [(await bench.drain())[A] for _ in range(4)]
    assert [(isinstance(one.error, NotifyError), one.waiting, one.given_up) for one in outcomes] == [
        (True, 1, 0),
        (True, 0, 1),
        (False, 0, 0),
        (False, 0, 0),
    ]
    assert len(server.texts(A)) == 2
    assert [(one.is_failed, len(one.notes)) for one in outcomes] == [(True, 1), (True, 2), (False, 0), (False, 0)]
    assert outcomes[1].notes[1] == "Alerts to chat -1001 that may have arrived, though nobody could tell, are not sent a third time: 1."


async def test_what_two_dead_runs_may_have_sent_is_given_up_and_that_is_said(bench: Bench, server: TelegramServer) -> None:
    outbox = bench.history.outbox
    await bench.scan(*titled(2))
    for _ in range(2):
        await outbox.recover(NOW)
        await outbox.intend(A, await outbox.due(A, NOW), NOW)
    bench.quick.at += 60
    (told,) = (await bench.drain()).values()
    assert (told.messages, told.given_up, told.waiting, told.is_failed) == (0, 2, 0, True)
    assert server.arrived == []


async def test_a_group_that_moved_is_followed_and_told_of(bench: Bench, server: TelegramServer) -> None:
    server.misbehave(A, always=moved("-100777"))
    await bench.scan(*titled(3))
    (told,) = (await bench.drain(compose=each_alone)).values()
    assert told == Outcome(A, messages=3, told=3, moved_to="-100777")
    assert (told.is_failed, told.notes) == (False, ("Chat -1001 is -100777 now: put that into DMSCAN_TELEGRAM_CHAT.",))
    assert len(server.texts("-100777")) == 3
    assert len(server.tries(A)) == 1


async def test_a_bug_of_one_chat_disturbs_no_other(bench: Bench, server: TelegramServer) -> None:
    def spoilt(chat: str) -> None:
        if chat == A:
            raise ValueError("a bug")

    bench.sender.before = spoilt
    await bench.scan(make_opportunity(), chats=(A, B))
    with pytest.raises(ValueError, match="a bug"):
        await bench.drain(A, B)
    assert len(server.texts(B)) == 1
    bench.sender.before = lambda _: None
    assert [one.messages for one in (await bench.drain(A, B)).values()] == [1, 0]


async def test_a_database_that_fails_is_an_outcome(bench: Bench, server: TelegramServer, path: Path) -> None:
    bench.sender.before = lambda _: path.rename(path.with_name("away.db"))
    await bench.scan(make_opportunity())
    (told,) = (await bench.drain()).values()
    assert isinstance(told.error, HistoryError)
    path.with_name("away.db").rename(path)
    bench.sender.before = lambda _: None
    assert (await bench.drain())[A].messages == 1
    assert len(server.texts(A)) == 2


# Stopping


async def test_whoever_is_stopped_begins_nothing(bench: Bench, server: TelegramServer) -> None:
    stop = asyncio.Event()
    stop.set()
    await bench.scan(make_opportunity())
    assert await bench.drain(stop=stop) == {A: Outcome(A, waiting=1, is_busy=False)}
    assert server.arrived == []


@pytest.mark.parametrize(("fault", "texts"), [(SILENT, 2), (DEAF, 1)])
async def test_what_is_in_flight_when_stopped_counts_as_unknown(
    bench: Bench, server: TelegramServer, path: Path, fault: Fault, texts: int
) -> None:
    server.misbehave(A, fault)
    await bench.scan(*titled(2))
    stop = asyncio.Event()
    draining = asyncio.create_task(bench.drain(stop=stop, compose=each_alone))
    await asyncio.to_thread(server.wait_for, 1)
    stop.set()
    assert await asyncio.wait_for(draining, 10) == {A: Outcome(A, waiting=2)}
    assert states(path) == {"sending"}
    assert (await bench.drain())[A].told == 2
    assert len([text for text in server.texts(A) if "alert 1" in text or "Title 0" in text]) == texts


# Quiet hours


async def test_nothing_is_sent_while_it_is_quiet_and_afterwards_only_what_is_still_there(bench: Bench, server: TelegramServer) -> None:
    quiet = [True]
    await bench.scan(make_opportunity(), make_opportunity(title="Stays"))
    assert await bench.drain(is_quiet=lambda: quiet[0]) == {A: Outcome(A, waiting=2)}
    assert server.arrived == []
    await bench.scan(gone=True)
    quiet[0] = False
    assert await bench.drain(is_quiet=lambda: quiet[0]) == {A: Outcome(A, messages=1, told=1)}
    assert [(TITLE in text, "Stays" in text) for text in server.texts(A)] == [(False, True)]


async def test_a_run_that_goes_on_into_quiet_hours_stops(bench: Bench, server: TelegramServer) -> None:
    await bench.scan(*titled(9))
    told = await bench.drain(compose=each_alone, is_quiet=lambda: len(server.arrived) >= 3)
    assert told == {A: Outcome(A, messages=3, told=3, waiting=6)}


@pytest.mark.parametrize(
    ("utc", "quiet"),
    [
        ("2026-11-24T21:59", False),
        ("2026-11-24T22:00", True),
        ("2026-11-25T06:59", True),
        ("2026-11-25T07:00", False),
        ("2026-07-01T20:59", False),
        ("2026-07-01T21:00", True),
        ("2026-07-02T06:00", False),
        ("2026-03-29T00:30", True),
        ("2026-03-29T05:59", True),
        ("2026-03-29T06:00", False),
        ("2026-10-25T06:59", True),
        ("2026-10-25T07:00", False),
    ],
)
def test_quiet_hours_are_those_of_the_users_clock_also_when_it_is_changed(utc: str, quiet: bool) -> None:
    """From 23 to 8 in Berlin, where clocks are put forward on 29 March and back on 25 October."""
    at = datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()
    assert quiet_now(QuietHours(23 * 60, 8 * 60), Clock(now=lambda: at), ZoneInfo("Europe/Berlin")) is quiet


# Beside others


async def test_whoever_comes_second_waits_and_then_sends_what_is_left(bench: Bench, path: Path, server: TelegramServer) -> None:
    await bench.scan(make_opportunity())
    async with on(path, server, "http://127.0.0.1:8080") as other:
        with other.history.outbox.turn():
            assert await bench.drain(until_s=1) == {A: Outcome(A, waiting=1, is_busy=True)}
            waiting = asyncio.create_task(bench.drain(until_s=10**6))
            await bench.quick.is_late.wait()
            assert server.arrived == []
        assert await waiting == {A: Outcome(A, messages=1, told=1)}

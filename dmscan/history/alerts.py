"""Alerts as stored: what became due with a scan, what waits for a chat, and what came of each message (design chapter 9)."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from functools import cache, partial

from msgspec import Struct

from dmscan.core.alerts import IN_A_ROW, MOST_TRIES, Alert, Due, Kind, Wish, due, health, news_of_health
from dmscan.core.episodes import Changes, Ended, Key
from dmscan.core.fees import DAY
from dmscan.core.models import Entry, Exit, Game
from dmscan.core.money import Cents
from dmscan.core.report import ScanReport
from dmscan.history import rows, sources
from dmscan.history.database import Database
from dmscan.history.lock import command_lock

PACED = 20
"""So many attempts tell the pace of a chat."""

_TOLD = """(
    SELECT sent_cents FROM alerts
    WHERE episode = episodes.id AND chat = :chat AND state = 'told' AND kind IN ('new', 'better') ORDER BY alerts.id DESC LIMIT 1)"""
_OPEN = f"""
SELECT game, title, phase, entry, exit, id, {_TOLD}, (
    SELECT alerts.id FROM alerts WHERE source_id = :source AND chat = :chat AND episode = episodes.id AND kind <> 'gone' AND state = 'due')
FROM episodes INDEXED BY episodes_open WHERE source_id = :source AND ended IS NULL"""  # noqa: S608
_ENDED = f"""
SELECT id, {_TOLD}, NULL FROM episodes INDEXED BY episodes_by_title
WHERE source_id = :source AND game = :game AND title = :title AND phase = :phase AND entry = :entry AND exit = :exit
ORDER BY id DESC LIMIT 1"""  # noqa: S608
_DUE = (
    rows.insert("alerts", "source_id chat kind episode net_profit_cents body since")
    + """ ON CONFLICT (source_id, chat, episode, kind = 'gone') WHERE state = 'due' DO UPDATE SET
    kind = excluded.kind, net_profit_cents = excluded.net_profit_cents, body = excluded.body, since = excluded.since"""
)
_DROP = "UPDATE alerts SET state = 'dropped' WHERE id = ? AND state = 'due'"
_CODES = f"""
SELECT exit_code FROM scans INDEXED BY scans_ended WHERE source_id = ? AND finished_at IS NOT NULL AND exit_code NOT IN (129, 130, 143)
ORDER BY id DESC LIMIT {IN_A_ROW}"""  # noqa: S608
_HEALTH_HEARD = """
SELECT kind FROM alerts WHERE source_id = ? AND chat = ? AND episode IS NULL AND (state = 'told' OR tries > 0) ORDER BY id DESC LIMIT 1"""
_HEALTH_WAITING = "SELECT id, kind FROM alerts WHERE source_id = ? AND chat = ? AND episode IS NULL AND state = 'due'"

_LATE = f"""
UPDATE alerts SET state = 'dropped' WHERE source_id = {sources.NUMBER} AND state = 'due' AND (
    since < ? OR (kind IN ('new', 'better') AND (SELECT ended FROM episodes WHERE id = episode) IS NOT NULL))"""  # noqa: S608
_WAITING = f"""
SELECT id, kind, net_profit_cents, body FROM alerts WHERE source_id = {sources.NUMBER} AND chat = ? AND state = 'due'"""  # noqa: S608
_IS_AS_READ = """
SELECT 1 FROM alerts WHERE id = ? AND state = 'due' AND body = ?
    AND (kind = 'gone' OR (SELECT ended FROM episodes WHERE episodes.id = episode) IS NULL)"""
_ATTEMPTS = f"SELECT tried_at FROM messages WHERE chat = ? ORDER BY tried_at DESC LIMIT {PACED}"  # noqa: S608
_INTEND = rows.insert("messages", "source_id chat tried_at")
_GO = "UPDATE alerts SET message = ?, tries = tries + 1, sent_cents = net_profit_cents WHERE id = ?"
_OVER = "UPDATE messages SET state = ?, tried_at = ?, telegram_id = ? WHERE id = ?"
_OF_MESSAGE = {
    "sent": "UPDATE alerts SET state = 'told' WHERE message = ?",
    "unknown": f"UPDATE alerts SET state = 'told' WHERE message = ? AND state = 'due' AND tries = {MOST_TRIES}",  # noqa: S608
    "failed": "UPDATE alerts SET tries = tries - 1, message = NULL WHERE message = ?",
}
_SENDING = f"SELECT id, tried_at FROM messages WHERE source_id = {sources.NUMBER} AND state = 'sending'"  # noqa: S608
_GIVEN_UP = f"SELECT chat, count(*) FROM alerts WHERE message = ? AND state = 'due' AND tries = {MOST_TRIES} GROUP BY chat"  # noqa: S608


class Telling(Struct, frozen=True):
    """Whom a scan tells what: the chats, what they wish to hear, and what makes the text that is stored of it."""

    chats: tuple[str, ...]
    wish: Wish
    body: Callable[[Due, ScanReport], str]


class State(StrEnum):
    """What came of an attempt; `FAILED`: it did not arrive."""

    SENT = "sent"
    UNKNOWN = "unknown"
    FAILED = "failed"


class _Episode(Struct, frozen=True):
    """What a chat knows of one: the net profit last told, and the alert that waits."""

    number: int
    delivered: Cents | None
    waiting: int | None


def save(connection: sqlite3.Connection, source: int, scan: tuple[ScanReport, Changes], telling: Telling) -> None:
    """Makes due what a scan that was just stored means for each chat; what waits of its finds is brought up to date or dropped."""
    report, changes = scan
    # Chats mostly hear the same.
    body = cache(lambda one: telling.body(one, report))
    for chat in telling.chats:
        known = dict(_known(connection, source, chat, changes))
        delivered = {key: episode.delivered for key, episode in known.items() if episode.delivered is not None}
        wanted = due(report, changes, delivered, telling.wish)
        told = {one.key for one in wanted}
        silent = (known[found.key].waiting for found in report.opportunities if found.key not in told)
        connection.executemany(_DROP, ((waiting,) for waiting in silent if waiting))
        of = ((known[one.key].number, one) for one in wanted if one.key)
        connection.executemany(_DUE, (_row((source, chat), one, episode, (body(one), report.finished_at)) for episode, one in of))
        news = _news_of_health(connection, (source, chat))
        connection.executemany(_DUE, (_row((source, chat), one, None, (body(one), report.finished_at)) for one in news))


class Outbox:
    """One source's. Every method raises HistoryError. All times are Unix seconds."""

    def __init__(self, database: Database, source: str) -> None:
        self._database, self._source = database, source

    def turn(self) -> AbstractContextManager[None]:
        """Only one process sends what one database holds. Raises Locked if another does."""
        return command_lock(self._database.path, command="outbox")

    async def recover(self, now: int) -> Mapping[str, int]:
        """What is left of processes that died while sending counts as unknown; how many alerts of which chat are given up for that."""
        return await self._database.write(partial(_recover, source=self._source, now=now))

    async def due(self, chat: str, now: int) -> tuple[Alert, ...]:
        """What waits for the chat. What waited for a day, and what ended before it was told, is dropped."""

        def work(connection: sqlite3.Connection) -> tuple[Alert, ...]:
            connection.execute(_LATE, (self._source, now - DAY))
            found = sorted(connection.execute(_WAITING, (self._source, chat)))
            return tuple(Alert(number, Kind(kind), net_profit, body) for number, kind, net_profit, body in found)

        return await self._database.write(work)

    async def attempts(self, chat: str) -> tuple[int, ...]:
        """When the last 20 messages were sent to the chat, topics together, the newest first."""
        return await self._database.run(lambda connection: tuple(at for (at,) in connection.execute(_ATTEMPTS, (_place(chat),))))

    async def intend(self, chat: str, alerts: Iterable[Alert], now: int) -> int | None:
        """Stores that a message with these alerts goes out now: its number, or `None` if one of them is not due any more as it was read."""

        def work(connection: sqlite3.Connection) -> int | None:
            if not all(connection.execute(_IS_AS_READ, (alert.number, alert.body)).fetchone() for alert in alerts):
                return None
            message = connection.execute(_INTEND, (sources.number(connection, self._source), _place(chat), now)).lastrowid
            connection.executemany(_GO, ((message, alert.number) for alert in alerts))
            return message

        return await self._database.write(work)

    async def sent(self, message: int, telegram_id: int, now: int) -> None:
        """The message arrived."""
        await self._database.write(partial(_settle, message=message, state=State.SENT, now=now, telegram_id=telegram_id))

    async def unknown(self, message: int, now: int) -> int:
        """The message may have arrived; how many of its alerts are given up for that."""
        return await self._database.write(partial(_settle, message=message, state=State.UNKNOWN, now=now))

    async def failed(self, message: int, now: int) -> None:
        """The message did not arrive."""
        await self._database.write(partial(_settle, message=message, state=State.FAILED, now=now))


def _known(connection: sqlite3.Connection, source: int, chat: str, changes: Changes) -> Iterator[tuple[Key, _Episode]]:
    """The source's open episodes and those that the scan saw to be gone."""
    of = {"source": source, "chat": chat}
    for game, title, phase, entry, exit_, *known in connection.execute(_OPEN, of):
        yield (Game(game), title, phase, Entry(entry), Exit(exit_)), _Episode(*known)
    for episode in changes.changed:
        if episode.ended is Ended.GONE:
            names = dict(zip(("game", "title", "phase", "entry", "exit"), episode.key, strict=True))
            for known in connection.execute(_ENDED, of | names):
                yield episode.key, _Episode(*known)


def _news_of_health(connection: sqlite3.Connection, to: tuple[int, str]) -> tuple[Due, ...]:
    """What becomes due of how scans fare; what waited and holds no longer is dropped."""
    now = health([code for (code,) in connection.execute(_CODES, to[:1])])
    heard = connection.execute(_HEALTH_HEARD, to).fetchone()
    number, waiting = connection.execute(_HEALTH_WAITING, to).fetchone() or (None, None)
    wanted = news_of_health(now, Kind(heard[0]) if heard else Kind.WELL, Kind(waiting) if waiting else None)
    if wanted == waiting:
        return ()
    connection.execute(_DROP, (number,))
    return (Due(wanted),) if wanted else ()


def _row(to: tuple[int, str], one: Due, episode: int | None, said: tuple[str, int]) -> rows.Row:
    return (*to, one.kind, episode, one.found.net_profit if one.found else None, *said)


def _recover(connection: sqlite3.Connection, source: str, now: int) -> Mapping[str, int]:
    given_up: Counter[str] = Counter()
    for message, tried_at in connection.execute(_SENDING, (source,)).fetchall():
        given_up.update(dict(connection.execute(_GIVEN_UP, (message,))))
        _settle(connection, message, State.UNKNOWN, min(tried_at, now))
    return given_up


def _settle(connection: sqlite3.Connection, message: int, state: State, now: int, telegram_id: int | None = None) -> int:
    """How many alerts the end of the message was the end of."""
    connection.execute(_OVER, (state, now, telegram_id, message))
    return connection.execute(_OF_MESSAGE[state], (message,)).rowcount


def _place(chat: str) -> str:
    """Topics of a chat share its pace."""
    return chat.partition("/")[0]

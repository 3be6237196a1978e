"""Sends what is due: each chat on its own and at its own pace, what is sent noted before and what arrived after (design chapter 9)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Protocol

from dmscan.clock import Clock
from dmscan.core.alerts import Alert, Part
from dmscan.core.message import Message
from dmscan.errors import DmscanError, Locked, NotifyError
from dmscan.notify.pace import wait_s

MESSAGE_S = 16.0
"""A message that takes longer is given up as unknown; the sender's own deadline is a second shorter."""
GRACE_S = 1.0
"""So long a message in flight is still waited for by somebody who stops."""
LOOK_S = 0.2
MOST_FAILURES = 3
"""After so many in a row a chat is left for the next run."""


class Sent(Protocol):
    @property
    def message_id(self) -> int: ...
    @property
    def chat(self) -> str: ...


class Sender(Protocol):
    async def send(self, chat: str, message: Message) -> Sent:
        """Raises NotifyError."""


class Store(Protocol):
    """What is due, as `history.alerts.Outbox` keeps it. Everything may raise a DmscanError."""

    def turn(self) -> AbstractContextManager[None]: ...
    async def recover(self, now: int) -> Mapping[str, int]: ...
    async def due(self, chat: str, now: int) -> tuple[Alert, ...]: ...
    async def attempts(self, chat: str) -> tuple[int, ...]: ...
    async def intend(self, chat: str, alerts: Iterable[Alert], now: int) -> int | None: ...
    async def sent(self, message: int, telegram_id: int, now: int) -> None: ...
    async def unknown(self, message: int, now: int) -> int: ...
    async def failed(self, message: int, now: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Courier:
    """What sending takes: `compose` makes messages that tell all alerts it is given; nothing is sent while `is_quiet`."""

    store: Store
    sender: Sender
    compose: Callable[[Sequence[Alert]], Sequence[Part]]
    clock: Clock
    is_quiet: Callable[[], bool] = bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one chat: messages sent, alerts told with them, still waiting, and given up because nobody knows whether they arrived.

    `error` is why some wait; `moved_to` is the chat's new id; `is_busy`: another process sends, and sends this too.
    """

    chat: str
    messages: int = 0
    told: int = 0
    waiting: int = 0
    given_up: int = 0
    error: DmscanError | None = None
    moved_to: str | None = None
    is_busy: bool = False

    @property
    def is_failed(self) -> bool:
        """Whether something was not delivered for another reason than want of time, or nobody knows."""
        return bool(self.error or self.given_up)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, a sentence each."""
        lost = f"Alerts to chat {self.chat} that may have arrived, though nobody could tell, are not sent a third time: {self.given_up}."
        moved = f"Chat {self.chat} is {self.moved_to} now: put that into DMSCAN_TELEGRAM_CHAT."
        said = ((str(self.error), self.error), (lost, self.given_up), (moved, self.moved_to))
        return tuple(sentence for sentence, holds in said if holds)


class _Over(Exception):
    """No more is sent this time: stopped, out of time, or quiet."""


class _Until:
    """When the drain ends: `s` seconds from now, or with `stop`."""

    def __init__(self, clock: Clock, s: float, stop: asyncio.Event) -> None:
        self._clock, self._end, self.stop = clock, clock.monotonic() + s, stop

    async def pause(self, s: float) -> None:
        """Waits seconds; raises _Over at once if there are not so many left, and when stopped."""
        if self.stop.is_set() or self._clock.monotonic() + s > self._end:
            raise _Over
        if s <= 0:
            return
        waits = [asyncio.ensure_future(self._clock.sleep(s)), asyncio.ensure_future(self.stop.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self.stop.is_set():
            raise _Over


async def drain(courier: Courier, chats: Iterable[str], until_s: float, stop: asyncio.Event | None = None) -> tuple[Outcome, ...]:
    """Sends what is due to the chats until nothing is, and tells what came of each; raises only what the store does at the beginning.

    No message is begun after `until_s` seconds or when `stop` is set, which a message in flight outlives by a second at the most.
    """
    until = _Until(courier.clock, until_s, stop or asyncio.Event())
    each = tuple(dict.fromkeys(chats))
    with ExitStack() as stack:
        try:
            await _wait_for_turn(stack, courier.store, until)
        except _Over:
            now = courier.clock.seconds()
            return tuple([Outcome(chat, waiting=len(await courier.store.due(chat, now)), is_busy=True) for chat in each])
        given_up = await courier.store.recover(courier.clock.seconds())
        places: dict[str, list[_Chat]] = {}
        for chat in each:
            places.setdefault(chat.partition("/")[0], []).append(_Chat(courier, until, Outcome(chat, given_up=given_up.get(chat, 0))))
        served = await asyncio.gather(*map(_serve, places.values()), return_exceptions=True)
    told: dict[str, Outcome] = {}
    for outcomes in served:
        if isinstance(outcomes, BaseException):
            raise outcomes
        told |= {outcome.chat: outcome for outcome in outcomes}
    return tuple(told[chat] for chat in each)


async def _wait_for_turn(stack: ExitStack, store: Store, until: _Until) -> None:
    while True:
        try:
            stack.enter_context(store.turn())
        except Locked:
            await until.pause(LOOK_S)
        else:
            return


async def _serve(chats: Sequence[_Chat]) -> list[Outcome]:
    """One after the other: they are topics of one chat, which share its pace."""
    return [await chat.serve() for chat in chats]


class _Chat:
    """Tells one chat what is due to it."""

    def __init__(self, courier: Courier, until: _Until, outcome: Outcome) -> None:
        self._courier, self._store, self._until, self._outcome = courier, courier.store, until, outcome
        self._chat = self._target = outcome.chat
        self._failures = 0

    async def serve(self) -> Outcome:
        try:
            while await self._round():
                pass
        except _Over:
            pass
        except DmscanError as error:
            self._add(error=error)
        try:
            self._add(waiting=len(await self._store.due(self._chat, self._now)))
        except DmscanError as error:
            self._add(error=self._outcome.error or error)
        return self._outcome

    @property
    def _now(self) -> int:
        return self._courier.clock.seconds()

    def _add(self, **changes: object) -> None:
        self._outcome = replace(self._outcome, **changes)  # type: ignore[arg-type]

    async def _round(self) -> bool:
        """Sends what is due now; whether more may be."""
        parts = self._courier.compose(await self._store.due(self._chat, self._now))
        for part in parts:
            if not await self._send(part):
                break
        return bool(parts)

    async def _send(self, part: Part) -> bool:
        """Whether it arrived; what is left is then to be composed anew. Raises _Over or the error that ends this chat's turn."""
        await self._pace()
        message = await self._store.intend(self._chat, part.alerts, self._now)
        if message is None:
            return False
        try:
            sent = await self._carry(part.message)
        except NotifyError as error:
            await self._note(message, error)
            return False
        await self._store.sent(message, sent.message_id, self._now)
        self._failures = 0
        if sent.chat != self._chat:
            self._target = sent.chat
            self._add(moved_to=sent.chat)
        self._add(messages=self._outcome.messages + 1, told=self._outcome.told + len(part.alerts))
        return True

    async def _pace(self) -> None:
        while True:
            if self._courier.is_quiet():
                raise _Over
            wait = wait_s(await self._store.attempts(self._chat), self._courier.clock.now())
            await self._until.pause(wait)
            if not wait:
                return

    async def _carry(self, message: Message) -> Sent:
        """The message as a task of its own: who stops leaves it in flight, and it stays stored as being sent."""
        task = asyncio.ensure_future(self._courier.sender.send(self._target, message))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        stopped = asyncio.ensure_future(self._until.stop.wait())
        try:
            await asyncio.wait({task, stopped}, timeout=MESSAGE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
        if not task.done() and self._until.stop.is_set():
            await asyncio.wait({task}, timeout=GRACE_S)
            if not task.done():
                raise _Over
        if not task.done():
            raise NotifyError(f"No answer came in {MESSAGE_S:.0f} s to a message to {self._chat}, which may have arrived.", unknown=True)
        return task.result()

    async def _note(self, message: int, error: NotifyError) -> None:
        """Waits if another attempt may help; else raises the error. One that may have arrived is left for the next run's second attempt."""
        if error.unknown:
            self._add(given_up=self._outcome.given_up + await self._store.unknown(message, self._now))
            raise error
        await self._store.failed(message, self._now)
        self._failures += 1
        if error.wait_s is None or self._failures >= MOST_FAILURES:
            raise error
        try:
            await self._until.pause(max(error.wait_s, 2 ** (self._failures - 1)))
        except _Over:
            raise error from None

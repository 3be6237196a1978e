"""One SQLite file on one thread: whole transactions, patience with other writers, and a clean end."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from math import ceil, inf
from pathlib import Path
from typing import Any, Self, TypeVar

import aiosqlite

from dmscan.clock import Clock
from dmscan.history import faults, place, schema

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

STEP_S = 0.25
"""How long SQLite itself waits for a lock: short, so that nobody who stops waits longer than that."""
HURRY_S = 0.75
"""How long all who stop wait for a lock, together: two seconds are what a stop may take."""


class Database:
    """Open inside `async with`. `times_ms` are the latest transactions on the thread, in milliseconds, `path` is absolute.

    Every call raises HistoryError if the file cannot be used; a file locked elsewhere is tried for `patience_s` seconds.
    """

    _thread: threading.Thread
    _sqlite: sqlite3.Connection
    _file: place.FileId

    def __init__(self, path: Path, clock: Clock, patience_s: float = 5.0) -> None:
        self.times_ms: deque[float] = deque(maxlen=1000)
        self.path = path.absolute()
        self._clock = clock
        self._tries, self._hurries_at = max(1, ceil(patience_s / STEP_S)), inf
        self._connection = aiosqlite.Connection(self._connect, 1)

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    def hurry(self) -> None:
        """A locked file is waited for a moment more, by who waits for it already too, and then tried once: somebody wants to stop."""
        self._hurries_at = min(self._hurries_at, self._clock.monotonic() + HURRY_S)

    async def run(self, work: Work[T]) -> T:
        """`work` on the database thread, tried again while another connection holds the lock."""
        tried = 0
        while True:
            begun = self._clock.monotonic()
            try:
                return await self._on_thread(work)
            except faults.FAULTS as error:
                tried += 1
                is_over = tried >= self._tries or self._clock.monotonic() >= self._hurries_at
                if is_over or not faults.is_busy(error):
                    raise self._fault(error) from error
            # Where waiting could deadlock SQLite gives up at once: the rest of the step is waited here.
            await self._clock.sleep(max(0.0, STEP_S - (self._clock.monotonic() - begun)))

    async def write(self, work: Work[T]) -> T:
        """`work` in one transaction, wholly stored or not at all, also if the caller is cancelled."""
        return await self.run(partial(self._transaction, work))

    async def _open(self) -> None:
        try:
            await _to_the_end(self._connection)
        except faults.FAULTS as error:
            raise faults.translated(self.path, error) from error
        await self.run(partial(schema.prepare, path=self.path))

    def _connect(self) -> sqlite3.Connection:
        self._thread = threading.current_thread()
        self._file = place.claim(self.path)
        self._sqlite = sqlite3.connect(self.path, timeout=STEP_S, isolation_level=None)
        return self._sqlite

    async def _on_thread(self, work: Work[T]) -> T:
        # aiosqlite has no public way to run a function on its thread, and separate calls would let a cancelled caller leave
        # a transaction open. As one function it comes to its COMMIT or ROLLBACK after the caller has left.
        result: T = await self._connection._execute(lambda: work(self._sqlite))  # type: ignore[no-untyped-call]  # noqa: SLF001
        return result

    def _transaction(self, work: Work[T], connection: sqlite3.Connection) -> T:
        begun = self._clock.monotonic()
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            if self._is_moved():
                raise faults.moved(self.path)
            connection.execute("COMMIT")
        finally:
            # After a full disk SQLite has rolled back by itself, and a second ROLLBACK would raise.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        self.times_ms.append((self._clock.monotonic() - begun) * 1000)
        return result

    def _fault(self, error: Exception) -> Exception:
        return faults.moved(self.path) if self._is_moved() else faults.translated(self.path, error)

    def _is_moved(self) -> bool:
        return place.file_id(self.path) != self._file

    def _close(self) -> None:
        """Waits for the thread without giving way to the loop: a cancellation here would leave the thread, and so the process, running."""
        self._connection.stop()
        self._thread.join()


async def _to_the_end(work: Awaitable[Any]) -> None:
    """Awaits `work` even if the caller is cancelled meanwhile; he is told afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled:
        raise cancelled

"""One writer for what is learnt on the way: notes are queued at once and stored later, a transaction for many."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial

from dmscan.errors import HistoryError
from dmscan.history import sources
from dmscan.history.database import Database

BATCH_ROWS = 2_500
"""So many queued rows are stored without waiting for more: one row a commit takes 66 times as long as a thousand, and new titles lie
all over their index, each of whose pages is written once a commit."""
LONGEST_WAIT_S = 2.5
MOST_ROWS = 50_000
"""The queue is full with these, some 15 MB of quotes: most of a minute of the market's fastest answers."""

Note = Callable[[sqlite3.Connection, int], None]
"""Stores something for the source whose row id is the second argument."""


class Writer:
    """Stores notes in their order, in batches, by one task of the running loop at a time.

    A batch that fails is remembered, with it all that is queued and noted until `flush` has told of it is dropped.
    """

    def __init__(self, database: Database, source: str) -> None:
        self._database, self._source = database, source
        self._notes: list[Note] = []
        self._rows = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._fault: HistoryError | None = None

    def add(self, note: Note, rows: int) -> None:
        """Queues a note of about so many rows; never waits and never raises."""
        if self._fault:
            return
        if self._rows >= MOST_ROWS:
            what = "The history could not be written as fast as the market was read, so what was learnt is not kept whole"
            self._fail(HistoryError(f"{what}; check its disk."))
            return
        self._notes.append(note)
        self._rows += rows
        self._arm()

    async def flush(self) -> None:
        """Returns when everything queued is stored. Raises the HistoryError that kept something from it, once."""
        while self._notes or self._writing:
            # Who is cancelled here leaves the batch to itself.
            await asyncio.shield(self._start())
        fault, self._fault = self._fault, None
        if fault:
            raise fault

    async def close(self) -> None:
        """Ends the task; a transaction under way is still finished, what is queued is dropped."""
        self._fail(HistoryError("The history is closed."))
        if self._writing:
            self._writing.cancel()
            await asyncio.wait({self._writing})

    def _arm(self) -> None:
        if self._rows >= BATCH_ROWS:
            self._start()
        elif self._notes and not self._timer:
            self._timer = asyncio.get_running_loop().call_later(LONGEST_WAIT_S, self._start)

    def _start(self) -> asyncio.Task[None]:
        if not self._writing:
            self._writing = asyncio.create_task(self._write())
        return self._writing

    async def _write(self) -> None:
        notes = self._take()
        try:
            await self._database.write(partial(_store, self._source, notes))
        except HistoryError as error:
            self._fail(error)
        self._writing = None
        self._arm()

    def _take(self) -> list[Note]:
        """Everything queued, which then waits for nothing any more."""
        if self._timer:
            self._timer.cancel()
        notes, self._notes, self._rows, self._timer = self._notes, [], 0, None
        return notes

    def _fail(self, error: HistoryError) -> None:
        self._fault = error
        self._take()


def _store(source: str, notes: list[Note], connection: sqlite3.Connection) -> None:
    number = sources.number(connection, source)
    for note in notes:
        note(connection, number)

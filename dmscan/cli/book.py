"""What a scan tells the history, and what the history cannot take: a trouble of the scan, never its end."""

from __future__ import annotations

from contextlib import AsyncExitStack

import msgspec
from msgspec import structs

from dmscan import __version__
from dmscan.cli.desk import Desk
from dmscan.cli.task import Task
from dmscan.clock import Clock
from dmscan.core.report import ScanReport
from dmscan.errors import ExitCode, HistoryError, HistoryTooNew
from dmscan.history.lock import command_lock
from dmscan.history.store import History, ScanEnd, ScanStart, open_history
from dmscan.render import records


class Book:
    """The history as far as it can be used: what fails becomes a trouble of the scan, never its end."""

    def __init__(self, task: Task, desk: Desk) -> None:
        self.history: History | None = None
        self._task, self._desk = task, desk
        self._start = ScanStart(desk.scan_id, 0, "", __version__)

    async def open(self, stack: AsyncExitStack, clock: Clock) -> None:
        """Raises Locked and HistoryTooNew: with those nothing may be scanned."""
        if not self._task.store:
            return
        try:
            stack.enter_context(command_lock(self._task.settings.database, self._task.wait_s))
            self.history = await stack.enter_async_context(open_history(self._task.settings.database, self._task.source, clock))
        except HistoryTooNew:
            raise
        except HistoryError as error:
            self._desk.trouble(error)

    def hurry(self) -> None:
        """From now on nobody waits long for a history that another program holds."""
        if self.history:
            self.history.hurry()

    async def begin(self, started_at: int) -> None:
        """So that a scan that dies is known too."""
        asked = msgspec.json.encode(records.request(self._task.request)).decode()
        self._start = structs.replace(self._start, started_at=started_at, request=asked)
        if self.history:
            try:
                if self._task.since_last:
                    self._desk.earlier = await self.history.memory.last_found(asked) or {}
                await self.history.begin(self._start)
            except HistoryError as error:
                self._desk.trouble(error)

    async def record(self, report: ScanReport, code: ExitCode) -> ScanReport:
        """The report with the database's times and troubles, stored."""
        if self.history:
            try:
                await self.history.memory.flush()
            except HistoryError as error:
                self._desk.trouble(error)
            report = structs.replace(report, stats=structs.replace(report.stats, db_ms=self.history.db_ms))
            telling = self._task.notices.telling if self._task.notices else None
            stats = msgspec.json.encode(records.stats(report.stats, report.seconds_for_all)).decode()
            try:
                await self.history.record(self._start, report, ScanEnd(code, stats, telling))
            except HistoryError as error:
                self._desk.trouble(error)
        return structs.replace(report, troubles=(*report.troubles, *self._desk.troubles))

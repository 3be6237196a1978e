"""One scan from task to exit code: lock, history, market, scan, store, print."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace

import msgspec
from msgspec import structs

from dmscan import __version__
from dmscan.cli.beside import sandbox_beside
from dmscan.cli.desk import Desk
from dmscan.cli.signals import stopping
from dmscan.cli.task import Task
from dmscan.clock import Clock
from dmscan.core.report import ScanReport
from dmscan.errors import ExitCode, HistoryError, HistoryTooNew, most_specific
from dmscan.history.lock import scan_lock
from dmscan.history.store import History, ScanEnd, ScanStart, open_history
from dmscan.render import records
from dmscan.scanner import Scan
from dmscan.wiring import open_market, peak_memory_mb


async def perform(task: Task) -> ExitCode:
    """Runs the scan, stores it, prints it; what was found is printed even if it could not be stored."""
    clock = Clock()
    desk = Desk(task, clock)
    async with AsyncExitStack() as stack:
        book = Book(task, desk)
        await book.open(stack, clock)
        settings = replace(task.settings, api_url=await stack.enter_async_context(sandbox_beside())) if task.sandbox else task.settings
        rate = task.request.rate if task.request.rate_set else None
        market = await stack.enter_async_context(open_market(settings, rate, clock, task.request.max_requests))
        scan = Scan(task.request, market, clock, desk, book.history.memory if book.history else None)
        with stopping(scan.stop) as caught, desk.bar():
            desk.begin(scan.stop.set)
            await book.begin(clock.seconds())
            report = await scan.run(desk.scan_id, task.source)
        report = structs.replace(report, stats=structs.replace(report.stats, rss_mb=peak_memory_mb()))
        report = await book.record(report, most_specific((*caught.codes, report.exit_code(fail_empty=task.fail_empty))))
    if caught.codes:
        desk.note("stopped early; what was certain by then is shown.")
    if market.warning:
        desk.note(market.warning)
    desk.tell_effort(report)
    desk.tell_troubles(report)
    desk.show(report)
    return most_specific((*caught.codes, report.exit_code(fail_empty=task.fail_empty)))


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
            stack.enter_context(scan_lock(self._task.settings.database, self._task.wait_s))
            self.history = await stack.enter_async_context(open_history(self._task.settings.database, self._task.source, clock))
        except HistoryTooNew:
            raise
        except HistoryError as error:
            self._desk.trouble(error)

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
            stats = msgspec.json.encode(records.stats(report.stats, report.seconds_for_all)).decode()
            try:
                await self.history.record(self._start, report, ScanEnd(code, stats))
            except HistoryError as error:
                self._desk.trouble(error)
        return structs.replace(report, troubles=(*report.troubles, *self._desk.troubles))

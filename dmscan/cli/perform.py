"""One scan from task to exit code: lock, history, market, scan, store, print."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace

from msgspec import structs

from dmscan.cli.beside import sandbox_beside
from dmscan.cli.book import Book
from dmscan.cli.desk import Desk
from dmscan.cli.signals import stopping
from dmscan.cli.task import Task
from dmscan.clock import Clock
from dmscan.errors import ExitCode, most_specific
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

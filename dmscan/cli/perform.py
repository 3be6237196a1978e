"""One scan from task to exit code: lock, history, market, scan, store, print, tell."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from dataclasses import replace

from msgspec import structs

from dmscan.cli.beside import sandbox_beside
from dmscan.cli.book import Book
from dmscan.cli.desk import Desk
from dmscan.cli.heartbeat import Heartbeat
from dmscan.cli.metrics import write_failure, write_scan
from dmscan.cli.signals import stopping
from dmscan.cli.task import Task
from dmscan.clock import Clock
from dmscan.core.report import ScanReport
from dmscan.errors import DmscanError, ExitCode, Locked, OutputError, most_specific
from dmscan.history.store import History
from dmscan.scanner import Scan
from dmscan.wiring import foresee, open_market, peak_memory_mb


async def perform(task: Task) -> ExitCode:
    """Runs the scan, stores it, prints it, tells it; what was found is printed even if it could not be stored or told."""
    clock = Clock()
    await clock.sleep(task.jitter_s * random.random())
    desk = Desk(task, clock)
    heartbeat = Heartbeat(task.settings.ping_url, desk.scan_id, desk.warn)
    try:
        report, code = await _perform(task, desk, clock, heartbeat)
    except DmscanError as error:
        if task.metrics:
            write_failure(task.metrics, clock.seconds(), error.exit_code)
        if not isinstance(error, Locked):
            await heartbeat.end(error.exit_code, why=str(error))
        raise
    if task.metrics:
        try:
            write_scan(task.metrics, report, code)
        except OutputError as error:
            desk.broken = desk.broken or error
    await heartbeat.end(code, report)
    if desk.broken and code is desk.broken.exit_code:
        raise desk.broken
    return code


async def _perform(task: Task, desk: Desk, clock: Clock, heartbeat: Heartbeat) -> tuple[ScanReport, ExitCode]:
    foresee(task.settings)
    async with AsyncExitStack() as stack:
        book = Book(task, desk)
        await book.open(stack, clock)
        heartbeat.begin()
        settings = replace(task.settings, api_url=await stack.enter_async_context(sandbox_beside())) if task.sandbox else task.settings
        rate = task.request.rate if task.request.rate_set else None
        market = await stack.enter_async_context(open_market(settings, rate, clock, task.request.max_requests))
        scan = Scan(task.request, market, clock, desk, book.history.memory if book.history else None)
        with stopping(scan.stop, book.hurry) as caught:
            with desk.bar():
                desk.begin(scan.stop.set)
                await book.begin(clock.seconds())
                report = await scan.run(desk.scan_id, task.source)
            stopped = bool(caught.codes)
            report = structs.replace(report, stats=structs.replace(report.stats, rss_mb=peak_memory_mb()))
            report = await book.record(report, most_specific((*caught.codes, report.exit_code(fail_empty=task.fail_empty))))
        desk.tell(report, market.warning, stopped=stopped)
        desk.show(report)
        codes = [*caught.codes, report.exit_code(fail_empty=task.fail_empty)]
        if book.history and not caught.codes:
            codes += await _notify(task, desk, clock, book.history)
    if desk.broken:
        codes.append(desk.broken.exit_code)
    return report, most_specific(codes)


async def _notify(task: Task, desk: Desk, clock: Clock, history: History) -> tuple[ExitCode | int, ...]:
    """Sends what this scan and earlier ones left to be told; a signal leaves the rest to the next one."""
    if task.notices is None:
        return ()
    stop = asyncio.Event()
    with stopping(stop) as caught:
        code = await task.notices.send(history, clock, stop, desk.warn)
    return (*caught.codes, code)

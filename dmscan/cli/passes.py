"""A watch from its order to its exit code: lock, history and market opened once, then pass after pass."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from msgspec import structs

from dmscan import scanner
from dmscan.cli.beside import sandbox_beside
from dmscan.cli.book import Book
from dmscan.cli.bulletin import Bulletin, Lines
from dmscan.cli.desk import Desk
from dmscan.cli.order import Order
from dmscan.cli.sequel import Sequel
from dmscan.cli.signals import stopping
from dmscan.cli.task import Task
from dmscan.clock import Clock
from dmscan.core.models import Opportunity
from dmscan.core.report import Progress, ScanReport
from dmscan.errors import ExitCode, HistoryError, HistoryTooNew, most_specific
from dmscan.history.lock import command_lock
from dmscan.history.store import History, open_history
from dmscan.watch import Watch
from dmscan.wiring import open_market, peak_memory_mb


class Market(scanner.Market, Protocol):
    """What scan after scan asks of one market."""

    def recount(self) -> None: ...


async def perform(ordered: Order) -> ExitCode:
    """Watches until it is told to stop or the passes are over. Raises Locked and HistoryTooNew before anything is asked."""
    clock, planned = Clock(), ordered.pass_
    board = _bulletin(ordered, clock)
    async with AsyncExitStack() as stack:
        history, broken = await _history(stack, planned, clock, board)
        settings = planned.settings
        if planned.sandbox:
            settings = replace(settings, api_url=await stack.enter_async_context(sandbox_beside()))
        rate = planned.request.rate if planned.request.rate_set else None
        market = await stack.enter_async_context(open_market(settings, rate, clock, planned.request.max_requests))
        sequel = Sequel(planned, history, clock, board.warn)
        passes = Passes(planned, market, history, clock, (board, sequel))
        watch = Watch(passes.scan, ordered.schedule, clock, board, random.random)
        with sequel.serving(ordered.port), stopping(watch.stop, history.hurry) as caught, board.open(lambda: market.pace, watch.stop.set):
            code = await watch.run()
            await sequel.end()
    if market.warning:
        board.note(market.warning)
    if board.broken:
        raise board.broken
    return most_specific((*caught.codes, code, sequel.code, *broken))


class Passes:
    """One pass after the other, each stored as a scan of its own; nothing of a pass is kept but what the caches hold."""

    def __init__(self, planned: Task, market: Market, history: History, clock: Clock, after: tuple[Bulletin, Sequel]) -> None:
        self._task, self._market, self._history, self._clock = planned, market, history, clock
        self._board, self._sequel = after

    async def scan(self, stop: asyncio.Event, found: Callable[[Opportunity], None]) -> ScanReport:
        """The report of one pass, stored as far as it could be."""
        desk = Desk(self._task, self._clock)
        book = Book(self._task, desk)
        book.history = self._history
        self._market.recount()
        self._board.begin_pass(desk.scan_id)
        scan = scanner.Scan(self._task.request, self._market, self._clock, Heard(found, self._board.progress), self._history.memory)
        stopped = asyncio.create_task(_hand_on(stop, scan.stop))
        try:
            await book.begin(self._clock.seconds())
            report = await scan.run(desk.scan_id, self._task.source)
        finally:
            stopped.cancel()
        report = structs.replace(report, stats=structs.replace(report.stats, rss_mb=peak_memory_mb()))
        report = await book.record(report, report.exit_code())
        self._sequel.passed(report)
        return report


@dataclass(frozen=True, slots=True)
class Heard:
    """The listener of one pass."""

    found: Callable[[Opportunity], None]
    progress: Callable[[Progress], None]


def _bulletin(ordered: Order, clock: Clock) -> Bulletin:
    if ordered.format_ == "table":
        from dmscan.cli.live import Live

        return Live(ordered, clock)
    return Lines(ordered, clock) if ordered.format_ == "ndjson" else Bulletin(ordered, clock)


async def _hand_on(stop: asyncio.Event, to: asyncio.Event) -> None:
    """A pass may stop without the watch, but not the other way round."""
    await stop.wait()
    to.set()


async def _history(stack: AsyncExitStack, planned: Task, clock: Clock, board: Bulletin) -> tuple[History, tuple[ExitCode, ...]]:
    """Where the watch remembers, and the exit code if that is not where it should be: one that goes with it, in a temporary folder."""
    broken: tuple[ExitCode, ...] = ()
    if planned.store:
        try:
            stack.enter_context(command_lock(planned.settings.database, planned.wait_s, "watch"))
            return await stack.enter_async_context(open_history(planned.settings.database, planned.source, clock)), broken
        except HistoryTooNew:
            raise
        except HistoryError as error:
            board.warn(f"{error} Nothing is stored.")
            broken = (error.exit_code,)
    folder = stack.enter_context(TemporaryDirectory(prefix="dmscan-"))
    return await stack.enter_async_context(open_history(Path(folder) / "history.db", planned.source, clock)), broken

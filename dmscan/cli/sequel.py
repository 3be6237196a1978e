"""What follows each pass of a watch beside its storing: metrics, the monitor's ping, messages. None of it holds up the next pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dmscan.cli.heartbeat import Heartbeat
from dmscan.cli.metrics import serve_metrics, write_metrics
from dmscan.cli.task import Task
from dmscan.clock import Clock
from dmscan.core.report import ScanReport
from dmscan.errors import ExitCode, OutputError
from dmscan.history.store import History
from dmscan.render.metrics import Course


class Sequel:
    """Of one watch. A trouble is told once, and again only when it was gone in between; `code` is what it leaves behind."""

    def __init__(self, planned: Task, history: History, clock: Clock, tell: Callable[[str], None]) -> None:
        self.code = ExitCode.OK
        self._task, self._history, self._clock, self._tell = planned, history, clock, tell
        self._course = Course()
        self._stop = asyncio.Event()
        self._under_way: asyncio.Task[None] | None = None
        self._told: frozenset[str] = frozenset()
        self._troubles: set[str] = set()

    @contextmanager
    def serving(self, port: int | None) -> Iterator[None]:
        """The metrics so far on a port of loopback, if one is given. Raises SettingsError."""
        if port is None:
            yield
            return
        with serve_metrics(port, lambda: self._course.text):
            yield

    def passed(self, report: ScanReport) -> None:
        """A pass is over and stored. Whoever is still being told of the one before hears of this one with the next."""
        code = report.exit_code()
        self._course.add(report, code)
        if self._task.metrics:
            try:
                write_metrics(self._task.metrics, self._course.text)
            except OutputError as error:
                self._troubles.add(str(error))
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._follow(report, code))

    async def end(self) -> None:
        """What is being sent gets a second; what is left is sent by the next watch or scan."""
        self._stop.set()
        if self._under_way:
            await asyncio.wait({self._under_way}, timeout=1)

    async def _follow(self, report: ScanReport, code: ExitCode) -> None:
        await Heartbeat(self._task.settings.ping_url, report.scan_id, self._troubles.add).end(code, report)
        if self._task.notices:
            self.code = await self._task.notices.send(self._history, self._clock, self._stop, self._troubles.add)
        for trouble in self._troubles - self._told:
            self._tell(trouble)
        self._told, self._troubles = frozenset(self._troubles), set()

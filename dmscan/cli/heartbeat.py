"""What a monitor of cron jobs hears of a scan: that it began and how it ended (design chapter 9). Nothing of it changes an exit code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dmscan.core.report import ScanReport
from dmscan.errors import ExitCode
from dmscan.settings import Secret

WIDTH = 100
"""Cells of a line of the summary, which is the scan as a table."""


class Heartbeat:
    """Of one run; `tell` hears what went wrong with it. Without a URL it does nothing."""

    def __init__(self, url: Secret | None, run_id: str, tell: Callable[[str], None]) -> None:
        self._url, self._run_id, self._tell = url, run_id, tell
        self._begun: asyncio.Task[str] | None = None

    def begin(self) -> None:
        """Not waited for: it must not hold up the scan."""
        if self._url:
            from dmscan.notify import ping

            self._begun = asyncio.create_task(ping.start(self._url.reveal(), self._run_id))

    async def end(self, code: ExitCode, report: ScanReport | None = None, why: str = "") -> None:
        """With the scan's summary, or the sentence that says why there is none."""
        if not self._url:
            return
        from dmscan.notify import ping
        from dmscan.render.table import as_table  # it loads rich

        troubles = [await self._begun] if self._begun else []
        troubles.append(await ping.finish(self._url.reveal(), self._run_id, code, as_table(report, WIDTH, color=False) if report else why))
        for trouble in dict.fromkeys(filter(None, troubles)):
            self._tell(trouble)

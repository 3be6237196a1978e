"""Progress on stderr, on a terminal only."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from dmscan.core import report


class Bar:
    """A line that tells how far a scan is, at which rate, and when it will be done; gone when it is."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn(), TextColumn("{task.fields[ahead]}"))
        self._progress = Progress(*columns, console=Console(file=sys.stderr, markup=False), transient=True)
        self._task = self._progress.add_task("sweeping", total=None, ahead="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def update(self, seen: report.Progress) -> None:
        took = self._progress.tasks[0].elapsed or 0
        calls = f"{seen.found} found, {seen.sent} calls" + (f" at {seen.sent / took:.1f}/s" if took >= 1 else "")
        if seen.sweeping:
            self._progress.update(self._task, description=f"sweeping: {seen.titles:,} titles, {seen.candidates:,} candidates", ahead=calls)
            return
        seconds = seen.seconds_left or 0
        ahead = f"{calls}, {seconds // 60}:{seconds % 60:02} for all"
        description = f"confirming: {seen.judged:,} of {seen.candidates:,}"
        self._progress.update(self._task, description=description, ahead=ahead, total=seen.candidates, completed=seen.judged)

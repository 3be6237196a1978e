"""A watch on a terminal: one screen kept up to date, the last of which stays."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper

import rich.live
from msgspec.structs import replace
from rich.console import Console
from rich.text import Text

from dmscan.cli.bulletin import Bulletin
from dmscan.cli.order import Order
from dmscan.clock import Clock
from dmscan.core.events import Event, Passed
from dmscan.core.outage import Outage
from dmscan.core.report import Progress
from dmscan.errors import OutputError
from dmscan.render.board import Board, State

EVERY_S = 1.0
"""How often the screen is drawn while nothing happens."""


class Live(Bulletin):
    """The events as a table on stdout."""

    def __init__(self, ordered: Order, clock: Clock) -> None:
        super().__init__(ordered, clock)
        self._board = Board(self._task.source, self._task.request)
        self._state = State()
        self._due: float | None = None
        self._console = Console(no_color=not ordered.color, markup=False, highlight=False, emoji=False, legacy_windows=False)
        self._live = rich.live.Live(
            console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=os.isatty(2), vertical_overflow="crop"
        )

    @contextmanager
    def open(self, pace: Callable[[], float], stop: Callable[[], None]) -> Iterator[None]:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        with super().open(pace, stop):
            self._live.start()
            # A second Ctrl-C ends the program at once, and then nobody would show the cursor again.
            self._console.show_cursor()
            drawing = asyncio.create_task(self._keep_drawing())
            try:
                yield
            finally:
                drawing.cancel()
                self._due, self._state = None, replace(self._state, ended=True)
                self._draw()
                with suppress(OSError):
                    self._live.stop()

    def progress(self, progress: Progress) -> None:
        self._state = replace(self._state, progress=progress)

    def event(self, event: Event) -> None:
        self._board.event(event, self._state.number)

    def passed(self, passed: Passed) -> None:
        super().passed(passed)
        self._board.passed(passed.open, passed.number)
        self._due = None if passed.next_in_s is None else self._clock.monotonic() + passed.next_in_s
        self._state = replace(self._state, progress=None, passed=passed, number=passed.number + (self._due is not None))
        self._draw()

    def down(self, outage: Outage) -> None:
        super().down(outage)
        self._state = replace(self._state, down=outage)

    def recovered(self, outage: Outage, now: int) -> None:
        super().recovered(outage, now)
        self._state = replace(self._state, down=None)

    async def _keep_drawing(self) -> None:
        while not self.broken:
            self._draw()
            await asyncio.sleep(EVERY_S)

    def _draw(self) -> None:
        self._print(self._drawn)

    def _drawn(self) -> None:
        """Raises OutputError."""
        next_in_s = None if self._due is None else self._due - self._clock.monotonic()
        width, height = self._console.size
        state = replace(self._state, next_in_s=next_in_s)
        text = self._board.text(state, self._clock.seconds(), (width, height), self._ordered.color, self._ordered.limit)
        try:
            self._live.update(Text.from_ansi(text), refresh=True)
        except OSError as error:
            raise OutputError(f"stdout cannot be written: {error.strerror}.") from error

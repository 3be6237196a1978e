"""Passes over the market again and again: what is new, better or gone is told as soon as it is certain (design chapter 7)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from dmscan.clock import Clock
from dmscan.core.episodes import Terms
from dmscan.core.events import Better, Event, Gone, New, Open, Passed, Told, hear, settle
from dmscan.core.models import Opportunity
from dmscan.core.outage import Outage, gap_s, outage
from dmscan.core.report import ScanReport
from dmscan.errors import ExitCode, most_specific

JITTER = 0.1
"""So much of the time between two passes is left to chance, either way."""
BUGS_IN_A_ROW = 3
PASSING = frozenset({ExitCode.PARTIAL, ExitCode.NOTHING_FOUND})
"""A watch goes on when something is missing in a pass, so that is no matter of its end."""

Scan = Callable[[asyncio.Event, Callable[[Opportunity], None]], Awaitable[ScanReport]]
"""One pass. It ends early when the event is set, and hands over each find as soon as it is certain."""


class Schedule(Struct, frozen=True):
    """How often passes begin (seconds), how many there are (`None`: no end), and what their finds rest on."""

    every_s: int
    passes: int | None
    terms: Terms


class Listener(Protocol):
    """Who is told. An outage begins, changes its cause, or is over; a bug cost one pass."""

    def event(self, event: Event) -> None: ...
    def passed(self, passed: Passed) -> None: ...
    def down(self, outage: Outage) -> None: ...
    def recovered(self, outage: Outage, now: int) -> None: ...
    def bug(self, error: Exception) -> None: ...


class Watch:
    """Passes until there have been enough or `stop` is set. `draw` gives numbers from 0 up to 1 that spread the passes."""

    def __init__(self, scan: Scan, schedule: Schedule, clock: Clock, listener: Listener, draw: Callable[[], float]) -> None:
        self._scan, self._schedule, self._clock, self._listener, self._draw = scan, schedule, clock, listener, draw
        self._open: Open = {}
        self._down: Outage | None = None
        self._bugs = 0
        self._tally: dict[type[Event], int] = {New: 0, Better: 0, Gone: 0}
        self.stop = asyncio.Event()

    async def run(self) -> ExitCode:
        """What still went wrong in the last pass, `OK` if nothing did. Raises the bug that came a third time in a row."""
        number, report = 0, None
        while not self.stop.is_set():
            number += 1
            began = self._clock.monotonic()
            report = await self._pass()
            is_last = self.stop.is_set() or number == self._schedule.passes
            pause = None if is_last else max(0.0, began + self._gap() - self._clock.monotonic())
            self._tell_passed(number, report, pause)
            if pause is None:
                return _code(report)
            await self._wait(pause)
        self._tally = dict.fromkeys(self._tally, 0)
        self._tell_passed(number + 1, None, None)
        return _code(report)

    async def _pass(self) -> ScanReport | None:
        self._tally = dict.fromkeys(self._tally, 0)
        try:
            report = await self._scan(self.stop, self._found)
            self._tell(settle(self._open, report, self._clock.seconds()))
        except Exception as error:
            self._bugs += 1
            if self._bugs >= BUGS_IN_A_ROW:
                raise
            self._listener.bug(error)
            return None
        self._bugs = 0
        if not self.stop.is_set():
            self._look_for_outage(report)
        return report

    def _found(self, opportunity: Opportunity) -> None:
        self._tell(hear(self._open, opportunity, self._schedule.terms, self._clock.seconds()))

    def _tell(self, told: Told) -> None:
        self._open = told.open
        for event in told.events:
            self._tally[type(event)] += 1
            self._listener.event(event)

    def _tell_passed(self, number: int, report: ScanReport | None, next_in_s: float | None) -> None:
        tally = self._tally
        self._listener.passed(Passed(number, report, self._open, tally[New], tally[Better], tally[Gone], next_in_s))

    def _look_for_outage(self, report: ScanReport) -> None:
        before, self._down = self._down, outage(report, self._down)
        if self._down and (before is None or before.code is not self._down.code):
            self._listener.down(self._down)
        elif before and self._down is None:
            self._listener.recovered(before, self._clock.seconds())

    def _gap(self) -> float:
        spread = 2 * min(1.0, max(0.0, self._draw())) - 1
        return gap_s(self._schedule.every_s, self._down) * (1 + JITTER * spread)

    async def _wait(self, seconds: float) -> None:
        stopped = asyncio.ensure_future(self.stop.wait())
        await asyncio.wait({stopped}, timeout=seconds)
        stopped.cancel()


def _code(report: ScanReport | None) -> ExitCode:
    """That nothing came, or nothing could be stored, is what the last pass leaves behind."""
    if report is None:
        return ExitCode.OK
    unstored = (trouble.code for trouble in report.troubles if trouble.code is ExitCode.NOT_STORED)
    return most_specific({report.exit_code(), *unstored} - PASSING)

"""What a watch says: events as lines of JSON or as a table kept up to date, notes and troubles on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from dmscan.cli import log
from dmscan.cli.order import Order
from dmscan.cli.output import Stream
from dmscan.cli.teller import Teller
from dmscan.clock import Clock
from dmscan.core.events import Event, Passed
from dmscan.core.models import Game
from dmscan.core.outage import Outage
from dmscan.core.report import Progress, ScanReport, Trouble
from dmscan.errors import ExitCode
from dmscan.render import events
from dmscan.render.text import age, minute

PATIENCE_S = 1.0
"""So long a watch that ends waits for whoever reads it."""
Kind = tuple[ExitCode, Game | None, str]
OF_AN_OUTAGE = frozenset(
    {ExitCode.NO_DATA, ExitCode.RATE_LIMITED, ExitCode.KEY_REFUSED, ExitCode.CLOCK_SKEWED, ExitCode.API_CHANGED, ExitCode.PARTIAL}
)
"""Told once when the outage begins, and not in each of its passes."""


class Bulletin(Teller):
    """The watch's listener; this one prints nothing but troubles.

    A trouble is told when it was not there in the pass before.
    """

    def __init__(self, ordered: Order, clock: Clock) -> None:
        super().__init__(ordered.pass_)
        self._ordered, self._clock = ordered, clock
        self._scan_id = ""
        self._pace: Callable[[], float] = lambda: 0.0
        self._down: Outage | None = None
        self._troubles: frozenset[Kind] = frozenset()

    @contextmanager
    def open(self, pace: Callable[[], float], stop: Callable[[], None]) -> Iterator[None]:
        """Says what there is to say before the first answer; `pace` tells the requests a second, `stop` ends the watch."""
        self._pace, self._stop = pace, stop
        if self._task.verbose:
            log.hear_requests()
        for note in self._task.notes:
            self.note(note)
        if self._task.verbose:
            store = str(self._task.settings.database) if self._task.store else "nothing"
            self.note(f"watching {self._task.source} every {age(self._ordered.schedule.every_s)}, storing into {store}")
        yield

    def begin_pass(self, scan_id: str) -> None:
        self._scan_id = scan_id
        log.about(scan_id=scan_id, source=self._task.source)

    def progress(self, progress: Progress) -> None:
        pass

    def event(self, event: Event) -> None:
        pass

    def passed(self, passed: Passed) -> None:
        if passed.report:
            self._tell_troubles(passed.report)

    def down(self, outage: Outage) -> None:
        self._down = outage
        self.warn(f"no usable data since {minute(outage.since)}: {outage.message} The watch goes on.", "outage", code=outage.code)

    def recovered(self, outage: Outage, now: int) -> None:
        self._down = None
        self.warn(f"recovered after {age(now - outage.since)}.", "recovered")

    def bug(self, error: Exception) -> None:
        self.warn(f"this is a bug ({type(error).__name__}); the watch goes on, and ends with the third in a row. Report it.", "bug")

    def calls_left(self, passed: Passed) -> int | None:
        """How many calls more the market would let through until the next pass, within --max-requests."""
        if passed.next_in_s is None:
            return None
        room, most = int(self._pace() * passed.next_in_s), self._task.request.max_requests
        sent = passed.report.stats.traffic.sent if passed.report else 0
        return room if most is None else min(room, max(0, most - sent))

    def _tell_troubles(self, report: ScanReport) -> None:
        troubles = [trouble for trouble in report.troubles if not (self._down and trouble.code in OF_AN_OUTAGE)]
        for trouble in troubles:
            if _kind(trouble) not in self._troubles:
                self.tell_trouble(trouble)
        self._troubles = frozenset(map(_kind, troubles))


class Lines(Bulletin):
    """Events as lines of JSON on stdout."""

    def __init__(self, ordered: Order, clock: Clock) -> None:
        super().__init__(ordered, clock)
        self._stream = Stream()

    @contextmanager
    def open(self, pace: Callable[[], float], stop: Callable[[], None]) -> Iterator[None]:
        with super().open(pace, stop):
            schedule, now = self._ordered.schedule, self._clock.seconds()
            self._write(events.line_started(self._task.source, now, schedule.every_s, schedule.passes, self._task.request))
            try:
                yield
            finally:
                self._print(partial(self._stream.close, PATIENCE_S))

    def event(self, event: Event) -> None:
        self._write(events.line_event(event, self._scan_id, self._task.source))

    def passed(self, passed: Passed) -> None:
        super().passed(passed)
        self._write(events.line_pass(passed, self._clock.seconds(), self.calls_left(passed)))

    def _write(self, line: str) -> None:
        self._print(lambda: self._stream.write(line))


def _kind(trouble: Trouble) -> Kind:
    return (trouble.code, trouble.game, trouble.endpoint)

"""What one scan says while it runs: finds as NDJSON lines, progress on a terminal, notes and troubles on stderr."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from msgspec.structs import replace

from dmscan.cli import log
from dmscan.cli.form import Lines
from dmscan.cli.task import Task
from dmscan.cli.teller import Teller
from dmscan.clock import Clock
from dmscan.core.episodes import Key
from dmscan.core.models import Opportunity
from dmscan.core.money import Cents
from dmscan.core.report import Progress, ScanReport, Trouble
from dmscan.errors import DmscanError
from dmscan.render.health import health_lines


class Desk(Teller):
    """The scanner's listener. `earlier` are the net profits of the scan before, with --since-last: only what is new or better is shown."""

    def __init__(self, task: Task, clock: Clock) -> None:
        super().__init__(task)
        self.scan_id = str(uuid.uuid4())
        self.troubles: list[Trouble] = []
        self.earlier: Mapping[Key, Cents] = {}
        self._clock = clock
        self._lines = Lines(task.form, self.scan_id, task.source)
        self._show: Callable[[Progress], None] = lambda _: None

    def begin(self, stop: Callable[[], None]) -> None:
        """Says what there is to say before the first answer; `stop` ends the scan."""
        self._stop = stop
        log.about(scan_id=self.scan_id, source=self._task.source)
        if self._task.verbose:
            log.hear_requests()
        for note in self._task.notes:
            self.note(note)
        if self._task.verbose:
            store = str(self._task.settings.database) if self._task.store else "nothing"
            request = self._task.request
            pace = f"at {float(request.rate):g} requests a second" if request.rate_set else "as fast as its limits allow"
            self.note(f"scanning {self._task.source} {pace}, storing into {store}")
        self._print(lambda: self._lines.begin(self._clock.seconds(), self._task.request))

    def found(self, opportunity: Opportunity) -> None:
        if self._is_news(opportunity):
            self._print(lambda: self._lines.found(opportunity, self._clock.seconds()))

    def progress(self, progress: Progress) -> None:
        self._show(progress)

    def trouble(self, error: DmscanError) -> None:
        """Notes what went wrong beside the scan; it is told with the scan's own troubles."""
        self.troubles.append(Trouble(error.exit_code, str(error)))

    def tell(self, report: ScanReport, warning: str, *, stopped: bool) -> None:
        """What there is to say beside the data: `warning` is the market's, "" for none."""
        if stopped:
            self.note("stopped early; what was certain by then is shown.")
        if warning:
            self.note(warning)
        self.tell_effort(report)
        for trouble in report.troubles:
            self.tell_trouble(trouble)

    def show(self, report: ScanReport) -> None:
        """Prints the report; what keeps it from that is `broken`."""
        news = tuple(found for found in report.opportunities if self._is_news(found))
        self._print(self._lines.end)
        self._print(lambda: self._task.form.show(replace(report, opportunities=news)))

    def tell_effort(self, report: ScanReport) -> None:
        """With --verbose: what the scan cost."""
        if not self._task.verbose:
            return
        stats, traffic = report.stats, report.stats.traffic
        calls = ", ".join(f"{endpoint} {count}" for endpoint, count in sorted(traffic.requests.items())) or "none"
        times = [f"{name} {p50}/{p95} ms (p50/p95)" for name, (p50, p95) in _times(report)]
        counts = f"{traffic.retries} retries, {traffic.rate_limited} rate-limited, {stats.skipped} rows skipped"
        self.note("; ".join([f"calls: {calls}", counts, *times, f"{stats.rss_mb} MB at most"]))
        for line in health_lines(report):
            self.note(line)

    @contextmanager
    def bar(self) -> Iterator[None]:
        """A progress bar on a terminal that shows nothing else meanwhile."""
        if self._task.quiet or log.is_json() or not os.isatty(2) or (self._task.form.streams and os.isatty(1)):
            yield
            return
        from dmscan.cli.progress import Bar

        with Bar() as bar:
            self._show = bar.update
            yield

    def _is_news(self, found: Opportunity) -> bool:
        return found.key not in self.earlier or found.net_profit > self.earlier[found.key]


def _times(report: ScanReport) -> Iterator[tuple[str, tuple[int, int]]]:
    if report.stats.traffic.api_ms:
        yield "answers", report.stats.traffic.api_ms
    if report.stats.db_ms:
        yield "database", report.stats.db_ms

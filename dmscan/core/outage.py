"""When repeated passes get nothing from the market: how that is known, and how long to leave it alone."""

from __future__ import annotations

from msgspec import Struct

from dmscan.core.report import ScanReport
from dmscan.errors import ExitCode, most_specific

LONGEST_GAP_S = 600
DOUBLINGS = 10
"""From a second to more than ten minutes."""
FOR_ALL = frozenset({ExitCode.KEY_REFUSED, ExitCode.CLOCK_SKEWED, ExitCode.API_CHANGED})
"""What ends a pass: every further question would be answered alike."""
NO_ANSWER = frozenset({ExitCode.NO_DATA, ExitCode.RATE_LIMITED})


class Outage(Struct, frozen=True):
    """No pass since `since` (Unix seconds) got anything usable; `message` is one sentence, `passes` counts them."""

    code: ExitCode
    message: str
    since: int
    passes: int = 1


def outage(report: ScanReport, before: Outage | None) -> Outage | None:
    """What the pass says of the market: `None` if it answers; one that asked nothing leaves things as they were."""
    code = _code(report)
    if code is None:
        return before if not report.stats.traffic.sent else None
    message = next((trouble.message for trouble in report.troubles if trouble.code == code), "The market gave no answer.")
    return Outage(code, message, before.since, before.passes + 1) if before else Outage(code, message, report.started_at)


def gap_s(every_s: int, down: Outage | None) -> int:
    """Seconds from the beginning of one pass to that of the next: twice as many with each that got nothing, up to ten minutes."""
    if down is None:
        return every_s
    return max(every_s, min(LONGEST_GAP_S, every_s << min(down.passes, DOUBLINGS)))


def _code(report: ScanReport) -> ExitCode | None:
    codes = {trouble.code for trouble in report.troubles}
    if fatal := codes & FOR_ALL:
        return most_specific(fatal)
    traffic = report.stats.traffic
    if not traffic.sent or traffic.answered:
        return None
    return most_specific(codes & NO_ANSWER or {ExitCode.NO_DATA})

"""The figures of a scan, or of a watch so far, in Prometheus' text format (design chapter 9).

What a scan counted is about that scan alone, and the next one's may be less: as a counter it would lie, because Prometheus would take
the difference for what happened. So it is a gauge named `dmscan_last_scan_…` (of its histogram ask for quantiles, never for a rate).
Only a watch, which lives on, has counters (`…_total`).
No label holds a title, an address or anything of the user's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from dmscan import __version__
from dmscan.core.report import LATENCY_MS, ScanReport
from dmscan.errors import ExitCode

SUCCESSES = (ExitCode.OK, ExitCode.NOTHING_FOUND)
LAST_SUCCESS = "dmscan_last_success_timestamp_seconds"
DURATION = "request_duration_seconds"
COUNTED = {
    "requests": "Requests sent, by endpoint and HTTP status; none: no answer came.",
    DURATION: "Time from a request to its whole answer.",
    "retries": "Requests that were second or third attempts.",
    "failed_requests": "Requests without a usable answer, those answered 429 apart.",
    "rate_limited_requests": "Requests answered 429.",
    "wait_seconds": "Time in which some request waited for its turn.",
    "rate_limited_wait_seconds": "The part of that which was spent in holds after a 429.",
    "cache_lookups": "Questions that what is stored could answer (hit), and those that the market had to (miss).",
    "judged_titles": "Titles with a verdict.",
}
"""What adds up from scan to scan."""

Labels = tuple[tuple[str, str], ...]
Count = tuple[str, str, Labels]
"""Name, suffix and labels of what is counted; times in milliseconds."""
Value = int | float
Sample = tuple[str, Labels, Value]
"""Suffix and labels of a value."""


class Family(NamedTuple):
    """One metric with its samples."""

    name: str
    kind: str
    words: str
    samples: Iterable[Sample]


def of_scan(report: ScanReport, code: ExitCode, succeeded_at: int | None = None) -> str:
    """A finished scan that ended with `code`; `succeeded_at` is when the last scan without an error ended, unless this is one."""
    return _text((*_outcome(report.finished_at, code, succeeded_at), *_state(report), *_counted("last_scan_", "gauge", _counts(report))))


def of_failure(at: int, code: ExitCode, succeeded_at: int | None = None) -> str:
    """A scan that ended without a report at the Unix second `at`."""
    return _text(_outcome(at, code, succeeded_at))


class Course:
    """A watch so far: the last pass as of a scan, and counters over all passes. `text` may be read by another thread."""

    def __init__(self) -> None:
        self._passes: Counter[tuple[int]] = Counter()
        self._counts: Counter[Count] = Counter()
        self._succeeded_at: int | None = None
        self.text = _text([_build()])

    def add(self, report: ScanReport, code: ExitCode) -> None:
        """Another pass is over."""
        if code in SUCCESSES:
            self._succeeded_at = report.finished_at
        self._passes[(code.value,)] += 1
        self._counts.update(_counts(report))
        passes = Family("passes_total", "counter", "Passes by exit code.", _each(self._passes.items(), "exit_code"))
        self.text = of_scan(report, code, self._succeeded_at) + _text((passes, *_counted("", "counter", self._counts)))


def _outcome(at: int, code: ExitCode, succeeded_at: int | None) -> Iterator[Family]:
    success = at if code in SUCCESSES else succeeded_at
    yield _build()
    yield _gauge("last_scan_timestamp_seconds", "When the last scan ended.", at)
    yield _gauge("last_scan_exit_code", "How it ended: 0 without an error.", code)
    if success is not None:
        yield _gauge(LAST_SUCCESS.removeprefix("dmscan_"), "When the last scan without an error ended.", success)


def _build() -> Family:
    return Family("build_info", "gauge", "The version of dmscan.", [("", (("version", __version__),), 1)])


def _state(report: ScanReport) -> Iterator[Family]:
    """What is, rather than what was counted on the way."""
    stats = report.stats
    yield _gauge("last_scan_duration_seconds", "How long it took.", stats.elapsed_ms / 1000)
    yield _gauge("last_scan_complete", "1 if every candidate got its verdict.", int(report.complete))
    yield _gauge("last_scan_coverage_ratio", "Share of the candidates with a verdict.", float(report.coverage))
    yield _gauge("last_scan_titles", "Titles seen.", stats.titles)
    yield _gauge("last_scan_candidates", "Titles that passed the rules on quotes.", stats.candidates)
    found = Counter({(game, *pair): 0 for game in report.request.games for pair in report.request.pairs})
    found.update((one.game, one.entry, one.exit) for one in report.opportunities)
    yield Family("last_scan_opportunities", "gauge", "Opportunities found.", _each(found.items(), "game", "entry", "exit"))
    refused = {(*pair, reason): count for pair, reasons in report.rejected.items() for reason, count in reasons.items()}
    yield Family("last_scan_rejections", "gauge", "Titles refused, by reason.", _each(refused.items(), "entry", "exit", "reason"))
    if stats.db_ms:
        spread = {("50",): stats.db_ms[0] / 1000, ("95",): stats.db_ms[1] / 1000}
        yield Family("last_scan_database_seconds", "gauge", "Time of a transaction of the history.", _each(spread.items(), "percentile"))
    if stats.rss_mb:
        yield _gauge("last_scan_resident_memory_max_bytes", "Most memory that the process has held so far.", stats.rss_mb * 2**20)


def _counts(report: ScanReport) -> Counter[Count]:
    """What a scan counted, each with all its labels."""
    stats, traffic = report.stats, report.stats.traffic
    counts: Counter[Count] = Counter()
    for (endpoint, status), count in traffic.statuses.items():
        counts["requests", "", _labels(endpoint=endpoint, status=status)] = count
    for endpoint, sent in traffic.requests.items():
        came = sum(count for (asked, _), count in traffic.statuses.items() if asked == endpoint)
        counts["requests", "", _labels(endpoint=endpoint, status="none")] = max(0, sent - came)
    for endpoint, latency in traffic.latency.items():
        bounds = (*(f"{bound / 1000:g}" for bound in LATENCY_MS), "+Inf")
        for bound, count in zip(bounds, accumulate(latency.counts), strict=True):
            counts[DURATION, "_bucket", _labels(endpoint=endpoint, le=bound)] = count
        counts[DURATION, "_sum", _labels(endpoint=endpoint)] = latency.total_ms
        counts[DURATION, "_count", _labels(endpoint=endpoint)] = sum(latency.counts)
    plain = {"retries": traffic.retries, "failed_requests": traffic.failed, "rate_limited_requests": traffic.rate_limited}
    plain |= {"wait_seconds": traffic.waited_ms, "rate_limited_wait_seconds": traffic.held_ms, "judged_titles": stats.judged}
    counts.update({(name, "", ()): count for name, count in plain.items()})
    counts["cache_lookups", "", _labels(result="hit")] = stats.cache_hits
    counts["cache_lookups", "", _labels(result="miss")] = stats.cache_misses
    return counts


def _counted(prefix: str, kind: str, counts: Counter[Count]) -> Iterator[Family]:
    for name, words in COUNTED.items():
        histogram = name == DURATION
        total = "_total" if kind == "counter" and not histogram else ""
        samples = [
            (suffix, labels, count / 1000 if name.endswith("_seconds") and suffix in {"", "_sum"} else count)
            for (of, suffix, labels), count in counts.items()
            if of == name
        ]
        yield Family(f"{prefix}{name}{total}", "histogram" if histogram else kind, words, samples)


def _gauge(name: str, words: str, value: Value) -> Family:
    return Family(name, "gauge", words, [("", (), value)])


def _each(values: Iterable[tuple[tuple[object, ...], Value]], *names: str) -> list[Sample]:
    return [("", tuple(zip(names, map(str, key), strict=True)), value) for key, value in values]


def _labels(**labels: object) -> Labels:
    return tuple((name, str(value)) for name, value in labels.items())


def _text(families: Iterable[Family]) -> str:
    return "".join(map(_block, families))


def _block(family: Family) -> str:
    """Nothing of a family without samples."""
    name = f"dmscan_{family.name}"
    lines = [f"{name}{suffix}{_braced(labels)} {value}\n" for suffix, labels, value in family.samples]
    return f"# HELP {name} {family.words}\n# TYPE {name} {family.kind}\n{''.join(lines)}" if lines else ""


def _braced(labels: Labels) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

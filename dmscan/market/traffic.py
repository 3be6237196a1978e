"""What the requests of a run cost: counted by endpoint and status, with the spread of the answer times."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque

from dmscan.core.report import LATENCY_MS, Latency, Traffic

KEPT_TIMES = 4096


class Meter:
    """Counts as requests go out and come back; keeps the newest few thousand answer times."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.retries = 0
        self.rate_limited = 0
        self.failed = 0
        self.answered = 0
        self._statuses: Counter[tuple[str, int]] = Counter()
        self._classes: dict[str, list[int]] = {}
        self._total_ms: Counter[str] = Counter()
        self._times: deque[int] = deque(maxlen=KEPT_TIMES)

    @property
    def sent(self) -> int:
        return self.requests.total()

    def came(self, endpoint: str, status: int, seconds: float) -> None:
        """An answer came, usable or not."""
        took_ms = round(seconds * 1000)
        self._times.append(took_ms)
        self._statuses[endpoint, status] += 1
        self._classes.setdefault(endpoint, [0] * (len(LATENCY_MS) + 1))[bisect_left(LATENCY_MS, took_ms)] += 1
        self._total_ms[endpoint] += took_ms

    def traffic(self) -> Traffic:
        """Median and 95th percentile in milliseconds; `failed` are attempts without a usable answer, 429 apart."""
        times = sorted(self._times)
        spread = (times[(len(times) - 1) // 2], times[95 * (len(times) - 1) // 100]) if times else None
        return Traffic(
            requests=dict(self.requests),
            retries=self.retries,
            rate_limited=self.rate_limited,
            failed=self.failed,
            api_ms=spread,
            answered=self.answered,
            statuses=dict(self._statuses),
            latency={name: Latency(tuple(counts), self._total_ms[name]) for name, counts in self._classes.items()},
        )

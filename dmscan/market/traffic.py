"""What the requests of a run cost: counted by endpoint, with the spread of the answer times."""

from __future__ import annotations

from collections import Counter, deque

from dmscan.core.report import Traffic

KEPT_TIMES = 4096


class Meter:
    """Counts as requests go out and come back; keeps the newest few thousand answer times."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.retries = 0
        self.rate_limited = 0
        self.failed = 0
        self.answered = 0
        self._times: deque[int] = deque(maxlen=KEPT_TIMES)

    @property
    def sent(self) -> int:
        return self.requests.total()

    def took(self, seconds: float) -> None:
        self._times.append(round(seconds * 1000))

    def traffic(self) -> Traffic:
        """Median and 95th percentile in milliseconds; `failed` are attempts without a usable answer, 429 apart."""
        times = sorted(self._times)
        spread = (times[(len(times) - 1) // 2], times[95 * (len(times) - 1) // 100]) if times else None
        return Traffic(dict(self.requests), self.retries, self.rate_limited, self.failed, spread, answered=self.answered)

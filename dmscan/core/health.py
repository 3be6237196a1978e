"""The figures of a scan beside their goals: how the market, the history and this program did (design chapter 9)."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction

from msgspec import Struct

from dmscan.core.report import ScanStats

API_MS, DATABASE_MS, MEMORY_MB = Fraction(200), Fraction(50), Fraction(500)
HITS, BEARABLE_HITS = Fraction(80, 100), Fraction(50, 100)
ERRORS = Fraction(1, 100)


class Grade(StrEnum):
    """`warn` is up to twice off the goal, or a hit rate down to half; `critical` is beyond that."""

    OK = "ok"
    WARN = "warn"
    CRITICAL = "critical"


class Figure(Struct, frozen=True):
    """What was measured; neither value nor grade where there was nothing to judge."""

    value: Fraction | None
    goal: Fraction
    grade: Grade | None


class Health(Struct, frozen=True):
    """Median answer and 95th percentile of the database in milliseconds, most memory in MiB; cache hits and errors as shares."""

    api: Figure
    database: Figure
    memory: Figure
    cache: Figure
    errors: Figure


def health(stats: ScanStats) -> Health:
    traffic, looked_up = stats.traffic, stats.cache_hits + stats.cache_misses
    return Health(
        api=_below(API_MS, Fraction(traffic.api_ms[0]) if traffic.api_ms else None),
        database=_below(DATABASE_MS, Fraction(stats.db_ms[1]) if stats.db_ms else None),
        memory=_below(MEMORY_MB, Fraction(stats.rss_mb) if stats.rss_mb else None),
        cache=_hits(Fraction(stats.cache_hits, looked_up) if looked_up else None),
        errors=_below(ERRORS, Fraction(traffic.failed, traffic.sent) if traffic.sent else None),
    )


def _below(goal: Fraction, value: Fraction | None) -> Figure:
    if value is None:
        return Figure(None, goal, None)
    return Figure(value, goal, Grade.OK if value < goal else Grade.WARN if value <= 2 * goal else Grade.CRITICAL)


def _hits(value: Fraction | None) -> Figure:
    if value is None:
        return Figure(None, HITS, None)
    return Figure(value, HITS, Grade.OK if value > HITS else Grade.WARN if value >= BEARABLE_HITS else Grade.CRITICAL)

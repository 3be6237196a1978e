"""The figures of a scan beside their goals in words, one line each, for `--verbose`."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from dmscan.core.health import Figure, health
from dmscan.core.report import ScanReport
from dmscan.render.text import percent, share


def health_lines(report: ScanReport) -> list[str]:
    """One line a figure: "answers: 140 ms at the median (goal: under 200 ms): ok"; what was not measured says so."""
    seen = health(report.stats)
    return [
        _line("answers", seen.api, "under", _unit("ms"), " at the median"),
        _line("database", seen.database, "under", _unit("ms"), " at the 95th percentile"),
        _line("memory", seen.memory, "under", _unit("MB"), " at most"),
        _line("cache", seen.cache, "over", percent, " hits"),
        _line("errors", seen.errors, "under", percent, " of the requests"),
    ]


def _line(name: str, figure: Figure, side: str, words: Callable[[Fraction], str], what: str) -> str:
    goal = f"(goal: {side} {share(figure.goal) if words is percent else words(figure.goal)})"
    if figure.value is None:
        return f"{name}: not measured {goal}"
    return f"{name}: {words(figure.value)}{what} {goal}: {figure.grade}"


def _unit(unit: str) -> Callable[[Fraction], str]:
    return lambda value: f"{int(value):,} {unit}"

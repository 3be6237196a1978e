"""A short soak: what a process holds does not grow from scan to scan, however much goes wrong (reliability R12)."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from benchmarks import soak
from benchmarks.figures import Scope


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "minutes", [pytest.param(0.3, marks=pytest.mark.long), pytest.param(12, marks=[pytest.mark.long, pytest.mark.timeout(1000)])]
)
def test_R12_memory_descriptors_threads_and_slots_stay_what_they_are(minutes: float, score: Callable[[str, str], None]) -> None:
    figures = soak.measure(Scope(minutes=minutes)).figures
    assert [figure for figure in figures if figure.ok is False] == []
    measured = ", ".join(f"{figure.name.removeprefix('R12 ')} {figure.measured}" for figure in figures)
    score("R12", f"{minutes:g} minutes: {measured}")

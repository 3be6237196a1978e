"""What holds for every test: how many cases a property is tried on, and where a test writes down what it measured.

A property has 500 cases unless `--hypothesis-profile` says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("full", max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("usual", settings.get_profile("full"), max_examples=500)
settings.register_profile("short", settings.get_profile("full"), max_examples=200)
settings.register_profile("few", settings.get_profile("full"), max_examples=25)
settings.load_profile("usual")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--scoreboard", metavar="FILE", help="append what was measured, a line of JSON each; tests/scoreboard.py prints it")


@pytest.fixture
def score(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Says what a figure of the scoreboard (R1 to R26) was measured at. The test that says it also asserts it."""
    file, test = request.config.getoption("--scoreboard"), request.node.nodeid

    def note(figure: str, measured: str) -> None:
        if file:
            # One write to the end of the file, so that the lines of several processes do not mix.
            with Path(file).open("a", encoding="utf-8") as board:
                board.write(json.dumps({"figure": figure, "measured": measured, "test": test}) + "\n")

    return note

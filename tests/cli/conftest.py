from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from processes import Dmscan, keys, serving

Against = Callable[..., Dmscan]


@pytest.fixture(scope="session")
def shared_market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One healthy market for all tests that only read it."""
    with serving(tmp_path_factory.mktemp("market")) as url:
        yield url


@pytest.fixture
def dmscan(tmp_path: Path, shared_market: str) -> Dmscan:
    """The command with keys, on the healthy market, fast."""
    return Dmscan(tmp_path, shared_market, DMSCAN_RATE="2000", **keys())


@pytest.fixture
def against(tmp_path: Path) -> Iterator[Against]:
    """The command with keys, on a market of its own, made with the flags given."""
    with ExitStack() as markets:

        def start(*flags: str) -> Dmscan:
            return Dmscan(tmp_path, markets.enter_context(serving(tmp_path, *flags)), DMSCAN_RATE="2000", **keys())

        yield start

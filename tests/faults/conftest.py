from __future__ import annotations

import asyncio

import pytest

from processes import Dmscan


@pytest.fixture
def no_backoff(monkeypatch):
    """The waits between attempts are random; the event loop here does not wait them out."""
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda seconds, *rest: sleep(min(seconds, 0.01), *rest))


@pytest.fixture
def from_start(monkeypatch):
    """Whole processes load the program themselves, so that their memory is what it is for a user."""
    monkeypatch.setattr(Dmscan, "from_start", True)

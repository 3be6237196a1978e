from __future__ import annotations

import asyncio

import pytest


@pytest.fixture
def no_backoff(monkeypatch):
    """The waits between attempts are random; the event loop here does not wait them out."""
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda seconds, *rest: sleep(min(seconds, 0.01), *rest))

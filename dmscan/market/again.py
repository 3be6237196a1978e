"""Other attempts at a request whose first one failed. Few scans need them, and loading what they need takes 12 ms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

from dmscan.market.retries import ATTEMPTS
from dmscan.market.statuses import Refusal

JITTER_S = 0.4
"""The longest wait before another attempt (reliability.md chapter 3); its turn comes on top."""

T = TypeVar("T")

stamina.instrumentation.set_on_retry_hooks([])


async def again(attempt: Callable[[int], Awaitable[T]], first: Refusal) -> T:
    """What the second or third `attempt` brings, each told its number; raises the last Refusal. `first` is that of the first one."""
    async for one in stamina.retry_context(_may_help, attempts=ATTEMPTS, timeout=None, wait_initial=0, wait_jitter=JITTER_S):
        with one:
            if one.num == 1:
                raise first
            return await attempt(one.num)
    raise AssertionError


def _may_help(error: Exception) -> bool | float:
    if not isinstance(error, Refusal) or not error.again:
        return False
    # After a 429 the pacer holds everybody back, this request among them.
    return 0.0 if error.status == 429 else True

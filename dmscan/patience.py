"""One more try for an answer that a whole part of a scan depends on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from dmscan.errors import MarketUnavailable

T = TypeVar("T")


async def once_more(ask: Callable[[], Awaitable[T]]) -> T:
    """What `ask` answers, asked a second time if the market gave no answer to all attempts of the first; raises what the second does.

    At ten per cent of errors one question in a thousand fails three times: too often for a sweep of hundreds of pages.
    """
    try:
        return await ask()
    except MarketUnavailable:
        return await ask()

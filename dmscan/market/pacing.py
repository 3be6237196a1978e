"""When the next request may go out: evenly spaced, and held back together after a 429 (design chapter 5)."""

from __future__ import annotations

import asyncio
from fractions import Fraction

from aiolimiter import AsyncLimiter


class Pacer:
    """At most `rate` requests a second, one at a time. Build it inside the running loop, one per account."""

    def __init__(self, rate: Fraction) -> None:
        # A capacity of one: AsyncLimiter(rate, 1) lets up to twice the rate through in its first second.
        self._limiter = AsyncLimiter(1, float(1 / rate))
        self._not_before = 0.0

    async def turn(self) -> None:
        """Wait for this request's moment."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(max(0.0, self._not_before - loop.time()))
            await self._limiter.acquire()
            if loop.time() >= self._not_before:
                return

    def hold(self, seconds: float) -> None:
        """Nobody gets a turn for so long."""
        self._not_before = max(self._not_before, asyncio.get_running_loop().time() + seconds)

"""The one clock of a process: handed to whatever measures or waits, so that tests can run days in seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """`now` is Unix seconds, `monotonic` seconds of no fixed origin; `sleep` waits seconds."""

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def seconds(self) -> int:
        """Whole Unix seconds."""
        return int(self.now())

"""Ctrl-C, terminate and hang-up end a scan early but well; a second Ctrl-C ends it at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Caught:
    """The first signal that came, `None` as long as none did."""

    def __init__(self) -> None:
        self.number: int | None = None

    @property
    def codes(self) -> tuple[int, ...]:
        """The exit code it asks for, if any."""
        return () if self.number is None else (128 + self.number,)


@contextmanager
def stopping(stop: asyncio.Event, hurry: Callable[[], None] = lambda: None) -> Iterator[Caught]:
    """Sets `stop` at the first signal, and calls `hurry`, so that whatever waits for others waits no longer."""
    loop, caught = asyncio.get_running_loop(), Caught()

    def on_signal(number: int) -> None:
        if caught.number is not None:
            _leave(number)
        caught.number = number
        for one in SIGNALS:
            signal.signal(one, _leave)  # the loop may be busy with the end
        hurry()
        stop.set()

    for number in SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield caught
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def _leave(number: int, _: object = None) -> NoReturn:
    os._exit(128 + number)

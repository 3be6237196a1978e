"""The sandbox that `scan --sandbox` starts as a child process and takes down again."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from dmscan.cli import log
from dmscan.errors import MarketUnavailable

READY_WITHIN_S = 30


@asynccontextmanager
async def sandbox_beside() -> AsyncIterator[str]:
    """The URL of a market of the demo settings, served as long as the block runs.

    The child watches its stdin: it also ends when this process is killed.
    """
    command = (sys.executable, "-m", "dmscan", "sandbox", "serve", "--attached")
    pipe = asyncio.subprocess.PIPE
    # A process group of its own: a Ctrl-C at the terminal is for the scan, which still needs its market to end well.
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, start_new_session=True, env=_environment())
    try:
        line = await asyncio.wait_for(child.stdout.readline(), READY_WITHIN_S) if child.stdout else b""
        if not line:
            raise MarketUnavailable("The sandbox did not start.")
        yield line.decode().split()[-1]
    finally:
        with suppress(ProcessLookupError):
            child.terminate()
        await child.wait()


def _environment() -> dict[str, str]:
    """That of this process without its settings: none of them is for the market, least of all its secrets."""
    others = {name: text for name, text in os.environ.items() if not name.startswith(("DMARKET_", "DMSCAN_"))}
    return others | {"DMSCAN_LOG_FORMAT": "json" if log.is_json() else "text"}

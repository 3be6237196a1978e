"""Whole runs of the command against a misbehaving market; of each the output must be what a pipe can trust."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, NamedTuple

from fault_server import REAL, Fault, FaultServer, misbehaving, small_market
from processes import Dmscan, keys


class Ran(NamedTuple):
    """`document` is the JSON on stdout, {} if there was none."""

    code: int
    stdout: str
    stderr: str
    document: dict[str, Any]


async def run_alone(home: Path, url: str, *arguments: str, **environment: str) -> Ran:
    """A scan with keys against `url`: stdout is one JSON document or empty with an error (R20), and no key is told (R17)."""
    dmscan = Dmscan(home, url, **{"DMSCAN_RATE": "2000", **keys(), **environment})
    done = await asyncio.to_thread(dmscan, "scan", "-f", "json", *arguments)
    document = json.loads(done.stdout) if done.stdout else {}
    assert document or done.returncode, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert [name for name, key in keys().items() if key in done.stdout + done.stderr] == []
    return Ran(done.returncode, done.stdout, done.stderr, document)


async def run_with(home: Path, *faults: Fault, arguments: tuple[str, ...] = (), **environment: str) -> tuple[Ran, FaultServer]:
    """A scan of a market with these faults, each of which must fire."""
    async with misbehaving(*faults, market=small_market(clock=REAL)) as server:
        return await run_alone(home, server.url, *arguments, **environment), server

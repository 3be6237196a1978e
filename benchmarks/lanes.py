"""Runs benchmarks: side by side what is counted in simulated time, one after the other what a busy machine would disturb."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module

from msgspec import Struct

from benchmarks.figures import Result, Scope
from benchmarks.processes import apart

SIDE_BY_SIDE = ("memory", "calls", "watch", "coverage", "budget", "again", "lifetimes", "pace", "bids")
"""Nothing of these is timed. The longest are begun first."""


class Outcome(Struct, frozen=True):
    """What a benchmark brought, or in one line why it failed."""

    name: str
    result: Result | None = None
    failure: str = ""


def outcomes(names: Collection[str], scope: Scope) -> list[Outcome]:
    """Of each benchmark, in the order of the names; what runs, how long it took and why it failed is told on standard error."""
    done = {outcome.name: outcome for outcome in _measured(names, scope)}
    return [done[name] for name in names]


def _measured(names: Collection[str], scope: Scope) -> Iterator[Outcome]:
    measured = partial(_outcome, scope=scope)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(measured, (name for name in SIDE_BY_SIDE if name in names))
    yield from map(measured, (name for name in names if name not in SIDE_BY_SIDE))


def _outcome(name: str, scope: Scope) -> Outcome:
    """Each benchmark has a process of its own, so that one that fails, or even dies, takes nothing along."""
    _tell(f"{name} …")
    began = time.monotonic()
    try:
        outcome = Outcome(name, apart(_measure, name, scope))
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are worth as much as before
        _tell("".join(traceback.format_exception(error)))
        outcome = Outcome(name, failure=f"{type(error).__name__}: {error}")
    _tell(f"{name} {'failed after' if outcome.failure else 'took'} {time.monotonic() - began:.0f} s")
    return outcome


def _measure(name: str, scope: Scope) -> Result:
    # Imported only here: the processes that a benchmark starts import this file too.
    result: Result = import_module(f"benchmarks.{name}").measure(scope)
    return result


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

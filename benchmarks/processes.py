"""Work in processes of its own, each a new interpreter: a forked one would count its parent's memory as its own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def pool(size: int | None = None) -> ProcessPoolExecutor:
    """As many processes as there are processors, if no number is given."""
    return ProcessPoolExecutor(size or os.cpu_count(), multiprocessing.get_context("spawn"))


def apart(work: Callable[[*Ts], T], *arguments: *Ts) -> T:
    """What `work` returns or raises, done in a process that does nothing else."""
    with pool(1) as alone:
        return alone.submit(work, *arguments).result()

"""Garbage is looked for seldom while the program loads, because nothing that loads is any, and as usual once it scans."""

from __future__ import annotations

import gc

USUAL, LOADING = gc.get_threshold()[0], 100_000
"""New objects between two looks. Those of a start went through a look every 700, which took an eighth of its time."""


def look_seldom() -> None:
    """For a process that is dmscan's own, before it loads anything."""
    gc.set_threshold(LOADING)


def look_as_usual() -> None:
    """What such a process has loaded by now stays, so it is not gone through again."""
    if gc.get_threshold()[0] == LOADING:
        gc.freeze()
        gc.set_threshold(USUAL)

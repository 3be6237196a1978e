"""Where a run spends its time or its memory (`--profile`): nothing is imported or measured unless it is asked for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from dmscan.cli.options import choice
from dmscan.cli.output import say, write_file
from dmscan.errors import OutputError

if TYPE_CHECKING:
    from cProfile import Profile
    from tracemalloc import Snapshot

KINDS = ("cpu", "memory")
FILES = {"cpu": Path("dmscan-profile.pstats"), "memory": Path("dmscan-memory.txt")}
SHOWN = 50
LOOK_S = 0.1
GROWN = 1.25
"""A picture of the memory takes up to a second, so the next one waits until so much more is held."""


def profiled(kind: str | None, work: Coroutine[Any, Any, int], *, quiet: bool = False) -> Coroutine[Any, Any, int]:
    """The same work with a profile of it in the current folder; the very same without a kind.

    Raises UsageError for an unknown kind and OutputError if the file cannot be written, both before the work begins.
    """
    if kind is None:
        return work
    try:
        file = FILES[choice("--profile", kind, KINDS)]
        _check(file)
    except BaseException:
        work.close()
        raise
    return _timed(work, file, quiet=quiet) if kind == "cpu" else _weighed(work, file, quiet=quiet)


async def _timed(work: Coroutine[Any, Any, int], file: Path, *, quiet: bool) -> int:
    """What the event loop's thread did; the database's has its own."""
    from cProfile import Profile

    profile = Profile()
    profile.enable()
    try:
        return await work
    finally:
        profile.disable()
        _dump(profile, file)
        _tell(f"where the time went is in {file}: python -m pstats {file}", quiet=quiet)


async def _weighed(work: Coroutine[Any, Any, int], file: Path, *, quiet: bool) -> int:
    """What Python's own objects took, by the line that made them, when there were most of them."""
    import tracemalloc

    tracemalloc.start()
    pictures: list[Snapshot] = []
    looking = asyncio.create_task(_look(pictures))
    try:
        return await work
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        peak = tracemalloc.get_traced_memory()[1]
        pictures = pictures or [tracemalloc.take_snapshot()]
        tracemalloc.stop()
        write_file(file, "".join(_weights(pictures[-1], peak)))
        _tell(f"where the memory went is in {file}", quiet=quiet)


async def _look(pictures: list[Snapshot]) -> None:
    """Keeps a picture of the time when most was held, or nearly most."""
    import tracemalloc

    largest = 0.0
    while True:
        await asyncio.sleep(LOOK_S)
        held = tracemalloc.get_traced_memory()[0]
        if held > largest * GROWN:
            largest = held
            pictures[:] = [tracemalloc.take_snapshot()]


def _weights(picture: Snapshot, peak: int) -> Iterator[str]:
    import tracemalloc

    ours = picture.filter_traces([tracemalloc.Filter(inclusive=False, filename_pattern=tracemalloc.__file__)])
    lines = ours.statistics("lineno")
    held = sum(line.size for line in lines)
    yield f"Python's objects took {peak / 2**20:.1f} MiB at the peak.\n"
    yield f"When they took {held / 2**20:.1f} MiB, most was held by what these {SHOWN} lines had made:\n\n"
    yield f"{'KiB':>10} {'objects':>9}  line\n"
    for line in lines[:SHOWN]:
        frame = line.traceback[0]
        yield f"{line.size / 1024:>10.1f} {line.count:>9,}  {frame.filename}:{frame.lineno}\n"


def _check(file: Path) -> None:
    if file.is_dir() or not os.access(file.absolute().parent, os.W_OK):
        raise OutputError(f"The profile {file.absolute()} cannot be written: run in a folder of your own.")


def _dump(profile: Profile, file: Path) -> None:
    try:
        with TemporaryDirectory(dir=file.absolute().parent) as folder:
            dumped = Path(folder) / file.name
            profile.dump_stats(dumped)
            dumped.replace(file)
    except OSError as error:
        raise OutputError(f"The profile {file.absolute()} cannot be written: {error.strerror}.") from error


def _tell(text: str, *, quiet: bool) -> None:
    if not quiet:
        say(f"dmscan: {text}", "profile")

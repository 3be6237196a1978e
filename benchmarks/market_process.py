"""One sandbox world for many scans: the market stays in this process, each scan runs in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from multiprocessing.connection import Connection

from benchmarks.scan_process import Job, Outcome, visit
from dmscan.clock import Clock
from dmscan.sandbox.server import Request, Sandbox
from dmscan.sandbox.world import World


def scans(world: World, jobs: Iterable[Job]) -> dict[Job, Outcome]:
    """Runs the jobs one after the other on the same still world. RuntimeError if one breaks off or is too fast."""
    return {job: _Host(world, job).outcome() for job in jobs}


class _Host:
    """A market of its own for one scan; only the world is shared. Its time is that of the scan's last request."""

    def __init__(self, world: World, job: Job) -> None:
        self._job, self._at = job, 0.0
        self._sandbox = Sandbox(world, Clock(now=lambda: float(job.date), monotonic=lambda: self._at), rate=job.rate)

    def outcome(self) -> Outcome:
        # A forked process would count the market's memory as its own.
        spawned = multiprocessing.get_context("spawn")
        ours, theirs = spawned.Pipe()
        process = spawned.Process(target=visit, args=(theirs, self._job))
        process.start()
        theirs.close()
        try:
            outcome = self._serve(ours)
        except EOFError:
            raise RuntimeError(f"{self._job} broke off.") from None
        finally:
            ours.close()
            process.join()
        self._check_pace()
        return outcome

    def _serve(self, line: Connection) -> Outcome:
        while not isinstance(message := line.recv(), Outcome):
            self._at, asked = message
            line.send(tuple(self._sandbox.respond(Request(*asked))))
        return message

    def _check_pace(self) -> None:
        """The market refuses only what is too much for one group of endpoints; the scanners' limit is for all together."""
        times = [entry.at for entry in self._sandbox.log]
        if any(later - earlier < 1 - 1e-6 for earlier, later in zip(times, times[self._job.rate :], strict=False)):
            raise RuntimeError(f"{self._job} sent more than {self._job.rate} requests within a second.")

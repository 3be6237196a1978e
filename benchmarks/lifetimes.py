"""C6: whether the history, fed by scans of a living market, knows how long its bargains last, in simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

from msgspec import Struct

from benchmarks import simulated
from benchmarks.figures import Figure, Result, Scope, Table
from benchmarks.naive import BORN_AT, SEED
from benchmarks.visits import Visitor, request_of
from dmscan.core.lifetimes import Lasting
from dmscan.core.models import Exit
from dmscan.core.past import Span
from dmscan.history.reader import asking
from dmscan.sandbox.lives import LivingWorld

TITLES = 300
MARKET = "rich"
"""One of twenty titles has a bid above an ask: a day of it shows hundreds of bargains."""
LASTS_S = 16 * 3600
EVERY_S = (180, 480)
"""Scans come at random distances, five and a half minutes on average: nobody's timer is exact."""
WITHIN = Fraction(15, 100)


class Told(Struct, frozen=True):
    """What the history says of all instant finds, and how long the bargains that began in that time really lasted, in seconds."""

    lasting: Lasting
    truth: tuple[int, ...]
    scans: int

    @property
    def off(self) -> Fraction | None:
        """How far the median is from the true one, as a share of it."""
        half = self.lasting.quartiles[1]
        return None if half is None else abs(half / Fraction(median(self.truth)) - 1)


def measure(scope: Scope) -> Result:
    told = run(scope.titles or TITLES, LASTS_S)
    off, goal = told.off, f"≤ {float(WITHIN):.0%}"
    measured = "unknown" if off is None else f"{float(off):.1%}"
    figure = Figure("C6 median lifetime, off the truth", measured, goal, off is not None and off <= WITHIN)
    return Result((figure,), (_table(told),))


def run(titles: int, seconds: int, seed: int = SEED) -> Told:
    """Scans of one living market for so long, from an empty history on."""
    world = LivingWorld(seed, BORN_AT, titles, ("cs2",), crossed=MARKET)
    with TemporaryDirectory() as folder:
        history = Path(folder) / "history.db"
        scans = simulated.run(_watch(world, history, seconds))
        with asking(history, "sandbox") as past:
            lasting = past.lifetimes(Span(0, 2**40)).rows[0]
    truth = [row.gone_at - row.appeared_at for row in world.bargains("cs2") if row.kind == "bid" and row.appeared_at > BORN_AT]
    return Told(lasting, tuple(truth), scans)


async def _watch(world: LivingWorld, history: Path, seconds: int) -> int:
    """Scans until the time is over; how many there were."""
    visitor, request = Visitor(world, simulated.moving(BORN_AT), history), request_of((Exit.INSTANT,))
    loop, pauses, scans = asyncio.get_running_loop(), Random(SEED), 0
    while loop.time() < seconds:
        await visitor.visit(request)
        await asyncio.sleep(pauses.randint(*EVERY_S))
        scans += 1
    return scans


def _table(told: Told) -> Table:
    lasting, truth = told.lasting, sorted(told.truth)
    rows = [
        ("told", f"{lasting.episodes}", f"{lasting.gone}", *_minutes(lasting.quartiles)),
        ("truth", f"{len(truth)}", f"{len(truth)}", *_minutes([truth[len(truth) * place // 4] for place in (1, 2, 3)])),
    ]
    return Table(f"Minutes that instant bargains last, {told.scans} scans", (("", "episodes", "ended", "¼ gone", "half", "¾"), *rows))


def _minutes(seconds: Sequence[Fraction | int | None]) -> tuple[str, ...]:
    return tuple("?" if one is None else f"{float(one) / 60:.1f}" for one in seconds)

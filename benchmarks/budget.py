"""S3: how much of all profit is found with a part of the calls that an exact scan of an unknown market needs to confirm."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct
from msgspec.structs import replace

from benchmarks import processes, simulated
from benchmarks.figures import Figure, Result, Scope, Table, on_market
from benchmarks.naive import BORN_AT, LARGE, SEED, SHARES
from benchmarks.visits import Visit, Visitor, request_of, truth_of
from dmscan.core.models import Exit
from dmscan.sandbox.lives import LivingWorld

TITLES = 5_000
RATE = 20
PARTS = (5, 10, 25, 50)
"""Per cent of the confirm calls of an exact scan without a history."""
LEAST = {"empty": Fraction(60, 100), "a day": Fraction(90, 100)}
"""The least share of the profit that a quarter of the calls must find, by history."""
DAY_RATE, LASTS_S, EVERY_S, SCANS = 2, 300, 3600, 24


class Curve(Struct, frozen=True):
    """Shares of all profit found, by per cent of the confirm calls; `confirm_calls` are those of an exact scan."""

    history: str
    confirm_calls: int
    found: Mapping[int, Fraction]


def measure(scope: Scope) -> Result:
    titles, markets = scope.titles or TITLES, scope.markets or ("usual",)
    with processes.pool() as pool:
        curves = dict(zip(markets, pool.map(run, markets, [titles] * len(markets)), strict=True))
    figures = tuple(_figure(market, curve) for market, both in curves.items() for curve in both)
    return Result(figures, (_table(titles, curves),))


def run(market: str, titles: int) -> tuple[Curve, Curve]:
    """The market lives for a day, which one of the two histories follows, and stands still from then on."""
    world = LivingWorld(SEED, BORN_AT, titles, ("cs2",), crossed=market)
    with TemporaryDirectory() as folder:
        day = Path(folder) / "day.db"
        simulated.run(_day(world, day))
        world.move(BORN_AT + SCANS * EVERY_S)
        exact, total = _exact(world)
        none = Path(folder) / "none.db"
        return _curve("empty", none, world, exact, total), _curve("a day", day, world, exact, total)


async def _day(world: LivingWorld, history: Path) -> None:
    """A scan of five minutes each hour; a market smaller than the real one gets less time, so that as much of it can be asked."""
    visitor = Visitor(world, simulated.moving(BORN_AT), history, rate=DAY_RATE)
    deadline_s = max(1, LASTS_S * len(world.names("cs2")) // LARGE)
    loop = asyncio.get_running_loop()
    for place in range(1, SCANS + 1):
        await visitor.visit(replace(request_of(tuple(Exit)), deadline_s=deadline_s, recheck_s=30))
        await asyncio.sleep(place * EVERY_S - loop.time())


def _exact(world: LivingWorld) -> tuple[Visit, int]:
    """A scan that confirms everything, and all profit there is by brute force, in cents. RuntimeError if it found another."""
    request = request_of(tuple(Exit))
    visit = simulated.run(Visitor(world, simulated.still(world.now), rate=RATE).visit(request))
    total = truth_of(world, request, world.now).totals["net_profit_cents"]
    if visit.profit() != total:
        raise RuntimeError(f"The exact scan found {visit.profit()} of {total} cents.")
    return visit, total


def _curve(name: str, history: Path, world: LivingWorld, exact: Visit, total: int) -> Curve:
    """Each point is a scan of its own with that budget on top of what the exact scan's sweep cost."""
    found = {}
    for part in PARTS:
        calls = exact.confirm_calls * part // 100
        used = history.with_name(f"{name} {part}.db")
        if history.exists():
            shutil.copy(history, used)
        request = replace(request_of(tuple(Exit)), max_requests=len(exact.asked) - exact.confirm_calls + calls)
        visit = simulated.run(Visitor(world, simulated.still(world.now), used, rate=RATE).visit(request))
        found[part] = Fraction(visit.profit(calls), total)
    return Curve(name, exact.confirm_calls, found)


def _figure(market: str, curve: Curve) -> Figure:
    name = f"S3 profit with 25 % of the calls, history {curve.history}, {SHARES[market]}"
    least, share = LEAST[curve.history], curve.found[25]
    return on_market(market, Figure(name, f"{float(share):.1%}", f"≥ {float(least):.0%}", share >= least))


def _table(titles: int, curves: Mapping[str, tuple[Curve, ...]]) -> Table:
    head = ("crossed, history", *(f"{part} %" for part in PARTS), "confirm calls of 100 %")
    return Table(f"Share of all profit on {titles:,} titles by share of the confirm calls", (head, *_rows(curves)))


def _rows(curves: Mapping[str, tuple[Curve, ...]]) -> Iterator[tuple[str, ...]]:
    for market, both in curves.items():
        for curve in both:
            shares = (f"{float(curve.found[part]):.1%}" for part in PARTS)
            yield (f"{SHARES[market]}, {curve.history}", *shares, str(curve.confirm_calls))

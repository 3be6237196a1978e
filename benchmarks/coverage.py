"""S15: how much of a market of 15,000 candidates a day of five-minute scans looks at, one every ten minutes at 2 requests a second."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct
from msgspec.structs import replace

from benchmarks import processes, simulated
from benchmarks.figures import Figure, Result, Scope, Table, on_market
from benchmarks.floor import candidates
from benchmarks.naive import BORN_AT, ENDPOINTS, LARGE, SEED, SHARES
from benchmarks.visits import Visit, Visitor, request_of
from dmscan.core.models import Exit, Rules
from dmscan.core.report import ScanRequest
from dmscan.core.rules import price_bands
from dmscan.sandbox.lives import LivingWorld
from dmscan.sandbox.world import World

TITLES = 2_500
"""A tenth of the real market, given a tenth of its requests: the day of all 25,000 takes minutes of CPU."""
CANDIDATES = Fraction(15_000, 25_000)
RATE = 2
EVERY_S = 600
LASTS_S = 300
"""For 25,000 titles: a smaller market is given less time, so that as much of it can be asked."""
HOUR = 3600
LEAST = Fraction(95, 100)


class Hour(Struct, frozen=True):
    """What was asked within an hour, how many verdicts its scans gave (remembered ones too), and who had one by its end."""

    requests: Counter[str]
    judged: int
    covered: frozenset[str]


class Day(Struct, frozen=True):
    candidates: frozenset[str]
    hours: tuple[Hour, ...]

    def coverage(self, hours: int) -> Fraction:
        """The share of the day's last candidates that had a verdict after so many hours."""
        return Fraction(len(self.candidates & self.hours[hours - 1].covered), len(self.candidates))


def measure(scope: Scope) -> Result:
    titles, markets = scope.titles or TITLES, scope.markets or ("usual",)
    with processes.pool() as pool:
        days = dict(zip(markets, pool.map(run, markets, [titles] * len(markets)), strict=True))
    figures = tuple(_figure(market, day) for market, day in days.items())
    return Result(figures, tuple(_table(market, titles, day) for market, day in days.items()))


def run(market: str, titles: int, hours: int = 24) -> Day:
    """The day on a living market, from an empty history on."""
    world = LivingWorld(SEED, BORN_AT, titles, ("cs2",), crossed=market)
    with TemporaryDirectory() as folder:
        return simulated.run(_day(world, Path(folder) / "history.db", hours))


async def _day(world: LivingWorld, history: Path, hours: int) -> Day:
    clock = simulated.moving(BORN_AT)
    visitor, request = Visitor(world, clock, history, rate=RATE), scan_of(world)
    passed = [await _hour(visitor, request) for _ in range(hours)]
    world.move(clock.seconds())
    return Day(frozenset(candidates(world, request, clock.seconds())), tuple(passed))


def scan_of(world: World) -> ScanRequest:
    """A default scan with the least price at which three fifths of the titles are candidates."""
    asks = sorted((ask for name in world.names("cs2") if (ask := world.quote("cs2", name, False).ask)), reverse=True)
    least = asks[int(len(world.names("cs2")) * CANDIDATES) - 1]
    deadline_s = max(1, LASTS_S * len(world.names("cs2")) // LARGE)
    return replace(request_of(tuple(Exit), Rules(price_bands(min_price=least))), min_price=least, deadline_s=deadline_s, recheck_s=30)


async def _hour(visitor: Visitor, request: ScanRequest) -> Hour:
    visits = [visit async for visit in _visits(visitor, request, HOUR // EVERY_S)]
    looked = frozenset(known.quote.title for known in await visitor.known() if known.looks)
    return Hour(sum((visit.requests for visit in visits), Counter()), sum(visit.report.stats.judged for visit in visits), looked)


async def _visits(visitor: Visitor, request: ScanRequest, number: int) -> AsyncIterator[Visit]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for place in range(1, number + 1):
        yield await visitor.visit(request)
        await asyncio.sleep(began + place * EVERY_S - loop.time())


def _figure(market: str, day: Day) -> Figure:
    coverage = day.coverage(len(day.hours))
    name = f"S15 coverage after {len(day.hours)} h, {SHARES[market]}"
    return on_market(market, Figure(name, f"{float(coverage):.1%}", f"≥ {float(LEAST):.0%}", coverage >= LEAST))


def _table(market: str, titles: int, day: Day) -> Table:
    head = ("hour", "prices", "fees", "sales", "targets", "offers", "verdicts", "first verdicts", "coverage")
    rows = [_row(place, day) for place in range(1, len(day.hours) + 1)]
    return Table(f"A day on {titles:,} titles, {SHARES[market]} crossed, {len(day.candidates):,} candidates", (head, *rows))


def _row(place: int, day: Day) -> tuple[str, ...]:
    hour, before = day.hours[place - 1], day.hours[place - 2].covered if place > 1 else frozenset()
    verdicts = (str(hour.judged), str(len(hour.covered - before)), f"{float(day.coverage(place)):.1%}")
    return (str(place), *(str(hour.requests[name]) for name in ENDPOINTS), *verdicts)

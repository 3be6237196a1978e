"""How a scan's calls, CPU, time and memory grow with the market, and the answers of the history with its quotes: the exponent of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import log, log10
from pathlib import Path
from statistics import linear_regression
from tempfile import TemporaryDirectory

from msgspec import Struct
from msgspec.structs import replace

from benchmarks.figures import Figure, Result, Scope, Table
from benchmarks.memory import SWEEP_SHARE
from benchmarks.processes import apart
from benchmarks.queries import MOST_MS, Times, built, timed
from benchmarks.queries import TITLES as STORED_TITLES
from benchmarks.repeated import Goods, serving
from benchmarks.sweep import Silence
from benchmarks.visits import request_of
from dmscan.clock import Clock
from dmscan.core.models import Exit, Game
from dmscan.core.report import ScanRequest
from dmscan.history.store import open_history
from dmscan.scanner import Scan
from dmscan.settings import Settings
from dmscan.wiring import open_market, peak_memory_mb, throwaway_keys

TITLES = 2_500
"""Of the smallest market, whatever the number of games."""
STEP, FULL_STEP, STEPS = 4, 10, 3
"""How many times larger each of the markets is than the one before: 40,000 titles, or 250,000 with `--full`."""
BOOKS = 2_500
GAMES = (1, 4)
EXITS: Mapping[str, tuple[Exit, ...]] = {"instant": (Exit.INSTANT,), "all": tuple(Exit)}
QUOTES = (4, 40, 400)
"""Stored of each of 25,000 titles."""
RATE = Fraction(5000)
"""Requests a second: no limit binds."""
LINEAR = 1.05
MOST_OF_ANSWERS = dict.fromkeys(("list", "show", "title", "last quote"), log10(2))
"""S11 allows twice the time for ten times the quotes."""


class Market(Struct, frozen=True):
    """So many titles in so many games, and the exits that are looked for there."""

    titles: int
    games: int
    exits: str

    @property
    def goods(self) -> Goods:
        names = tuple(game.value for game in tuple(Game)[: self.games])
        return Goods(self.titles // self.games, BOOKS // self.games, games=names)

    @property
    def request(self) -> ScanRequest:
        """An exact scan for instant; for all exits, where nearly every title costs a call, one that sees every title and confirms some."""
        budget = None if self.exits == "instant" else round(self.titles / 100 / SWEEP_SHARE) + 10
        games = tuple(Game)[: self.games]
        return replace(request_of(EXITS[self.exits]), games=games, rate=RATE, max_requests=budget)


class Cost(Struct, frozen=True):
    """What a whole scan took, its start not counted."""

    calls: int
    cpu_s: float
    elapsed_s: float
    peak_mb: int


MEASURES: Mapping[str, Callable[[Cost], float]] = {
    "calls": lambda cost: cost.calls,
    "CPU": lambda cost: cost.cpu_s,
    "time": lambda cost: cost.elapsed_s,
    "memory": lambda cost: cost.peak_mb,
}
BY_BUDGET = ("calls", "all")
"""How many these are is not found out but given."""


def measure(scope: Scope) -> Result:
    """`--titles` is the size of the smallest market, a multiple of four."""
    step = FULL_STEP if scope.full else STEP
    sizes = [(scope.titles or TITLES) * step**place for place in range(STEPS)]
    costs = {market: cost for games in GAMES for size in sizes for market, cost in scans(size, games)}
    times = [timed(built(STORED_TITLES, quotes), STORED_TITLES * quotes) for quotes in QUOTES]
    return Result((*_scans(sizes, costs), *_answers(times)), (_table(costs),))


def scans(titles: int, games: int) -> Iterator[tuple[Market, Cost]]:
    """One for each choice of exits with an empty history, in a process of its own; the market has another."""
    markets = [Market(titles, games, exits) for exits in EXITS]
    with serving(markets[0].goods) as (url,):
        for market in markets:
            with TemporaryDirectory() as folder:
                yield market, apart(_scanned, url, market, Path(folder))


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The slope of the line of least squares through the logarithms: 1 is as fast as the size."""
    return linear_regression([log(size) for size in sizes], [log(value) for value in values]).slope


def _scanned(url: str, market: Market, folder: Path) -> Cost:
    return asyncio.run(_scan(url, market, folder))


async def _scan(url: str, market: Market, folder: Path) -> Cost:
    """RuntimeError if not every title was seen, so that less was measured than is told."""
    clock, settings = Clock(), Settings(url, throwaway_keys(), folder / "history.db", folder)
    async with open_history(settings.database, "sandbox", clock) as history, open_market(settings, RATE, clock) as asked:
        scan = Scan(market.request, asked, clock, Silence(), history.memory)
        began, cpu = time.perf_counter(), time.process_time()
        report = await scan.run("growth", "sandbox")
        await history.memory.flush()
        took = (time.process_time() - cpu, time.perf_counter() - began)
    if report.stats.titles + report.stats.skipped != market.titles or report.troubles:
        raise RuntimeError(f"The scan has not seen all: {report.stats}, {report.troubles}")
    return Cost(report.stats.traffic.sent, *took, peak_memory_mb())


def _scans(sizes: Sequence[int], costs: Mapping[Market, Cost]) -> Iterator[Figure]:
    for games, exits in product(GAMES, EXITS):
        grown = [costs[Market(size, games, exits)] for size in sizes]
        for what, of in MEASURES.items():
            most = None if what == "memory" else LINEAR
            if (what, exits) != BY_BUDGET:
                yield _figure(f"growth of {what}, {exits}, {_games(games)}", sizes, [of(cost) for cost in grown], most)


def _answers(times: Sequence[Times]) -> Iterator[Figure]:
    rows = [one.rows for one in times]
    for name in MOST_MS:
        yield _figure(f"growth of history, {name}", rows, [one.p95[name] for one in times], MOST_OF_ANSWERS.get(name))


def _figure(name: str, sizes: Sequence[int], values: Sequence[float], most: float | None) -> Figure:
    power = exponent(sizes, values)
    return Figure(name, f"n^{power:.2f}", f"≤ n^{most:.2f}" if most else "", power <= most if most else None)


def _table(costs: Mapping[Market, Cost]) -> Table:
    rows = [
        (
            f"{market.exits}, {_games(market.games)}, {market.titles:,}",
            *(f"{cost.calls:,}", f"{cost.cpu_s:.2f}", f"{cost.elapsed_s:.2f}", str(cost.peak_mb)),
        )
        for market, cost in costs.items()
    ]
    return Table("A scan of each market with an empty history", (("exits, games, titles", "calls", "CPU s", "s", "peak MiB"), *rows))


def _games(number: int) -> str:
    return "1 game" if number == 1 else f"{number} games"

"""S5: the CPU of a whole sweep beside that of only fetching the same pages with bare httpx."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.figures import Figure, Result, Scope, Table
from benchmarks.repeated import Goods, serving
from dmscan.clock import Clock
from dmscan.core.models import Entry, Exit, Game, Opportunity, Rules
from dmscan.core.report import Progress, ScanRequest
from dmscan.core.rules import price_bands
from dmscan.history.store import open_history
from dmscan.market import wire
from dmscan.scanner import Scan
from dmscan.settings import Settings
from dmscan.wiring import open_market, throwaway_keys

TITLES = 25_000
CHANGED = 5
"""Hundredths of the quotes that differ from those of the sweep before."""
ROUNDS = 5
PATH = "/marketplace-api/v1/aggregated-prices"


class Round(Struct, frozen=True):
    """Seconds of CPU: of bare fetching, of a sweep into an empty history, of one with few changes, of one that also recalls all titles."""

    bare: float
    new: float
    few: float
    recalled: float


def measure(scope: Scope) -> Result:
    titles = scope.titles or TITLES
    with serving(Goods(titles, quiet=True), Goods(titles, quiet=True, moved=CHANGED)) as urls:
        rounds = [_round(urls) for _ in range(ROUNDS + 1)][1:]
    return Result(tuple(_figures(rounds)), (_table(rounds, titles),))


def _round(urls: Sequence[str]) -> Round:
    """Each in a process of its own; the first round of all only fills the server's caches."""
    (bare,) = _alone(_fetched, urls)
    new, few, recalled = _alone(_swept, urls)
    return Round(bare, new, few, recalled)


Work = Callable[[Connection, Sequence[str]], None]


def _alone(work: Work, urls: Sequence[str]) -> tuple[float, ...]:
    spawned = multiprocessing.get_context("spawn")
    ours, theirs = spawned.Pipe()
    process = spawned.Process(target=work, args=(theirs, urls))
    process.start()
    theirs.close()
    seconds: tuple[float, ...] = ours.recv()
    process.join()
    return seconds


def _fetched(line: Connection, urls: Sequence[str]) -> None:
    line.send((asyncio.run(fetch_all(urls[0])),))


async def fetch_all(url: str) -> float:
    """Seconds of CPU for page after page, each decompressed and looked at no further than for its cursor."""
    async with httpx.AsyncClient() as client:
        await client.post(f"{url}{PATH}", content=wire.price_question(Game.CS2, ["warm"], ""))
        began, cursor = time.process_time(), ""
        while True:
            cursor = cursor_of((await client.post(f"{url}{PATH}", content=wire.price_question(Game.CS2, None, cursor))).content)
            if not cursor:
                return time.process_time() - began


def cursor_of(body: bytes) -> str:
    """By a mere search, which costs next to nothing."""
    return body.rpartition(b'"nextCursor":"')[2].partition(b'"')[0].decode()


def _swept(line: Connection, urls: Sequence[str]) -> None:
    with TemporaryDirectory() as folder:
        line.send(asyncio.run(_sweep_all(urls, Path(folder))))


async def _sweep_all(urls: Sequence[str], folder: Path) -> tuple[float, ...]:
    new = await _sweep(urls[0], folder, fresh=True)
    few = await _sweep(urls[1], folder, fresh=True)
    return new, few, await _sweep(urls[0], folder, fresh=False)


async def _sweep(url: str, folder: Path, *, fresh: bool) -> float:
    """A whole scan for instant on which nothing passes the quote rules, signed and stored; opening and closing are not counted."""
    clock = Clock()
    settings = Settings(url, throwaway_keys(), folder / "history.db", folder)
    request = replace(REQUEST, fresh=fresh)
    async with open_history(settings.database, "sandbox", clock) as history, open_market(settings, REQUEST.rate, clock) as market:
        await market.quotes(Game.CS2, ["warm"])
        scan = Scan(request, market, clock, Silence(), history.memory)
        began = time.process_time()
        report = await scan.run("sweep", "sandbox")
        await history.memory.flush()
        cpu = time.process_time() - began
    if report.troubles or report.stats.candidates or not report.complete:
        raise RuntimeError(f"This was no mere sweep: {report.stats}, {report.troubles}")
    return cpu


REQUEST = ScanRequest(
    games=(Game.CS2,),
    entries=(Entry.OFFER,),
    exits=(Exit.INSTANT,),
    rules=Rules(price_bands()),
    fee=Fraction(1, 10),
    rate=Fraction(5000),
    deadline_s=0,
    full_sweep_every_s=0,
)
"""The fee is given, so that nothing but the pages is asked for; a whole sweep is always due."""


class Silence:
    def found(self, opportunity: Opportunity) -> None:
        pass

    def progress(self, progress: Progress) -> None:
        pass


def _figures(rounds: Sequence[Round]) -> Iterator[Figure]:
    named = (("every quote new", "new", 2.2), ("5 % changed", "few", 1.5), ("5 % changed, all titles recalled", "recalled", None))
    for name, what, most in named:
        ratio = median(getattr(one, what) / one.bare for one in rounds)
        goal, ok = (f"≤ {most} ×", ratio <= most) if most else ("", None)
        yield Figure(f"S5 CPU of a sweep beside bare httpx, {name}", f"{ratio:.2f} ×", goal, ok)


def _table(rounds: Sequence[Round], titles: int) -> Table:
    head = ("round", "bare httpx", "every quote new", "5 % changed", "all titles recalled")
    rows = [(str(number), *_microseconds(one, -(-titles // 100))) for number, one in enumerate(rounds, 1)]
    return Table(f"Microseconds of CPU a page of 100 titles, {titles:,} titles", (head, *rows))


def _microseconds(one: Round, pages: int) -> Iterator[str]:
    return (f"{1e6 * seconds / pages:.0f}" for seconds in (one.bare, one.new, one.few, one.recalled))

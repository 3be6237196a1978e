"""S12, S13: how soon a watch tells a bargain, how much it remembers, and whether its memory stays flat, in simulated time."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from benchmarks import processes, simulated
from benchmarks.figures import Figure, Result, Scope, Table, on_market
from benchmarks.naive import BORN_AT, SHARES
from benchmarks.simulated import Answered, Asked
from benchmarks.visits import request_of, truth_of
from dmscan import __version__
from dmscan.clock import Clock
from dmscan.core.attention import REST_S
from dmscan.core.calls import BATCH
from dmscan.core.episodes import Terms
from dmscan.core.events import Event, Gone, Passed
from dmscan.core.models import Exit, FeeTable, Game, Opportunity, Sale, SaleKind, Stamped
from dmscan.core.outage import Outage
from dmscan.core.report import SWEEP_SHARE, Progress, ScanReport, ScanRequest
from dmscan.core.wanted import is_wanted
from dmscan.history.memory import Memory
from dmscan.history.store import History, ScanEnd, ScanStart
from dmscan.market.cache import CachedMarket
from dmscan.sandbox.lives import LivingWorld
from dmscan.sandbox.server import Request, Sandbox
from dmscan.sandbox.state import Bargain
from dmscan.scanner import Scan
from dmscan.watch import Schedule, Watch

TITLES = 2_000
"""So many that every candidate has had its verdict before the measured time begins: a watch runs for weeks."""
SEEDS = (1, 2, 3)
"""None of them is the market that the watch was tuned on."""
RATE, EVERY_S = 2, 60
HOUR = 3600
WARM_UP_S, LASTS_S = 2400, HOUR + 300
MOST = Fraction(12, 10)
HITS, FAILED, FLAT = Fraction(80, 100), Fraction(1, 100), Fraction(5, 100)
REMEMBERED = ("last-sales", "customized-fees")
EXITS = {"bid": Exit.INSTANT, "ask": Exit.RELIST}


class Job(Struct, frozen=True):
    """A watch of `seconds` on a market of the setting `market`."""

    market: str
    titles: int
    seconds: int
    seed: int


class Line(Struct, frozen=True):
    """An event: when it was told (Unix seconds), of what, and whether it is the end of it."""

    at: float
    title: str
    exit: Exit
    gone: bool


class Tally(Struct, frozen=True):
    """A pass: when it ended (seconds since the watch began), what it asked and was spared, and the memory held then."""

    at: float
    requests: dict[str, int]
    failed: int
    spared: dict[str, int]
    candidates: int
    judged: int
    rss_kb: int


class Watched(Struct, frozen=True):
    """All that a watch told and did; `wanted` titles were near the prices wanted, at its end."""

    lines: tuple[Line, ...]
    passes: tuple[Tally, ...]
    wanted: int

    @property
    def expected_s(self) -> float:
        """The mean time until a title is quoted: half of what it takes to quote all that are wanted once, in turn."""
        pages = ceil(self.wanted / BATCH)
        return max(EVERY_S, pages / float(RATE * SWEEP_SHARE)) / 2

    def hour(self) -> tuple[Tally, ...]:
        """The passes of the last hour."""
        return tuple(one for one in self.passes if one.at > self.passes[-1].at - HOUR)


class Told(Struct, frozen=True):
    """The bargains of the measured time that pay by the rules: seconds until each was told, and the number never told."""

    after_s: dict[Exit, list[float]]
    missed: dict[Exit, int]
    watched: Watched

    @property
    def late(self) -> float:
        """The mean time to an event, beside that of an even plan."""
        return mean(after for of_exit in self.after_s.values() for after in of_exit) / self.watched.expected_s

    @property
    def number(self) -> int:
        return sum(map(len, self.after_s.values())) + sum(self.missed.values())


def measure(scope: Scope) -> Result:
    markets, titles = scope.markets or ("usual",), scope.titles or TITLES
    jobs = [Job(market, titles, WARM_UP_S + LASTS_S, seed) for market in markets for seed in scope.seeds or SEEDS]
    with processes.pool() as pool:
        told = dict(zip(jobs, pool.map(run, jobs), strict=True))
    of_market = {market: [one for job, one in told.items() if job.market == market] for market in markets}
    return Result(tuple(figure for market, all_ in of_market.items() for figure in _figures(market, all_)), (_table(told),))


def run(job: Job) -> Told:
    """The watch in a process of its own, so that its memory can be read there; the market lives in this one."""
    world = LivingWorld(job.seed, BORN_AT, job.titles, ("cs2",), crossed=job.market)
    watched = _Host(Sandbox(world, Clock(), rate=RATE), job).outcome()
    paying = list(_paying(job))
    after: dict[Exit, list[float]] = {exit_: [] for exit_ in Exit}
    missed = dict.fromkeys(Exit, 0)
    for bargain in paying:
        exit_ = EXITS[bargain.kind]
        lines = [line for line in watched.lines if (line.title, line.exit) == (bargain.title, exit_)]
        if _is_open(lines, bargain.appeared_at):
            continue
        heard = next((line.at for line in lines if not line.gone and bargain.appeared_at <= line.at <= bargain.gone_at + EVERY_S), None)
        if heard is None:
            missed[exit_] += 1
        else:
            after[exit_].append(heard - bargain.appeared_at)
    return Told(after, missed, watched)


def _figures(market: str, told: Sequence[Told]) -> list[Figure]:
    """Of several seeds the means, but of memory the worst."""
    share, late, expected_s = SHARES[market], mean(one.late for one in told), mean(one.watched.expected_s for one in told)
    missed, all_ = sum(sum(one.missed.values()) for one in told), sum(one.number for one in told)
    hours = [one.watched.hour() for one in told]
    passes = [one for hour in hours for one in hour]
    hits, failed, flat = _hit_rate(passes), _failed(passes), max(map(_growth, hours))
    figures = (
        Figure(f"S12 bargain to event, {share}", f"{late:.2f} × {expected_s:.0f} s", f"≤ {float(MOST)} ×", late <= MOST),
        Figure(f"S12 never told, {share}", f"{missed} of {all_}"),
        Figure(f"S13 sales and fees remembered, {share}", f"{float(hits):.1%}", f"≥ {float(HITS):.0%}", hits >= HITS),
        Figure(f"S13 failed requests, {share}", f"{float(failed):.1%}", f"< {float(FAILED):.0%}", failed < FAILED),
        Figure(f"S13 resident memory within an hour, {share}", f"± {float(flat):.1%}", f"± {float(FLAT):.0%}", flat <= FLAT),
    )
    return [on_market(market, figure) for figure in figures]


def _hit_rate(passes: Sequence[Tally]) -> Fraction:
    """Of the questions for sales and fees those that memory answered."""
    spared = sum(one.spared.get(endpoint, 0) for one in passes for endpoint in REMEMBERED)
    asked = sum(one.requests.get(endpoint, 0) for one in passes for endpoint in REMEMBERED)
    return Fraction(spared, spared + asked)


def _failed(passes: Sequence[Tally]) -> Fraction:
    return Fraction(sum(one.failed for one in passes), sum(sum(one.requests.values()) for one in passes))


def _growth(passes: Sequence[Tally]) -> Fraction:
    """How far the memory held after any pass of the hour is from that after the first of them."""
    first = passes[0].rss_kb
    return max(Fraction(abs(one.rss_kb - first), first) for one in passes)


def _table(told: Mapping[Job, Told]) -> Table:
    head = ("crossed, seed, exit", "told", "missed", "mean s", "median s", "longest s", "all, beside an even plan")
    return Table("Seconds from a bargain's appearance to its event", (head, *(row for job, one in told.items() for row in _rows(job, one))))


def _rows(job: Job, told: Told) -> Iterator[tuple[str, ...]]:
    for exit_, of_exit in told.after_s.items():
        counts = (str(len(of_exit)), str(told.missed[exit_]))
        yield (f"{SHARES[job.market]}, {job.seed}, {exit_}", *counts, *_spread(of_exit), f"{told.late:.2f} ×")


def _spread(seconds: Sequence[float]) -> tuple[str, ...]:
    return tuple(f"{of(seconds):.0f}" if seconds else "" for of in (mean, median, max))


def _is_open(lines: Sequence[Line], at: float) -> bool:
    before = [line for line in lines if line.at < at]
    return bool(before) and not before[-1].gone


def _paying(job: Job) -> Iterator[Bargain]:
    """The bargains that appear in the measured time and that brute force calls opportunities when they do."""
    twin = LivingWorld(job.seed, BORN_AT, job.titles, ("cs2",), crossed=job.market)
    request, seen = request_of(tuple(Exit)), set[Bargain]()
    for now in range(BORN_AT + WARM_UP_S, BORN_AT + job.seconds - 300, 5):
        twin.move(now)
        for bargain in twin.bargains("cs2"):
            if bargain.appeared_at <= BORN_AT + WARM_UP_S or bargain in seen:
                continue
            seen.add(bargain)
            found = truth_of(twin, request, now, [bargain.title]).opportunities
            if any(one["exit"] == EXITS[bargain.kind] for one in found):
                yield bargain


class _Host:
    """A market for one watch; its time is that of the last request."""

    def __init__(self, sandbox: Sandbox, job: Job) -> None:
        self._job, self._at = job, 0.0
        clock = Clock(now=lambda: BORN_AT + self._at, monotonic=lambda: self._at)
        self._sandbox = Sandbox(sandbox.world, clock, rate=RATE)

    def outcome(self) -> Watched:
        # A forked process would count the market's memory as its own.
        spawned = multiprocessing.get_context("spawn")
        ours, theirs = spawned.Pipe()
        process = spawned.Process(target=visit, args=(theirs, self._job))
        process.start()
        theirs.close()
        try:
            while not isinstance(message := ours.recv(), Watched):
                self._at, asked = message
                ours.send(tuple(self._sandbox.respond(Request(*asked))))
        except EOFError:
            raise RuntimeError(f"{self._job} broke off.") from None
        finally:
            ours.close()
            process.join()
        return message


def visit(line: Connection, job: Job) -> None:
    """The watch's process."""

    def respond(asked: Asked) -> Answered:
        line.send((asyncio.get_running_loop().time(), asked))
        answer: Answered = line.recv()
        return answer

    with TemporaryDirectory() as folder:
        line.send(simulated.run(_watched(job, respond, Path(folder) / "history.db")))


async def _watched(job: Job, respond: simulated.Respond, path: Path) -> Watched:
    clock = simulated.moving(BORN_AT)
    request = replace(request_of(tuple(Exit)), rate=Fraction(RATE), rate_set=True, deadline_s=EVERY_S, rest_s=REST_S)
    market = CachedMarket(simulated.market(respond, clock, Fraction(RATE)), clock)
    async with simulated.Remembering(path) as database:
        history = History(database, "sandbox")
        notes = _Notes(clock, request, market, history)
        schedule = Schedule(EVERY_S, None, Terms(request.rules, request.fee, request.signed))
        watch = Watch(notes.scan, schedule, clock, notes, Random(job.seed).random)
        asyncio.get_running_loop().call_later(job.seconds, watch.stop.set)
        try:
            await watch.run()
            known = await history.memory.known(Game.CS2)
        finally:
            await market.close()
            await history.memory.close()
    return Watched(tuple(notes.lines), tuple(notes.passes), sum(is_wanted(one, request) for one in known))


class _Sparing:
    """The history's memory, which counts the answers it spares the market."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.spared: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._memory, name)

    async def sales(self, game: Game, title: str, since: int, kind: SaleKind = SaleKind.OFFER) -> Stamped[tuple[Sale, ...]] | None:
        answer = await self._memory.sales(game, title, since, kind)
        self.spared["last-sales"] += answer is not None
        return answer

    async def fees(self, game: Game, since: int) -> Stamped[FeeTable] | None:
        answer = await self._memory.fees(game, since)
        self.spared["customized-fees"] += answer is not None
        return answer


class _Notes:
    """One pass after the other as the command does it, and what the watch tells written down."""

    def __init__(self, clock: Clock, request: ScanRequest, market: CachedMarket, history: History) -> None:
        self.lines: list[Line] = []
        self.passes: list[Tally] = []
        self._clock, self._request, self._market, self._history = clock, request, market, history
        self._memory = _Sparing(history.memory)

    async def scan(self, stop: asyncio.Event, found: Callable[[Opportunity], None]) -> ScanReport:
        self._market.recount()
        self._memory.spared.clear()
        self.found = found
        scan = Scan(self._request, self._market, self._clock, self, self._memory)
        handing = asyncio.create_task(_hand_on(stop, scan.stop))
        start = ScanStart(f"at {self._clock.now()}", self._clock.seconds(), "{}", __version__)
        await self._history.begin(start)
        report = await scan.run(start.scan_id, "sandbox")
        handing.cancel()
        await self._history.memory.flush()
        await self._history.record(start, report, ScanEnd(report.exit_code(), "{}"))
        return report

    def progress(self, progress: Progress) -> None:
        pass

    def event(self, event: Event) -> None:
        found = event.standing.opportunity if isinstance(event, Gone) else event.opportunity
        self.lines.append(Line(self._clock.now(), found.title, found.exit, isinstance(event, Gone)))

    def passed(self, passed: Passed) -> None:
        if passed.report is None:
            return
        stats = passed.report.stats
        counts = (dict(stats.traffic.requests), stats.traffic.failed, dict(self._memory.spared))
        self.passes.append(Tally(self._clock.monotonic(), *counts, stats.candidates, stats.judged, _rss_kb()))

    def down(self, outage: Outage) -> None:
        raise RuntimeError(f"The watch went wrong: {outage}")

    def recovered(self, outage: Outage, now: int) -> None:
        raise RuntimeError(f"The watch went wrong: {outage}")

    def bug(self, error: Exception) -> None:
        raise error


async def _hand_on(stop: asyncio.Event, to: asyncio.Event) -> None:
    await stop.wait()
    to.set()


def _rss_kb() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])

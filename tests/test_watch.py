"""Passes in simulated time: when they begin, what they tell, and what they live through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from benchmarks import simulated
from dmscan.clock import Clock
from dmscan.core.attention import REST_S
from dmscan.core.episodes import Terms
from dmscan.core.events import Event, Gone, New, Passed
from dmscan.core.models import Exit, Opportunity
from dmscan.core.outage import Outage
from dmscan.core.report import Progress, ScanReport, ScanRequest, Traffic, Trouble
from dmscan.errors import ExitCode
from dmscan.history.store import History, ScanEnd, ScanStart
from dmscan.market.cache import CachedMarket
from dmscan.sandbox.lives import LivingWorld
from dmscan.sandbox.server import Request, Sandbox
from dmscan.scanner import Scan
from dmscan.watch import Schedule, Watch

from make import make_opportunity, make_report, make_request, make_stats

BORN = 1_764_000_000
Found = Callable[[Opportunity], None]
Pass = Callable[[int, asyncio.Event, Found], Awaitable[ScanReport]]


def terms_for(request: ScanRequest) -> Terms:
    return Terms(request.rules, request.fee, request.signed)


class Notes:
    """Writes down what is told, and when."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.passes: list[Passed] = []
        self.told: list[str] = []

    def event(self, event: Event) -> None:
        self.events.append(event)

    def passed(self, passed: Passed) -> None:
        self.passes.append(passed)

    def down(self, outage: Outage) -> None:
        self.told.append(f"down {outage.code}")

    def recovered(self, outage: Outage, now: int) -> None:
        self.told.append(f"up after {round((now - outage.since) / 60)} min")

    def bug(self, error: Exception) -> None:
        self.told.append(f"bug {error}")


def drawn(*numbers: float) -> Callable[[], float]:
    """These numbers over and over; a half is no jitter at all."""

    def endless() -> Iterator[float]:
        while True:
            yield from numbers

    return endless().__next__


class Stage:
    """A watch whose passes are `one_pass`; `begun` is when each began, in seconds."""

    def __init__(self, one_pass: Pass, *, every_s: int = 60, passes: int | None = None, draw: tuple[float, ...] = (0.5,)) -> None:
        self.notes, self.begun = Notes(), list[float]()
        self._pass, self._schedule, self._draw = one_pass, Schedule(every_s, passes, terms_for(make_request())), drawn(*draw)

    def run(self, stop_after_s: float | None = None) -> ExitCode:
        return simulated.run(self._run(stop_after_s))

    async def _run(self, stop_after_s: float | None) -> ExitCode:
        loop = asyncio.get_running_loop()
        watch = Watch(self._scan, self._schedule, simulated.moving(BORN), self.notes, self._draw)
        if stop_after_s is not None:
            loop.call_later(stop_after_s, watch.stop.set)
        return await watch.run()

    async def _scan(self, stop: asyncio.Event, found: Found) -> ScanReport:
        self.begun.append(round(asyncio.get_running_loop().time(), 3))
        return await self._pass(len(self.begun), stop, found)


def answered(**changes: Any) -> ScanReport:
    stats = make_stats(traffic=Traffic(requests={"aggregated-prices": 3}, answered=3))
    return make_report(**{"opportunities": (), "stats": stats, **changes})


def silent(number: int, code: ExitCode = ExitCode.NO_DATA) -> ScanReport:
    stats = make_stats(traffic=Traffic(requests={"aggregated-prices": 3}, failed=3))
    started_at = simulated.moving(BORN).seconds()
    return make_report(opportunities=(), stats=stats, troubles=(Trouble(code, "Down."),), started_at=started_at)


def taking(*seconds: float) -> Pass:
    """Passes that take so long each, the last of it over and over."""

    async def one_pass(number: int, stop: asyncio.Event, found: Found) -> ScanReport:
        await asyncio.sleep(seconds[min(number, len(seconds)) - 1])
        return answered()

    return one_pass


def test_a_pass_begins_every_so_often_after_the_last_one_began() -> None:
    stage = Stage(taking(10, 50, 1), passes=4)
    assert stage.run() is ExitCode.OK
    assert stage.begun == pytest.approx([0, 60, 120, 180], abs=0.1)
    assert [passed.number for passed in stage.notes.passes] == [1, 2, 3, 4]
    assert stage.notes.passes[0].next_in_s == pytest.approx(50)
    assert stage.notes.passes[-1].next_in_s is None


def test_after_a_pass_that_took_too_long_the_next_one_begins_at_once() -> None:
    stage = Stage(taking(200, 1), passes=3)
    stage.run()
    assert stage.begun == pytest.approx([0, 200, 260], abs=0.1)


def test_jitter_spreads_the_passes_by_a_tenth_either_way() -> None:
    stage = Stage(taking(1), passes=3, draw=(0.0, 1.0))
    stage.run()
    assert stage.begun == pytest.approx([0, 54, 120], abs=0.1)


@pytest.mark.parametrize("number", [float("nan"), -5.0, float("inf")])
def test_no_draw_makes_a_pause_that_cannot_be_slept(number: float) -> None:
    stage = Stage(taking(1), passes=3, draw=(number,))
    stage.run()
    assert stage.begun[-1] == pytest.approx(132 if number > 1 else 108, abs=0.1)


def test_stopped_in_a_pause_it_ends_at_once_with_a_pass_that_was_not_begun() -> None:
    stage = Stage(taking(10))
    assert stage.run(stop_after_s=75) is ExitCode.OK
    last = stage.notes.passes[-1]
    assert (len(stage.begun), last.number, last.report, last.next_in_s) == (2, 3, None, None)


def test_stopped_within_a_pass_that_one_is_the_last() -> None:
    async def until_stopped(number: int, stop: asyncio.Event, found: Found) -> ScanReport:
        await stop.wait()
        return answered(complete=False)

    stage = Stage(until_stopped)
    stage.run(stop_after_s=75)
    (only,) = stage.notes.passes
    assert only.report
    assert only.report.complete is False
    assert only.next_in_s is None


def test_an_outage_is_told_once_with_growing_gaps_and_so_is_its_end() -> None:
    async def away(number: int, stop: asyncio.Event, found: Found) -> ScanReport:
        return silent(number) if 2 <= number <= 7 else answered()

    stage = Stage(away, passes=9)
    assert stage.run() is ExitCode.OK
    assert stage.notes.told == ["down 10", "up after 44 min"]
    gaps = [later - earlier for earlier, later in zip(stage.begun, stage.begun[1:], strict=False)]
    assert gaps == pytest.approx([60, 120, 240, 480, 600, 600, 600, 60], abs=0.1)


def test_an_outage_that_lasts_is_what_the_last_pass_leaves_behind() -> None:
    async def refused(number: int, stop: asyncio.Event, found: Found) -> ScanReport:
        return silent(number, ExitCode.KEY_REFUSED if number > 1 else ExitCode.NO_DATA)

    stage = Stage(refused, passes=3)
    assert stage.run() is ExitCode.KEY_REFUSED
    assert stage.notes.told == ["down 10", "down 12"]


def test_two_bugs_cost_two_passes_and_the_watch_goes_on() -> None:
    async def faulty(number: int, stop: asyncio.Event, found: Found) -> ScanReport:
        if number in {2, 3, 5}:
            raise KeyError(number)
        return answered()

    stage = Stage(faulty, passes=6)
    assert stage.run() is ExitCode.OK
    assert stage.notes.told == ["bug 2", "bug 3", "bug 5"]
    assert [passed.report is None for passed in stage.notes.passes] == [False, True, True, False, True, False]


def test_the_third_bug_in_a_row_ends_it() -> None:
    async def faulty(number: int, stop: asyncio.Event, found: Found) -> ScanReport:
        raise KeyError(number)

    stage = Stage(faulty)
    with pytest.raises(KeyError, match="3"):
        stage.run()
    assert len(stage.begun) == 3


def test_a_find_is_told_when_it_is_certain_and_counted_in_its_pass() -> None:
    async def finding(number: int, stop: asyncio.Event, found: Found) -> ScanReport:
        await asyncio.sleep(7)
        found(make_opportunity(as_of=BORN))
        await asyncio.sleep(20)
        return answered(opportunities=(make_opportunity(as_of=BORN),))

    stage = Stage(finding, passes=2)
    stage.run()
    (new,) = stage.notes.events
    assert isinstance(new, New)
    assert new.at == BORN + 7
    assert [(passed.new, len(passed.open)) for passed in stage.notes.passes] == [(1, 1), (0, 1)]


class Market:
    """The sandbox's own market that lives on, watched as the command does it, but for stdout."""

    def __init__(self, world: LivingWorld, request: ScanRequest, path: Path) -> None:
        self.world, self.request, self.path = world, request, path
        self.reports: list[ScanReport] = []
        self.notes = Notes()

    async def watch(self, passes: int, every_s: int) -> None:
        clock = simulated.moving(BORN)
        sandbox = Sandbox(self.world, clock, rate=1000)
        market = CachedMarket(simulated.market(lambda asked: tuple(sandbox.respond(Request(*asked))), clock, Fraction(50)), clock)
        async with simulated.Remembering(self.path) as database:
            history = History(database, "sandbox")

            async def scan(stop: asyncio.Event, found: Found) -> ScanReport:
                return await self._pass(Scan(self.request, market, clock, _Heard(found), history.memory), market, history, clock)

            schedule = Schedule(every_s, passes, terms_for(self.request))
            await Watch(scan, schedule, clock, self.notes, drawn(0.5)).run()
            await market.close()
            await history.memory.close()

    async def _pass(self, scan: Scan, market: CachedMarket, history: History, clock: Clock) -> ScanReport:
        market.recount()
        start = ScanStart(f"pass {len(self.reports) + 1}", clock.seconds(), "{}", "0")
        report = await scan.run(start.scan_id, "sandbox")
        await history.memory.flush()
        await history.record(start, report, ScanEnd(report.exit_code(), "{}"))
        self.reports.append(report)
        return report


class _Heard:
    def __init__(self, found: Found) -> None:
        self.found = found

    def progress(self, progress: Progress) -> None:
        pass


def test_on_a_living_market_bargains_are_told_as_they_come_and_go(tmp_path: Path) -> None:
    world = LivingWorld(3, BORN, 150, ("cs2",), crossed="rich")
    request = make_request(exits=(Exit.INSTANT,), deadline_s=60, rest_s=REST_S)
    market = Market(world, request, tmp_path / "history.db")
    simulated.run(market.watch(passes=40, every_s=300))
    told: dict[str, tuple[int, int]] = {}
    ended: dict[str, list[int]] = {}
    for event in market.notes.events:
        if isinstance(event, New) and event.opportunity.title not in told:
            told[event.opportunity.title] = (event.at, event.opportunity.net_profit)
        if isinstance(event, Gone):
            ended.setdefault(event.standing.opportunity.title, []).append(event.at)
    bargains = [one for one in world.bargains("cs2") if one.kind == "bid" and one.title in told and told[one.title][0] <= one.gone_at]
    assert len(bargains) >= 5
    assert all(told[one.title][0] <= max(one.appeared_at, BORN) + 400 for one in bargains if one.appeared_at <= told[one.title][0])
    over = [one for one in bargains if one.gone_at < BORN + 39 * 300]
    assert over
    assert all(any(one.gone_at <= at <= one.gone_at + 400 for at in ended.get(one.title, [])) for one in over)


def test_each_pass_counts_its_own_requests(tmp_path: Path) -> None:
    world = LivingWorld(3, BORN, 60, ("cs2",), crossed="usual")
    market = Market(world, make_request(deadline_s=60, rest_s=REST_S), tmp_path / "history.db")
    simulated.run(market.watch(passes=3, every_s=60))
    first, second, third = (report.stats.traffic.sent for report in market.reports)
    assert first > 60 > second
    assert third < first / 2

"""The benchmarks' ground: simulated time, a fair duel with the naive scanner, and counts of calls that add up."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from aiolimiter import AsyncLimiter

from benchmarks import again, bids, budget, calls, coverage, growth, naive, processes, simulated, watch
from benchmarks.figures import Figure, Record, Scope, Table, on_market, place_of
from benchmarks.floor import candidates, least_for_all, least_for_instant
from benchmarks.lanes import outcomes
from benchmarks.naive import BORN_AT, Duel, Setting, duels_of
from benchmarks.scan_process import Outcome, scan
from benchmarks.visits import Visitor, request_of
from dmscan.core.models import Entry, Exit, Game, Leg, Quote
from dmscan.history.memory import Memory
from dmscan.sandbox.server import Request, Sandbox
from dmscan.sandbox.state import Offer, Sale, Target, Title
from dmscan.sandbox.world import World

from make import NOW, make_relist


async def pass_hours(hours: int) -> float:
    for _ in range(hours * 60):
        await asyncio.sleep(60)
    return asyncio.get_running_loop().time()


def test_hours_of_sleep_are_over_at_once() -> None:
    """A loop that really waited would be stopped by the tests' time limit long before."""
    assert simulated.run(pass_hours(100)) == pytest.approx(360_000)


def test_tasks_wake_in_the_order_of_their_timers_and_see_their_time() -> None:
    woken: list[tuple[int, float]] = []

    async def sleep(seconds: int) -> None:
        await asyncio.sleep(seconds)
        woken.append((seconds, round(asyncio.get_running_loop().time(), 3)))

    async def all_of_them() -> None:
        await asyncio.gather(*(sleep(seconds) for seconds in (30, 5, 3600, 1, 5)))

    simulated.run(all_of_them())
    assert woken == [(1, 1), (5, 5), (5, 5), (30, 30), (3600, 3600)]


def test_a_limiter_keeps_its_rate_and_never_waits_for_ever() -> None:
    async def moments() -> list[float]:
        limiter, loop = AsyncLimiter(1, 1 / 7), asyncio.get_running_loop()
        entered = []
        for _ in range(500):
            async with limiter:
                entered.append(loop.time())
            await asyncio.sleep(0.03)
        return entered

    entered = simulated.run(moments())
    assert min(later - earlier for earlier, later in pairwise(entered)) == pytest.approx(1 / 7)
    assert entered[-1] == pytest.approx(499 / 7)


def test_timeouts_follow_the_simulated_time() -> None:
    async def give_up() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(90):
                await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    assert simulated.run(give_up()) == pytest.approx(90)


def test_waiting_for_what_never_comes_is_an_error_and_no_hang() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="no timer"):
        simulated.run(wait())


def test_the_moving_clock_follows_the_loop_and_the_still_one_keeps_its_date() -> None:
    async def read() -> tuple[int, int, float]:
        await asyncio.sleep(5000)
        still = simulated.still(BORN_AT)
        return simulated.moving(BORN_AT).seconds(), still.seconds(), still.monotonic()

    assert simulated.run(read()) == (BORN_AT + 5000, BORN_AT, pytest.approx(5000))


def duel(setting: Setting, spoil: bool = False) -> list[Duel]:
    """The duel in this process, without the pipes; spoilt, the naive scanner has lost its first find."""
    world = World(3, BORN_AT, setting.titles, ("cs2",), crossed="rich")
    outcomes = {}
    for job in setting.jobs():
        sandbox = Sandbox(world, simulated.still(BORN_AT), rate=job.rate)
        outcomes[job] = simulated.run(scan(job, lambda asked, sandbox=sandbox: tuple(sandbox.respond(Request(*asked)))))
    if spoil:
        job = setting.naive_jobs(setting.rates[0])[0]
        outcomes[job] = Outcome(outcomes[job].finds[1:], outcomes[job].requests, outcomes[job].finished_s)
    return list(duels_of(setting, outcomes))


def test_both_scanners_find_the_same_and_the_naive_one_asks_thrice_for_each_title() -> None:
    instant, all_exits = duel(Setting("rich", 60, (20,)))
    assert all_exits.naive.finds == all_exits.dmscan.finds > instant.naive.finds == instant.dmscan.finds > 0
    assert all_exits.naive.profit == all_exits.dmscan.profit > 0
    asked = all_exits.naive.requests
    assert instant.naive.requests == asked
    assert asked["last-sales"] == asked["targets-by-title"] <= asked["v2/offers"]
    assert 55 <= asked["last-sales"] <= 60
    assert sum(all_exits.dmscan.requests.values()) < sum(asked.values())
    assert all_exits.naive.finished_s >= sum(asked.values()) / 20 - 1


def test_a_scan_cut_after_some_seconds_ends_then() -> None:
    for shown in duel(Setting("rich", 60, (2,), within_s=20)):
        assert shown.naive.finished_s == pytest.approx(20, abs=1)
        assert shown.dmscan.finished_s <= 21
        assert sum(shown.naive.requests.values()) <= 41


def test_an_unfair_duel_is_refused() -> None:
    with pytest.raises(RuntimeError, match="not fair"):
        duel(Setting("rich", 60, (20,)), spoil=True)


def test_no_simulated_time_passes_while_the_history_works(tmp_path: Path) -> None:
    async def work() -> float:
        loop = asyncio.get_running_loop()
        sleeper = asyncio.create_task(asyncio.sleep(3600))
        async with simulated.Remembering(tmp_path / "history.db") as database:
            before = loop.time()
            await database.run(lambda _: time.sleep(0.1))
            passed = loop.time() - before
        sleeper.cancel()
        return passed

    assert simulated.run(work()) < 0.001


def test_what_the_history_learns_is_stored_after_simulated_seconds(tmp_path: Path) -> None:
    async def learn() -> list[list[str]]:
        heard = []
        async with simulated.Remembering(tmp_path / "history.db") as database:
            memory = Memory(database, "sandbox")
            memory.note_quotes([Quote(Game.CS2, "AK-47 | Redline (Field-Tested)", 100, 90, 1, 1, BORN_AT)])
            for _ in range(2):
                heard.append([known.quote.title for known in await memory.known(Game.CS2)])
                await asyncio.sleep(5)
            await memory.close()
        return heard

    assert simulated.run(learn()) == [[], ["AK-47 | Redline (Field-Tested)"]]


def test_a_thread_that_never_answers_is_an_error_and_no_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "THREADS_S", 0.01)

    async def wait() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, simulated.SimulatedLoop)
        loop.expect_thread()
        await asyncio.sleep(1)

    with pytest.raises(RuntimeError, match="does not answer"):
        simulated.run(wait())


def in_hours(*prices: int) -> list[Sale]:
    return [Sale(price, BORN_AT - 3600 * hours) for hours, price in enumerate(prices, start=1)]


def market_of(*states: tuple[list[Offer], list[Target], list[Sale]]) -> World:
    """Titles without reduced fees: what is sold brings nine tenths."""
    world = World(3, BORN_AT, len(states), ("cs2",))
    for name, (offers, targets, sales) in zip(world.names("cs2"), states, strict=True):
        assert "Doppler" not in name
        world.put(Title("cs2", name, offers, targets, sales, []))
    return world


def test_the_least_that_an_exact_answer_needs_is_counted_by_title() -> None:
    ask = [Offer("1", 1000, BORN_AT - 9000)]
    world = market_of(
        (ask, [], []),  # its ask is in the band: one call for sales
        (ask, [], in_hours(*[1300] * 9)),  # they could pay: the offers too
        (ask, [], in_hours(*[1050] * 9)),  # they could not
        (ask, [Target(1300, 1)], []),  # its bid could pay: sales, targets and offers
        (ask, [Target(1050, 1)], []),  # its bid could not
        ([Offer("1", 30, BORN_AT - 9000)], [Target(20, 1)], in_hours(*[90] * 9)),  # too cheap
        ([], [Target(1300, 1)], in_hours(*[1300] * 9)),  # nothing to buy
    )
    both, instant = request_of(tuple(Exit)), request_of((Exit.INSTANT,))
    names = world.names("cs2")
    assert least_for_all(world, both, BORN_AT) == {"aggregated-prices": 1, "last-sales": 5, "v2/offers": 2, "targets-by-title": 1}
    assert list(candidates(world, both, BORN_AT)) == list(names[:5])
    assert list(candidates(world, instant, BORN_AT)) == [names[3]]
    least = least_for_instant(world, instant, BORN_AT, [names[3]])
    assert least == {"aggregated-prices": 1, "customized-fees": 1, "targets-by-title": 1, "v2/offers": 1}


def has_a_width(table: Table) -> bool:
    return len({len(row) for row in table.rows}) == 1


def test_an_exact_scan_costs_about_the_least_and_finds_what_brute_force_finds() -> None:
    all_exits, instant = (calls.run("rich", exits, 120) for exits in ("all", "instant"))
    assert all_exits == calls.run("rich", "all", 120)
    assert all_exits.total == sum(all_exits.requests.values()) >= all_exits.least.total() > 100
    assert all_exits.finds > instant.finds > 0
    assert instant.least.total() <= instant.total < all_exits.total / 2
    assert 0 < instant.seen < instant.first <= instant.total
    assert instant.requests["last-sales"] == 0
    assert has_a_width(calls._table([all_exits, instant]))


def test_goals_are_judged_exactly_and_only_on_the_usual_market() -> None:
    cost = calls.Cost("usual", "instant", 25_000, Counter({"v2/offers": 750}), Counter({"v2/offers": 500}), 3, first=30, seen=5)
    requests, least, wait = calls._figures(cost)
    assert (requests.measured, requests.ok) == ("1/100.0", True)
    assert (least.measured, least.ok) == ("1/150.0", None)
    assert (wait.measured, wait.ok) == ("25", True)
    one_more = msgspec.structs.replace(cost, requests=Counter({"v2/offers": 751}), first=31)
    assert [figure.ok for figure in calls._figures(one_more)] == [False, None, False]
    assert on_market("rich", requests) == Figure(requests.name, "1/100.0")


def test_profit_is_counted_up_to_a_number_of_confirm_calls() -> None:
    world = World(3, BORN_AT, 60, ("cs2",), crossed="rich")
    visit = simulated.run(Visitor(world, simulated.still(BORN_AT), rate=20).visit(request_of(tuple(Exit))))
    curve = [visit.profit(number) for number in range(visit.confirm_calls + 1)]
    assert visit.requests.total() == len(visit.asked) == visit.report.stats.traffic.sent
    assert curve[0] == 0 < visit.profit()
    assert curve[-1] == visit.profit()


def test_a_second_scan_costs_less_and_differs_only_where_something_changed() -> None:
    pair = again.run("rich", 200)
    assert pair.cold["last-sales"] > 40
    assert pair.again["last-sales"] == 0
    assert 0 < pair.share < 1
    assert pair.differing == 0 < min(pair.finds)
    assert 100 < pair.unchanged < 200
    assert has_a_width(again._table(200, [pair]))


def test_more_calls_find_more_profit_and_never_more_than_there_is() -> None:
    empty, day = budget.run("rich", 150)
    assert (empty.history, day.history) == ("empty", "a day")
    assert empty.confirm_calls == day.confirm_calls > 100
    for curve in (empty, day):
        assert 0 <= curve.found[5] <= curve.found[25] <= curve.found[50] <= 1
        assert curve.found[50] > 0
    assert has_a_width(budget._table(150, {"rich": (empty, day)}))


def test_coverage_grows_from_hour_to_hour_within_the_pace() -> None:
    day = coverage.run("rich", 500, hours=2)
    first, second = day.hours
    assert len(day.candidates) == pytest.approx(300, abs=20)
    assert 0 < day.coverage(1) <= day.coverage(2) < 1
    assert first.covered <= second.covered
    scans, seconds = coverage.HOUR // coverage.EVERY_S, coverage.LASTS_S * 500 // 25_000
    assert has_a_width(coverage._table("rich", 500, day))
    assert first.requests.total() <= scans * (coverage.RATE * seconds + 1)


# --- own targets --------------------------------------------------------------------------------------------------------------


def after(days: float, price: int, kind: str = "Offer", phase: str = "") -> Sale:
    return Sale(price, NOW + int(days * 86_400), kind, phase)


@pytest.mark.parametrize(
    ("sales", "filled", "sold"),
    [
        ([], None, None),
        ([after(1, 101, "Target")], 1, None),
        ([after(1, 102, "Target"), after(2, 100, "Target")], 2, None),
        ([after(1, 101, "Target", "ruby"), after(3, 99, "Target")], 3, None),
        ([after(1, 101, "Target"), after(2, 149), after(3, 150)], 1, 3),
        ([after(1, 150), after(2, 101, "Target"), after(2, 150), after(4, 151)], 2, 4),
        ([after(-1, 101, "Target"), after(2, 150)], None, None),
    ],
)
def test_a_bid_is_filled_and_its_item_sold_by_whoever_got_no_better_price(sales: list[Sale], filled: int | None, sold: int | None) -> None:
    promised = make_relist(
        entry=Entry.TARGET, as_of=NOW, legs=(Leg(ask=101, sell=150, fee=8, fee_at=NOW),), hold_days=Fraction(2), days_to_fill=Fraction(1)
    )
    fate = bids.fate(promised, sorted(sales, key=lambda sale: -sale.at))
    assert (fate.filled, fate.sold) == (filled, sold)
    assert (fate.is_filled(1), fate.is_sold(1)) == (filled == 1, sold in {1, 2, 3})


# --- the whole run ------------------------------------------------------------------------------------------------------------


def test_figures_stand_in_the_order_of_their_ids() -> None:
    names = ["own targets", "S12 b", "S1 c", "C6 d", "S12 a", "S2 e"]
    figures = sorted((Figure(name, "") for name in names), key=place_of)
    assert [figure.name for figure in figures] == ["S1 c", "S2 e", "S12 b", "S12 a", "own targets", "C6 d"]


def test_work_apart_has_a_process_of_its_own_and_raises_what_went_wrong_there() -> None:
    assert processes.apart(os.getpid) != os.getpid()
    with pytest.raises(ZeroDivisionError):
        processes.apart(divmod, 1, 0)


def test_a_benchmark_that_fails_takes_no_other_along(capsys: pytest.CaptureFixture[str]) -> None:
    nothing, again_ = outcomes(("nothing", "again"), Scope(titles=100, markets=("rich",)))
    assert nothing.result is None
    assert "ModuleNotFoundError" in nothing.failure
    assert again_.result
    assert [figure.name[:2] for figure in again_.result.figures] == ["S2", "S2"]
    told = capsys.readouterr().err
    assert "again took" in told
    assert "nothing failed after" in told


def test_a_run_tells_what_failed_and_keeps_the_figures_of_the_rest(tmp_path: Path) -> None:
    """On so few titles there is nothing to find: `calls` refuses to count anything then."""
    record = tmp_path / "now.json"
    command = [sys.executable, "-m", "benchmarks", "again", "calls", "--titles", "8", "--markets", "scarce", "--json", str(record)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)
    assert ran.returncode == 1
    assert "calls failed: RuntimeError" in ran.stdout
    told = msgspec.json.decode(record.read_bytes(), type=Record)
    assert set(told.failed) == {"calls"}
    assert [figure.name[:2] for figure in told.figures] == ["S2", "S2"]


def test_an_earlier_record_without_failures_can_still_be_compared() -> None:
    assert msgspec.json.decode(b'{"machine": "", "figures": [], "tables": []}', type=Record).failed == {}


def test_an_exponent_is_what_the_size_is_raised_to() -> None:
    sizes = (10, 100, 1000)
    assert growth.exponent(sizes, [7 * size for size in sizes]) == pytest.approx(1)
    assert growth.exponent(sizes, [size**2 / 3 for size in sizes]) == pytest.approx(2)
    assert growth.exponent(sizes, (5, 5, 5)) == pytest.approx(0)


def test_a_scan_whose_growth_is_measured_sees_every_title_of_every_game() -> None:
    """Which `scans` checks itself; a page of each of the four games is the least."""
    for _, cost in growth.scans(400, 4):
        assert cost.calls > 4
        assert min(cost.cpu_s, cost.elapsed_s, cost.peak_mb) > 0


def test_the_end_to_end_table_shows_both_scanners_and_their_ratio() -> None:
    early, late = duel(Setting("rich", 60, (2, 20), within_s=20)), duel(Setting("rich", 60, (2, 20)))
    table = naive._summary(early, late)
    assert [row[0] for row in table.rows[1:4]] == ["instant, naive", "instant, dmscan", "instant, dmscan beside naive"]
    assert has_a_width(table)
    assert len(table.rows) == 7


def test_several_seeds_of_a_watch_count_with_their_mean() -> None:
    tally = watch.Tally(7200, {"last-sales": 1}, 0, {"last-sales": 9}, 5, 5, 1000)
    told = [
        watch.Told({Exit.INSTANT: [seconds], Exit.RELIST: []}, {Exit.INSTANT: 0, Exit.RELIST: 1}, watch.Watched((), (tally,), 100))
        for seconds in (15.0, 45.0)
    ]
    late, missed, remembered, *_ = watch._figures("usual", told)
    assert (late.measured, late.ok) == ("1.00 × 30 s", True)
    assert missed.measured == "2 of 4"
    assert remembered.measured == "90.0%"

"""The benchmarks' ground: simulated time, and a fair duel with the naive scanner."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from aiolimiter import AsyncLimiter

from benchmarks import simulated
from benchmarks.naive import BORN_AT, Duel, Setting, duels_of
from benchmarks.scan_process import Outcome, scan
from dmscan.sandbox.server import Request, Sandbox
from dmscan.sandbox.world import World


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

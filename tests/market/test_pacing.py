"""The pace against the sandbox's own limits, by its own log, in simulated time (quality S4, reliability R7 and R8)."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import pytest

from benchmarks import simulated
from benchmarks.pace import ROWS, case_of
from benchmarks.runs import MUTE, SILENT, Plan, Road, Run, fullest, run
from dmscan.clock import Clock
from dmscan.market.endpoints import Endpoint
from dmscan.market.pacing import Pacer, Stopwatch
from dmscan.market.sharing import board_for
from dmscan.sandbox.server import Manners

LIMITS = {"sales": 6, "offers": 10, "targets": 20}


def within(done: Run, limit: int) -> bool:
    return done.fullest() <= limit and not done.refused


# The four rows of S4


@pytest.mark.parametrize("limit", [1, 2, 5, 10])
def test_an_explicit_rate_equal_to_the_limit_uses_95_percent_of_it(limit, score):
    done = run(Plan((limit,), limit))
    assert within(done, limit)
    assert done.served >= 0.95 * limit
    score("R7", f"{done.fullest()} of {limit} in the fullest second")


@pytest.mark.parametrize("ask", ["sales", "offers"])
def test_without_a_rate_95_percent_of_nine_tenths_of_the_documented_limit_are_used(ask):
    done = run(Plan(asks=(ask,)))
    assert within(done, LIMITS[ask])
    assert 0.95 * 0.9 * LIMITS[ask] <= done.served <= 0.9 * LIMITS[ask]


@pytest.mark.parametrize("ask", ["sales", "offers"])
def test_a_limit_half_as_high_as_documented_is_kept_to_if_the_headers_say_so(ask):
    limit = LIMITS[ask] // 2
    done = run(Plan(limit=limit, asks=(ask,)))
    assert within(done, limit)
    assert done.served >= 0.85 * limit


@pytest.mark.parametrize("manners", [SILENT, MUTE], ids=["retry-after", "nothing"])
@pytest.mark.parametrize("ask", ["sales", "offers"])
def test_a_limit_half_as_high_as_documented_is_found_without_headers(ask, manners):
    limit = LIMITS[ask] // 2
    done = run(Plan(limit=limit, asks=(ask,), manners=manners))
    assert 0 < done.refused <= 0.02
    assert done.served >= 0.7 * limit


@pytest.mark.parametrize(("ask", "limit"), [("sales", 6), ("offers", 10), ("targets", 20)])
def test_a_documented_limit_is_used_to_95_percent_within_the_first_minute(ask, limit):
    done = run(Plan(asks=(ask,), seconds=60))
    assert within(done, limit)
    assert 0.95 * 0.9 * limit <= done.served <= 0.9 * limit


def test_a_scan_uses_the_limit_that_binds_it_within_the_first_minute():
    (use, *_) = case_of(ROWS[1], "a scan").uses
    assert use.share >= 0.95
    assert (use.refused, use.fullest) == (0, 6)


# Never too many


def test_the_start_is_slow_and_every_group_has_its_own_gate():
    done = run(Plan(seconds=20, asks=("sales", "offers", "targets")))
    endpoints = ("last-sales", "v2/offers", "targets-by-title")
    by_group = {name: [entry.at for entry in done.log if entry.endpoint == name] for name in endpoints}
    assert [sum(at < 0.9 for at in times) for times in by_group.values()] == [2, 2, 2]
    assert [fullest(times) <= limit for times, limit in zip(by_group.values(), LIMITS.values(), strict=True)] == [True] * 3
    assert len(by_group["targets-by-title"]) > len(by_group["v2/offers"]) > len(by_group["last-sales"])


def test_an_explicit_rate_is_for_all_groups_together_from_the_first_second_on():
    done = run(Plan((5,), 5, seconds=20, asks=("sales", "offers", "targets")))
    assert within(done, 5)
    assert sum(entry.at < 1 for entry in done.log) == 5


@pytest.mark.parametrize("manners", [Manners(), SILENT], ids=["headers", "none"])
def test_the_market_binds_an_explicit_rate_too(manners):
    done = run(Plan((10,), 5, manners))
    assert done.refused <= (0 if manners.limit_headers else 0.03)
    assert done.served >= 0.85 * 5


def test_jitter_on_the_way_brings_no_second_over_the_limit():
    assert within(run(Plan((10,), 10, road=lambda: Road(jitter=0.025))), 10)


async def stalls() -> None:
    """The loop stands still for 0.7 s: nothing runs, but time passes."""
    for _ in range(8):
        await asyncio.sleep(2.05)
        asyncio.get_running_loop()._leaps.now += 0.7


@pytest.mark.parametrize("rate", [5, None])
def test_no_burst_follows_a_stall(rate):
    assert within(run(Plan((rate,), 5 if rate else None, seconds=25, beside=stalls)), 6 if rate is None else 5)


def test_a_request_that_opens_a_connection_is_timed_by_when_it_goes():
    done = run(Plan((5,), 5, seconds=60, workers=20, road=lambda: Road(latency=1.0, connecting=0.35)))
    assert within(done, 5)
    assert done.served >= 0.8 * 5


def test_a_host_that_cannot_be_reached_is_still_asked_once_a_second():
    done = run(Plan((5,), 5, seconds=10, workers=60, road=lambda: Road(connecting=99)))
    assert sum(done.traffic[0].requests.values()) == pytest.approx(10, abs=1)


# After a refusal


def storm(now: float) -> bool:
    return 20 <= now < 25


@pytest.mark.parametrize("rate", [5, None])
@pytest.mark.parametrize("processes", [1, 2])
def test_a_storm_of_five_seconds_costs_at_most_2_percent_of_a_minute_and_no_request(tmp_path, rate, processes, score):
    rates = (rate,) * processes
    done = run(Plan(rates, rate, seconds=60, storm=storm, folder=tmp_path))
    assert 0 < done.refused <= 0.02
    assert not [traffic for traffic in done.traffic if traffic.failed]
    assert done.fullest() <= (rate or 6)
    assert 5_000 <= max(traffic.held_ms for traffic in done.traffic) <= 12_000
    score("R7", f"{done.fullest()} of {rate or 6} in the fullest second, {processes} processes")
    score("R8", f"{100 * done.refused:.1f} %")


def test_after_a_refusal_90_percent_come_back_at_once_and_the_rest_slowly():
    done = run(Plan((10,), 10, seconds=200, storm=lambda now: 20 <= now < 20.11))
    assert 0 < done.refused < 0.002
    before, after, late = (sum(begin <= entry.at < begin + 10 for entry in done.log) for begin in (5, 30, 185))
    assert (before, after, late) == (pytest.approx(97, abs=1), pytest.approx(90, abs=2), pytest.approx(97, abs=2))


def test_somebody_else_on_the_account_is_given_way():
    """Without sharing the headers alone tell two machines of one account that nothing remains."""
    done = run(Plan((None, None), seconds=60))
    assert done.refused <= 0.05


# Many processes, one account


@pytest.mark.parametrize(("rates", "limit"), [((5, 5), 5), ((None, None), 6), ((2, 5), 5), ((None, 2), 6)])
def test_processes_together_stay_inside_the_limit_and_all_have_their_turns(tmp_path, rates, limit):
    done = run(Plan(rates, limit, seconds=60, folder=tmp_path))
    assert within(done, limit)
    shares = [traffic.sent / 60 for traffic in done.traffic]
    assert sum(shares) >= 0.85 * limit
    assert all(share <= (rate or limit) for share, rate in zip(shares, rates, strict=True))
    assert min(shares) >= 0.25 * min(limit, *(rate or limit for rate in rates))


def test_processes_that_do_not_share_would_break_the_limit():
    assert run(Plan((5, 5), 5, SILENT, seconds=10)).refused > 0.02


def test_a_second_process_begins_at_the_rate_that_the_first_has_found(tmp_path):
    run(Plan(seconds=30, folder=tmp_path))
    done = run(Plan(seconds=10, folder=tmp_path / "other"))
    assert sum(entry.at < 0.9 for entry in done.log) == 2

    async def again() -> int:
        clock = simulated.moving(0)
        await asyncio.sleep(40)
        pacer = Pacer(clock, board=board_for(tmp_path, "sandbox", "account", clock))
        for _ in range(6):
            await pacer.turn(Endpoint.SALES)
        return round(clock.monotonic() - 40, 3)

    assert simulated.run(again()) == pytest.approx(5 / 5.4, abs=0.01)


# What is said of it


def test_the_pace_follows_the_mix_of_calls():
    (pace,) = run(Plan(seconds=60, asks=("sales", "offers"))).paces
    assert pace == pytest.approx(14.4, abs=0.3)
    assert run(Plan((3,), 3, seconds=5)).paces == [3]


def test_before_the_first_request_the_pace_is_the_start():
    clock = simulated.moving(0)
    assert (Pacer(clock).pace, Pacer(clock, Fraction(7)).pace, Pacer(clock, signed=False).pace) == pytest.approx((2, 7, 1.8))


def test_the_waits_are_those_of_a_run_and_not_of_each_task():
    done = run(Plan(seconds=20, workers=4))
    (traffic,) = done.traffic
    assert 19_000 <= traffic.waited_ms <= 20_000
    assert traffic.held_ms == 0


async def test_a_stopwatch_counts_overlapping_spans_once_and_the_open_one_too():
    now = 0.0

    def clock() -> float:
        return now

    watch = Stopwatch(Clock(monotonic=clock))
    with watch.running():
        now = 3.0
        with watch.running():
            now = 5.0
            assert watch.seconds == 5
    now = 9.0
    assert watch.seconds == 5

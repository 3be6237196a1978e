"""Clocks that are wrong, jump or stand in another zone (reliability chapter 2.4)."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from dmscan.clock import Clock
from dmscan.core.report import ScanReport
from dmscan.errors import ExitCode

import processes
from fault_runs import run_alone
from fault_scans import all_there_is, finds, leaping_now, market_at, scan_with
from fault_server import NOW, REAL, Fault, misbehaving, small_market
from misdeeds import status

pytestmark = pytest.mark.usefixtures("no_backoff")

needs_faketime = pytest.mark.skipif(not shutil.which("faketime"), reason="faketime is not installed")


@needs_faketime
@pytest.mark.parametrize(("offset", "words"), [("-5m", "300 s behind"), ("+5m", "300 s ahead of")])
async def test_C1_a_clock_that_is_five_minutes_off_is_told_by_how_much(tmp_path, monkeypatch, offset, words):
    monkeypatch.setattr(processes, "COMMAND", ("faketime", "-f", offset, sys.executable, "-m", "dmscan"))
    async with misbehaving(market=small_market(clock=REAL)) as server:
        done = await run_alone(tmp_path, server.url, FAKETIME_DONT_FAKE_MONOTONIC="1")
    assert done.code == 13
    assert any(words.replace("300", str(seconds)) in done.stderr for seconds in range(295, 306)), done.stderr
    assert len({arrival.headers["x-sign-date"] for arrival in server.log}) == len(server.log) == 1


class Jumping:
    """A date that jumps by so many seconds at each reading in turn; time and waiting stay as they are."""

    def __init__(self, jumps: list[float]) -> None:
        self._jumps = jumps
        self.now = float(NOW)
        self.waits: list[float] = []

    def clock(self) -> Clock:
        return Clock(self._read, time.monotonic, self._sleep)

    def jump(self) -> None:
        self.now += self._jumps.pop(0) if self._jumps else 0

    def _read(self) -> float:
        return self.now

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(seconds)


def jumps_at(jumping: Jumping) -> Callable[..., object]:
    """The good answer, and then the date is another."""

    async def jump(exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(exchange.answer.body) + exchange.answer.body)
        jumping.jump()

    return jump


async def scan_with_jumps(*jumps: float) -> tuple[ScanReport, Jumping]:
    jumping = Jumping(list(jumps))
    report, _ = await scan_with(Fault(jumps_at(jumping), turns=range(5, 10**9, 3)), clock=jumping.clock())
    return report, jumping


@pytest.mark.parametrize("jumps", [(-100, 100), (100, -100), (100, -100) * 3, (-9,) * 12, (9,) * 12])
async def test_C2_a_date_that_jumps_a_little_changes_nothing(jumps):
    report, jumping = await scan_with_jumps(*jumps)
    assert (report.complete, report.troubles) == (True, ())
    assert [(one["title"], one["exit"], one["net_profit_cents"]) for one in finds(report)] == [
        (one["title"], one["exit"], one["net_profit_cents"]) for one in all_there_is("cs2")
    ]
    assert min(jumping.waits, default=0) >= 0


@pytest.mark.parametrize("jump", [-86_400, -3600, 3600, 86_400])
async def test_C2_a_date_that_jumps_far_is_told_and_makes_nobody_wait(jump):
    report, jumping = await scan_with_jumps(jump)
    assert report.exit_code() is ExitCode.CLOCK_SKEWED
    assert min(jumping.waits, default=0) >= 0
    assert 0 <= report.stats.elapsed_ms < 60_000
    assert report.stats.titles == 24


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/New_York", ":/nowhere", None])
async def test_C4_times_are_utc_whatever_the_zone(tmp_path, zone):
    async with misbehaving(market=small_market(clock=REAL)) as server:
        done = await run_alone(tmp_path, server.url, **({"TZ": zone} if zone else {}))
    started = datetime.fromisoformat(done.document["started_at"])
    assert done.document["started_at"].endswith("Z")
    assert abs((datetime.now(UTC) - started).total_seconds()) < 600
    assert done.code == 0


async def test_C5_each_attempt_is_signed_when_it_goes_and_not_when_it_was_asked_for():
    clock = leaping_now()
    moving = Clock(lambda: NOW + clock.monotonic() - 1000, clock.monotonic, clock.sleep)
    refused = Fault(status(429, retry_after="60"), turns=range(2))
    async with misbehaving(refused, market=small_market(clock=moving)) as server, market_at(server.url, moving) as market:
        await market.balance()
    dates = [int(arrival.headers["x-sign-date"]) for arrival in server.log]
    assert len(dates) == 3
    assert all(later - earlier >= 60 for earlier, later in pairwise(dates))

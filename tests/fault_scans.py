"""Scans of a misbehaving market in this process: the real client over a real socket, the waits between attempts cut short."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

from dmscan.clock import Clock
from dmscan.core.report import ScanReport, ScanRequest
from dmscan.market.cache import CachedMarket
from dmscan.market.client import Market
from dmscan.market.exchange import USUAL, open_client
from dmscan.market.pacing import Pacer
from dmscan.market.signing import Signer, load_keys, new_pair
from dmscan.market.transport import Transport
from dmscan.render.text import visible
from dmscan.sandbox.truth import Question
from dmscan.scanner import Scan

from fault_server import NOW, STILL, Fault, FaultServer, misbehaving, small_market
from inprocess import Quietly, printed, truth_of
from make import make_request

CLEAN = make_request(deadline_s=0)


def leaping_now() -> Clock:
    """Its date stands still; whoever waits for a turn moves its time on at once."""
    moment = 1000.0

    async def sleep(seconds: float) -> None:
        nonlocal moment
        assert seconds >= 0
        moment += seconds
        await asyncio.sleep(0)

    return Clock(STILL.now, lambda: moment, sleep)


@functools.cache
def pair() -> Signer:
    return load_keys(*new_pair())


def transport_to(url: str, clock: Clock | None = None, **options: Any) -> Transport:
    """Signs, and asks as fast as it is answered."""
    clock = clock or STILL
    pool = options.pop("pool", USUAL)
    settings = {"pacer": Pacer(clock, Fraction(10**6)), "attempt_s": 5.0} | options
    return Transport(open_client(pool=pool), url, pair(), clock=clock, **settings)


@asynccontextmanager
async def market_at(url: str, clock: Clock | None = None, **options: Any) -> AsyncIterator[CachedMarket]:
    transport = transport_to(url, clock, **options)
    market = CachedMarket(Market(transport), transport.clock)
    try:
        yield market
    finally:
        await transport._exchange.close(grace_s=0)


async def scan_at(url: str, request: ScanRequest = CLEAN, clock: Clock | None = None, **options: Any) -> ScanReport:
    async with market_at(url, clock, **options) as market:
        return await Scan(request, market, clock or STILL, Quietly()).run("scan-1", "sandbox")


async def scan_with(*faults: Fault, request: ScanRequest = CLEAN, **options: Any) -> tuple[ScanReport, FaultServer]:
    """A scan of a market with these faults, each of which must fire."""
    games = tuple(map(str, request.games))
    async with misbehaving(*faults, market=small_market(games)) as server:
        return await scan_at(server.url, request, **options), server


@functools.cache
def all_there_is(*games: str) -> list[dict[str, Any]]:
    """What brute force finds on that market, as it is printed."""
    truth = truth_of(small_market(games), Question(games=games), NOW)
    return [one | {"title": visible(one["title"])} for one in truth.opportunities]


def finds(report: ScanReport) -> list[dict[str, Any]]:
    return printed(report)


def is_whole(report: ScanReport) -> bool:
    """Whether the scan says that it saw all, and found all there is."""
    games = tuple(map(str, report.request.games))
    return report.complete and not report.troubles and printed(report) == all_there_is(*games)


def tells_of_odd_rows(report: ScanReport) -> bool:
    """Whether the scan found all there is, and says that it may not have because more than one row in a hundred could not be read."""
    (trouble,) = report.troubles
    is_told = trouble.message.startswith(f"{report.stats.skipped} of ") and trouble.message.endswith("check for a newer dmscan.")
    return is_told and report.exit_code() == 3 and not report.complete and printed(report) == all_there_is(*map(str, report.request.games))


def is_honest(report: ScanReport) -> bool:
    """Whether all that the scan found is there: with faults it may miss finds, but never make one up.

    Without a table of fees ten per cent are assumed, so that such a find pays less than it says there.
    """
    there = all_there_is(*map(str, report.request.games))
    names = {(one["title"], one["exit"]) for one in there}
    return all((one["title"], one["exit"]) in names if one["fee_source"] == "assumed" else one in there for one in printed(report))

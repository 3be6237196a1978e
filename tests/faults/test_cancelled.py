"""Whoever is waited for may be cancelled at any step: no place of the pool, no transaction and no thread is left (reliability R16)."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from dmscan.clock import Clock
from dmscan.core.models import Game
from dmscan.errors import ExitCode
from dmscan.history.store import History, ScanEnd, ScanStart, open_history
from dmscan.market import wire
from dmscan.market.endpoints import Call, Endpoint
from dmscan.market.exchange import POOL, USUAL
from dmscan.market.transport import Transport

from fault_scans import CLEAN, is_whole, market_at, scan_at, transport_to
from fault_server import STILL, misbehaving
from inprocess import Quietly
from make import NOW, make_opportunity, make_quote, make_report

BALANCE = Call(Endpoint.BALANCE)
STEPS = 20
ROUNDS = pytest.mark.parametrize("rounds", [200, pytest.param(1000, marks=pytest.mark.long)])


async def cancelled_after(steps: int, *tasks: asyncio.Task[object]) -> None:
    """Lets the loop turn so often, then cancels them all and waits until they are done."""
    for _ in range(steps):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


async def landed(transport: Transport) -> None:
    """Nothing is in flight any more."""
    if transport._exchange._flying:
        await asyncio.wait(transport._exchange._flying)


@ROUNDS
async def test_N11_R16_who_stops_waiting_costs_no_place(rounds: int, score: Callable[[str, str], None]) -> None:
    threads, most, cut = threading.active_count(), 0, 0
    async with misbehaving() as server:
        transport = transport_to(server.url)
        for number in range(rounds):
            tasks = [asyncio.ensure_future(transport.ask(BALANCE, wire.balance)) for _ in range(4)]
            await cancelled_after(1 + number % STEPS, *tasks)
            cut += sum(task.cancelled() for task in tasks)
            most = max(most, transport._exchange.abandoned)
        await landed(transport)
        assert len(await asyncio.gather(*[transport.ask(BALANCE, wire.balance) for _ in range(POOL)])) == POOL
        assert transport._places._value == USUAL.size
        assert transport.traffic().failed == 0
        assert transport._exchange.abandoned == 0
        assert 2 * most < POOL
        await transport.close()
    assert cut > rounds
    assert threading.active_count() == threads
    score("R16", f"{rounds} rounds, {cut} requests cut, 0 places lost, {most} abandoned at the most")


@ROUNDS
async def test_N11_R16_a_scan_cut_at_any_step_leaves_the_market_usable(rounds: int, score: Callable[[str, str], None]) -> None:
    """The same client goes on: after the last cut it still finds all there is."""
    from dmscan.scanner import Scan

    async with misbehaving() as server, market_at(server.url) as market:
        transport = market._market._transport
        for number in range(rounds // 20):
            scan = asyncio.ensure_future(Scan(CLEAN, market, STILL, Quietly()).run(str(number), "sandbox"))
            await cancelled_after(random.Random(number).randrange(1, 200), scan)
            market.forget(Game.CS2, "")
        await landed(transport)
        assert transport._places._value == USUAL.size
        assert transport._exchange.abandoned == 0
        report = await Scan(CLEAN, market, STILL, Quietly()).run("last", "sandbox")
        assert is_whole(report)
        assert report.stats.traffic.failed == 0
        assert is_whole(await scan_at(server.url))


def is_free(path: Path) -> bool:
    """Whether another program can write at once."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return other.execute("ROLLBACK") is not None


async def stored(history: History, scan_id: str) -> None:
    start = ScanStart(scan_id, NOW, "{}", "0.1.0")
    await history.begin(start)
    history.memory.note_quotes([make_quote(title=scan_id)])
    await history.memory.flush()
    await history.record(start, make_report(scan_id=scan_id, complete=True, opportunities=FOUND), ScanEnd(ExitCode.OK, "{}"))


FOUND = tuple(make_opportunity(title=f"Title {number}") for number in range(5))


@ROUNDS
async def test_S5_S6_R16_a_record_cut_at_any_step_leaves_no_transaction_open(
    tmp_path: Path, rounds: int, score: Callable[[str, str], None]
) -> None:
    threads, path = threading.active_count(), tmp_path / "history.db"
    async with open_history(path, "https://api.dmarket.com", Clock()) as history:
        for number in range(rounds):
            task = asyncio.ensure_future(stored(history, f"scan-{number}"))
            await asyncio.sleep(random.Random(number).random() * 0.01)
            await cancelled_after(1 + number % STEPS, task)
            # What is still under way on the thread comes before this.
            await history.memory.flush()
            await history.begin(ScanStart("last", NOW, "{}", "0.1.0"))
            assert is_free(path)
    with closing(sqlite3.connect(path)) as connection:
        found = "SELECT status, (SELECT count(*) FROM opportunities WHERE scan = scans.id) FROM scans"
        ends = set(connection.execute(found))
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert {("running", 0)} <= ends <= {("running", 0), ("finished", len(FOUND))}
    assert threading.active_count() == threads
    score("R16", f"{rounds} rounds, 0 transactions open, 0 threads left")


def descriptors() -> int:
    """How many this process has open; 0 where there is no /proc."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


async def test_R16_an_opening_cut_at_any_step_leaves_no_thread_and_no_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "history.db"

    async def opened() -> None:
        async with open_history(path, "https://api.dmarket.com", Clock()) as history:
            await stored(history, "scan")

    await opened()
    threads, open_files = threading.active_count(), descriptors()
    for number in range(60):
        await cancelled_after(1 + number % STEPS, asyncio.ensure_future(opened()))
        assert threading.active_count() == threads
        assert is_free(path)
    assert descriptors() == open_files

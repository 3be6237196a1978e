"""Where the CPU of a sweep goes: the same pages fetched up to and with each layer, all in turn in one process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import replace

from benchmarks.figures import Result, Scope, Table
from benchmarks.repeated import Goods, serving
from benchmarks.sweep import CHANGED, PATH, REQUEST, Silence, cursor_of, fetch_all
from dmscan.clock import Clock
from dmscan.core.models import Game
from dmscan.history.memory import Memory
from dmscan.history.store import open_history
from dmscan.market import wire
from dmscan.market.cache import CachedMarket
from dmscan.market.client import Market
from dmscan.market.endpoints import Call, Endpoint
from dmscan.market.exchange import Exchange, Outgoing, open_client
from dmscan.market.pacing import Pacer
from dmscan.market.page import Answer
from dmscan.market.sharing import board_for
from dmscan.market.signing import load_keys, new_pair
from dmscan.market.transport import Transport
from dmscan.scanner import Scan

TITLES = 5_000
ROUNDS = 9
KEYS = load_keys(*new_pair())

Urls = Sequence[str]
Work = Callable[[Urls, Path], Coroutine[Any, Any, float]]
"""Seconds of CPU for all pages of a market, with a folder that outlives the layers of one round."""


def measure(scope: Scope) -> Result:
    """The first round only fills the server's caches."""
    titles = scope.titles or TITLES
    with serving(Goods(titles, quiet=True), Goods(titles, quiet=True, moved=CHANGED)) as urls:
        rounds = [_round(urls) for _ in range(ROUNDS + 1)][1:]
    pages, before, rows = -(-titles // 100), 0.0, [("up to and with", "least", "median", "more")]
    for name, seconds in {name: [one[name] for one in rounds] for name in LAYERS}.items():
        least, usual = (1e6 * second / pages for second in (min(seconds), median(seconds)))
        rows.append((name, f"{least:.0f}", f"{usual:.0f}", f"{least - before:+.0f}"))
        before = least
    return Result((), (Table(f"Microseconds of CPU a page of 100 titles, {titles:,} titles, {ROUNDS} rounds", tuple(rows)),))


def _round(urls: Urls) -> dict[str, float]:
    with TemporaryDirectory() as folder:
        return {name: asyncio.run(work(urls, Path(folder))) for name, work in LAYERS.items()}


async def _bare(urls: Urls, _: Path) -> float:
    return await fetch_all(urls[0])


async def _exchange(urls: Urls, _: Path) -> float:
    exchange = Exchange(open_client())

    async def ask(question: bytes) -> bytes:
        outgoing = Outgoing("POST", f"{urls[0]}{PATH}", {"Content-Type": "application/json"}, question)
        return (await exchange.send(outgoing, 20)).body

    try:
        return await _followed(ask)
    finally:
        await exchange.close()


async def _transport(urls: Urls, folder: Path, *, signed: bool = True, shared: bool = True) -> float:
    transport = _open(urls[0], folder if shared else None, signed=signed)
    try:
        return await _followed(lambda question: transport.ask(Call(Endpoint.PRICES, body=question), _body))
    finally:
        await transport.close()


async def _catalogue(urls: Urls, folder: Path, *, cached: bool) -> float:
    market = Market(_open(urls[0], folder))
    kept = CachedMarket(market, Clock()) if cached else market
    try:
        await market.quotes(Game.CS2, ["warm"])
        began = time.process_time()
        async for _ in kept.catalogue(Game.CS2):
            pass
        return time.process_time() - began
    finally:
        await market.close()


async def _scan(url: str, folder: Path, memory: Memory | None) -> float:
    market = CachedMarket(Market(_open(url, folder)), Clock())
    try:
        await market.quotes(Game.CS2, ["warm"])
        scan = Scan(replace(REQUEST, fresh=True), market, Clock(), Silence(), memory)
        began = time.process_time()
        await scan.run("sweep", "sandbox")
        if memory:
            await memory.flush()
        return time.process_time() - began
    finally:
        await market.close()


async def _screened(urls: Urls, folder: Path) -> float:
    return await _scan(urls[0], folder, None)


async def _stored(urls: Urls, folder: Path, *, market: int) -> float:
    """The first of the two markets is new to the history, the second has few changes."""
    async with open_history(folder / "history.db", "sandbox", Clock()) as history:
        return await _scan(urls[market], folder, history.memory)


LAYERS: Mapping[str, Work] = {
    "bare httpx": _bare,
    "`Exchange`": _exchange,
    "`Transport`, pace of one process": partial(_transport, signed=False, shared=False),
    "a signature": partial(_transport, shared=False),
    "the pace shared through its file": _transport,
    "reading, each title once": partial(_catalogue, cached=False),
    "cache": partial(_catalogue, cached=True),
    "`Scan`: quote rules and accounts": _screened,
    "history, every quote new": partial(_stored, market=0),
    "history, 5 % changed": partial(_stored, market=1),
}


def _open(url: str, folder: Path | None, *, signed: bool = True) -> Transport:
    clock, key = Clock(), KEYS if signed else None
    pacer = Pacer(clock, REQUEST.rate, signed=signed, board=board_for(folder, url, KEYS.public, clock))
    return Transport(open_client(), url, key, pacer, clock)


async def _followed(ask: Callable[[bytes], Awaitable[bytes]]) -> float:
    """Page after page, looked at no further than for its cursor."""
    await ask(wire.price_question(Game.CS2, ["warm"], ""))
    began, cursor = time.process_time(), ""
    while True:
        cursor = cursor_of(await ask(wire.price_question(Game.CS2, None, cursor)))
        if not cursor:
            return time.process_time() - began


def _body(answer: Answer) -> bytes:
    return answer.body

"""S6: reading and screening a page of quotes beside a bare typed decode of the same bytes, and beside the CPU of fetching it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median

import httpx
import msgspec
from msgspec import Struct

from benchmarks.figures import Figure, Result, Scope, Table
from benchmarks.repeated import Goods, serving
from benchmarks.sweep import PATH
from dmscan.core.fees import ASSUMED
from dmscan.core.models import Game, Rules
from dmscan.core.rules import price_bands
from dmscan.core.screen import screen_instant, screen_relist
from dmscan.market import wire
from dmscan.market.page import Answer

PAGES = 50
ROUNDS = 9
RULES = Rules(price_bands())


class Price(Struct, rename="pascal"):
    currency: str = ""
    amount: str = ""


class Row(Struct, rename="camel"):
    """What a quote is made of, as the documentation types it."""

    title: str
    order_best_price: Price | None = None
    order_count: str = ""
    offer_best_price: Price | None = None
    offer_count: str = ""


class Body(Struct, rename="camel"):
    aggregated_prices: list[Row]
    next_cursor: str = ""


class Turn(Struct, frozen=True):
    """Microseconds of CPU a page: bare decode, ours, ours with the quote rules of instant and of relist, fetching with bare httpx."""

    bare: float
    read: float
    screened: float
    fetched: float


def measure(_: Scope) -> Result:
    """All in turn on the same pages of a usual market, again and again; a page is 100 titles."""
    with serving(Goods(100 * PAGES)) as (url,):
        turns = asyncio.run(_turns(url))
    return Result(tuple(_figures(turns)), (_table(turns),))


async def _turns(url: str) -> list[Turn]:
    async with httpx.AsyncClient() as client:
        pages = await _pages(client, url)
        bodies = [response for _, response in pages]
        turns = []
        for _ in range(ROUNDS):
            fetched = await _fetched(client, url, [cursor for cursor, _ in pages])
            turns.append(Turn(_timed(_BARE.decode, bodies), _timed(_read, bodies), _timed(_screened, bodies), fetched))
        return turns


_BARE = msgspec.json.Decoder(Body)


async def _pages(client: httpx.AsyncClient, url: str) -> list[tuple[str, bytes]]:
    """Each page under the cursor that leads to it."""
    found, cursor = [], ""
    for _ in range(PAGES):
        body = (await client.post(f"{url}{PATH}", content=wire.price_question(Game.CS2, None, cursor))).content
        found.append((cursor, body))
        cursor = _BARE.decode(body).next_cursor
    return found


async def _fetched(client: httpx.AsyncClient, url: str, cursors: Sequence[str]) -> float:
    began = time.process_time()
    for cursor in cursors:
        await client.post(f"{url}{PATH}", content=wire.price_question(Game.CS2, None, cursor))
    return 1e6 * (time.process_time() - began) / len(cursors)


def _timed(work: Callable[[bytes], object], bodies: Sequence[bytes]) -> float:
    began = time.process_time()
    for _ in range(4):
        for body in bodies:
            work(body)
    return 1e6 * (time.process_time() - began) / (4 * len(bodies))


def _read(body: bytes) -> object:
    return wire.quotes(Game.CS2, Answer(body, 1_795_500_000))


def _screened(body: bytes) -> object:
    quotes = wire.quotes(Game.CS2, Answer(body, 1_795_500_000)).rows
    return [(screen_instant(quote, ASSUMED.schedule(quote.title), RULES), screen_relist(quote, RULES)) for quote in quotes]


def _figures(turns: Sequence[Turn]) -> Iterator[Figure]:
    decode, fetch = median(one.screened / one.bare for one in turns), median(one.screened / one.fetched for one in turns)
    yield Figure("S6 reading and screening a page, beside a bare typed decode", f"{decode:.1f} ×", "≤ 4 ×", decode <= 4)
    yield Figure("S6 reading and screening a page, beside fetching it", f"{fetch:.2f} ×", "≤ 0.35 ×", fetch <= 0.35)


def _table(turns: Sequence[Turn]) -> Table:
    head = ("turn", "bare decode", "read", "read and screened", "fetched")
    rows = [(str(n), *(f"{v:.0f}" for v in (one.bare, one.read, one.screened, one.fetched))) for n, one in enumerate(turns, 1)]
    return Table("Microseconds of CPU a page of 100 titles", (head, *rows))

"""A market as large as one likes, in a process of its own: the books of a small sandbox world under ever new titles."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from fractions import Fraction
from multiprocessing.connection import Connection

from msgspec import Struct

from benchmarks.naive import BORN_AT
from dmscan.sandbox.server import Sandbox, running
from dmscan.sandbox.state import FeeRow, Title
from dmscan.sandbox.world import Sides, World

SEED = 7
RATE = 100_000
"""Requests a second: no limit binds."""


class Goods(Struct, frozen=True):
    """How many titles of each game share the books of `books`, and how deep these are: 2.7 gives 40 offers a title.

    In a `quiet` market no bid is above its ask, so nothing is a candidate for instant. `moved` is the share of the titles, in
    hundredths, whose ask is a cent higher than usual.
    """

    titles: int
    books: int = 2500
    depth: float = 1.0
    quiet: bool = False
    moved: int = 0
    games: tuple[str, ...] = ("cs2",)


class RepeatedWorld(World):
    """Title n has the book of title n modulo `books`: 250,000 titles are there in seconds instead of minutes."""

    def __init__(self, goods: Goods) -> None:
        crossed = Fraction(0) if goods.quiet else None
        super().__init__(SEED, BORN_AT, goods.titles, goods.games, depth=goods.depth, crossed=crossed, keep=0)
        self._goods = goods
        few = len(goods.games) * goods.books
        self._small = World(SEED, BORN_AT, goods.books, goods.games, depth=goods.depth, crossed=self.scale.crossed, keep=few)
        # All books are made now, so that no request has to wait for them.
        self._books = {game: [title.title for title in self._small.titles_of(game)] for game in goods.games}

    def title(self, game: str, name: str) -> Title | None:
        place = self._places.get((game, name))
        book = None if place is None else self._small.title(game, self._book_of(game, place))
        return book and Title(game, name, book.offers, book.targets, book.sales, book.fee_rows)

    def quote(self, game: str, name: str, include_p2p: bool) -> Sides:
        place = self._places[game, name]
        told = self._small.quote(game, self._book_of(game, place), include_p2p)
        if told.ask and self._goods.quiet:
            told = told._replace(bid=told.bid and min(told.ask, told.bid))
        return told._replace(ask=told.ask and told.ask + (place % 100 < self._goods.moved))

    def fee_rows(self, game: str) -> Iterator[tuple[str, FeeRow]]:
        for place, name in enumerate(self.names(game)):
            book = self._small.title(game, self._book_of(game, place))
            yield from ((name, row) for row in book.fee_rows) if book else ()

    def _book_of(self, game: str, place: int) -> str:
        books = self._books[game]
        return books[place % len(books)]


@contextmanager
def serving(*markets: Goods) -> Iterator[Sequence[str]]:
    """Their URLs, as long as the block runs."""
    spawned = multiprocessing.get_context("spawn")
    ours, theirs = spawned.Pipe()
    process = spawned.Process(target=_serve, args=(theirs, markets))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join()


def _serve(line: Connection, markets: Sequence[Goods]) -> None:
    asyncio.run(_all(line, markets))


async def _all(line: Connection, markets: Sequence[Goods]) -> None:
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(running(Sandbox(RepeatedWorld(goods), rate=RATE))) for goods in markets]
        line.send(urls)
        await asyncio.to_thread(line.recv)

"""The memory of the market between scans (design chapter 5): what is known is read at once, what is learnt is stored on the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Concatenate, ParamSpec, TypeVar

from dmscan.core.episodes import Key
from dmscan.core.memory import Known, Look, SalesOutlook, SweepState
from dmscan.core.models import FeeTable, Game, Quote, Sale, SaleKind, Stamped
from dmscan.core.money import Cents
from dmscan.history import catalogue, fees, finds, sales, sources
from dmscan.history.database import Database
from dmscan.history.sales import Heard
from dmscan.history.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")


class Memory:
    """One source's. Reading raises HistoryError; a `note_…` never waits and never raises: `flush` tells what could not be stored.

    What is read is what was stored, without notes that still wait. All times are Unix seconds.
    """

    def __init__(self, database: Database, source: str) -> None:
        self._database, self._source = database, source
        self._writer = Writer(database, source)

    async def known(self, game: Game) -> list[Known]:
        """All titles of a game, the oldest quote first; one that was never quoted has an empty quote of time 0."""
        return await self._read(catalogue.known, game)

    async def fees(self, game: Game, since: int) -> Stamped[FeeTable] | None:
        """The game's fees, if they were fetched at or after `since`."""
        return await self._read(fees.table, game, since)

    async def sales(self, game: Game, title: str, since: int, kind: SaleKind = SaleKind.OFFER) -> Stamped[tuple[Sale, ...]] | None:
        """The newest 20 rows of one kind as the last answer gave them, if it came at or after `since`."""
        return await self._read(sales.answer, (title, game), kind, since)

    async def sweep_state(self, game: Game) -> SweepState:
        """How far the last sweep came; a fresh state before the first."""
        return await self._read(catalogue.sweep_state, game)

    async def open_titles(self, since: int) -> frozenset[tuple[Game, str]]:
        """Titles with an opportunity in a scan of this source that finished at or after `since`."""
        return await self._read(finds.open_titles, since)

    async def last_found(self, request_json: str) -> dict[Key, Cents] | None:
        """The net profits of the last finished or cut scan of this source and request, `None` if there was none."""
        return await self._read(finds.last_found, request_json)

    async def fee_attempted(self, game: Game, day: int) -> bool:
        """Whether the game's fees were already asked for on `day` (whole days since 1970 UTC), answered or not."""
        return await self._read(fees.attempted, game, day)

    async def note_fee_attempt(self, game: Game, day: int, *, answered: bool) -> None:
        """Stores at once that the game's fees were asked for on `day`. HistoryError if it cannot."""

        def store(connection: sqlite3.Connection) -> None:
            fees.save_attempt(connection, sources.number(connection, self._source), (game, day), answered=answered)

        await self._database.write(store)

    def note_quotes(self, quotes: Iterable[Quote]) -> None:
        """The last quotes of titles; one older than what is stored changes nothing, one equal to it only its time."""
        if page := tuple(quotes):
            self._writer.add(lambda connection, source: catalogue.save_quotes(connection, source, page), len(page))

    def note_sales(self, game: Game, title: str, answer: Stamped[tuple[Sale, ...]], outlook: SalesOutlook) -> None:
        """The newest 20 `Offer` rows of a title and what they promise; `outlook.asked_at` is the answer's time."""
        self._note_sales(Heard((title, game), SaleKind.OFFER, answer, outlook))

    def note_fills(self, game: Game, title: str, answer: Stamped[tuple[Sale, ...]]) -> None:
        """The newest 20 `Target` rows of a title."""
        self._note_sales(Heard((title, game), SaleKind.TARGET, answer))

    def _note_sales(self, heard: Heard) -> None:
        self._writer.add(lambda connection, source: sales.save(connection, source, heard), 1 + len(heard.answer.value))

    def note_fees(self, game: Game, answer: Stamped[FeeTable]) -> None:
        self._writer.add(lambda connection, source: fees.save(connection, source, game, answer), 1 + len(answer.value.rows))

    def note_look(self, game: Game, title: str, look: Look) -> None:
        """A known title got its verdict."""
        self._writer.add(lambda connection, source: catalogue.save_look(connection, source, (title, game), look), 1)

    def note_sweep(self, game: Game, state: SweepState) -> None:
        """Stored after all quotes noted before it: a cursor is never ahead of what it stands for."""
        self._writer.add(lambda connection, source: catalogue.save_sweep(connection, source, game, state), 1)

    async def flush(self) -> None:
        """Returns when everything noted is stored. Raises the HistoryError that kept something from it, once."""
        await self._writer.flush()

    async def close(self) -> None:
        """Ends the writing; what was not flushed may be lost."""
        await self._writer.close()

    async def _read(self, read: Callable[Concatenate[sqlite3.Connection, str, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._database.run(lambda connection: read(connection, self._source, *args, **kwargs))

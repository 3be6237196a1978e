"""What the commands about one title share: its options as a scan's, what is stored of it, and the market to ask."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from msgspec import structs

from dmscan.cli.beside import sandbox_beside
from dmscan.cli.options import choice
from dmscan.cli.output import say
from dmscan.cli.question import one_game, unknown
from dmscan.cli.scan import scan
from dmscan.cli.task import Task, task
from dmscan.clock import Clock
from dmscan.core.fees import DAY
from dmscan.core.models import FeeTable, Game, SaleKind, Stamped
from dmscan.core.report import Trouble
from dmscan.errors import HistoryError, HistoryTooNew, UsageError
from dmscan.history.reader import Reader, reading
from dmscan.inquiry import Market, Stored
from dmscan.render.text import visible
from dmscan.wiring import open_market

T = TypeVar("T")
FORMATS = ("table", "json")
LONGEST_TITLE = 512
_LONE = re.compile("[\0\ud800-\udfff]")
"""What no title holds that a scan keeps (design chapter 4.1): NUL and halves of a character."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the history of a task holds. One that cannot be read is told, unless nobody else could be asked."""

    task: Task
    offline: bool

    def title(self, game: Game, title: str, now: int) -> tuple[Stored, list[str]]:
        """What is stored of a title, and all titles of its game."""

        def read(reader: Reader) -> tuple[Stored, list[str]]:
            known = {one.quote.title: one for one in reader.known(game)}
            sold, filled = (reader.sales(game, title, kind) for kind in (SaleKind.OFFER, SaleKind.TARGET))
            return Stored(known.get(title), reader.fees(game), sold, filled, reader.fee_attempted(game, now // DAY)), list(known)

        return self._read(read) or (Stored(), [])

    def fees(self, game: Game, now: int) -> tuple[Stamped[FeeTable] | None, Stored]:
        """A game's fees: the last ones of a day before those that count as current, and what is stored of these."""

        def read(reader: Reader) -> tuple[Stamped[FeeTable] | None, Stored]:
            current = reader.fees(game)
            at = current.at if current and self.offline else now
            return reader.fees_of_a_day_before(game, at), Stored(fee_table=current, fees_tried=reader.fee_attempted(game, now // DAY))

        return self._read(read) or (None, Stored())

    def _read(self, read: Callable[[Reader], T]) -> T | None:
        try:
            with reading(self.task.settings.database, self.task.source) as reader:
                return read(reader) if reader else None
        except HistoryError as error:
            if self.offline or isinstance(error, HistoryTooNew):
                raise
            say(f"{_prefix(self.task)}{error}")
            return None


@dataclass(frozen=True, slots=True)
class Title:
    """One title of one game, the scan whose rules hold for it, and whether nobody may be asked."""

    game: Game
    name: str
    task: Task
    offline: bool

    def stored(self, now: int) -> tuple[Stored, list[str]]:
        """What is stored of it, and which titles are."""
        return Shelf(self.task, self.offline).title(self.game, self.name, now)

    def unknown(self, titles: list[str]) -> UsageError:
        return unknown(self.game, self.name, titles)

    def tell(self, troubles: tuple[Trouble, ...]) -> None:
        tell(self.task, troubles)


def tell(task: Task, troubles: tuple[Trouble, ...]) -> None:
    """Notes and troubles on stderr."""
    for note in () if task.quiet else task.notes:
        say(f"{_prefix(task)}{note}")
    for trouble in troubles:
        say(f"{_prefix(task)}{visible(trouble.message)}")


def the_title(typed: Mapping[str, Any]) -> Title:
    """Raises UsageError, SettingsError or OutputError, each naming what to change."""
    if typed["format_"]:
        choice("--format", typed["format_"], FORMATS)
    game, name = one_game(typed["game"]), typed["title"]
    if not 0 < len(name) <= LONGEST_TITLE or _LONE.search(name):
        raise UsageError(f"{visible(name[:40])!r} can be no title: type it as the market spells it, in quotes.")
    return Title(game, name, task_of({**typed, "game": [typed["game"]], "title": None}), typed["offline"])


def task_of(typed: Mapping[str, Any]) -> Task:
    """The task of a scan with the same options; what was not offered stands as it does by default, and no budget ends it."""
    usual = {name: parameter.default for name, parameter in inspect.signature(scan).parameters.items()}
    planned = task({**usual, **typed, "deadline": "0", "no_store": True})
    return replace(planned, request=structs.replace(planned.request, sort="profit-per-day"))


@asynccontextmanager
async def market_of(task: Task, clock: Clock) -> AsyncIterator[Market]:
    """The market of the task, the sandbox's in a process of its own."""
    rate = task.request.rate if task.request.rate_set else None
    if not task.sandbox:
        async with open_market(task.settings, rate, clock) as market:
            yield market
        return
    async with sandbox_beside() as url, open_market(replace(task.settings, api_url=url), rate, clock) as market:
        yield market


def _prefix(task: Task) -> str:
    return "[sandbox] " if task.sandbox else "dmscan: "

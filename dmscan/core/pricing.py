"""What a title's sale leaves at a price, and how a game's reduced fees changed from one table to the next (design chapter 3)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dmscan.core.explained import Fact
from dmscan.core.fees import break_even, fee, row_at
from dmscan.core.models import FeeRow, FeeSchedule, FeeSource, FeeTable, Game, Quote, Rules, Stamped
from dmscan.core.money import Cents
from dmscan.core.report import ScanRequest, Trouble
from dmscan.core.rules import max_buy
from dmscan.errors import ExitCode, most_specific


class Priced(Struct, frozen=True):
    """A sale at a price: what it leaves, the fraction that ruled it, and the highest cost at which it would meet the rules."""

    price: Cents
    fee: Cents
    fraction: Fraction
    source: FeeSource
    max_buy: Cents | None

    @property
    def proceeds(self) -> Cents:
        return self.price - self.fee


class TitleFees(Struct, frozen=True):
    """A title's fees at one moment, `at` (Unix seconds); `break_even` is the least sale price that covers `cost`.

    Without fees `troubles` say why.
    """

    game: Game
    title: str
    request: ScanRequest
    at: int
    facts: tuple[Fact, ...]
    quote: Quote | None = None
    fees: FeeSchedule | None = None
    prices: tuple[Priced, ...] = ()
    cost: Cents | None = None
    break_even: Cents | None = None
    troubles: tuple[Trouble, ...] = ()
    offline: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """That of the troubles; partial if there are fees all the same."""
        softened = {ExitCode.NO_DATA, ExitCode.RATE_LIMITED} if self.fees else set()
        return most_specific(ExitCode.PARTIAL if trouble.code in softened else trouble.code for trouble in self.troubles)


class Turn(StrEnum):
    """How a title's reduced fees changed."""

    GAINED = "gained"
    LOST = "lost"
    FRACTION = "fraction"
    BANDS = "bands"
    EXPIRY = "expiry"


class FeeChange(Struct, frozen=True):
    """One title's rows before and after; `turns` are all that hold."""

    title: str
    turns: tuple[Turn, ...]
    before: tuple[FeeRow, ...]
    after: tuple[FeeRow, ...]


class GameChanges(Struct, frozen=True):
    """A game's fees now and in the last table of an earlier day; `None` where there is none."""

    game: Game
    before: Stamped[FeeTable] | None
    after: Stamped[FeeTable] | None
    changes: tuple[FeeChange, ...] = ()


def priced(fees: FeeSchedule, price: Cents, at: int, rules: Rules) -> Priced:
    """A sale at `price` cents at time `at`."""
    row, taken = row_at(fees, price, at), fee(fees, price, at)
    source = FeeSource.REDUCED if row else fees.default_source
    return Priced(price, taken, row.fraction if row else fees.default, source, max_buy(price - taken, rules))


def worked_out(told: TitleFees, prices: Sequence[Cents], cost: Cents | None) -> TitleFees:
    """With the sales at these prices, by default at the last ask and bid, and the break-even of the cost."""
    quote, fees = told.quote, told.fees
    if fees is None:
        return told
    shown = prices or [price for price in ((quote.ask, quote.bid) if quote else ()) if price is not None]
    return replace(
        told,
        prices=tuple(priced(fees, price, told.at, told.request.rules) for price in shown),
        cost=cost,
        break_even=None if cost is None else break_even(fees, cost, told.at),
    )


def changed(game: Game, before: Stamped[FeeTable] | None, after: Stamped[FeeTable] | None) -> GameChanges:
    """What changed from one table to the other, if there are both."""
    if before is None or after is None:
        return GameChanges(game, before, after)
    return GameChanges(game, before, after, tuple(fee_changes(before.value, after.value)))


def fee_changes(before: FeeTable, after: FeeTable) -> Iterator[FeeChange]:
    """The titles whose reduced rows are not the same, in their order."""
    earlier, later = dict(before.rows.items()), dict(after.rows.items())
    for title in sorted({*earlier, *later}):
        old, new = earlier.get(title, ()), later.get(title, ())
        if turns := tuple(_turns(old, new)):
            yield FeeChange(title, turns, old, new)


def _turns(old: Collection[FeeRow], new: Collection[FeeRow]) -> Iterator[Turn]:
    if not old or not new:
        if old or new:
            yield Turn.LOST if old else Turn.GAINED
        return
    pairs = [_in_order(rows) for rows in (old, new)]
    for turn, told in TOLD.items():
        if [told(row) for row in pairs[0]] != [told(row) for row in pairs[1]]:
            yield turn


def _in_order(rows: Collection[FeeRow]) -> list[FeeRow]:
    """By band, so that rows of two tables are compared with their like whatever the order they came in."""
    return sorted(rows, key=lambda row: (row.low, row.high, row.fraction, row.expires_at))


TOLD: Mapping[Turn, Callable[[FeeRow], Any]] = {
    Turn.FRACTION: lambda row: row.fraction,
    Turn.BANDS: lambda row: (row.low, row.high),
    Turn.EXPIRY: lambda row: row.expires_at,
}
"""What of a row tells a change of that kind."""

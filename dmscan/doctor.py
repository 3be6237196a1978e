"""Is everything as it should be? One line each for the base URL, the key pair, the clock and the balance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from dmscan.core.models import Game, QuotePage
from dmscan.core.money import Cents
from dmscan.errors import ExitCode, MarketError

MOST_SKEW_S = 120
NOTABLE_SKEW_S = 5


class Mark(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(Struct, frozen=True):
    """One thing looked at; `detail` says what was seen and, if it is not ok, what to do."""

    name: str
    mark: Mark
    detail: str
    code: ExitCode = ExitCode.OK


class Market(Protocol):
    @property
    def signed(self) -> bool: ...
    @property
    def skew_s(self) -> float | None: ...
    def catalogue(self, game: Game) -> AsyncIterator[QuotePage]: ...
    async def balance(self) -> Cents: ...


async def examine(market: Market) -> tuple[Check, ...]:
    """Asks the market once, the cheapest way: the balance with a key, else one page of quotes."""
    try:
        answer = await (_balance(market) if market.signed else _quotes(market))
    except MarketError as error:
        answer = Check("balance" if market.signed else "quotes", Mark.FAIL, str(error), error.exit_code)
    return (_clock(market.skew_s), answer)


async def _balance(market: Market) -> Check:
    cents = await market.balance()
    return Check("balance", Mark.OK, f"${cents // 100}.{cents % 100:02}: the key is accepted")


async def _quotes(market: Market) -> Check:
    page = await anext(market.catalogue(Game.CS2))
    return Check("quotes", Mark.OK, f"{len(page.quotes)} titles on the first page, without a key")


def _clock(skew_s: float | None) -> Check:
    """The market takes a signature for two minutes (dmarket-api.md chapter 1.1)."""
    if skew_s is None:
        return Check("clock", Mark.WARN, "not compared, because no answer came")
    off = f"{abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead of'} the market's"
    if abs(skew_s) > MOST_SKEW_S:
        return Check("clock", Mark.FAIL, f"{off}: set it, for example with timedatectl set-ntp true", ExitCode.CLOCK_SKEWED)
    if abs(skew_s) > NOTABLE_SKEW_S:
        return Check("clock", Mark.WARN, f"{off}: two minutes are too much")
    return Check("clock", Mark.OK, "within 5 s of the market's")

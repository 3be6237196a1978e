"""Does the market answer as dmscan reads it? Every endpoint's shape and units, the clock and the limits (design chapter 7)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol

from msgspec import Struct

from dmscan.core.checkup import Check, Limit, Mark, failed, odd, well
from dmscan.core.models import FeeTable, Game, Offer, Quote, QuotePage, Sale, SaleKind, Stamped, Target
from dmscan.core.money import Cents, fraction_text
from dmscan.core.sales import quantile
from dmscan.core.units import FAR
from dmscan.errors import ExitCode, MarketError, MarketRefused

MOST_SKEW_S = 120
NOTABLE_SKEW_S = 5
HIGH_LEAST_FEE = 100
"""A least fee of a dollar would be more than many items cost: rather it is no longer in cents."""
WELL_KNOWN = "AK-47 | Redline (Field-Tested)"
"""Asked about if the catalogue names no title."""
SKIPPED_SHARE = 100
"""One unreadable row in so many is no news."""
PRICES, FEES, BALANCE = "aggregated-prices", "customized-fees", "balance"


class Market(Protocol):
    """Every question is one request, however long its list."""

    @property
    def signed(self) -> bool: ...
    @property
    def skew_s(self) -> float | None: ...
    @property
    def skipped(self) -> int: ...
    @property
    def limits(self) -> Sequence[Limit]: ...
    def catalogue(self, game: Game) -> AsyncIterator[QuotePage]: ...
    async def offers(self, game: Game, title: str) -> Stamped[tuple[Offer, ...]]: ...
    async def targets(self, game: Game, title: str) -> Stamped[tuple[Target, ...]]: ...
    async def sales(self, game: Game, title: str, kind: SaleKind) -> Stamped[tuple[Sale, ...]]: ...
    async def fees(self, game: Game) -> Stamped[FeeTable]: ...
    async def balance(self) -> Cents: ...


Rows = Stamped[tuple[Offer, ...]] | Stamped[tuple[Target, ...]] | Stamped[tuple[Sale, ...]]


class Look(NamedTuple):
    """One question about a title; `typical` makes of the rows' prices the one that is compared with a `side` of the quote.

    `promised`: a quote of both sides says that there are rows.
    """

    endpoint: str
    name: str
    noun: str
    ask: Callable[[Market, str], Awaitable[Rows]]
    typical: Callable[[Sequence[Cents]], Cents]
    side: str
    promised: bool = True


class Sample(Struct, frozen=True):
    """What an endpoint says an item costs in the answer of that name, and the side of the quote that says so too."""

    endpoint: str
    name: str
    cents: Cents
    side: str


def _median(prices: Sequence[Cents]) -> Cents:
    return quantile(sorted(prices), Fraction(1, 2))


def _sales(kind: SaleKind) -> Callable[[Market, str], Awaitable[Rows]]:
    return lambda market, title: market.sales(Game.CS2, title, kind)


LOOKS = (
    Look("v2/offers", "v2/offers", "offer", lambda market, title: market.offers(Game.CS2, title), min, "ask"),
    Look("targets-by-title", "targets-by-title", "target", lambda market, title: market.targets(Game.CS2, title), max, "bid"),
    Look("last-sales", "last-sales Offer", "sale", _sales(SaleKind.OFFER), _median, "ask", promised=False),
    Look("last-sales", "last-sales Target", "sale", _sales(SaleKind.TARGET), _median, "bid", promised=False),
)


async def examine(market: Market) -> AsyncGenerator[Check, None]:
    """Asks each endpoint once, of a busy title where it wants one; without a key the open ones. A failure does not stop the others."""
    check, quote = await _prices(market)
    yield check
    yield clock(market.skew_s)
    yield await _fees(market)
    if market.signed:
        yield await _balance(market)
        samples: list[Sample] = []
        for look in LOOKS:
            yield await _looked(market, look, quote, samples)
        yield units(quote, samples)
    for limit in market.limits:
        yield limit_check(limit)


async def _prices(market: Market) -> tuple[Check, Quote | None]:
    """With the busiest quote of the first page."""
    before = market.skipped
    try:
        page = await anext(market.catalogue(Game.CS2))
    except MarketError as error:
        return failed(PRICES, error), None
    busy = max((quote for quote in page.quotes if quote.ask and quote.bid), key=_busyness, default=None)
    if busy is None:
        return odd(PRICES, f"{_plural(len(page.quotes), 'title')} on the first page, none of them with an ask and a bid"), None
    return _counted(PRICES, len(page.quotes), "title", market.skipped - before, f", the busiest is {busy.title}"), busy


def _busyness(quote: Quote) -> tuple[int, int]:
    return min(quote.ask_count, quote.bid_count), quote.ask_count + quote.bid_count


async def _looked(market: Market, look: Look, quote: Quote | None, samples: list[Sample]) -> Check:
    before, title = market.skipped, quote.title if quote else WELL_KNOWN
    try:
        rows = (await look.ask(market, title)).value
    except MarketError as error:
        return failed(look.name, error)
    if rows:
        samples.append(Sample(look.endpoint, look.name, look.typical([row.price for row in rows]), look.side))
    elif quote and look.promised and market.skipped == before:
        return odd(look.name, f"no {look.noun} of {title}, though its quote counts some: ask again, and report it if that stays so")
    return _counted(look.name, len(rows), look.noun, market.skipped - before, "" if rows else f" of {title}")


def _counted(name: str, count: int, noun: str, skipped: int, more: str) -> Check:
    detail = f"{_plural(count, noun)}{more}"
    if skipped * SKIPPED_SHARE > count + skipped:
        return odd(name, f"{detail}; {_plural(skipped, 'row')} more cannot be read, look for a newer dmscan")
    return well(name, detail)


async def _fees(market: Market) -> Check:
    try:
        table = (await market.fees(Game.CS2)).value
    except MarketRefused as error:
        keyless = "answers only with a key: 10% is assumed, or what --fee says"
        return failed(FEES, error) if market.signed else odd(FEES, keyless)
    except MarketError as error:
        return failed(FEES, error)
    return fee_check(table)


def fee_check(table: FeeTable) -> Check:
    """That the default is a share below 1 was seen when it was read; what is left to doubt is the unit of the least fee."""
    share, least = f"{fraction_text(table.default * 100)}%", _dollars(table.min_amount)
    if table.min_amount > HIGH_LEAST_FEE:
        return odd(FEES, f"a sale costs {share}, but {least} at least: look whether that is meant to be cents, and use --fee if so")
    ignored = f", {_plural(table.ignored, 'odd row')} ignored" if table.ignored else ""
    return well(FEES, f"{share} and {least} at least, {_plural(len(table.rows), 'title')} reduced on the first page{ignored}")


async def _balance(market: Market) -> Check:
    try:
        return well(BALANCE, f"{_dollars(await market.balance())}: the key is accepted")
    except MarketError as error:
        return failed(BALANCE, error)


def units(quote: Quote | None, samples: Sequence[Sample]) -> Check:
    """Whether every endpoint says the same of one title within a factor of 20 (design chapter 7); one that does not is named."""
    sides = {"ask": quote.ask, "bid": quote.bid} if quote else {}
    compared = [(sample, side) for sample in samples if (side := sides.get(sample.side))]
    if not compared:
        return odd("units", "not compared, because there is no quote with offers, targets or sales of its title")
    apart = [(sample, side) for sample, side in compared if sample.cents > FAR * side or side > FAR * sample.cents]
    if not apart:
        return well("units", ", ".join(f"{sample.name} {_dollars(sample.cents)}" for sample, _ in compared))
    blamed = {sample.endpoint for sample, _ in apart}
    if len(apart) == len(compared) and len(blamed) > 1:
        blamed = {PRICES}
    sample, side = apart[0]
    seen = f"{sample.name} says {_dollars(sample.cents)} where the quote's {sample.side} is {_dollars(side)}"
    detail = f"{' and '.join(sorted(blamed))} seems to have changed its unit ({seen}): look for a newer dmscan"
    return Check("units", Mark.FAIL, detail, ExitCode.API_CHANGED)


def clock(skew_s: float | None) -> Check:
    """The market takes a signature for two minutes (dmarket-api.md chapter 1.1)."""
    if skew_s is None:
        return odd("clock", "not compared, because no answer with a date came")
    off = f"{abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead of'} the market's"
    if abs(skew_s) > MOST_SKEW_S:
        return Check("clock", Mark.FAIL, f"{off}: set it, for example with timedatectl set-ntp true", ExitCode.CLOCK_SKEWED)
    if abs(skew_s) > NOTABLE_SKEW_S:
        return odd("clock", f"{off}: two minutes are too much, set it soon")
    return well("clock", f"within {NOTABLE_SKEW_S} s of the market's")


def limit_check(limit: Limit) -> Check:
    name = f"{limit.group} limit"
    if limit.limit is None:
        return well(name, f"none sent: the documented {limit.documented} a second is assumed")
    left = "" if limit.left is None else f", {limit.left:,} left"
    documented = "" if limit.limit == limit.documented else f" (documented: {limit.documented})"
    return well(name, f"{limit.limit:,} a second{left}{documented}")


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _dollars(cents: Cents) -> str:
    return f"${cents // 100:,}.{cents % 100:02}"

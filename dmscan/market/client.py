"""The market as the rest of dmscan sees it: titles in, stamped records out (dmarket-api.md chapters 3 and 4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import compress
from typing import TypeVar

from dmscan.core.fee_rows import FeeRows
from dmscan.core.models import FeeSource, FeeTable, Game, Offer, Quote, QuotePage, Sale, SaleKind, Stamped, Target
from dmscan.core.money import Cents
from dmscan.core.report import Traffic
from dmscan.errors import MarketChanged
from dmscan.market import wire
from dmscan.market.endpoints import Call, Endpoint
from dmscan.market.page import Answer, Page
from dmscan.market.paging import SeenTitles, Trail
from dmscan.market.transport import Transport

CATALOGUE_PAGES = 5000
OFFER_PAGES = 100
FEE_PAGES = 100
BATCH = 100
OLDER_KINDS = {SaleKind.TARGET: "Order"}
"""What the edition of July 2026 calls a kind of sales (dmarket-api.md chapter 3.4)."""

T = TypeVar("T")


class Catalogue:
    """The pages of a game's quotes. An error leaves it where it is: whoever goes on asks for the same page again.

    A cursor that the market no longer takes leads back to the first page, once; titles that came before come no second time.
    MarketUnavailable if the list repeats or does not end.
    """

    def __init__(self, ask: Callable[[str], Awaitable[Stamped[Page[Quote]]]], cursor: str) -> None:
        self._ask, self._cursor = ask, cursor
        self._received: int | None = None
        self._trail, self._seen = _trail(), SeenTitles()
        self._restarted = False

    def __aiter__(self) -> Catalogue:
        return self

    async def __anext__(self) -> QuotePage:
        if self._received is not None:
            if not self._trail.after(self._cursor, self._received):
                raise StopAsyncIteration
            self._received = None
        try:
            return await self._page()
        except MarketChanged:
            if self._restarted or not self._cursor:
                raise
        self._cursor, self._trail, self._restarted = "", _trail(), True
        return await self._page()

    async def _page(self) -> QuotePage:
        page = (await self._ask(self._cursor)).value
        self._cursor, self._received = page.cursor, page.received
        new = self._seen.are_new([quote.title for quote in page.rows])
        return QuotePage(tuple(compress(page.rows, new)), page.cursor)


def _trail() -> Trail:
    return Trail(Endpoint.PRICES, CATALOGUE_PAGES)


class Market:
    """All reading of the market. Every method raises MarketError, and BudgetSpent when `--max-requests` is used up."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.received = self.skipped = 0

    @property
    def signed(self) -> bool:
        return self._transport.signed

    @property
    def sent(self) -> Mapping[str, int]:
        """The requests sent by endpoint: all of `traffic` that is wanted again and again."""
        return self._transport.sent

    def traffic(self) -> Traffic:
        return self._transport.traffic()

    def recount(self) -> None:
        """Traffic and rows are counted from nothing again, and so is `--max-requests`."""
        self.received = self.skipped = 0
        self._transport.recount()

    @property
    def pace(self) -> float:
        """Requests a second that are allowed now in all, if the endpoints go on being asked in the proportions so far."""
        return self._transport.pacer.pace

    @property
    def warning(self) -> str:
        """Why other processes of the account do not know of this one's requests although they should; "" if all is well."""
        return self._transport.pacer.warning

    @property
    def skew_s(self) -> float | None:
        """How far the market's clock was ahead of this computer's at the last answer, in seconds; None before one."""
        return self._transport.skew_s

    async def close(self) -> None:
        """Close the connections once what is in flight has had a moment to land."""
        await self._transport.close()

    def catalogue(self, game: Game, cursor: str = "") -> Catalogue:
        """Page by page from `cursor` on the quotes of all titles, each once."""
        return Catalogue(lambda onward: self._prices(game, None, onward), cursor)

    async def quotes(self, game: Game, titles: Sequence[str]) -> Stamped[tuple[Quote, ...]]:
        """The quotes of these titles as far as the market knows them; the stamp is the last answer's."""
        found: dict[str, Quote] = {}
        at = 0
        for start in range(0, len(titles), BATCH):
            batch = titles[start : start + BATCH]
            answer = await self._batch(game, batch)
            found |= {quote.title: quote for quote in answer.value if quote.title in set(batch)}
            at = answer.at
        return Stamped(tuple(found.values()), at)

    async def offers(self, game: Game, title: str) -> Stamped[tuple[Offer, ...]]:
        """Every offer of exactly this title, P2P ones too, each once; the stamp is the last page's."""
        trail, found, cursor = Trail(Endpoint.OFFERS, OFFER_PAGES), dict[str, Offer](), ""
        while True:
            onward = [("cursor", cursor)] if cursor else []
            call = Call(Endpoint.OFFERS, query=_offers_query(game, title) + onward)
            page = await self._ask(call, lambda answer: wire.offers(game, title, answer))
            found |= {offer.offer_id: offer for offer in page.value.rows}
            cursor = trail.after(page.value.cursor, page.value.received)
            if not cursor:
                return Stamped(tuple(found.values()), page.at)

    async def targets(self, game: Game, title: str) -> Stamped[tuple[Target, ...]]:
        """The bids of this title with their limits; on a 400 or 404 the older name of the game is tried once."""
        older = Call(Endpoint.TARGETS, (wire.OLDER_GAME_IDS[game], title)) if game in wire.OLDER_GAME_IDS else None
        call = Call(Endpoint.TARGETS, (wire.GAME_IDS[game], title), older=older)
        return _rows(await self._ask(call, lambda answer: wire.targets(title, answer)))

    async def sales(self, game: Game, title: str, kind: SaleKind = SaleKind.OFFER) -> Stamped[tuple[Sale, ...]]:
        """The newest 20 sales of one kind, newest first; on a 400 or 404 the older name of sales into bids is tried once."""
        older = _sales_call(game, title, OLDER_KINDS[kind]) if kind in OLDER_KINDS else None
        page = await self._ask(_sales_call(game, title, kind, older), lambda answer: wire.sales(kind, answer))
        return Stamped(tuple(sorted(page.value.rows, key=lambda sale: -sale.at)), page.at)

    async def fees(self, game: Game) -> Stamped[FeeTable]:
        """All reduced fees of a game. The offset advances by the rows received, because a server may cut a page short."""
        rows = FeeRows()
        offset = ignored = 0
        previous = None
        for _ in range(FEE_PAGES):
            query = (("gameId", wire.GAME_IDS[game]), ("limit", "10000"), ("offset", str(offset)))
            answer = await self._transport.ask(Call(Endpoint.FEES, query=query), lambda answer: Stamped(wire.fees(answer), answer.at))
            page = answer.value.page
            if not page.received or page == previous:
                break
            rows.add(page.rows)
            ignored += page.skipped
            offset += page.received
            previous = page
        table = FeeTable(answer.value.default, answer.value.min_amount, FeeSource.DEFAULT, rows, ignored)
        return Stamped(table, answer.at)

    async def balance(self) -> Cents:
        """The account's dollars in cents: the cheapest way to try a key."""
        return await self._transport.ask(Call(Endpoint.BALANCE), wire.balance)

    async def _batch(self, game: Game, titles: Sequence[str]) -> Stamped[tuple[Quote, ...]]:
        trail, rows, cursor = Trail(Endpoint.PRICES, BATCH), list[Quote](), ""
        while True:
            page = await self._prices(game, titles, cursor)
            rows += page.value.rows
            cursor = trail.after(page.value.cursor, page.value.received)
            if not cursor or len(rows) >= len(titles):
                return Stamped(tuple(rows), page.at)

    async def _prices(self, game: Game, titles: Sequence[str] | None, cursor: str) -> Stamped[Page[Quote]]:
        body = wire.price_question(game, titles, cursor)
        return await self._ask(Call(Endpoint.PRICES, body=body), lambda answer: wire.quotes(game, answer))

    async def _ask(self, call: Call, read: Callable[[Answer], Page[T]]) -> Stamped[Page[T]]:
        page = await self._transport.ask(call, lambda answer: Stamped(read(answer), answer.at))
        self.received += page.value.received
        self.skipped += page.value.skipped
        return page


def _sales_call(game: Game, title: str, kind: str, older: Call | None = None) -> Call:
    query = (("gameId", wire.GAME_IDS[game]), ("title", title), ("limit", "20"), ("txOperationType", kind))
    return Call(Endpoint.SALES, query=query, older=older)


def _offers_query(game: Game, title: str) -> list[tuple[str, str]]:
    return [
        ("gameId", wire.GAME_IDS[game]),
        ("title", title),
        ("offerType", "all"),
        ("orderBy", "price"),
        ("orderDir", "asc"),
        ("limit", "100"),
    ]


def _rows(page: Stamped[Page[T]]) -> Stamped[tuple[T, ...]]:
    return Stamped(page.value.rows, page.at)

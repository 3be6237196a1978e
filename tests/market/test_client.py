from __future__ import annotations

import json
import sys
from fractions import Fraction
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from dmscan.clock import Clock
from dmscan.core.models import FeeSource, Game, SaleKind
from dmscan.errors import MarketChanged, MarketUnavailable
from dmscan.market.client import FEE_PAGES, Market
from dmscan.market.endpoints import Endpoint
from dmscan.market.paging import SeenTitles, Trail

from market_fakes import NOW, TITLE, market_for, reply, sample


def prices(*titles: str, cursor: str = "") -> httpx.Response:
    rows = [{"title": title, "offerBestPrice": {"Currency": "USD", "Amount": "100"}, "offerCount": "1"} for title in titles]
    return reply({"aggregatedPrices": rows, "nextCursor": cursor})


def offers(*ids: str, cursor: str = "", title: str = TITLE) -> httpx.Response:
    rows = [{"offerId": name, "priceCents": "100", "locked": False, "attributes": {"title": title, "gameId": "a8db"}} for name in ids]
    return reply({"items": rows, "total": "999", "cursor": cursor})


async def swept(market: Market, got: list[str] | None = None) -> list[str]:
    titles = [] if got is None else got
    async for page in market.catalogue(Game.CS2):
        titles += [quote.title for quote in page.quotes]
    return titles


# The catalogue


async def test_the_catalogue_is_followed_to_its_empty_cursor():
    market, script = market_for(reply(sample("aggregated-prices-page-1")), reply(sample("aggregated-prices-page-2-last")))
    pages = [page async for page in market.catalogue(Game.CS2)]
    assert [(len(page.quotes), page.cursor) for page in pages] == [(4, "c3ludGhldGljLXBhZ2UtMg=="), (1, "")]
    assert {quote.at for page in pages for quote in page.quotes} == {NOW}
    assert script.bodies == [
        {"filter": {"game": "a8db", "includeP2p": False}, "limit": "100"},
        {"filter": {"game": "a8db", "includeP2p": False}, "limit": "100", "cursor": "c3ludGhldGljLXBhZ2UtMg=="},
    ]


async def test_a_sweep_goes_on_from_a_cursor():
    market, script = market_for(reply(sample("aggregated-prices-page-2-last")))
    assert len([page async for page in market.catalogue(Game.CS2, "c3ludGhldGljLXBhZ2UtMg==")]) == 1
    assert script.bodies[0]["cursor"] == "c3ludGhldGljLXBhZ2UtMg=="


async def test_a_title_comes_once_in_a_sweep():
    market, _ = market_for(prices("a", "b", cursor="1"), prices("b", "c", cursor="2"), prices("a"))
    assert await swept(market) == ["a", "b", "c"]


async def test_a_repeating_catalogue_gives_its_pages_and_then_says_so():
    market, script = market_for(prices("a", cursor="1"), prices("b", cursor="1"))
    got: list[str] = []
    with pytest.raises(MarketUnavailable, match="aggregated-prices repeats"):
        await swept(market, got)
    assert (got, len(script.requests)) == (["a", "b"], 2)


async def test_a_catalogue_ends_at_the_second_empty_page_in_a_row():
    market, script = market_for(
        prices("a", cursor="1"), prices(cursor="2"), prices("b", cursor="3"), prices(cursor="4"), prices(cursor="5")
    )
    assert await swept(market) == ["a", "b"]
    assert len(script.requests) == 5


REFUSED = reply(b'{"message": "no"}', 400)


async def test_a_cursor_that_is_taken_no_more_leads_back_to_the_first_page_and_no_title_comes_twice():
    market, script = market_for(prices("a", cursor="1"), REFUSED, prices("a", "b", cursor="2"), prices("c"))
    assert await swept(market) == ["a", "b", "c"]
    assert [body.get("cursor", "") for body in script.bodies] == ["", "1", "", "2"]


async def test_a_cursor_that_is_refused_again_ends_the_sweep():
    market, script = market_for(prices("a", cursor="1"), REFUSED, prices("b", cursor="2"), REFUSED)
    got: list[str] = []
    with pytest.raises(MarketChanged):
        await swept(market, got)
    assert (got, len(script.requests)) == (["a", "b"], 4)


async def test_a_first_page_that_is_refused_is_not_asked_for_twice():
    market, script = market_for(REFUSED)
    with pytest.raises(MarketChanged):
        await swept(market)
    assert len(script.requests) == 1


def test_an_endless_list_ends_at_its_page_cap():
    trail = Trail(Endpoint.PRICES, 7)
    assert [trail.after(str(page), 100) for page in range(1, 7)] == ["1", "2", "3", "4", "5", "6"]
    with pytest.raises(MarketUnavailable, match="aggregated-prices does not end"):
        trail.after("7", 100)


async def test_a_monstrous_cursor_is_not_sent_back():
    market, script = market_for(prices("a", cursor="x" * 5000))
    with pytest.raises(MarketUnavailable):
        await swept(market)
    assert len(script.requests) == 1


def test_a_quarter_of_a_million_titles_are_remembered_in_little_memory():
    seen = SeenTitles()
    assert all(all(seen.are_new([f"title {n}" for n in range(start, start + 100)])) for start in range(0, 250_000, 100))
    assert not any(seen.are_new([f"title {n}" for n in range(0, 250_000, 100)]))
    assert sys.getsizeof(seen._slots) < 10 * 2**20


# Quotes by title


async def test_quotes_are_asked_in_batches_of_a_hundred():
    titles = [f"t{n}" for n in range(250)]
    market, script = market_for(lambda request: prices(*json.loads(request.content)["filter"]["titles"]))
    answer = await market.quotes(Game.RUST, titles)
    assert [quote.title for quote in answer.value] == titles
    assert [len(body["filter"]["titles"]) for body in script.bodies] == [100, 100, 50]
    assert {body["filter"]["game"] for body in script.bodies} == {"rust"}


async def test_an_unknown_title_is_absent_and_an_unasked_one_dropped():
    market, _ = market_for(prices("b", "x"))
    assert [quote.title for quote in (await market.quotes(Game.CS2, ["a", "b"])).value] == ["b"]


async def test_a_batch_cut_into_pages_is_read_whole():
    market, _ = market_for(prices("a", cursor="1"), prices("b", cursor="2"))
    assert [quote.title for quote in (await market.quotes(Game.CS2, ["a", "b"])).value] == ["a", "b"]


# Offers


async def test_all_pages_of_exactly_this_title_are_read_once():
    market, script = market_for(reply(sample("v2-offers-page-1")), reply(sample("v2-offers-page-2-last")))
    answer = await market.offers(Game.CS2, TITLE)
    assert [(offer.price, offer.reserved, offer.p2p) for offer in answer.value] == [
        (2468, False, False),
        (2475, False, False),
        (2490, True, False),
        (2401, False, True),
    ]
    asked = [parse_qs(request.url.query.decode()) for request in script.requests]
    first = {"gameId": ["a8db"], "title": [TITLE], "offerType": ["all"], "orderBy": ["price"], "orderDir": ["asc"], "limit": ["100"]}
    assert asked == [first, first | {"cursor": ["eyJvZmZzZXQiOjN9"]}]


async def test_a_page_of_other_titles_alone_does_not_end_the_offers():
    market, _ = market_for(*[offers("x", cursor=str(n), title=f"{TITLE} ") for n in range(3)], offers("1"))
    assert [offer.offer_id for offer in (await market.offers(Game.CS2, TITLE)).value] == ["1"]


async def test_the_stamp_is_the_last_pages_and_the_newer_row_wins():
    newer = {"offerId": "1", "priceCents": 100, "locked": True, "attributes": {"title": TITLE, "gameId": "a8db"}}
    pages = [reply({"items": [newer], "cursor": ""}), offers("1", cursor="c")]
    market, _ = market_for(lambda _: pages.pop(), clock=Clock(now=lambda: NOW - 10 * len(pages)))
    answer = await market.offers(Game.CS2, TITLE)
    assert answer.value[0].reserved
    assert answer.at == NOW


@pytest.mark.parametrize("cursors", [["1", "1"], ["1", "2", "1"]])
async def test_repeating_offers_are_no_verdict(cursors):
    market, _ = market_for(*[offers(str(n), cursor=cursor) for n, cursor in enumerate(cursors)])
    with pytest.raises(MarketUnavailable, match="v2/offers repeats"):
        await market.offers(Game.CS2, TITLE)


async def test_endless_offers_are_no_verdict():
    market, script = market_for(lambda _: offers("1", cursor=str(len(script.requests))))
    with pytest.raises(MarketUnavailable, match="does not end"):
        await market.offers(Game.CS2, TITLE)
    assert len(script.requests) == 100


# Targets, sales, fees


@pytest.mark.parametrize(
    ("game", "names"), [(Game.CS2, ["a8db", "csgo"]), (Game.DOTA2, ["9a92", "dota2"]), (Game.TF2, ["tf2"]), (Game.RUST, ["rust"])]
)
async def test_targets_try_the_older_name_of_a_game_where_there_is_one(game, names):
    market, script = market_for(reply(sample("error-runtime-400"), 400))
    with pytest.raises(MarketUnavailable):
        await market.targets(game, TITLE)
    assert [request.url.path.split("/")[4] for request in script.requests] == names


@pytest.mark.parametrize(
    ("ask", "status", "error"),
    [
        ("targets", 404, MarketUnavailable),
        ("targets", 410, MarketChanged),
        ("offers", 400, MarketUnavailable),
        ("offers", 404, MarketChanged),
        ("sales", 414, MarketUnavailable),
        ("sales", 404, MarketChanged),
    ],
)
async def test_an_odd_title_is_no_change_of_the_api(ask, status, error):
    market, script = market_for(reply(sample("error-runtime-400"), status))
    with pytest.raises(error) as caught:
        await getattr(market, ask)(Game.TF2, "odd / title")
    assert type(caught.value) is error
    assert len(script.requests) == 1


async def test_targets_are_asked_by_path():
    market, script = market_for(reply(sample("targets-by-title")))
    assert [target.price for target in (await market.targets(Game.CS2, TITLE)).value] == [2600, 2290, 2350, 2200]
    assert script.requests[0].url.raw_path == b"/marketplace-api/v1/targets-by-title/a8db/AK-47%20%7C%20Redline%20%28Field-Tested%29"


async def test_sales_come_newest_first_and_of_the_kind_asked_for():
    sold = [(5, "Offer"), (9, "Offer"), (7, "Target"), (9, "Offer")]
    rows = [{"price": f"1.0{n}", "date": str(date), "txOperationType": kind} for n, (date, kind) in enumerate(sold)]
    market, script = market_for(reply({"sales": rows}))
    answer = await market.sales(Game.CS2, TITLE)
    assert [(sale.at, sale.price) for sale in answer.value] == [(9, 101), (9, 103), (5, 100)]
    await market.sales(Game.CS2, TITLE, SaleKind.TARGET)
    asked = [parse_qs(request.url.query.decode()) for request in script.requests]
    common = {"gameId": ["a8db"], "title": [TITLE], "limit": ["20"]}
    assert asked == [common | {"txOperationType": ["Offer"]}, common | {"txOperationType": ["Target"]}]


def fee_page(*rows: dict[str, Any]) -> httpx.Response:
    return reply({"defaultFee": {"fraction": "0.1", "minAmount": 2}, "reducedFees": list(rows)})


def fee_row(name: str, **changes: Any) -> dict[str, Any]:
    return {"title": name, "fraction": "0.02", "minPrice": 1, "maxPrice": 9, "expiresAt": NOW} | changes


async def test_fees_are_read_to_an_empty_page_by_the_rows_received():
    pages = (fee_page(fee_row("a"), fee_row("a", fraction="0.03")), fee_page(fee_row("b"), fee_row("c", fraction="2")), fee_page())
    market, script = market_for(*pages)
    table = (await market.fees(Game.CS2)).value
    assert {title: [row.fraction for row in rows] for title, rows in table.rows.items()} == {
        "a": [Fraction(1, 50), Fraction(3, 100)],
        "b": [Fraction(1, 50)],
    }
    assert (table.default, table.min_amount, table.default_source, table.ignored) == (Fraction(1, 10), 2, FeeSource.DEFAULT, 1)
    assert [parse_qs(request.url.query.decode())["offset"] for request in script.requests] == [["0"], ["2"], ["4"]]
    assert market.skipped == 0


async def test_a_server_that_ignores_the_offset_gives_each_fee_once():
    market, script = market_for(fee_page(fee_row("a"), fee_row("b", title="")))
    table = (await market.fees(Game.CS2)).value
    assert ([len(rows) for rows in table.rows.values()], table.ignored, len(script.requests)) == ([1], 1, 2)


async def test_a_page_of_fees_that_are_not_understood_does_not_hide_the_next():
    market, _ = market_for(fee_page(fee_row("a", fraction="x")), fee_page(fee_row("b")), fee_page())
    assert list((await market.fees(Game.CS2)).value.rows) == ["b"]


async def test_endless_fees_end_at_their_page_cap_and_what_came_counts():
    market, script = market_for(lambda _: fee_page(fee_row(str(len(script.requests)))))
    table = (await market.fees(Game.CS2)).value
    assert (len(table.rows), len(script.requests)) == (FEE_PAGES, FEE_PAGES)


async def test_skipped_rows_add_up_and_the_market_knows_whether_it_signs():
    market, _ = market_for(prices("a", ""), signer=None)
    await swept(market)
    await swept(market)
    assert (market.skipped, market.signed) == (2, False)
    assert market.traffic().requests == {"aggregated-prices": 2}


async def test_the_balance_tries_the_key():
    market, script = market_for(reply(sample("balance")))
    assert await market.balance() == 12345
    assert "x-request-sign" in script.requests[0].headers
    await market.close()

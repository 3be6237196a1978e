"""Answers whose bytes, rows or cursors are wrong (reliability chapter 2.3)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest

from dmscan.core.models import Exit, Game
from dmscan.errors import ExitCode
from dmscan.sandbox.endpoints import cursor_at

from fault_scans import all_there_is, finds, is_honest, is_whole, market_at, scan_at, scan_with, tells_of_odd_rows
from fault_server import ALWAYS, Arrival, Exchange, Fault, Misdeed, misbehaving, packed, small_market
from make import make_request
from misdeeds import HTML, each_row, edited, in_turn, named, rewritten, status, with_cursor

pytestmark = pytest.mark.usefixtures("no_backoff")

EVERY_NINTH = range(0, 1000, 9)
LISTS = ("aggregated-prices", "v2/offers", "targets-by-title", "last-sales")


# Answers that cannot be read


UNREADABLE = {
    "P1 empty": lambda _: b"",
    "P1 html": lambda _: HTML,
    "P1 a list": lambda answer: b"[" + answer + b"]",
    "P1 a BOM": lambda answer: b"\xef\xbb\xbf" + answer,
    "P1 UTF-16": lambda answer: answer.decode().encode("utf-16"),
    "P1 two documents": lambda answer: answer + answer,
    "P2 a byte that is no UTF-8": lambda answer: b'{"junk": "\xff", ' + answer[1:],
    "P3 a hundred thousand brackets": lambda _: b"[" * 100_000,
    "P3 as many objects": lambda _: b'{"a":' * 100_000,
    "P3 depth in a field": lambda answer: b'{"junk": ' + b"[" * 100_000 + b"]" * 100_000 + b", " + answer[1:],
    "P6 NaN": lambda answer: b'{"junk": NaN, ' + answer[1:],
    "P6 Infinity": lambda answer: b'{"junk": -Infinity, ' + answer[1:],
    "P4 more values than were asked for": lambda answer: b'{"junk": [' + b"0," * 400_000 + b"0], " + answer[1:],
}


@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE)
async def test_P1_P2_P3_P4_P6_what_cannot_be_read_is_asked_again(change):
    report, _ = await scan_with(Fault(rewritten(change), turns=EVERY_NINTH))
    assert is_whole(report)
    assert report.stats.skipped == 0


async def test_P2_a_title_in_no_encoding_is_asked_again():
    report, _ = await scan_with(Fault(baited({"Bait": "\udfff"}), "aggregated-prices", turns=range(2)))
    assert is_whole(report)
    assert report.stats.traffic.retries == 2


# Rows that cannot be read: each endpoint gets one that would be a fine bargain

BAITS = {
    "aggregated-prices": """{"title": "Bait", "offerBestPrice": {"Currency": "USD", "Amount": PRICE}, "offerCount": "1",
        "orderBestPrice": {"Currency": "USD", "Amount": "900000"}, "orderCount": "9"}""",
    "v2/offers": """{"offerId": "bait", "priceCents": PRICE, "locked": false, "attributes": {"title": TITLE, "gameId": "a8db"}}""",
    "targets-by-title": """{"title": TITLE, "price": PRICE, "amount": "9", "attributes": {}}""",
    "last-sales": """{"price": PRICE, "date": "1795400000", "txOperationType": "Offer", "offerAttributes": {}}""",
}


def baited(*changes: Mapping[str, str]) -> Misdeed:
    """The good answer with the bait in front, changed by the next of `changes`; the sweep's one answer has a bait for each of them."""
    left = list(changes)

    @named("baited")
    async def misdeed(exchange: Exchange) -> None:
        left.append(left.pop(0))
        chosen = left if exchange.arrival.endpoint == "aggregated-prices" else left[-1:]
        baits = ", ".join(_bait(exchange.arrival, change) for change in chosen).encode("utf-8", "surrogatepass")
        data = _LIST.sub(lambda found: found[1] + baits + (b"]" if found[2] else b","), exchange.answer.body, count=1)
        await exchange.send(packed(exchange.answer._replace(body=data)))

    return misdeed


_LIST = re.compile(rb'("(?:aggregatedPrices|items|orders|sales)": ?\[)(\]?)')


def _bait(arrival: Arrival, changes: Mapping[str, str]) -> str:
    bait = BAITS[arrival.endpoint]
    for old, new in {"PRICE": '"1"', "TITLE": json.dumps(_asked_for(arrival)), **changes}.items():
        bait = bait.replace(old, new)
    return bait


def _asked_for(arrival: Arrival) -> str:
    path, _, query = arrival.target.partition("?")
    return parse_qs(query)["title"][0] if "title" in parse_qs(query) else unquote(path.rpartition("/")[2])


PRICES = {
    "P7": ["1e309", '"1e309"', '"1e999999999"', "1e5", '"1E5"', '"+5"'],
    "P8": ["9" * 5000, '"' + "9" * 5000 + '"', "-" + "9" * 5000],
    "P9": ["-1", '"-1"', '"-0"', '"0x10"', '"10000000000"', "10000000000"],
    "P10": ["true", "false", "1.5", "[]", "{}", "[1]", '{"USD": "1"}', '"1,000"'],
    "P11": ['"١٢٣"', '"1_000"', '" 12"', '"12 "', '"１２"', '"²"'],
    "P17": ["9223372036854775808", '"9223372036854775808"', "-9223372036854775809"],
}


@pytest.mark.parametrize("prices", PRICES.values(), ids=PRICES)
async def test_P7_P8_P9_P10_P11_P17_odd_prices_cost_their_rows_and_nothing_else(prices):
    bait = baited(*({"PRICE": price} for price in prices))
    report, server = await scan_with(*(Fault(bait, endpoint, turns=ALWAYS) for endpoint in LISTS))
    assert tells_of_odd_rows(report)
    baits = len(prices) - 1 + sum(len(server.asked(endpoint)) for endpoint in LISTS)
    assert report.stats.skipped == baits


async def test_P9_no_price_is_no_bargain():
    bait = baited(*({"PRICE": price} for price in ("0", "null", '""')))
    report, _ = await scan_with(*(Fault(bait, endpoint, turns=ALWAYS) for endpoint in ("v2/offers", "targets-by-title")))
    assert is_whole(report)
    assert report.stats.skipped == 0


@pytest.mark.parametrize(
    ("endpoint", "changes"),
    [
        pytest.param("aggregated-prices", {'"title": "Bait", ': ""}, id="P12-no title"),
        pytest.param("v2/offers", {'"offerId": "bait", ': ""}, id="P12-no id"),
        pytest.param("v2/offers", {'"locked": false, ': ""}, id="P12-not said whether it is reserved"),
        pytest.param("targets-by-title", {'"amount": "9", ': ""}, id="P12-no amount"),
        pytest.param("last-sales", {'"date": "1795400000", ': ""}, id="P12-no date"),
        pytest.param("v2/offers", {'"priceCents": "1"': '"priceCents": "1", "priceCents": "-1"'}, id="P14-the last of two prices counts"),
        pytest.param("aggregated-prices", {"Bait": "\\ud800"}, id="P15-half a surrogate pair"),
        pytest.param("aggregated-prices", {"Bait": "a\\u0000b"}, id="P16-NUL"),
        pytest.param("aggregated-prices", {"Bait": "x" * 100_000}, id="P19-a title of 100 kB"),
        pytest.param("aggregated-prices", {"USD": "EUR"}, id="P27-another currency"),
        pytest.param("v2/offers", {"a8db": "tf2"}, id="P27-another game"),
        pytest.param("targets-by-title", {'"title": ': '"title": "Other", "name": '}, id="P27-another title"),
        pytest.param("last-sales", {"1795400000": "1795400000000"}, id="P28-milliseconds"),
    ],
)
async def test_P12_P14_P15_P16_P19_P27_P28_an_odd_row_costs_itself_alone(endpoint, changes):
    """One in each answer about a title is more than one in a hundred."""
    report, _ = await scan_with(Fault(baited(changes), endpoint, turns=ALWAYS))
    assert is_whole(report) if endpoint == "aggregated-prices" else tells_of_odd_rows(report)
    assert report.stats.skipped >= 1


def adorn(row: Any) -> None:
    row |= {"new": {"deep": [1, None]}, "Title": "no", "price_cents": 1, "total": "x"}


async def test_P13_unknown_fields_change_nothing():
    report, _ = await scan_with(*(Fault(each_row(adorn), endpoint, turns=ALWAYS) for endpoint in LISTS))
    assert is_whole(report)
    assert report.stats.skipped == 0


async def test_P26_the_total_decides_nothing():
    totals = (0, -1, "many", 10**30, None, {"items": 3})
    wrong = in_turn([edited(lambda answer, total=total: answer | {"total": total, "count": total}) for total in totals])
    report, _ = await scan_with(*(Fault(wrong, endpoint, turns=ALWAYS) for endpoint in LISTS))
    assert is_whole(report)


# Sales at odd times and in odd units


@pytest.mark.parametrize("date", ["0", "1", "99999999999", str(1_795_500_000 + 86_400)])
async def test_P28_sales_of_1970_or_the_future_support_no_relist(date):
    dated = each_row(lambda row: row.update(date=date))
    report, _ = await scan_with(Fault(dated, "last-sales", turns=ALWAYS))
    assert report.complete
    assert finds(report) == [one for one in all_there_is("cs2") if one["exit"] == Exit.INSTANT]


async def test_P28_sales_in_milliseconds_are_a_change_of_the_api():
    dated = each_row(lambda row: row.update(date=row["date"] + "000"))
    report, _ = await scan_with(Fault(dated, "last-sales", turns=ALWAYS))
    assert report.exit_code() is ExitCode.API_CHANGED
    assert "date" in report.troubles[0].message
    assert is_honest(report)


@pytest.mark.parametrize(("endpoint", "key", "value"), [("v2/offers", "gameId", "9a92"), ("aggregated-prices", "Currency", "EUR")])
async def test_P27_another_game_or_currency_throughout_is_a_change_of_the_api(endpoint, key, value):
    switched = rewritten(lambda answer: re.sub(rf'"{key}": ?"\w+"'.encode(), f'"{key}": "{value}"'.encode(), answer))
    report, _ = await scan_with(Fault(switched, endpoint, turns=ALWAYS))
    assert is_honest(report)
    assert not [one for one in report.opportunities if one.exit is Exit.INSTANT]
    assert report.exit_code() is ExitCode.API_CHANGED or report.stats.skipped


# Cursors

THREE_PAGES = 250


async def titles_of(*faults: Fault) -> tuple[list[str], list[Arrival]]:
    async with misbehaving(*faults, market=small_market(titles=THREE_PAGES)) as server, market_at(server.url) as market:
        titles = [quote.title async for page in market.catalogue(Game.CS2) for quote in page.quotes]
    return titles, server.asked("aggregated-prices")


async def test_P20_a_list_that_turns_in_circles_is_left_at_the_first_cursor_that_comes_again():
    report, server = await scan_with(Fault(with_cursor(lambda _: cursor_at(1)), "aggregated-prices", turns=ALWAYS))
    assert len(server.asked("aggregated-prices")) == 2
    assert (report.exit_code(), report.complete) == (ExitCode.PARTIAL, False)
    assert finds(report) == all_there_is("cs2")


async def test_P21_a_list_without_end_is_left_at_the_deadline_with_what_was_found():
    numbers = iter(range(10**9))
    endless = with_cursor(lambda _: cursor_at(next(numbers) % 20))
    report, _ = await scan_with(Fault(endless, "aggregated-prices", turns=ALWAYS), request=make_request(deadline_s=2))
    assert not report.complete
    assert is_honest(report)


async def test_P22_the_second_empty_page_in_a_row_ends_a_list():
    numbers = iter(range(10**9))
    empty = edited(lambda answer: answer | {"aggregatedPrices": [], "nextCursor": cursor_at(1 + next(numbers))})
    titles, asked = await titles_of(Fault(empty, "aggregated-prices", turns=range(1, 10**9)))
    assert (len(titles), len(asked)) == (100, 3)


async def test_P23_a_fifth_of_each_page_twice_counts_once():
    before: list[Any] = []

    def shift(answer: Any) -> Any:
        rows = answer["aggregatedPrices"]
        shifted, before[:] = [*before, *rows], rows[-20:]
        return answer | {"aggregatedPrices": shifted}

    clean, _ = await titles_of()
    titles, asked = await titles_of(Fault(edited(shift), "aggregated-prices", turns=ALWAYS))
    assert (titles, len(asked)) == (clean, 3)


async def test_P24_an_expired_cursor_leads_back_to_the_first_page_once():
    clean, _ = await titles_of()
    titles, asked = await titles_of(Fault(status(400), "aggregated-prices", turns={2}))
    assert (titles, len(asked)) == (clean, 6)


async def test_P24_cursors_that_always_expire_leave_what_was_read():
    async with misbehaving(
        Fault(status(400), "aggregated-prices", turns={1, 3, 5}), market=small_market(titles=THREE_PAGES), idle=True
    ) as server:
        report = await scan_at(server.url)
    assert report.exit_code() is ExitCode.API_CHANGED
    assert (report.complete, report.stats.titles) == (False, 100)


@pytest.mark.parametrize("cursor", ["a&b=c#d?e", "new\nline\r\nX-Evil: 1", "100%", "+ /=", "\u202ex", "★"])
async def test_P25_an_odd_cursor_is_sent_back_encoded_and_signed_as_sent(cursor):
    first = with_cursor(lambda _: cursor)
    async with misbehaving(Fault(first, "v2/offers"), market=small_market()) as server, market_at(server.url) as market:
        title = server.sandbox.world.names("cs2")[0]
        with pytest.raises(Exception, match="status 400"):
            await market.offers(Game.CS2, title)
        sent = server.asked("v2/offers")[1]
    assert parse_qs(sent.target.partition("?")[2])["cursor"] == [cursor]
    assert "x-evil" not in sent.headers


async def test_P25_a_cursor_of_a_megabyte_is_not_sent_back():
    report, server = await scan_with(Fault(with_cursor(lambda _: "x" * 2**20), "aggregated-prices", turns=ALWAYS))
    assert len(server.asked("aggregated-prices")) == 1
    assert report.exit_code() is ExitCode.PARTIAL
    assert finds(report) == all_there_is("cs2")

"""The sandbox answers as documented: shapes of both editions, signatures, limits, paging, faults, real HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from asking import BORN, IDS, KEY, Hands, answered, read, signed

from dmscan.sandbox.gate import signed_text
from dmscan.sandbox.server import Manners, Request, Response, Sandbox, run, running, serve, url_of
from dmscan.sandbox.state import Offer, Title
from dmscan.sandbox.world import World, is_valid

DATA = Path(__file__).parents[1] / "data"
SHAPES = json.loads((DATA / "shapes.json").read_text())
VECTORS = json.loads((DATA / "signing.json").read_text())
READS = ("aggregated-prices", "v2/offers", "targets-by-title", "last-sales", "customized-fees", "balance")


@pytest.fixture(scope="module")
def world() -> World:
    return World(11, BORN, 150, exact_times=True)


def market(world: World, edition: str = "2026-10", hands: Hands | None = None, **switches: Any) -> Sandbox:
    return Sandbox(world, (hands or Hands()).clock(), edition, **({"rate": 10_000} | switches))


def full_title(world: World, game: str = "cs2") -> Title:
    """A title with everything in it, so that no list in an answer is empty."""
    return max(
        world.titles_of(game), key=lambda title: min(len(title.offers), len(title.targets), len(title.sales), 9) * 100 + len(title.offers)
    )


# --- shapes ---------------------------------------------------------------------------------------------------------------

PATTERNS = {
    "cents": r"-?[0-9]+",
    "dollars": r"[0-9]+\.[0-9]+",
    "unix": r"[0-9]{9,10}",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "duration": r"[0-9]+(\.[0-9]+)?s",
    "phase": r"phase-[1-4]|ruby|sapphire|emerald|black-pearl",
    "text": r"(?s).*",
}


def is_like(value: Any, kind: str) -> bool:
    if "|" in kind:
        return any(is_like(value, one) for one in kind.split("|"))
    if kind in PATTERNS:
        return isinstance(value, str) and re.fullmatch(PATTERNS[kind], value) is not None
    if kind.startswith("="):
        return bool(value == kind[1:])
    if kind.endswith("_"):
        return isinstance(value, str) and re.fullmatch(kind + "[A-Z0-9_]+", value) is not None
    if kind == "money":
        return isinstance(value, dict) and value.keys() == {"Currency", "Amount"} and value["Amount"].isdigit() | (value["Amount"] == "")
    types = {"integer": int, "number": (int, float), "boolean": bool, "list": list, "null": type(None), "any": object}[kind]
    return isinstance(value, types) and (kind in ("boolean", "any") or not isinstance(value, bool))


def check(value: Any, shape: Any, where: str) -> None:
    if isinstance(shape, str):
        assert is_like(value, shape), f"{where}: {value!r} is not {shape}"
    elif isinstance(shape, list):
        assert value, f"{where} is empty, so nothing was checked"
        for one in value:
            check(one, shape[0], where)
    else:
        needed, allowed = {key for key in shape if not key.endswith("?")}, {key.rstrip("?") for key in shape}
        assert needed <= value.keys() <= allowed, f"{where}: {value.keys() ^ allowed}"
        for key, inner in value.items():
            check(inner, shape.get(key, shape.get(key + "?")), f"{where}.{key}")


def shape_of(edition: str, endpoint: str, game: str) -> Any:
    name = f"{endpoint} {game}" if f"{endpoint} {game}" in SHAPES["2026-10"] else endpoint
    shape = SHAPES[edition].get(name, SHAPES["2026-10"][name])
    if endpoint != "v2/offers":
        return shape
    key, block = SHAPES["blocks"][edition].get(game, SHAPES["blocks"]["2026-10"][game])
    return shape | {"items": [shape["items"][0] | {"attributes": SHAPES["attributes"] | {key: block}}]}


@pytest.mark.parametrize("edition", ["2026-10", "2026-07"])
@pytest.mark.parametrize("game", IDS)
@pytest.mark.parametrize("endpoint", READS)
def test_every_field_has_the_documented_shape(world: World, edition: str, game: str, endpoint: str) -> None:
    answer = answered(market(world, edition), read(endpoint, game, full_title(world, game).title))
    check(answer, shape_of(edition, endpoint, game), endpoint)


def test_both_editions_tell_the_same_offer(world: World) -> None:
    about = next(t for t in world.titles_of("cs2") if any(row.float_value and not row.p2p for row in t.offers))
    october = answered(market(world), read("v2/offers", title=about.title))["items"]
    july = answered(market(world, "2026-07"), read("v2/offers", title=about.title))["items"]
    for new, old in zip(october, july, strict=True):
        assert int(new["priceCents"]) == old["priceCents"]
        assert float(new["attributes"]["cs2"]["float"] or -1) == (old["attributes"]["cs2Attributes"]["floatValue"] or -1)
        assert repr(old["attributes"]["cs2Attributes"]["floatValue"] or "") in (new["attributes"]["cs2"]["float"], "''")


def test_an_empty_side_is_said_in_all_four_ways(world: World) -> None:
    sandbox = market(World(3, BORN, 400, ("cs2",)))
    ways = set()
    for page in pages(sandbox, "aggregated-prices"):
        for row in page["aggregatedPrices"]:
            side = row.get("orderBestPrice", "absent")
            ways.add(side if side in ("absent", None) else side["Amount"] if side["Amount"] in ("", "0") else "price")
    assert ways == {"absent", None, "", "0", "price"}


# --- the answers are the world's ----------------------------------------------------------------------------------------------


def pages(sandbox: Sandbox, endpoint: str, **query: Any) -> list[Any]:
    found, cursor = [], ""
    while True:
        found.append(answered(sandbox, read(endpoint, **query, **({"cursor": cursor} if cursor else {}))))
        cursor = found[-1].get("nextCursor", found[-1].get("cursor"))
        if not cursor:
            return found


def test_the_sweep_lists_every_title_once_with_its_quote(world: World) -> None:
    rows = [row for page in pages(market(world), "aggregated-prices", limit=40) for row in page["aggregatedPrices"]]
    assert [row["title"] for row in rows] == list(world.names("cs2"))
    for row in rows:
        sides = world.quote("cs2", row["title"], include_p2p=False)
        assert (int(row["offerCount"]), int(row["orderCount"])) == (sides.ask_count, sides.bid_count)
        assert int((row.get("offerBestPrice") or {}).get("Amount") or 0) == (sides.ask or 0)
        assert int((row.get("orderBestPrice") or {}).get("Amount") or 0) == (sides.bid or 0)


def test_quotes_by_title_leave_unknown_titles_out(world: World) -> None:
    names = world.names("cs2")[:3]
    rows = answered(market(world), read("aggregated-prices", titles=[*names, "Unknown"]))["aggregatedPrices"]
    assert {row["title"] for row in rows} == set(names)


def test_the_cheapest_p2p_offer_is_quoted_only_on_request(world: World) -> None:
    about = Title("cs2", world.names("cs2")[0], offers=[Offer("a", 500, BORN), Offer("b", 400, BORN, p2p=True)])
    own = World(11, BORN, 150, ("cs2",))
    own.put(about)
    for edition, include, ask in (("2026-10", True, "400"), ("2026-10", False, "500"), ("2026-07", True, "500")):
        row = answered(market(own, edition), read("aggregated-prices", titles=[about.title], includeP2p=include))["aggregatedPrices"][0]
        assert row["offerBestPrice"]["Amount"] == ask


def test_a_page_of_the_sweep_is_new_after_the_market_changed() -> None:
    own = World(11, BORN, 10, ("cs2",))
    sandbox = market(own)
    before = answered(sandbox, read("aggregated-prices"))
    own.put(Title("cs2", own.names("cs2")[0], offers=[Offer("a", 123, BORN)]))
    after = answered(sandbox, read("aggregated-prices"))
    assert before["aggregatedPrices"][1:] == after["aggregatedPrices"][1:]
    assert after["aggregatedPrices"][0]["offerBestPrice"]["Amount"] == "123"


def test_offers_are_found_by_prefix_whatever_the_case(world: World) -> None:
    found = {row["attributes"]["title"] for page in pages(market(world), "v2/offers", title="ak-47 | REDLINE") for row in page["items"]}
    assert found == {t.title for t in world.titles_of("cs2") if t.title.lower().startswith("ak-47 | redline") and t.offers}
    assert len(found) > 2


def test_paging_through_offers_shows_each_once_in_order(world: World) -> None:
    about = full_title(world)
    rows = [
        row
        for page in pages(market(world), "v2/offers", title=about.title, limit=7, orderBy="price", orderDir="asc", offerType="all")
        for row in page["items"]
        if row["attributes"]["title"] == about.title
    ]
    assert sorted(row["offerId"] for row in rows) == sorted(offer.offer_id for offer in about.offers)
    assert [int(row["priceCents"]) for row in rows] == sorted(offer.price for offer in about.offers)


@pytest.mark.parametrize(("kind", "wanted"), [("dmarket", {False}), ("p2p", {True}), ("all", {False, True})])
def test_offer_types_and_prices_are_filtered(world: World, kind: str, wanted: set[bool]) -> None:
    found = pages(market(world), "v2/offers", offerType=kind, priceFrom=300, priceTo=1000)
    listed = {offer.offer_id for t in world.titles_of("cs2") for offer in t.offers if offer.p2p in wanted and 300 <= offer.price <= 1000}
    assert {row["offerId"] for page in found for row in page["items"]} == listed
    assert found[0]["total"] == str(len(listed))


def test_the_july_edition_knows_no_p2p(world: World) -> None:
    found = pages(market(world, "2026-07"), "v2/offers", offerType="all")
    assert {row["offerId"] for page in found for row in page["items"]} == {
        offer.offer_id for t in world.titles_of("cs2") for offer in t.offers if not offer.p2p
    }


def test_every_title_that_counts_can_be_asked_for_by_its_path(world: World) -> None:
    sandbox = market(world)
    for game in IDS:
        for title in filter(is_valid, world.names(game)):
            state = world.title(game, title)
            assert state is not None
            assert len(answered(sandbox, read("targets-by-title", game, title))["orders"]) == len(state.targets)


def test_sales_come_newest_first_by_kind_and_page(world: World) -> None:
    about = full_title(world)
    sandbox = market(world)
    wanted = sorted((row for row in about.sales if row.kind == "Offer"), key=lambda row: -row.at)
    found = [
        row
        for offset in range(0, len(wanted) + 20, 20)
        for row in answered(sandbox, read("last-sales", title=about.title, txOperationType="Offer", limit=20, offset=offset))["sales"]
    ]
    assert [(row["price"], int(row["date"])) for row in found] == [(f"{row.price / 100:.2f}", row.at) for row in wanted]


def test_the_july_edition_calls_a_sale_into_a_bid_an_order(world: World) -> None:
    about = next(t for t in world.titles_of("cs2") if any(row.kind == "Target" for row in t.sales))
    july = market(world, "2026-07")
    rows = answered(july, read("last-sales", title=about.title, txOperationType="Order"))["sales"]
    assert {row["txOperationType"] for row in rows} == {"Order"}
    assert july.respond(read("last-sales", title=about.title, txOperationType="Target")).status == 400


def test_fee_rows_are_paged_by_what_came(world: World) -> None:
    sandbox = market(world)
    assert len(answered(sandbox, read("customized-fees"))["reducedFees"]) == 10
    everything = answered(sandbox, read("customized-fees", limit=100_000))["reducedFees"]
    parts = [
        answered(sandbox, read("customized-fees", limit=25, offset=offset))["reducedFees"] for offset in range(0, len(everything) + 25, 25)
    ]
    assert [row for part in parts for row in part] == everything
    understood = [
        (row["title"], row["fraction"], row["minPrice"], row["maxPrice"]) for row in everything if isinstance(row["minPrice"], int)
    ]
    assert understood == [(t.title, row.fraction, row.low, row.high) for t in world.titles_of("cs2") for row in t.fee_rows]
    assert len(understood) < len(everything)


@pytest.mark.parametrize(
    "target",
    [
        "/marketplace-api/v2/offers?gameId=a8db",
        "/marketplace-api/v2/offers?gameId=a8db&limit=0",
        "/marketplace-api/v2/offers?gameId=a8db&limit=101",
        "/marketplace-api/v2/offers?limit=10",
        "/marketplace-api/v2/offers?gameId=csgo&limit=10",
        "/marketplace-api/v2/offers?gameId=a8db&limit=10&onlineSellersOnly=true",
        "/marketplace-api/v2/offers?gameId=a8db&limit=10&orderBy=best_deals",
        "/marketplace-api/v2/offers?gameId=a8db&limit=10&cursor=nonsense",
        "/trade-aggregator/v1/last-sales?gameId=a8db&title=x&limit=21",
        "/trade-aggregator/v1/last-sales?gameId=a8db",
        "/exchange/v1/customized-fees",
        "/exchange/v1/customized-fees?gameId=a8db&offerType=all",
        "/exchange/v1/customized-fees?gameId=a8db&offset=-1",
        "/marketplace-api/v2/offers?gameId=a8db&limit=10&treeFilters=phase%3Druby",
    ],
)
def test_a_bad_parameter_is_refused_in_words(world: World, target: str) -> None:
    response = market(world).respond(signed("GET", target))
    assert response.status == 400
    assert json.loads(response.body)["message"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b'{"filter": {"game": "csgo"}}', b'{"filter": {"game": "a8db"}, "cursor": "x"}'])
def test_a_bad_body_is_refused_in_words(world: World, body: bytes) -> None:
    response = market(world).respond(Request("POST", "/marketplace-api/v1/aggregated-prices", {}, body))
    assert response.status == 400
    assert json.loads(response.body)["code"] == 3


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PATCH", "/exchange/v1/offers-buy", 405),
        ("POST", "/marketplace-api/v2/offers:batchCreate", 405),
        ("POST", "/marketplace-api/v1/user-targets/create", 405),
        ("POST", "/marketplace-api/v2/offers", 405),
        ("GET", "/exchange/v1/market/items", 410),
        ("GET", "/exchange/v1/nothing", 404),
        ("GET", "/marketplace-api/v1/targets-by-title/csgo/x", 404),
    ],
)
def test_writing_and_retired_endpoints_are_refused_and_logged(world: World, method: str, path: str, status: int) -> None:
    sandbox = market(world)
    assert sandbox.respond(signed(method, path)).status == status
    assert [(entry.method, entry.path, entry.status) for entry in sandbox.log] == [(method, path, status)]


# --- signatures ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_signing_vectors_are_accepted(world: World, case: Mapping[str, str]) -> None:
    target = case["path_in_url"] + (f"?{case['query']}" if case["query"] else "")
    headers = {name.lower(): value for name, value in case["headers"].items()}
    body = case["body"].encode()
    assert signed_text(case["method"], target, body, case["timestamp"]).decode() == case["string_to_sign"]
    sandbox = market(world, hands=Hands(int(case["timestamp"])))
    assert sandbox.respond(Request(case["method"], target, headers, body)).status != 401
    assert sandbox.respond(Request(case["method"], target, headers, body + b" ")).status == 401


def test_a_path_signed_as_encoded_is_refused(world: World) -> None:
    good = read("targets-by-title", title="AK-47 | Redline (Field-Tested)")
    wrong = KEY.sign(f"GET{good.target}{BORN}".encode()).hex()
    assert market(world).respond(good).status == 200
    assert market(world).respond(good._replace(headers={**good.headers, "x-request-sign": f"dmar ed25519 {wrong}"})).status == 401


@pytest.mark.parametrize(("age", "status"), [(0, 200), (120, 200), (121, 401), (-120, 200), (-121, 401)])
def test_a_signature_holds_for_two_minutes(world: World, age: int, status: int) -> None:
    assert market(world).respond(signed("GET", "/account/v1/balance", at=BORN - age)).status == status


@pytest.mark.parametrize(
    "bad",
    [
        {"x-api-key": ""},
        {"x-api-key": KEY.public_key().public_bytes_raw().hex().upper()},
        {"x-api-key": "00" * 32},
        {"x-sign-date": ""},
        {"x-sign-date": f"{BORN}.5"},
        {"x-sign-date": str(BORN - 1)},
        {"x-request-sign": ""},
        {"x-request-sign": "dmar ed25519 " + "00" * 64},
    ],
)
def test_a_bad_signature_is_refused_as_documented(world: World, bad: dict[str, str]) -> None:
    good = signed("GET", "/account/v1/balance")
    response = market(world).respond(good._replace(headers={**good.headers, **bad}))
    assert (response.status, json.loads(response.body)) == (401, {"Code": "Unauthorized", "Message": "Unauthorized"})


def test_only_the_sweep_needs_no_key(world: World) -> None:
    def statuses(sandbox: Sandbox) -> dict[str, int]:
        return {name: sandbox.respond(read(name, title="x")._replace(headers={})).status for name in READS}

    assert statuses(market(world)) == dict.fromkeys(READS, 401) | {"aggregated-prices": 200}
    assert statuses(market(world, manners=Manners(keyless_fees=True)))["customized-fees"] == 200


# --- limits -------------------------------------------------------------------------------------------------------------------


def header(response: Response, name: str) -> str | None:
    return dict(response.headers).get(name)


@pytest.mark.parametrize(("endpoint", "limit"), [("v2/offers", 10), ("last-sales", 6), ("customized-fees", 110), ("balance", 20)])
def test_documented_limits_hold_in_any_second(world: World, endpoint: str, limit: int) -> None:
    hands = Hands()
    sandbox = market(world, hands=hands, rate=None)
    assert [sandbox.respond(read(endpoint, title="x")).status for _ in range(limit + 2)] == [200] * limit + [429] * 2
    hands.at += 0.999
    assert sandbox.respond(read(endpoint, title="x")).status == 429
    hands.at += 0.001
    assert sandbox.respond(read(endpoint, title="x")).status == 200


def test_sweep_and_offers_share_a_limit_while_others_do_not(world: World) -> None:
    sandbox = market(world, rate=2)
    assert [sandbox.respond(read(name, title="x")).status for name in ("v2/offers", "aggregated-prices", "v2/offers")] == [200, 200, 429]
    assert [sandbox.respond(read(name, title="x")).status for name in ("last-sales", "balance", "targets-by-title")] == [200, 200, 200]


def test_every_answer_tells_limit_remainder_and_date(world: World) -> None:
    sandbox = market(world, rate=2)
    answers = [sandbox.respond(read("balance")) for _ in range(3)]
    assert [header(answer, "X-RateLimit-Remaining-Second") for answer in answers] == ["1", "0", "0"]
    assert [header(answer, "RateLimit-Remaining") for answer in answers] == ["1", "0", "0"]
    for answer in answers:
        assert header(answer, "X-RateLimit-Limit-Second") == header(answer, "RateLimit-Limit") == "2"
        assert header(answer, "RateLimit-Reset") == "1"
        assert header(answer, "Date") == "Tue, 20 Oct 2026 12:40:00 GMT"
    assert [header(answer, "Retry-After") for answer in answers] == [None, None, "1"]


def test_retry_after_and_limit_headers_can_be_left_out(world: World) -> None:
    sandbox = market(world, rate=1, manners=Manners(retry_after=False, limit_headers=False))
    answers = [sandbox.respond(read("balance")) for _ in range(2)]
    assert answers[1].status == 429
    assert {name for answer in answers for name, _ in answer.headers} == {"Date", "Content-Type"}


# --- faults -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 502, 503, 504])
def test_a_status_on_request_strikes_its_endpoint_only(world: World, status: int) -> None:
    sandbox = market(world, faults={"v2/offers": str(status)})
    assert sandbox.respond(read("v2/offers")).status == status
    assert sandbox.respond(read("balance")).status == 200
    assert sandbox.faults.fired == {"v2/offers": 1}


def test_a_fault_can_end_after_some_calls(world: World) -> None:
    sandbox = market(world, faults={"*": "500:2"})
    assert [sandbox.respond(read(name)).status for name in ("balance", "v2/offers", "balance")] == [500, 500, 200]


def test_an_unknown_fault_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="no fault"):
        market(world, faults={"balance": "meteor"})
    with pytest.raises(ValueError, match="no edition"):
        market(world, "2020-09")


@pytest.mark.parametrize(("kind", "status"), [("html", 200), ("empty", 200), ("truncated", 200), ("redirect", 302)])
@pytest.mark.parametrize("endpoint", READS)
def test_an_unreadable_answer_is_no_json(world: World, endpoint: str, kind: str, status: int) -> None:
    response = market(world, faults={endpoint: kind}).respond(read(endpoint, title=full_title(world).title))
    assert response.status == status
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(response.body)


@pytest.mark.parametrize("endpoint", READS)
def test_wrong_units_and_missing_fields_are_readable(world: World, endpoint: str) -> None:
    request = read(endpoint, title=full_title(world).title)
    plain = market(world).respond(request).body.decode()
    bent = json.dumps(answered(market(world, faults={endpoint: "units"}), request))
    prices = r'"(?:priceCents|Amount|price|minPrice|maxPrice|usd)": ?"?([0-9.]+)'
    assert [Decimal(price) for price in re.findall(prices, bent)] == [Decimal(price) * 100 for price in re.findall(prices, plain)]
    assert answered(market(world, faults={endpoint: "fields"}), request).keys() < json.loads(plain).keys()


def test_a_skewed_server_refuses_a_fresh_signature(world: World) -> None:
    response = market(world, faults={"balance": "skew"}).respond(read("balance"))
    assert response.status == 401
    assert header(response, "Date") == "Tue, 20 Oct 2026 12:45:00 GMT"


@pytest.mark.parametrize("endpoint", ["aggregated-prices", "v2/offers"])
def test_endless_and_repeated_cursors_bring_the_same_rows(world: World, endpoint: str) -> None:
    for kind, distinct in (("endless", 3), ("repeat", 1)):
        sandbox = market(world, faults={endpoint: kind})
        answers = [answered(sandbox, read(endpoint, **({"cursor": "eyJvZmZzZXQiOjEwfQ=="} if again else {}))) for again in range(3)]
        cursors = {answer.get("cursor") or answer.get("nextCursor") for answer in answers}
        assert len(cursors) == distinct
        assert len({json.dumps(answer.get("items") or answer.get("aggregatedPrices")) for answer in answers}) == 1


# --- real HTTP ----------------------------------------------------------------------------------------------------------------


async def test_large_answers_travel_packed_and_connections_stay(world: World) -> None:
    sandbox = market(world)
    async with running(sandbox) as url, httpx.AsyncClient(base_url=url) as client:
        request = read("aggregated-prices")
        packed = await client.post(request.target, content=request.body)
        plain = await client.post(request.target, content=request.body, headers={"Accept-Encoding": "identity"})
        small = await client.get("/exchange/v1/market/items")
        streams = {response.extensions["network_stream"].get_extra_info("client_addr") for response in (packed, plain, small)}
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in small.headers
    assert packed.content == plain.content == sandbox.respond(request).body
    assert int(packed.headers["content-length"]) * 4 < len(packed.content)
    assert len(streams) == 1


async def test_signed_requests_pass_over_real_http(world: World) -> None:
    async with running(market(world)) as url, httpx.AsyncClient(base_url=url) as client:
        for endpoint in READS:
            request = read(endpoint, title="★ Karambit | Doppler (Factory New)")
            answer = await client.request(request.method, url + request.target, headers=dict(request.headers), content=request.body)
            assert answer.status_code == 200, unquote(request.target)


async def test_a_hanging_endpoint_never_answers_and_others_do(world: World) -> None:
    async with running(market(world, faults={"v2/offers": "hang"})) as url, httpx.AsyncClient(base_url=url) as client:
        request = read("v2/offers")
        with pytest.raises(httpx.ReadTimeout):
            await client.get(request.target, headers=dict(request.headers), timeout=0.2)
        balance = read("balance")
        assert (await client.get(balance.target, headers=dict(balance.headers))).status_code == 200


GIANT_HEADER = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70_000
GIANT_BODY = b"POST /account/v1/balance HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + b"z" * 1_100_000


@pytest.mark.parametrize("sent", [b"\x16\x03\x01nonsense\r\n\r\n", GIANT_HEADER, GIANT_BODY], ids=["garbage", "header", "body"])
async def test_garbage_and_giants_end_the_connection(world: World, sent: bytes) -> None:
    sandbox = market(world)
    async with running(sandbox) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        with suppress(ConnectionError):
            writer.write(sent)
            assert await reader.read() == b""
        writer.close()
    assert not sandbox.log


async def test_a_head_request_is_refused_without_a_body(world: World) -> None:
    async with running(market(world)) as url, httpx.AsyncClient(base_url=url) as client:
        request = signed("HEAD", "/account/v1/balance")
        answer = await client.head(request.target, headers=dict(request.headers))
        assert (answer.status_code, answer.content) == (405, b"")
        assert (await client.get("/exchange/v1/market/items")).status_code == 410


async def test_a_listening_server_can_be_closed_by_hand(world: World) -> None:
    server = await serve(market(world))
    async with httpx.AsyncClient(base_url=url_of(server)) as client:
        assert (await client.get("/exchange/v1/market/items")).status_code == 410
    server.close()
    await server.wait_closed()


async def test_a_running_market_stops_at_sigterm(world: World) -> None:
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run(market(world), 0, told.set_result))
    url = await told
    async with httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/account/v1/balance")).status_code == 401
        os.kill(os.getpid(), signal.SIGTERM)
        await task
        with pytest.raises(httpx.ConnectError):
            await client.get("/account/v1/balance")


def test_the_log_proves_when_each_request_came(world: World) -> None:
    hands = Hands()
    sandbox = market(world, hands=hands)
    for _ in range(3):
        sandbox.respond(read("balance"))
        hands.at += 0.5
    assert [(entry.at, entry.endpoint) for entry in sandbox.log] == [(0, "balance"), (0.5, "balance"), (1.0, "balance")]


def test_a_replaced_title_is_what_the_endpoints_tell() -> None:
    own = World(11, BORN, 5, ("cs2",))
    state = own.title("cs2", own.names("cs2")[0])
    assert state is not None
    own.put(Title("cs2", state.title, [replace(Offer("0" * 36, 777, BORN), reserved=True)]))
    found = answered(market(own), read("v2/offers", title=state.title))["items"]
    assert [(row["priceCents"], row["locked"]) for row in found if row["attributes"]["title"] == state.title] == [("777", True)]

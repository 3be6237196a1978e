from __future__ import annotations

import contextlib
import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmscan.core.models import FeeRow, Game, Offer, Quote, Sale, SaleKind, Target
from dmscan.errors import MarketChanged, MarketUnavailable
from dmscan.market import wire
from dmscan.market.notations import (
    Unreadable,
    cents_text,
    float_part,
    float_text,
    moment,
    paint_seed,
    part_limit,
    phase,
    seed_limit,
    usd_text,
)
from dmscan.market.page import Answer, Page

from market_fakes import NOW, TITLE, UNHURRIED, sample

HOSTILE_NUMBERS: list[Any] = [
    "-5",
    "+5",
    "1_000",
    " 5",
    "5 ",
    "5\n",
    "1e3",
    "1e309",
    "1e999999999",
    "NaN",
    "Infinity",
    "0x10",
    "15.99",
    "1,000",
    "١٢٣",
    "1234567890",
    "null",
]
WRONG_TYPES: list[Any] = [True, False, 15.0, 1.5e300, [], {}, -5, 10**9, 2**63, 10**400]


def answer(fields: Any) -> Answer:
    return Answer(json.dumps(fields).encode() if not isinstance(fields, bytes) else fields, NOW)


# Money


@UNHURRIED
@given(cents=st.integers(1, 999_999_999))
def test_cents_survive_both_of_their_notations(cents):
    assert cents_text(str(cents), "price") == cents == cents_text(cents, "price")


@UNHURRIED
@given(cents=st.integers(1, 999_999_999), zeros=st.integers(0, 3))
def test_cents_survive_the_dollar_notation(cents, zeros):
    assert usd_text(f"{cents // 100}.{cents % 100:02}{'0' * zeros}", "price") == cents


@pytest.mark.parametrize(
    ("text", "cents"), [("15.99", 1599), ("1550.00", 155000), ("15", 1500), ("15.9", 1590), ("0.05", 5), ("0.00", None)]
)
def test_dollars_become_cents(text, cents):
    assert usd_text(text, "price") == cents


@pytest.mark.parametrize("nothing", [None, "", "0", 0, "000"])
def test_nothing_is_no_price(nothing):
    assert cents_text(nothing, "price") is None


@pytest.mark.parametrize("text", [*sorted(set(HOSTILE_NUMBERS) - {"15.99"}), "15.995", "15.", ".99", "12345678.00", "$15.99", ""])
def test_dollars_in_no_notation_are_unreadable(text):
    with pytest.raises(Unreadable):
        usd_text(text, "price")


@pytest.mark.parametrize("price", [*HOSTILE_NUMBERS, *WRONG_TYPES])
def test_a_hostile_price_costs_its_row_and_no_other(price):
    body = {"orders": [target_row(price=price), target_row(price="2290")]}
    page = wire.targets(TITLE, answer(body))
    assert [target.price for target in page.rows] == [2290]
    assert page.skipped == 1


# Normal forms


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("", ""),
        ("phase-2", "phase-2"),
        ("PHASE_TITLE_PHASE_2", "phase-2"),
        ("Phase 2", "phase-2"),
        ("PHASE_TITLE_UNSPECIFIED", ""),
        ("ruby", "ruby"),
        ("PHASE_TITLE_BLACK_PEARL", "black-pearl"),
        ("Black Pearl", "black-pearl"),
        ("Emerald", "emerald"),
    ],
)
def test_a_phase_has_one_normal_form(text, normal):
    assert phase(text) == normal


BOUNDS = {
    "FN-0": "0",
    "FN-6": "0.06",
    "MW-0": "0.07",
    "MW-3": "0.1",
    "MW-4": "0.11",
    "FT-0": "0.15",
    "FT-1": "0.18",
    "FT-2": "0.21",
    "FT-3": "0.24",
    "FT-4": "0.27",
    "WW-0": "0.38",
    "WW-3": "0.41",
    "WW-4": "0.42",
    "BS-0": "0.45",
    "BS-1": "0.5",
    "BS-2": "0.63",
    "BS-3": "0.76",
    "BS-4": "0.8",
}


@pytest.mark.parametrize(("part", "low"), BOUNDS.items())
def test_a_lower_bound_belongs_to_its_part(part, low):
    assert float_part("", low) == part


@pytest.mark.parametrize(
    ("value", "part"), [("0.0699999999999", "FN-6"), ("0.3799999", "FT-4"), ("0.79999999999", "BS-3"), ("1", "BS-4"), (None, None)]
)
def test_what_lies_below_a_bound_belongs_to_the_part_before(value, part):
    assert float_part("FLOAT_PART_UNSPECIFIED", value) == part


@pytest.mark.parametrize("given_part", ["FLOAT_PART_FT_2", "FT-2", "ft-2"])
def test_the_part_given_wins_over_the_float(given_part):
    assert float_part(given_part, "0.9") == "FT-2"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.2356003224849701", "0.2356003224849701"),
        ("0.50", "0.5"),
        ("0.10", "0.1"),
        ("5e-05", "0.00005"),
        ("1.0", "1"),
        ("0", "0"),
        ("", None),
        ("1.01", None),
        ("2", None),
        ("-0.1", None),
        ("NaN", None),
        ("1e309", None),
        ("1e5", None),
        ("٠.1", None),
        ("0.5 ", None),
        (".5", None),
    ],
)
def test_a_float_is_a_decimal_text_or_unknown(text, value):
    assert float_text(text) == value


@pytest.mark.parametrize(
    ("value", "seed"), [(412, "412"), ("0412", "412"), (0, None), ("0", None), (None, None), ("", None), ("any", None), ("x", None)]
)
def test_an_offers_seed_is_decimal_text_and_0_is_unknown(value, seed):
    assert paint_seed(value) == seed


@pytest.mark.parametrize(
    ("value", "limit"), [("any", None), ("", None), (None, None), ("Any", None), ("0", "0"), (0, "0"), ("0661", "661"), (7, "7")]
)
def test_a_targets_seed_of_0_is_a_limit(value, limit):
    assert seed_limit(value) == limit


@pytest.mark.parametrize(
    ("value", "limit"), [("any", None), ("", None), (None, None), ("FT-0", "FT-0"), ("FLOAT_PART_FT_0", "FT-0"), ("odd", "ODD")]
)
def test_a_targets_float_part_is_a_limit_unless_any(value, limit):
    assert part_limit(value) == limit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-06-17T10:30:00Z", 1781692200),
        ("2026-06-17T10:30:00.999999999Z", 1781692200),
        ("2026-06-17T12:30:00+02:00", 1781692200),
        ("1969-12-31T23:59:58.5Z", -2),
        ("0001-01-01T00:00:00Z", -62135596800),
        (None, None),
    ],
)
def test_a_time_is_whole_seconds_rounded_down(text, seconds):
    assert moment(text, "unlockDate") == seconds


@pytest.mark.parametrize("value", ["", "soon", "2026-13-01T00:00:00Z", "2026-06-17", "2026-06-17T10:30:00", 1781692200, True, {}])
def test_an_odd_time_is_unreadable(value):
    with pytest.raises(Unreadable):
        moment(value, "unlockDate")


# Quotes


def quote_row(title: Any = TITLE, bid: Any = "2290", ask: Any = "2401", currency: str = "USD") -> dict[str, Any]:
    sides = {"orderBestPrice": {"Currency": currency, "Amount": bid}, "offerBestPrice": {"Currency": currency, "Amount": ask}}
    return {"title": title, "orderCount": "37", "offerCount": "214", **sides}


def quotes(*rows: Any) -> Page[Quote]:
    return wire.quotes(Game.CS2, answer({"aggregatedPrices": list(rows), "nextCursor": ""}))


def test_the_documented_quotes_are_read():
    page = wire.quotes(Game.CS2, answer(sample("aggregated-prices-page-1")))
    assert page.rows[0] == Quote(Game.CS2, TITLE, ask=2401, bid=2290, ask_count=214, bid_count=37, at=NOW)
    assert page.rows[2] == Quote(Game.CS2, "Sticker | Example Without Bids", ask=3, bid=None, ask_count=1, bid_count=0, at=NOW)
    assert (page.cursor, page.received, page.skipped) == ("c3ludGhldGljLXBhZ2UtMg==", 4, 0)


@pytest.mark.parametrize(
    "side", [None, "", {}, {"Currency": "USD", "Amount": ""}, {"Currency": "USD", "Amount": "0"}, {"Amount": None}, ...]
)
def test_a_missing_side_has_many_forms(side):
    row = quote_row() | {"orderBestPrice": side, "orderCount": None}
    if side is ...:
        del row["orderBestPrice"], row["orderCount"]
    assert quotes(row).rows[0] == Quote(Game.CS2, TITLE, ask=2401, bid=None, ask_count=214, bid_count=0, at=NOW)


@pytest.mark.parametrize(
    "edit", [{"orderCount": 37, "offerCount": 214}, {"extra": {"deep": [1]}}, {"offerBestPrice": {"Currency": "USD", "Amount": 2401}}]
)
def test_numbers_and_unknown_fields_read_as_before(edit):
    assert quotes(quote_row() | edit) == quotes(quote_row())


BAD_QUOTES = {
    "another currency": quote_row(currency="EUR"),
    "no title": {"orderCount": "1"},
    "empty title": quote_row(title=""),
    "title of another type": quote_row(title=7),
    "title of 513 characters": quote_row(title="x" * 513),
    "NUL in the title": quote_row(title="a\0b"),
    "side that is a text": quote_row() | {"offerBestPrice": "24.01"},
    "no object": 5,
    "null": None,
}


@pytest.mark.parametrize("bad", BAD_QUOTES.values(), ids=BAD_QUOTES)
def test_a_bad_quote_is_dropped_and_counted(bad):
    page = quotes(bad, quote_row())
    assert ([quote.title for quote in page.rows], page.skipped) == ([TITLE], 1)


def test_a_lone_surrogate_costs_its_row_alone():
    page = quotes(quote_row(title="\ud800"), quote_row())
    assert ([quote.title for quote in page.rows], page.skipped) == ([TITLE], 1)


@pytest.mark.parametrize("title", ["x" * 512, "[/x]", "\x1b[31m", "\u202e", "a\nb", "=HYPERLINK()", "🔫", " ", "★ Karambit | Doppler "])
def test_other_hostile_titles_are_kept_unchanged(title):
    assert quotes(quote_row(title=title)).rows[0].title == title


UNREADABLE = {
    "empty": b"",
    "HTML": b"<html><body>Just a moment...</body></html>",
    "cut short": sample("aggregated-prices-page-1")[:-20],
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"aggregatedPrices": []}'.encode("utf-16"),
    "invalid UTF-8": b'{"aggregatedPrices": [{"title": "\xff"}]}',
    "depth bomb": b'{"aggregatedPrices": ' + b"[" * 100_000,
    "NaN": b'{"aggregatedPrices": [{"title": NaN}]}',
    "trailing text": b'{"aggregatedPrices": []} x',
    "a list": b"[]",
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_json_object_is_worth_another_attempt(body):
    with pytest.raises(MarketUnavailable):
        wire.quotes(Game.CS2, answer(body))


def test_far_more_than_was_asked_for_is_worth_another_attempt():
    with pytest.raises(MarketUnavailable, match="far more than was asked for"):
        wire.quotes(Game.CS2, answer(b'{"aggregatedPrices": [0' + b",0" * 250_001 + b"]}"))


def test_a_deep_row_costs_itself_alone():
    body = b'{"aggregatedPrices": [' + json.dumps(quote_row()).encode() + b', {"title": ' + b"[" * 900 + b"]" * 900 + b"}]}"
    page = wire.quotes(Game.CS2, answer(body))
    assert (len(page.rows), page.skipped) == (1, 1)


@pytest.mark.parametrize("body", [{}, {"error": {"code": 5}}, {"aggregatedPrices": {}}, {"aggregatedPrices": "none"}])
def test_a_missing_list_names_endpoint_and_field(body):
    with pytest.raises(MarketChanged, match=r"aggregated-prices.*aggregatedPrices"):
        wire.quotes(Game.CS2, answer(body))


def test_null_for_a_list_is_an_empty_list():
    assert wire.sales(SaleKind.OFFER, answer({"sales": None})).rows == ()


def test_a_cursor_of_another_type_is_a_change():
    with pytest.raises(MarketChanged, match="cursor"):
        wire.quotes(Game.CS2, answer({"aggregatedPrices": [], "nextCursor": 5}))


@pytest.mark.parametrize(
    ("bad", "field"), [(quote_row(ask="24.01"), "Amount"), (quote_row(currency="EUR"), "Currency"), ({"name": 1}, "title")]
)
def test_mostly_unreadable_rows_name_endpoint_and_field(bad, field):
    with pytest.raises(MarketChanged, match=f"aggregated-prices.*{field}"):
        quotes(*[bad] * 6, *[quote_row()] * 4)


def test_half_of_the_rows_or_a_short_page_may_be_unreadable():
    assert quotes(*[quote_row(ask="x")] * 5, *[quote_row()] * 5).skipped == 5
    assert quotes(*[quote_row(ask="x")] * 9).skipped == 9


# Offers


def offer_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(sample("v2-offers-page-1"))["items"][0]
    attributes = changes.pop("attributes", {})
    cs2 = changes.pop("cs2", {})
    row |= changes
    row["attributes"] |= attributes
    row["attributes"]["cs2"] |= cs2
    return row


def july(row: dict[str, Any]) -> dict[str, Any]:
    """The same offer in the edition of July 2026 (dmarket-api.md chapter 3.2)."""
    attributes = dict(row["attributes"])
    cs2 = attributes.pop("cs2")
    older = {"exterior": "field-tested", "floatValue": float(cs2["float"] or 0), "paintSeed": cs2["paintSeed"], "phase": cs2["phase"]}
    kept = {key: row[key] for key in ("offerId", "createdAt", "locked")}
    return kept | {"priceCents": int(row["priceCents"]), "attributes": attributes | {"cs2Attributes": older}}


def offers(*rows: Any) -> Page[Offer]:
    return wire.offers(Game.CS2, TITLE, answer({"items": list(rows), "total": "1", "cursor": ""}))


def test_the_documented_offers_are_read():
    page = wire.offers(Game.CS2, TITLE, answer(sample("v2-offers-page-1")))
    first, second, third = page.rows
    assert first == Offer(
        "5c0ffee0-0000-4000-8000-000000000001",
        2468,
        created_at=first.created_at,
        float_part="FT-2",
        float_value="0.2356003224849701",
        paint_seed="412",
    )
    assert second.unlock_at == second.reversible_until == 1793088000
    assert (third.reserved, page.cursor, page.skipped) == (True, "eyJvZmZzZXQiOjN9", 0)


def test_a_title_that_differs_by_a_space_is_another_title():
    page = wire.offers(Game.CS2, TITLE, answer(sample("v2-offers-page-2-last")))
    assert [(offer.price, offer.p2p) for offer in page.rows] == [(2490, False), (2401, True)]
    assert page.skipped == 0


def test_both_editions_decode_to_equal_records():
    rows = [offer_row(), offer_row(locked=True), offer_row(cs2={"float": "", "floatPart": "FLOAT_PART_UNSPECIFIED", "paintSeed": 0})]
    assert offers(*map(july, rows)).rows == offers(*rows).rows
    doppler = json.loads(sample("v2-offers-doppler"))["items"][0]
    title = doppler["attributes"]["title"]
    page = wire.offers(Game.CS2, title, answer({"items": [doppler, july(doppler)], "cursor": ""}))
    assert page.rows[0] == page.rows[1]
    assert (page.rows[0].phase, page.rows[0].float_part) == ("emerald", "FN-3")


def test_a_number_passes_through_no_binary_float():
    row = json.dumps(july(offer_row())).replace("0.2356003224849701", "0.23560032248497010000001")
    page = wire.offers(Game.CS2, TITLE, answer(f'{{"items": [{row}]}}'.encode()))
    assert page.rows[0].float_value == "0.23560032248497010000001"


@pytest.mark.parametrize("flag", ["saleRestricted", "sellUnavailable", "overstocked"])
def test_each_resale_block_makes_an_offer_unsellable(flag):
    assert not offers(offer_row(attributes={flag: True})).rows[0].resellable


@pytest.mark.parametrize(("kind", "p2p"), [("dmarket", False), ("", False), (None, False), ("p2p", True), ("something-new", True)])
def test_only_known_market_offers_can_be_bought(kind, p2p):
    assert offers(offer_row(offerType=kind)).rows[0].p2p is p2p


@pytest.mark.parametrize("price", ["0", 0, "", None])
def test_an_offer_without_a_price_does_not_exist(price):
    page = offers(offer_row(priceCents=price), offer_row())
    assert (len(page.rows), page.skipped) == (1, 0)


def test_an_odd_creation_time_only_loses_the_tie():
    assert offers(offer_row(createdAt="yesterday")).rows[0].created_at == 0


BAD_OFFERS = {
    "another game": offer_row(attributes={"gameId": "9a92"}),
    "unlock date that cannot be read": offer_row(attributes={"unlockDate": "soon"}),
    "reversal date that cannot be read": offer_row(attributes={"revertPendingUntil": 5}),
    "reserved or not is unknown": {key: value for key, value in offer_row().items() if key != "locked"},
    "no id": offer_row(offerId=""),
    "price below nothing": offer_row(priceCents=-5),
    "flag that is no bool": offer_row(attributes={"overstocked": "no"}),
}


@pytest.mark.parametrize("bad", BAD_OFFERS.values(), ids=BAD_OFFERS)
def test_a_bad_offer_is_dropped_and_counted(bad):
    page = offers(bad, offer_row())
    assert (len(page.rows), page.skipped) == (1, 1)


def test_other_games_have_offers_without_a_float():
    row = offer_row(attributes={"gameId": "tf2"})
    row["attributes"]["tf2"] = {"quality": "unique"}
    del row["attributes"]["cs2"]
    offer = wire.offers(Game.TF2, TITLE, answer({"items": [row]})).rows[0]
    assert (offer.float_part, offer.float_value, offer.phase, offer.paint_seed) == (None, None, "", None)


# Targets, sales


def target_row(**changes: Any) -> dict[str, Any]:
    return {"amount": "2", "price": "2290", "title": TITLE, "attributes": {}} | changes


def test_the_documented_targets_are_read():
    page = wire.targets(TITLE, answer(sample("targets-by-title")))
    assert page.rows == (Target(2600, 1, float_part="FT-0"), Target(2290, 5), Target(2350, 1, paint_seed="661"), Target(2200, 31))


@pytest.mark.parametrize("bad", [[], [target_row(price="x")]])
def test_targets_of_nothing_do_not_exist(bad):
    page = wire.targets(TITLE, answer({"orders": [target_row(amount="0"), target_row(price="0"), target_row(), *bad]}))
    assert (len(page.rows), page.skipped) == (1, len(bad))


@pytest.mark.parametrize("bad", [target_row(title="AK-47 | Redline"), target_row(amount=True), target_row(attributes={"phase": ["ruby"]})])
def test_a_target_whose_limits_are_unclear_is_dropped(bad):
    page = wire.targets(TITLE, answer({"orders": [bad, target_row()]}))
    assert (len(page.rows), page.skipped) == (1, 1)


def sale_row(**changes: Any) -> dict[str, Any]:
    return {"price": "23.09", "date": "1792484052", "txOperationType": "Offer", "offerAttributes": {}, "orderAttributes": {}} | changes


def sales(*rows: Any, kind: SaleKind = SaleKind.OFFER) -> Page[Sale]:
    return wire.sales(kind, answer({"sales": list(rows)}))


def test_the_documented_sales_are_read():
    page = wire.sales(SaleKind.OFFER, answer(sample("last-sales")))
    assert page.rows[0] == Sale(2309, 1792484052, SaleKind.OFFER, "", "0.171649909646127")
    assert (len(page.rows), page.received, page.skipped) == (13, 20, 0)


@pytest.mark.parametrize("word", ["Target", "Order"])
def test_both_words_for_a_sale_into_a_target_are_understood(word):
    assert sales(sale_row(txOperationType=word)).rows == ()
    assert len(sales(sale_row(txOperationType=word), kind=SaleKind.TARGET).rows) == 1


@pytest.mark.parametrize("attributes", [None, {"floatValue": None, "phaseTitle": None}, {"floatValue": 0, "gems": [{}]}])
def test_a_sale_may_say_nothing_of_its_item(attributes):
    sale = sales(sale_row(offerAttributes=attributes, date=1792484052)).rows[0]
    assert (sale.phase, sale.float_value, sale.at) == ("", None, 1792484052)


@pytest.mark.parametrize("title", ["emerald", "PHASE_TITLE_EMERALD", "Emerald"])
def test_a_sales_phase_equals_an_offers(title):
    assert sales(sale_row(offerAttributes={"phaseTitle": title})).rows[0].phase == "emerald"


@pytest.mark.parametrize(
    "bad", [{"price": 23.09}, {"price": "23.095"}, {"date": "1792484052000"}, {"date": "-5"}, {"txOperationType": "Gift"}]
)
def test_a_bad_sale_is_dropped_and_counted(bad):
    page = sales(sale_row(**bad), sale_row())
    assert (len(page.rows), page.skipped) == (1, 1)


# Fees, balance


def fee_row(**changes: Any) -> dict[str, Any]:
    return {"title": TITLE, "fraction": "0.02", "minPrice": 1000, "maxPrice": 5000, "expiresAt": 1792540800} | changes


def fees(*rows: Any, default: Any = None) -> wire.Fees:
    return wire.fees(answer({"defaultFee": default or {"fraction": "0.1", "minAmount": 2}, "reducedFees": list(rows)}))


def test_the_documented_fees_are_read():
    table = wire.fees(answer(sample("customized-fees")))
    assert (table.default, table.min_amount) == (Fraction(1, 10), 2)
    assert table.page.rows[0] == (TITLE, FeeRow(Fraction(1, 50), 1000, 5000, 1792540800))


@pytest.mark.parametrize("row", [fee_row(minPrice="1000", maxPrice="5000", expiresAt="1792540800"), fee_row(fraction=0.02)])
def test_fee_numbers_may_be_texts_and_the_reverse(row):
    assert fees(row).page.rows == fees(fee_row()).page.rows


@pytest.mark.parametrize(
    "bad",
    [
        {"fraction": "abc"},
        {"fraction": "1.5"},
        {"fraction": "1"},
        {"fraction": "-0.1"},
        {"fraction": "2e-2"},
        {"fraction": "٠.1"},
        {"fraction": None},
        {"fraction": True},
        {"minPrice": "10.5"},
        {"minPrice": 10.5},
        {"maxPrice": None},
        {"maxPrice": "x"},
        {"expiresAt": "soon"},
        {"expiresAt": 10**18},
        {"title": ""},
    ],
)
def test_a_fee_row_that_is_not_understood_is_counted_whatever_their_number(bad):
    page = fees(*[fee_row(**bad)] * 12, fee_row()).page
    assert (len(page.rows), page.skipped) == (1, 12)


@pytest.mark.parametrize(
    "default", [{}, {"fraction": "10%", "minAmount": 2}, {"fraction": "0.1"}, {"fraction": "0.1", "minAmount": -2}, [], "0.1"]
)
def test_an_unreadable_default_fee_is_a_change(default):
    body = {"reducedFees": [], "defaultFee": default}
    with pytest.raises(MarketChanged, match=r"defaultFee.*customized-fees"):
        wire.fees(answer(body))


def test_the_balance_is_in_cents():
    assert wire.balance(answer(sample("balance"))) == 12345
    with pytest.raises(MarketChanged, match="usd"):
        wire.balance(answer({"dmc": "0"}))


@UNHURRIED
@given(
    body=st.binary(max_size=200)
    | st.recursive(st.none() | st.text() | st.integers() | st.booleans(), st.lists, max_leaves=9).map(
        lambda rows: json.dumps({"items": rows, "cursor": ""}).encode()
    )
)
def test_no_answer_raises_anything_but_a_market_error(body):
    with contextlib.suppress(MarketUnavailable, MarketChanged):
        wire.offers(Game.CS2, TITLE, Answer(body, NOW))

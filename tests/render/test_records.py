"""The JSON contract: names, order, numbers, links, and its own schema."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest

from dmscan.core.models import Confidence, Game, PriceBand, Reason
from dmscan.core.report import Traffic, Trouble
from dmscan.errors import ExitCode
from dmscan.render import records

from make import (
    NOW,
    make_leg,
    make_offer,
    make_opportunity,
    make_quote,
    make_relist,
    make_report,
    make_request,
    make_rules,
    make_stats,
    make_target,
)

DMARKET = "https://api.dmarket.com"
AT_DMARKET = "https://dmarket.com/ingame-items/item-list"


def written(found, source=DMARKET, printed_at=NOW):
    return msgspec.to_builtins(records.opportunity(found, source, printed_at))


def test_an_instant_find_reads_as_in_the_design():
    found = written(make_opportunity())
    legs, links = found.pop("legs"), (found.pop("opportunity_id"), found.pop("url"))
    assert all(links)
    assert list(found.items()) == list(
        {
            "game": "cs2",
            "title": "AK-47 | Redline (Field-Tested)",
            "phase": "",
            "entry": "offer",
            "exit": "instant",
            "confidence": "confirmed",
            "as_of": "2026-11-24T06:04:56Z",
            "units": 2,
            "cost_cents": 4810,
            "sell_cents": 5264,
            "fee_cents": 106,
            "net_profit_cents": 348,
            "roi": 0.0723,
            "net_profit_if_renewed_cents": None,
            "bail_out_cents": 348,
            "net_after_cashout_cents": 348,
            "break_even_cents": 2450,
            "max_buy_cents": 2503,
            "fee_fraction": "0.02",
            "fee_source": "reduced",
            "hold_days": 0,
            "days_to_fill": None,
            "profit_per_day_cents": 348,
            "pace_per_day": None,
            "warnings": [],
            "quote": {"ask_cents": 2401, "bid_cents": 2632, "ask_count": 214, "bid_count": 37, "age_s": 12},
            "sales": None,
        }.items()
    )
    assert [leg["roi"] for leg in legs] == [0.0741, 0.0706]
    assert list(legs[0].items()) == list(
        {
            "offer_id": "offer-1",
            "url": f"{AT_DMARKET}/csgo-skins?userOfferId=offer-1",
            "ask_cents": 2401,
            "sell_cents": 2632,
            "fee_cents": 53,
            "net_profit_cents": 178,
            "roi": 0.0741,
            "lock_days": 0,
            "unlock_at": None,
            "reversible_until": None,
            "float_part": "FT-2",
            "paint_seed": 412,
            "target": {"price_cents": 2632, "amount": 3, "float_part": None, "phase": None, "paint_seed": None},
        }.items()
    )


def test_a_relist_carries_its_sales_and_no_target():
    found = written(make_relist())
    assert found["sales"] == {
        "qualified": 18,
        "median_cents": 2590,
        "q40_cents": 2570,
        "at_or_above": 12,
        "last_at": "2026-11-24T04:04:56Z",
        "age_s": 28,
    }
    assert (found["hold_days"], found["pace_per_day"], found["profit_per_day_cents"]) == (2.5, 0.4, 85)
    assert found["legs"][0]["target"] is None


def test_a_find_on_the_quote_knows_no_offer_and_only_the_price_of_the_bid():
    leg = make_leg(offer=None, target=None, lock_days=None)
    found = written(make_opportunity(confidence=Confidence.QUOTE, legs=(leg,)))["legs"][0]
    assert found["target"] == {"price_cents": 2632, "amount": None, "float_part": None, "phase": None, "paint_seed": None}
    unknown = ("offer_id", "url", "lock_days", "unlock_at", "reversible_until", "float_part", "paint_seed")
    assert [found[name] for name in unknown] == [None] * len(unknown)


def test_limits_and_times_of_a_leg_are_written_in_normal_form():
    offer = make_offer(unlock_at=NOW + 86400, reversible_until=NOW, paint_seed=None, float_part=None)
    leg = make_leg(offer=offer, lock_days=1, target=make_target(phase="ruby", float_part="FN-1", paint_seed="412"))
    found = written(make_opportunity(legs=(leg,)))["legs"][0]
    assert (found["unlock_at"], found["reversible_until"]) == ("2026-11-25T06:04:56Z", "2026-11-24T06:04:56Z")
    assert (found["paint_seed"], found["float_part"]) == (None, None)
    assert found["target"] == {"price_cents": 2632, "amount": 3, "float_part": "FN-1", "phase": "ruby", "paint_seed": 412}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Fraction(3), "3"),
        (Fraction(0), "0"),
        (Fraction(1, 20000), "0"),
        (Fraction(3, 20000), "0.0002"),
        (Fraction(5, 20000), "0.0002"),
        (Fraction(-3, 20000), "-0.0002"),
        (Fraction(1, 3), "0.3333"),
        (Fraction(2, 3), "0.6667"),
        (Fraction(99999, 100000), "1"),
        (Fraction(12345678949, 100000), "123456.7895"),
    ],
)
def test_numbers_have_at_most_four_decimals_rounded_half_to_even(value, shown):
    assert repr(records.number(value)) == shown


def test_an_opportunity_keeps_its_id_from_scan_to_scan():
    id_ = records.opportunity_id(make_opportunity(), DMARKET)
    assert id_ == records.opportunity_id(make_opportunity(as_of=NOW + 600, legs=(make_leg(ask=2300),), max_buy=None), DMARKET)
    assert len(id_) == 16
    assert int(id_, 16) >= 0


def test_every_part_of_the_identity_makes_another_id():
    finds = [
        make_opportunity(),
        make_relist(),
        make_opportunity(title="AK-47 | Redline"),
        make_opportunity(phase="ruby"),
        make_opportunity(game=Game.RUST),
        make_opportunity(title="AK-47 \u202e| Redline"),
        make_opportunity(title="AK-47 \\u202e| Redline"),
    ]
    ids = {records.opportunity_id(found, source) for found in finds for source in (DMARKET, "sandbox")}
    assert len(ids) == 2 * len(finds)


@pytest.mark.parametrize(
    ("game", "source", "url"),
    [
        (Game.CS2, DMARKET, f"{AT_DMARKET}/csgo-skins?title=A%26b%20%7C%20%2F%3F%1B%E2%98%85"),
        (Game.RUST, DMARKET, f"{AT_DMARKET}/rust-skins?title=A%26b%20%7C%20%2F%3F%1B%E2%98%85"),
        (Game.DOTA2, DMARKET, None),
        (Game.TF2, DMARKET, None),
        (Game.CS2, "sandbox", None),
        (Game.CS2, "http://127.0.0.1:8080", None),
    ],
)
def test_links_are_made_of_our_template_for_known_pages_only(game, source, url):
    found = written(make_opportunity(game=game, title="A&b | /?\x1b★"), source)
    assert found["url"] == url
    assert bool(found["legs"][0]["url"]) == bool(url)


def test_ages_are_counted_up_to_the_moment_of_printing_and_never_negative():
    assert written(make_opportunity(), printed_at=NOW + 60)["quote"]["age_s"] == 72
    assert written(make_relist(quote=make_quote(at=NOW + 5)))["quote"]["age_s"] == 0


def test_an_offer_counts_once_in_its_best_exit():
    totals = records.document(make_report()).totals
    assert (totals.capital_cents, totals.net_profit_cents) == (2100 + 2409, 213 + 170)


def test_the_document_reads_as_in_the_design():
    found = msgspec.to_builtins(records.document(make_report()))
    assert list(found) == [
        "schema",
        "dmscan_version",
        "scan_id",
        "source",
        "currency",
        "started_at",
        "finished_at",
        "complete",
        "coverage",
        "request",
        "stats",
        "rejected",
        "errors",
        "totals",
        "opportunities",
    ]
    assert (found["schema"], found["currency"], found["coverage"]) == ("dmscan.scan/1", "USD", 0.047)
    assert found["stats"]["requests"]["last-sales"] == 214
    assert found["stats"]["api_ms"] == {"p50": 140, "p95": 310}
    assert found["stats"]["cache"] == {"hits": 0, "misses": 347}
    assert found["rejected"]["offer.relist"]["too_few_sales"] == 212


def test_reasons_and_troubles_are_written_by_name():
    pair = make_request().pairs[0]
    trouble = Trouble(ExitCode.NO_DATA, "The market hung up\x07.", Game.CS2, "v2/offers", 3)
    scan = make_report(rejected={pair: {Reason.NO_BID: 2}}, troubles=(trouble, Trouble(ExitCode.NOT_STORED, "Disk full.")))
    found = msgspec.to_builtins(records.document(scan))
    assert found["rejected"] == {"offer.instant": {"no_bid": 2}}
    assert found["errors"] == [
        {"code": 10, "message": "The market hung up\\u0007.", "game": "cs2", "endpoint": "v2/offers", "count": 3},
        {"code": 20, "message": "Disk full.", "game": None, "endpoint": None, "count": 1},
    ]


def test_the_error_rate_is_the_share_of_requests_that_failed():
    failing = make_stats(traffic=Traffic(requests={"v2/offers": 300}, failed=1), db_ms=None, elapsed_ms=12_340)
    found = records.stats(failing, None)
    assert (found.error_rate, found.api_ms, found.db_ms, found.elapsed_s) == (0.0033, None, None, 12.3)
    assert records.stats(make_stats(traffic=Traffic()), None).error_rate == 0


def test_the_request_names_the_limits_that_held():
    plain = records.request(make_request())
    assert (plain.min_roi, plain.min_price_cents, plain.max_price_cents, plain.min_profit_cents) == (0.03, 50, None, 5)
    levels = make_rules(bands=(PriceBand(50, 299, Fraction(1, 100)), PriceBand(1000, 2500, Fraction(5, 100))))
    named = records.request(make_request(levels=("boost", "medium"), max_price=2500, rules=levels))
    assert (named.min_roi, named.min_price_cents, named.max_price_cents) == (None, 50, 2500)
    empty = records.request(make_request(min_price=9000, max_price=100, rules=make_rules(bands=())))
    assert (empty.min_roi, empty.min_price_cents, empty.max_price_cents) == (None, 9000, 100)

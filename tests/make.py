"""Records with sensible defaults, so that a test names only what matters: an AK-47 bought at $24.01, sold into a bid of $26.32."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from msgspec.structs import replace

from dmscan.core.models import (
    Confidence,
    Entry,
    Exit,
    FeeSource,
    Game,
    Leg,
    Offer,
    Opportunity,
    PriceBand,
    Quote,
    Rules,
    Sale,
    SalesSummary,
    Target,
)
from dmscan.core.report import Example, ScanReport, ScanRequest, ScanStats, Traffic

NOW = 1_795_500_296
"""2026-11-24T06:04:56Z"""
DAY = 86_400
TITLE = "AK-47 | Redline (Field-Tested)"


def make_quote(**changes: Any) -> Quote:
    return replace(Quote(Game.CS2, TITLE, ask=2401, bid=2632, ask_count=214, bid_count=37, at=NOW - 12), **changes)


def make_offer(**changes: Any) -> Offer:
    return replace(Offer("offer-1", price=2401, created_at=NOW - DAY, float_part="FT-2", float_value="0.22", paint_seed="412"), **changes)


def make_target(**changes: Any) -> Target:
    return replace(Target(price=2632, amount=3), **changes)


def make_sale(**changes: Any) -> Sale:
    return replace(Sale(price=2590, at=NOW - DAY), **changes)


def make_leg(**changes: Any) -> Leg:
    return replace(Leg(ask=2401, sell=2632, fee=53, fee_at=NOW, offer=make_offer(), target=make_target()), **changes)


def make_sales(**changes: Any) -> SalesSummary:
    summary = SalesSummary(qualified=18, median=2590, q40=2570, at_or_above=12, last_at=NOW - 7200, fetched_at=NOW - 28)
    return replace(summary, **changes)


def make_opportunity(**changes: Any) -> Opportunity:
    """Instant, two units; `max_buy` and the fee are those of the design's example."""
    second = make_leg(ask=2409, offer=make_offer(offer_id="offer-2", price=2409, float_part="FT-3", paint_seed="77"))
    found = Opportunity(
        game=Game.CS2,
        title=TITLE,
        phase="",
        entry=Entry.OFFER,
        exit=Exit.INSTANT,
        confidence=Confidence.CONFIRMED,
        as_of=NOW,
        legs=(make_leg(), second),
        quote=make_quote(),
        fee_fraction=Fraction(2, 100),
        fee_source=FeeSource.REDUCED,
        break_even=2450,
        max_buy=2503,
        bail_out=348,
        net_after_cashout=348,
    )
    return replace(found, **changes)


def make_relist(**changes: Any) -> Opportunity:
    """Relist, one unit at $25.70 with the default fee."""
    found = make_opportunity(
        exit=Exit.RELIST,
        legs=(make_leg(ask=2100, sell=2570, fee=257, offer=make_offer(price=2100), target=None),),
        quote=make_quote(ask=2100),
        fee_fraction=Fraction(1, 10),
        fee_source=FeeSource.DEFAULT,
        break_even=2333,
        max_buy=2245,
        bail_out=479,
        net_if_renewed=418,
        net_after_cashout=213,
        hold_days=Fraction(5, 2),
        pace=Fraction(2, 5),
        sales=make_sales(),
        next_ask=2710,
    )
    return replace(found, **changes)


def make_rules(**changes: Any) -> Rules:
    return replace(Rules(bands=(PriceBand(50, None, Fraction(3, 100)),)), **changes)


def make_request(**changes: Any) -> ScanRequest:
    asked = ScanRequest(games=(Game.CS2,), entries=(Entry.OFFER,), exits=(Exit.INSTANT, Exit.RELIST), rules=make_rules())
    return replace(asked, **changes)


def make_stats(**changes: Any) -> ScanStats:
    calls = {"aggregated-prices": 252, "customized-fees": 1, "last-sales": 214, "targets-by-title": 71, "v2/offers": 62}
    counted = ScanStats(
        titles=25112,
        candidates=7402,
        judged=348,
        pass_if_renewed=31,
        cache_misses=347,
        elapsed_ms=300_000,
        rss_mb=61,
        db_ms=(2, 6),
        traffic=Traffic(requests=calls, api_ms=(140, 310)),
    )
    return replace(counted, **changes)


def make_report(**changes: Any) -> ScanReport:
    """The design's example: a scan of five minutes that ran out of its budget."""
    instant, relist = (Entry.OFFER, Exit.INSTANT), (Entry.OFFER, Exit.RELIST)
    scan = ScanReport(
        scan_id="01jd0example",
        source="https://api.dmarket.com",
        request=make_request(),
        started_at=NOW - 300,
        finished_at=NOW,
        complete=False,
        coverage=Fraction(348, 7402),
        signed=True,
        fee_sources={Game.CS2: "default"},
        stats=make_stats(),
        rejected={
            instant: {"below_min_roi": 24011, "no_bid": 900, "below_min_profit": 200},
            relist: {"too_few_sales": 212, "no_ask": 17846, "not_confirmed": 7053},
        },
        opportunities=(make_opportunity(), make_relist()),
        examples={instant: {"below_min_roi": (Example(Game.CS2, "AWP | Asiimov (Battle-Scarred)", 9120, 8800),)}},
        seconds_for_all=6000,
    )
    return replace(scan, **changes)

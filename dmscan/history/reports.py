"""From rows of the schema back to a scan's report: the inverse of `rows`, as far as a report is stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any

import msgspec
from msgspec import Struct

from dmscan.core.models import (
    Confidence,
    Entry,
    Exit,
    FeeAt,
    FeeSource,
    Game,
    Leg,
    Offer,
    Opportunity,
    Quote,
    Rules,
    SalesSummary,
    Target,
)
from dmscan.core.money import Cents
from dmscan.core.report import Pair, ScanReport, ScanRequest, ScanStats, Traffic, Trouble
from dmscan.core.rules import price_bands

_SCAN = """
SELECT scans.*, url FROM scans JOIN sources ON sources.id = source_id WHERE scans.id = ? AND status <> 'running'"""
_OPPORTUNITIES = "SELECT * FROM opportunities WHERE scan = ? ORDER BY id"
_LEGS = """
SELECT legs.* FROM opportunities JOIN legs ON opportunity = id WHERE scan = ? ORDER BY opportunity, ordinal"""
_REJECTIONS = "SELECT entry, exit, reason, titles FROM rejections WHERE scan = ?"


class _Asked(Struct, frozen=True):
    """A request as it was stored: as it held, by the names of the JSON contract."""

    games: tuple[Game, ...] = (Game.CS2,)
    entries: tuple[Entry, ...] = (Entry.OFFER,)
    exits: tuple[Exit, ...] = tuple(Exit)
    levels: tuple[str, ...] = ()
    min_roi: Decimal | None = None
    min_profit_cents: Cents = 5
    min_price_cents: Cents | None = None
    max_price_cents: Cents | None = None
    max_lock_days: int | None = None
    min_sales: int = 8
    max_units: int = 5
    max_days_to_sell: Decimal = Decimal(7)
    max_days_to_fill: Decimal = Decimal(7)
    fee: Decimal | None = None
    fee_at: FeeAt = FeeAt.SALE
    cashout_fee: Decimal = Decimal(0)
    titles: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sort: str = "profit-per-day"
    limit: int | None = None
    rate: Decimal | None = None
    deadline_s: int = 300
    max_requests: int | None = None
    fresh: bool = False
    max_age_s: int = 1800
    recheck_s: int | None = None
    full_sweep_every_s: int = 21_600


class _Hits(Struct, frozen=True):
    hits: int = 0
    misses: int = 0


class _Times(Struct, frozen=True):
    p50: int
    p95: int


class _Counted(Struct, frozen=True):
    """Statistics as they were stored, by the names of the JSON contract."""

    titles: int = 0
    candidates: int = 0
    judged: int = 0
    requests: Mapping[str, int] = {}
    retries: int = 0
    rate_limited: int = 0
    cache: _Hits = _Hits()
    gone_at_recheck: int = 0
    pass_if_renewed: int = 0
    elapsed_s: Decimal = Decimal(0)
    api_ms: _Times | None = None
    db_ms: _Times | None = None
    rss_mb: int = 0
    error_rate: Decimal = Decimal(0)
    skipped: int = 0
    fee_rows_ignored: int = 0
    seconds_for_all: int | None = None


def report(connection: sqlite3.Connection, scan: int) -> ScanReport | None:
    """The scan of that row id; `None` if it has no end. What was refused by name, and what failed beside the scan, is not stored."""
    row = _one(connection, _SCAN, scan)
    if row is None:
        return None
    signed = bool(row["signed"])
    asked, counted = request(row["request"], signed=signed), msgspec.json.decode(row["stats"], type=_Counted)
    return ScanReport(
        scan_id=row["scan_id"],
        source=row["url"],
        request=asked,
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        complete=bool(row["complete"]),
        coverage=Fraction(row["coverage"]),
        signed=signed,
        fee_sources=msgspec.json.decode(row["fee_sources"], type=dict[Game, str]),
        stats=_stats(counted),
        rejected=_rejected(connection, scan, asked.pairs),
        opportunities=tuple(opportunities(connection, scan)),
        troubles=msgspec.json.decode(row["troubles"], type=tuple[Trouble, ...]),
        seconds_for_all=counted.seconds_for_all,
    )


def request(text: str, *, signed: bool) -> ScanRequest:
    """The request behind its stored JSON text; limits that followed from the levels or defaults are given as if typed."""
    asked = msgspec.json.decode(text, type=_Asked)
    low, high, min_roi = asked.min_price_cents, asked.max_price_cents, _exact(asked.min_roi)
    same = ("games", "entries", "exits", "levels", "titles", "exclude", "sort", "limit", "deadline_s", "max_requests", "fresh")
    return ScanRequest(
        **{name: getattr(asked, name) for name in (*same, "max_age_s", "recheck_s", "full_sweep_every_s")},
        rules=Rules(
            bands=price_bands(asked.levels, low, high, min_roi),
            min_profit=asked.min_profit_cents,
            max_days_to_sell=Fraction(asked.max_days_to_sell),
            max_days_to_fill=Fraction(asked.max_days_to_fill),
            cashout_fee=Fraction(asked.cashout_fee),
            **{name: getattr(asked, name) for name in ("max_lock_days", "min_sales", "max_units", "fee_at")},
        ),
        min_price=low,
        max_price=high,
        min_roi=min_roi,
        fee=_exact(asked.fee),
        rate=_exact(asked.rate) or Fraction(2),
        rate_set=asked.rate is not None,
        signed=signed,
    )


def opportunities(connection: sqlite3.Connection, scan: int) -> Iterator[Opportunity]:
    """What a scan found, in the order in which it was recorded."""
    legs = groupby(_all(connection, _LEGS, scan), key=lambda leg: leg["opportunity"])
    by_number = {number: tuple(map(_leg, rows)) for number, rows in legs}
    return (_opportunity(row, by_number[row["id"]]) for row in _all(connection, _OPPORTUNITIES, scan))


def _opportunity(row: sqlite3.Row, legs: tuple[Leg, ...]) -> Opportunity:
    game = Game(row["game"])
    return Opportunity(
        game=game,
        entry=Entry(row["entry"]),
        exit=Exit(row["exit"]),
        confidence=Confidence(row["confidence"]),
        legs=legs,
        quote=Quote(game, row["title"], *_part(row, "quote_", "ask_cents", "bid_cents", "ask_count", "bid_count", "at")),
        fee_fraction=Fraction(row["fee_fraction"]),
        fee_source=FeeSource(row["fee_source"]),
        break_even=row["break_even_cents"],
        max_buy=row["max_buy_cents"],
        bail_out=row["bail_out_cents"],
        net_if_renewed=row["net_profit_if_renewed_cents"],
        net_after_cashout=row["net_after_cashout_cents"],
        hold_days=_exact(row["hold_days"] or None),
        days_to_fill=_exact(row["days_to_fill"]),
        pace=_exact(row["pace_per_day"]),
        sales=_sales(row),
        next_ask=row["next_ask_cents"],
        warnings=tuple(msgspec.json.decode(row["warnings"])),
        **{name: row[name] for name in ("title", "phase", "as_of")},
    )


def _sales(row: sqlite3.Row) -> SalesSummary | None:
    columns = ("qualified", "median_cents", "q40_cents", "at_or_above", "last_at", "fetched_at")
    return None if row["sales_qualified"] is None else SalesSummary(*_part(row, "sales_", *columns))


def _leg(row: sqlite3.Row) -> Leg:
    target = _part(row, "target_", "price_cents", "amount", "float_part", "phase", "paint_seed")
    return Leg(
        ask=row["ask_cents"],
        sell=row["sell_cents"],
        fee=row["fee_cents"],
        fee_at=row["fee_at"],
        offer=None if row["offer_id"] is None else _offer(row),
        target=None if row["target_price_cents"] is None else Target(*target),
        lock_days=row["lock_days"],
    )


def _offer(row: sqlite3.Row) -> Offer:
    same = ("offer_id", "phase", "float_part", "float_value", "paint_seed", "unlock_at", "reversible_until")
    return Offer(
        price=row["ask_cents"],
        created_at=row["offer_created_at"],
        resellable=bool(row["resellable"]),
        **{name: row[name] for name in same},
    )


def _stats(counted: _Counted) -> ScanStats:
    sent = sum(counted.requests.values())
    same = ("titles", "candidates", "judged", "skipped", "fee_rows_ignored", "pass_if_renewed", "gone_at_recheck", "rss_mb")
    return ScanStats(
        **{name: getattr(counted, name) for name in same},
        cache_hits=counted.cache.hits,
        cache_misses=counted.cache.misses,
        elapsed_ms=int(counted.elapsed_s * 1000),
        db_ms=_times(counted.db_ms),
        traffic=Traffic(
            requests=counted.requests,
            retries=counted.retries,
            rate_limited=counted.rate_limited,
            failed=round(counted.error_rate * sent),
            api_ms=_times(counted.api_ms),
        ),
    )


def _rejected(connection: sqlite3.Connection, scan: int, pairs: tuple[Pair, ...]) -> dict[Pair, dict[str, int]]:
    rejected: dict[Pair, dict[str, int]] = {pair: {} for pair in pairs}
    for entry, exit_, reason, titles in connection.execute(_REJECTIONS, (scan,)):
        rejected.setdefault((Entry(entry), Exit(exit_)), {})[reason] = titles
    return rejected


def _times(times: _Times | None) -> tuple[int, int] | None:
    return (times.p50, times.p95) if times else None


def _exact(value: Decimal | str | None) -> Fraction | None:
    return None if value is None else Fraction(value)


def _part(row: sqlite3.Row, prefix: str, *names: str) -> tuple[Any, ...]:
    return tuple(row[prefix + name] for name in names)


def _all(connection: sqlite3.Connection, sql: str, scan: int) -> Iterator[sqlite3.Row]:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    return iter(cursor.execute(sql, (scan,)))


def _one(connection: sqlite3.Connection, sql: str, scan: int) -> sqlite3.Row | None:
    return next(_all(connection, sql, scan), None)

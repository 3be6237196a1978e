"""Reads a history back with plain sqlite3, so that nothing which wrote it also vouches for it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

from dmscan.core.models import Confidence, Entry, Exit, FeeSource, Game, Leg, Offer, Opportunity, Quote, SalesSummary, Target

Row = dict[str, Any]

SCHEMA_1 = Path(__file__).parents[1] / "data" / "schema-1.db"
"""A file that the first schema left: scans of two sources that finished, were cut or died, and what they found."""

SCHEMA_3 = SCHEMA_1.with_name("schema-3.db")
"""One that the third schema left: beside scans what was learnt of the market, of two sources."""

SCHEMA_4 = SCHEMA_1.with_name("schema-4.db")
"""One that the fourth schema left: episodes too, open and gone, with the days, quotes and samples that belong to them."""


def rows(path: Path, sql: str, *values: object) -> list[Row]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, values)]


def count(path: Path, table: str) -> int:
    return rows(path, f"SELECT count(*) AS n FROM {table}")[0]["n"]


def contents(path: Path) -> dict[str, list[Row]]:
    """Every row of every table."""
    tables = rows(path, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {table["name"]: rows(path, f"SELECT * FROM {table['name']} ORDER BY 1, 2") for table in tables}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def opportunities(path: Path, scan_id: str) -> tuple[Opportunity, ...]:
    """The opportunities of one scan in the order in which they were recorded."""
    found = rows(path, "SELECT * FROM opportunities WHERE scan = (SELECT id FROM scans WHERE scan_id = ?) ORDER BY id", scan_id)
    return tuple(_opportunity(path, row) for row in found)


def rejected(path: Path, scan_id: str) -> dict[tuple[Entry, Exit], dict[str, int]]:
    found: dict[tuple[Entry, Exit], dict[str, int]] = {}
    for row in rows(path, "SELECT * FROM rejections WHERE scan = (SELECT id FROM scans WHERE scan_id = ?)", scan_id):
        found.setdefault((Entry(row["entry"]), Exit(row["exit"])), {})[row["reason"]] = row["titles"]
    return found


def _opportunity(path: Path, row: Row) -> Opportunity:
    quote = [row["quote_" + name] for name in ("ask_cents", "bid_cents", "ask_count", "bid_count", "at")]
    sales = [row["sales_" + name] for name in ("qualified", "median_cents", "q40_cents", "at_or_above", "last_at", "fetched_at")]
    legs = rows(path, "SELECT * FROM legs WHERE opportunity = ? ORDER BY ordinal", row["id"])
    return Opportunity(
        game=Game(row["game"]),
        title=row["title"],
        phase=row["phase"],
        entry=Entry(row["entry"]),
        exit=Exit(row["exit"]),
        confidence=Confidence(row["confidence"]),
        as_of=row["as_of"],
        legs=tuple(map(_leg, legs)),
        quote=Quote(Game(row["game"]), row["title"], *quote),
        fee_fraction=Fraction(row["fee_fraction"]),
        fee_source=FeeSource(row["fee_source"]),
        break_even=row["break_even_cents"],
        max_buy=row["max_buy_cents"],
        bail_out=row["bail_out_cents"],
        net_if_renewed=row["net_profit_if_renewed_cents"],
        net_after_cashout=row["net_after_cashout_cents"],
        hold_days=Fraction(row["hold_days"]),
        days_to_fill=_fraction(row["days_to_fill"]),
        pace=_fraction(row["pace_per_day"]),
        sales=None if sales[0] is None else SalesSummary(*sales),
        next_ask=row["next_ask_cents"],
        warnings=tuple(json.loads(row["warnings"])),
    )


def _leg(row: Row) -> Leg:
    return Leg(
        ask=row["ask_cents"],
        sell=row["sell_cents"],
        fee=row["fee_cents"],
        fee_at=row["fee_at"],
        offer=None if row["offer_id"] is None else _offer(row),
        target=None if row["target_price_cents"] is None else _target(row),
        lock_days=row["lock_days"],
    )


def _offer(row: Row) -> Offer:
    same = {name: row[name] for name in ("offer_id", "phase", "float_part", "float_value", "paint_seed", "unlock_at", "reversible_until")}
    return Offer(price=row["ask_cents"], created_at=row["offer_created_at"], resellable=bool(row["resellable"]), **same)


def _target(row: Row) -> Target:
    return Target(*(row["target_" + name] for name in ("price_cents", "amount", "float_part", "phase", "paint_seed")))


def _fraction(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)

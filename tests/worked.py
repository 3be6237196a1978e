"""The worked cases of `data/worked.json`: small markets whose right answer was worked out by hand.

A case of the file
* `name`, `why`; `now` in Unix seconds; `rules`: what differs from the default question, keyed by the fields of `sandbox.truth.Question`
  (shares and days as text such as "0.05" or "13/4", prices in cents); `edition` of the API if not "2026-10"
* `title`: absent, it is a Doppler if a phase occurs and a Redline otherwise; `game`: "cs2" if absent
* `default_fee`: `fraction` as sent and `min_amount`, or null where the market gave no fee table
* `offers`: `id`, `created_at`, `price`; if need be `reserved`, `type` "p2p", `flags` ("saleRestricted", "sellUnavailable", "overstocked"),
  `phase`, `float_part`, `float` (decimal text), `paint_seed`, `unlock_days` and `revert_days` from `now`
* `targets`: `price`, `amount` (1 if absent), `float_part`, `phase`, `paint_seed` (absent: no limit)
* `sales`: `price`, `age_days`, `type` ("Offer" if absent), `phase`, `float`
* `fees`: `fraction` as sent, `min`, `max`, `expires_days` from `now`
* `expect`: the opportunities in order, each with the fields that matter, as design chapter 8 prints them
* `answer`, if present: fields of `sandbox.truth.Answer` beside the opportunities (`totals`, `refused`, `pass_if_renewed`)

Prices are cents. Days may be numbers or text such as "13/4"; they must come out as whole seconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from dmscan.sandbox.state import DefaultFee, FeeRow, Offer, Sale, Target, Title

FILE = Path(__file__).parent / "data" / "worked.json"
PLAIN = "AK-47 | Redline (Field-Tested)"
PHASED = "★ Karambit | Doppler (Factory New)"
FRACTIONS = ("min_roi", "max_days_to_sell", "max_days_to_fill", "fee", "cashout_fee")


@dataclass(frozen=True)
class Case:
    """`question` holds keyword arguments of `sandbox.truth.Question`; `expect` names only the fields that matter."""

    name: str
    why: str
    now: int
    title: Title
    default_fee: DefaultFee | None
    question: dict[str, Any]
    expect: list[dict[str, Any]]
    answer: dict[str, Any]
    edition: str

    @property
    def entries(self) -> tuple[str, ...]:
        return self.question.get("entries", ("offer",))


def cases(entries: str | None = None) -> list[Case]:
    """Every case, or those that ask for `entries` ("offer" or "target") alone."""
    read = [_case(row) for row in json.loads(FILE.read_text(encoding="utf-8"))]
    return [case for case in read if entries is None or case.entries == (entries,)]


def mismatches(expected: Any, actual: Any, where: str = "") -> list[str]:
    """Where `actual` does not hold what `expected` names; records may hold more, lists may not."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return [line for key, value in expected.items() for line in mismatches(value, actual.get(key, "missing"), f"{where}.{key}")]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = zip(expected, actual, strict=True)
        return [line for place, (one, other) in enumerate(pairs) for line in mismatches(one, other, f"{where}[{place}]")]
    if where.endswith(".fee_fraction"):
        expected, actual = Fraction(expected), Fraction(actual)
    return [] if expected == actual else [f"{where}: {expected!r} expected, not {actual!r}"]


def _case(row: dict[str, Any]) -> Case:
    fee = row["default_fee"]
    return Case(
        name=row["name"],
        why=row["why"],
        now=row["now"],
        title=_title(row),
        default_fee=fee and DefaultFee(fee["fraction"], fee["min_amount"]),
        question={"games": (row.get("game", "cs2"),), **{key: _rule(key, value) for key, value in row["rules"].items()}},
        expect=row["expect"],
        answer=row.get("answer", {}),
        edition=row.get("edition", "2026-10"),
    )


def _rule(key: str, value: Any) -> Any:
    if key in FRACTIONS:
        return Fraction(str(value))
    return tuple(value) if isinstance(value, list) else value


def _title(row: dict[str, Any]) -> Title:
    now = row["now"]
    phased = any(one.get("phase") for key in ("offers", "targets", "sales") for one in row[key])
    return Title(
        game=row.get("game", "cs2"),
        title=row.get("title", PHASED if phased else PLAIN),
        offers=[_offer(one, now) for one in row["offers"]],
        targets=[_target(one) for one in row["targets"]],
        sales=[_sale(one, now) for one in row["sales"]],
        fee_rows=[FeeRow(one["fraction"], one["min"], one["max"], _after(now, one["expires_days"])) for one in row["fees"]],
    )


def _offer(row: dict[str, Any], now: int) -> Offer:
    flags = row.get("flags", [])
    return Offer(
        offer_id=row["id"],
        price=row["price"],
        created_at=row["created_at"],
        reserved=row.get("reserved", False),
        p2p=row.get("type") == "p2p",
        phase=row.get("phase", ""),
        float_value=row.get("float", ""),
        float_part=row.get("float_part", ""),
        paint_seed=row.get("paint_seed", 0),
        unlock_at=_after(now, row["unlock_days"]) if "unlock_days" in row else None,
        revert_until=_after(now, row["revert_days"]) if "revert_days" in row else None,
        sale_restricted="saleRestricted" in flags,
        sell_unavailable="sellUnavailable" in flags,
        overstocked="overstocked" in flags,
    )


def _target(row: dict[str, Any]) -> Target:
    return Target(row["price"], row.get("amount", 1), row.get("float_part"), row.get("phase"), row.get("paint_seed"))


def _sale(row: dict[str, Any], now: int) -> Sale:
    at = 2 * now - _after(now, row["age_days"])
    return Sale(row["price"], at, row.get("type", "Offer"), row.get("phase", ""), row.get("float", ""))


def _after(now: int, days: float | str) -> int:
    seconds = Fraction(str(days)) * 86400
    if seconds.denominator != 1:
        raise ValueError(f"{days} days are not whole seconds")
    return now + seconds.numerator

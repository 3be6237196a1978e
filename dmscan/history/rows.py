"""Records of a report as rows of the schema, column by column. Shares and days are exact fractions as text: "1/50", "13/4"."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import msgspec

from dmscan.core.models import Leg, Offer, Opportunity, Quote, SalesSummary, Target
from dmscan.core.report import ScanReport

Value = str | int | None
Row = tuple[Value, ...]


def insert(table: str, columns: str) -> str:
    """The INSERT for one row; both arguments are names of the schema, never data."""
    names = columns.split()
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608


OPPORTUNITY = insert(
    "opportunities",
    "id scan source_id game title phase entry exit confidence as_of units cost_cents sell_cents fee_cents net_profit_cents "
    "net_profit_if_renewed_cents net_after_cashout_cents profit_per_day_cents bail_out_cents break_even_cents max_buy_cents "
    "fee_fraction fee_source hold_days days_to_fill pace_per_day next_ask_cents warnings "
    "quote_ask_cents quote_bid_cents quote_ask_count quote_bid_count quote_at "
    "sales_qualified sales_median_cents sales_q40_cents sales_at_or_above sales_last_at sales_fetched_at",
)
LEG = insert(
    "legs",
    "opportunity ordinal source_id ask_cents sell_cents fee_cents fee_at lock_days "
    "offer_id offer_created_at resellable phase float_part float_value paint_seed unlock_at reversible_until "
    "target_price_cents target_amount target_float_part target_phase target_paint_seed",
)
REJECTION = insert("rejections", "scan source_id entry exit reason titles")


def opportunity_row(found: Opportunity) -> Row:
    """All of OPPORTUNITY's columns but the three ids."""
    return (
        *(found.game, found.title, found.phase, found.entry, found.exit, found.confidence, found.as_of),
        *(found.units, found.cost, found.sell, found.fee, found.net_profit, found.net_if_renewed, found.net_after_cashout),
        *(found.profit_per_day, found.bail_out, found.break_even, found.max_buy, str(found.fee_fraction), found.fee_source),
        *(_text(found.hold_days) or "", _text(found.days_to_fill), _text(found.pace), found.next_ask, json_text(found.warnings)),
        *_quote(found.quote),
        *_sales(found.sales),
    )


def leg_rows(found: Opportunity) -> Iterator[Row]:
    """All of LEG's columns but the opportunity, the ordinal and the source, in order."""
    return (_leg(leg) for leg in found.legs)


def rejection_rows(report: ScanReport) -> Iterator[Row]:
    """All of REJECTION's columns but the two ids."""
    return ((entry, exit_, reason, titles) for (entry, exit_), reasons in report.rejected.items() for reason, titles in reasons.items())


def json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _leg(leg: Leg) -> Row:
    return (leg.ask, leg.sell, leg.fee, leg.fee_at, leg.lock_days, *_offer(leg.offer), *_target(leg.target))


def _offer(offer: Offer | None) -> Row:
    if offer is None:
        return (None,) * 9
    return (
        *(offer.offer_id, offer.created_at, offer.resellable, offer.phase, offer.float_part),
        *(offer.float_value, offer.paint_seed, offer.unlock_at, offer.reversible_until),
    )


def _target(target: Target | None) -> Row:
    return (target.price, target.amount, target.float_part, target.phase, target.paint_seed) if target else (None,) * 5


def _quote(quote: Quote) -> Row:
    return (quote.ask, quote.bid, quote.ask_count, quote.bid_count, quote.at)


def _sales(sales: SalesSummary | None) -> Row:
    if sales is None:
        return (None,) * 6
    return (sales.qualified, sales.median, sales.q40, sales.at_or_above, sales.last_at, sales.fetched_at)


def _text(value: Fraction | None) -> str | None:
    return None if value is None else str(value)

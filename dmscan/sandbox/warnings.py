"""What qualifies a find (design chapter 4.4), read off the full state."""

from __future__ import annotations

from fractions import Fraction

from dmscan.sandbox.question import DAY, Fees, Find, Leg, Support
from dmscan.sandbox.searches import lock_days, lower_median
from dmscan.sandbox.state import Sale


def warnings(one: Find) -> set[str]:
    """The names of all warnings that hold."""
    book = one.book
    offers = [leg.offer for leg in one.legs if leg.offer]
    locked = any(lock_days(offer, book.now) > 0 for offer in offers)
    said = {
        "thin_book": (book.wanted if one.exit == "instant" else len(book.listed)) < 3,
        "thin_bids": one.entry == "target" and book.wanted < 3,
        "far_above_bid": one.exit == "relist" and (book.bid is None or one.legs[0].sell > Fraction(3, 2) * book.bid),
        "roi_suspicious": one.roi > 1,
        "locked": locked,
        "lock_resale_unproven": locked and one.exit == "instant",
        "reversible": any(offer.revert_until is not None and offer.revert_until > book.now for offer in offers),
        "fee_expires_soon": any(_fee_ends(leg, book.fees) for leg in one.legs),
        "restricted_bids_possible": not book.question.signed,
    }
    return {name for name, holds in said.items() if holds} | (_of_sales(one, one.support) if one.support else set())


def _fee_ends(leg: Leg, fees: Fees) -> bool:
    row = fees.row(leg.sell, leg.sold_at)
    return row is not None and row.expires_at - leg.sold_at <= DAY


def _of_sales(one: Find, support: Support) -> set[str]:
    median = support.quantile(1, 2)
    newest = sorted(support.sales, key=lambda sale: (-sale.at, sale.price))[:5]
    said = {
        "falling": lower_median([sale.price for sale in newest]) < Fraction("0.93") * median,
        "spread_out_sales": support.quantile(3, 4) - support.quantile(1, 4) > Fraction(median, 4),
        "sales_burst": _burst(support.sales),
        "worse_float_than_sales": any(_worse_float(leg, support.sales) for leg in one.legs),
    }
    return {name for name, holds in said.items() if holds}


def _burst(sales: tuple[Sale, ...]) -> bool:
    """Five sales at one price within ten minutes: some sale is the first of them."""
    return any(sum(s.price == first.price and first.at <= s.at <= first.at + 600 for s in sales) >= 5 for first in sales)


def _worse_float(leg: Leg, sales: tuple[Sale, ...]) -> bool:
    known = [Fraction(sale.float_value) for sale in sales if sale.float_value]
    if not known or leg.offer is None or not leg.offer.float_value:
        return False
    own = Fraction(leg.offer.float_value)
    return Fraction(sum(value < own for value in known), len(known)) >= Fraction(3, 4)

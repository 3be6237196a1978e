"""Integer cents and exact shares; the parsers of what a user types.

The notations of the wire are parsed in `market/wire.py`, one function each.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

Cents = int

exact = lru_cache(maxsize=4096)(Fraction)
"""A fraction of the text that it was stored as. Most titles share their fee and pace with others: one record for all of them."""

_DOLLARS = re.compile(r"\$?([0-9]{1,7})(?:\.([0-9]{1,2}))?", re.ASCII)
_SHARE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(%?)", re.ASCII)
_FRACTION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,18})?", re.ASCII)


def parse_dollars(text: str) -> Cents:
    """`3`, `0.5`, `$12.34` → cents. ValueError names what was expected."""
    match = _DOLLARS.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not an amount in dollars such as 3 or 0.50")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def parse_share(text: str) -> Fraction:
    """`3%` or `0.03` → 3/100. A bare number ≥ 1 is refused with a suggestion (design chapter 7)."""
    match = _SHARE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a share such as 3% or 0.03")
    share = Fraction(match[1])
    if match[2]:
        return share / 100
    if share >= 1:
        raise ValueError(f"{text} would be {share * 100}%: did you mean {match[1]}%?")
    return share


def parse_fee(text: str) -> Fraction:
    """A share below 1: what is taken from a sale can never be all of it."""
    share = parse_share(text)
    if share >= 1:
        raise ValueError(f"{text} would leave nothing: a fee is below 100%")
    return share


def parse_fraction(text: str) -> Fraction | None:
    """A fee fraction of the wire: plain digits with an optional decimal part and < 1, else `None` (design chapter 3)."""
    if not _FRACTION.fullmatch(text):
        return None
    fraction = Fraction(text)
    return fraction if fraction < 1 else None


def share_of(amount: Cents, share: Fraction) -> Cents:
    """`amount × share` rounded up to whole cents: what a fee of that share takes."""
    return -(-amount * share.numerator // share.denominator)


def meets_roi(profit: Cents, cost: Cents, min_roi: Fraction) -> bool:
    """Exactly `profit / cost ≥ min_roi`."""
    return profit * min_roi.denominator >= min_roi.numerator * cost


def rounded(value: Fraction, places: int = 4) -> Decimal:
    """The exact value rounded half to even (design chapter 8)."""
    scaled = round(value * 10**places)
    return Decimal(scaled).scaleb(-places)


def fraction_text(value: Fraction) -> str:
    """A decimal fraction as its shortest text: 1/50 → "0.02"."""
    text = format(Decimal(value.numerator) / Decimal(value.denominator), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text

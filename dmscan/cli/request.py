"""From the texts of `scan`'s options to one frozen request."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from dmscan.cli.options import at_least, choice, globs, parse, parse_duration, parse_number
from dmscan.core.games import parse_game
from dmscan.core.models import Entry, Exit, FeeAt, PriceBand, Rules
from dmscan.core.money import parse_dollars, parse_fee, parse_share
from dmscan.core.rank import SORTS
from dmscan.core.report import ScanRequest
from dmscan.core.rules import LEVELS, price_bands
from dmscan.errors import UsageError

Typed = Mapping[str, Any]
"""The options of `scan` as typed, by parameter name."""

LEAST = {"min_sales": 1, "max_units": 1, "limit": 1, "max_requests": 1, "max_lock_days": 0}


def scan_request(typed: Typed) -> ScanRequest:
    """Raises UsageError with one sentence that names the option and says what to do."""
    for name, least in LEAST.items():
        at_least(_flag(name), typed[name], least)
    if (*_texts(typed, "title"), *_texts(typed, "exclude")).count("@-") > 1:
        raise UsageError("Only one of --title and --exclude can read stdin (@-).")
    prices = {name: parse(_flag(name), typed[name], parse_dollars) for name in ("min_price", "max_price")}
    levels = tuple(dict.fromkeys(choice("--level", level, LEVELS) for level in _texts(typed, "level")))
    min_roi = parse("--min-roi", typed["min_roi"], parse_share)
    entry, exit_ = choice("--entry", typed["entry"], (*Entry, "any")), choice("--exit", typed["exit_"], (*Exit, "any"))
    if (entry, exit_) == (Entry.TARGET, Exit.INSTANT):
        raise UsageError("--entry target buys to relist, never to sell at once: leave --exit instant out.")
    return ScanRequest(
        games=tuple(dict.fromkeys(game for text in _texts(typed, "game") or ("cs2",) for game in parse("--game", text, parse_game) or ())),
        entries=tuple(Entry) if entry == "any" else (Entry(entry),),
        exits=tuple(Exit) if exit_ == "any" else (Exit(exit_),),
        rules=_rules(typed, _bands(typed, levels, prices, min_roi)),
        levels=levels,
        min_price=prices["min_price"],
        max_price=prices["max_price"],
        min_roi=min_roi,
        titles=globs("--title", _texts(typed, "title")),
        exclude=globs("--exclude", _texts(typed, "exclude")),
        fee=parse("--fee", typed["fee"], parse_fee),
        sort=choice("--sort", typed["sort"] or "profit-per-day", SORTS),
        limit=typed["limit"],
        rate=parse("--rate", typed["rate"], parse_number) or Fraction(2),
        rate_set=typed["rate"] is not None,
        deadline_s=_seconds(typed, "deadline"),
        max_requests=typed["max_requests"],
        fresh=typed["fresh"],
        max_age_s=_seconds(typed, "max_age"),
        recheck_s=_seconds(typed, "recheck"),
        full_sweep_every_s=_seconds(typed, "full_sweep_every"),
    )


def _seconds(typed: Typed, name: str) -> int:
    return parse(_flag(name), typed[name], parse_duration) or 0


def _texts(typed: Typed, name: str) -> tuple[str, ...]:
    return tuple(typed[name] or ())


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _bands(typed: Typed, levels: tuple[str, ...], prices: Mapping[str, int | None], min_roi: Fraction | None) -> tuple[PriceBand, ...]:
    bands = price_bands(levels, **prices, min_roi=min_roi)
    if bands:
        return bands
    limits = " and ".join(f"{_flag(name)} {typed[name]}" for name, price in prices.items() if price is not None)
    rest = f"of --level {', '.join(levels)}" if levels else "an ask could lie in (asks begin at $0.50 without --min-price)"
    raise UsageError(f"{limits} leaves no price {rest}: widen it.")


def _rules(typed: Typed, bands: tuple[PriceBand, ...]) -> Rules:
    return Rules(
        bands=bands,
        min_profit=parse("--min-profit", typed["min_profit"], parse_dollars) or 0,
        max_lock_days=typed["max_lock_days"],
        min_sales=typed["min_sales"],
        max_units=typed["max_units"],
        max_days_to_sell=parse("--max-days-to-sell", typed["max_days_to_sell"], parse_number) or Fraction(7),
        max_days_to_fill=parse("--max-days-to-fill", typed["max_days_to_fill"], parse_number) or Fraction(7),
        fee_at=FeeAt(choice("--fee-at", typed["fee_at"], FeeAt)),
        cashout_fee=parse("--cashout-fee", typed["cashout_fee"], parse_fee) or Fraction(0),
    )

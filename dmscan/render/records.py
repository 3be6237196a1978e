"""The way from the scanner's records to those of the JSON contract (design chapter 8)."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from typing import Any
from urllib.parse import quote as percent_encoded

from dmscan import __version__
from dmscan.core import rank
from dmscan.core.health import Figure, Health, health
from dmscan.core.models import Confidence, Exit, Game, Leg, Offer, Opportunity, Quote, SalesSummary, Target
from dmscan.core.money import Cents, fraction_text, rounded
from dmscan.core.report import ScanReport, ScanRequest, ScanStats, Trouble
from dmscan.render import contract
from dmscan.render.contract import SCHEMA, Number
from dmscan.render.text import iso, visible

MARKET = "https://api.dmarket.com"
PAGES = {
    Game.CS2: "https://dmarket.com/ingame-items/item-list/csgo-skins",
    Game.RUST: "https://dmarket.com/ingame-items/item-list/rust-skins",
}
"""The other games' pages are not known."""


def document(scan: ScanReport) -> contract.Scan:
    """The whole scan; ages are counted up to its end."""
    return contract.Scan(
        schema=SCHEMA,
        dmscan_version=__version__,
        source=visible(scan.source),
        currency="USD",
        started_at=iso(scan.started_at),
        request=request(scan.request),
        opportunities=[opportunity(found, scan.source, scan.finished_at) for found in scan.opportunities],
        **_outcome(scan),
    )


def started(scan_id: str, source: str, started_at: int, asked: ScanRequest) -> contract.ScanStarted:
    return contract.ScanStarted(scan_id, SCHEMA, __version__, visible(source), "USD", iso(started_at), request(asked))


def finished(scan: ScanReport) -> contract.ScanFinished:
    return contract.ScanFinished(**_outcome(scan))


def _outcome(scan: ScanReport) -> dict[str, Any]:
    """What is known only at the end, by the contract's names."""
    return {
        "scan_id": scan.scan_id,
        "finished_at": iso(scan.finished_at),
        "complete": scan.complete,
        "coverage": number(scan.coverage),
        "stats": stats(scan.stats, scan.seconds_for_all),
        "rejected": {
            f"{entry}.{exit_}": {str(reason): count for reason, count in reasons.items()}
            for (entry, exit_), reasons in scan.rejected.items()
        },
        "errors": [error(trouble) for trouble in scan.troubles],
        "totals": totals(scan.opportunities),
    }


def opportunity(found: Opportunity, source: str, printed_at: int) -> contract.Opportunity:
    """`printed_at` is the Unix second that ages are counted up to; pages are linked only for DMarket itself."""
    page = PAGES.get(found.game) if source.rstrip("/") == MARKET else None
    return contract.Opportunity(
        opportunity_id=opportunity_id(found, source),
        game=found.game,
        title=visible(found.title),
        phase=visible(found.phase),
        entry=found.entry,
        exit=found.exit,
        confidence=found.confidence,
        url=_link(page, "title", found.title),
        as_of=iso(found.as_of),
        units=found.units,
        cost_cents=found.cost,
        sell_cents=found.sell,
        fee_cents=found.fee,
        net_profit_cents=found.net_profit,
        roi=number(found.roi),
        net_profit_if_renewed_cents=found.net_if_renewed,
        bail_out_cents=found.bail_out,
        net_after_cashout_cents=found.net_after_cashout,
        break_even_cents=found.break_even,
        max_buy_cents=found.max_buy,
        fee_fraction=fraction_text(found.fee_fraction),
        fee_source=found.fee_source,
        hold_days=_number(found.hold_days),
        days_to_fill=_number(found.days_to_fill),
        profit_per_day_cents=found.profit_per_day,
        pace_per_day=_number(found.pace),
        warnings=[visible(warning) for warning in found.warnings],
        quote=quote(found.quote, printed_at),
        sales=_sales(found.sales, printed_at) if found.sales else None,
        legs=[_leg(leg, found, page) for leg in found.legs],
    )


def opportunity_id(found: Opportunity, source: str) -> str:
    """The same in every scan of a source: 16 hex digits of SHA-256 over source, game, title, phase, entry and exit."""
    identity = "\x00".join((source, *found.key))
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _leg(leg: Leg, found: Opportunity, page: str | None) -> contract.Leg:
    offer = leg.offer or Offer(offer_id="", price=leg.ask, created_at=0)
    return contract.Leg(
        offer_id=visible(offer.offer_id) or None,
        url=_link(page, "userOfferId", offer.offer_id),
        ask_cents=leg.ask,
        sell_cents=leg.sell,
        fee_cents=leg.fee,
        net_profit_cents=leg.net_profit,
        roi=number(leg.roi),
        lock_days=leg.lock_days,
        unlock_at=_iso(offer.unlock_at),
        reversible_until=_iso(offer.reversible_until),
        float_part=_limit(offer.float_part),
        paint_seed=_seed(offer.paint_seed),
        target=_target(leg, found),
    )


def _target(leg: Leg, found: Opportunity) -> contract.Target | None:
    """A find on the quote alone knows the bid's price and nothing else of it."""
    if found.exit is not Exit.INSTANT:
        return None
    if leg.target is None or found.confidence is Confidence.QUOTE:
        return contract.Target(leg.sell, None, None, None, None)
    return _bid(leg.target)


def _bid(target: Target) -> contract.Target:
    limits = _limit(target.float_part), _limit(target.phase), _seed(target.paint_seed)
    return contract.Target(target.price, target.amount, *limits)


def quote(quote: Quote, printed_at: int) -> contract.Quote:
    return contract.Quote(quote.ask, quote.bid, quote.ask_count, quote.bid_count, max(0, printed_at - quote.at))


def _sales(sales: SalesSummary, printed_at: int) -> contract.Sales:
    age = max(0, printed_at - sales.fetched_at)
    return contract.Sales(sales.qualified, sales.median, sales.q40, sales.at_or_above, iso(sales.last_at), age)


def request(asked: ScanRequest) -> contract.Request:
    """The request as it held: limits that were not typed are those of the rules."""
    rules = asked.rules
    low, high, min_roi = limits(asked)
    return contract.Request(
        games=list(asked.games),
        entries=list(asked.entries),
        exits=list(asked.exits),
        levels=list(asked.levels),
        min_roi=_number(min_roi),
        min_profit_cents=rules.min_profit,
        min_price_cents=low,
        max_price_cents=high,
        max_lock_days=rules.max_lock_days,
        min_sales=rules.min_sales,
        max_units=rules.max_units,
        max_days_to_sell=number(rules.max_days_to_sell),
        max_days_to_fill=number(rules.max_days_to_fill),
        fee=_number(asked.fee),
        fee_at=rules.fee_at,
        cashout_fee=number(rules.cashout_fee),
        titles=[visible(glob) for glob in asked.titles],
        exclude=[visible(glob) for glob in asked.exclude],
        sort=asked.sort,
        limit=asked.limit,
        rate=number(asked.rate) if asked.rate_set else None,
        deadline_s=asked.deadline_s,
        max_requests=asked.max_requests,
        fresh=asked.fresh,
        max_age_s=asked.max_age_s,
        recheck_s=asked.recheck_s,
        full_sweep_every_s=asked.full_sweep_every_s,
    )


def limits(asked: ScanRequest) -> tuple[Cents | None, Cents | None, Fraction | None]:
    """Least ask, highest ask and ROI that held; an ROI only if every price band has the same."""
    bands = asked.rules.bands
    if not bands:
        return asked.min_price, asked.max_price, asked.min_roi
    rois = {band.min_roi for band in bands}
    return bands[0].low, bands[-1].high, rois.pop() if len(rois) == 1 else None


def stats(counted: ScanStats, seconds_for_all: int | None) -> contract.Stats:
    traffic = counted.traffic
    return contract.Stats(
        titles=counted.titles,
        candidates=counted.candidates,
        judged=counted.judged,
        requests=dict(traffic.requests),
        retries=traffic.retries,
        rate_limited=traffic.rate_limited,
        cache=contract.Cache(counted.cache_hits, counted.cache_misses),
        gone_at_recheck=counted.gone_at_recheck,
        pass_if_renewed=counted.pass_if_renewed,
        elapsed_s=number(Fraction(round(counted.elapsed_ms, -2), 1000)),
        api_ms=_times(traffic.api_ms),
        db_ms=_times(counted.db_ms),
        rss_mb=counted.rss_mb,
        error_rate=number(Fraction(traffic.failed, max(1, traffic.sent))),
        skipped=counted.skipped,
        fee_rows_ignored=counted.fee_rows_ignored,
        seconds_for_all=seconds_for_all,
        health=_health(health(counted)),
    )


def _health(seen: Health) -> contract.Health:
    return contract.Health(*(_figure(figure) for figure in (seen.api, seen.database, seen.memory, seen.cache, seen.errors)))


def _figure(figure: Figure) -> contract.Figure:
    return contract.Figure(_number(figure.value), number(figure.goal), figure.grade)


def totals(found: tuple[Opportunity, ...]) -> contract.Totals:
    both = rank.totals(found)
    return contract.Totals(both.capital, both.net_profit)


def number(value: Fraction) -> Number:
    """At most four decimals, the exact value rounded half to even; a whole number has none."""
    short = rounded(value)
    return int(short) if short == int(short) else float(short)


def _number(value: Fraction | None) -> Number | None:
    return None if value is None else number(value)


def _times(p50_p95: tuple[int, int] | None) -> contract.Times | None:
    return contract.Times(*p50_p95) if p50_p95 else None


def error(trouble: Trouble) -> contract.Error:
    return contract.Error(trouble.code, visible(trouble.message), trouble.game, visible(trouble.endpoint) or None, trouble.count)


def _iso(unix: int | None) -> str | None:
    return None if unix is None else iso(unix)


def _limit(text: str | None) -> str | None:
    return visible(text) if text else None


def _seed(text: str | None) -> int | None:
    return int(text) if text else None


def _link(page: str | None, parameter: str, value: str) -> str | None:
    """A page of the market, from our own template and the quoted value only."""
    return f"{page}?{parameter}={percent_encoded(value, safe='', errors='surrogatepass')}" if page and value else None

"""The JSON contract of design chapter 8 as records, and its JSON Schema.

Money is integer cents, times are ISO 8601 UTC, ratios and days are numbers with at most four decimals, unknown is null.
Changes are additive only.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from dmscan.core.health import Grade
from dmscan.core.models import Confidence, Entry, Exit, FeeAt, FeeSource, Game

SCHEMA = "dmscan.scan/1"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
Number = int | float


class Target(Struct, frozen=True):
    """The bid an instant leg is sold into, as received; `amount` is null on a quote, a null limit is no limit."""

    price_cents: int
    amount: int | None
    float_part: str | None
    phase: str | None
    paint_seed: int | None


class Leg(Struct, frozen=True):
    """One unit bought and sold. `offer_id` is null for an own target and for a find on the quote alone."""

    offer_id: str | None
    url: str | None
    ask_cents: int
    sell_cents: int
    fee_cents: int
    net_profit_cents: int
    roi: Number
    lock_days: int | None
    unlock_at: str | None
    reversible_until: str | None
    float_part: str | None
    paint_seed: int | None
    target: Target | None


class Quote(Struct, frozen=True):
    """Both sides of the title; null means that side is empty."""

    ask_cents: int | None
    bid_cents: int | None
    ask_count: int
    bid_count: int
    age_s: int


class Sales(Struct, frozen=True):
    """What the qualified sales of the variant say; `at_or_above` counts those at or above the relist price."""

    qualified: int
    median_cents: int
    q40_cents: int
    at_or_above: int
    last_at: str
    age_s: int


class Opportunity(Struct, frozen=True):
    """One (game, title, phase, entry, exit). Units and amounts are sums over the legs; break-even, max buy and fee are the first leg's."""

    opportunity_id: str
    game: Game
    title: str
    phase: str
    entry: Entry
    exit: Exit
    confidence: Confidence
    url: str | None
    as_of: str
    units: int
    cost_cents: int
    sell_cents: int
    fee_cents: int
    net_profit_cents: int
    roi: Number
    net_profit_if_renewed_cents: int | None
    bail_out_cents: int | None
    net_after_cashout_cents: int
    break_even_cents: int
    max_buy_cents: int | None
    fee_fraction: str
    fee_source: FeeSource
    hold_days: Number | None
    days_to_fill: Number | None
    profit_per_day_cents: int
    pace_per_day: Number | None
    warnings: list[str]
    quote: Quote
    sales: Sales | None
    legs: list[Leg]


class Request(Struct, frozen=True):
    """What was asked for. Price limits and `min_roi` are those that held; `min_roi` is null where each level has its own.

    A null `rate` followed the market's own limits; a null `recheck_s` means that nothing was looked at again.
    """

    games: list[Game]
    entries: list[Entry]
    exits: list[Exit]
    levels: list[str]
    min_roi: Number | None
    min_profit_cents: int
    min_price_cents: int | None
    max_price_cents: int | None
    max_lock_days: int | None
    min_sales: int
    max_units: int
    max_days_to_sell: Number
    max_days_to_fill: Number
    fee: Number | None
    fee_at: FeeAt
    cashout_fee: Number
    titles: list[str]
    exclude: list[str]
    sort: str
    limit: int | None
    rate: Number | None
    deadline_s: int
    max_requests: int | None
    fresh: bool
    max_age_s: int
    recheck_s: int | None
    full_sweep_every_s: int


class Cache(Struct, frozen=True):
    """How often a stored answer was good enough."""

    hits: int
    misses: int


class Times(Struct, frozen=True):
    """Median and 95th percentile in milliseconds."""

    p50: int
    p95: int


class Figure(Struct, frozen=True):
    """A figure beside its goal. Value and grade are null where there was nothing to judge."""

    value: Number | None
    goal: Number
    grade: Grade | None


class Health(Struct, frozen=True):
    """Goals: median answer (ms), 95th percentile of the database (ms), memory (MB) and share of errors below, share of cache hits above.

    `warn` is up to twice off, or a hit rate down to 0.5; `critical` is beyond that.
    """

    api: Figure
    database: Figure
    memory: Figure
    cache: Figure
    errors: Figure


class Stats(Struct, frozen=True):
    """The scan in numbers. `requests` counts those sent by endpoint, retries included; `seconds_for_all` is null when all was seen."""

    titles: int
    candidates: int
    judged: int
    requests: dict[str, int]
    retries: int
    rate_limited: int
    cache: Cache
    gone_at_recheck: int
    pass_if_renewed: int
    elapsed_s: Number
    api_ms: Times | None
    db_ms: Times | None
    rss_mb: int
    error_rate: Number
    skipped: int
    fee_rows_ignored: int
    seconds_for_all: int | None
    health: Health


class Error(Struct, frozen=True):
    """Something that failed, with the exit code it stands for and how often it happened."""

    code: int
    message: str
    game: Game | None
    endpoint: str | None
    count: int


class Totals(Struct, frozen=True):
    """Capital and net profit with each offer counted once, in its best exit."""

    capital_cents: int
    net_profit_cents: int


class Scan(Struct, frozen=True):
    """One scan as one document (`-f json`). `rejected` counts titles by "entry.exit" and reason."""

    schema: str
    dmscan_version: str
    scan_id: str
    source: str
    currency: str
    started_at: str
    finished_at: str
    complete: bool
    coverage: Number
    request: Request
    stats: Stats
    rejected: dict[str, dict[str, int]]
    errors: list[Error]
    totals: Totals
    opportunities: list[Opportunity]


class ScanStarted(Struct, frozen=True, tag_field="type", tag="scan_started"):
    """The first line of `-f ndjson`."""

    scan_id: str
    schema: str
    dmscan_version: str
    source: str
    currency: str
    started_at: str
    request: Request


class OpportunityLine(Opportunity, tag_field="type", tag="opportunity", kw_only=True, frozen=True):
    """One opportunity as a line of `-f ndjson`."""

    scan_id: str


class ScanFinished(Struct, frozen=True, tag_field="type", tag="scan_finished"):
    """The last line of `-f ndjson`."""

    scan_id: str
    finished_at: str
    complete: bool
    coverage: Number
    stats: Stats
    rejected: dict[str, dict[str, int]]
    errors: list[Error]
    totals: Totals


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the document and of each ndjson line; unknown keys are allowed, so that additions break nobody.

    Output narrowed by `--fields` is not meant to fit it.
    """
    shapes, parts = msgspec.json.schema_components([Scan, ScanStarted, OpportunityLine, ScanFinished], ref_template="#/$defs/{name}")
    return {
        "$schema": DIALECT,
        "$id": SCHEMA,
        "title": "dmscan scan",
        "description": "The document of `-f json`, or one line of `-f ndjson`.",
        "anyOf": list(shapes),
        "$defs": parts,
    }

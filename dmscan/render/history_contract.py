"""The documents of `dmscan history -f json`: what each field is, and their JSON Schema.

Money is integer cents, times are ISO 8601 UTC, shares are numbers with at most four decimals, unknown is null.
"""

from __future__ import annotations

import json

import msgspec
from msgspec import Struct

from dmscan.core.models import Entry, Exit, Game, SaleKind
from dmscan.render.contract import DIALECT, Number

SCHEMA = "dmscan.history/1"


class Scan(Struct, frozen=True, tag_field="type", tag="scan"):
    """One scan; what only its end tells is null for one that runs or died (`status` is running, finished, cut or failed)."""

    scan_id: str
    status: str
    started_at: str
    finished_at: str | None
    seconds: int | None
    games: list[str]
    entries: list[str]
    exits: list[str]
    titles: int | None
    opportunities: int
    net_profit_cents: int
    requests: int | None
    complete: bool
    coverage: Number | None
    exit_code: int | None


class Scans(Struct, frozen=True, tag_field="what", tag="scans"):
    """The newest scan first; the net profit of a scan counts each offer once."""

    schema: str
    source: str
    rows: list[Scan]


class Quote(Struct, frozen=True, tag_field="type", tag="quote"):
    """Both sides of the title from `at` until the next quote; null is an empty side."""

    at: str
    ask_cents: int | None
    bid_cents: int | None
    ask_count: int
    bid_count: int


class Sale(Struct, frozen=True, tag_field="type", tag="sale"):
    """A trade: `Offer` if a listing was bought, `Target` if somebody sold into a bid."""

    at: str
    kind: SaleKind
    price_cents: int
    phase: str
    float_value: str | None


class Opportunity(Struct, frozen=True, tag_field="type", tag="opportunity"):
    """What a scan found in the title."""

    at: str
    scan_id: str
    phase: str
    entry: Entry
    exit: Exit
    units: int
    cost_cents: int
    sell_cents: int
    net_profit_cents: int


class Course(Struct, frozen=True, tag_field="what", tag="title"):
    """Each list oldest first; the first quote held when the span began."""

    schema: str
    source: str
    game: Game
    title: str
    since: str
    until: str
    quotes: list[Quote]
    sales: list[Sale]
    opportunities: list[Opportunity]


class Tally(Struct, frozen=True, tag_field="type", tag="tally"):
    """Episodes that began, their cost and net profit at first sight. Scans and requests are null where they are not told apart."""

    by: str
    name: str
    episodes: int
    cost_cents: int
    net_profit_cents: int
    scans: int | None
    requests: int | None


class Stats(Struct, frozen=True, tag_field="what", tag="stats"):
    """Over whole days (UTC); a week is known by its Monday, a level "" is a cost outside all of them."""

    schema: str
    source: str
    since: str | None
    until: str
    rows: list[Tally]
    total: Tally
    requests: dict[str, int]


class Lasting(Struct, frozen=True, tag_field="type", tag="lifetime"):
    """Episodes of a group. The seconds by which a quarter, half and three quarters are gone are null below 30 seen to end (`enough`).

    `looked_again` had a verdict in the next scan, `gone_by_next` were gone in it.
    """

    by: str
    name: str
    episodes: int
    ended: int
    enough: bool
    quarter_gone_s: Number | None
    half_gone_s: Number | None
    three_quarters_gone_s: Number | None
    looked_again: int
    gone_by_next: int
    gone_by_next_share: Number | None


class Lifetimes(Struct, frozen=True, tag_field="what", tag="lifetimes"):
    """How long opportunities last from their first sight (Kaplan-Meier).

    An end is taken to lie half way between the last scan that saw the opportunity and the first that did not, which are
    `end_known_within_s` seconds apart on average. Weekday and hour are those of the beginning, UTC.
    """

    schema: str
    source: str
    since: str | None
    until: str
    end_known_within_s: int | None
    rows: list[Lasting]


Document = Scans | Course | Stats | Lifetimes
ROWS: dict[type[Struct], tuple[type[Struct], ...]] = {
    Scans: (Scan,),
    Course: (Quote, Sale, Opportunity),
    Stats: (Tally,),
    Lifetimes: (Lasting,),
}


def schema_json() -> str:
    """What `dmscan schema history` prints."""
    shapes, parts = msgspec.json.schema_components([*ROWS, *(row for rows in ROWS.values() for row in rows)], ref_template="#/$defs/{name}")
    about = {"title": "dmscan history", "description": "The document of `-f json`, or one line of `-f ndjson`."}
    return json.dumps({"$schema": DIALECT, "$id": SCHEMA, **about, "anyOf": list(shapes), "$defs": parts}, indent=2) + "\n"

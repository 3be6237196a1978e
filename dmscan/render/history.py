"""Answers of `dmscan history` as JSON, NDJSON, CSV and markdown: one document a question, one row a line.

Money is integer cents, times are ISO 8601 UTC, shares are numbers with at most four decimals, unknown is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import msgspec
from msgspec import Struct

from dmscan.core import lifetimes as core
from dmscan.core import past
from dmscan.core.models import Entry, Exit, Game, SaleKind
from dmscan.core.models import Sale as Sold
from dmscan.render.contract import DIALECT, Number
from dmscan.render.fields import Cell
from dmscan.render.records import number
from dmscan.render.tabular import csv_of, markdown_of
from dmscan.render.text import iso, visible

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


def scans(source: str, rows: tuple[past.PastScan, ...]) -> Scans:
    return Scans(SCHEMA, visible(source), list(map(_scan, rows)))


def course(source: str, told: past.Course) -> Course:
    return Course(
        *(SCHEMA, visible(source), told.game, visible(told.title), iso(told.span.since), iso(told.span.until)),
        quotes=[Quote(iso(quote.at), quote.ask, quote.bid, quote.ask_count, quote.bid_count) for quote in told.quotes],
        sales=list(map(_sale, told.sales)),
        opportunities=list(map(_found, told.found)),
    )


def stats(source: str, span: past.Span, told: past.Stats) -> Stats:
    rows, total = [_tally(told.by, row) for row in told.rows], _tally("all", told.total)
    return Stats(SCHEMA, visible(source), _begin(span), iso(span.until), rows, total, dict(told.requests))


def lifetimes(source: str, span: past.Span, told: core.Lifetimes) -> Lifetimes:
    return Lifetimes(SCHEMA, visible(source), _begin(span), iso(span.until), told.blur_s, list(map(_lasting, told.rows)))


def as_json(document: Document) -> str:
    return _dumped(msgspec.to_builtins(document))


def as_lines(document: Document) -> str:
    """`-f ndjson`: each row with its type."""
    return "".join(_dumped(msgspec.to_builtins(row)) for row in _rows(document))


def as_csv(document: Document) -> str:
    return csv_of(_columns(document), map(_flat, _rows(document)))


def as_markdown(document: Document) -> str:
    return markdown_of(_columns(document), map(_flat, _rows(document)))


def schema_json() -> str:
    """What `dmscan schema history` prints."""
    shapes, parts = msgspec.json.schema_components([*ROWS, *(row for rows in ROWS.values() for row in rows)], ref_template="#/$defs/{name}")
    about = {"title": "dmscan history", "description": "The document of `-f json`, or one line of `-f ndjson`."}
    return json.dumps({"$schema": DIALECT, "$id": SCHEMA, **about, "anyOf": list(shapes), "$defs": parts}, indent=2) + "\n"


def _scan(row: past.PastScan) -> Scan:
    return Scan(
        scan_id=visible(row.scan_id),
        status=row.status,
        started_at=iso(row.started_at),
        finished_at=None if row.finished_at is None else iso(row.finished_at),
        seconds=None if row.finished_at is None else row.finished_at - row.started_at,
        games=list(map(visible, row.games)),
        entries=list(map(visible, row.entries)),
        exits=list(map(visible, row.exits)),
        titles=row.titles,
        opportunities=row.found,
        net_profit_cents=row.net,
        requests=row.calls,
        complete=row.complete,
        coverage=_number(row.coverage),
        exit_code=row.exit_code,
    )


def _sale(sold: Sold) -> Sale:
    return Sale(iso(sold.at), sold.kind, sold.price, visible(sold.phase), visible(sold.float_value) if sold.float_value else None)


def _found(row: past.PastFind) -> Opportunity:
    figures = row.units, row.cost, row.sell, row.net
    return Opportunity(iso(row.at), visible(row.scan_id), visible(row.phase), row.entry, row.exit, *figures)


def _tally(by: str, row: past.Tally) -> Tally:
    return Tally(by, visible(row.name), row.episodes, row.cost, row.net, row.scans, row.calls)


def _lasting(row: core.Lasting) -> Lasting:
    quarter, half, most = row.quartiles if row.enough else (None, None, None)
    return Lasting(
        *(row.by, row.value, row.episodes, row.gone, row.enough),
        quarter_gone_s=_number(quarter),
        half_gone_s=_number(half),
        three_quarters_gone_s=_number(most),
        looked_again=row.looked,
        gone_by_next=row.gone_next,
        gone_by_next_share=_number(row.gone_next_share),
    )


def _number(value: Fraction | None) -> Number | None:
    return None if value is None else number(value)


def _begin(span: past.Span) -> str | None:
    """Null for the beginning of all."""
    return iso(span.since) if span.since > 0 else None


def _rows(document: Document) -> Iterator[Struct]:
    """Every row; of statistics the total comes last."""
    match document:
        case Course():
            yield from (*document.quotes, *document.sales, *document.opportunities)
        case Stats():
            yield from (*document.rows, document.total)
        case _:
            yield from document.rows


def _columns(document: Document) -> tuple[str, ...]:
    """The names of all kinds of rows that the document can have."""
    return tuple(dict.fromkeys(("type", *(name for kind in ROWS[type(document)] for name in kind.__struct_fields__))))


def _flat(row: Struct) -> dict[str, Cell]:
    return {name: _cell(value) for name, value in msgspec.to_builtins(row).items()}


def _cell(value: Any) -> Cell:
    """Lists are joined by spaces, yes and no are spelled as in JSON."""
    match value:
        case list():
            return " ".join(value)
        case bool():
            return json.dumps(value)
    cell: Cell = value
    return cell


def _dumped(plain: Any) -> str:
    return json.dumps(plain, ensure_ascii=True, allow_nan=False) + "\n"

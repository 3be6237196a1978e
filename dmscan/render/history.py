"""Answers of `dmscan history` as JSON, NDJSON, CSV and markdown: one document a question, one row a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import msgspec
from msgspec import Struct

from dmscan.core import lifetimes as core
from dmscan.core import past
from dmscan.core.models import Sale as Sold
from dmscan.render.contract import Number
from dmscan.render.fields import Cell
from dmscan.render.history_contract import (
    ROWS,
    SCHEMA,
    Course,
    Document,
    Lasting,
    Lifetimes,
    Opportunity,
    Quote,
    Sale,
    Scan,
    Scans,
    Stats,
    Tally,
)
from dmscan.render.records import number
from dmscan.render.tabular import csv_of, markdown_of
from dmscan.render.text import iso, visible


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

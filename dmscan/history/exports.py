"""Rows as they are stored, a page at a time: between pages the file is let go, however slowly they are read (design chapter 6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from dmscan.core.past import Span
from dmscan.history import sources
from dmscan.history.reader import check_current, connected

PAGE = 1_000

_SCAN = "scan_id status started_at finished_at complete coverage signed exit_code request stats fee_sources troubles dmscan_version"
_OPPORTUNITY = (
    "game title phase entry exit confidence as_of units cost_cents sell_cents fee_cents net_profit_cents net_profit_if_renewed_cents "
    "net_after_cashout_cents profit_per_day_cents bail_out_cents break_even_cents max_buy_cents fee_fraction fee_source hold_days "
    "days_to_fill pace_per_day quote_ask_cents quote_bid_cents quote_ask_count quote_bid_count quote_at sales_qualified "
    "sales_median_cents sales_q40_cents sales_at_or_above sales_last_at sales_fetched_at next_ask_cents warnings"
)
_EPISODE = "game title phase entry exit begun_at seen_at scans ended_at ended cost_cents net_profit_cents best_net_profit_cents request"


class Export(Struct, frozen=True):
    """One kind of row: the columns to print, where its rows are, the columns that order them, each in a place of its own, and its time."""

    names: tuple[str, ...]
    tables: str
    order: tuple[str, ...]
    time: str
    source: str = "source_id"

    @property
    def sql(self) -> str:
        """The next page behind a row, found by the first column of the order."""
        keys, marks = ", ".join(self.order), ", ".join("?" * len(self.order))
        return f"""
            SELECT {keys}, {", ".join(self.names)} FROM {self.tables}
            WHERE {self.source} = {sources.NUMBER} AND {self.order[0]} >= ? AND ({keys}) > ({marks})
                AND {self.time} >= ? AND {self.time} < ?
            ORDER BY {keys} LIMIT {PAGE}"""  # noqa: S608


# NOT INDEXED: by their row id titles come in the order of what belongs to them.
EXPORTS: Mapping[str, Export] = {
    "scans": Export(
        names=tuple(_SCAN.split()),
        tables="scans",
        order=("started_at", "id"),
        time="started_at",
    ),
    "opportunities": Export(
        names=("scan_id", *(f"opportunities.{name}" for name in _OPPORTUNITY.split())),
        tables="scans CROSS JOIN opportunities ON scan = scans.id",
        order=("started_at", "scans.id", "opportunities.id"),
        time="started_at",
        source="scans.source_id",
    ),
    "quotes": Export(
        names=("game", "titles.title", "at", "quotes.ask_cents", "quotes.bid_cents", "quotes.ask_count", "quotes.bid_count"),
        tables="titles NOT INDEXED CROSS JOIN quotes ON quotes.title = titles.id",
        order=("titles.id", "at"),
        time="at",
    ),
    "sales": Export(
        names=("game", "titles.title", "kind", "sold_at", "price_cents", "phase", "float_value"),
        tables="titles NOT INDEXED CROSS JOIN sales ON sales.title = titles.id",
        order=("titles.id", "kind", "sold_at", "price_cents", "phase", "float_value", "ordinal"),
        time="sold_at",
    ),
    "episodes": Export(
        names=tuple(_EPISODE.split()),
        tables="episodes",
        order=("begun_at", "id"),
        time="begun_at",
    ),
}
"""What can be exported, in the order of time, but quotes and sales title by title."""


def names(what: str) -> tuple[str, ...]:
    return tuple(name.rpartition(".")[2] for name in EXPORTS[what].names)


def pages(path: Path, source: str, what: str, span: Span) -> Iterator[list[tuple[Any, ...]]]:
    """The source's rows of the span by the columns of `names`; what is stored or deleted meanwhile may be among them or not.

    Raises as `reader.asking` does.
    """
    export = EXPORTS[what]
    first = span.since - 1 if export.time == export.order[0] else 0
    after: tuple[Any, ...] = (first, *[0] * (len(export.order) - 1))
    while page := _page(path, export, (source, after[0], *after, span.since, span.until)):
        yield [row[len(export.order) :] for row in page]
        after = page[-1][: len(export.order)]


def _page(path: Path, export: Export, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with connected(path) as connection:
        check_current(connection, path)
        return connection.execute(export.sql, values).fetchall()

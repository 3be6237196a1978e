"""A scan as CSV or as a markdown table: the names of the JSON contract, nested parts flattened."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from dmscan.core.report import ScanReport
from dmscan.render.fields import Cell, columns, flat
from dmscan.render.records import opportunity

_FORMULA = re.compile(r"""(^|;)(?=["\s]*[=+\-@\t\r＝＋－＠])""")
"""A spreadsheet skips blanks before a formula, and in half of the world it takes `;` for the end of a cell."""
_MARKUP = re.compile(r"[\\`*_\[\]<>#!|~&:@$]|(?<=www)\.", re.IGNORECASE)


def as_csv(scan: ScanReport, fields: tuple[str, ...] = ()) -> str:
    """RFC 4180 (lines end in CRLF); a text that a spreadsheet would run as a formula gets a `'` before it."""
    return csv_of(columns(fields), _rows(scan))


def as_markdown(scan: ScanReport, fields: tuple[str, ...] = ()) -> str:
    """A GitHub table; titles are literal text, and links come from our own template only."""
    return markdown_of(columns(fields), _rows(scan))


def csv_of(names: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> str:
    """Rows under their names; a cell that a row has not is empty."""
    page = io.StringIO()
    writer = csv.writer(page)
    writer.writerow(names)
    writer.writerows([_unrun(row.get(name)) for name in names] for row in rows)
    return page.getvalue()


def markdown_of(names: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> str:
    """Rows under their names; a cell that a row has not is empty."""
    head = [_line(names), _line(["---"] * len(names))]
    return "".join((*head, *(_line([_marked(name, row) for name in names]) for row in rows)))


def _rows(scan: ScanReport) -> list[dict[str, Cell]]:
    return [flat(opportunity(found, scan.source, scan.finished_at)) for found in scan.opportunities]


def _unrun(cell: Cell) -> Cell:
    return _FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _marked(name: str, row: Mapping[str, Cell]) -> str:
    cell = row.get(name)
    if name == "url" or not isinstance(cell, str):
        return "" if cell is None else str(cell)
    text = _MARKUP.sub(r"\\\g<0>", cell)
    return f"[{text}]({row['url']})" if name == "title" and row.get("url") else text

"""What the doctor found, line by line on a terminal and as JSON with its JSON Schema."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from rich.table import Table
from rich.text import Text

from dmscan import __version__
from dmscan.core.checkup import Check, Mark
from dmscan.errors import most_specific
from dmscan.render.contract import DIALECT
from dmscan.render.table import GAP, INDENT, Page
from dmscan.render.text import iso, visible

SCHEMA = "dmscan.doctor/1"
STYLES = {Mark.OK: "green", Mark.WARN: "yellow", Mark.FAIL: "bold red"}
MARK_CELLS, NAME_CELLS = 4, 17
"""As wide as the longest mark and the longest name: a line is printed before the next one is known."""
NARROW = 60


class Line(Struct, frozen=True):
    """One thing looked at. `status` is ok, warn or fail; `code` is the exit code that a failure asks for, else 0."""

    name: str
    status: Mark
    detail: str
    code: int


class Document(Struct, frozen=True):
    """All checks of `dmscan doctor -f json`; `exit_code` is that of the most specific failure, `source` null if it was refused."""

    schema: str
    dmscan_version: str
    source: str | None
    checked_at: str
    offline: bool
    exit_code: int
    checks: list[Line]


class Report(Struct, frozen=True):
    """The checks in the order they were made, and under which circumstances."""

    source: str | None
    at: int
    offline: bool
    checks: Sequence[Check]


def as_line(check: Check, width: int, color: bool) -> str:
    """One check as soon as it is known; what does not fit into `width` cells is wrapped beneath its own column."""
    page = Page(width, color)
    mark, name, detail = Text(check.mark, STYLES[check.mark]), Text(check.name), Text(visible(check.detail))
    if width < NARROW:
        page.line(Text.assemble(mark, " ", name))
        page.line(detail, INDENT)
        return page.text()
    grid = Table.grid(padding=(0, GAP, 0, 0))
    for cells in (MARK_CELLS, NAME_CELLS):
        grid.add_column(width=cells)
    grid.add_column(overflow="fold")
    grid.add_row(mark, name, detail)
    page.table(grid)
    return page.text()


def as_closing(checks: Sequence[Check], width: int, color: bool) -> str:
    """The last line: how many of the checks want to be looked at."""
    page, counts = Page(width, color), Counter(check.mark for check in checks)
    told = [f"{counts[mark]} {word}" for mark, word in ((Mark.FAIL, "failed"), (Mark.WARN, "to look at")) if counts[mark]]
    page.line(Text())
    page.line(Text(", ".join(told) if told else f"all well, {len(checks)} checks"))
    return page.text()


def as_json(report: Report) -> str:
    lines = [Line(check.name, check.mark, visible(check.detail), check.code) for check in report.checks]
    document = Document(
        schema=SCHEMA,
        dmscan_version=__version__,
        source=None if report.source is None else visible(report.source),
        checked_at=iso(report.at),
        offline=report.offline,
        exit_code=most_specific(check.code for check in report.checks),
        checks=lines,
    )
    return json.dumps(msgspec.to_builtins(document), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def schema_json() -> str:
    """What `dmscan schema doctor` prints."""
    (shape,), parts = msgspec.json.schema_components([Document], ref_template="#/$defs/{name}")
    whole = {"$schema": DIALECT, "$id": SCHEMA, "title": "dmscan doctor", **shape, "$defs": parts}
    return json.dumps(whole, indent=2, ensure_ascii=True) + "\n"

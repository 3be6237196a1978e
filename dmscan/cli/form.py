"""How a scan is printed: its format, where it goes, and NDJSON lines as they come."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from dmscan.cli.help import FORMATS
from dmscan.cli.options import choice
from dmscan.cli.output import Stream, check_file, check_stdout, colors, write_file, write_stdout
from dmscan.core.models import Opportunity
from dmscan.core.report import ScanReport, ScanRequest
from dmscan.errors import UsageError
from dmscan.render import document
from dmscan.render.fields import chosen

ROWS_IN_A_TABLE = 20
WIDTH_OFF_A_TERMINAL = 160


@dataclass(frozen=True, slots=True)
class Form:
    """What is printed where. `limit` is the most opportunities shown, `None` for all."""

    name: str
    file: Path | None
    fields: tuple[str, ...]
    limit: int | None
    why: bool
    color: bool
    streams: bool

    @property
    def width(self) -> int:
        """Cells of a line."""
        return shutil.get_terminal_size((WIDTH_OFF_A_TERMINAL, 24)).columns

    def show(self, report: ScanReport) -> None:
        """Prints a finished scan. Raises OutputError or ReaderGone."""
        if self.name == "none":
            return
        kept = report.opportunities[: self.limit]
        shown = replace(report, opportunities=kept, hidden=len(report.opportunities) - len(kept))
        self.write(document.line_finished(shown) if self.streams else self._whole(shown))

    def write(self, text: str) -> None:
        """Raises OutputError or ReaderGone."""
        if self.file:
            write_file(self.file, text)
        else:
            write_stdout(text)

    def _whole(self, report: ScanReport) -> str:
        if self.name == "json":
            return document.as_json(report, self.fields)
        if self.name == "ndjson":
            return document.as_lines(report, self.fields)
        if self.name == "table":
            from dmscan.render import table

            return (
                table.as_columns(report, self.fields, self.width, self.color)
                if self.fields
                else table.as_table(report, self.width, self.color, self.why)
            )
        from dmscan.render import tabular

        return tabular.as_csv(report, self.fields) if self.name == "csv" else tabular.as_markdown(report, self.fields)


class Lines:
    """The NDJSON lines of a scan under way; nothing in every other format."""

    def __init__(self, form: Form, scan_id: str, source: str) -> None:
        self._form = form
        self._lines = document.OpportunityLines(scan_id, source, form.fields)
        self._scan = (scan_id, source)
        self._stream = Stream()

    def begin(self, started_at: int, request: ScanRequest) -> None:
        if self._form.streams:
            self._stream.write(document.line_started(*self._scan, started_at, request))

    def found(self, opportunity: Opportunity, now: int) -> None:
        if self._form.streams:
            self._stream.write(self._lines.line(opportunity, now))

    def end(self) -> None:
        """Returns when all of them are out."""
        self._stream.close()


def form(typed: Mapping[str, Any]) -> Form:
    """Raises UsageError for options that contradict each other, OutputError if nothing could be written."""
    text, file, fields = typed["format_"], typed["output"], chosen(typed["fields"])
    if typed["json"] and text not in {None, "json"}:
        raise UsageError(f"--json and -f {text} contradict each other: give one of them.")
    name = "json" if typed["json"] else choice("--format", text, FORMATS) if text else _default(file)
    if name != "none":
        check_file(file) if file else check_stdout()
    limit = typed["limit"] or (ROWS_IN_A_TABLE if name == "table" else None)
    streams = name == "ndjson" and not file and limit is None and typed["sort"] is None
    return Form(name, file, fields, limit, typed["why"], colors(typed["no_color"]) and not file, streams)


def _default(file: Path | None) -> str:
    return "table" if file is None and os.isatty(1) else "json"

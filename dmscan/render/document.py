"""A scan as one JSON document or as lines of JSON; ASCII only, so that any locale can carry it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from dmscan.core.models import Opportunity
from dmscan.core.report import ScanReport, ScanRequest
from dmscan.render import contract, records
from dmscan.render.fields import picked


def as_json(scan: ScanReport, fields: tuple[str, ...] = ()) -> str:
    """`-f json`; with `fields` each opportunity carries only these, the document keeps its other keys."""
    whole = records.document(scan)
    shown = [picked(found, fields) for found in whole.opportunities]
    return _dumped(msgspec.to_builtins(whole) | {"opportunities": shown})


def line_started(scan_id: str, source: str, started_at: int, asked: ScanRequest) -> str:
    return _dumped(msgspec.to_builtins(records.started(scan_id, source, started_at, asked)))


class OpportunityLines:
    """The `opportunity` lines of one scan; with `fields` each carries only type, scan_id and these."""

    def __init__(self, scan_id: str, source: str, fields: tuple[str, ...] = ()) -> None:
        self._scan_id = scan_id
        self._source = source
        self._fields = fields

    def line(self, found: Opportunity, printed_at: int) -> str:
        keys = picked(records.opportunity(found, self._source, printed_at), self._fields)
        return _dumped({"type": "opportunity", "scan_id": self._scan_id, **keys})


def line_finished(scan: ScanReport) -> str:
    return _dumped(msgspec.to_builtins(records.finished(scan)))


def as_lines(scan: ScanReport, fields: tuple[str, ...] = ()) -> str:
    """`-f ndjson` of a finished scan, all lines at once."""
    lines = OpportunityLines(scan.scan_id, scan.source, fields)
    opening = line_started(scan.scan_id, scan.source, scan.started_at, scan.request)
    return "".join((opening, *(lines.line(found, scan.finished_at) for found in scan.opportunities), line_finished(scan)))


def schema_json() -> str:
    """What `dmscan schema` prints."""
    return json.dumps(contract.schema(), indent=2, ensure_ascii=True) + "\n"


def _dumped(plain: Any) -> str:
    return json.dumps(plain, ensure_ascii=True, allow_nan=False) + "\n"

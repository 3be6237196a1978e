"""What one `watch` is to do, decided before anything is opened or sent."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import structs

from dmscan.cli.options import at_least, choice, parse, parse_duration
from dmscan.cli.output import check_stdout, colors
from dmscan.cli.task import Task, task
from dmscan.core.attention import REST_S
from dmscan.core.episodes import Terms
from dmscan.watch import Schedule

AS_A_SCAN = {"fresh": False, "recheck": "0", "fail_empty": False, "since_last": False, "why": False}
"""What a pass does not leave to be chosen: it remembers, and tells each find as soon as it is certain."""
SILENT = {"format_": "none", "json": False, "output": None, "fields": None, "limit": None}
"""A pass prints nothing itself."""


@dataclass(frozen=True, slots=True)
class Order:
    """A watch as asked for. `pass_` is what each pass does; `limit` is the most rows of a table, `port` where metrics are served."""

    pass_: Task
    schedule: Schedule
    format_: str
    limit: int | None
    color: bool
    port: int | None = None


def order(typed: Mapping[str, Any], formats: Sequence[str]) -> Order:
    """Raises UsageError, SettingsError or OutputError, each naming what to change."""
    text = typed["format_"]
    format_ = choice("--format", text, formats) if text else "table" if os.isatty(1) else "ndjson"
    if format_ != "none":
        check_stdout()
    every_s = parse("--every", typed["every"], parse_duration) or 0
    at_least("--every", every_s, 1)
    at_least("--passes", typed["passes"], 1)
    at_least("--limit", typed["limit"], 1)
    planned = task({**typed, **AS_A_SCAN, **SILENT, "deadline": typed["every"]})
    request = structs.replace(planned.request, rest_s=REST_S)
    schedule = Schedule(every_s, typed["passes"], Terms(request.rules, request.fee, request.signed))
    return Order(replace(planned, request=request), schedule, format_, typed["limit"], colors(typed["no_color"]), typed["metrics_port"])

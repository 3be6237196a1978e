"""A plan as JSON, CSV or markdown, and its JSON Schema; `requests` are estimates, rounded up for each endpoint."""

from __future__ import annotations

import csv
import io
import json

import msgspec
from msgspec import Struct

from dmscan import __version__
from dmscan.core import plan as core
from dmscan.core.models import Game
from dmscan.core.prospects import SweepKind, SweepPlan
from dmscan.core.report import SWEEP_SHARE
from dmscan.render import records
from dmscan.render.contract import DIALECT, Number, Request
from dmscan.render.forecast import assumptions
from dmscan.render.text import iso, visible

SCHEMA = "dmscan.plan/1"


class Sweep(Struct, frozen=True):
    """How a game's quotes are had. `asked` titles are quoted anew, `assumed` of them never seen; the rest stays as remembered.

    It is `far` from the prices wanted, never had both sides (`one_sided`), or is `excluded` by name.
    """

    game: Game
    kind: SweepKind
    asked: int
    assumed: int
    far: int
    one_sided: int
    excluded: int
    requests: dict[str, int]


class PutOff(Struct, frozen=True):
    """Titles whose relist waits because remembered sales leave no hope, and when the first and the last of them are due again."""

    titles: int
    first_until: str | None
    last_until: str | None


class Reach(Struct, frozen=True):
    """How far a scan comes; `sweep_requests` are part of its requests, `pace` is in requests a second.

    `swept` is the share of the sweep that it does, `judged` the candidates asked about.
    """

    requests: dict[str, int]
    sweep_requests: int
    seconds: int
    pace: Number | None
    swept: Number
    judged: int
    not_reached: int
    coverage: Number


class Plan(Struct, frozen=True):
    """What a scan of the same options would cost. `whole` is without a budget, `at_least` is `expected` at the least speed.

    `candidates` counts those put off too; `sales_remembered` are candidates whose stored sales are young enough.
    """

    schema: str
    dmscan_version: str
    source: str
    planned_at: str
    request: Request
    signed: bool
    history_used: bool
    titles_remembered: int
    sweep_share: Number
    sweeps: list[Sweep]
    candidates: int
    put_off: PutOff
    sales_remembered: int
    whole: Reach
    expected: Reach
    at_least: Reach | None
    assumptions: list[str]


def as_json(plan: core.Plan, source: str) -> str:
    """One line, which is `-f ndjson` too."""
    return json.dumps(msgspec.to_builtins(_document(plan, source)), ensure_ascii=True, allow_nan=False) + "\n"


def as_csv(plan: core.Plan) -> str:
    """Endpoint and calls within the budget (RFC 4180)."""
    page = io.StringIO()
    csv.writer(page).writerows([("endpoint", "calls"), *plan.reach.calls.by_endpoint.items()])
    return page.getvalue()


def as_markdown(plan: core.Plan) -> str:
    rows = [("endpoint", "calls"), ("---", "---"), *plan.reach.calls.by_endpoint.items()]
    return "".join(f"| {endpoint} | {calls} |\n" for endpoint, calls in rows)


def schema_json() -> str:
    """What `dmscan schema plan` prints."""
    (shape,), parts = msgspec.json.schema_components([Plan], ref_template="#/$defs/{name}")
    whole = {"$schema": DIALECT, "$id": SCHEMA, "title": "dmscan scan --plan", **shape, "$defs": parts}
    return json.dumps(whole, indent=2, ensure_ascii=True) + "\n"


def _document(plan: core.Plan, source: str) -> Plan:
    first, last = map(iso, plan.put_off_until) if plan.put_off_until else (None, None)
    return Plan(
        schema=SCHEMA,
        dmscan_version=__version__,
        source=visible(source),
        planned_at=iso(plan.at),
        request=records.request(plan.request),
        signed=plan.signed,
        history_used=plan.recalls,
        titles_remembered=plan.remembered,
        sweep_share=records.number(SWEEP_SHARE),
        sweeps=[_sweep(sweep) for sweep in plan.sweeps],
        candidates=plan.candidates,
        put_off=PutOff(plan.put_off, first, last),
        sales_remembered=plan.reused,
        whole=_reach(plan.whole, plan),
        expected=_reach(plan.reach, plan),
        at_least=_reach(plan.slow, plan) if plan.slow else None,
        assumptions=list(assumptions(plan)),
    )


def _sweep(sweep: SweepPlan) -> Sweep:
    counts = (sweep.asked, sweep.assumed, sweep.far, sweep.one_sided, sweep.excluded)
    return Sweep(sweep.game, sweep.kind, *counts, dict(sweep.calls.by_endpoint))


def _reach(reach: core.Reach, plan: core.Plan) -> Reach:
    return Reach(
        requests=dict(reach.calls.by_endpoint),
        sweep_requests=sum(reach.sweep.by_endpoint.values()),
        seconds=reach.seconds,
        pace=None if reach.pace is None else records.number(reach.pace),
        swept=records.number(reach.swept),
        judged=reach.reached,
        not_reached=plan.whole.reached - reach.reached,
        coverage=records.number(reach.coverage),
    )

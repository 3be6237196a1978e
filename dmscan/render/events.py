"""A watch as lines of JSON, each valid by itself, and their JSON Schema; ASCII only, so that any locale can carry it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import Struct

from dmscan import __version__
from dmscan.core import events as core
from dmscan.core.models import Entry, Exit, Game
from dmscan.core.report import ScanRequest
from dmscan.render import records
from dmscan.render.contract import DIALECT, Error, Number, Opportunity, Request, Stats
from dmscan.render.text import iso, visible

SCHEMA = "dmscan.watch/1"


class WatchStarted(Struct, frozen=True, tag_field="type", tag="watch_started"):
    """The first line. A pass begins every `every_s` seconds; null `passes` go on without end."""

    schema: str
    dmscan_version: str
    source: str
    currency: str
    started_at: str
    every_s: int
    passes: int | None
    request: Request


class New(Struct, frozen=True, tag_field="type", tag="new"):
    """An opportunity that was not open, as soon as it is certain; `scan_id` is its pass's, as in the history."""

    scan_id: str
    at: str
    opportunity: Opportunity


class Better(Struct, frozen=True, tag_field="type", tag="better"):
    """An open opportunity that earns more than the last line about it said."""

    scan_id: str
    at: str
    net_profit_cents_before: int
    opportunity: Opportunity


class Gone(Struct, frozen=True, tag_field="type", tag="gone"):
    """An open opportunity that a pass looked for and did not find; or `unseen`: for more than a day no pass could have told.

    The net profit is as it was when last seen; it was there for at least `lasted_s` seconds, the time between the two moments.
    """

    scan_id: str
    at: str
    opportunity_id: str
    game: Game
    title: str
    phase: str
    entry: Entry
    exit: Exit
    reason: str
    first_seen_at: str
    last_seen_at: str
    lasted_s: int
    net_profit_cents: int


class Pass(Struct, frozen=True, tag_field="type", tag="pass"):
    """A pass is over, and what it told. One that a bug ended or a signal kept from beginning has neither scan_id nor stats.

    `open` counts what is open now; `calls_left` estimates how many calls more the market would let through until the next pass begins
    at `next_at`. Both are null after the last.
    """

    number: int
    scan_id: str | None
    started_at: str | None
    finished_at: str
    complete: bool
    coverage: Number
    new: int
    better: int
    gone: int
    open: int
    calls: int
    calls_left: int | None
    next_at: str | None
    errors: list[Error]
    stats: Stats | None


def line_started(source: str, started_at: int, every_s: int, passes: int | None, asked: ScanRequest) -> str:
    request = records.request(asked)
    return _line(WatchStarted(SCHEMA, __version__, visible(source), "USD", iso(started_at), every_s, passes, request))


def line_event(event: core.Event, scan_id: str, source: str) -> str:
    if isinstance(event, core.Gone):
        return _line(_gone(event, scan_id, source))
    found = records.opportunity(event.opportunity, source, event.at)
    if isinstance(event, core.Better):
        return _line(Better(scan_id, iso(event.at), event.before, found))
    return _line(New(scan_id, iso(event.at), found))


def line_pass(passed: core.Passed, now: int, calls_left: int | None) -> str:
    """`now` is the Unix second in which the pass ended."""
    return _line(_pass(passed, now, calls_left))


def schema_json() -> str:
    """What `dmscan schema watch` prints; unknown keys are allowed, so that additions break nobody."""
    shapes, parts = msgspec.json.schema_components([WatchStarted, New, Better, Gone, Pass], ref_template="#/$defs/{name}")
    said = {"$schema": DIALECT, "$id": SCHEMA, "title": "dmscan watch", "description": "One line of `-f ndjson`."}
    return json.dumps({**said, "anyOf": list(shapes), "$defs": parts}, indent=2, ensure_ascii=True) + "\n"


def _gone(event: core.Gone, scan_id: str, source: str) -> Gone:
    found, episode = event.standing.opportunity, event.standing.episode
    return Gone(
        scan_id=scan_id,
        at=iso(event.at),
        opportunity_id=records.opportunity_id(found, source),
        game=found.game,
        title=visible(found.title),
        phase=visible(found.phase),
        entry=found.entry,
        exit=found.exit,
        reason="unseen" if event.unseen else "gone",
        first_seen_at=iso(episode.begun_at),
        last_seen_at=iso(episode.seen_at),
        lasted_s=event.lasted_s,
        net_profit_cents=found.net_profit,
    )


def _pass(passed: core.Passed, now: int, calls_left: int | None) -> Pass:
    report = passed.report
    return Pass(
        number=passed.number,
        scan_id=report.scan_id if report else None,
        started_at=iso(report.started_at) if report else None,
        finished_at=iso(report.finished_at if report else now),
        complete=bool(report and report.complete),
        coverage=records.number(report.coverage) if report else 0,
        new=passed.new,
        better=passed.better,
        gone=passed.gone,
        open=len(passed.open),
        calls=report.stats.traffic.sent if report else 0,
        calls_left=calls_left,
        next_at=None if passed.next_in_s is None else iso(now + round(passed.next_in_s)),
        errors=[records.error(trouble) for trouble in report.troubles] if report else [],
        stats=records.stats(report.stats, report.seconds_for_all) if report else None,
    )


def _line(record: Any) -> str:
    return json.dumps(msgspec.to_builtins(record), ensure_ascii=True, allow_nan=False) + "\n"

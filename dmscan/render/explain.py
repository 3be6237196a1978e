"""One title explained as JSON, and its JSON Schema."""

from __future__ import annotations

import json
from fractions import Fraction

import msgspec
from msgspec import Struct

from dmscan import __version__
from dmscan.core.checks import Check, Unit
from dmscan.core.explained import Explained, Explanation, Fact, Origin
from dmscan.core.models import Entry, Exit, FeeSchedule, FeeSource, Game, Need, Reason
from dmscan.core.money import fraction_text
from dmscan.render import contract, records
from dmscan.render.contract import DIALECT, Number
from dmscan.render.text import iso, visible

SCHEMA = "dmscan.explain/1"


class Rule(Struct, frozen=True):
    """A rule in the order it is looked at. `value`, `limit` and `margin` are in `unit`: cents, a share, a count or days.

    `margin` is negative outside the limit; `passed` is null if the value is not known; a title that fails is counted as `reason`.
    """

    rule: str
    reason: str
    unit: Unit
    value: Number | None
    limit: Number | None
    margin: Number | None
    passed: bool | None
    note: str


class Change(Struct, frozen=True):
    """The smallest change of this option that alone would let it pass; `typed` is what to type."""

    option: str
    value: str
    typed: str


class Way(Struct, frozen=True):
    """One pair of entry and exit. `verdict` is found, refused (`reason` says why) or open (`missing` says what must be asked first).

    `changes_known` is false if something was not asked that could show more changes.
    """

    entry: Entry
    exit: Exit
    verdict: str
    reason: str | None
    missing: Need | None
    rules: list[Rule]
    changes: list[Change]
    changes_known: bool
    opportunities: list[contract.Opportunity]


class Known(Struct, frozen=True):
    """Where a part of what is known comes from, how old it is and what it cost; `age_s` is null for what was not asked or is no answer."""

    name: str
    origin: Origin
    age_s: int | None
    requests: int


class Fees(Struct, frozen=True):
    """What holds where no reduced row does."""

    default_fraction: str
    source: FeeSource
    min_cents: int
    reduced_rows: int


class Document(Struct, frozen=True):
    """One title through every rule (`-f json`)."""

    schema: str
    dmscan_version: str
    source: str
    explained_at: str
    offline: bool
    signed: bool
    game: Game
    title: str
    request: contract.Request
    quote: contract.Quote | None
    fees: Fees | None
    facts: list[Known]
    requests: int
    pairs: list[Way]
    errors: list[contract.Error]


def as_json(told: Explanation, source: str) -> str:
    return json.dumps(msgspec.to_builtins(_document(told, source)), ensure_ascii=True, allow_nan=False) + "\n"


def schema_json() -> str:
    """What `dmscan schema explain` prints."""
    (shape,), parts = msgspec.json.schema_components([Document], ref_template="#/$defs/{name}")
    whole = {"$schema": DIALECT, "$id": SCHEMA, "title": "dmscan explain", **shape, "$defs": parts}
    return json.dumps(whole, indent=2, ensure_ascii=True) + "\n"


def _document(told: Explanation, source: str) -> Document:
    return Document(
        schema=SCHEMA,
        dmscan_version=__version__,
        source=visible(source),
        explained_at=iso(told.at),
        offline=told.offline,
        signed=told.request.signed,
        game=told.game,
        title=visible(told.title),
        request=records.request(told.request),
        quote=records.quote(told.quote, told.at) if told.quote else None,
        fees=fee_terms(told.fees) if told.fees else None,
        facts=[known(fact, told.at) for fact in told.facts],
        requests=told.requests,
        pairs=[_pair(one, source, told.at) for one in told.pairs],
        errors=[records.error(trouble) for trouble in told.troubles],
    )


def fee_terms(fees: FeeSchedule) -> Fees:
    return Fees(fraction_text(fees.default), fees.default_source, fees.min_amount, len(fees.rows))


def known(fact: Fact, now: int) -> Known:
    return Known(fact.name, fact.origin, None if fact.at is None else max(0, now - fact.at), fact.requests)


def _pair(one: Explained, source: str, now: int) -> Way:
    verdict = one.verdict
    found = verdict if isinstance(verdict, tuple) else ()
    return Way(
        *one.pair,
        verdict="found" if found else "refused" if isinstance(verdict, Reason) else "open",
        reason=verdict if isinstance(verdict, Reason) else None,
        missing=verdict if isinstance(verdict, Need) else None,
        rules=[_rule(check) for check in one.checks],
        changes=[Change(change.option, change.value, change.typed) for change in one.changes],
        changes_known=one.changes_known,
        opportunities=[records.opportunity(opportunity, source, now) for opportunity in found],
    )


def _rule(check: Check) -> Rule:
    value, limit, margin = (None if one is None else records.number(Fraction(one)) for one in (check.value, check.limit, check.margin))
    return Rule(check.rule, check.reason, check.unit, value, limit, margin, check.passed, visible(check.note))

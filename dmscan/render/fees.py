"""Fees of a title, and what changed among a game's: as a screen, as JSON, and the JSON Schema."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from rich.text import Text

from dmscan import __version__
from dmscan.core.fees import describe
from dmscan.core.models import FeeRow, FeeSource, FeeTable, Game, Stamped
from dmscan.core.money import fraction_text
from dmscan.core.pricing import FeeChange, GameChanges, Priced, TitleFees, Turn
from dmscan.core.report import Trouble
from dmscan.render import contract, records, summary
from dmscan.render.contract import DIALECT
from dmscan.render.explain import Fees, Known, fee_terms, known
from dmscan.render.explanation import grid
from dmscan.render.table import INDENT, Page
from dmscan.render.text import age, dollars, iso, minute, plural, share, title, visible

SCHEMA = "dmscan.fees/1"
SHOWN = 20
"""Titles of each kind of change that a screen names."""


class Row(Struct, frozen=True):
    """A reduced fee for sale prices from `low_cents` to `high_cents` (both inclusive), up to `expires_at` (inclusive)."""

    fraction: str
    low_cents: int
    high_cents: int
    expires_at: str


class Sale(Struct, frozen=True):
    """A sale at a price now. `max_buy_cents` is the highest cost at which it meets the rules, null if none does."""

    price_cents: int
    fee_cents: int
    proceeds_cents: int
    fee_fraction: str
    fee_source: FeeSource
    max_buy_cents: int | None


class OfTitle(Struct, frozen=True, tag_field="type", tag="title"):
    """A title's fees (`dmscan fees TITLE`); `break_even_cents` is the least sale price that covers `cost_cents`."""

    schema: str
    dmscan_version: str
    source: str
    told_at: str
    offline: bool
    game: Game
    title: str
    request: contract.Request
    facts: list[Known]
    fees: Fees | None
    rows: list[Row]
    prices: list[Sale]
    cost_cents: int | None
    break_even_cents: int | None
    errors: list[contract.Error]


class Change(Struct, frozen=True):
    """A title's rows before and after: gained or lost altogether, or with another fraction, bands or expiry."""

    title: str
    turns: list[Turn]
    before: list[Row]
    after: list[Row]


class OfGame(Struct, frozen=True):
    """A game's changes; `before_at` is when the last table of an earlier day was fetched, null if none is stored."""

    game: Game
    before_at: str | None
    after_at: str | None
    before: Fees | None
    after: Fees | None
    changes: list[Change]


class Changed(Struct, frozen=True, tag_field="type", tag="changed"):
    """What changed since the last stored table of a day before (`dmscan fees --changed`)."""

    schema: str
    dmscan_version: str
    source: str
    told_at: str
    games: list[OfGame]
    errors: list[contract.Error]


def as_json(told: TitleFees, source: str) -> str:
    return _dumped(
        OfTitle(
            schema=SCHEMA,
            dmscan_version=__version__,
            source=visible(source),
            told_at=iso(told.at),
            offline=told.offline,
            game=told.game,
            title=visible(told.title),
            request=records.request(told.request),
            facts=[known(fact, told.at) for fact in told.facts],
            fees=fee_terms(told.fees) if told.fees else None,
            rows=_rows(told.fees.rows if told.fees else ()),
            prices=[_sale(one) for one in told.prices],
            cost_cents=told.cost,
            break_even_cents=told.break_even,
            errors=[records.error(trouble) for trouble in told.troubles],
        )
    )


def changes_json(games: Iterable[GameChanges], source: str, at: int, troubles: Iterable[Trouble]) -> str:
    errors = [records.error(trouble) for trouble in troubles]
    return _dumped(Changed(SCHEMA, __version__, visible(source), iso(at), [_game(one) for one in games], errors))


def schema_json() -> str:
    """What `dmscan schema fees` prints."""
    shapes, parts = msgspec.json.schema_components([OfTitle, Changed], ref_template="#/$defs/{name}")
    whole = {"$schema": DIALECT, "$id": SCHEMA, "title": "dmscan fees", "anyOf": list(shapes), "$defs": parts}
    return json.dumps(whole, indent=2, ensure_ascii=True) + "\n"


def as_table(told: TitleFees, source: str, width: int, color: bool) -> str:
    """The screen, at most `width` cells wide (20 at least)."""
    page = Page(width, color)
    page.line(Text(title(told.title), "bold"))
    asked = [visible(source).removeprefix("https://"), *summary.question(told.request), minute(told.at)]
    page.parts(Text(part, "dim") for part in asked)
    page.parts(map(Text, _terms(told)))
    if told.fees and told.fees.rows:
        rows = [(share(row.fraction), f"{dollars(row.low)} to {dollars(row.high)}", _until(row, told.at)) for row in told.fees.rows]
        grid(page, [("fee", "sale price", "until"), *rows])
    if told.prices:
        page.line(Text())
        grid(page, [("sold at", "fee", "leaves", "by", "buy up to"), *map(_sold, told.prices)], right=(0, 1, 2, 4))
    if told.cost is not None and told.break_even is not None:
        page.line(Text(f"bought at {dollars(told.cost)}, a sale at {dollars(told.break_even)} or more covers it"))
    return page.text()


def changes_table(games: Iterable[GameChanges], source: str, at: int, width: int, color: bool) -> str:
    """One block a game: counts, then the titles whose reduced fee came, went or is another; expiries are only counted."""
    page = Page(width, color)
    page.parts(Text(part, "dim") for part in (visible(source).removeprefix("https://"), "fees that changed", minute(at)))
    for one in games:
        page.line(Text())
        page.line(Text.assemble((one.game, "bold"), ": ", _compared(one)))
        for turn in Turn if one.changes else ():
            _turned(page, turn, [change for change in one.changes if turn in change.turns])
    return page.text()


def _terms(told: TitleFees) -> Iterator[str]:
    if told.fees is None:
        yield "The market did not give its fees."
        return
    source = "" if told.fees.default_source is FeeSource.DEFAULT else f" {told.fees.default_source}"
    yield f"fee {share(told.fees.default)}{source}{' but for the rows below' if told.fees.rows else ', no reduced row'}"
    yield f"at least {dollars(told.fees.min_amount)}"
    fact = next((fact for fact in told.facts if fact.name == "fees"), None)
    if fact and fact.at is not None:
        yield f"table {fact.origin}, {age(told.at - fact.at)} old"
    calls = sum(fact.requests for fact in told.facts)
    yield plural(calls, "call") if calls else "no call"


def _until(row: FeeRow, now: int) -> str:
    return minute(row.expires_at) if row.expires_at >= now else f"{minute(row.expires_at)}, expired"


def _sold(one: Priced) -> tuple[str, ...]:
    source = "" if one.source is FeeSource.DEFAULT else f" {one.source}"
    return (dollars(one.price), dollars(one.fee), dollars(one.proceeds), f"{share(one.fraction)}{source}", dollars(one.max_buy))


def _compared(one: GameChanges) -> str:
    if one.after is None:
        return "no fee table is known"
    now = f"{describe(one.after.value)}, {minute(one.after.at)}"
    if one.before is None:
        return f"{now}; no table of an earlier day is stored (each scan with a key stores that of its day)"
    if one.before.value == one.after.value:
        return f"{now}; nothing changed since {minute(one.before.at)}"
    return f"{now}; before: {describe(one.before.value)}, {minute(one.before.at)}"


def _turned(page: Page, turn: Turn, changes: Sequence[FeeChange]) -> None:
    if not changes:
        return
    words = {Turn.GAINED: "reduced now", Turn.LOST: "no longer reduced", Turn.FRACTION: "another fraction", Turn.BANDS: "other bands"}
    page.line(Text(f"{plural(len(changes), 'title')}: {words.get(turn, 'another expiry')}"), INDENT)
    if turn is Turn.EXPIRY:
        return
    for change in changes[:SHOWN]:
        page.line(Text(f"{title(change.title)}: {_shares(change.before)} → {_shares(change.after)}", "dim"), 2 * INDENT)
    if len(changes) > SHOWN:
        page.line(Text(f"{len(changes) - SHOWN:,} more (-f json names all)", "dim"), 2 * INDENT)


def _shares(rows: Iterable[FeeRow]) -> str:
    counted = Counter(f"{share(row.fraction)} at {dollars(row.low)} to {dollars(row.high)}" for row in rows)
    return ", ".join(counted) or "not reduced"


def _rows(rows: Iterable[FeeRow]) -> list[Row]:
    return [Row(fraction_text(row.fraction), row.low, row.high, iso(row.expires_at)) for row in rows]


def _sale(one: Priced) -> Sale:
    return Sale(one.price, one.fee, one.proceeds, fraction_text(one.fraction), one.source, one.max_buy)


def _game(one: GameChanges) -> OfGame:
    before_at, after_at = (iso(table.at) if table else None for table in (one.before, one.after))
    changes = [Change(visible(change.title), list(change.turns), _rows(change.before), _rows(change.after)) for change in one.changes]
    return OfGame(one.game, before_at, after_at, _table_terms(one.before), _table_terms(one.after), changes)


def _table_terms(table: Stamped[FeeTable] | None) -> Fees | None:
    """`reduced_rows` counts those of all titles."""
    if table is None:
        return None
    fees = table.value
    return Fees(fraction_text(fees.default), fees.default_source, fees.min_amount, sum(map(len, fees.rows.values())))


def _dumped(document: Any) -> str:
    return json.dumps(msgspec.to_builtins(document), ensure_ascii=True, allow_nan=False) + "\n"

"""What was stored comes back equal: opportunities with their legs, requests and whole reports."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from dmscan import __version__
from dmscan.clock import Clock
from dmscan.core.judge import judge
from dmscan.core.models import Entry, Evidence, Exit, FeeAt, Game, Opportunity, Rules
from dmscan.core.past import Span
from dmscan.core.report import ScanReport, ScanRequest, Trouble
from dmscan.core.rules import price_bands
from dmscan.errors import ExitCode
from dmscan.history import reports, rows, schema
from dmscan.history.reader import asking
from dmscan.history.store import ScanEnd, ScanStart, open_history
from dmscan.render import records
from dmscan.render.document import as_json

from make import NOW, make_leg, make_opportunity, make_quote, make_relist, make_report, make_request, make_rules, make_stats, make_target
from strategies import EVIDENCE, RULES, grown

PAIRS = ((Entry.OFFER, Exit.INSTANT), (Entry.OFFER, Exit.RELIST), (Entry.TARGET, Exit.RELIST))
EVER = Span(0, 2**40)


@pytest.fixture(scope="module")
def history() -> Iterator[sqlite3.Connection]:
    """A database in memory with one scan, row 1 of source 1."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.prepare(connection, Path("history.db"))
    connection.execute("INSERT INTO sources VALUES (1, 'sandbox')")
    connection.execute(
        "INSERT INTO scans (id, scan_id, source_id, status, started_at, request, dmscan_version) VALUES (1, 'a', 1, 'running', 0, '', '')"
    )
    yield connection
    connection.close()


def round_trip(connection: sqlite3.Connection, found: Opportunity) -> Opportunity:
    connection.execute("DELETE FROM opportunities")
    connection.execute(rows.OPPORTUNITY, (1, 1, 1, *rows.opportunity_row(found)))
    connection.executemany(rows.LEG, ((1, ordinal, 1, *leg) for ordinal, leg in enumerate(rows.leg_rows(found))))
    (back,) = reports.opportunities(connection, 1)
    return back


@given(EVIDENCE, RULES)
def test_every_find_comes_back_equal(history: sqlite3.Connection, evidence: Evidence, rules: Rules) -> None:
    for pair in PAIRS:
        for signed in (True, False):
            verdict = judge(pair, evidence, rules, signed=signed)
            for found in verdict if isinstance(verdict, tuple) else ():
                assert round_trip(history, found) == found


def test_nothing_known_stays_nothing(history: sqlite3.Connection) -> None:
    bare = make_relist(legs=(make_leg(offer=None, target=None, lock_days=None),), sales=None, hold_days=None, pace=None, max_buy=None)
    assert round_trip(history, bare) == bare
    limits = make_target(float_part="", phase="ruby", paint_seed="0")
    title = "\x1b[2J'\u202e"
    odd = make_opportunity(
        legs=(make_leg(target=limits),), phase="ruby", warnings=("a", '"'), title=title, quote=make_quote(title=title, ask=None, bid=None)
    )
    assert round_trip(history, odd) == odd


def random_request(chance: Random) -> ScanRequest:
    levels = chance.choice(((), (), ("boost",), ("medium", "standard"), ("boost", "pro"), ("pro", "advanced", "boost")))
    low, high = chance.choice((None, 0, 60, 200)), chance.choice((None, 20_000, 90_000))
    roi = chance.choice((None, Fraction(0), Fraction(7, 100), Fraction(123, 10_000)))
    rules = make_rules(
        bands=price_bands(levels, low, high, roi),
        min_profit=chance.choice((0, 5)),
        max_lock_days=chance.choice((None, 3)),
        max_days_to_sell=Fraction(chance.choice((1, 15)), 2),
        fee_at=chance.choice(tuple(FeeAt)),
        cashout_fee=Fraction(chance.choice((0, 25)), 1000),
    )
    return make_request(
        games=chance.choice(((Game.CS2,), tuple(Game))),
        entries=chance.choice(((Entry.OFFER,), tuple(Entry))),
        levels=levels,
        rules=rules,
        fee=chance.choice((None, Fraction(3, 200))),
        rate=Fraction(5, 2),
        rate_set=chance.choice((True, False)),
        titles=chance.choice(((), ("*[a]*", "é"))),
        limit=chance.choice((None, 20)),
        recheck_s=chance.choice((None, 30)),
        max_requests=chance.choice((None, 9)),
        fresh=chance.choice((True, False)),
        signed=chance.choice((True, False)),
    )


@given(grown(random_request))
def test_a_request_asks_the_same_after_it_was_stored(asked: ScanRequest) -> None:
    stored = msgspec.json.encode(records.request(asked)).decode()
    back = reports.request(stored, signed=asked.signed)
    assert (back.rules.bands, back.pairs) == (asked.rules.bands, asked.pairs)
    assert replace(back.rules, bands=()) == replace(asked.rules, bands=())
    assert records.request(back) == records.request(asked)


async def kept(path: Path, report: ScanReport) -> ScanReport | None:
    """The report as it comes back from a file, recorded as the command does it, which may read the clock a second before the scan does."""
    asked, counted = (msgspec.json.encode(part).decode() for part in (records.request(report.request), _stats(report)))
    start = ScanStart(report.scan_id, report.started_at - 1, asked, __version__)
    async with open_history(path, report.source, Clock()) as history:
        await history.begin(start)
        await history.record(start, report, ScanEnd(report.exit_code(), counted))
    with asking(path, report.source) as past:
        return past.report(report.scan_id)


def _stats(report: ScanReport) -> object:
    return records.stats(report.stats, report.seconds_for_all)


async def test_a_scan_comes_back_as_the_document_that_was_printed(tmp_path: Path) -> None:
    stats = make_stats(traffic=replace(make_stats().traffic, failed=7, retries=3, rate_limited=2), gone_at_recheck=1, cache_hits=4)
    troubles = (Trouble(ExitCode.RATE_LIMITED, "Too many.", Game.CS2, "v2/offers", 3), Trouble(ExitCode.NO_DATA, "Nothing."))
    report = make_report(stats=stats, troubles=troubles, fee_sources={Game.CS2: "default", Game.RUST: "assumed"})
    back = await kept(tmp_path / "history.db", report)
    assert back
    assert json.loads(as_json(back)) == json.loads(as_json(report))
    same = {name for name in ScanReport.__struct_fields__ if name not in {"request", "examples"}}
    assert {name: getattr(back, name) for name in same} == {name: getattr(report, name) for name in same}


async def test_a_scan_without_finds_keeps_its_pairs(tmp_path: Path) -> None:
    report = make_report(opportunities=(), rejected={}, signed=False, request=make_request(signed=False))
    back = await kept(tmp_path / "history.db", report)
    assert back
    assert (back.rejected, back.opportunities) == ({(Entry.OFFER, Exit.INSTANT): {}}, ())


async def test_a_scan_that_died_has_no_report(tmp_path: Path) -> None:
    async with open_history(tmp_path / "history.db", "sandbox", Clock()) as history:
        await history.begin(ScanStart("a", NOW, "{}", __version__))
    with asking(tmp_path / "history.db", "sandbox") as past:
        assert past.report("a") is None
        assert past.report("b") is None
        (line,) = past.scans(EVER, 9)
        assert (line.status, line.finished_at, line.titles, line.calls, line.coverage) == ("running", None, None, None, None)


def test_an_older_request_without_later_keys_is_read_with_their_defaults() -> None:
    back = reports.request('{"games": ["rust"], "min_price_cents": 50, "min_roi": 0.03, "later": [1]}', signed=True)
    assert (back.games, back.rules) == ((Game.RUST,), make_rules())


@settings(max_examples=50)
@given(EVIDENCE, RULES)
def test_the_order_of_finds_is_kept(history: sqlite3.Connection, evidence: Evidence, rules: Rules) -> None:
    found = [one for pair in PAIRS if isinstance(verdict := judge(pair, evidence, rules), tuple) for one in verdict]
    history.execute("DELETE FROM opportunities")
    for number, one in enumerate(reversed(found)):
        history.execute(rows.OPPORTUNITY, (number, 1, 1, *rows.opportunity_row(one)))
        history.executemany(rows.LEG, ((number, ordinal, 1, *leg) for ordinal, leg in enumerate(rows.leg_rows(one))))
    assert list(reports.opportunities(history, 1)) == found[::-1]

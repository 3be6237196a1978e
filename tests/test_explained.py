"""Asked about a title on its own, dmscan comes to the verdicts that a scan of the whole market comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import Any

import pytest

from dmscan import scanner
from dmscan.core.checks import first_failed
from dmscan.core.explained import Explained
from dmscan.core.judge import Verdict
from dmscan.core.ledger import Ledger
from dmscan.core.models import Entry, Exit, FeeAt, Game, Opportunity, Quote, Reason
from dmscan.core.report import Pair, ScanReport, ScanRequest
from dmscan.inquiry import Inquiry, Stored
from dmscan.sandbox.answers import EDITIONS
from dmscan.sandbox.server import Sandbox
from dmscan.sandbox.world import World

from inprocess import market_on, scan_of, still
from make import NOW, make_request, make_rules

Verdicts = dict[tuple[Game, str], dict[Pair, Verdict]]

EVERYTHING: dict[str, Any] = {
    "games": tuple(Game),
    "entries": tuple(Entry),
    "exits": tuple(Exit),
    "deadline_s": 0,
    "fresh": True,
}
PATIENT = {"max_days_to_sell": Fraction(60), "max_days_to_fill": Fraction(60)}
REQUESTS = (
    make_request(**EVERYTHING),
    make_request(**EVERYTHING, rules=make_rules(min_sales=3, max_lock_days=2, fee_at=FeeAt.NOW, **PATIENT)),
    make_request(**EVERYTHING, rules=make_rules(min_profit=40, max_units=1)),
    make_request(**EVERYTHING, signed=False),
)


@pytest.fixture
def booked(monkeypatch: pytest.MonkeyPatch) -> Verdicts:
    """What scans book from now on, title by title."""
    verdicts: Verdicts = {}

    class Book(Ledger):
        def settle(self, evidence: Any, told: Mapping[Pair, Verdict], *arguments: Any) -> bool:
            key = (evidence.quote.game, evidence.quote.title)
            assert key not in verdicts
            verdicts[key] = dict(told)
            return super().settle(evidence, told, *arguments)

        def refuse_on_sight(self, quotes: Sequence[Quote], reasons: Collection[Reason]) -> None:
            told = dict(zip(self.rejected, reasons, strict=True))
            verdicts.update({(quote.game, quote.title): told for quote in quotes})
            super().refuse_on_sight(quotes, reasons)

    monkeypatch.setattr(scanner, "Ledger", Book)
    return verdicts


def check_booked(verdicts: Verdicts, report: ScanReport) -> None:
    """What was kept title by title is what the scan reports."""
    for pair in report.request.pairs:
        reasons = (one[pair] for one in verdicts.values() if isinstance(one[pair], Reason))
        assert report.rejected[pair] == Counter(reasons)
    found = [one for told in verdicts.values() for verdict in told.values() if isinstance(verdict, tuple) for one in verdict]
    assert sorted(found, key=_key) == sorted(report.opportunities, key=_key)


def _key(found: Opportunity) -> tuple[str, ...]:
    return found.key


async def explained(sandbox: Sandbox, request: ScanRequest, keys: list[tuple[Game, str]]) -> dict[tuple[Game, str], tuple[Explained, ...]]:
    """Each title on its own, with nothing stored."""
    clock = still(NOW)
    market = market_on(sandbox, clock, signed=request.signed)
    try:
        told = {key: await Inquiry(request, market, Stored(), clock).explain(*key) for key in keys}
    finally:
        await market.close()
    return {key: one.pairs for key, one in told.items() if one and not one.troubles}


@pytest.mark.parametrize("titles", [25, pytest.param(250, marks=pytest.mark.long)])
@pytest.mark.parametrize("number", range(len(REQUESTS)))
async def test_explain_and_scan_agree_on_every_title_and_pair(booked: Verdicts, number: int, titles: int) -> None:
    """100 titles over four games and four questions, and 1,000."""
    request, clock = REQUESTS[number], still(NOW)
    games = len(Game)
    world = World(number, NOW, -(-titles // games), tuple(Game), crossed="rich", exact_times=True)
    sandbox = Sandbox(world, clock, EDITIONS[number % len(EDITIONS)], rate=10**9)
    report = await scan_of(sandbox, request, clock, signed=request.signed)
    assert (report.complete, report.coverage, report.troubles) == (True, 1, ())
    assert len(booked) == report.stats.titles >= titles
    check_booked(booked, report)
    told = await explained(sandbox, request, list(booked))
    assert {key: {one.pair: one.verdict for one in pairs} for key, pairs in told.items()} == booked
    for one in (one for pairs in told.values() for one in pairs):
        missed = first_failed(one.checks)
        assert (missed.reason if missed else None) == (one.verdict if isinstance(one.verdict, Reason) else None)
    assert {type(verdict) for verdicts in booked.values() for verdict in verdicts.values()} == {tuple, Reason}

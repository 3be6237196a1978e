"""A scan of a market that stands still finds exactly what brute force finds, from the wire to the printed document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dmscan.core.models import Entry, Exit, FeeAt, Game
from dmscan.core.report import ScanReport, ScanRequest
from dmscan.core.rules import price_bands
from dmscan.render.contract import schema
from dmscan.render.document import as_json
from dmscan.render.text import visible
from dmscan.sandbox.answers import EDITIONS
from dmscan.sandbox.respond import Manners
from dmscan.sandbox.server import Sandbox
from dmscan.sandbox.state import DefaultFee, FeeRow, Title
from dmscan.sandbox.truth import Answer, Question, find
from dmscan.sandbox.world import GAMES, Sides, World, sides

from balance import unaccounted
from inprocess import printed, scan_of, still
from make import make_request, make_rules
from worked import Case, cases, mismatches

NOW = 1_795_500_000
SEEDS = range(50)
VALID = Draft202012Validator(schema())
READS = {
    ("POST", "aggregated-prices"),
    ("GET", "customized-fees"),
    ("GET", "last-sales"),
    ("GET", "targets-by-title"),
    ("GET", "v2/offers"),
}

QUESTIONS: tuple[dict[str, Any], ...] = (
    {"levels": ("standard", "medium")},
    {"levels": ("boost", "advanced", "pro"), "min_roi": Fraction(2, 100), "min_price": 60},
    {"min_price": 10, "max_price": 1500, "sort": "cost"},
    {"min_profit": 20, "min_roi": Fraction(8, 100), "sort": "roi"},
    {"max_lock_days": 2, "min_sales": 5},
    {"max_units": 1, "max_days_to_sell": Fraction(3, 2), "sort": "days"},
    {"max_units": 3, "min_sales": 1, "max_days_to_sell": Fraction(30), "min_profit": 0, "min_roi": Fraction(0), "sort": "profit"},
    {"fee": Fraction(5, 100), "cashout_fee": Fraction(25, 1000)},
    {"fee_at": "now", "max_days_to_sell": Fraction(60)},
    {"exits": ("instant",), "exclude": ("sticker*", "*[aeiou] *door*")},
    {"exits": ("relist",), "titles": ("*doppler*", "ak-47*", "Sticker | [/x] [red]100%[/red]", "*e*"), "sort": "title"},
    {"signed": False, "exits": ("instant",), "levels": ("standard", "advanced")},
    {"entries": ("target",)},
    {"entries": ("offer", "target"), "max_days_to_fill": Fraction(30), "max_days_to_sell": Fraction(30), "sort": "lively"},
    {"entries": ("target",), "levels": ("boost", "medium"), "min_sales": 3, "max_days_to_fill": Fraction(12), "fee_at": "now"},
    {"entries": ("offer", "target"), "min_price": 20, "max_price": 2000, "min_profit": 1, "min_roi": Fraction(0)},
    {"entries": ("offer", "target"), "signed": False, "sort": "lively"},
)
"""What half of the seeds ask; the others ask the default question."""


class OneTitle:
    """A market of one title, as far as the sandbox looks at a World."""

    version = 0

    def __init__(self, title: Title, fee: DefaultFee | None) -> None:
        self._title, self._fee = title, fee

    def names(self, game: str) -> tuple[str, ...]:
        return (self._title.title,) if game == self._title.game else ()

    def is_listed(self, game: str, name: str) -> bool:
        return name in self.names(game)

    def title(self, game: str, name: str) -> Title | None:
        return self._title if self.is_listed(game, name) else None

    def quote(self, game: str, name: str, include_p2p: bool) -> Sides:
        return sides(self._title.offers, self._title.targets, include_p2p)

    def default_fee(self, game: str) -> DefaultFee | None:
        return self._fee

    def fee_rows(self, game: str) -> Iterator[tuple[str, FeeRow]]:
        return ((name, row) for name in self.names(game) for row in self._title.fee_rows)


def question_of(seed: int) -> Question:
    return Question(games=GAMES, **QUESTIONS[seed // 2 % len(QUESTIONS)] if seed % 2 else {})


def asking(question: Question) -> ScanRequest:
    """The request that a user would make to ask this."""
    limits = {"min_price": question.min_price, "max_price": question.max_price, "min_roi": question.min_roi}
    rules = make_rules(
        bands=price_bands(question.levels, **limits),
        min_profit=question.min_profit,
        max_lock_days=question.max_lock_days,
        min_sales=question.min_sales,
        max_units=question.max_units,
        max_days_to_sell=question.max_days_to_sell,
        max_days_to_fill=question.max_days_to_fill,
        fee_at=FeeAt(question.fee_at),
        cashout_fee=question.cashout_fee,
    )
    return make_request(
        games=tuple(map(Game, question.games)),
        entries=tuple(map(Entry, question.entries)),
        exits=tuple(map(Exit, question.exits)),
        signed=question.signed,
        rules=rules,
        levels=question.levels,
        titles=question.titles,
        exclude=question.exclude,
        fee=question.fee,
        sort=question.sort,
        deadline_s=0,
        **limits,
    )


def as_answer(report: ScanReport) -> Answer:
    """What the scan printed, in the truth's terms."""
    pairs = {f"{entry}.{exit_}": (entry, exit_) for entry, exit_ in report.rejected}
    return Answer(
        opportunities=printed(report),
        totals=json.loads(as_json(report))["totals"],
        seen=report.stats.titles,
        refused={name: sum(report.rejected[pair].values()) for name, pair in pairs.items()},
        found={name: len({one.key[:2] for one in report.opportunities if one.key[3:] == pair}) for name, pair in pairs.items()},
        pass_if_renewed=report.stats.pass_if_renewed,
    )


def shown(answer: Answer) -> Answer:
    """The truth with its titles as they are printed."""
    return replace(answer, opportunities=[one | {"title": visible(one["title"])} for one in answer.opportunities])


def check_sound(report: ScanReport, sandbox: Sandbox) -> None:
    """The scan looked at everything, only read, and printed what the contract says."""
    VALID.validate(json.loads(as_json(report)))
    assert (report.complete, report.coverage) == (True, 1)
    assert unaccounted(report) == {}
    assert {(entry.method, entry.endpoint) for entry in sandbox.log} <= READS


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_scan_of_a_still_market_equals_brute_force(seed: int):
    await check_equal(seed, question_of(seed))


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
async def test_own_targets_equal_brute_force_on_every_market(seed: int):
    await check_equal(seed, Question(games=GAMES, entries=("offer", "target")))


async def check_equal(seed: int, question: Question) -> None:
    world = World(seed, NOW, 60, GAMES, crossed="rich", exact_times=True)
    fees = {game: world.default_fee(game) if question.signed else None for game in GAMES}
    for edition in EDITIONS:
        sandbox = Sandbox(world, still(NOW), edition, rate=10**9)
        report = await scan_of(sandbox, asking(question), still(NOW), signed=question.signed)
        titles = (title for game in GAMES for title in world.titles_of(game))
        assert as_answer(report) == shown(find(titles, fees, question, lambda *_: NOW, edition))
        assert report.troubles == ()
        assert report.opportunities
        check_sound(report, sandbox)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
async def test_a_scan_says_what_was_worked_out_by_hand(case: Case):
    question, clock = Question(**case.question), still(case.now)
    no_fees = {"customized-fees": "410"} if case.default_fee is None else {}
    manners = Manners(keyless_fees=True)
    sandbox = Sandbox(OneTitle(case.title, case.default_fee), clock, case.edition, rate=10**9, faults=no_fees, manners=manners)
    report = await scan_of(sandbox, asking(question), clock, signed=question.signed)
    assert mismatches(case.expect, printed(report)) == []
    assert mismatches(case.answer, vars(as_answer(report))) == []
    check_sound(report, sandbox)


def test_every_question_is_asked_and_half_of_the_markets_are_asked_the_default_one():
    asked = [question_of(seed) for seed in SEEDS]
    assert asked.count(Question(games=GAMES)) == len(SEEDS) / 2
    assert all(replace(Question(games=GAMES), **other) in asked for other in QUESTIONS)

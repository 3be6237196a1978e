"""The rules behind a verdict, and the smallest change that would turn it."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dmscan.core.changes import DIALS, Change, open_verdicts, smallest_changes
from dmscan.core.checks import Check, Checks, first_failed
from dmscan.core.explain import explain
from dmscan.core.explained import Explanation, Fact, Origin
from dmscan.core.judge import SIGNED, judge
from dmscan.core.models import Entry, Evidence, Exit, FeeSchedule, FeeSource, Game, Need, Reason, SaleKind, Stamped
from dmscan.core.report import Pair, ScanRequest, Trouble
from dmscan.core.rules import price_bands
from dmscan.errors import ExitCode

from make import DAY, NOW, TITLE, make_offer, make_quote, make_request, make_rules, make_sale, make_target
from strategies import EVIDENCE, RENEWABLE, RENEWABLE_BOTH, RULES, grown, random_rules

INSTANT, RELIST, OWN = (Entry.OFFER, Exit.INSTANT), (Entry.OFFER, Exit.RELIST), (Entry.TARGET, Exit.RELIST)
PAIRS = st.sampled_from(tuple(SIGNED))
FEES = FeeSchedule(Fraction(1, 10), 0, FeeSource.DEFAULT)
KNOWN = st.sets(st.sampled_from(("sales", "targets", "offers", "fills")))


def random_request(chance: Random) -> ScanRequest:
    """A request whose bands follow from its levels and limits, as those that are typed do."""
    levels = chance.choice(((), (), ("standard",), ("boost", "medium")))
    least, most = chance.choice((None, None, 300, 700, 850)), chance.choice((None, None, 900, 1000))
    roi = chance.choice((None, *(Fraction(percent, 100) for percent in (0, 1, 3, 10))))
    bands = price_bands(levels, least, most, roi)
    rules = random_rules(chance)
    if not bands:
        return random_request(chance)
    asked = {"levels": levels, "min_price": least, "max_price": most, "min_roi": roi}
    return make_request(rules=replace(rules, bands=bands), signed=chance.random() < 0.8, **asked)


REQUESTS = grown(random_request)


def forgotten(evidence: Evidence, kept: set[str]) -> Evidence:
    return replace(evidence, **{name: None for name in ("sales", "targets", "offers", "fills") if name not in kept})


def named(checks: Checks, rule: str) -> Check:
    return next(check for check in checks if check.rule == rule)


@settings(max_examples=2000)
@given(PAIRS, EVIDENCE, RULES, st.booleans(), KNOWN)
def test_the_first_rule_missed_is_the_reason_and_all_pass_exactly_if_something_is_found(pair, evidence, rules, signed, kept):
    """Whatever is known of the title by then."""
    for known in (evidence, forgotten(evidence, kept)):
        verdict, checks = judge(pair, known, rules, signed=signed), explain(pair, known, rules, signed)
        failed = first_failed(checks)
        assert (failed.reason if failed else None) == (verdict if isinstance(verdict, Reason) else None)
        assert all(check.passed for check in checks) is isinstance(verdict, tuple)
        assert any(check.passed is None for check in checks) or not isinstance(verdict, Need)


@settings(max_examples=2000)
@given(PAIRS, EVIDENCE, RULES, st.booleans(), KNOWN)
def test_a_margin_is_the_distance_to_the_limit_and_not_negative_exactly_if_the_rule_is_met(pair, evidence, rules, signed, kept):
    for check in explain(pair, forgotten(evidence, kept), rules, signed):
        if check.margin is not None:
            assert abs(check.value - check.limit) == abs(check.margin)
            assert check.passed is (check.margin >= 0)


def step_of(change: Change) -> int | str:
    """The value of an option as its dial counts it: cents, basis points, days, counts or names."""
    if change.option in {"--min-price", "--max-price", "--min-profit"}:
        return int(change.value.replace(".", ""))
    if change.option == "--min-roi":
        return int(Fraction(change.value.rstrip("%")) * 100)
    return change.value if change.option in {"--level", "--fee-at"} else int(change.value)


def passes(pair: Pair, evidence: Evidence, request: ScanRequest) -> bool:
    return isinstance(judge(pair, evidence, request.rules, signed=request.signed), tuple)


@settings(max_examples=500)
@given(PAIRS, EVIDENCE, REQUESTS, st.randoms(use_true_random=False))
def test_a_change_lets_it_pass_and_nothing_smaller_does(pair, evidence, request, chance):
    """Nor does an option of which no change is named."""
    if not isinstance(judge(pair, evidence, request.rules, signed=request.signed), Reason):
        return
    changes = {(change.option, step_of(change)) for change in smallest_changes(pair, evidence, request)}
    for dial in DIALS:
        steps = dial.steps(request, evidence)
        least = next((steps.index(step) for option, step in changes if option == dial.option and step in steps), len(steps))
        tried = {least - 1, least, *chance.sample(range(len(steps)), min(3, len(steps)))}
        for place in tried:
            if 0 <= place < len(steps):
                assert passes(pair, evidence, dial.turned(request, steps[place])) is (place >= least)


@settings(max_examples=1000)
@given(PAIRS, EVIDENCE, REQUESTS, KNOWN)
def test_what_must_be_asked_for_the_smallest_change_is_named(pair, evidence, request, kept):
    """If no option moved all the way waits for an answer, the changes on what is known are those on all there is."""
    known = forgotten(evidence, kept)
    if not isinstance(judge(pair, known, request.rules, signed=request.signed), Reason):
        return
    if not any(isinstance(verdict, Need) for verdict in open_verdicts(pair, known, request)):
        all_there_are = smallest_changes(pair, evidence, request)
        assert set(smallest_changes(pair, known, request)) <= set(all_there_are)
        assert {one.option for one in all_there_are} - {one.option for one in smallest_changes(pair, known, request)} <= {"--max-units"}


# --- worked by hand -----------------------------------------------------------------------------------------------------------

RELISTED = Evidence(
    make_quote(ask=1000, bid=900),
    FEES,
    sales=Stamped(tuple(make_sale(price=1150, at=NOW - DAY - n) for n in range(9)), NOW),
    targets=Stamped((), NOW),
    offers=Stamped((make_offer(price=1000, unlock_at=NOW + 5 * DAY),), NOW),
)
"""Bought at 10.00, offered again at 11.50 for a fee of 1.15: 0.35 or 3.5 %. Nine sales in 30 days: 3 1/3 days."""


def changes_of(pair: Pair, evidence: Evidence, **rules: object) -> list[str]:
    prices = {name: rules.pop(name) for name in ("levels", "min_price", "max_price", "min_roi") if name in rules}
    bands = price_bands(prices.get("levels", ()), *(prices.get(name) for name in ("min_price", "max_price", "min_roi")))
    return [one.typed for one in smallest_changes(pair, evidence, make_request(rules=make_rules(bands=bands, **rules), **prices))]


def test_every_rule_of_a_relist_that_passes_with_its_margin():
    checks = explain(RELIST, RELISTED, make_rules(max_lock_days=6))
    assert [(check.rule, check.value, check.limit, check.margin) for check in checks] == [
        ("ask", 1000, None, None),
        ("max_price", 1000, None, None),
        ("min_price", 1000, 50, 950),
        ("for_sale", None, None, None),
        ("price", 1000, 50, 950),
        ("max_lock_days", 5, 6, 1),
        ("resellable", None, None, None),
        ("min_sales", 9, 8, 1),
        ("min_profit", 35, 5, 30),
        ("min_roi", Fraction(35, 1000), Fraction(3, 100), Fraction(5, 1000)),
        ("max_days_to_sell", Fraction(10, 3), 7, Fraction(11, 3)),
    ]
    assert all(check.passed for check in checks)


@pytest.mark.parametrize(
    ("rules", "rule", "margin", "changes"),
    [
        ({"min_roi": Fraction(4, 100)}, "min_roi", Fraction(-5, 1000), ["--min-roi 3.5%"]),
        ({"min_roi": Fraction(3501, 100_000)}, "min_roi", Fraction(-1, 100_000), ["--min-roi 3.5%"]),
        ({"min_profit": 36}, "min_profit", -1, ["--min-profit 0.35"]),
        ({"min_sales": 10}, "min_sales", -1, ["--min-sales 9"]),
        ({"max_lock_days": 2}, "max_lock_days", -3, ["--max-lock-days 5"]),
        ({"max_days_to_sell": Fraction(3, 2)}, "max_days_to_sell", Fraction(-11, 6), ["--max-days-to-sell 4"]),
        ({"max_price": 999}, "max_price", -1, ["--max-price 10.00"]),
        ({"min_price": 1001}, "min_price", -1, ["--min-price 10.00"]),
        ({"levels": ("standard",)}, "max_price", -1, []),
        ({"levels": ("standard",), "min_roi": Fraction(3, 100)}, "max_price", -1, ["--level medium"]),
        ({"levels": ("medium",)}, "min_roi", Fraction(-15, 1000), ["--min-roi 3.5%"]),
        ({"min_profit": 36, "min_sales": 10}, "min_sales", -1, []),
    ],
)
def test_the_rule_it_misses_and_the_one_setting_that_would_let_it_pass(rules, rule, margin, changes):
    bands = price_bands(rules.get("levels", ()), *(rules.get(name) for name in ("min_price", "max_price", "min_roi")))
    others = {name: value for name, value in rules.items() if name not in {"levels", "min_price", "max_price", "min_roi"}}
    failed = first_failed(explain(RELIST, RELISTED, make_rules(bands=bands, **others)))
    assert (failed.rule, failed.margin) == (rule, margin)
    assert changes_of(RELIST, RELISTED, **rules) == changes


def test_a_reduced_fee_that_would_have_to_be_renewed_is_a_change():
    assert changes_of(RELIST, RENEWABLE) == ["--fee-at now"]
    assert changes_of(OWN, RENEWABLE_BOTH) == ["--fee-at now"]


def test_of_several_offers_the_one_that_came_furthest_is_shown():
    """The first is locked too long, the second fits no target, the third earns a cent."""
    offers = (
        make_offer(offer_id="a", price=800, unlock_at=NOW + 9 * DAY),
        make_offer(offer_id="b", price=810, float_part="FT-0", float_value="0.16"),
        make_offer(offer_id="c", price=899),
    )
    quote = make_quote(ask=800, bid=1000)
    evidence = Evidence(quote, FEES, targets=Stamped((make_target(price=1000, float_part="FT-2"),), NOW), offers=Stamped(offers, NOW))
    checks = explain(INSTANT, evidence, make_rules(max_lock_days=7))
    assert [check.value for check in checks if check.rule in {"price", "compatible_bid"}] == [899, 1000]
    assert first_failed(checks[5:]).margin == -4
    assert changes_of(INSTANT, evidence, max_lock_days=8) == ["--max-lock-days 9"]
    assert changes_of(INSTANT, evidence, max_lock_days=7, min_roi=Fraction(0)) == ["--max-lock-days 9", "--min-profit 0.01"]
    without_the_locked = replace(evidence, offers=Stamped(offers[1:], NOW))
    assert changes_of(INSTANT, without_the_locked, max_lock_days=7) == []


def test_an_own_target_shows_how_long_it_waits():
    fills = tuple(make_sale(price=900, kind=SaleKind.TARGET, at=NOW - DAY - n) for n in range(3))
    quote, target, offer = make_quote(ask=1200, bid=900), make_target(price=900), make_offer(price=1200)
    evidence = Evidence(quote, FEES, RELISTED.sales, Stamped((target,), NOW), Stamped((offer,), NOW), Stamped(fills, NOW))
    checks = explain(OWN, evidence, make_rules())
    assert named(checks, "price").value == 901
    assert (named(checks, "max_days_to_fill").value, first_failed(checks).reason) == (10, Reason.TOO_FEW_FILLS)
    assert changes_of(OWN, evidence) == ["--max-days-to-fill 10"]


def test_what_is_not_known_is_neither_passed_nor_missed():
    checks = explain(RELIST, replace(RELISTED, offers=None), make_rules())
    assert [check.rule for check in checks if check.passed is None] == ["offers"]
    assert judge(RELIST, replace(RELISTED, offers=None), make_rules()) is Need.OFFERS


def test_a_title_of_which_nothing_is_offered_has_no_buyable_offer():
    sold_out = replace(RELISTED, offers=Stamped((), NOW))
    for pair in (INSTANT, RELIST):
        quote = make_quote(ask=1000, bid=1200)
        last = explain(pair, replace(sold_out, quote=quote), make_rules())[-1]
        assert (last.rule, last.value, last.limit, last.passed) == ("offers", 0, 1, False)
        assert judge(pair, replace(sold_out, quote=quote), make_rules()) is last.reason is Reason.NO_BUYABLE_OFFER


def test_a_title_without_targets_needs_no_look_at_its_offers():
    unwanted = Evidence(make_quote(ask=1000, bid=1200), FEES, targets=Stamped((), NOW))
    checks = explain(INSTANT, unwanted, make_rules())
    assert (checks[-1].rule, checks[-1].passed) == ("compatible_bid", False)
    assert "offers" not in {check.rule for check in checks}
    assert judge(INSTANT, unwanted, make_rules()) is checks[-1].reason is Reason.NO_COMPATIBLE_BID


# --- as a whole ---------------------------------------------------------------------------------------------------------------


def explained(*codes: ExitCode, **changes: object) -> Explanation:
    facts = (Fact("quote", Origin.ASKED, NOW, 1), Fact("fees", Origin.STORED, NOW - 60), Fact("sales", Origin.ASKED, NOW, 3))
    troubles = tuple(Trouble(code, "It broke.") for code in codes)
    return Explanation(Game.CS2, TITLE, make_request(), NOW, facts, troubles=troubles, **changes)


def test_an_explanation_cost_what_its_facts_did():
    assert explained().requests == 4


@pytest.mark.parametrize(
    ("codes", "without", "with_a_quote"),
    [
        ((), ExitCode.OK, ExitCode.OK),
        ((ExitCode.NO_DATA,), ExitCode.NO_DATA, ExitCode.PARTIAL),
        ((ExitCode.RATE_LIMITED,), ExitCode.RATE_LIMITED, ExitCode.PARTIAL),
        ((ExitCode.KEY_REFUSED,), ExitCode.KEY_REFUSED, ExitCode.KEY_REFUSED),
        ((ExitCode.NO_DATA, ExitCode.KEY_REFUSED), ExitCode.KEY_REFUSED, ExitCode.KEY_REFUSED),
    ],
)
def test_an_explanation_that_lacks_answers_is_partial_if_there_is_a_quote(codes, without, with_a_quote):
    assert explained(*codes).exit_code is without
    assert explained(*codes, quote=make_quote()).exit_code is with_a_quote

"""One verdict per entry and exit, and what must be asked next."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from dmscan.core.judge import judge, next_need, passes_if_renewed
from dmscan.core.models import Confidence, Entry, Exit, FeeAt, Need, Reason

from make import make_opportunity, make_rules
from strategies import RENEWABLE, RENEWABLE_BOTH

INSTANT, RELIST, OWN = (Entry.OFFER, Exit.INSTANT), (Entry.OFFER, Exit.RELIST), (Entry.TARGET, Exit.RELIST)


def test_each_exit_has_its_own_judge_and_without_a_key_the_quote_speaks():
    (instant,) = judge(INSTANT, RENEWABLE, make_rules())
    (quoted,) = judge(INSTANT, RENEWABLE, make_rules(), signed=False)
    assert (instant.exit, instant.confidence) == (Exit.INSTANT, Confidence.CONFIRMED)
    assert quoted.confidence is Confidence.QUOTE
    assert judge(RELIST, RENEWABLE, make_rules()) is Reason.BELOW_MIN_PROFIT


def test_own_targets_have_a_judge_and_without_a_key_the_quote_speaks_too():
    renewed = make_rules(fee_at=FeeAt.NOW)
    (own,) = judge(OWN, RENEWABLE_BOTH, renewed)
    assert (own.entry, own.exit, own.confidence) == (Entry.TARGET, Exit.RELIST, Confidence.CONFIRMED)
    (quoted,) = judge(OWN, RENEWABLE_BOTH, renewed, signed=False)
    assert (quoted.entry, quoted.exit, quoted.confidence) == (Entry.TARGET, Exit.RELIST, Confidence.QUOTE)


@pytest.mark.parametrize(
    ("verdicts", "need"),
    [
        ([], None),
        ([Reason.NO_ASK, (make_opportunity(),)], None),
        ([Need.OFFERS], Need.OFFERS),
        ([Need.TARGETS, Need.SALES], Need.SALES),
        ([Need.OFFERS, Reason.NO_BID, Need.TARGETS], Need.TARGETS),
        ([Need.FILLS, Reason.NO_BID], Need.FILLS),
        ([Need.FILLS, Need.OFFERS], Need.OFFERS),
        ([Need.TARGETS, Need.FILLS], Need.TARGETS),
    ],
)
def test_the_cheapest_call_that_any_verdict_waits_for_comes_first(verdicts, need):
    assert next_need(verdicts) is need


@pytest.mark.parametrize(
    ("changes", "rules", "passes"),
    [
        ({}, {}, True),
        ({}, {"fee_at": FeeAt.NOW}, False),
        ({"offers": None}, {}, False),
        ({}, {"min_profit": 79}, False),
        ({}, {"min_profit": 78}, True),
        ({"fees": replace(RENEWABLE.fees, rows=())}, {}, False),
    ],
)
def test_a_title_passes_if_renewed_if_only_the_end_of_its_reduced_fee_refuses_it(changes, rules, passes):
    evidence, asked = replace(RENEWABLE, **changes), make_rules(**rules)
    assert passes_if_renewed({INSTANT: Reason.NO_BID, RELIST: Reason.BELOW_MIN_PROFIT}, evidence, asked) is passes
    assert not passes_if_renewed({RELIST: (make_opportunity(),)}, evidence, asked)
    assert not passes_if_renewed({RELIST: Need.OFFERS}, evidence, asked)
    assert not passes_if_renewed({INSTANT: Reason.NO_BID}, evidence, asked)


@pytest.mark.parametrize(("min_profit", "passes"), [(29, True), (30, False)])
def test_an_own_target_passes_if_renewed_even_beside_a_relist_that_is_found(min_profit, passes):
    verdicts = {RELIST: (make_opportunity(),), OWN: Reason.BELOW_MIN_PROFIT}
    assert passes_if_renewed(verdicts, RENEWABLE_BOTH, make_rules(min_profit=min_profit)) is passes


@pytest.mark.parametrize(("signed", "passes"), [(False, True), (True, False)])
def test_without_a_key_the_quote_alone_tells_what_a_renewal_would_save(signed, passes):
    """The row ends within a day, so an own target sold tomorrow at 9.99 would meet the default fee."""
    row = replace(RENEWABLE_BOTH.fees.rows[0], expires_at=RENEWABLE_BOTH.now)
    fees = replace(RENEWABLE_BOTH.fees, rows=(row,))
    bare = replace(RENEWABLE_BOTH, fees=fees, sales=None, targets=None, fills=None, offers=None)
    assert judge(OWN, bare, make_rules(), signed=False) is Reason.BELOW_MIN_PROFIT
    assert passes_if_renewed({OWN: Reason.BELOW_MIN_PROFIT}, bare, make_rules(), signed=signed) is passes

"""One verdict per entry and exit, and what must be asked next."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from dmscan.core.judge import judge, next_need, passes_if_renewed
from dmscan.core.models import Confidence, Entry, Exit, FeeAt, Need, Reason

from make import make_opportunity, make_rules
from strategies import RENEWABLE

INSTANT, RELIST = (Entry.OFFER, Exit.INSTANT), (Entry.OFFER, Exit.RELIST)


def test_each_exit_has_its_own_judge_and_without_a_key_the_quote_speaks():
    (instant,) = judge(INSTANT, RENEWABLE, make_rules())
    (quoted,) = judge(INSTANT, RENEWABLE, make_rules(), signed=False)
    assert (instant.exit, instant.confidence) == (Exit.INSTANT, Confidence.CONFIRMED)
    assert quoted.confidence is Confidence.QUOTE
    assert judge(RELIST, RENEWABLE, make_rules()) is Reason.BELOW_MIN_PROFIT


@pytest.mark.parametrize(
    ("verdicts", "need"),
    [
        ([], None),
        ([Reason.NO_ASK, (make_opportunity(),)], None),
        ([Need.OFFERS], Need.OFFERS),
        ([Need.TARGETS, Need.SALES], Need.SALES),
        ([Need.OFFERS, Reason.NO_BID, Need.TARGETS], Need.TARGETS),
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
    assert passes_if_renewed(Reason.BELOW_MIN_PROFIT, evidence, asked) is passes
    assert not passes_if_renewed((make_opportunity(),), evidence, asked)
    assert not passes_if_renewed(Need.OFFERS, evidence, asked)

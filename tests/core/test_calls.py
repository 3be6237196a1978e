"""Which relists wait for new sales, and which refusals still stand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace

from dmscan.core.calls import put_off, question_of, still_refused
from dmscan.core.fees import fixed
from dmscan.core.memory import Known, Refusals, SalesOutlook
from dmscan.core.models import Entry, Exit, Reason
from dmscan.core.outlook import put_off_until

from make import DAY, NOW, make_quote, make_request, make_rules

FEES = fixed(Fraction(1, 10)).schedule("")
QUOTE = make_quote(ask=1000, bid=900)
FEW = SalesOutlook(NOW, qualified=7, best_q40=2000, pace=Fraction(2))
CHEAP = SalesOutlook(NOW, qualified=20, best_q40=1000, pace=Fraction(2))
INSTANT, RELIST, BID = PAIRS = ((Entry.OFFER, Exit.INSTANT), (Entry.OFFER, Exit.RELIST), (Entry.TARGET, Exit.RELIST))


def waiting(sales: SalesOutlook | None, at: int = NOW, **request):
    known = Known(QUOTE, usual_ask=None, two_sided=True, sales=sales)
    return put_off(PAIRS, known, (replace(QUOTE, at=at), FEES), make_request(entries=tuple(Entry), **request))


@pytest.mark.parametrize("budget", [{"deadline_s": 300}, {"deadline_s": 0, "max_requests": 5}])
def test_under_a_budget_relists_without_hope_wait(budget):
    assert waiting(FEW, **budget) == {RELIST: Reason.TOO_FEW_SALES, BID: Reason.TOO_FEW_SALES}
    assert waiting(CHEAP, **budget) == {RELIST: Reason.BELOW_MIN_PROFIT}


def test_they_wait_until_the_sales_are_worth_asking_again_and_no_second_longer():
    until = put_off_until(FEW)
    assert waiting(FEW, at=until - 1)
    assert waiting(FEW, at=until) == {}


def test_without_a_budget_or_remembered_sales_nothing_waits():
    assert waiting(FEW, deadline_s=0) == {}
    assert waiting(None) == {}
    assert put_off(PAIRS, None, (QUOTE, FEES), make_request()) == {}


REQUEST = make_request(max_age_s=1800, deadline_s=300)
QUESTION = question_of(REQUEST, fixed(Fraction(1, 10)))
REFUSALS = Refusals(QUESTION, NOW - 1500, {"offer.relist": Reason.TOO_SLOW})
LOOKED = Known(QUOTE, usual_ask=None, two_sided=True, looked_at=NOW, refusals=REFUSALS)


def looked(at: int) -> Known:
    return replace(LOOKED, refusals=replace(REFUSALS, at=at))


def standing(known: Known | None = LOOKED, at: int = NOW, question: str = QUESTION, **quote):
    return still_refused(PAIRS, known, replace(QUOTE, at=at, **quote), REQUEST, question)


def test_a_refusal_stands_while_the_quote_does_and_only_for_its_pair():
    assert standing() == {RELIST: Reason.TOO_SLOW}
    for changed in ({"ask": 999}, {"bid": 901}, {"ask_count": 1}, {"bid_count": 1}):
        assert standing(**changed) == {}


def test_a_refusal_must_still_be_young_enough_when_it_is_printed_and_of_today():
    assert standing(looked(NOW - 1501)) == {}
    midnight = NOW // DAY * DAY
    assert standing(looked(midnight), midnight + 60)
    assert standing(looked(midnight - 1), midnight + 60) == {}


def test_nothing_stands_for_another_question_or_without_a_look():
    assert standing(question="another") == {}
    assert standing(None) == {}
    assert standing(replace(LOOKED, refusals=None)) == {}


@pytest.mark.parametrize(
    "other", [{"rules": make_rules(min_profit=6)}, {"fee": Fraction(1, 10)}, {"signed": False}], ids=["rules", "fee", "key"]
)
def test_rules_fees_and_key_make_another_question(other):
    assert question_of(make_request(**other), fixed(Fraction(1, 10))) != question_of(make_request(), fixed(Fraction(1, 10)))


def test_another_fee_table_makes_another_question_and_another_budget_none():
    assert question_of(REQUEST, fixed(Fraction(1, 20))) != QUESTION
    assert question_of(make_request(deadline_s=0, limit=3), fixed(Fraction(1, 10))) == QUESTION

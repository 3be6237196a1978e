"""Which relists wait for new sales, and how calls add up."""

from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace

from dmscan.core.calls import put_off
from dmscan.core.fees import fixed
from dmscan.core.memory import Known, SalesOutlook
from dmscan.core.models import Entry, Exit, Reason
from dmscan.core.outlook import put_off_until

from make import NOW, make_quote, make_request

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

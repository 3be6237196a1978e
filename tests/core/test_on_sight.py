"""What refuses a title on sight refuses it for the very reason that the whole verdict gives, and nothing else is refused."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest

from dmscan.core.judge import judge
from dmscan.core.models import Entry, Evidence, Exit, FeeRow, FeeSchedule, FeeSource, Game, Quote, Reason, Rules
from dmscan.core.rules import price_bands, refusal_at_best
from dmscan.core.screen import ON_SIGHT, instant_on_sight, refusals_on_sight

PAIRS = tuple(ON_SIGHT)
PRICES = (None, 1, 44, 49, 50, 52, 56, 299, 300, 305, 999, 1000, 1005, 1100, 3000, 99_999, 100_000, 120_000)
TITLES = ("AK-47 | Redline (Field-Tested)", "★ Karambit | Doppler (Factory New)")
RULES = (
    Rules(price_bands()),
    Rules(price_bands(), min_profit=0),
    Rules(price_bands(("standard", "pro"))),
    Rules(price_bands(min_price=0, max_price=1000, min_roi=Fraction(0)), min_profit=100),
)
FREE = FeeSchedule(Fraction(0), 0, FeeSource.SET)
REDUCED = FeeSchedule(Fraction(1, 10), 2, FeeSource.DEFAULT, (FeeRow(Fraction(1, 50), 1, 2000, 10**10),))


def quotes() -> list[Quote]:
    return [Quote(Game.CS2, title, ask, bid, 1, 1, 1_795_500_000) for title, ask, bid in product(TITLES, PRICES, PRICES)]


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("pairs", [PAIRS, *((pair,) for pair in PAIRS)])
def test_the_reasons_are_those_of_the_verdicts(pairs, rules):
    told = 0
    for quote in quotes():
        reasons = refusals_on_sight(quote, pairs, rules)
        if reasons is None:
            continue
        told += 1
        for fees in (FREE, REDUCED):
            assert reasons == tuple(judge(pair, Evidence(quote, fees), rules) for pair in pairs)
    assert told


@pytest.mark.parametrize("rules", RULES)
def test_what_is_not_refused_on_sight_passes_where_nothing_is_taken(rules):
    """So nothing is left to a closer look that the quote alone decides."""
    for quote in quotes():
        if refusals_on_sight(quote, [(Entry.OFFER, Exit.INSTANT)], rules) is None:
            assert not isinstance(judge((Entry.OFFER, Exit.INSTANT), Evidence(quote, FREE), rules), Reason)


@pytest.mark.parametrize("rules", RULES)
def test_a_spread_below_the_least_profit_is_what_the_bands_would_refuse_it_for(rules):
    for quote in quotes():
        if quote.ask and quote.bid and (reason := instant_on_sight(quote, rules)) is not Reason.ASK_ABOVE_MAX:
            assert reason == refusal_at_best(quote.bid, quote.ask, rules)

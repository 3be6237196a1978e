"""Which remembered titles are asked again: none that is left out could be worth anything as it stood."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dmscan.core.judge import judge
from dmscan.core.memory import Known
from dmscan.core.models import Evidence, Exit, Reason
from dmscan.core.rules import price_bands
from dmscan.core.wanted import is_wanted

from make import TITLE, make_quote, make_request, make_rules
from strategies import PHASED, RULES, SCHEDULES, grown

LEVEL = make_request(rules=make_rules(bands=price_bands(("standard",))))
"""Asks from $3 to $9.99."""


def known(**changes) -> Known:
    quote = make_quote(**changes)
    return Known(quote, usual_ask=quote.ask, two_sided=True)


def random_known(chance: Random) -> Known:
    """Dear and cheap ones, many with one side only; whoever shows both sides has been seen with both."""
    ask, bid = (chance.choice((None, chance.randint(1, 100), chance.randint(100, 3000), chance.randint(3000, 300_000))) for _ in "ab")
    quote = make_quote(title=chance.choice((TITLE, TITLE, PHASED)), ask=ask, bid=bid)
    two_sided = (ask is not None and bid is not None) or chance.random() < 0.5
    return Known(quote, usual_ask=chance.choice((ask, 500, None)), two_sided=two_sided)


LEVELS = st.sets(st.sampled_from(["boost", "standard", "medium", "advanced", "pro"]), min_size=1).map(price_bands)
EXITS = st.sampled_from([(Exit.INSTANT,), (Exit.RELIST,), tuple(Exit)])


@given(grown(random_known), RULES, LEVELS, EXITS, SCHEDULES)
def test_who_is_not_asked_again_is_refused_as_remembered(remembered, rules, levels, exits, fees):
    for bands in (rules.bands, levels):
        request = make_request(rules=replace(rules, bands=bands), exits=exits)
        if not is_wanted(remembered, request):
            verdicts = [judge(pair, Evidence(remembered.quote, fees), request.rules) for pair in request.pairs]
            assert all(isinstance(verdict, Reason) for verdict in verdicts)


@pytest.mark.parametrize(("ask", "wanted"), [(149, False), (150, True), (1998, True), (1999, False)])
def test_an_ask_up_to_twice_off_the_prices_asked_for_is_near(ask, wanted):
    assert is_wanted(known(ask=ask, bid=1), LEVEL) is wanted


def test_above_prices_without_an_end_every_ask_is_near():
    assert is_wanted(known(ask=10**9, bid=None), make_request())


@pytest.mark.parametrize(
    ("ask", "bid", "wanted"), [(100, 299, False), (100, 300, True), (100, None, False), (5000, 4999, False), (5000, 5000, True)]
)
def test_a_bid_at_or_above_ask_and_least_price_is_wanted_however_far_the_ask(ask, bid, wanted):
    assert is_wanted(known(ask=ask, bid=bid), LEVEL) is wanted


def test_a_title_between_two_levels_is_asked_again_because_its_ask_refuses_nothing():
    request = make_request(rules=make_rules(bands=price_bands(("boost", "pro"))))
    assert is_wanted(known(ask=2000, bid=None), request)


@pytest.mark.parametrize(("usual_ask", "wanted"), [(500, True), (5000, False), (None, False)])
def test_a_title_sold_out_is_asked_again_if_it_usually_costs_what_is_asked_for(usual_ask, wanted):
    assert is_wanted(replace(known(ask=None), usual_ask=usual_ask), LEVEL) is wanted


def test_the_cheapest_ask_of_a_title_with_phases_says_nothing_of_the_others():
    assert is_wanted(known(title=PHASED, ask=1, bid=None), LEVEL)


def test_who_never_had_both_sides_is_no_use_where_only_bids_are_sold_into():
    one_sided = replace(known(ask=500, bid=None), two_sided=False)
    assert not is_wanted(one_sided, replace(LEVEL, exits=(Exit.INSTANT,)))
    assert is_wanted(one_sided, replace(LEVEL, exits=(Exit.RELIST,)))
    assert is_wanted(replace(one_sided, two_sided=True), replace(LEVEL, exits=(Exit.INSTANT,)))

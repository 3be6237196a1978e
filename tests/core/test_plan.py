"""The plan in numbers worked out by hand: fees of 10 %, asks from $0.50, at least 3 % and $0.05."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from msgspec.structs import replace

from dmscan.core.calls import Calls, Speed
from dmscan.core.fees import ASSUMED
from dmscan.core.memory import Known, SalesOutlook, SweepState
from dmscan.core.models import Entry, Exit, Game, Stamped
from dmscan.core.plan import Plan, plan
from dmscan.core.prospects import Circumstances, Remembered, SweepKind
from dmscan.core.report import ScanRequest

from make import DAY, NOW, make_quote, make_request

HOUR = 3600
SPEED = Speed(items=Fraction(2), sales=Fraction(1), fees=Fraction(1), others=Fraction(1))
AT = Circumstances(NOW, signed=True, recalls=True, speed=SPEED)
REQUEST = make_request(recheck_s=None)
RELIST = replace(REQUEST, exits=(Exit.RELIST,))
INSTANT = replace(REQUEST, exits=(Exit.INSTANT,))


def known(title: str, ask: int | None = 1000, bid: int | None = 900, **changes: Any) -> Known:
    """Seen an hour ago. Sold into its bid it brings $8.10; no ask leaves anything of a relist to be refused on the quote."""
    quote = make_quote(title=title, ask=ask, bid=bid, ask_count=20, bid_count=20, at=NOW - HOUR)
    return replace(Known(quote, ask, two_sided=True), **changes)


def sold(q40: int, asked_at: int = NOW - HOUR) -> SalesOutlook:
    """A dozen sales, one a day."""
    return SalesOutlook(asked_at, 12, q40, Fraction(1))


def remembered(*titles: Known, **changes: Any) -> Remembered:
    """A whole sweep an hour ago, and today's fees."""
    return replace(Remembered(Game.CS2, titles, SweepState(NOW - HOUR), Stamped(ASSUMED, NOW - HOUR)), **changes)


def planned(one: Remembered, request: ScanRequest = REQUEST, at: Circumstances = AT) -> Plan:
    return plan(request, [one], at)


UNSEEN = known("nothing known of its sales")
CROSSED = known("sold into its bid it earns $1.70", bid=1300)
HOPELESS = known("sold for $10 it loses $1", sales=sold(1000))
STALE = known("sold for $30 it earns $17", sales=sold(3000))
YOUNG = known("sold for $40 it earns $26", sales=sold(4000, NOW - 1500))
FAR = known("too cheap", ask=20, bid=10)
SHELF = remembered(UNSEEN, CROSSED, HOPELESS, STALE, YOUNG, FAR)


def test_each_candidate_costs_what_its_verdict_still_needs() -> None:
    """A page for five quotes. UNSEEN: sales, 0.3 offers. CROSSED: sales, targets, offers. STALE: sales, offers. YOUNG: offers."""
    found = planned(SHELF)
    assert found.whole.calls == Calls(prices=1, sales=3, targets=1, offers=Fraction(33, 10))
    assert found.whole.calls.by_endpoint == {
        "aggregated-prices": 1,
        "customized-fees": 0,
        "last-sales": 3,
        "targets-by-title": 1,
        "v2/offers": 4,
    }
    assert (found.candidates, found.whole.reached, found.reused) == (5, 4, 1)
    assert (found.whole.seconds, found.whole.pace) == (3, Fraction(83, 30)), "three sales at one a second take longest"
    assert found.reach == found.whole
    assert (found.slow, found.remembered, found.assumed) == (None, 6, 0)


def test_a_relist_that_remembered_sales_leave_no_hope_is_put_off_for_five_sales() -> None:
    found = planned(SHELF)
    assert (found.put_off, found.put_off_until) == (1, (NOW - HOUR + 5 * DAY, NOW - HOUR + 5 * DAY))
    unlimited = planned(SHELF, replace(REQUEST, deadline_s=0))
    assert (unlimited.put_off, unlimited.put_off_until, unlimited.whole.reached) == (0, None, 5)
    assert unlimited.whole.calls.sales == 4, "its sales are asked, and then no offers"
    assert unlimited.whole.calls.offers == Fraction(33, 10)


@pytest.mark.parametrize(("asked_at", "reused"), [(NOW - 1500, 1), (NOW - 1501, 0)])
def test_sales_must_be_young_enough_until_the_end(asked_at: int, reused: int) -> None:
    """Half an hour old at most after five minutes of scanning."""
    found = planned(remembered(replace(YOUNG, sales=sold(4000, asked_at))), RELIST)
    assert (found.reused, found.whole.calls) == (reused, Calls(prices=1, sales=1 - reused, offers=Fraction(1)))


@pytest.mark.parametrize(
    ("most", "recheck_s", "reached"), [(6, None, 2), (6, 30, 2), (4, None, 2), (4, 30, 1), (2, None, 1), (1, None, 0), (100, 30, 4)]
)
def test_the_best_candidates_are_reached_and_a_tenth_is_kept_for_the_second_look(most: int, recheck_s: int | None, reached: int) -> None:
    """A page makes 1 call, then YOUNG 2, STALE 4, CROSSED 7 and UNSEEN 8.3; with 1 or 2 calls the page is 0.6 or all of it."""
    found = planned(SHELF, replace(REQUEST, max_requests=most, recheck_s=recheck_s))
    assert found.reach.reached == reached
    assert found.reach.coverage == Fraction(reached + 1, 5), "what is put off is decided too"
    assert found.reach.sweep.prices == min(Fraction(1), Fraction(6, 10) * most)


def test_open_episodes_come_first() -> None:
    episode = replace(AT, open_titles=frozenset({(Game.CS2, UNSEEN.quote.title)}))
    found = planned(SHELF, replace(REQUEST, max_requests=3), episode)
    assert (found.reach.reached, found.reach.calls) == (1, Calls(prices=1, sales=1, offers=Fraction(3, 10)))


def test_many_offers_are_several_pages() -> None:
    found = planned(remembered(replace(STALE, quote=replace(STALE.quote, ask_count=201))), RELIST)
    assert found.whole.calls == Calls(prices=1, sales=1, offers=Fraction(3))


def test_an_own_target_costs_sales_targets_fills_and_offers() -> None:
    found = planned(remembered(known("any", bid=500)), replace(RELIST, entries=(Entry.TARGET,)))
    assert found.whole.calls == Calls(prices=1, sales=2, targets=1, offers=1)


def test_pairs_share_their_calls() -> None:
    both = replace(REQUEST, entries=(Entry.OFFER, Entry.TARGET))
    assert planned(remembered(known("any", bid=1300)), both).whole.calls.targets == 1
    assert planned(remembered(known("any", bid=1300)), both).whole.calls.offers == 1


# --- the sweep ----------------------------------------------------------------------------------------------------------------


def test_what_a_sweep_leaves_out_is_told_by_its_reason() -> None:
    one_sided = known("one side", bid=None, two_sided=False)
    shelf = remembered(UNSEEN, FAR, one_sided, replace(FAR, two_sided=False), known("unwanted"))
    (sweep,) = planned(shelf, replace(INSTANT, exclude=("unwanted",))).sweeps
    assert (sweep.kind, sweep.asked, sweep.far, sweep.one_sided, sweep.excluded) == (SweepKind.NEAR, 1, 2, 1, 1)


@pytest.mark.parametrize(("near", "calls"), [(0, 0), (1, 1), (100, 1), (101, 2)])
def test_titles_are_asked_in_hundreds(near: int, calls: int) -> None:
    shelf = remembered(FAR, *(known(f"near {number}") for number in range(near)))
    assert planned(shelf).sweeps[0].calls == Calls(prices=calls)


@pytest.mark.parametrize(("age", "kind"), [(6 * HOUR - 1, SweepKind.NEAR), (6 * HOUR, SweepKind.FULL)])
def test_the_catalogue_is_read_every_six_hours(age: int, kind: SweepKind) -> None:
    (sweep,) = planned(remembered(*SHELF.known, sweep=SweepState(NOW - age))).sweeps
    assert (sweep.kind, sweep.asked) == (kind, 5 if kind is SweepKind.NEAR else 6)


@pytest.mark.parametrize(("game", "titles"), [(Game.CS2, 25_000), (Game.TF2, 116_000)])
def test_a_first_scan_is_planned_on_assumptions(game: Game, titles: int) -> None:
    """3 candidates in 10 titles, 2 titles in 100 crossed: these cost sales, targets and offers, the others sales and 0.3 offers."""
    found = plan(REQUEST, [Remembered(game)], AT)
    crossed, others = titles // 50, titles * 3 // 10 - titles // 50
    assert (found.sweeps[0].kind, found.assumed, found.candidates) == (SweepKind.FULL, titles, crossed + others)
    sales = Calls(prices=titles // 100, fees=2, sales=crossed + others, targets=crossed, offers=crossed + Fraction(3, 10) * others)
    assert found.whole.calls == sales
    instant = plan(INSTANT, [Remembered(game)], AT)
    assert instant.whole.calls == Calls(prices=titles // 100, fees=2, targets=crossed, offers=crossed)


def test_a_sweep_takes_sixty_per_cent_at_most_and_finds_its_part() -> None:
    """252 calls at one a second take 250 s, and of 100 s there are 60: 24 %. 30 more are left for offers until 90 s are over."""
    slow = Speed(*[Fraction(1)] * 4)
    found = planned(Remembered(Game.CS2), replace(REQUEST, deadline_s=100, recheck_s=30), replace(AT, speed=slow, slow=SPEED))
    assert (found.reach.swept, found.reach.sweep.prices) == (Fraction(24, 100), 60)
    assert (found.reach.reached, found.reach.seconds, found.reach.coverage) == (30, 90, Fraction(30, 7500))
    assert (found.whole.swept, found.whole.reached, found.whole.coverage) == (1, 7500, 1)
    assert found.slow
    assert (found.slow.swept, found.slow.reached) == (Fraction(48, 100), 60)


def test_a_first_sweep_that_was_cut_goes_on_to_the_assumed_end() -> None:
    titles = [known(f"title {number}") for number in range(100)]
    (sweep,) = planned(remembered(*titles, sweep=SweepState(0, "cursor"))).sweeps
    assert (sweep.kind, sweep.assumed, sweep.asked, sweep.calls.prices) == (SweepKind.RESUMED, 24_900, 25_000, 250)


def test_a_later_sweep_that_was_cut_reads_what_is_old_and_asks_what_is_near() -> None:
    old = [replace(one, quote=replace(one.quote, at=NOW - 8 * HOUR)) for one in (FAR, UNSEEN, STALE)]
    (sweep,) = planned(remembered(*old, CROSSED, replace(FAR), sweep=SweepState(NOW - 7 * HOUR, "cursor"))).sweeps
    assert (sweep.kind, sweep.assumed, sweep.asked, sweep.far, sweep.calls.prices) == (SweepKind.RESUMED, 0, 4, 1, 2)


def named(*titles: str) -> ScanRequest:
    return replace(REQUEST, titles=titles)


def test_titles_named_outright_are_all_that_is_asked_for() -> None:
    found = planned(SHELF, named(CROSSED.quote.title, CROSSED.quote.title))
    assert (found.sweeps[0].kind, found.sweeps[0].asked, found.candidates) == (SweepKind.NAMED, 1, 1)
    assert found.whole.calls == Calls(prices=1, sales=1, targets=1, offers=1)


@pytest.mark.parametrize(
    ("request_", "calls"),
    [
        (named("a", "b"), Calls(prices=1, fees=2, sales=2, targets=2, offers=2)),
        (replace(named("a"), exits=(Exit.RELIST,)), Calls(prices=1, fees=2, sales=1, offers=Fraction(3, 10))),
    ],
)
def test_titles_named_but_never_seen_are_taken_for_candidates(request_: ScanRequest, calls: Calls) -> None:
    found = planned(Remembered(Game.CS2), request_)
    assert found.sweeps[0].kind is SweepKind.NAMED
    assert found.candidates == found.assumed == len(request_.titles)
    assert found.whole.calls == calls


@pytest.mark.parametrize("titles", [("nobody knows this",), ("*bid*",)])
def test_a_glob_or_a_title_that_the_catalogue_does_not_have_needs_the_sweep(titles: Sequence[str]) -> None:
    assert planned(SHELF, named(*titles)).sweeps[0].kind is SweepKind.NEAR


# --- what is not remembered ---------------------------------------------------------------------------------------------------


def test_a_scan_that_uses_nothing_stored_is_planned_on_it_all_the_same() -> None:
    found = planned(SHELF, REQUEST, replace(AT, recalls=False))
    assert (found.sweeps[0].kind, found.sweeps[0].asked, found.put_off, found.reused) == (SweepKind.FULL, 6, 0, 0)
    assert found.whole.calls == Calls(prices=1, fees=2, sales=5, targets=1, offers=Fraction(33, 10))


YESTERDAY = Stamped(ASSUMED, NOW // DAY * DAY - 1)


@pytest.mark.parametrize(
    ("changes", "request_", "at", "fees"),
    [
        ({}, REQUEST, AT, 0),
        ({"fees": None}, REQUEST, AT, 2),
        ({"fees": YESTERDAY}, REQUEST, AT, 2),
        ({"fees": YESTERDAY}, replace(REQUEST, fee=Fraction(1, 20)), AT, 0),
        ({"fees": None}, INSTANT, replace(AT, signed=False), 1),
        ({"fees": None, "fees_attempted": True}, INSTANT, replace(AT, signed=False), 0),
        ({"fees": None, "fees_attempted": True}, INSTANT, replace(AT, signed=False, recalls=False), 1),
    ],
)
def test_fees_are_asked_once_a_day(changes: dict[str, Any], request_: ScanRequest, at: Circumstances, fees: int) -> None:
    assert planned(remembered(*SHELF.known, **changes), request_, at).whole.calls.fees == fees


def test_without_a_key_quotes_are_all_there_is() -> None:
    found = planned(SHELF, INSTANT, replace(AT, signed=False))
    assert (found.candidates, found.whole.calls, found.whole.coverage) == (0, Calls(prices=1), 1)
    first = planned(Remembered(Game.CS2), INSTANT, replace(AT, signed=False))
    assert (first.candidates, first.whole.calls) == (0, Calls(prices=250, fees=1))


def test_nothing_to_ask_takes_no_time() -> None:
    found = planned(remembered(FAR))
    assert (found.whole.calls, found.whole.seconds, found.whole.pace) == (Calls(), 0, None)


def test_a_rate_in_all_holds_for_all_groups_together() -> None:
    found = planned(SHELF, REQUEST, replace(AT, speed=Speed(*[Fraction(2)] * 4, in_all=Fraction(2))))
    assert (found.whole.seconds, found.whole.pace) == (5, 2), "8.3 calls at two a second"

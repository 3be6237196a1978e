"""The truth says what was worked out by hand, and keeps its identities on any market."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmscan.sandbox.state import DefaultFee, FeeRow, Offer, Sale, Target, Title
from dmscan.sandbox.truth import Answer, Fees, Question, break_even, find, max_buy

from worked import PHASED, PLAIN, Case, cases, mismatches

NOW = 1795500000
DAY = 86400
DEFAULT = DefaultFee("0.1", 2)
ROWS = st.builds(
    FeeRow,
    fraction=st.sampled_from(["0.02", "0.05", "0.15"]),
    low=st.integers(1, 1000),
    high=st.integers(500, 1200),
    expires_at=st.integers(NOW - 1, NOW + 5 * DAY),
)


def random_title(title: str, chance: Random) -> Title:
    """A crowded little market around $10; Hypothesis alone seldom builds one in which anything pays."""
    phases = ["", "ruby"] if title == PHASED else [""]
    limits = [None, "", "any"]
    offers = [
        Offer(
            offer_id=f"{title} {number}",
            price=chance.randint(600, 1000),
            created_at=NOW - chance.randint(0, 2),
            reserved=chance.random() < 0.15,
            p2p=chance.random() < 0.15,
            phase=chance.choice(phases),
            float_value=chance.choice(["", "0.15", "0.2", "0.21"]),
            paint_seed=chance.choice([0, 7, 661]),
            unlock_at=NOW + chance.randint(-DAY, 8 * DAY) if chance.random() < 0.15 else None,
            overstocked=chance.random() < 0.15,
        )
        for number in range(chance.randint(0, 8))
    ]
    targets = [
        Target(
            price=10 * chance.randint(60, 110),
            amount=chance.randint(0, 3),
            float_part=chance.choice([*limits, "FT-0", "FT-2"]),
            phase=chance.choice([*limits, *phases]),
            paint_seed=chance.choice([*limits, "0", "661"]),
        )
        for _ in range(chance.randint(0, 6))
    ]
    # At equal times the service decides which 20 rows are the newest, so no two are equal.
    times = chance.sample(range(NOW - 32 * DAY, NOW + 2), chance.randint(0, 40))
    sales = [Sale(chance.randint(900, 1100), at, chance.choice(["Offer", "Offer", "Target"]), chance.choice(phases)) for at in times]
    rows = [
        FeeRow(
            chance.choice(["0.02", "0.05", "0.15", "abc"]),
            chance.randint(1, 900),
            chance.randint(600, 1200),
            NOW + chance.randint(-1, 5 * DAY),
        )
        for _ in range(chance.randint(0, 3))
    ]
    return Title("cs2", title, offers, targets, sales, rows)


def spread_title(title: str, chance: Random) -> Title:
    """Bids well below the asks and fills about the best bid: the book in which an own target may pay."""
    phases = ["phase-1", "phase-2"] if title == PHASED else [""]
    made = random_title(title, chance)
    offers = [
        replace(offer, offer_id=f"spread {offer.offer_id}", price=offer.price + 250, phase=chance.choice(phases)) for offer in made.offers
    ]
    targets = [replace(target, price=target.price - 200, phase=None) for target in made.targets]
    times = chance.sample(range(NOW - 25 * DAY, NOW + 2), 60)
    offered = [Sale(chance.randint(900, 1100), at, "Offer", chance.choice(phases)) for at in times[::2]]
    filled = [Sale(chance.randint(500, 900), at, "Target", chance.choice(phases)) for at in times[1::2]]
    return replace(made, offers=offers, targets=targets, sales=offered + filled)


def market(seed: int) -> list[Title]:
    made = [random_title(title, Random(f"{seed} {title}")) for title in (PLAIN, PHASED)]
    spread = [spread_title(title, Random(f"{seed} spread {title}")) for title in (PLAIN, PHASED)]
    return made + [replace(title, title=f"{title.title} ") for title in spread]


MARKETS = st.integers(0, 2**32).map(market)
QUESTIONS = st.builds(
    Question,
    games=st.just(("cs2",)),
    entries=st.sampled_from([("offer",), ("target",), ("offer", "target")]),
    levels=st.sampled_from([(), (), ("standard",), ("standard", "medium")]),
    min_sales=st.sampled_from([1, 8]),
    min_price=st.sampled_from([None, 600]),
    max_lock_days=st.sampled_from([None, 3]),
    max_units=st.integers(1, 5),
    fee_at=st.sampled_from(["sale", "now"]),
    signed=st.sampled_from([True, True, False]),
)
on_any_market = settings(max_examples=80, deadline=None)


def ask(titles: list[Title], question: Question, default: DefaultFee | None = DEFAULT) -> Answer:
    return find(titles, {"cs2": default}, question, lambda *_: NOW)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_truth_says_what_was_worked_out_by_hand(case: Case):
    answer = find([case.title], {case.title.game: case.default_fee}, Question(**case.question), lambda *_: case.now, case.edition)
    assert mismatches(case.expect, answer.opportunities) == []
    assert mismatches(case.answer, vars(answer)) == []


@pytest.mark.parametrize(
    ("expected", "actual"),
    [({"a": 1}, {"a": 2}), ({"a": None}, {}), ([1], [1, 1]), ([], [{}]), ({"a": [{"b": 1}]}, {"a": [{"b": 2, "c": 3}]})],
)
def test_a_wrong_answer_is_noticed(expected, actual):
    assert mismatches(expected, actual)


@given(MARKETS, QUESTIONS)
@on_any_market
def test_money_adds_up(titles: list[Title], question: Question):
    for one in ask(titles, question).opportunities:
        legs = one["legs"]
        assert all(leg["net_profit_cents"] + leg["fee_cents"] + leg["ask_cents"] == leg["sell_cents"] for leg in legs)
        assert one["net_profit_cents"] == one["sell_cents"] - one["fee_cents"] - one["cost_cents"]
        totals = {"cost_cents": "ask_cents", "sell_cents": "sell_cents", "fee_cents": "fee_cents", "net_profit_cents": "net_profit_cents"}
        assert all(one[total] == sum(leg[part] for leg in legs) for total, part in totals.items())
        assert one["units"] == len(legs)
        assert one["roi"] == pytest.approx(one["net_profit_cents"] / one["cost_cents"], abs=0.00005001)


@given(MARKETS, QUESTIONS)
@on_any_market
def test_every_leg_meets_the_rules(titles: list[Title], question: Question):
    for one in ask(titles, question).opportunities:
        for leg in one["legs"]:
            assert leg["net_profit_cents"] >= question.min_profit
            assert 100 * leg["net_profit_cents"] >= (5 if question.levels else 3) * leg["ask_cents"]
            assert leg["ask_cents"] >= max(300 if question.levels else 50, question.min_price or 0)
            assert leg["lock_days"] is None or leg["lock_days"] <= (question.max_lock_days or 8)
        assert one["break_even_cents"] <= one["legs"][0]["sell_cents"]
        assert one["max_buy_cents"] >= one["legs"][0]["ask_cents"]
        assert (one["hold_days"] or 0) <= 7
        assert (one["days_to_fill"] or 0) <= 7


@given(MARKETS, QUESTIONS)
@on_any_market
def test_no_offer_is_bought_twice_and_no_target_is_overfilled(titles: list[Title], question: Question):
    legs = {
        exit_: [leg for one in ask(titles, question).opportunities if one["exit"] == exit_ for leg in one["legs"]]
        for exit_ in question.exits
    }
    for of_exit in legs.values():
        bought = [leg["offer_id"] for leg in of_exit if leg["offer_id"]]
        assert len(bought) == len(set(bought))
    for price in {leg["sell_cents"] for leg in legs["instant"]}:
        wanted = sum(target.amount for title in titles for target in title.targets if target.price == price)
        assert sum(leg["sell_cents"] == price for leg in legs["instant"]) <= wanted


@given(MARKETS, QUESTIONS)
@on_any_market
def test_refused_and_found_titles_are_the_titles_seen(titles: list[Title], question: Question):
    answer = ask(titles, question)
    assert answer.seen == len(titles)
    pairs = ["offer.instant", "offer.relist", "target.relist"] if question.signed else ["offer.instant", "target.relist"]
    assert list(answer.refused) == [pair for pair in pairs if pair.partition(".")[0] in question.entries]
    for pair, refused in answer.refused.items():
        shown = {one["title"] for one in answer.opportunities if f"{one['entry']}.{one['exit']}" == pair}
        assert answer.found[pair] == len(shown)
        assert refused + answer.found[pair] == answer.seen


@given(MARKETS, QUESTIONS, st.randoms(use_true_random=False))
@on_any_market
def test_the_order_of_the_input_never_matters(titles: list[Title], question: Question, chance: Random):
    def shuffled(items: list) -> list:
        return chance.sample(items, len(items))

    again = [
        replace(
            title,
            offers=shuffled(title.offers),
            targets=shuffled(title.targets),
            sales=shuffled(title.sales),
            fee_rows=shuffled(title.fee_rows),
        )
        for title in shuffled(titles)
    ]
    assert ask(again, question) == ask(titles, question)


@given(MARKETS, QUESTIONS)
@on_any_market
def test_a_higher_least_roi_never_adds_an_instant_find_or_an_own_target(titles: list[Title], question: Question):
    strict, loose = (
        ask(titles, replace(question, entries=("offer", "target"), min_roi=Fraction(percent, 100))).refused for percent in (20, 3)
    )
    assert all(strict[pair] >= loose[pair] for pair in ("offer.instant", "target.relist"))


def own_targets(titles: list[Title], question: Question) -> list[dict[str, Any]]:
    found = ask(titles, replace(question, entries=("target",))).opportunities
    assert {one["entry"] for one in found} <= {"target"}
    return found


def test_the_markets_of_these_tests_have_own_targets_that_pay():
    found = [one for seed in range(60) for one in own_targets(market(seed), Question(games=("cs2",)))]
    assert len(found) > 20
    assert {one["phase"] for one in found} == {"", "phase-1", "phase-2"}


@given(MARKETS, QUESTIONS)
@on_any_market
def test_an_own_target_outbids_what_takes_anything_and_undercuts_every_rival(titles: list[Title], question: Question):
    states = {title.title: title for title in titles}
    for one in own_targets(titles, replace(question, signed=True)):
        state = states[one["title"]]
        free = [row.price for row in state.targets if row.amount and {row.float_part, row.phase, row.paint_seed} <= {None, "", "any"}]
        rivals = [row.price for row in state.offers if row.phase == one["phase"] and not row.reserved]
        assert one["cost_cents"] == max(free) + 1
        assert one["sell_cents"] == min([one["sales"]["q40_cents"], *(price - 1 for price in rivals)])
        assert one["cost_cents"] < one["sell_cents"]
        assert any(row.phase == one["phase"] and not row.p2p for row in state.offers)
        assert (one["units"], one["legs"][0]["offer_id"], one["legs"][0]["lock_days"]) == (1, None, 0)


@given(MARKETS, QUESTIONS)
@on_any_market
def test_an_own_target_asks_neither_for_units_nor_for_locks(titles: list[Title], question: Question):
    assert own_targets(titles, question) == own_targets(titles, replace(question, max_units=1, max_lock_days=0))


@given(MARKETS, QUESTIONS)
@on_any_market
def test_more_patience_with_a_target_never_loses_a_find(titles: list[Title], question: Question):
    hasty, patient = (own_targets(titles, replace(question, max_days_to_fill=Fraction(days))) for days in (2, 30))
    assert [one for one in patient if (one["days_to_fill"] or 0) <= 2] == hasty


@given(MARKETS, QUESTIONS)
@on_any_market
def test_own_targets_leave_what_is_bought_from_offers_alone(titles: list[Title], question: Question):
    both = ask(titles, replace(question, entries=("offer", "target"))).opportunities
    offered = ask(titles, replace(question, entries=("offer",))).opportunities
    assert [one for one in both if one["entry"] == "offer"] == offered
    assert [one for one in both if one["entry"] == "target"] == own_targets(titles, question)


@given(
    st.integers(1, 3000),
    st.lists(ROWS, max_size=3),
    st.integers(0, 60),
    st.sampled_from(["0", "0.1", "0.5"]),
)
@on_any_market
def test_break_even_is_the_first_price_that_pays_back(cost: int, rows: list[FeeRow], minimum: int, default: str):
    fees = Fees(Fraction(default), minimum, "default", tuple(rows))
    price = cost
    while price - fees.fee(price, NOW) < cost:
        price += 1
    assert break_even(cost, fees, NOW) == price


@given(
    st.integers(0, 4000),
    st.sampled_from([(), ("boost",), ("boost", "medium"), ("medium",)]),
    st.sampled_from([None, 0, 10, 700]),
    st.sampled_from([None, 290, 1500]),
)
@on_any_market
def test_max_buy_is_the_last_cost_that_pays(proceeds: int, levels: tuple[str, ...], min_price: int | None, max_price: int | None):
    bands = {"boost": (50, 299, 1), "medium": (1000, 2999, 5)}
    named = [bands[name] for name in levels] or [(50 if min_price is None else min_price, 10**9, 3)]
    lowest, highest = min_price or 0, 10**9 if max_price is None else max_price

    def pays(cost: int) -> bool:
        profit = proceeds - cost
        inside = [100 * profit >= roi * cost for low, high, roi in named if max(low, lowest) <= cost <= min(high, highest)]
        return profit >= 5 and any(inside)

    question = Question(games=("cs2",), levels=levels, min_price=min_price, max_price=max_price)
    assert max_buy(proceeds, question) == next((cost for cost in range(proceeds, 0, -1) if pays(cost)), None)


def paying(title: str, price: int = 1000, bid: int = 1205) -> Title:
    return Title("cs2", title, [Offer(f"offer of {title}", price, NOW - 5)], [Target(bid, 1)])


@pytest.mark.parametrize("bad", ["x" * 513, "a\0b", "a\ud800b"])
def test_a_title_that_cannot_be_an_identity_is_not_seen(bad: str):
    answer = ask([paying(bad), paying("x" * 512)], Question(games=("cs2",)))
    assert answer.seen == 1
    assert [one["title"] for one in answer.opportunities] == ["x" * 512]


def test_titles_of_games_not_asked_for_are_not_seen():
    assert ask([replace(paying("A"), game="rust")], Question(games=("cs2",))).seen == 0


def test_a_title_without_either_side_is_seen_and_refused():
    answer = ask([Title("cs2", "A")], Question(games=("cs2",)))
    assert (answer.seen, answer.refused) == (1, {"offer.instant": 1, "offer.relist": 1})


@pytest.mark.parametrize(
    ("sort", "order"),
    [("profit-per-day", "BAC"), ("profit", "BAC"), ("roi", "ACB"), ("cost", "ACB"), ("days", "BAC"), ("title", "ABC")],
)
def test_sorted_as_asked_then_by_the_default_order(sort: str, order: str):
    titles = [paying("C", 600, 800), paying("A", 600, 900), paying("B", 1600, 2050)]
    answer = ask(titles, Question(games=("cs2",), sort=sort))
    assert [one["title"] for one in answer.opportunities] == list(order)


def test_each_title_is_judged_at_its_own_instant():
    titles = [paying("A"), paying("B")]
    answer = find(titles, {"cs2": DEFAULT}, Question(games=("cs2",)), lambda _, title: NOW + (title == "B"))
    assert {one["title"]: one["as_of"] for one in answer.opportunities} == {"A": "2026-11-24T06:00:00Z", "B": "2026-11-24T06:00:01Z"}


def test_without_a_key_each_quote_counts_in_the_totals():
    answer = ask([paying("A"), paying("B", 900)], Question(games=("cs2",), signed=False), default=None)
    assert answer.totals == {"capital_cents": 1900, "net_profit_cents": 84 + 184}


def wanted(title: str, ask: int, bid: int, asks: int = 1, bids: int = 1) -> Title:
    return Title("cs2", title, [Offer(f"{title} {number}", ask, NOW - 5) for number in range(asks)], [Target(bid, bids)])


def spreads(titles: list[Title], **rules: Any) -> Answer:
    return ask(titles, Question(games=("cs2",), entries=("target",), signed=False, **rules))


def test_lively_weighs_the_profit_with_the_thinner_side_up_to_50():
    """C: 98 × 2; A: 198 × 1; B: 97 × 50, as much as D with more on both sides; E: 198 × 3, the bids being fewer."""
    titles = [
        wanted("C", 1000, 700, 2, 9),
        wanted("A", 1000, 700, 1, 90),
        wanted("B", 1000, 800, 50, 60),
        wanted("D", 1000, 800, 60, 90),
        wanted("E", 1000, 700, 9, 3),
    ]
    answer = spreads(titles, sort="lively")
    assert [(one["title"], one["net_profit_cents"]) for one in answer.opportunities] == [
        ("B", 98),
        ("D", 98),
        ("E", 198),
        ("C", 198),
        ("A", 198),
    ]


def test_days_that_are_unknown_come_after_those_that_are_known():
    titles = [wanted("A", 1000, 700), paying("B")]
    answer = ask(titles, Question(games=("cs2",), entries=("offer", "target"), signed=False, sort="days"))
    assert [(one["title"], one["hold_days"]) for one in answer.opportunities] == [("B", 0), ("A", None)]


def test_without_a_key_each_spread_counts_in_the_totals_and_may_pass_if_renewed():
    """At 10 % C keeps nothing of 949 for 851, at today's 2 % it would keep 79."""
    ends_today = FeeRow("0.02", 1, 9999, NOW + DAY - 1)
    renewable = replace(wanted("C", 950, 850), fee_rows=[ends_today])
    answer = spreads([wanted("A", 1000, 700), wanted("B", 1000, 800), renewable])
    assert answer.totals == {"capital_cents": 701 + 801, "net_profit_cents": 198 + 98}
    assert (answer.refused, answer.pass_if_renewed) == ({"target.relist": 1}, 1)


@pytest.mark.parametrize(
    ("rules", "lasts", "net", "renewed", "ends"),
    [({}, DAY, 229, 229, True), ({}, DAY - 1, 153, 229, False), ({"fee_at": "now"}, 0, 229, 229, True), ({}, 2 * DAY + 1, 229, 229, False)],
)
def test_without_a_key_a_spread_is_sold_tomorrow_at_the_earliest(rules: dict[str, str], lasts: int, net: int, renewed: int, ends: bool):
    """949 for 701: 95 go at 10 %, 19 at 2 %."""
    title = replace(wanted("A", 950, 700), fee_rows=[FeeRow("0.02", 1, 9999, NOW + lasts)])
    (one,) = spreads([title], **rules).opportunities
    assert (one["net_profit_cents"], one["net_profit_if_renewed_cents"], one["profit_per_day_cents"]) == (net, renewed, net)
    assert ("fee_expires_soon" in one["warnings"]) is ends


def test_an_own_target_is_only_relisted():
    answer = ask([wanted("A", 1000, 700)], Question(games=("cs2",), entries=("target",), exits=("instant",)))
    assert (answer.opportunities, answer.refused, answer.found) == ([], {}, {})

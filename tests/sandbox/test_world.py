"""The sandbox market is seeded, cheap to ask, and adversarial where the rules are subtle."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from importlib.resources import files
from itertools import pairwise
from statistics import median

import pytest

from dmscan.sandbox import parameters
from dmscan.sandbox.outline import DAY, clear
from dmscan.sandbox.state import Offer, Sale, Target, Title
from dmscan.sandbox.truth import Answer, Question, find
from dmscan.sandbox.world import GAMES, World, is_valid, sides

BORN = 1_792_500_000
BOUNDS = (50, 300, 1000, 3000, 10000, 100000)


@pytest.fixture(scope="module")
def titles() -> list[Title]:
    """A generous market of exact times, all games."""
    world = World(1, BORN, 1000, ("cs2", "tf2"), crossed="rich", exact_times=True)
    return [title for game in world.games for title in world.titles_of(game)]


# --- seeded -------------------------------------------------------------------------------------------------------------------


def test_a_title_follows_from_seed_game_index_and_birth_alone() -> None:
    small, large = World(5, BORN, 30), World(5, BORN, 60, ("tf2", "cs2"))
    for game in ("cs2", "tf2"):
        assert small.names(game) == large.names(game)[:30]
        backwards = [large.title(game, name) for name in reversed(small.names(game))]
        assert backwards[::-1] == list(small.titles_of(game))


@pytest.mark.parametrize("other", [World(6, BORN, 30, ("cs2",)), World(5, BORN + 1, 30, ("cs2",))], ids=["seed", "birth"])
def test_another_seed_or_birth_is_another_market(other: World) -> None:
    world = World(5, BORN, 30, ("cs2",))
    assert [title.offers for title in world.titles_of("cs2")] != [title.offers for title in other.titles_of("cs2")]


def test_a_forgotten_title_comes_back_the_same() -> None:
    forgetful, thorough = World(5, BORN, 30, ("cs2",), keep=2), World(5, BORN, 30, ("cs2",))
    for _ in range(2):
        assert list(forgetful.titles_of("cs2")) == list(thorough.titles_of("cs2"))


def test_names_are_many_and_never_repeat() -> None:
    world = World(5, BORN, 20_000)
    for game in GAMES:
        names = world.names(game)
        assert len(names) == len(set(names)) == 20_000
    assert world.names("chess") == ()


def test_an_unlisted_title_has_no_state_and_an_empty_quote() -> None:
    world = World(5, BORN, 3, ("cs2",))
    assert world.title("cs2", "Unknown") is None
    assert world.title("rust", world.names("cs2")[0]) is None
    assert world.quote("cs2", "Unknown", include_p2p=False) == (None, 0, None, 0)
    assert not world.is_listed("cs2", "Unknown")


def test_a_replaced_title_is_what_is_quoted_and_told() -> None:
    world = World(5, BORN, 3, ("cs2",))
    name = world.names("cs2")[1]
    before = world.quote("cs2", name, include_p2p=False), world.version
    world.put(Title("cs2", name, [Offer("a", 321, BORN)], [Target(300, 2)]))
    assert world.quote("cs2", name, include_p2p=False) == (321, 1, 300, 2)
    assert world.title("cs2", name).targets == [Target(300, 2)]
    assert not [row for title, row in world.fee_rows("cs2") if title == name]
    assert before != (world.quote("cs2", name, include_p2p=False), world.version)


def test_the_quote_counts_reserved_and_limited_but_nothing_void() -> None:
    offers = [Offer("a", 90, 0, p2p=True), Offer("b", 100, 0, reserved=True), Offer("c", 110, 0, overstocked=True), Offer("d", 0, 0)]
    targets = [Target(80, 3), Target(95, 1, "FT-0"), Target(99, 0), Target(0, 9)]
    assert sides(offers, targets, include_p2p=False) == (100, 2, 95, 4)
    assert sides(offers, targets, include_p2p=True) == (90, 3, 95, 4)
    assert sides([], [], include_p2p=True) == (None, 0, None, 0)


def test_quotes_and_fees_are_those_of_the_full_state() -> None:
    asked, made = World(8, BORN, 60), World(8, BORN, 60)
    for game in GAMES:
        for title in made.titles_of(game):
            assert asked.quote(game, title.title, include_p2p=False) == sides(title.offers, title.targets, include_p2p=False)
        assert list(asked.fee_rows(game)) == [(title.title, row) for title in made.titles_of(game) for row in title.fee_rows]


# --- parameters ---------------------------------------------------------------------------------------------------------------


def test_every_parameter_gives_its_reason() -> None:
    lines = [
        line for line in files("dmscan.sandbox").joinpath("market.toml").read_text("utf-8").splitlines() if "=" in line.partition("#")[0]
    ]
    assert len(lines) > 60
    assert [line for line in lines if not line.partition("#")[2].strip()] == []


def test_crossed_shares_go_by_name_text_or_fraction() -> None:
    assert parameters.crossed_share() == parameters.crossed_share("usual") == Fraction(1, 100)
    assert parameters.crossed_share("0.2") == parameters.crossed_share(Fraction(1, 5)) == Fraction(1, 5)
    with pytest.raises(ValueError, match="plenty"):
        parameters.crossed_share("plenty")


def test_the_demo_section_is_complete() -> None:
    data = tomllib.loads(files("dmscan.sandbox").joinpath("market.toml").read_text("utf-8"))
    assert data["demo"].keys() == {"seed", "titles", "rate", "crossed"}
    assert parameters.crossed_share(parameters.DEMO.crossed) == Fraction(1, 20)


# --- what occurs --------------------------------------------------------------------------------------------------------------


def cheapest(title: Title) -> Offer:
    return min((offer for offer in title.offers if offer.price > 0), key=lambda offer: offer.price, default=Offer("", 0, 0))


def offer_sales(title: Title) -> list[Sale]:
    return sorted((sale for sale in title.sales if sale.kind == "Offer" and sale.at <= BORN), key=lambda sale: -sale.at)[:20]


def highest(title: Title) -> Target:
    return max((target for target in title.targets if target.amount > 0), key=lambda target: target.price, default=Target(0, 0))


def fills(title: Title) -> list[Sale]:
    return [sale for sale in title.sales if sale.kind == "Target" and BORN - 30 * DAY <= sale.at <= BORN]


def best_bid(title: Title) -> int:
    """The highest bid that takes anything, 0 without one."""
    return max((target.price for target in title.targets if target.amount > 0 and not is_limited(target)), default=0)


def is_limited(target: Target) -> bool:
    return any(limit not in (None, "", "any") for limit in (target.float_part, target.phase, target.paint_seed))


FEATURES: dict[str, Callable[[Title], bool]] = {
    "cheapest offer reserved": lambda t: cheapest(t).reserved,
    "cheapest offer not resellable": lambda t: cheapest(t).overstocked or cheapest(t).sale_restricted or cheapest(t).sell_unavailable,
    "cheapest offer P2P": lambda t: cheapest(t).p2p,
    "cheapest offer locked": lambda t: (cheapest(t).unlock_at or 0) > BORN,
    "high bid limited": lambda t: is_limited(highest(t)) and highest(t).price > cheapest(t).price > 0,
    "bid pays": lambda t: not is_limited(highest(t)) and highest(t).price * 0.9 > cheapest(t).price * 1.03 > 0,
    "equal price and second": lambda t: len({(o.price, o.created_at) for o in t.offers}) < len(t.offers),
    "unlock exactly in whole days": lambda t: any(o.unlock_at and o.unlock_at > BORN and (o.unlock_at - BORN) % DAY == 0 for o in t.offers),
    "unlock in the past": lambda t: any(o.unlock_at and o.unlock_at < BORN for o in t.offers),
    "reversible": lambda t: any((o.revert_until or 0) > BORN for o in t.offers),
    "offer of price 0": lambda t: any(o.price == 0 for o in t.offers),
    "offer without float": lambda t: any(not o.float_value for o in t.offers),
    "float without part": lambda t: any(o.float_value and not o.float_part for o in t.offers),
    "part disagrees with float": lambda t: "Field-Tested" in t.title and any(o.float_part[:2] not in ("", "FT") for o in t.offers),
    "unknown paint seed": lambda t: any(o.float_value and o.paint_seed == 0 for o in t.offers),
    "several phases": lambda t: len({o.phase for o in t.offers}) > 3,
    "rare phase with few sales": lambda t: (
        t.title.startswith("★") and any(0 < c < 4 for c in Counter(s.phase for s in offer_sales(t) if s.phase).values())
    ),
    "target of amount 0": lambda t: any(target.amount == 0 for target in t.targets),
    "target of price 0": lambda t: any(target.price == 0 for target in t.targets),
    "seed 0 wanted": lambda t: any(target.paint_seed == "0" for target in t.targets),
    "limits absent": lambda t: t.game == "cs2" and any(target.phase is None for target in t.targets),
    "limits empty": lambda t: any(target.phase == "" for target in t.targets),
    "no offers": lambda t: not t.offers and bool(t.targets),
    "no bids": lambda t: not t.targets and bool(t.offers),
    "neither": lambda t: not t.targets and not t.offers,
    "below 50 cents": lambda t: 0 < cheapest(t).price < 50,
    "very dear": lambda t: cheapest(t).price > 100_000,
    **{f"ask at {bound}{step:+}": (lambda t, ask=bound + step: cheapest(t).price == ask) for bound in BOUNDS for step in (-1, 0, 1)},
    "sale exactly 30 days old": lambda t: any(sale.at == BORN - 30 * DAY for sale in t.sales),
    "sale dated ahead": lambda t: any(sale.at > BORN for sale in t.sales),
    "20 sales within a month": lambda t: len(offer_sales(t)) == 20 and DAY < BORN - offer_sales(t)[-1].at < 30 * DAY,
    "20 sales within a day": lambda t: len(offer_sales(t)) == 20 and BORN - offer_sales(t)[-1].at < DAY,
    "sales at one price": lambda t: (
        len(offer_sales(t)) > 8 and max(Counter(s.price for s in offer_sales(t)).values()) > len(offer_sales(t)) / 2
    ),
    "burst of sales": lambda t: any(a.price == b.price and a.at - b.at <= 600 for a, b in zip(t.sales, t.sales[4:], strict=False)),
    "outlier": lambda t: any(sale.price > 15 * other.price for sale, other in pairwise(t.sales)),
    "sales into bids": lambda t: any(sale.kind == "Target" for sale in t.sales),
    "filled often, at the best bid or below": lambda t: sum(sale.price <= best_bid(t) for sale in fills(t)) > 15,
    "filled often, never that low": lambda t: len(fills(t)) > 15 and all(sale.price > best_bid(t) + 1 > 1 for sale in fills(t)),
    "not filled within a month": lambda t: len(offer_sales(t)) > 7 and best_bid(t) > 0 and not fills(t),
    "outlier among fills": lambda t: len(fills(t)) > 7 and max(sale.price for sale in fills(t)) > 2 * best_bid(t) > 0,
    "sales at one second": lambda t: len({sale.at for sale in t.sales}) < len(t.sales),
    "overlapping fee rows": lambda t: len(t.fee_rows) > 1,
    "expired fee row": lambda t: any(row.expires_at < BORN for row in t.fee_rows),
    "fee row that ends now": lambda t: any(row.expires_at == BORN for row in t.fee_rows),
    "fee row for days": lambda t: any(row.expires_at > BORN + 3 * DAY for row in t.fee_rows),
    "malformed fee row": lambda t: any(row.fraction in ("abc", "1.5") for row in t.fee_rows),
    "fee band ends at the ask": lambda t: any(abs(bound - cheapest(t).price) <= 1 for row in t.fee_rows for bound in (row.low, row.high)),
}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_generous_market_holds_every_subtle_case(titles: list[Title], feature: str) -> None:
    assert any(map(FEATURES[feature], titles))


def test_bids_stand_within_a_cent_of_what_the_rules_decide(titles: list[Title]) -> None:
    """Without reduced fees: break-even (profit 0), least profit (5 cents), exactly 3 % ROI, each with a cent either side."""
    margins: Counter[tuple[str, int]] = Counter()
    for title in titles:
        ask, bid = cheapest(title).price, highest(title).price
        profit = bid - max(2, -(-bid // 10)) - ask
        if not title.fee_rows and ask > 0:
            margins.update({("even", profit): 1, ("least", profit - 5): 1, ("roi", profit - -(-ask * 3 // 100)): 1})
    for name in ("even", "least", "roi"):
        assert all(margins[name, step] for step in (-1, 0, 1)), margins


@pytest.mark.parametrize(
    "mark", ["[/x]", "<b>", "\x1b", "\u202e", "=HYPERLINK", "🔥", '"', "\n", "\x00", "long long", "Redline (Field-Tested) ", "ak-47"]
)
def test_hostile_titles_are_listed(mark: str) -> None:
    assert any(mark in name for name in World(5, BORN, 300, ("cs2",)).names("cs2"))


def test_two_titles_do_not_count() -> None:
    refused = [name for name in World(5, BORN, 300, ("cs2",)).names("cs2") if not is_valid(name)]
    assert len(refused) == 2
    assert max(map(len, refused)) > 512
    assert any("\x00" in name for name in refused)
    assert not is_valid("\ud800")
    assert is_valid("x" * 512)


# --- what it is worth ---------------------------------------------------------------------------------------------------------


def answer(world: World, now: int, **rules: object) -> Answer:
    states = [title for game in world.games for title in world.titles_of(game)]
    return find(states, {game: world.default_fee(game) for game in world.games}, Question(world.games, **rules), lambda _game, _title: now)


def exits(found: Answer) -> Counter[str]:
    return Counter(opportunity["exit"] for opportunity in found.opportunities)


def test_the_demo_shows_a_person_something() -> None:
    demo = parameters.DEMO
    found = exits(answer(World(demo.seed, BORN, demo.titles, ("cs2",), crossed=demo.crossed), BORN))
    assert 12 <= found["instant"] <= 35
    assert 12 <= found["relist"] <= 45


def test_more_crossed_titles_bring_more_instant_finds() -> None:
    found = [exits(answer(World(3, BORN, 1000, ("cs2",), crossed=name), BORN))["instant"] for name in ("scarce", "usual", "rich")]
    assert found[0] < found[1] < found[2]
    assert found[1] < 1000 * 0.03


def test_sellers_who_cannot_wait_get_what_the_titles_best_bids_are() -> None:
    """Where bids stand low, so did what was paid: the medians differ by some per cent only."""
    plain = [title for title in World(3, BORN, 1000, ("cs2",)).titles_of("cs2") if "Doppler" not in title.title and len(fills(title)) > 7]
    paid = [
        median(sale.price for sale in fills(title)) / best_bid(title) for title in plain if best_bid(title) and cheapest(title).price > 50
    ]
    assert len(paid) > 150
    assert 0.95 < median(paid) < 1.08
    middle = sorted(paid)[len(paid) // 4 : -len(paid) // 4]
    assert max(middle) - min(middle) < 0.25


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_own_targets_pay_on_some_titles_of_a_usual_market(seed: int) -> None:
    found = answer(World(seed, BORN, 800, ("cs2",)), BORN, entries=("target",))
    assert 0.02 * 800 < found.found["target.relist"] < 0.12 * 800
    gaps = [1 - one["cost_cents"] / one["sell_cents"] for one in found.opportunities]
    assert 0.1 < median(gaps) < 0.3
    assert {one["fee_source"] for one in found.opportunities} == {"default", "reduced"}


@pytest.mark.parametrize("seed", range(6))
def test_the_answer_holds_for_a_quarter_of_an_hour(seed: int) -> None:
    world = World(seed, BORN, 120, crossed="rich")
    early, late = (answer(world, BORN + seconds) for seconds in (1, 900))
    assert _lasting(early) == _lasting(late)
    assert early.refused == late.refused


def _lasting(found: Answer) -> list[list[tuple[str, object]]]:
    """The opportunities without what grows with the hour, in an order that does not depend on it."""
    passing = {"as_of", "hold_days", "pace_per_day", "profit_per_day_cents"}
    kept = [[(key, value) for key, value in opportunity.items() if key not in passing] for opportunity in found.opportunities]
    return sorted(kept, key=repr)


@pytest.mark.parametrize("offset", [0, 1, DAY, DAY - 1, -DAY, -30 * DAY, -30 * DAY - 1, 5 * DAY + 1800, 12345])
def test_cleared_offsets_keep_away_from_whole_days(offset: int) -> None:
    moved = clear(offset)
    assert abs(moved - offset) <= 3600
    assert 1800 <= moved % DAY <= DAY - 1800

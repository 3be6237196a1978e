"""The market lives: by seed alone, whatever is asked when, at known paces, and the truth follows it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from fractions import Fraction
from random import Random
from statistics import median, pstdev
from typing import Any

import httpx
import pytest
from asking import BORN, IDS, Hands, answered, read, signed

from dmscan.clock import Clock
from dmscan.core.models import Game
from dmscan.render.text import visible
from dmscan.sandbox import control, course, events, trades
from dmscan.sandbox.bargains import ASK, BID, MEDIANS_S
from dmscan.sandbox.life import KEPT_S, Life, is_particular
from dmscan.sandbox.lives import LivingWorld
from dmscan.sandbox.outline import DAY
from dmscan.sandbox.parameters import BARGAINS, COURSE, FEES, SALES
from dmscan.sandbox.server import Request, Sandbox, running
from dmscan.sandbox.state import Bargain, Offer, Sale, Target, Title
from dmscan.sandbox.truth import Answer, Question, find
from dmscan.sandbox.world import GAMES, World, sides

from inprocess import printed, scan_of, truth_of
from make import make_request

HOUR = 3600


def market(seed: int = 7, titles: int = 60, games: tuple[str, ...] = ("cs2",), **options: Any) -> LivingWorld:
    return LivingWorld(seed, BORN, titles, games, **options)


def states(world: World, now: int) -> list[Title]:
    return [title for game in world.games for title in world.titles_of(game, now)]


def lives(world: World, rng: Random) -> list[Life]:
    """Every title of a market at its birth, to be lived through by hand."""
    made = (world._outline(game, name) for game in world.games for name in world.names(game))
    return [course.born(about, world.scale, rng) for about in made if about]


@pytest.fixture(scope="module")
def month() -> LivingWorld:
    """200 titles after 30 days."""
    world = market(3, 200)
    world.move(BORN + 30 * DAY)
    world.bargains("cs2")
    return world


@dataclass
class Week:
    """A generous market of 800 titles after six days, and what there was to find on some of them; `born` is its first state."""

    world: LivingWorld
    born: list[Title]
    found: list[Counter[str]]


@pytest.fixture(scope="module")
def week() -> Week:
    world = market(11, 800, crossed="rich")
    born = states(world, BORN)
    moments = [BORN + days * DAY for days in (0, 2, 6)]
    found = [Counter(answer(world, now, entries=("offer", "target")).found) for now in moments]
    return Week(world, born, found)


def answer(world: World, now: int, **rules: Any) -> Answer:
    return find(states(world, now), {game: world.default_fee(game) for game in world.games}, Question(world.games, **rules), lambda *_: now)


# --- by seed and time alone ---------------------------------------------------------------------------------------------------


def test_a_market_is_born_as_the_still_one() -> None:
    still = states(World(7, BORN, 60, GAMES, exact_times=True), BORN)
    for born, title in zip(states(market(games=GAMES, exact_times=True), BORN), still, strict=True):
        assert born == replace(title, sales=[sale for sale in title.sales if sale.at > BORN - KEPT_S])


def test_the_same_seed_lives_the_same_life_and_another_one_does_not() -> None:
    first, again, other = (states(market(seed), BORN + 3 * DAY) for seed in (7, 7, 8))
    assert first == again
    assert [title.offers for title in first] != [title.offers for title in other]


def test_a_jump_of_a_day_equals_a_thousand_small_steps() -> None:
    jumped, walked = market(titles=20, games=GAMES), market(titles=20, games=GAMES)
    for step in range(1000):
        now = BORN + DAY * step // 1000
        walked.move(now)
        for game in GAMES:
            for name in walked.names(game):
                walked.quote(game, name, include_p2p=step % 2 == 0)
            walked.title(game, walked.names(game)[step % 20])
    assert states(jumped, BORN + DAY) == states(walked, BORN + DAY)
    assert [jumped.bargains(game) for game in GAMES] == [walked.bargains(game) for game in GAMES]


def test_a_title_lives_the_same_in_any_company_and_order() -> None:
    alone, crowd = market(titles=30), market(titles=50, games=("tf2", "cs2"))
    for world in (alone, crowd):
        world.move(BORN + 2 * DAY)
    backwards = [crowd.title("cs2", name) for name in reversed(alone.names("cs2"))]
    assert backwards[::-1] == list(alone.titles_of("cs2"))


def test_time_changes_most_titles_and_nothing_changes_without_it() -> None:
    world = market()
    born, same = states(world, BORN), states(world, BORN)
    assert born == same
    changed = [old.offers != new.offers or old.targets != new.targets for old, new in zip(born, states(world, BORN + DAY), strict=True)]
    assert sum(changed) > 0.8 * len(changed)


def test_a_state_once_told_stays_as_it_was() -> None:
    world = market()
    told = states(world, BORN)
    copy = [replace(title, offers=[*title.offers], sales=[*title.sales]) for title in told]
    states(world, BORN + 5 * DAY)
    assert told == copy


def test_what_is_over_cannot_be_asked_and_a_clock_put_back_finds_the_market_where_it_was() -> None:
    world = market()
    late = states(world, BORN + HOUR)
    with pytest.raises(ValueError, match="is over"):
        world.titles_of("cs2", BORN)
    world.move(BORN)
    assert [*world.titles_of("cs2")] == late


def test_a_replaced_title_stands_still() -> None:
    world = market()
    name = world.names("cs2")[4]
    put = Title("cs2", name, [Offer("a", 321, BORN)], [Target(300, 2)])
    world.quote("cs2", name, include_p2p=False)
    world.put(put)
    world.move(BORN + 9 * DAY)
    assert world.title("cs2", name) == put
    assert world.quote("cs2", name, include_p2p=False) == (321, 1, 300, 2)
    assert name not in {title for title, _ in world.fee_rows("cs2")}


def test_an_unlisted_title_does_not_live() -> None:
    world = market()
    assert world.title("cs2", "Unknown") is None
    assert world.quote("cs2", "Unknown", include_p2p=True) == (None, 0, None, 0)


# --- quotes and answers follow ------------------------------------------------------------------------------------------------


def test_quotes_and_fees_are_those_of_the_state_at_every_moment() -> None:
    world = market(games=("cs2", "rust"))
    for now in range(BORN, BORN + 2 * DAY, 5 * HOUR):
        world.move(now)
        for game in world.games:
            quoted = [world.quote(game, name, include_p2p=False) for name in world.names(game)]
            fees = list(world.fee_rows(game))
            titles = list(world.titles_of(game))
            assert quoted == [sides(title.offers, title.targets, include_p2p=False) for title in titles]
            assert fees == [(title.title, row) for title in titles for row in title.fee_rows]


def test_who_moves_the_clock_moves_what_the_endpoints_tell() -> None:
    hands = Hands()
    sandbox = Sandbox(market(), hands.clock(), rate=10**6)

    def told() -> list[Any]:
        requests = [read("aggregated-prices"), read("customized-fees", limit=10_000), read("v2/offers", title="AK-47 | Redline")]
        return [answered(sandbox, replace_date(request, int(hands.at))) for request in requests]

    early = told()
    assert told() == early
    hands.at += 2 * DAY
    assert all(late != soon for late, soon in zip(told(), early, strict=True))


def replace_date(request: Request, at: int) -> Request:
    return signed(request.method, request.target, request.body, at)


@pytest.mark.parametrize("edition", ["2026-10", "2026-07"])
async def test_a_scan_equals_brute_force_at_every_moment_of_a_living_market(edition: str) -> None:
    hands = Hands()
    sandbox = Sandbox(market(5, 25, GAMES, crossed="rich"), hands.clock(), edition, rate=10**9)
    frozen = Clock(now=lambda: hands.at)
    found: set[str] = set()
    for wait in (0, 47, HOUR, 9 * HOUR, DAY, 3 * DAY):
        hands.at += wait
        report = await scan_of(sandbox, make_request(games=tuple(map(Game, GAMES)), deadline_s=0), frozen)
        truth = truth_of(sandbox, Question(GAMES), int(hands.at))
        assert printed(report) == [one | {"title": visible(one["title"])} for one in truth.opportunities]
        found |= {f"{one['title']} {one['net_profit_cents']}" for one in truth.opportunities}
    assert len(found) > 1.5 * len(truth.opportunities)


# --- what never happens -------------------------------------------------------------------------------------------------------


def test_the_books_stay_sound() -> None:
    world = market(9, 30, GAMES, crossed="rich")
    for now in range(BORN, BORN + 4 * DAY, 7 * HOUR):
        titles = states(world, now)
        ids = [row.offer_id for title in titles for row in title.offers]
        assert len(ids) == len(set(ids))
        for title in titles:
            check_sound(title, now)


def check_sound(title: Title, now: int) -> None:
    assert all(row.price >= 0 and row.created_at <= now for row in title.offers)
    assert all(row.price >= 0 and row.amount >= 0 for row in title.targets)
    assert all(row.price > 0 and row.at > now - KEPT_S for row in title.sales)
    assert title.sales == sorted(title.sales, key=lambda row: -row.at)
    assert title.game == "cs2" or not any(row.p2p or row.phase for row in title.offers)


def test_only_the_births_own_dates_lie_ahead() -> None:
    world = market(9, 200)
    ahead = [row for title in states(world, BORN) for row in title.sales if row.at > BORN]
    assert ahead
    assert not [row for title in states(world, BORN + DAY) for row in title.sales if row.at > BORN + DAY]


def test_nothing_ever_happens_on_a_title_that_nobody_trades() -> None:
    world = market(7, 400)
    empty = [life for life in lives(world, Random(0)) if life.about.story == "empty"]
    assert empty
    for life in empty:
        course.live(life, BORN + 9 * DAY, Random(1))
        assert [life.offers, life.targets, life.sales, life.fee_rows] == [[]] * 4


def test_old_sales_are_forgotten_and_the_memory_stays_bounded(month: LivingWorld) -> None:
    """What 200 titles hold after 30 days is their books and a month of sales and bargains, nothing else."""
    held = list(month._lives.values())
    assert sum(len(life.offers) for life in held) < 2 * sum(life.habits.listed for life in held)
    assert sum(len(life.targets) for life in held) < 200 * 12
    assert all(len(life.sales) < 30 * (COURSE.busiest + 10) for life in held)
    assert all(len(life.endings) < 30 for life in held)


def test_what_is_kept_grows_no_more_after_sixty_days() -> None:
    world, sizes = market(7, 25), []
    for days in (62, 90, 120):
        list(world.titles_of("cs2", BORN + days * DAY))
        sizes.append(sum(len(life.sales) + len(life.bargains) + len(life.offers) + len(life.targets) for life in world._lives.values()))
    assert max(sizes) < 1.2 * min(sizes)


# --- at known paces -----------------------------------------------------------------------------------------------------------


def test_sales_come_at_the_titles_pace(month: LivingWorld) -> None:
    """Bargains and wash trading put aside, which also end in sales."""
    paces = sum(life.habits.pace for life in month._lives.values())
    sold = sum(len(life.sales) for life in month._lives.values())
    taken = sum(row.gone_at <= month.now for row in month.bargains("cs2")) - sum(row.appeared_at == BORN for row in month.bargains("cs2"))
    assert sold - taken == pytest.approx(30 * paces, rel=0.1)


def test_sales_lie_around_what_buyers_pay(month: LivingWorld) -> None:
    plain = [life for life in month._lives.values() if not life.about.phases and len(life.sales) > 40]
    paid = [median(row.price for row in life.sales if row.kind == "Offer") / life.about.fair for life in plain]
    assert len(plain) > 40
    assert median(paid) == pytest.approx(1, abs=0.03)


def test_the_fair_price_wanders_and_returns(month: LivingWorld) -> None:
    """After a month the walk is as wide as it gets: its spread in volatilities is sqrt(1 / (2 × reversion))."""
    drifts = [life.drift / life.habits.volatility for life in month._lives.values() if life.habits.volatility]
    assert pstdev(drifts) == pytest.approx(math.sqrt(1 / (2 * COURSE.reversion)), rel=0.15)
    assert sum(life.habits.volatility == 0 for life in month._lives.values()) < 20


def test_a_typical_title_sees_a_handful_of_events_a_day(month: LivingWorld) -> None:
    assert 3 < median(life.events for life in month._lives.values()) / 30 < 10


@pytest.mark.parametrize("part", ["offers", "targets", "fee_rows"])
def test_books_and_fees_stay_as_full_as_they_were(week: Week, part: str) -> None:
    born, late = ([len(getattr(title, part)) for title in titles] for titles in (week.born, states(week.world, week.world.now)))
    assert sum(late) == pytest.approx(sum(born), rel=0.3)
    assert late.count(0) == pytest.approx(born.count(0), rel=0.5)


def test_the_market_stays_as_generous_as_it_was(week: Week) -> None:
    for pair in ("offer.instant", "offer.relist"):
        assert all(later[pair] == pytest.approx(week.found[0][pair], rel=0.6) for later in week.found), week.found
    assert all(0.04 < later["target.relist"] / 800 < 0.12 for later in week.found), week.found


def test_bids_stay_where_they_were(week: Week) -> None:
    """Best bids that take anything, as a share of what buyers pay; the market's own births and a week of bidding agree."""
    lives = {life.about.title: life for life in week.world._lives.values() if life.about.story == "plain" and not life.about.phases}
    born = [share for title in week.born if (share := bid_share(title, lives, at_birth=True))]
    late = [share for title in states(week.world, week.world.now) if (share := bid_share(title, lives, at_birth=False))]
    assert min(len(born), len(late)) > 300
    assert median(late) == pytest.approx(median(born), abs=0.04)


def bid_share(title: Title, lives: dict[str, Life], *, at_birth: bool) -> float | None:
    bids = [row.price for row in title.targets if row.amount > 0 and not is_particular(row)]
    life = lives.get(title.title)
    return max(bids) / (life.about.fair if at_birth else life.fair) if bids and life and life.fair > 50 else None


def test_wash_trading_happens_now_and_then(month: LivingWorld) -> None:
    bursts = [life for life in month._lives.values() if any(same_price(life.sales))]
    assert 3 <= len(bursts) <= 40


def same_price(sales: list[Sale]) -> Iterable[bool]:
    rows = sorted(sales, key=lambda row: row.at)
    return (a.price == b.price and b.at - a.at <= 600 for a, b in zip(rows, rows[3:], strict=False))


# --- what happens, one by one -------------------------------------------------------------------------------------------------


@pytest.fixture
def life() -> Life:
    """A title with a book of its own and nothing put off: what buyers pay is about 1000."""
    rng = Random(4)
    found = next(one for one in lives(market(7, 200), rng) if one.about.story == "plain" and one.habits.noise == SALES.noise)
    found.about = replace(found.about, fair=1000)
    found.offers = [Offer("cheap", 950, BORN - 9), Offer("dear", 1300, BORN - 5)]
    found.targets = [Target(700, 1), Target(800, 2, "FN-0")]
    found.endings, found.sales, found.fee_rows = [], [], []
    return found


def test_a_buyer_reserves_the_cheapest_offer_and_the_trade_ends_in_a_sale_or_not(life: Life) -> None:
    outcomes = Counter(bought(life, seed) for seed in range(300))
    assert outcomes["sold"] / outcomes.total() == pytest.approx(COURSE.completed, abs=0.06)
    assert set(outcomes) == {"sold", "released"}


def bought(life: Life, seed: int) -> str:
    rng = Random(seed)
    life.offers, life.sales = [Offer("cheap", 950, BORN - 9), Offer("dear", 1300, BORN - 5)], []
    while not life.endings:
        events.buy(life, rng)
    assert [row.reserved for row in life.offers] == [True, False]
    life.sales.clear()
    ending = life.endings.pop()
    ending.end(life, ending, rng)
    names = [row.offer_id for row in life.offers]
    if life.sales:
        assert ([(row.price, row.kind) for row in life.sales], names) == ([(950, "Offer")], ["dear"])
        return "sold"
    assert sorted(names) == ["cheap", "dear"]
    assert not any(row.reserved for row in life.offers)
    return "released"


def test_who_finds_no_offer_cheap_enough_buys_what_was_never_seen(life: Life) -> None:
    life.offers = [Offer("dear", 1300, BORN)]
    for seed in range(200):
        events.buy(life, Random(seed))
    assert life.offers == [Offer("dear", 1300, BORN)]
    assert median(row.price for row in life.sales) == pytest.approx(1000, abs=15)
    odd = sum(not 500 < row.price < 1500 for row in life.sales) / len(life.sales)
    assert 0 < odd < 3 * SALES.outlier


def test_a_seller_fills_the_best_bid_that_anything_fits(life: Life) -> None:
    events.fill(life, Random(1))
    assert (life.targets, [(row.price, row.kind) for row in life.sales]) == ([Target(800, 2, "FN-0")], [(700, "Target")])
    life.targets = [Target(700, 3)]
    events.fill(life, Random(1))
    assert life.targets == [Target(700, 2)]
    life.targets = []
    events.fill(life, Random(1))
    assert life.sales[-1].price == pytest.approx(1000 * trades.bid_share(life.about), rel=0.2)


def test_ordinary_sellers_and_bidders_cross_no_book(life: Life) -> None:
    rng = Random(2)
    life.targets = [Target(990, 1), Target(1010, 1, "FT-1")]
    for _ in range(300):
        events.undercut(life, rng)
        events.enlist(life, rng)
    asks = [row.price for row in life.offers if row.offer_id not in ("cheap", "dear") and row.price]
    assert min(asks) == 991
    for _ in range(300):
        events.bid(life, rng)
    assert max(row.price for row in life.targets[2:]) <= 1.04 * life.ask


def test_who_moves_an_ask_or_a_bid_leaves_the_number_as_it_is(life: Life) -> None:
    events.reprice(life, Random(3))
    events.rebid(life, Random(3))
    assert (len(life.offers), len(life.targets)) == (2, 2)
    assert [row.created_at for row in life.offers][-1] == life.at
    for _ in range(3):
        events.withdraw(life, Random(3))
    life.targets = []
    events.rebid(life, Random(3))
    assert (life.offers, life.targets) == ([], [])


def test_locks_run_out_by_themselves() -> None:
    world = market(7, 200)
    early = {row.offer_id: row for title in states(world, BORN) for row in title.offers if (row.unlock_at or 0) > BORN}
    now = BORN + 2 * DAY
    late = [row for title in states(world, now) for row in title.offers if row.offer_id in early]
    assert all(row.unlock_at == early[row.offer_id].unlock_at for row in late)
    assert 0 < sum((row.unlock_at or 0) > now for row in late) < len(late)


# --- fees ---------------------------------------------------------------------------------------------------------------------


def test_fee_rows_change_at_midnight_only_and_come_again_by_the_known_share() -> None:
    world = market(7, 1500)
    midnight = (BORN // DAY + 2) * DAY
    evening, morning, noon = (rows(world, at) for at in (midnight - 1, midnight, midnight + 12 * HOUR))
    ended = {name: kept for name, kept in evening.items() if all(row[3] <= midnight for row in kept)}
    again = [name for name, kept in ended.items() if bands(morning.get(name, ())) == bands(kept)]
    assert morning == noon
    assert all(morning[name] == kept for name, kept in evening.items() if name not in ended)
    assert len(again) / len(ended) == pytest.approx(FEES.renewed, abs=0.05)
    gone, new = ended.keys() - morning.keys(), morning.keys() - evening.keys()
    assert len(gone) > 100
    assert len(new) == pytest.approx(len(gone), rel=0.3)


def rows(world: LivingWorld, now: int) -> dict[str, list[tuple[str, int, int, int]]]:
    world.move(now)
    told: dict[str, list[tuple[str, int, int, int]]] = {}
    for name, row in world.fee_rows("cs2"):
        told.setdefault(name, []).append((row.fraction, row.low, row.high, row.expires_at))
    return told


def bands(kept: Iterable[tuple[str, int, int, int]]) -> list[tuple[str, int, int]]:
    return [row[:3] for row in kept]


# --- bargains -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "least"), [(BID, 4000), (ASK, 700)])
def test_bargains_last_as_long_as_is_known(week: Week, kind: str, least: int) -> None:
    """Median and lower quartile of an exponential distribution; every bargain of the time counts, so nothing is cut off."""
    spans = sorted(row.gone_at - row.appeared_at for row in week.world.bargains("cs2") if row.kind == kind)
    assert len(spans) > least
    assert median(spans) == pytest.approx(MEDIANS_S[kind], rel=0.15)
    assert spans[len(spans) // 4] == pytest.approx(MEDIANS_S[kind] * math.log2(4 / 3), rel=0.15)


def test_a_share_of_the_titles_has_a_high_bid_at_any_moment(week: Week) -> None:
    """Five percent in a rich market, less those that cannot have one or have a false one."""
    bids = [row for row in week.world.bargains("cs2") if row.kind == BID]
    moments = range(BORN + DAY, BORN + 6 * DAY, 6 * HOUR)
    standing = [sum(row.appeared_at <= now < row.gone_at for row in bids) for now in moments]
    assert sum(standing) / len(standing) / 800 == pytest.approx(0.045, abs=0.008)


def test_a_high_bid_is_an_instant_find_until_a_rival_has_it() -> None:
    world = market(13, 500, crossed="rich")
    now = BORN + HOUR
    world.move(now)
    later = [row for row in world.bargains("cs2") if row.kind == BID and row.appeared_at > BORN]
    assert len(later) > 20
    found = [(row, instants(world, row.title)) for row in later if row.gone_at > now]
    dear = [(row, finds) for row, finds in found if (world.quote("cs2", row.title, include_p2p=False).ask or 0) >= 50]
    assert len(dear) > 10
    assert [row for row, finds in dear if not finds] == []
    gone_at = max(row.gone_at for row, _ in dear)
    world.move(gone_at)
    assert sum(bool(instants(world, row.title)) for row, _ in dear) < 0.3 * len(dear)


def instants(world: LivingWorld, name: str) -> list[Any]:
    title = world.title("cs2", name)
    assert title is not None
    return find([title], {"cs2": world.default_fee("cs2")}, Question(("cs2",), exits=("instant",)), lambda *_: world.now).opportunities


def test_a_low_ask_stands_until_it_is_sold_at_its_price() -> None:
    world = market(13, 300)
    name, row = next(low_asks(world))
    world.move(row.gone_at - 1)
    before = world.title("cs2", name)
    world.move(row.gone_at)
    after = world.title("cs2", name)
    assert before is not None
    assert after is not None
    gone = {offer.offer_id: offer for offer in before.offers if offer not in after.offers}
    sold = [sale for sale in after.sales if sale.at == row.gone_at and sale.kind == "Offer"]
    assert [offer.price for offer in gone.values()] == [sale.price for sale in sold]
    assert min(offer.price for offer in before.offers if offer.price) in [sale.price for sale in sold]


def low_asks(world: LivingWorld) -> Iterable[tuple[str, Bargain]]:
    """Bargains that appear in the market's first day, each on a title without another one."""
    world.move(BORN + DAY)
    count = Counter(row.title for row in world.bargains("cs2"))
    late = [row for row in world.bargains("cs2") if row.kind == ASK and count[row.title] == 1 and row.gone_at > BORN + DAY + HOUR]
    return ((row.title, row) for row in late)


def test_no_more_bargains_than_titles_however_generous_the_market() -> None:
    world = market(7, 30, crossed=Fraction(1))
    states(world, BORN + DAY)
    assert len(world.bargains("cs2")) > 30
    assert BARGAINS.bid_median_s < BARGAINS.ask_median_s


# --- ageing -------------------------------------------------------------------------------------------------------------------


async def test_ageing_over_http_keeps_signatures_valid_and_shows_a_changed_market() -> None:
    clock = Clock()
    world = LivingWorld(7, clock.seconds(), 60, ("cs2",))
    sandbox = Sandbox(world, clock, rate=10**6)
    async with running(sandbox) as url, httpx.AsyncClient(base_url=url) as client:

        async def told() -> httpx.Response:
            request = replace_date(read("v2/offers"), clock.seconds())
            return await client.get(request.target, headers=dict(request.headers))

        before = await told()
        aged = await client.post("/sandbox/age", json={"seconds": 3 * DAY})
        after = await told()
    assert (before.status_code, aged.status_code, after.status_code) == (200, 200, 200)
    assert aged.json() == {"aged": 3 * DAY}
    old, new = ({row["offerId"] for row in answer.json()["items"]} for answer in (before, after))
    assert old != new
    now = clock.seconds()
    assert all(unix(row["createdAt"]) <= now for row in after.json()["items"])
    assert abs(parsedate_to_datetime(after.headers["Date"]).timestamp() - now) < 60
    assert [entry.endpoint for entry in sandbox.log] == ["v2/offers"] * 2


def unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_an_aged_market_is_the_later_one_dated_back() -> None:
    aged, waited = market(games=GAMES), market(games=GAMES)
    aged.age(2 * DAY)
    old, late = states(aged, BORN), states(waited, BORN + 2 * DAY)
    for one, other in zip(old, late, strict=True):
        assert one.targets == other.targets
        assert [row.at + 2 * DAY for row in one.sales] == [row.at for row in other.sales]
        assert [row.expires_at + 2 * DAY for row in one.fee_rows] == [row.expires_at for row in other.fee_rows]
        assert [dates(row, 2 * DAY) for row in one.offers] == [dates(row, 0) for row in other.offers]
    assert [row.appeared_at + 2 * DAY for row in aged.bargains("cs2")] == [row.appeared_at for row in waited.bargains("cs2")]
    assert dict(aged.fee_rows("cs2")) == {title.title: row for title in old if title.game == "cs2" for row in title.fee_rows}


def dates(row: Offer, later: int) -> tuple[str, int, int | None, int | None]:
    ends = (None if at is None else at + later for at in (row.unlock_at, row.revert_until))
    return row.offer_id, row.created_at + later, *ends


def test_an_aged_market_finds_what_the_later_one_finds() -> None:
    aged, waited = (market(5, 40, GAMES, crossed="rich") for _ in range(2))
    aged.age(DAY)
    now, then = answer(aged, BORN + 60), answer(waited, BORN + DAY + 60)
    assert (now.totals, now.refused) == (then.totals, then.refused)
    assert [one["title"] for one in now.opportunities] == [one["title"] for one in then.opportunities]


@pytest.mark.parametrize(
    ("method", "body", "peer", "status"),
    [
        ("POST", {"seconds": 60}, "127.0.0.1", 200),
        ("POST", {"seconds": 60}, "::1", 200),
        ("POST", {"seconds": 60}, "10.0.0.1", 403),
        ("POST", {"seconds": 60}, "::", 403),
        ("GET", {"seconds": 60}, "127.0.0.1", 405),
        ("POST", {"seconds": 0}, "127.0.0.1", 400),
        ("POST", {"seconds": -5}, "127.0.0.1", 400),
        ("POST", {"seconds": True}, "127.0.0.1", 400),
        ("POST", {"seconds": 1.5}, "127.0.0.1", 400),
        ("POST", {"seconds": "60"}, "127.0.0.1", 400),
        ("POST", {"seconds": control.MOST_S + 1}, "127.0.0.1", 400),
        ("POST", {}, "127.0.0.1", 400),
        ("POST", [], "127.0.0.1", 400),
    ],
)
def test_the_control_call_takes_whole_seconds_from_loopback_only(method: str, body: object, peer: str, status: int) -> None:
    world = market()
    sandbox = Sandbox(world, Hands().clock())
    response = sandbox.respond(Request(method, "/sandbox/age", {}, json.dumps(body).encode(), peer))
    assert response.status == status
    assert world.aged == (60 if status == 200 else 0)
    assert not sandbox.log


def test_a_body_that_is_no_json_is_refused() -> None:
    sandbox = Sandbox(market(), Hands().clock())
    assert sandbox.respond(Request("POST", "/sandbox/age", {}, b"soon")).status == 400


def test_a_still_market_does_not_age() -> None:
    world = World(7, BORN, 20, ("cs2",))
    sandbox = Sandbox(world, Hands().clock())
    assert sandbox.respond(Request("POST", "/sandbox/age", {}, b'{"seconds": 60}')).status == 409
    assert states(world, BORN + DAY) == states(World(7, BORN, 20, ("cs2",)), BORN)


def test_every_game_lives() -> None:
    world = market(3, 40, GAMES)
    before = {game: list(world.titles_of(game, BORN)) for game in GAMES}
    assert all(before[game] != list(world.titles_of(game, BORN + DAY)) for game in IDS)

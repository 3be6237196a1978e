"""Scans that follow each other on one history: what the next one need not ask again, and that it says the same as one that asks.

Requests go through the real client into a sandbox. The date stands still, or moves with every request; a test moves it on.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

import pytest
from msgspec import structs

from dmscan.clock import Clock
from dmscan.core.memory import Known, SweepState
from dmscan.core.models import Exit, Game
from dmscan.core.outlook import put_off_until
from dmscan.core.report import ScanReport, ScanRequest
from dmscan.core.rules import price_bands
from dmscan.core.units import SAMPLE
from dmscan.errors import ExitCode, HistoryError
from dmscan.history.store import History, ScanEnd, ScanStart, open_history
from dmscan.render.text import visible
from dmscan.sandbox.endpoints import cursor_at
from dmscan.sandbox.faults import Faults
from dmscan.sandbox.respond import READING, TARGETS
from dmscan.sandbox.server import Request, Response, Sandbox
from dmscan.sandbox.state import Offer, Target, Title
from dmscan.sandbox.truth import Question
from dmscan.sandbox.world import World, is_valid
from dmscan.scanner import SIDE_BY_SIDE, Scan

from balance import unaccounted
from inprocess import Quietly, market_on, printed, truth_of
from make import make_request, make_rules

NOW = 1_795_500_000
MINUTE, HOUR, DAY = 60, 3600, 86_400
TITLES = 250
PRICES, FEES, SALES, BIDS, OFFERS = "aggregated-prices", "customized-fees", "last-sales", "targets-by-title", "v2/offers"

WHOLE = make_request(deadline_s=0)
EVERYTHING = Question(games=("cs2",))
"""All of CS2 without a budget, and what that means to the truth."""
LEVEL = make_request(deadline_s=0, levels=("standard",), rules=make_rules(bands=price_bands(("standard",))))
STANDARD = Question(games=("cs2",), levels=("standard",))
PLENTY = structs.replace(WHOLE, max_requests=10**6)
"""A budget that suffices for everything."""


class Shop(World):
    """A market of CS2 from which titles can be hidden, and that can be changed."""

    def __init__(self, titles: int = TITLES, seed: int = 3) -> None:
        super().__init__(seed, NOW, titles, ("cs2",), crossed="rich")
        self._hidden: frozenset[str] = frozenset()

    def hide(self, *titles: str) -> None:
        self._hidden = frozenset(titles)
        self.version += 1

    def names(self, game: str) -> tuple[str, ...]:
        return tuple(name for name in super().names(game) if name not in self._hidden)

    def is_listed(self, game: str, name: str) -> bool:
        return super().is_listed(game, name) and name not in self._hidden

    def of(self, title: str) -> Title:
        found = self.title("cs2", title)
        assert found
        return found

    def change(self, title: str, **changes: Any) -> None:
        self.put(replace(self.of(title), **changes))


class Call(NamedTuple):
    """One request: the titles that it names, and where a list goes on."""

    endpoint: str
    titles: tuple[str, ...]
    cursor: str = ""


def call_of(request: Request) -> Call:
    if request.path.startswith(TARGETS):
        return Call(BIDS, (unquote(request.path.rpartition("/")[2]),))
    endpoint = READING[request.path][1]
    if endpoint == PRICES:
        body = json.loads(request.body)
        return Call(endpoint, tuple(body["filter"].get("titles") or ()), body.get("cursor") or "")
    query = parse_qs(request.target.partition("?")[2])
    return Call(endpoint, tuple(query.get("title", ())), "".join(query.get("cursor", ())))


class Watched(Sandbox):
    """Keeps the calls; `before` is told of each one that is about to be answered."""

    calls: list[Call]
    before: Callable[[Call], None] = staticmethod(lambda _: None)

    def respond(self, request: Request) -> Response:
        call = call_of(request)
        self.before(call)
        self.calls.append(call)
        return super().respond(request)


class Visit(NamedTuple):
    """One scan and what it asked."""

    report: ScanReport
    calls: list[Call]

    def to(self, *endpoints: str) -> list[Call]:
        return [call for call in self.calls if call.endpoint in endpoints]

    def asked(self, *endpoints: str) -> list[str]:
        """Titles in the order in which they were first asked for."""
        return list(dict.fromkeys(title for call in self.to(*endpoints) for title in call.titles))

    @property
    def pages(self) -> list[Call]:
        """The calls that read the catalogue."""
        return [call for call in self.to(PRICES) if not call.titles]

    @property
    def again(self) -> list[Call]:
        """The calls that ask of a title what was asked before."""
        seen = Counter(call for call in self.calls if call.titles)
        return [call for call in seen for _ in range(seen[call] - 1)]

    @property
    def found(self) -> set[str]:
        return {one.title for one in self.report.opportunities}


class Street:
    """A market, a history and a date that moves `step` seconds with every request."""

    def __init__(self, path: Path, shop: Shop | None = None, step: float = 0) -> None:
        self.path, self.now, self.step, self.shop = path, float(NOW), step, shop or Shop()
        self.clock = Clock(now=lambda: self.now)
        self.market = self._opened()
        self.reports: list[ScanReport] = []
        self.meanwhile: Callable[[Call], None] = lambda _: None

    async def scan(self, request: ScanRequest = WHOLE, *, signed: bool = True, troubled: tuple[str, ...] = ()) -> Visit:
        """As a process of its own, stored like one; no title is lost, and no endpoint fails but those `troubled`."""
        self.market = self._opened()
        market = market_on(self.market, self.clock, signed=signed, max_requests=request.max_requests)
        async with open_history(self.path, "sandbox", self.clock) as history:
            report = await Scan(request, market, self.clock, Quietly(), history.memory).run(f"scan-{self.now}", "sandbox")
            await market.close()
            self.reports.append(report)
            await self._store(history, report)
        assert unaccounted(report) == {}
        assert {trouble.endpoint for trouble in report.troubles} <= {*troubled}
        return Visit(report, self.market.calls)

    def _opened(self) -> Watched:
        market = Watched(self.shop, self.clock, rate=10**9)
        market.calls, market.before = [], self._before
        return market

    async def _store(self, history: History, report: ScanReport) -> None:
        await history.memory.flush()
        await history.record(ScanStart(report.scan_id, report.started_at, "{}", "0"), report, ScanEnd(report.exit_code(), "{}"))

    async def known(self) -> dict[str, Known]:
        async with open_history(self.path, "sandbox", self.clock) as history:
            return {known.quote.title: known for known in await history.memory.known(Game.CS2)}

    async def note_sweep(self, state: SweepState) -> None:
        async with open_history(self.path, "sandbox", self.clock) as history:
            history.memory.note_sweep(Game.CS2, state)
            await history.memory.flush()

    def _before(self, call: Call) -> None:
        self.now += self.step
        self.meanwhile(call)

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def true(self, question: Question = EVERYTHING) -> tuple[Any, ...]:
        answer = truth_of(self.market, question, int(self.now))
        rows = [one | {"title": visible(one["title"])} for one in answer.opportunities]
        return rows, answer.seen, answer.refused


def said(visit: Visit) -> tuple[Any, ...]:
    """What a complete scan printed, in the terms of `Street.true`."""
    report = visit.report
    assert (report.complete, report.coverage) == (True, 1)
    refused = {f"{entry}.{exit_}": sum(reasons.values()) for (entry, exit_), reasons in report.rejected.items()}
    return printed(report), report.stats.titles, refused


def bought(visit: Visit) -> dict[tuple[str, ...], list[tuple[str, int]]]:
    """What is bought and at which price it is sold."""
    return {one.key: [(leg.offer.offer_id, leg.sell) for leg in one.legs if leg.offer] for one in visit.report.opportunities}


@pytest.fixture
def street(tmp_path: Path) -> Street:
    return Street(tmp_path / "history.db")


# --- a market that stands still -----------------------------------------------------------------------------------------------


async def test_a_second_scan_of_a_still_market_says_the_same_for_far_fewer_calls(street: Street):
    first = await street.scan()
    assert said(first) == street.true()
    assert len(first.pages) == 3
    street.wait(10 * MINUTE)
    second = await street.scan()
    assert said(second) == street.true()
    assert bought(second) == bought(first) != {}
    assert (second.pages, second.to(FEES), second.to(SALES)) == ([], [], [])
    assert second.report.stats.cache_hits > 0
    assert 4 * len(second.calls) < len(first.calls)


async def test_what_was_refused_on_the_same_quote_is_asked_again_when_its_answers_are_too_old_and_no_sooner(street: Street):
    first = await street.scan()
    refused = set(first.asked(BIDS, OFFERS)) - first.found
    assert len(refused) > 10
    for _ in range(3):
        street.wait(10 * MINUTE)
        again = await street.scan()
        assert said(again) == street.true()
        assert first.found <= set(again.asked(BIDS, OFFERS))
        assert len(refused & set(again.asked(BIDS, OFFERS))) <= again.report.stats.pass_if_renewed
    street.wait(1)
    assert refused <= set((await street.scan()).asked(BIDS, OFFERS))


async def test_a_changed_quote_makes_a_refused_title_worth_asking_again(street: Street):
    first = await street.scan()
    name = next(name for name in first.asked(OFFERS) if name not in first.found and len(street.shop.of(name).offers) > 2)
    street.shop.put(replace(street.shop.of(name), offers=street.shop.of(name).offers[1:]))
    street.wait(MINUTE)
    assert name in (await street.scan()).asked(OFFERS)


async def test_other_rules_ask_again_what_was_refused(street: Street):
    first = await street.scan()
    refused = set(first.asked(OFFERS)) - first.found
    other = await street.scan(structs.replace(WHOLE, rules=make_rules(min_profit=4)))
    assert refused <= set(other.asked(OFFERS))


@pytest.mark.parametrize(("age", "deadline_s", "again"), [(1800, 0, False), (1801, 0, True), (1500, 300, False), (1501, 300, True)])
async def test_sales_are_asked_again_if_they_could_be_too_old_by_the_end(street: Street, age: int, deadline_s: int, again: bool):
    await street.scan()
    street.wait(age)
    second = await street.scan(structs.replace(WHOLE, deadline_s=deadline_s))
    assert bool(second.to(SALES)) is again
    assert {one.title for one in second.report.opportunities if one.exit is Exit.RELIST} <= {*second.asked(SALES)} or not again


async def test_fees_are_asked_again_on_the_next_day(street: Street):
    await street.scan()
    street.wait(DAY - NOW % DAY - 1)
    assert (await street.scan()).to(FEES) == []
    street.wait(1)
    assert (await street.scan()).to(FEES) != []


# --- a market that moves ------------------------------------------------------------------------------------------------------


def ask_of(shop: Shop, title: str) -> int:
    return shop.quote("cs2", title, include_p2p=False).ask or 0


def new_offer(title: str, price: int) -> Offer:
    return Offer(f"new {title}", max(1, price), NOW)


def shake(shop: Shop, low: int, high: int) -> list[str]:
    """A third of the titles with asks between these cents lose offers or targets, or get better ones."""
    chance = Random(8)
    shaken = [title for title in shop.names("cs2") if is_valid(title) and low <= ask_of(shop, title) <= high and chance.random() < 1 / 3]
    for title in shaken:
        state, ask = shop.of(title), ask_of(shop, title)
        change = chance.choice(
            (
                {"offers": []},
                {"targets": []},
                {"offers": [*state.offers, new_offer(title, 7 * ask // 10)]},
                {"targets": [*state.targets, Target(13 * ask // 10, 2)]},
            )
        )
        shop.change(title, **change)
    return shaken


@pytest.mark.parametrize(
    ("request_", "question", "low", "high"), [(WHOLE, EVERYTHING, 25, 10**9), (LEVEL, STANDARD, 150, 1998)], ids=["all prices", "a level"]
)
async def test_a_second_scan_of_a_changed_market_says_what_is_true_now(
    street: Street, request_: ScanRequest, question: Question, low: int, high: int
):
    before = said(await street.scan(request_))
    street.wait(10 * MINUTE)
    assert len(shake(street.shop, low, high)) > 20
    second = await street.scan(request_)
    assert said(second) == street.true(question) != before
    assert second.pages == []


async def test_titles_far_from_the_prices_asked_for_are_not_asked_again(street: Street):
    await street.scan(LEVEL)
    street.wait(10 * MINUTE)
    second = await street.scan(LEVEL)
    assert 0 < len(second.asked(PRICES)) < 2 * TITLES / 3
    titles = {*filter(is_valid, street.shop.names("cs2"))}
    assert not any(150 <= ask_of(street.shop, title) <= 1998 for title in titles - {*second.asked(PRICES)})
    assert second.report.stats.titles == len(titles)


async def test_a_fresh_scan_uses_nothing_remembered(street: Street):
    before = said(await street.scan())
    street.wait(10 * MINUTE)
    for title in shake(street.shop, 0, 10**9)[::2]:
        street.shop.change(title, sales=street.shop.of(title).sales[::2], fee_rows=[])
    fresh = await street.scan(structs.replace(WHOLE, fresh=True))
    assert said(fresh) == street.true() != before
    assert len(fresh.pages) == 3
    assert fresh.to(FEES)
    assert fresh.report.stats.cache_hits == 0


async def test_what_a_fresh_scan_learns_is_remembered(street: Street):
    await street.scan()
    shake(street.shop, 25, 10**9)
    street.wait(HOUR)
    await street.scan(structs.replace(WHOLE, fresh=True))
    street.wait(10 * MINUTE)
    third = await street.scan()
    assert (third.pages, third.to(FEES), third.to(SALES)) == ([], [], [])
    assert said(third) == street.true()


def lasting_finds(street: Street, seconds: int) -> list[str]:
    """Titles without a reduced fee that are found now, and still will be after some seconds if nothing changes."""
    rows = [truth_of(street.market, EVERYTHING, at).opportunities for at in (int(street.now), int(street.now) + seconds)]
    lasting = set.intersection(*({row["title"] for row in each} for each in rows))
    return sorted(title for title in lasting if not street.shop.of(title).fee_rows)


async def test_the_next_full_sweep_finds_new_titles_and_misses_those_that_vanished(street: Street):
    newcomer, leaver = lasting_finds(street, WHOLE.full_sweep_every_s)[:2]
    far = next(title for title in filter(is_valid, street.shop.names("cs2")) if 0 < ask_of(street.shop, title) < 25)
    street.shop.hide(newcomer)
    first = await street.scan()
    assert leaver in first.found
    street.shop.hide(leaver, far)
    street.wait(WHOLE.full_sweep_every_s - 1)
    second = await street.scan()
    assert second.pages == []
    assert not {newcomer, leaver} & second.found
    street.wait(1)
    third = await street.scan()
    assert len(third.pages) == 3
    assert newcomer in third.found
    assert said(third) == street.true()


# --- who can wait -------------------------------------------------------------------------------------------------------------


def hopeless(visit: Visit) -> set[str]:
    """Titles that were asked for nothing but sales, and refused for them."""
    return {*visit.asked(SALES)} - {*visit.asked(BIDS, OFFERS)}


async def test_under_a_budget_titles_without_hope_cost_no_call_and_count_as_judged(street: Street):
    waiting = hopeless(await street.scan())
    street.wait(HOUR)
    second = await street.scan(PLENTY)
    assert len(waiting) > 100
    assert not waiting & {*second.asked(SALES)}
    assert second.report.stats.judged == second.report.stats.candidates > len(waiting)
    assert said(second) == street.true()


async def test_without_a_budget_nobody_is_put_off(street: Street):
    waiting = hopeless(await street.scan())
    street.wait(HOUR)
    assert waiting <= {*(await street.scan()).asked(SALES)}


async def test_who_was_put_off_is_asked_when_new_sales_can_be_expected_and_everybody_after_a_week(street: Street):
    waiting = hopeless(await street.scan())
    known = await street.known()
    until = {title: put_off_until(sales) for title in waiting if (sales := known[title].sales)}
    first = min(until, key=lambda title: until[title])
    street.now = until[first] - 1
    assert first not in (await street.scan(PLENTY)).asked(SALES)
    street.now = until[first]
    assert first in (await street.scan(PLENTY)).asked(SALES)
    street.now = NOW + 7 * DAY
    assert {title for title in waiting if until[title] > until[first]} <= {*(await street.scan(PLENTY)).asked(SALES)}


async def test_a_cheaper_ask_ends_the_wait(street: Street):
    waiting = hopeless(await street.scan())
    enough = {
        title: sales.best_q40 or 0 for title, known in (await street.known()).items() if (sales := known.sales) and sales.qualified >= 8
    }
    title = max(waiting & enough.keys(), key=lambda title: enough[title])
    street.shop.change(title, offers=[new_offer(title, 60)])
    street.wait(HOUR)
    assert title in (await street.scan(PLENTY)).asked(SALES)


@pytest.mark.parametrize(("age", "is_open"), [(DAY, True), (DAY + 1, False)])
async def test_open_episodes_are_confirmed_first_for_a_day(street: Street, age: int, is_open: bool):
    episodes = (await street.scan()).found
    street.wait(age)
    asked = (await street.scan()).asked(SALES, BIDS, OFFERS)
    assert len(asked) > 3 * len(episodes)
    assert (episodes <= {*asked[: len(episodes) + SIDE_BY_SIDE]}) is is_open


# --- sweeps that were cut -----------------------------------------------------------------------------------------------------


ONE_PAGE = structs.replace(WHOLE, max_requests=2, fee=Fraction(7, 100))
"""Of two calls one may go to the sweep."""


async def test_a_sweep_cut_by_a_budget_goes_on_where_it_was_cut(street: Street):
    cut = [await street.scan(ONE_PAGE, troubled=("",)) for _ in range(2)]  # two of a page's titles cannot be read
    assert [[page.cursor for page in visit.pages] for visit in cut] == [[""], [cursor_at(100)]]
    assert [visit.report.complete for visit in cut] == [False, False]
    names = street.shop.names("cs2")
    assert [visit.report.stats.titles for visit in cut] == [sum(map(is_valid, names[start : start + 100])) for start in (0, 100)]
    street.wait(10 * MINUTE)
    whole = await street.scan()
    assert [page.cursor for page in whole.pages] == [cursor_at(200)]
    assert {*names[:200]} >= {*whole.asked(PRICES)}
    assert said(whole) == street.true()
    assert (await street.scan()).pages == []


async def test_a_fresh_scan_begins_at_the_beginning_wherever_the_last_sweep_was_cut(street: Street):
    await street.scan(ONE_PAGE)
    fresh = await street.scan(structs.replace(WHOLE, fresh=True))
    assert [page.cursor for page in fresh.pages] == ["", cursor_at(100), cursor_at(200)]
    assert said(fresh) == street.true()


async def test_a_cursor_that_the_market_no_longer_accepts_leads_back_to_the_beginning(street: Street):
    await street.scan()
    street.wait(10 * MINUTE)
    await street.note_sweep(SweepState(NOW, "of another edition"))
    second = await street.scan()
    assert [page.cursor for page in second.pages] == ["of another edition", "", cursor_at(100), cursor_at(200)]
    assert said(second) == street.true()


async def test_a_cursor_beyond_the_end_of_a_shorter_catalogue_loses_no_title(street: Street):
    await street.scan()
    street.wait(10 * MINUTE)
    await street.note_sweep(SweepState(NOW, cursor_at(10 * TITLES)))
    second = await street.scan()
    assert len(second.pages) == 1
    assert said(second) == street.true()


async def test_a_budget_that_ends_among_batches_loses_none_that_was_answered(street: Street):
    await street.scan()
    street.wait(10 * MINUTE)
    second = await street.scan(structs.replace(WHOLE, max_requests=4))
    assert len(second.to(PRICES)) == 2
    assert len(second.asked(PRICES)) == 200
    assert second.report.stats.titles >= 200


@pytest.mark.parametrize("table", ["sweeps", "sales"])
async def test_a_history_that_lost_a_part_costs_calls_and_no_find(street: Street, table: str):
    first = await street.scan()
    with closing(sqlite3.connect(street.path)) as connection:
        connection.execute(f"DROP TABLE {table}")
    with pytest.raises(HistoryError):
        await street.scan()
    second = Visit(street.reports[-1], street.market.calls)
    assert second.pages if table == "sweeps" else second.to(SALES)
    assert said(second) == said(first)


# --- titles by name -----------------------------------------------------------------------------------------------------------


async def test_titles_named_outright_cost_one_call(street: Street):
    named = tuple(sorted(one["title"] for one in street.true()[0])[:2])
    visit = await street.scan(structs.replace(WHOLE, titles=named))
    assert visit.to(PRICES) == [Call(PRICES, named)]
    assert visit.report.stats.titles == 2
    assert said(visit)[0] == street.true(replace(EVERYTHING, titles=named))[0] != []


@pytest.mark.parametrize("known", [0, 1])
async def test_a_name_that_the_market_does_not_know_leads_to_the_whole_catalogue(street: Street, known: int):
    titles = (*sorted(one["title"] for one in street.true()[0])[:known], "No Such Title")
    visit = await street.scan(structs.replace(WHOLE, titles=titles))
    assert visit.to(PRICES)[0] == Call(PRICES, titles)
    assert len(visit.pages) == 3
    assert said(visit) == street.true(replace(EVERYTHING, titles=titles))


async def test_a_glob_is_never_sent(street: Street):
    visit = await street.scan(structs.replace(WHOLE, titles=("*redline*",)))
    assert visit.to(PRICES) == visit.pages
    assert said(visit) == street.true(replace(EVERYTHING, titles=("*redline*",)))


# --- the second look ----------------------------------------------------------------------------------------------------------


LOOKED_AGAIN = structs.replace(WHOLE, recheck_s=30)


@pytest.fixture
def busy(tmp_path: Path) -> Street:
    """Every request takes a second."""
    return Street(tmp_path / "busy.db", step=1)


def on_second_look(street: Street, change: Callable[[str], None]) -> None:
    """`change` is told each title that is about to be asked for again, once."""
    changed: set[str] = set()

    def meanwhile(call: Call) -> None:
        if call in street.market.calls and not changed.issuperset(call.titles):
            changed.update(call.titles)
            change(*call.titles)

    street.meanwhile = meanwhile


async def test_what_is_gone_at_the_second_look_is_dropped_counted_and_refused(busy: Street, street: Street):
    calm = (await street.scan()).report.opportunities
    on_second_look(busy, lambda title: busy.shop.change(title, offers=[]))
    visit = await busy.scan(LOOKED_AGAIN)
    gone = {title for call in visit.again for title in call.titles}
    assert gone
    assert visit.found == {one.title for one in calm} - gone
    assert visit.report.stats.gone_at_recheck == sum(one.title in gone for one in calm)


async def test_what_changed_by_the_second_look_is_shown_as_it_is_then(busy: Street):
    def dearer(title: str) -> None:
        busy.shop.change(title, offers=[replace(offer, price=offer.price + 1) for offer in busy.shop.of(title).offers])

    on_second_look(busy, dearer)
    visit = await busy.scan(LOOKED_AGAIN)
    again = {title for call in visit.again for title in call.titles}
    assert again & visit.found
    for one in visit.report.opportunities:
        now = {offer.offer_id: offer.price for offer in busy.shop.of(one.title).offers}
        assert [now[leg.offer.offer_id] for leg in one.legs if leg.offer] == [leg.ask for leg in one.legs]


async def test_the_second_look_begins_with_the_best_and_costs_at_most_a_tenth_of_the_calls(busy: Street):
    await busy.scan()
    busy.wait(10 * MINUTE)
    visit = await busy.scan(structs.replace(LOOKED_AGAIN, recheck_s=5))
    again = [title for call in visit.again for title in call.titles]
    assert 0 < 10 * len(again) <= len(visit.calls) - len(again)
    assert {call.endpoint for call in visit.again} <= {BIDS, OFFERS}
    assert visit.report.opportunities[0].title in again


@pytest.mark.parametrize("budget", [80, 100, 140])
async def test_a_budget_that_ends_in_the_second_look_costs_no_find(busy: Street, budget: int):
    visit = await busy.scan(structs.replace(LOOKED_AGAIN, recheck_s=5, max_requests=budget))
    assert visit.again
    assert visit.found
    assert (len(visit.calls), visit.report.stats.gone_at_recheck) == (budget, 0)


async def test_a_find_that_cannot_be_looked_at_again_is_kept_and_the_trouble_told(busy: Street):
    def refuse(_: str) -> None:
        busy.market.faults = Faults({BIDS: "redirect", OFFERS: "redirect"})

    calm = await busy.scan()
    on_second_look(busy, refuse)
    busy.wait(10 * MINUTE)
    visit = await busy.scan(structs.replace(LOOKED_AGAIN, recheck_s=5), troubled=(BIDS, OFFERS))
    assert visit.again
    assert visit.found == calm.found
    assert visit.report.exit_code() is ExitCode.PARTIAL


async def test_only_what_is_older_than_asked_for_is_looked_at_again(busy: Street):
    assert (await busy.scan(structs.replace(WHOLE, recheck_s=10**6))).again == []
    assert (await busy.scan(WHOLE)).again == []


async def test_a_second_look_within_seconds_asks_the_market_and_not_a_cache(street: Street):
    street.step = 0.05
    visit = await street.scan(structs.replace(WHOLE, recheck_s=0))
    assert street.now < NOW + 20
    assert visit.again


async def test_relists_held_back_until_their_units_are_proved_are_looked_at_too(tmp_path: Path):
    busy = Street(tmp_path / "few.db", Shop(18, seed=9), step=2)
    visit = await busy.scan(structs.replace(WHOLE, exits=(Exit.RELIST,), recheck_s=1))
    assert len(visit.to(SALES)) < SAMPLE
    assert visit.again


async def test_a_find_on_the_quote_alone_has_nothing_to_look_at_again(busy: Street):
    request = structs.replace(LOOKED_AGAIN, exits=(Exit.INSTANT,))
    visit = await busy.scan(request, signed=False)
    assert visit.found
    assert visit.again == []

from __future__ import annotations

import asyncio
import gc
import itertools
import json
from collections import Counter
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmscan.clock import Clock
from dmscan.core.models import Game, SaleKind
from dmscan.errors import MarketError, MarketRefused
from dmscan.market.cache import MOST_QUOTES, CachedMarket, Elapsed, Kept, Span
from dmscan.market.client import Market

from market_fakes import NOW, TITLE, UNHURRIED, reply, sample, transport_for

MIDNIGHT = NOW - NOW % 86_400 + 86_400
OTHER = "AWP | Asiimov (Battle-Scarred)"
NAMES = ("fees", "sales", "offers", "targets")
SECONDS = {"sales": 1800, "offers": 20, "targets": 20}


class Hands:
    """A clock whose time and date are moved by hand."""

    def __init__(self, date: float = NOW) -> None:
        self.time, self.date = 1000.0, date
        self.clock = Clock(now=lambda: self.date, monotonic=lambda: self.time)

    def move(self, seconds: float) -> None:
        self.time += seconds
        self.date += seconds


class Desk:
    """Answers every endpoint, `gate` open; each offer costs as many cents as questions were asked; `status` spoils the next answers."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.came = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.status = 200
        self.sides = {TITLE: (100, 90, 5, 4)}

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        name = next(name for name in WAYS if WAYS[name] in request.url.path)
        self.asked[name] += 1
        number = self.asked.total()
        self.last = request
        self.came.set()
        await self.gate.wait()
        kind = request.url.params.get("txOperationType", "")
        return reply(sample("error-runtime-400"), self.status) if self.status != 200 else reply(self._body(name, number, kind))

    def _body(self, name: str, number: int, kind: str) -> dict[str, Any]:
        offer = {"offerId": str(number), "priceCents": number, "locked": False, "attributes": {"title": TITLE, "gameId": "a8db"}}
        return {
            "fees": {"defaultFee": {"fraction": "0.1", "minAmount": number}, "reducedFees": []},
            "sales": {"sales": [{"price": "1.00", "date": str(NOW - number), "txOperationType": kind}]},
            "offers": {"items": [offer], "cursor": ""},
            "targets": {"orders": [{"amount": "1", "price": str(number), "title": TITLE, "attributes": {}}]},
            "quotes": {"aggregatedPrices": [_quote(title, *sides) for title, sides in self.sides.items()], "nextCursor": ""},
            "balance": json.loads(sample("balance")),
        }[name]


WAYS = {
    "fees": "customized-fees",
    "sales": "last-sales",
    "offers": "v2/offers",
    "targets": "targets-by-title",
    "quotes": "aggregated-prices",
    "balance": "balance",
}


def _quote(title: str, ask: int, bid: int, ask_count: int, bid_count: int) -> dict[str, Any]:
    best = {"offerBestPrice": {"Currency": "USD", "Amount": str(ask)}, "orderBestPrice": {"Currency": "USD", "Amount": str(bid)}}
    return {"title": title, "offerCount": str(ask_count), "orderCount": str(bid_count)} | best


class Scene(SimpleNamespace):
    desk: Desk
    hands: Hands
    market: CachedMarket

    async def ask(self, name: str, game: Game = Game.CS2, title: str = TITLE) -> Any:
        return await (self.market.fees(game) if name == "fees" else getattr(self.market, name)(game, title))

    async def look(self, way: str = "quotes") -> None:
        if way == "quotes":
            # In another batch each time, because the same one is kept for a while.
            await self.market.quotes(Game.CS2, [*self.desk.sides, f"unheard of {self.desk.asked['quotes']}"])
        else:
            assert [page async for page in self.market.catalogue(Game.CS2)]

    async def started(self, name: str, count: int = 1) -> list[asyncio.Task[Any]]:
        """So many who wait for one answer that is held back."""
        self.desk.gate.clear()
        self.desk.came.clear()
        tasks = [asyncio.create_task(self.ask(name)) for _ in range(count)]
        await self.desk.came.wait()
        return tasks


@pytest.fixture
async def scene():
    desk, hands = Desk(), Hands()
    market = CachedMarket(Market(transport_for(desk)), hands.clock)
    yield Scene(desk=desk, hands=hands, market=market)
    await market.close()


# Kept for a while


@pytest.mark.parametrize("name", NAMES)
async def test_what_was_asked_is_not_asked_again(scene: Scene, name: str):
    first = await scene.ask(name)
    assert await scene.ask(name) is first
    assert scene.desk.asked == {name: 1}
    assert (scene.market.hits, scene.market.misses) == (1, 1)


@pytest.mark.parametrize("name", SECONDS)
async def test_an_answer_is_good_for_its_time_and_no_longer(scene: Scene, name: str):
    first = await scene.ask(name)
    scene.hands.move(SECONDS[name] - 0.1)
    assert await scene.ask(name) is first
    scene.hands.move(0.1)
    assert await scene.ask(name) != first
    assert (scene.market.hits, scene.market.misses) == (1, 2)


async def test_fees_are_good_until_the_day_ends(scene: Scene):
    scene.hands.date = MIDNIGHT
    first = await scene.ask("fees")
    scene.hands.move(86_399)
    assert await scene.ask("fees") is first
    scene.hands.move(1)
    assert await scene.ask("fees") != first


async def test_fees_asked_before_midnight_are_asked_anew_after_it(scene: Scene):
    scene.hands.date = MIDNIGHT - 1
    (asking,) = await scene.started("fees")
    scene.hands.move(2)
    scene.desk.gate.set()
    before = await asking
    assert await scene.ask("fees") is not before
    assert scene.desk.asked["fees"] == 2


@pytest.mark.parametrize("name", SECONDS)
async def test_a_machine_that_slept_an_hour_asks_anew(scene: Scene, name: str):
    """While it sleeps, its date moves on and its monotonic time stands still."""
    await scene.ask(name)
    scene.hands.date += 3600
    await scene.ask(name)
    assert scene.desk.asked[name] == 2


@pytest.mark.parametrize("name", SECONDS)
async def test_a_date_set_back_keeps_nothing_fresh(scene: Scene, name: str):
    await scene.ask(name)
    scene.hands.date -= 3600
    scene.hands.move(SECONDS[name])
    await scene.ask(name)
    assert scene.desk.asked[name] == 2


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(-99, 99))))
@UNHURRIED
def test_no_less_goes_by_than_time_or_date_say(steps: list[tuple[int, int]]):
    hands = Hands()
    elapsed = Elapsed(hands.clock)
    readings = [0.0]
    for time, date in steps:
        hands.time += time
        hands.date += date
        readings.append(elapsed())
    gone = [after - before for before, after in itertools.pairwise(readings)]
    assert all(seconds >= time and seconds >= date for seconds, (time, date) in zip(gone, steps, strict=True))
    assert sum(gone) <= sum(max(time, date) for time, date in steps)


# One question in flight


@pytest.mark.parametrize("name", NAMES)
async def test_fifty_who_ask_the_same_ask_once(scene: Scene, name: str):
    tasks = await scene.started(name, 50)
    scene.desk.gate.set()
    answers = await asyncio.gather(*tasks)
    assert all(answer is answers[0] for answer in answers)
    assert scene.desk.asked == {name: 1}
    assert (scene.market.hits, scene.market.misses) == (49, 1)


@pytest.mark.parametrize("who", [0, 1, 2])
async def test_who_is_cancelled_leaves_the_answer_to_the_others(scene: Scene, who: int):
    tasks = await scene.started("offers", 3)
    tasks[who].cancel()
    await asyncio.wait({tasks[who]})
    scene.desk.gate.set()
    others = [task for task in tasks if task is not tasks[who]]
    assert [len((await task).value) for task in others] == [1, 1]
    assert tasks[who].cancelled()
    assert scene.desk.asked["offers"] == 1


async def test_what_nobody_waits_for_any_more_is_given_up(scene: Scene):
    tasks = await scene.started("offers", 3)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    (again,) = await scene.started("offers")
    scene.desk.gate.set()
    assert (await again).value[0].price == 2
    assert (scene.market.hits, scene.market.misses) == (2, 2)


async def test_who_comes_while_a_question_is_being_given_up_asks_anew():
    kept = Kept[str](Span(4, 4), lambda: 0.0)
    told, cleaned, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        try:
            return await asyncio.Event().wait() and ""
        finally:
            told.set()
            await cleaned.wait()
            over.set()

    asking = asyncio.create_task(kept.get(("a",), slow))
    await asyncio.sleep(0.001)
    asking.cancel()
    await told.wait()
    assert await kept.get(("a",), answers("new")) == "new"
    cleaned.set()
    await over.wait()
    assert await kept.get(("a",), answers("newer")) == "new"
    assert asking.cancelled()


def answers(text: str) -> Callable[[], Coroutine[Any, Any, str]]:
    async def ask() -> str:
        return text

    return ask


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4))))
@UNHURRIED
def test_kept_answers_are_those_of_a_plain_list_of_when_each_was_asked(steps: list[tuple[str, int]]):
    time = 0
    asked: dict[str, int] = {}

    async def play() -> None:
        nonlocal time
        kept = Kept[str](Span(3, 5), lambda: time)
        for key, pause in steps:
            time += pause
            if time - asked.get(key, -5) >= 5:
                asked[key] = time
            assert await kept.get((key,), answers(f"{key}{time}")) == f"{key}{asked[key]}"

    with asyncio.Runner() as runner:
        runner.run(play())


# Errors


@pytest.mark.parametrize("name", NAMES)
async def test_an_error_reaches_all_who_wait_and_is_not_kept(scene: Scene, name: str):
    scene.desk.status = 401
    tasks = await scene.started(name, 5)
    scene.desk.gate.set()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in errors] == [MarketRefused] * 5
    assert scene.desk.asked[name] == 1
    scene.desk.status = 200
    await scene.ask(name)
    assert scene.desk.asked[name] == 2


async def test_the_first_to_hear_of_an_error_can_ask_anew_at_once(scene: Scene):
    async def insist() -> Any:
        try:
            return await scene.ask("offers")
        except MarketError:
            scene.desk.status = 200
            return await scene.ask("offers")

    scene.desk.status = 401
    scene.desk.gate.clear()
    insisting = asyncio.create_task(insist())
    others = await scene.started("offers", 3)
    scene.desk.gate.set()
    assert (await insisting).value[0].price == 2
    assert all(isinstance(error, MarketRefused) for error in await asyncio.gather(*others, return_exceptions=True))
    assert scene.desk.asked["offers"] == 2


async def test_an_error_that_nobody_waits_for_is_no_news():
    heard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: heard.append(about))
    kept = Kept[str](Span(4, 4), lambda: 0.0)

    async def break_off() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            raise MarketError("The line is dead.")

    asking = asyncio.create_task(kept.get(("a",), break_off))
    await asyncio.sleep(0.001)
    asking.cancel()
    await asyncio.wait({asking})
    await asyncio.sleep(0.001)
    del asking
    gc.collect()
    assert heard == []


# Complete keys


async def test_another_game_title_or_kind_of_sale_is_another_question(scene: Scene):
    for game, title, kind in itertools.product((Game.CS2, Game.DOTA2), (TITLE, OTHER), SaleKind):
        assert [sale.kind for sale in (await scene.market.sales(game, title, kind)).value] == [kind]
    for game, title in itertools.product((Game.CS2, Game.DOTA2), (TITLE, OTHER)):
        await scene.market.fees(game)
        await scene.market.offers(game, title)
        await scene.market.targets(game, title)
    assert scene.desk.asked == {"fees": 2, "sales": 8, "offers": 4, "targets": 4}


async def test_the_quotes_of_a_batch_are_kept_for_fifteen_seconds(scene: Scene):
    batch = [TITLE, OTHER]
    first = await scene.market.quotes(Game.CS2, batch)
    scene.hands.move(14.9)
    assert await scene.market.quotes(Game.CS2, batch) is first
    await scene.market.quotes(Game.CS2, [TITLE])
    await scene.market.quotes(Game.RUST, batch)
    scene.hands.move(0.2)
    await scene.market.quotes(Game.CS2, batch)
    assert scene.desk.asked == {"quotes": 4}
    assert (scene.market.hits, scene.market.misses) == (1, 4)


# What a quote and a re-check drop


@pytest.mark.parametrize("way", ["quotes", "catalogue"])
@pytest.mark.parametrize("sides", [(99, 90, 5, 4), (100, 91, 5, 4), (100, 90, 6, 4), (100, 90, 5, 3)])
async def test_a_changed_quote_drops_the_offers_and_targets_of_its_title_alone(scene: Scene, way: str, sides: tuple[int, ...]):
    scene.desk.sides[OTHER] = (7, 6, 5, 4)
    await scene.look(way)
    for name, title in itertools.product(SECONDS, (TITLE, OTHER)):
        await scene.ask(name, title=title)
    scene.desk.sides[TITLE] = sides
    await scene.look(way)
    before = scene.desk.asked.copy()
    for name, title in itertools.product(SECONDS, (TITLE, OTHER)):
        await scene.ask(name, title=title)
    assert scene.desk.asked - before == {"offers": 1, "targets": 1}


@pytest.mark.parametrize("way", ["quotes", "catalogue"])
async def test_a_quote_that_stayed_drops_nothing_and_is_asked_for_each_time(scene: Scene, way: str):
    await scene.look(way)
    for name in (*NAMES, *NAMES):
        await scene.look(way)
        await scene.ask(name)
    assert scene.desk.asked == dict.fromkeys(NAMES, 1) | {"quotes": 9}


async def test_a_first_quote_is_no_proof_that_offers_asked_before_still_hold(scene: Scene):
    await scene.ask("offers")
    await scene.look()
    await scene.ask("offers")
    assert scene.desk.asked["offers"] == 2


async def test_a_quote_that_changed_and_changed_back_brings_no_old_offers_back(scene: Scene):
    await scene.look()
    await scene.ask("offers")
    for ask in (99, 100):
        scene.desk.sides[TITLE] = (ask, 90, 5, 4)
        await scene.look()
    await scene.ask("offers")
    assert scene.desk.asked["offers"] == 2


@pytest.mark.parametrize("name", ["offers", "targets"])
async def test_a_recheck_asks_anew_even_if_a_question_is_on_its_way(scene: Scene, name: str):
    (early,) = await scene.started(name)
    scene.market.forget(Game.CS2, TITLE)
    (late,) = await scene.started(name)
    scene.desk.gate.set()
    assert [(await task).value[0].price for task in (early, late)] == [1, 2]
    assert await scene.ask(name) is late.result()


async def test_the_first_quote_after_a_recheck_proves_nothing_and_the_second_does(scene: Scene):
    await scene.look()
    scene.market.forget(Game.CS2, TITLE)
    for _ in range(3):
        await scene.ask("offers")
        await scene.look()
    assert scene.desk.asked["offers"] == 2


async def test_a_recheck_leaves_sales_and_other_titles(scene: Scene):
    for title in (TITLE, OTHER):
        await scene.ask("offers", title=title)
        await scene.ask("sales", title=title)
    scene.market.forget(Game.CS2, TITLE)
    scene.market.forget(Game.DOTA2, OTHER)
    before = scene.desk.asked.copy()
    for title in (TITLE, OTHER):
        await scene.ask("offers", title=title)
        await scene.ask("sales", title=title)
    assert scene.desk.asked - before == {"offers": 1}


async def test_a_catalogue_goes_on_from_a_cursor(scene: Scene):
    assert [page.cursor async for page in scene.market.catalogue(Game.CS2, "here")] == [""]
    assert json.loads(scene.desk.last.content)["cursor"] == "here"


# Bounded


async def test_no_more_answers_are_kept_than_allowed_and_those_used_last_stay():
    kept = Kept[str](Span(4, 60), lambda: 0.0)
    for number in range(100):
        await kept.get(("hot",), answers("hot"))
        await kept.get((number,), answers(str(number)))
    assert (kept.hits, kept.misses, len(kept._answers), kept._flights) == (99, 101, 4, {})
    assert [await kept.get((number,), answers("anew")) for number in (97, 98, 99)] == ["97", "98", "99"]
    assert await kept.get((96,), answers("anew")) == "anew"


async def test_a_sweep_of_any_size_is_remembered_in_bounded_memory_and_brings_nothing_old_back(scene: Scene):
    await scene.ask("offers")
    await scene.look()
    scene.desk.sides = {f"title {number}": (2, 1, 2, 1) for number in range(MOST_QUOTES + 100)}
    await scene.look("catalogue")
    assert len(scene.market._seen) == 101
    await scene.ask("offers")
    assert scene.desk.asked["offers"] == 2


async def test_endless_rechecks_are_remembered_in_bounded_memory(scene: Scene):
    for number in range(3 * MOST_QUOTES):
        scene.market.forget(Game.CS2, str(number))
    assert len(scene.market._seen) <= MOST_QUOTES


# The rest


async def test_the_rest_is_the_markets_own(scene: Scene):
    market = scene.market._market
    assert scene.market.skew_s is None
    assert await scene.market.balance() == 12345
    pages = scene.market.catalogue(Game.CS2)
    assert [quote.title for quote in (await anext(pages)).quotes] == [TITLE]
    assert (scene.market.signed, scene.market.skipped, scene.market.warning) == (True, 0, "")
    assert scene.market.pace == market.pace > 0
    assert scene.market.traffic() == market.traffic()
    assert scene.market.traffic().requests == {"balance": 1, "aggregated-prices": 1}
    await scene.market.close()
    with pytest.raises(RuntimeError, match="closed"):
        await scene.market.balance()

"""The engine on good days and bad ones: what it keeps, what it gives up and what it says about it.

The loop's clock jumps to the next timer, so waiting takes no time; requests go through the real client into a sandbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pytest

from dmscan.clock import Clock
from dmscan.core.memory import Known, SweepState
from dmscan.core.models import Exit, FeeSource, Game, Opportunity, QuotePage, SaleKind
from dmscan.core.report import Progress, ScanReport, ScanRequest
from dmscan.errors import ExitCode, HistoryError, MarketChanged, MarketUnavailable
from dmscan.market.client import Market
from dmscan.sandbox.server import Entry, Manners, Request, Response, Sandbox
from dmscan.sandbox.world import GAMES, World, is_valid
from dmscan.scanner import Scan

from balance import unaccounted
from inprocess import market_on
from make import make_request

NOW = 1_795_500_000
SMALL = World(3, NOW, 60, GAMES, crossed="rich")
WIDE = World(3, NOW, 250, GAMES, crossed="rich")
SWEEP = ("customized-fees", "aggregated-prices")
EVERYTHING = make_request(games=tuple(Game), deadline_s=0)
CS2 = make_request(deadline_s=0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """Where nothing is ready, time jumps to the next timer; a step always takes a microsecond."""

    def __init__(self) -> None:
        super().__init__()
        self._passed = 0.0
        select = self._selector.select

        def jump(timeout: float | None) -> list[Any]:
            assert timeout is not None, "the scan waits for what will never come"
            self._passed += max(timeout, 1e-6)
            return select(0)

        self._selector.select = jump

    def time(self) -> float:
        return self._passed


class Listening:
    def __init__(self) -> None:
        self.heard: list[Opportunity] = []
        self.told: list[Progress] = []

    def found(self, opportunity: Opportunity) -> None:
        self.heard.append(opportunity)

    def progress(self, progress: Progress) -> None:
        self.told.append(progress)


Spoil = Callable[[str, Game, int], None]


class SpoiltPages:
    """Like the market's own, they stay where they are when one breaks off."""

    def __init__(self, pages: AsyncIterator[QuotePage], check: Callable[[], None]) -> None:
        self._pages, self._check = pages, check

    def __aiter__(self) -> SpoiltPages:
        return self

    async def __anext__(self) -> QuotePage:
        self._check()
        return await anext(self._pages)


class Spoilt:
    """A market that breaks off when `spoil` says so by raising; it is told the method, the game and how often it was called."""

    def __init__(self, market: Market, spoil: Spoil) -> None:
        self._market, self._spoil = market, spoil
        self.calls: dict[tuple[str, Game], int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._market, name)

    def _check(self, name: str, game: Game) -> None:
        self.calls[name, game] = self.calls.get((name, game), 0) + 1
        self._spoil(name, game, self.calls[name, game])

    def catalogue(self, game: Game, cursor: str = "") -> SpoiltPages:
        return SpoiltPages(self._market.catalogue(game, cursor), lambda: self._check("catalogue", game))

    async def sales(self, game: Game, title: str, kind: SaleKind = SaleKind.OFFER) -> Any:
        self._check("sales", game)
        return await self._market.sales(game, title, kind)


class Notebook:
    """A memory that knows of fee attempts only; a `broken` one can be neither read nor written."""

    def __init__(self, *, broken: bool = False) -> None:
        self.notes: dict[tuple[Game, int], bool] = {}
        self._broken = broken

    async def fee_attempted(self, game: Game, day: int) -> bool:
        self._check()
        return (game, day) in self.notes

    async def note_fee_attempt(self, game: Game, day: int, *, answered: bool) -> None:
        self._check()
        self.notes[game, day] = answered

    async def known(self, game: Game) -> list[Known]:
        self._check()
        return []

    async def fees(self, game: Game, since: int) -> None:
        self._check()

    async def sweep_state(self, game: Game) -> SweepState:
        return SweepState()

    async def open_titles(self, since: int) -> frozenset[tuple[Game, str]]:
        self._check()
        return frozenset()

    def __getattr__(self, name: str) -> Callable[..., None]:
        assert name.startswith("note_"), name
        return lambda *_, **__: None

    def _check(self) -> None:
        if self._broken:
            raise HistoryError("The disk is full.")


@dataclass
class Stage:
    """The circumstances of one scan; `cut` ends it when so many requests have been answered."""

    world: World = SMALL
    faults: dict[str, str] = field(default_factory=dict)
    manners: Manners | None = None
    signed: bool = True
    rate: int = 1000
    spoil: Spoil = lambda *_: None
    cut: int | None = None
    diary: Notebook | None = None


@dataclass
class Played:
    report: ScanReport
    log: list[Entry]
    told: list[Progress]

    def sent(self, *endpoints: str) -> int:
        return sum(entry.endpoint in endpoints for entry in self.log) if endpoints else len(self.log)

    def found(self, *games: Game) -> set[tuple[str, ...]]:
        return {one.key for one in self.report.opportunities if not games or one.game in games}


class Watched(Sandbox):
    """Calls `after` with the number of requests so far, each time it has answered one."""

    after: Callable[[int], None] = staticmethod(lambda _: None)

    def respond(self, request: Request) -> Response:
        answer = super().respond(request)
        self.after(len(self.log))
        return answer


def play(request: ScanRequest, **circumstances: Any) -> Played:
    """One scan; whatever happens in it, each find is told once and no title is lost."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(_played(request, Stage(**circumstances)))


async def _played(request: ScanRequest, stage: Stage) -> Played:
    loop = asyncio.get_running_loop()
    clock = Clock(now=lambda: NOW + loop.time(), monotonic=loop.time)
    sandbox = Watched(stage.world, clock, rate=10**9, faults=stage.faults, manners=stage.manners)
    market = market_on(sandbox, clock, signed=stage.signed, rate=Fraction(stage.rate), max_requests=request.max_requests)
    listening = Listening()
    scan = Scan(request, Spoilt(market, stage.spoil), clock, listening, stage.diary)
    sandbox.after = lambda requests: scan.stop.set() if requests == stage.cut else None
    sandbox.after(0)
    report = await scan.run("scan-1", "sandbox")
    await market.close()
    assert unaccounted(report) == {}
    assert sorted(one.key for one in listening.heard) == sorted(one.key for one in report.opportunities)
    assert report.stats.traffic.sent == len(sandbox.log)
    return Played(report, list(sandbox.log), listening.told)


def codes(played: Played) -> set[ExitCode]:
    return {trouble.code for trouble in played.report.troubles}


@pytest.fixture(scope="module")
def clean() -> Played:
    """A whole scan of all games on a good day."""
    return play(EVERYTHING)


# --- a good day ---------------------------------------------------------------------------------------------------------------


def test_a_whole_scan_is_complete_and_says_so(clean: Played):
    report = clean.report
    assert (report.complete, report.coverage, report.troubles, report.exit_code()) == (True, 1, (), ExitCode.OK)
    assert report.stats.judged == report.stats.candidates == clean.told[-1].judged
    assert report.seconds_for_all is None
    assert {one.exit for one in report.opportunities} == set(Exit)
    assert {entry.method for entry in clean.log} == {"GET", "POST"}


def test_what_cannot_be_a_title_and_fee_rows_not_understood_are_counted(clean: Played):
    dropped = [name for game in GAMES for name in SMALL.names(game) if not is_valid(name)]
    assert clean.report.stats.skipped == len(dropped) > 0
    assert clean.report.stats.fee_rows_ignored > 0
    assert clean.report.stats.titles == 60 * len(GAMES) - len(dropped)


def test_progress_never_goes_back_and_counts_the_calls_left(clean: Played):
    counted = [(told.titles, told.candidates, told.judged, told.sent) for told in clean.told]
    assert counted == sorted(counted)
    assert [told.sweeping for told in clean.told] == sorted((told.sweeping for told in clean.told), reverse=True)
    assert clean.told[0].calls_left is None
    assert clean.told[-1].calls_left == 0


def test_titles_not_asked_for_are_excluded_without_a_call():
    played = play(make_request(deadline_s=0, titles=("no such title",)))
    assert all(reasons == {"excluded": played.report.stats.titles} for reasons in played.report.rejected.values())
    assert played.sent() == played.sent(*SWEEP)


# --- bad days -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [1, 2])
def test_a_game_whose_sweep_fails_costs_the_others_nothing(page: int):
    def spoil(method: str, game: Game, call: int) -> None:
        if (method, game) == ("catalogue", Game.RUST) and call in (page, page + 1):
            raise MarketUnavailable("The market broke off.", "aggregated-prices")

    others = tuple(game for game in Game if game is not Game.RUST)
    wide = make_request(games=tuple(Game), exits=(Exit.INSTANT,), deadline_s=0)
    played, clean = play(wide, world=WIDE, spoil=spoil), play(wide, world=WIDE)
    assert [(trouble.code, trouble.game, trouble.count) for trouble in played.report.troubles] == [(ExitCode.NO_DATA, Game.RUST, 1)]
    assert (played.report.complete, played.report.exit_code()) == (False, ExitCode.PARTIAL)
    assert played.found(*others) == clean.found(*others)
    unseen = sum(map(is_valid, WIDE.names("rust")[100 * (page - 1) :]))
    assert played.report.stats.titles == clean.report.stats.titles - unseen


@pytest.mark.parametrize(
    ("endpoint", "status", "code"),
    [
        ("targets-by-title", "410", ExitCode.API_CHANGED),
        ("v2/offers", "404", ExitCode.API_CHANGED),
        ("last-sales", "fields", ExitCode.API_CHANGED),
        ("aggregated-prices", "fields", ExitCode.API_CHANGED),
        ("aggregated-prices", "410", ExitCode.API_CHANGED),
        ("last-sales", "401", ExitCode.KEY_REFUSED),
        ("customized-fees", "401", ExitCode.KEY_REFUSED),
        ("aggregated-prices", "403", ExitCode.KEY_REFUSED),
        ("last-sales", "skew", ExitCode.CLOCK_SKEWED),
    ],
)
def test_a_changed_api_a_refused_key_and_a_wrong_clock_end_the_scan(endpoint: str, status: str, code: ExitCode):
    played = play(EVERYTHING, faults={endpoint: status})
    assert codes(played) == {code}
    assert {trouble.endpoint for trouble in played.report.troubles} == {endpoint}
    assert (played.report.complete, played.report.exit_code()) == (False, code)
    assert played.sent(endpoint) <= 8


def test_what_was_found_before_the_api_changed_is_kept(clean: Played):
    def spoil(method: str, game: Game, call: int) -> None:
        if method == "sales" and call > 30:
            raise MarketChanged("The market has retired last-sales.", "last-sales")

    played = play(EVERYTHING, spoil=spoil)
    assert played.report.exit_code() is ExitCode.API_CHANGED
    assert 0 < len(played.found()) < len(clean.found())
    assert played.found() < clean.found()
    assert any(reasons["not_confirmed"] for reasons in played.report.rejected.values())


@pytest.mark.parametrize("status", ["500", "410", "429", "truncated"])
def test_without_a_fee_table_ten_percent_is_assumed(status: str):
    played = play(CS2, faults={"customized-fees": status})
    assert {trouble.endpoint for trouble in played.report.troubles} == {"customized-fees"}
    assert played.report.fee_sources == {Game.CS2: "10% assumed"}
    assert {one.fee_source for one in played.report.opportunities} == {FeeSource.ASSUMED}
    assert played.report.complete


def test_a_fee_that_was_set_asks_for_no_table():
    played = play(make_request(deadline_s=0, fee=Fraction(0)))
    assert played.sent("customized-fees") == 0
    assert {one.fee_source for one in played.report.opportunities} == {FeeSource.SET}


@pytest.mark.parametrize("fault", ["500:2", "429:2", "truncated:2", "empty:2", "html:2"])
@pytest.mark.parametrize("endpoint", ["aggregated-prices", "last-sales", "v2/offers"])
def test_a_fault_that_passes_leaves_no_trace_in_the_results(clean: Played, endpoint: str, fault: str):
    played = play(EVERYTHING, faults={endpoint: fault})
    assert played.found() == clean.found()
    assert (played.report.complete, played.report.troubles) == (True, ())
    assert played.report.stats.traffic.retries == 2


def test_three_failures_in_a_row_give_up_on_their_game_only(clean: Played):
    def spoil(method: str, game: Game, call: int) -> None:
        if method == "sales" and game is Game.CS2:
            raise MarketUnavailable("The market could not answer last-sales.", "last-sales")

    played = play(EVERYTHING, spoil=spoil)
    (trouble,) = played.report.troubles
    assert (trouble.game, trouble.code) == (Game.CS2, ExitCode.NO_DATA)
    assert 3 <= trouble.count <= 3 + 7
    others = (Game.DOTA2, Game.TF2, Game.RUST)
    assert played.found(*others) == clean.found(*others)
    assert (played.report.complete, played.report.exit_code()) == (False, ExitCode.PARTIAL)


@pytest.mark.parametrize("method", ["sales", "catalogue"])
def test_what_fails_once_is_asked_again_and_leaves_no_trace(clean: Played, method: str):
    failed: list[int] = []

    def spoil(what: str, game: Game, call: int) -> None:
        if what == method and call % 6 == 1 and call < 30:
            failed.append(call)
            raise MarketUnavailable("The market broke off.", method)

    played = play(EVERYTHING, spoil=spoil)
    assert len(failed) > 3
    assert (played.report.troubles, played.report.complete) == ((), True)
    assert played.found() == clean.found()


def test_what_fails_twice_costs_only_its_title():
    clean = play(CS2)
    asked = clean.sent("last-sales")

    def spoil(method: str, game: Game, call: int) -> None:
        if method == "sales" and (call % 6 == 0 or call == asked + 1):
            raise MarketUnavailable("The market could not answer last-sales.", "last-sales")

    played = play(CS2, spoil=spoil)
    (trouble,) = played.report.troubles
    assert 1 <= trouble.count < asked // 6
    assert played.report.stats.judged == clean.report.stats.judged - trouble.count
    assert played.found() <= clean.found()
    assert (played.report.complete, played.report.exit_code()) == (False, ExitCode.PARTIAL)


def test_no_data_at_all_is_a_failure_of_its_own():
    played = play(EVERYTHING, faults={"aggregated-prices": "500"})
    assert played.report.exit_code() is ExitCode.NO_DATA
    assert (played.report.stats.titles, played.report.opportunities) == (0, ())


def test_sales_of_another_unit_give_no_relist_finds_and_leave_the_instant_ones(clean: Played):
    played = play(EVERYTHING, faults={"last-sales": "units"})
    assert played.report.exit_code() is ExitCode.API_CHANGED
    assert played.found() == {key for key in clean.found() if key[-1] == Exit.INSTANT} != set()
    assert not played.report.complete
    assert played.report.troubles[-1].endpoint == "last-sales"


# --- without a key ------------------------------------------------------------------------------------------------------------


INSTANT = make_request(games=(Game.CS2, Game.RUST), exits=(Exit.INSTANT,), deadline_s=0)


def test_without_a_key_quotes_are_all_that_is_asked_and_a_refused_fee_table_is_no_trouble():
    played = play(INSTANT, signed=False)
    assert {entry.endpoint for entry in played.log} == {"aggregated-prices", "customized-fees"}
    assert (played.report.troubles, played.report.complete, played.report.signed) == ((), True, False)
    assert {(one.fee_source, one.units, one.confidence) for one in played.report.opportunities} == {("assumed", 1, "quote")}


def test_without_a_key_the_fee_table_is_tried_once_a_day_and_game():
    notebook = Notebook()
    assert play(INSTANT, signed=False, diary=notebook).sent("customized-fees") == 2
    assert notebook.notes == {(Game.CS2, NOW // 86400): False, (Game.RUST, NOW // 86400): False}
    assert play(INSTANT, signed=False, diary=notebook).sent("customized-fees") == 0


def test_a_fee_table_given_without_a_key_is_used_and_noted():
    notebook = Notebook()
    played = play(INSTANT, signed=False, diary=notebook, manners=Manners(keyless_fees=True))
    assert set(notebook.notes.values()) == {True}
    assert {one.fee_source for one in played.report.opportunities} & {FeeSource.REDUCED, FeeSource.DEFAULT}


def test_a_broken_memory_is_said_and_costs_nothing_but_the_fee_table():
    played = play(INSTANT, signed=False, diary=Notebook(broken=True))
    assert played.sent("customized-fees") == 0
    assert (codes(played), played.report.complete) == ({ExitCode.NOT_STORED}, True)
    assert played.found() == play(INSTANT, signed=False).found()


# --- budgets ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", range(1, 61))
def test_no_more_requests_are_sent_than_allowed(budget: int):
    played = play(make_request(games=tuple(Game), deadline_s=0, max_requests=budget), world=WIDE, faults={"last-sales": "500:3"})
    assert played.sent() <= budget
    assert played.sent() == budget or budget < 20, "a small budget may be spent on the sweep's share alone"
    assert (played.report.complete, played.report.exit_code()) == (False, ExitCode.OK)
    assert (played.report.seconds_for_all is not None) is (played.report.stats.candidates > 0)


@pytest.mark.parametrize("games", [(Game.CS2,), tuple(Game)], ids=["one game", "all games"])
def test_at_most_sixty_percent_of_the_requests_go_into_the_sweep(games: tuple[Game, ...]):
    budgets = range(2, 61, 2)
    swept = [play(make_request(games=games, deadline_s=0, max_requests=n), world=WIDE).sent(*SWEEP) for n in budgets]
    assert [n for n, sent in zip(budgets, swept, strict=True) if 10 * sent > 6 * n] == []


def test_a_budget_that_suffices_changes_nothing(clean: Played):
    played = play(make_request(games=tuple(Game), deadline_s=0, max_requests=clean.sent()))
    assert played.report.complete
    assert played.found() == clean.found()


@pytest.mark.parametrize("deadline", [5, 20, 60, 90])
def test_a_deadline_ends_the_scan_and_the_sweep_takes_at_most_its_share(deadline: int):
    played = play(make_request(games=tuple(Game), deadline_s=deadline), world=WIDE, rate=2)
    report = played.report
    assert report.stats.elapsed_ms <= 1000 * deadline + 100
    assert report.finished_at - report.started_at <= deadline
    assert max(entry.at for entry in played.log if entry.endpoint in SWEEP) <= 0.6 * deadline + 0.2
    assert not report.complete
    assert report.exit_code() is ExitCode.OK


def test_a_deadline_far_away_is_never_waited_for(clean: Played):
    played = play(make_request(games=tuple(Game), deadline_s=86_400))
    assert played.report.complete
    assert played.report.stats.elapsed_ms < 60_000
    assert played.found() == clean.found()


@pytest.mark.parametrize("cut", [0, 1, 4, 7, 9, 12, 13, 14, 20, 40, 80, 160, 240])
def test_a_scan_that_is_stopped_reports_what_is_certain_by_then(clean: Played, cut: int):
    played = play(EVERYTHING, cut=cut)
    assert played.found() <= clean.found()
    assert played.sent() <= cut + 20
    assert (played.report.complete, played.report.troubles) == (False, ())
    assert played.report.coverage < 1 or not played.report.stats.candidates

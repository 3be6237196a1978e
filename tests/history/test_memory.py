"""What is learnt of the market comes back as it was noted, for its own source only, and a scan never waits for it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, closing
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dmscan.clock import Clock
from dmscan.core.memory import Known, Look, Refusals, SalesOutlook, SweepState
from dmscan.core.models import Entry, Exit, FeeRow, FeeSource, FeeTable, Game, Opportunity, Quote, Reason, Sale, SaleKind, Stamped
from dmscan.errors import ExitCode, HistoryError
from dmscan.history import writer
from dmscan.history.memory import Memory
from dmscan.history.store import History, ScanEnd, ScanStart, open_history

from make import DAY, NOW, TITLE, make_opportunity, make_quote, make_relist, make_report, make_sale
from stored import count, rows

SOURCE = "https://api.dmarket.com"
OTHER = "http://127.0.0.1:8080"
REQUEST = '{"games":["cs2"]}'

CHECKED = settings(max_examples=40, deadline=None)
"""Every example is a new file, which costs more than what is tried in it."""

TITLES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
NUMBERS = st.integers(0, 2**62)
CENTS = st.integers(1, 2**62)
SHARES = st.fractions(0, 1)
OUTLOOK = SalesOutlook(NOW, qualified=18, best_q40=2570, pace=Fraction(20, 7))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@asynccontextmanager
async def opened(path: Path, source: str = SOURCE) -> AsyncIterator[History]:
    async with open_history(path, source, Clock(), patience_s=0.5) as history:
        yield history


@pytest.fixture
async def history(path: Path) -> AsyncIterator[History]:
    async with opened(path) as history:
        yield history


@pytest.fixture
def memory(history: History) -> Memory:
    return history.memory


def on_a_new_database(use: Callable[[Memory, Path], Awaitable[None]]) -> None:
    """For a property: hypothesis wants a new file for every example."""

    async def run(path: Path) -> None:
        async with opened(path) as history:
            await use(history.memory, path)

    with TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder, "history.db")))


async def quoted(memory: Memory, *quotes: Quote) -> list[Known]:
    memory.note_quotes(quotes)
    await memory.flush()
    return await memory.known(Game.CS2)


# Titles


async def test_nothing_is_known_of_an_empty_database(memory: Memory) -> None:
    assert await memory.known(Game.CS2) == []
    assert await memory.fees(Game.CS2, 0) is None
    assert await memory.sales(Game.CS2, TITLE, 0) is None
    assert await memory.sweep_state(Game.CS2) == SweepState()
    assert await memory.open_titles(0) == frozenset()
    assert await memory.last_found(REQUEST) is None
    await memory.flush()


async def test_a_first_quote_is_known_with_its_ask_as_the_usual_one(memory: Memory) -> None:
    assert await quoted(memory, make_quote()) == [Known(make_quote(), usual_ask=2401, two_sided=True)]


async def test_the_oldest_quote_comes_first(memory: Memory) -> None:
    known = await quoted(memory, *(make_quote(title=f"Title {at}", at=at) for at in (7, 3, 9, 1)))
    assert [title.quote.at for title in known] == [1, 3, 7, 9]


async def test_games_are_kept_apart(memory: Memory) -> None:
    rust = make_quote(game=Game.RUST, ask=1)
    assert [title.quote for title in await quoted(memory, make_quote(), rust)] == [make_quote()]
    assert [title.quote for title in await memory.known(Game.RUST)] == [rust]


async def test_the_usual_ask_moves_a_quarter_of_the_way_rounded(memory: Memory) -> None:
    asks = (100, 102, None, 103, 1)
    usual = [(await quoted(memory, make_quote(ask=ask, at=NOW + at)))[0].usual_ask for at, ask in enumerate(asks)]
    assert usual == [100, 101, 101, 102, 77]


async def test_an_unchanged_quote_moves_nothing_but_its_time(memory: Memory) -> None:
    await quoted(memory, make_quote(ask=100, at=NOW), make_quote(ask=200, at=NOW + 1))
    assert await quoted(memory, make_quote(ask=200, at=NOW + 2)) == [Known(make_quote(ask=200, at=NOW + 2), 125, two_sided=True)]


async def test_an_unchanged_quote_makes_the_file_no_larger(memory: Memory, path: Path) -> None:
    await quoted(memory, *(make_quote(title=f"Title {n}") for n in range(2000)))
    size = path.stat().st_size  # noqa: ASYNC240 - nothing else runs
    await quoted(memory, *(make_quote(title=f"Title {n}", at=NOW + 600) for n in range(2000)))
    assert path.stat().st_size == size  # noqa: ASYNC240


async def test_an_older_quote_changes_nothing(memory: Memory) -> None:
    before = await quoted(memory, make_quote(bid=None, at=NOW))
    assert await quoted(memory, make_quote(ask=1, bid=1, at=NOW - 1)) == before


async def test_a_title_once_seen_with_both_sides_stays_two_sided(memory: Memory) -> None:
    sides = ((100, None), (None, 90), (100, 90), (None, None))
    seen = [(await quoted(memory, make_quote(ask=ask, bid=bid, at=NOW + at)))[0].two_sided for at, (ask, bid) in enumerate(sides)]
    assert seen == [False, False, True, True]


async def test_when_a_title_was_first_seen_stays(memory: Memory, path: Path) -> None:
    await quoted(memory, make_quote(at=5), make_quote(at=9))
    assert rows(path, "SELECT first_seen_at, quoted_at FROM titles") == [{"first_seen_at": 5, "quoted_at": 9}]


async def test_a_bid_that_moves_often_is_told_from_one_that_stands(memory: Memory) -> None:
    for look, bid in enumerate([90, 91, 91, 92, 93]):
        memory.note_quotes([make_quote(title="fast", bid=bid, at=NOW + look), make_quote(title="slow", bid=90, at=NOW + look)])
    await memory.flush()
    fast, slow = sorted(await memory.known(Game.CS2), key=lambda known: known.quote.title)
    assert (fast.bid_since, fast.bid_moves, fast.has_fast_bids) == (NOW + 4, 542, True)
    assert (slow.bid_since, slow.bid_moves, slow.has_fast_bids) == (None, 0, False)


async def test_the_first_quote_of_a_title_known_by_its_sales_is_no_move(memory: Memory) -> None:
    memory.note_fills(Game.CS2, TITLE, Stamped((), NOW))
    memory.note_quotes([make_quote(title=TITLE)])
    await memory.flush()
    (known,) = await memory.known(Game.CS2)
    assert (known.bid_since, known.bid_moves) == (None, 0)


async def test_looks_and_finds_are_counted(memory: Memory) -> None:
    memory.note_quotes([make_quote()])
    for later, found in enumerate((True, False, False)):
        memory.note_look(Game.CS2, TITLE, Look(NOW + later, found))
    memory.note_look(Game.CS2, "never seen", Look(NOW, True))
    await memory.flush()
    assert [(title.looks, title.finds, title.looked_at) for title in await memory.known(Game.CS2)] == [(3, 1, NOW + 2)]


async def test_why_a_title_was_refused_is_known_until_its_quote_changes(memory: Memory) -> None:
    refusals = Refusals("a question", NOW, {"offer.relist": Reason.TOO_SLOW})
    memory.note_quotes([make_quote(at=NOW)])
    memory.note_look(Game.CS2, TITLE, Look(NOW, False, refusals))
    memory.note_quotes([make_quote(at=NOW + 1)])
    await memory.flush()
    assert [title.refusals for title in await memory.known(Game.CS2)] == [refusals]
    memory.note_quotes([make_quote(at=NOW + 2, ask_count=1)])
    await memory.flush()
    assert [title.refusals for title in await memory.known(Game.CS2)] == [None]


QUOTES = st.builds(Quote, st.sampled_from([Game.CS2, Game.TF2]), TITLES, st.none() | CENTS, st.none() | CENTS, NUMBERS, NUMBERS, st.just(0))


@CHECKED
@given(st.lists(QUOTES, max_size=5, unique_by=lambda quote: (quote.game, quote.title)))
def test_quotes_come_back_whatever_the_titles(quotes: list[Quote]) -> None:
    async def use(memory: Memory, _: Path) -> None:
        memory.note_quotes(quotes)
        await memory.flush()
        known = [*await memory.known(Game.CS2), *await memory.known(Game.TF2)]
        assert {(title.quote.game, title.quote.title): title.quote for title in known} == {(q.game, q.title): q for q in quotes}

    on_a_new_database(use)


def learnt(quotes: Iterable[Quote]) -> dict[str, Known]:
    """What should be known after these quotes, in plain words."""
    known: dict[str, Known] = {}
    for quote in quotes:
        old = known.get(quote.title)
        if old is None:
            known[quote.title] = Known(quote, quote.ask, quote.ask is not None and quote.bid is not None)
        elif quote.at >= old.quote.at:
            two_sided = old.two_sided or None not in {quote.ask, quote.bid}
            moved = quote.bid != old.quote.bid
            bid = {"bid_since": quote.at if moved else old.bid_since, "bid_moves": (3 * old.bid_moves + 1000 * moved) // 4}
            known[quote.title] = replace(old, quote=quote, usual_ask=usual_after(old, quote), two_sided=two_sided, **bid)
    return known


def usual_after(old: Known, quote: Quote) -> int | None:
    if quote.ask is None or replace(quote, at=old.quote.at) == old.quote:
        return old.usual_ask
    return quote.ask if old.usual_ask is None else (3 * old.usual_ask + quote.ask + 2) // 4


FEW_QUOTES = st.builds(
    lambda name, ask, bid, counted, at: make_quote(title=name, ask=ask, bid=bid, ask_count=counted, bid_count=1, at=at),
    st.sampled_from("ab"),
    st.none() | st.sampled_from([1, 100, 997]),
    st.none() | st.sampled_from([1, 90]),
    st.integers(0, 1),
    st.integers(1, 4),
)


@CHECKED
@given(st.lists(st.lists(FEW_QUOTES, max_size=6), max_size=4))
def test_any_run_of_quotes_leaves_what_it_should(pages: list[list[Quote]]) -> None:
    async def use(memory: Memory, _: Path) -> None:
        for page in pages:
            memory.note_quotes(page)
            await memory.flush()
        known = {title.quote.title: title for title in await memory.known(Game.CS2)}
        assert known == learnt(quote for page in pages for quote in page)

    on_a_new_database(use)


# Sales

SALES = st.builds(
    Sale, CENTS, st.integers(NOW - 3, NOW), st.just(SaleKind.OFFER), st.sampled_from(["", "ruby"]), st.sampled_from([None, "0.2", "0"])
)
FEW_SALES = st.builds(Sale, st.integers(1, 2), st.integers(NOW - 3, NOW), float_value=st.sampled_from([None, "0.2"]))


def newest_first(sales: list[Sale]) -> tuple[Sale, ...]:
    return tuple(sorted(sales, key=lambda sale: -sale.at))


async def heard(memory: Memory, sales: tuple[Sale, ...], at: int = NOW, title: str = TITLE) -> None:
    memory.note_sales(Game.CS2, title, Stamped(sales, at), replace(OUTLOOK, asked_at=at))
    await memory.flush()


@CHECKED
@given(TITLES, st.lists(SALES, max_size=20).map(newest_first))
def test_sales_come_back_as_the_answer_gave_them(title: str, sales: tuple[Sale, ...]) -> None:
    async def use(memory: Memory, _: Path) -> None:
        await heard(memory, sales, title=title)
        assert await memory.sales(Game.CS2, title, NOW) == Stamped(sales, NOW)

    on_a_new_database(use)


@CHECKED
@given(st.lists(st.lists(FEW_SALES, max_size=8).map(newest_first), max_size=4))
def test_of_many_answers_the_last_is_given_and_each_sale_kept_once(answers: list[tuple[Sale, ...]]) -> None:
    """Equal sales of one answer are several; the same ones in the next answer are no more."""

    async def use(memory: Memory, path: Path) -> None:
        kept = Counter[Sale]()
        for at, answer in enumerate(answers):
            await heard(memory, answer, at)
            kept |= Counter(answer)
            assert await memory.sales(Game.CS2, TITLE, at) == Stamped(answer, at)
        stored = rows(path, "SELECT price_cents, sold_at, kind, phase, float_value FROM sales")
        assert Counter(Sale(p, at, SaleKind(kind), phase, wear or None) for p, at, kind, phase, wear in map(dict.values, stored)) == kept

    on_a_new_database(use)


async def test_sales_are_given_only_if_they_were_asked_at_or_after_since(memory: Memory) -> None:
    await heard(memory, (make_sale(),), NOW)
    assert await memory.sales(Game.CS2, TITLE, NOW) is not None
    assert await memory.sales(Game.CS2, TITLE, NOW + 1) is None
    assert await memory.sales(Game.RUST, TITLE, NOW) is None


async def test_sales_into_bids_are_kept_beside_those_of_offers(memory: Memory) -> None:
    sold = (make_sale(price=100, at=NOW - 1), make_sale(price=100, at=NOW - 2))
    filled = tuple(replace(sale, kind=SaleKind.TARGET) for sale in sold[:1])
    memory.note_sales(Game.CS2, TITLE, Stamped(sold, NOW), OUTLOOK)
    memory.note_fills(Game.CS2, TITLE, Stamped(filled, NOW + 5))
    await memory.flush()
    assert await memory.sales(Game.CS2, TITLE, NOW) == Stamped(sold, NOW)
    assert await memory.sales(Game.CS2, TITLE, NOW + 5, SaleKind.TARGET) == Stamped(filled, NOW + 5)
    assert await memory.sales(Game.CS2, TITLE, NOW + 6, SaleKind.TARGET) is None
    (known,) = await memory.known(Game.CS2)
    assert known.sales == OUTLOOK


async def test_that_a_title_has_no_sales_is_an_answer_too(memory: Memory) -> None:
    await heard(memory, (), NOW)
    assert await memory.sales(Game.CS2, TITLE, NOW) == Stamped((), NOW)


async def test_an_older_answer_changes_nothing(memory: Memory) -> None:
    await heard(memory, (make_sale(),), NOW)
    await heard(memory, (), NOW - 1)
    assert await memory.sales(Game.CS2, TITLE, 0) == Stamped((make_sale(),), NOW)


@pytest.mark.parametrize("outlook", [OUTLOOK, SalesOutlook(NOW, 0, None, Fraction(0)), SalesOutlook(NOW, 1, 1, Fraction(1, 10**9))])
async def test_what_sales_promised_is_known_exactly(memory: Memory, outlook: SalesOutlook) -> None:
    memory.note_quotes([make_quote()])
    memory.note_sales(Game.CS2, TITLE, Stamped((), NOW), outlook)
    await memory.flush()
    assert await memory.known(Game.CS2) == [Known(make_quote(), 2401, two_sided=True, sales=outlook)]


async def test_a_title_with_sales_but_no_quote_is_the_first_to_be_quoted(memory: Memory) -> None:
    await heard(memory, ())
    known = await quoted(memory, make_quote(title="quoted"))
    assert known[0].quote == Quote(Game.CS2, TITLE, None, None, 0, 0, 0)
    assert (await quoted(memory, make_quote()))[1].usual_ask == 2401


# Fees and sweeps

FEE_ROWS = st.lists(st.builds(FeeRow, SHARES, NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=3).map(tuple)
TABLES = st.builds(FeeTable, SHARES, NUMBERS, st.sampled_from(FeeSource), st.dictionaries(TITLES, FEE_ROWS, max_size=3), NUMBERS)


@CHECKED
@given(st.lists(TABLES, min_size=1, max_size=3))
def test_the_last_fee_table_comes_back(tables: list[FeeTable]) -> None:
    async def use(memory: Memory, path: Path) -> None:
        for at, table in enumerate(tables):
            memory.note_fees(Game.CS2, Stamped(table, at))
        await memory.flush()
        assert await memory.fees(Game.CS2, 0) == Stamped(tables[-1], len(tables) - 1)
        changes = [table for before, table in zip([None, *tables], tables, strict=False) if table != before]
        assert count(path, "fee_tables") == len(changes)
        assert count(path, "fee_rows") == sum(len(rows) for table in changes for rows in table.rows.values())

    on_a_new_database(use)


async def test_an_unchanged_fee_table_is_one_row_that_grows_no_older(memory: Memory, path: Path) -> None:
    table = FeeTable(Fraction(1, 10), 1, FeeSource.DEFAULT, {TITLE: (FeeRow(Fraction(1, 50), 1, 9999, NOW),)}, 2)
    for at in (NOW, NOW + 60, NOW + DAY):
        memory.note_fees(Game.CS2, Stamped(table, at))
    await memory.flush()
    assert await memory.fees(Game.CS2, NOW + DAY) == Stamped(table, NOW + DAY)
    assert rows(path, "SELECT fetched_at FROM fee_tables") == [{"fetched_at": NOW + DAY}]


async def test_fee_tables_are_kept_for_eight_days_after_they_were_fetched_last(memory: Memory, path: Path) -> None:
    for day in range(12):
        memory.note_fees(Game.CS2, Stamped(FeeTable(Fraction(day, 100), 0, FeeSource.DEFAULT), NOW + day * DAY))
    await memory.flush()
    assert [row["fetched_at"] for row in rows(path, "SELECT fetched_at FROM fee_tables")] == [NOW + day * DAY for day in range(3, 12)]
    memory.note_fees(Game.RUST, Stamped(FeeTable(Fraction(0), 0, FeeSource.DEFAULT), NOW))
    memory.note_fees(Game.RUST, Stamped(FeeTable(Fraction(0), 0, FeeSource.DEFAULT), NOW + 99 * DAY))
    await memory.flush()
    assert await memory.fees(Game.RUST, NOW + 99 * DAY)
    assert count(path, "fee_tables") == 10, "another game's are no concern of this one"


async def test_a_second_fee_table_of_one_second_replaces_the_first(memory: Memory, path: Path) -> None:
    for fraction in (Fraction(1, 10), Fraction(1, 20)):
        memory.note_fees(Game.CS2, Stamped(FeeTable(fraction, 0, FeeSource.DEFAULT), NOW))
    await memory.flush()
    assert await memory.fees(Game.CS2, 0) == Stamped(FeeTable(Fraction(1, 20), 0, FeeSource.DEFAULT), NOW)
    assert count(path, "fee_tables") == 1


async def test_an_older_fee_table_changes_nothing(memory: Memory, path: Path) -> None:
    now, older = (Stamped(FeeTable(Fraction(n, 100), 1, FeeSource.DEFAULT), NOW - n) for n in range(2))
    for heard in (now, older):
        memory.note_fees(Game.CS2, heard)
        await memory.flush()
    assert (await memory.fees(Game.CS2, 0), count(path, "fee_tables")) == (now, 1)


async def test_fees_are_given_only_of_their_game_and_since(memory: Memory) -> None:
    table = FeeTable(Fraction(1, 10), 2, FeeSource.DEFAULT)
    memory.note_fees(Game.CS2, Stamped(table, NOW))
    memory.note_fees(Game.CS2, Stamped(replace(table, min_amount=3), NOW - 1))
    await memory.flush()
    assert await memory.fees(Game.CS2, NOW) == Stamped(table, NOW)
    assert await memory.fees(Game.CS2, NOW + 1) is None
    assert await memory.fees(Game.RUST, 0) is None


async def test_the_state_of_a_sweep_is_that_noted_last(memory: Memory) -> None:
    for state in (SweepState(0, "cursor"), SweepState(NOW, "")):
        memory.note_sweep(Game.CS2, state)
        await memory.flush()
        assert await memory.sweep_state(Game.CS2) == state
    assert await memory.sweep_state(Game.RUST) == SweepState()


# Earlier scans


async def scanned(history: History, name: str, *found: Opportunity, **report: Any) -> None:
    """A scan that ended `report["finished_at"]` with these finds."""
    code = report.pop("code", ExitCode.OK)
    start = ScanStart(name, NOW - 300, report.pop("request", REQUEST), "0.1.0")
    await history.begin(start)
    await history.record(start, make_report(scan_id=name, opportunities=found, **report), ScanEnd(code, "{}"))


async def test_open_titles_are_those_found_at_or_after_since(history: History, memory: Memory) -> None:
    await scanned(history, "old", make_opportunity(title="old"), finished_at=NOW - 1)
    await scanned(history, "new", make_opportunity(), make_relist(), make_opportunity(title="x", game=Game.RUST), finished_at=NOW)
    assert await memory.open_titles(NOW) == {(Game.CS2, TITLE), (Game.RUST, "x")}
    assert await memory.open_titles(NOW - 1) == {(Game.CS2, TITLE), (Game.RUST, "x"), (Game.CS2, "old")}
    assert await memory.open_titles(NOW + 1) == frozenset()


async def test_the_last_finds_are_those_of_the_same_request(history: History, memory: Memory) -> None:
    instant, relist = make_opportunity(phase="ruby"), make_relist()
    await scanned(history, "first", make_opportunity(title="gone"), finished_at=NOW)
    await scanned(history, "second", instant, relist, finished_at=NOW)
    await scanned(history, "same length", request='{"games":["tf2"]}', finished_at=NOW + 1)
    assert await memory.last_found(REQUEST) == {
        (Game.CS2, TITLE, "ruby", Entry.OFFER, Exit.INSTANT): instant.net_profit,
        (Game.CS2, TITLE, "", Entry.OFFER, Exit.RELIST): relist.net_profit,
    }
    assert await memory.last_found('{"games":["tf2"]}') == {}
    assert await memory.last_found("{}") is None


async def test_C6_the_last_scan_is_the_one_stored_last_also_if_the_clock_was_set_back(history: History, memory: Memory) -> None:
    await scanned(history, "before", make_opportunity(), finished_at=NOW)
    await scanned(history, "after", finished_at=NOW - DAY)
    assert await memory.last_found(REQUEST) == {}


async def test_only_a_finished_or_cut_scan_is_compared_with(history: History, memory: Memory) -> None:
    await scanned(history, "failed", make_opportunity(), code=ExitCode.NO_DATA)
    await history.begin(ScanStart("running", NOW, REQUEST, "0.1.0"))
    assert await memory.last_found(REQUEST) is None
    await scanned(history, "cut", complete=False)
    assert await memory.last_found(REQUEST) == {}


async def test_two_sources_never_mix(path: Path) -> None:
    table = FeeTable(Fraction(1, 10), 2, FeeSource.DEFAULT, {TITLE: (FeeRow(Fraction(1, 50), 1, 9, NOW),)})
    async with opened(path) as history, opened(path, OTHER) as other:
        memory = history.memory
        memory.note_quotes([make_quote()])
        memory.note_look(Game.CS2, TITLE, Look(NOW, True))
        memory.note_fees(Game.CS2, Stamped(table, NOW))
        memory.note_sweep(Game.CS2, SweepState(NOW, "cursor"))
        await heard(memory, (make_sale(),))
        await scanned(history, "scan", make_opportunity())
        await test_nothing_is_known_of_an_empty_database(other.memory)
        other.memory.note_quotes([make_quote(ask=1, at=NOW + 9)])
        other.memory.note_look(Game.CS2, TITLE, Look(NOW, False))
        other.memory.note_fees(Game.CS2, Stamped(FeeTable(Fraction(0), 0, FeeSource.SET), NOW + 9))
        other.memory.note_sweep(Game.CS2, SweepState())
        await heard(other.memory, (), NOW + 9)
        assert await memory.known(Game.CS2) == [Known(make_quote(), 2401, two_sided=True, looks=1, finds=1, sales=OUTLOOK, looked_at=NOW)]
        assert await memory.fees(Game.CS2, 0) == Stamped(table, NOW)
        assert await memory.sales(Game.CS2, TITLE, 0) == Stamped((make_sale(),), NOW)
        assert await memory.sweep_state(Game.CS2) == SweepState(NOW, "cursor")
        assert await other.memory.open_titles(0) == frozenset()
        assert await other.memory.last_found(REQUEST) is None


# The writer


def many(number: int, at: int = NOW) -> list[Quote]:
    return [make_quote(title=f"Title {n}", at=at) for n in range(number)]


async def until(done: Callable[[], bool]) -> None:
    """Gives the loop its turns; what never comes is ended by the limit on every test."""
    while not done():  # noqa: ASYNC110 - what is waited for lies in the file
        await asyncio.sleep(0.01)


async def test_a_note_waits_for_nothing_and_is_stored_within_a_moment(memory: Memory, path: Path) -> None:
    memory.note_quotes(many(3))
    assert count(path, "titles") == 0
    await until(lambda: count(path, "titles") == 3)


async def test_a_full_batch_is_one_transaction_and_waits_for_nothing_more(history: History, memory: Memory, path: Path) -> None:
    quotes = many(writer.BATCH_ROWS)
    for start in range(0, writer.BATCH_ROWS, 100):
        assert memory._writer._writing is None
        memory.note_quotes(quotes[start : start + 100])
    assert memory._writer._writing is not None
    await memory._writer._writing
    assert count(path, "titles") == writer.BATCH_ROWS
    assert len(history._database.times_ms) == 1


async def test_notes_that_come_while_a_batch_is_written_are_stored_too(memory: Memory) -> None:
    for at in range(20):
        memory.note_quotes(many(writer.BATCH_ROWS, NOW + at))
        await asyncio.sleep(0.001)
    await memory.flush()
    assert {title.quote.at for title in await memory.known(Game.CS2)} == {NOW + 19}


async def test_a_batch_that_fills_up_while_another_is_written_is_next(memory: Memory) -> None:
    memory.note_quotes(many(writer.BATCH_ROWS))
    first = memory._writer._writing
    await until(lambda: not memory._writer._notes)
    memory.note_quotes(many(writer.BATCH_ROWS, NOW + 1))
    assert first is not None
    await first
    second = memory._writer._writing
    assert second is not None
    await second
    assert {title.quote.at for title in await memory.known(Game.CS2)} == {NOW + 1}


async def test_a_batch_survives_the_cancellation_of_who_waits_for_it(memory: Memory, path: Path) -> None:
    for turn in range(12):
        memory.note_quotes(many(writer.BATCH_ROWS, NOW + turn))
        flushing = asyncio.create_task(memory.flush())
        await asyncio.sleep(turn / 1000)
        flushing.cancel()
        await asyncio.wait({flushing})
        assert len(rows(path, "SELECT DISTINCT quoted_at FROM titles")) <= 1, "half a batch"
    await memory.flush()
    assert rows(path, "SELECT quoted_at, count(*) AS n FROM titles") == [{"quoted_at": NOW + 11, "n": writer.BATCH_ROWS}]


async def test_leaving_in_the_middle_of_a_batch_keeps_it_whole(path: Path) -> None:
    async with opened(path) as history:
        history.memory.note_quotes(many(writer.BATCH_ROWS))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert count(path, "titles") in {0, writer.BATCH_ROWS}


async def test_after_closing_notes_are_dropped_and_flush_says_so(path: Path) -> None:
    async with opened(path) as history:
        pass
    history.memory.note_quotes(many(writer.BATCH_ROWS))
    with pytest.raises(HistoryError, match="closed"):
        await history.memory.flush()
    assert count(path, "titles") == 0


async def test_a_write_that_fails_is_told_once_and_the_next_notes_are_stored(memory: Memory, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        memory.note_quotes(many(3))
        with pytest.raises(HistoryError, match="stayed locked by another program"):
            await memory.flush()
    await memory.flush()
    assert await memory.known(Game.CS2) == []
    assert len(await quoted(memory, *many(2))) == 2


async def test_from_a_failure_until_it_was_told_everything_is_dropped(memory: Memory) -> None:
    memory.note_quotes([*many(writer.BATCH_ROWS), make_quote(ask=2**63)])
    await until(lambda: memory._writer._fault is not None)
    memory.note_quotes(many(writer.BATCH_ROWS))
    with pytest.raises(HistoryError, match="could not be used"):
        await memory.flush()
    assert await memory.known(Game.CS2) == []


async def test_a_full_queue_refuses_more_and_says_so(memory: Memory) -> None:
    memory.note_quotes(many(writer.MOST_ROWS))
    memory.note_quotes(many(1))
    with pytest.raises(HistoryError, match="could not be written as fast as the market was read"):
        await memory.flush()
    assert len(await quoted(memory, *many(2))) == 2


async def test_a_bug_in_a_note_is_not_swallowed(memory: Memory) -> None:
    memory.note_quotes([None])  # type: ignore[list-item]
    with pytest.raises(AttributeError):
        await memory.flush()


async def test_batches_count_as_transactions_of_the_scan(path: Path) -> None:
    ticks = iter(range(1000))
    async with open_history(path, SOURCE, Clock(monotonic=lambda: float(next(ticks)))) as history:
        history.memory.note_quotes(many(3))
        await history.memory.flush()
        assert history.db_ms == (1000, 1000)


# Queries


async def test_no_query_reads_a_whole_table(history: History, memory: Memory, path: Path) -> None:
    """Every statement that the methods run is explained by SQLite itself."""
    statements: set[str] = set()
    await history._database.run(lambda connection: connection.set_trace_callback(statements.add))
    memory.note_quotes(many(250))
    memory.note_look(Game.CS2, TITLE, Look(NOW, True))
    memory.note_fees(Game.CS2, Stamped(FeeTable(Fraction(0), 0, FeeSource.SET, {TITLE: (FeeRow(Fraction(0), 1, 2, 3),)}), NOW))
    memory.note_sweep(Game.CS2, SweepState())
    await heard(memory, (make_sale(),))
    await scanned(history, "scan", make_opportunity())
    await memory.known(Game.CS2)
    await memory.fees(Game.CS2, 0)
    await memory.sales(Game.CS2, TITLE, 0)
    await memory.sweep_state(Game.CS2)
    await memory.open_titles(0)
    await memory.last_found(REQUEST)
    await memory.fee_attempted(Game.CS2, 1)
    await memory.note_fee_attempt(Game.CS2, 1, answered=True)
    await history._database.run(lambda connection: connection.set_trace_callback(None))
    asked = [text for text in statements if text.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))]
    written = {"titles", "sales", "fee_tables", "fee_rows", "sweeps", "opportunities", "scans", "fee_attempts"}
    for table in written | {"episodes", "days", "spent", "samples"}:
        assert any(table in text for text in asked), table
    tables = {row["name"] for row in rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    plans: list[str] = []
    for text in asked:
        plan = [row["detail"] for row in rows(path, f"EXPLAIN QUERY PLAN {text}")]
        assert [step for step in plan if step.startswith("SCAN") and step.split()[1] in tables] == [], text
        plans += plan
    for index in ("titles_by_game", "scans_by_end", "scans_by_request", "fee_tables_by_age", "episodes_open"):
        assert any(f"INDEX {index} " in step for step in plans), f"nothing needs {index}"
    assert any("<expr>=?" in step for step in plans), "the last scan of a request is found by the request's length"

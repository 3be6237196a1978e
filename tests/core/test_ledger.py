"""The running account of a scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from msgspec.structs import replace

from dmscan.core.fees import ASSUMED
from dmscan.core.judge import Verdict
from dmscan.core.ledger import EXAMPLES, REFUSALS, Ledger
from dmscan.core.models import Entry, Evidence, Exit, Game, Need, Opportunity, Reason, Stamped
from dmscan.core.units import LEAST_SAMPLE, SAMPLE
from dmscan.errors import ExitCode, HistoryError, MarketUnavailable

from make import NOW, TITLE, make_leg, make_opportunity, make_quote, make_relist, make_request, make_sale
from strategies import RENEWABLE, RENEWABLE_BOTH

INSTANT, RELIST = (Entry.OFFER, Exit.INSTANT), (Entry.OFFER, Exit.RELIST)
NO_BID = {INSTANT: Reason.NO_BID, RELIST: Reason.TOO_FEW_SALES}


def ledger():
    heard = []
    return Ledger(make_request(), heard.append), heard


def evidence(ask: int = 1000, sale: int | None = 1000) -> Evidence:
    sales = None if sale is None else Stamped((make_sale(price=sale),), NOW)
    return Evidence(make_quote(ask=ask), ASSUMED.schedule(""), sales=sales)


def test_a_refusal_counts_and_the_first_few_are_shown_as_examples():
    book, _ = ledger()
    first, *others = [make_quote(title=str(number)) for number in range(EXAMPLES + 2)]
    book.refuse(INSTANT, [first], Reason.NO_BID)
    book.refuse(INSTANT, others, Reason.NO_BID)
    assert book.rejected == {INSTANT: {Reason.NO_BID: EXAMPLES + 2}, RELIST: {}}
    assert [example.title for example in book.examples[INSTANT][Reason.NO_BID]] == ["0", "1", "2"]
    assert book.examples[RELIST] == {}


def test_what_still_waits_for_an_answer_is_not_confirmed():
    book, _ = ledger()
    book.settle(evidence(sale=None), {INSTANT: Need.TARGETS, RELIST: Need.SALES})
    assert [dict(book.rejected[pair]) for pair in (INSTANT, RELIST)] == [{Reason.NOT_CONFIRMED: 1}] * 2


def test_of_watched_titles_it_keeps_when_they_were_refused_in_earnest():
    book, _ = ledger()
    book.watched = frozenset({(Game.CS2, TITLE)})
    book.settle(evidence(), {INSTANT: Reason.NO_BID, RELIST: Reason.TOO_FEW_SALES}, put_off=[RELIST])
    book.settle(evidence(), {INSTANT: Need.TARGETS, RELIST: Need.OFFERS})
    book.refuse_on_sight([make_quote()], (Reason.EXCLUDED, Reason.EXCLUDED))
    other = Evidence(make_quote(title="Another"), ASSUMED.schedule(""))
    book.settle(other, {INSTANT: Reason.NO_BID, RELIST: Reason.NO_ASK})
    assert book.refused == {(Game.CS2, TITLE, INSTANT): NOW}


@pytest.mark.parametrize("watched", [frozenset(), frozenset({(Game.CS2, TITLE)})])
def test_a_refusal_on_sight_books_what_a_verdict_would_but_is_in_no_sample(watched):
    heard = []
    seen, asked = (Ledger(make_request(), heard.append, draw=Random(1).randrange) for _ in range(2))
    seen.watched = asked.watched = watched
    seen.refuse_on_sight([make_quote(at=NOW)], (Reason.NO_BID, Reason.TOO_FEW_SALES))
    asked.settle(replace(evidence(), quote=make_quote(at=NOW)), NO_BID)
    assert (seen.rejected, seen.examples, seen.refused) == (asked.rejected, asked.examples, asked.refused)
    assert bool(seen.refused) is bool(watched)
    assert (len(seen.sample), len(asked.sample), heard) == (0, 1, [])


def test_a_watched_title_that_is_gone_at_the_second_look_was_refused_then():
    book, _ = ledger()
    book.watched = frozenset({(Game.CS2, TITLE)})
    book.settle(evidence(), {INSTANT: (make_opportunity(),), RELIST: Reason.TOO_FEW_SALES})
    book.look_again(evidence(), {INSTANT: Reason.NO_COMPATIBLE_BID, RELIST: Reason.TOO_FEW_SALES})
    assert book.refused == {(Game.CS2, TITLE, INSTANT): NOW, (Game.CS2, TITLE, RELIST): NOW}
    other = make_opportunity(phase="ruby")
    book.settle(evidence(), {INSTANT: (make_opportunity(),)})
    book.refused.clear()
    book.look_again(evidence(), {INSTANT: (other,)})
    assert book.refused == {}, "a variant that was not found before is no verdict against the one that was"


def sampled(titles: int, draw: Callable[[int], int]) -> list[str]:
    book = Ledger(make_request(), lambda _: None, draw=draw)
    for number in range(titles):
        quote = make_quote(title=f"{number}")
        book.settle(Evidence(quote, ASSUMED.schedule(""), sales=Stamped((), NOW)), NO_BID)
    assert all(refusal.reasons == NO_BID for refusal in book.sample)
    return [refusal.quote.title for refusal in book.sample]


def test_a_sample_of_refused_titles_is_drawn_evenly():
    assert sampled(REFUSALS, Random(1).randrange) == [str(number) for number in range(REFUSALS)]
    drawn = Counter(title for seed in range(300) for title in sampled(2 * REFUSALS, Random(seed).randrange))
    assert len(drawn) == 2 * REFUSALS
    assert all(100 < times < 200 for times in drawn.values())
    assert sampled(99, Random(7).randrange) == sampled(99, Random(7).randrange)


def test_only_titles_refused_after_what_was_asked_of_them_are_in_the_sample():
    book = Ledger(make_request(), lambda _: None, draw=Random(1).randrange)
    asked, unasked = evidence(), Evidence(make_quote(), ASSUMED.schedule(""))
    book.settle(unasked, NO_BID)
    book.settle(asked, {INSTANT: Need.TARGETS, RELIST: Need.OFFERS})
    book.settle(asked, {RELIST: Reason.TOO_SLOW}, put_off={RELIST: Reason.TOO_SLOW})
    assert book.sample == []
    book.settle(asked, {INSTANT: Reason.NO_BID, RELIST: Need.OFFERS})
    assert [refusal.reasons for refusal in book.sample] == [{INSTANT: Reason.NO_BID}]
    keyless = Ledger(make_request(), lambda _: None, signed=False, draw=Random(1).randrange)
    keyless.settle(unasked, NO_BID)
    assert len(keyless.sample) == 1, "without a key all is told on quotes"


def test_an_instant_find_is_told_at_once_and_a_relist_when_the_units_are_proved():
    book, heard = ledger()
    instant, relist = make_opportunity(), make_relist()
    book.settle(evidence(), {INSTANT: (instant,), RELIST: (relist,)})
    assert heard == book.found == [instant]
    for _ in range(SAMPLE - 1):
        book.settle(evidence(), NO_BID)
    assert heard == book.found == [instant, relist]
    book.settle(evidence(), {INSTANT: Reason.NO_BID, RELIST: (relist,)})
    assert heard == [instant, relist, relist]
    book.close()
    assert heard == book.found == [instant, relist, relist]
    assert not book.units_differ


def test_relists_are_dropped_if_sales_and_asks_are_of_different_units():
    book, heard = ledger()
    for number in range(SAMPLE + 5):
        book.settle(evidence(sale=100_000), {INSTANT: Reason.NO_BID, RELIST: (make_relist(),)})
        assert book.units_differ is (number + 1 >= SAMPLE)
    book.close()
    assert heard == book.found == []
    assert book.rejected[RELIST] == {Reason.NOT_CONFIRMED: SAMPLE + 5}


@pytest.mark.parametrize(("titles", "differ"), [(LEAST_SAMPLE - 1, False), (LEAST_SAMPLE, True)])
def test_at_the_end_the_titles_there_are_decide(titles, differ):
    book, heard = ledger()
    for _ in range(titles):
        book.settle(evidence(sale=100_000), {INSTANT: Reason.NO_BID, RELIST: (make_relist(),)})
    assert heard == []
    book.close()
    assert book.units_differ is differ
    assert len(heard) == (0 if differ else titles)


def test_titles_without_sales_prove_nothing():
    book, heard = ledger()
    for _ in range(2 * SAMPLE):
        book.settle(evidence(sale=None), {INSTANT: Reason.NO_BID, RELIST: (make_relist(),)})
    assert heard == []
    book.close()
    assert len(heard) == 2 * SAMPLE


def test_titles_refused_only_for_the_end_of_a_reduced_fee_are_counted():
    book, _ = ledger()
    book.settle(RENEWABLE, {INSTANT: Reason.NO_BID, RELIST: Reason.BELOW_MIN_PROFIT})
    book.settle(evidence(), NO_BID)
    assert book.pass_if_renewed == 1


def test_a_title_that_two_ways_would_pass_if_renewed_counts_once():
    book = Ledger(make_request(entries=tuple(Entry)), [].append)
    refused = {RELIST: Reason.BELOW_MIN_PROFIT, (Entry.TARGET, Exit.RELIST): Reason.BELOW_MIN_PROFIT}
    book.settle(RENEWABLE_BOTH, {INSTANT: Reason.NO_BID, **refused})
    assert book.pass_if_renewed == 1


def test_a_spread_on_the_quote_alone_needs_no_proof_of_the_units():
    book, heard = ledger()
    spread = make_relist(entry=Entry.TARGET, sales=None, hold_days=None)
    book.settle(evidence(sale=None), {INSTANT: Reason.NO_BID, RELIST: (spread,)})
    assert heard == book.found == [spread]


def test_the_same_trouble_is_one_entry_with_a_count():
    book, _ = ledger()
    for game, endpoint in [(Game.CS2, "v2/offers"), (Game.CS2, "v2/offers"), (Game.RUST, "v2/offers"), (Game.CS2, "last-sales")]:
        book.trouble(MarketUnavailable("It broke.", endpoint), game)
    book.trouble(HistoryError("The disk is full."))
    told = [(trouble.code, trouble.game, trouble.endpoint, trouble.count) for trouble in book.troubles]
    assert told == [
        (ExitCode.NO_DATA, Game.CS2, "v2/offers", 2),
        (ExitCode.NO_DATA, Game.RUST, "v2/offers", 1),
        (ExitCode.NO_DATA, Game.CS2, "last-sales", 1),
        (ExitCode.NOT_STORED, None, "", 1),
    ]


# --- the second look ----------------------------------------------------------------------------------------------------------


PHASE_1, RUBY = make_opportunity(phase="phase-1"), make_opportunity(phase="ruby")
CHEAPER = make_relist(legs=(make_leg(ask=2000, sell=2570, fee=257, target=None),))


def looked_again(*before: Opportunity, **verdicts: Verdict) -> Ledger:
    """A ledger with these finds of one title and one of another, after a second look at the first; the scan saw two titles."""
    book, _ = ledger()
    book._units_proved = True
    both = {pair: tuple(found for found in before if found.exit is pair[1]) for pair in (INSTANT, RELIST)}
    book.settle(evidence(), {pair: found or Reason.TOO_SLOW for pair, found in both.items()})
    book.settle(evidence(), {INSTANT: (make_opportunity(title="other"),), RELIST: Reason.TOO_SLOW})
    book.look_again(evidence(), {INSTANT: verdicts["instant"], RELIST: verdicts["relist"]})
    for pair in (INSTANT, RELIST):
        titles = {found.title for found in book.found if found.exit is pair[1]}
        assert len(titles) + book.rejected[pair].total() == 2
    assert any(found.title == "other" for found in book.found)
    return book


def of_title(book: Ledger) -> list[Opportunity]:
    return [found for found in book.found if found.title == TITLE]


def test_a_find_that_is_gone_is_dropped_counted_and_refused_for_its_new_reason():
    book = looked_again(make_opportunity(), make_relist(), instant=Reason.NO_COMPATIBLE_BID, relist=(make_relist(),))
    assert (of_title(book), book.gone) == ([make_relist()], 1)
    assert book.rejected == {INSTANT: {Reason.NO_COMPATIBLE_BID: 1}, RELIST: {Reason.TOO_SLOW: 1}}


def test_a_find_that_changed_is_shown_as_it_is_now():
    book = looked_again(make_opportunity(), make_relist(), instant=(make_opportunity(),), relist=(CHEAPER,))
    assert (of_title(book), book.gone) == ([make_opportunity(), CHEAPER], 0)


def test_of_two_variants_the_one_that_is_gone_is_dropped_and_the_title_is_not_refused():
    book = looked_again(PHASE_1, RUBY, instant=(RUBY,), relist=Reason.TOO_SLOW)
    assert (of_title(book), book.gone) == ([RUBY], 1)
    assert book.rejected[INSTANT] == {}


def test_a_second_look_adds_neither_a_variant_nor_an_exit():
    book = looked_again(PHASE_1, instant=(PHASE_1, RUBY), relist=(make_relist(),))
    assert (of_title(book), book.gone) == ([PHASE_1], 0)
    assert book.rejected[RELIST] == {Reason.TOO_SLOW: 2}


def test_a_title_of_which_only_a_variant_not_found_before_would_pass_is_not_confirmed():
    book = looked_again(PHASE_1, instant=(RUBY,), relist=Reason.TOO_SLOW)
    assert (of_title(book), book.gone) == ([], 1)
    assert book.rejected[INSTANT] == {Reason.NOT_CONFIRMED: 1}

"""The line of candidates: who comes first, and that nothing known of one is lost or changed while it waits."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from msgspec.structs import replace

from dmscan.confirm import Candidate, Line
from dmscan.core.memory import Known, SalesOutlook
from dmscan.core.models import Entry, Evidence, Exit, FeeSchedule, FeeSource, Reason, Stamped

from make import DAY, NOW, make_quote, make_sale
from strategies import grown, random_evidence

FEES = FeeSchedule(Fraction(1, 10), 0, FeeSource.DEFAULT)
PROMISES = {"a": 3, "b": 7, "c": 7, "d": 0, "e": -(2**60), "f": 3 * 2**60}


def candidate(title: str, *, seen: bool = False) -> Candidate:
    return Candidate(Evidence(make_quote(title=title), FEES, sales=Stamped((), NOW)), is_seen=seen)


def a_line(eager: int = 0, *, seen: str = "") -> Line:
    line = Line(eager)
    for title, promise in PROMISES.items():
        line.add(candidate(title, seen=title in seen), promise)
    return line


async def served(line: Line) -> str:
    """Titles in the order in which they have their turn, when nothing better will come."""
    line.release()
    titles = ""
    while (place := await line.take()) is not None:
        taken = line.candidate(place)
        titles += taken.key[1]
        line.done(place, taken)
    return titles


async def test_the_most_promising_comes_first_and_of_equals_who_came_first():
    assert await served(a_line()) == "fbcade"


async def test_those_seen_take_turns_with_those_that_were_not():
    assert await served(a_line(seen="fbe")) == "cfabde"


async def test_what_promises_little_waits_until_nothing_better_will_come():
    line = a_line(eager=7)
    first = [line.candidate(await line.take() or 0).key[1] for _ in range(3)]
    assert first == ["f", "b", "c"]
    assert await served(line) == "ade"


async def test_whoever_could_not_get_an_answer_has_its_turn_behind_all_others():
    line = a_line()
    place = await line.take()
    assert place is not None
    line.put_last(place, line.candidate(place))
    assert await served(line) == "bcadef"


async def test_whoever_is_put_back_keeps_its_place_and_its_answers():
    line = a_line()
    place = await line.take()
    assert place is not None
    taken = line.candidate(place)
    taken.evidence = replace(taken.evidence, sales=Stamped((make_sale(),), NOW))
    line.put_back(place, taken)
    assert (await line.take(), line.candidate(place)) == (place, taken)


async def test_left_are_all_that_were_not_done_with():
    line = a_line()
    place = await line.take()
    assert place is not None
    assert "".join(one.key[1] for one in line.left()) == "abcdef"
    line.done(place, line.candidate(place))
    assert "".join(one.key[1] for one in line.left()) == "abcde"


@given(grown(random_evidence))
def test_a_candidate_is_the_same_after_it_waited(evidence: Evidence) -> None:
    closed = {(Entry.OFFER, Exit.RELIST): Reason.TOO_FEW_SALES}
    waiting = Candidate(evidence, closed, is_known=True, sales_at=NOW, is_seen=True)
    line = Line(0)
    line.add(waiting, 1)
    assert list(line.left()) == [waiting]


def test_a_candidate_has_what_its_verdict_needs_of_what_is_remembered():
    evidence = Evidence(make_quote(at=NOW), FEES)
    known = Known(evidence.quote, None, two_sided=True, sales=SalesOutlook(NOW - 5, 9, 2590, Fraction(1)), looked_at=NOW - DAY + 1)
    assert Candidate.of(evidence, known) == Candidate(evidence, is_known=True, sales_at=NOW - 5, is_seen=True)
    assert Candidate.of(evidence, replace(known, sales=None, looked_at=NOW - DAY)) == Candidate(evidence, is_known=True)
    assert Candidate.of(evidence, None) == Candidate(evidence)

"""What passes tell of an opportunity: that it is new, better, gone, and nothing twice."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from dmscan.core.episodes import Terms, terms_of
from dmscan.core.events import Better, Gone, New, Open, Told, hear, settle
from dmscan.core.models import Entry, Exit, Opportunity
from dmscan.core.report import ScanReport

from make import DAY, NOW, make_leg, make_opportunity, make_report, make_request, make_rules

TERMS = Terms(make_rules(), None, signed=True)


def found(sell: int = 2632, as_of: int = NOW, **changes: Any) -> Opportunity:
    """One unit; the fee is 53 cents, so that it nets `sell` - 2454."""
    return make_opportunity(legs=(make_leg(sell=sell),), as_of=as_of, **changes)


def passed(*opportunities: Opportunity, at: int = NOW + 60, refused: bool = False, **changes: Any) -> ScanReport:
    """A pass that ended at `at`; `refused`: the title of `found` got no find, and not for want of an answer."""
    one = found()
    refusals = {(one.game, one.title, (Entry.OFFER, Exit.INSTANT)): at} if refused else {}
    return make_report(opportunities=opportunities, finished_at=at, refused=refusals, **changes)


def after(*heard: Opportunity) -> Open:
    open_: Open = {}
    for one in heard:
        open_ = hear(open_, one, TERMS, one.as_of).open
    return open_


def test_a_find_that_was_not_open_is_new() -> None:
    told = hear({}, found(), TERMS, NOW)
    assert told.events == (New(NOW, found()),)
    assert list(told.open) == [found().key]


def test_the_same_find_again_is_no_news() -> None:
    assert hear(after(found()), found(as_of=NOW + 60), TERMS, NOW + 60).events == ()


def test_more_net_profit_is_better_and_less_is_no_news() -> None:
    told = hear(after(found()), found(sell=2633), TERMS, NOW + 1)
    assert told.events == (Better(NOW + 1, found(sell=2633), before=178),)
    assert hear(told.open, found(sell=2600), TERMS, NOW + 2).events == ()


def test_better_is_measured_by_what_was_last_told_not_by_what_was_last_found() -> None:
    open_ = after(found(), found(sell=2600))
    assert hear(open_, found(sell=2632), TERMS, NOW).events == ()
    assert hear(open_, found(sell=2640), TERMS, NOW).events == (Better(NOW, found(sell=2640), before=178),)


def test_another_exit_of_the_same_title_is_another_opportunity() -> None:
    assert len(after(found(), found(exit=Exit.RELIST))) == 2


def test_the_finds_of_a_pass_are_told_once_whether_they_were_heard_of_before_it_ended_or_not() -> None:
    report = passed(found())
    assert settle({}, report, NOW + 60).events == (New(NOW + 60, found()),)
    assert settle(after(found()), report, NOW + 60).events == ()


def test_a_verdict_that_says_no_ends_it() -> None:
    open_ = settle(after(found()), passed(found(as_of=NOW + 40)), NOW + 60).open
    told = settle(open_, passed(refused=True, at=NOW + 120), NOW + 121)
    (gone,) = told.events
    assert isinstance(gone, Gone)
    assert (gone.at, gone.unseen, gone.lasted_s, gone.standing.opportunity.net_profit) == (NOW + 121, False, 40, 178)
    assert told.open == {}


def test_a_title_without_a_verdict_neither_ends_nor_goes_on() -> None:
    told = settle(after(found()), passed(at=NOW + 600), NOW + 600)
    assert told.events == ()
    assert told.open[found().key].episode.seen_at == NOW


def test_stricter_rules_say_nothing_of_what_wider_ones_found() -> None:
    stricter = make_request(rules=make_rules(min_profit=5000))
    assert settle(after(found()), passed(refused=True, request=stricter), NOW + 60).events == ()


def test_what_nobody_could_see_for_more_than_a_day_ends_as_unseen() -> None:
    told = settle(after(found()), passed(at=NOW + DAY + 1), NOW + DAY + 1)
    assert [(type(event), event.unseen) for event in told.events if isinstance(event, Gone)] == [(Gone, True)]
    assert settle(after(found()), passed(at=NOW + DAY), NOW + DAY).events == ()


def test_found_again_after_more_than_a_day_it_has_gone_unseen_and_is_new() -> None:
    late = found(as_of=NOW + DAY + 1)
    heard = hear(after(found()), late, TERMS, NOW + DAY + 2)
    assert [type(event) for event in heard.events] == [Gone, New]
    assert heard.open[late.key].episode.begun_at == late.as_of
    assert settle(heard.open, passed(late, at=NOW + DAY + 60), NOW + DAY + 60).events == ()


def test_gone_and_found_again_it_is_new() -> None:
    gone = settle(after(found()), passed(refused=True), NOW + 60).open
    assert [type(event) for event in hear(gone, found(as_of=NOW + 120), TERMS, NOW + 120).events] == [New]


def test_one_phase_gone_leaves_the_other_open() -> None:
    ruby, emerald = found(phase="ruby"), found(phase="emerald")
    told: Told = settle(after(ruby, emerald), passed(replace(ruby, as_of=NOW + 30)), NOW + 60)
    assert [event.standing.opportunity.phase for event in told.events if isinstance(event, Gone)] == ["emerald"]
    assert [key[2] for key in told.open] == ["ruby"]


def test_what_is_open_does_not_grow_with_the_passes() -> None:
    open_ = after(found())
    for number in range(1, 50):
        open_ = settle(open_, passed(found(as_of=NOW + 60 * number), at=NOW + 60 * number), NOW).open
    assert len(open_) == 1
    assert terms_of(passed()) == TERMS

"""The screen of a watch: it fits, it marks what has just happened, and no title can harm it."""

from __future__ import annotations

import unicodedata

import pytest
from rich.cells import cell_len

from dmscan.core.episodes import Terms
from dmscan.core.events import Better, Gone, New, Open, Passed, hear
from dmscan.core.models import Opportunity
from dmscan.core.outage import Outage
from dmscan.core.report import Progress
from dmscan.errors import ExitCode
from dmscan.render.board import Board, State

from make import NOW, make_leg, make_opportunity, make_relist, make_report, make_request, make_rules

TERMS = Terms(make_rules(), None, signed=True)
FOUND = make_opportunity()
HOSTILE = make_relist(title="Evil\x1b[31m\u202e[bold]\u200b" + "永" * 100)
PLAIN = State(passed=Passed(1, make_report(), {}, 2, 0, 0), number=2, next_in_s=34.2)


def open_of(*found: Opportunity) -> Open:
    open_: Open = {}
    for one in found:
        open_ = hear(open_, one, TERMS, NOW).open
    return open_


def board(*found: Opportunity) -> Board:
    """After the first pass told these."""
    one = Board("https://api.dmarket.com", make_request())
    for opportunity in found:
        one.event(New(NOW, opportunity), 1)
    one.passed(open_of(*found), 1)
    return one


def shown(one: Board, state: State = PLAIN, size: tuple[int, int] = (100, 30), limit: int | None = None) -> str:
    return one.text(state, NOW + 30, size, color=False, limit=limit)


@pytest.mark.parametrize("width", [20, 80, 100, 160])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    text = shown(board(FOUND, HOSTILE), size=(width, 30))
    assert max(map(cell_len, text.splitlines())) <= width
    assert "$3.48" in text


def test_a_wide_screen_shows_all_and_a_narrow_one_what_matters() -> None:
    wide = shown(board(FOUND), size=(160, 30))
    assert all(word in wide for word in ("offer → instant", "since", "seen", "days", "AK-47 | Redline (Field-Tested)"))
    narrow = shown(board(FOUND), size=(80, 30))
    assert "since" in narrow
    assert "seen" not in narrow


def test_nothing_hidden_reaches_the_terminal() -> None:
    text = shown(board(HOSTILE))
    assert not {mark for mark in set(text) - {"\n"} if unicodedata.category(mark) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert "\\u001b" in text
    assert "[bold]" in shown(board(make_opportunity(title="[bold]x[/bold]")))


def test_the_heading_says_which_pass_when_the_next_begins_and_what_the_last_one_cost() -> None:
    text = shown(board(FOUND), size=(160, 30))
    assert "api.dmarket.com · cs2 · asks from $0.50" in text
    assert "pass 2 begins in 34 s · last pass 600 calls at 2.0 a second · 2 new, 0 better, 0 gone" in text


def test_while_a_pass_runs_it_says_how_far_it_is() -> None:
    sweeping = State(progress=Progress(1200, 300, 0, 0, 12, sweeping=True))
    assert "pass 1 · sweeping, 1,200 titles · 12 calls" in shown(board(), sweeping)
    confirming = State(progress=Progress(1200, 300, 40, 0, 52, sweeping=False))
    assert "confirming, 40 of 300" in shown(board(), confirming)
    assert "Nothing found yet." in shown(board(), confirming)


def test_an_outage_is_said_with_since_when() -> None:
    down = State(down=Outage(ExitCode.NO_DATA, "could not be reached.", NOW))
    assert "no usable data since 2026-11-24 06:04 UTC: could not be reached." in shown(board(), down)


def mark(one: Board) -> str:
    """The beginning of the only opportunity's line; "" if there is none."""
    return next((line[:2] for line in shown(one).splitlines() if FOUND.title[:12] in line), "")


def test_marks_stay_until_the_next_pass_is_over() -> None:
    one = board(FOUND)
    assert mark(one) == "+ "
    better = make_opportunity(legs=(make_leg(sell=2900),))
    one.event(Better(NOW, better, before=348), 2)
    assert mark(one) == "↑ "
    one.passed(open_of(better), 2)
    assert mark(one) == "↑ "
    one.passed(open_of(better), 3)
    assert mark(one) == "  "


def test_what_has_gone_stays_for_a_few_passes() -> None:
    one = board(FOUND)
    one.event(Gone(NOW, open_of(FOUND)[FOUND.key], unseen=False), 2)
    marks = []
    for number in range(2, 6):
        one.passed({}, number)
        marks.append(mark(one))
    assert marks == ["- ", "- ", "- ", ""]


def test_the_lines_fit_the_height_and_the_limit_and_the_rest_is_counted() -> None:
    many = board(*(make_opportunity(title=f"Item {number}") for number in range(40)))
    text = shown(many, size=(100, 24))
    assert len(text.splitlines()) <= 23
    assert "rows not shown" in text
    assert "37 rows not shown" in shown(many, limit=3)


def test_the_first_seen_is_counted_from_the_first_pass() -> None:
    one = board(FOUND)
    later = make_opportunity(as_of=NOW + 30)
    one.event(Better(NOW + 30, later, before=1), 2)
    (line,) = [line for line in shown(one).splitlines() if FOUND.title[:12] in line]
    assert line.split()[-4:] == ["30", "s", "0", "s"]


def test_colour_only_where_it_is_wanted() -> None:
    assert "\x1b" not in shown(board(FOUND))
    assert "\x1b[" in board(FOUND).text(PLAIN, NOW, (100, 30), color=True)

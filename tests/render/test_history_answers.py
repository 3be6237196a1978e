"""Answers of the history on a screen: figures, plots and what a narrow screen goes without."""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec

import pytest
from msgspec.structs import replace

from dmscan.core.lifetimes import Life, lifetimes
from dmscan.core.models import Entry, Exit, Game, SaleKind
from dmscan.core.past import Course, PastFind, PastQuote, PastScan, Span, Stats, Tally
from dmscan.render import history, history_plot, history_table

from make import DAY, NOW, TITLE, make_sale

SCAN = PastScan(
    scan_id="5f1c0000-rest",
    status="cut",
    started_at=NOW - 300,
    finished_at=NOW,
    games=("cs2",),
    entries=("offer",),
    exits=("instant", "relist"),
    titles=25112,
    found=3,
    net=1234,
    calls=600,
    complete=False,
    coverage=Fraction(1, 20),
    exit_code=0,
)
RUNNING = replace(SCAN, status="running", finished_at=None, titles=None, calls=None, coverage=None, exit_code=None)
QUOTES = (PastQuote(NOW - 2 * DAY, 100, 90, 5, 6), PastQuote(NOW - DAY, None, 80, 0, 6), PastQuote(NOW - 60, 200, None, 1, 0))
COURSE = Course(
    game=Game.CS2,
    title=TITLE,
    span=Span(NOW - DAY * 4, NOW),
    quotes=QUOTES,
    sales=(make_sale(at=NOW - DAY, price=150), make_sale(at=NOW - 5, price=70, kind=SaleKind.TARGET)),
    found=(PastFind(NOW - 60, "5f1c0000-rest", "ruby", Entry.OFFER, Exit.INSTANT, 2, 200, 260, 34),) * 12,
)
needs_plotext = pytest.mark.skipif(not find_spec("plotext"), reason="the extra plot is not installed")


def test_the_list_has_a_line_a_scan() -> None:
    assert history_table.scans([SCAN, RUNNING], "https://api.dmarket.com", 120, color=False) == (
        "https://api.dmarket.com · 2 scans, the newest first\n"
        "when              scan      status   asked                        took  titles  found     net  calls  judged  code\n"
        "2026-11-24 05:59  5f1c0000  cut      cs2 offer → instant/relist  5 min  25,112      3  $12.34    600   5.00%     0\n"
        "2026-11-24 05:59  5f1c0000  running  cs2 offer → instant/relist                     3  $12.34\n"
        "dmscan history show SCAN shows one of them, with as much of its id as tells it apart\n"
    )


def test_a_narrow_screen_goes_without_the_least_figures() -> None:
    lines = history_table.scans([SCAN], "sandbox", 60, color=False).splitlines()
    assert lines[1] == "when              scan      status  found     net"
    assert max(map(len, lines)) <= 60
    assert max(map(len, history_table.scans([SCAN], "sandbox", 1, color=False).splitlines())) <= 20


def test_stats_end_with_the_total_and_the_calls() -> None:
    told = Stats("level", (Tally("boost", 2, 1000, 100), Tally("", 1, 0, 5)), Tally("", 3, 1000, 105, 7, 900), {"v2/offers": 900})
    assert history_table.stats(told, "sandbox", 100, color=False).splitlines()[1:] == [
        "          episodes    cost    net     ROI  scans  calls",
        "boost            2  $10.00  $1.00  10.00%",
        "no level         1   $0.00  $0.05",
        "all              3  $10.00  $1.05  10.50%      7    900",
        "calls: v2/offers 900",
    ]


def test_lifetimes_say_where_there_is_no_evidence() -> None:
    lives = [
        Life(2400, gone=True, again=True, times=40),
        Life(180, gone=True, times=2, exit=Exit.RELIST),
        Life(18000, gone=False, again=True, times=40, hour=5),
    ]
    lines = history_table.lifetimes(lifetimes(lives, 600), "sandbox", 110, color=False).splitlines()
    assert lines[1:9] == [
        "of              episodes  ended  ¼ gone by                    half gone by  ¾ gone by  gone by next scan",
        "all                   82     42     20 min                          20 min      later              2.44%",
        "exit instant          80     40     20 min                          20 min      later              0.00%",
        "exit relist            2      2             not enough evidence (below 30)",
        "game cs2              82     42     20 min                          20 min      later              2.44%",
        "weekday Monday        82     42     20 min                          20 min      later              2.44%",
        "hour 00               42     42     20 min                          20 min     20 min              4.76%",
        "hour 05               40      0             not enough evidence (below 30)                         0.00%",
    ]
    assert "10 min apart" in " ".join(lines[9:])


def test_groups_without_any_evidence_are_one_line() -> None:
    lives = [Life(120, gone=True, times=29, hour=hour) for hour in range(24)]
    lines = history_table.lifetimes(lifetimes(lives), "sandbox", 110, color=False).splitlines()
    assert [line for line in lines if "hour" in line.split(" ")[0:2]] == [
        "each hour            696    696             not enough evidence (below 30)"
    ]


def test_a_title_says_what_holds_now_and_shows_its_last_finds() -> None:
    lines = history_table.course(COURSE, "sandbox", 100, color=False).splitlines()
    assert lines[:2] == [TITLE, "sandbox · cs2 · 2026-11-20 06:04 UTC to 2026-11-24 06:04 UTC"]
    assert "since 2026-11-24 06:03 UTC: ask $2.00 (1 on sale), bid - (0 wanted) · 3 quotes, 2 sales, 12 finds in this" in " ".join(
        lines[2:]
    )
    assert lines[-2:] == ["2026-11-24 06:03  offer → instant, ruby      2  $2.00  $2.60  $0.34  5f1c0000", "2 earlier finds not shown"]


def test_blocks_stand_where_a_price_held() -> None:
    """A day is ten cells: nothing known, $1.00, no ask, and $2.00 in the very last one; all prices lie between 70 and 200 cents."""
    ask, bid = (history_plot._blocks(COURSE, side, (70, 200), 50 + len("ask $0.70  $2.00") - 10) for side in ("ask", "bid"))
    assert ask == f"ask $0.70 {' ' * 19}{'▂' * 10}{' ' * 10}█ $2.00".replace(" " * 19, " " * 19)
    assert bid == f"bid $0.70 {' ' * 19}{'▂' * 10}{'▁' * 10}  $2.00"


def test_nothing_to_draw_is_no_plot() -> None:
    empty = replace(COURSE, quotes=(), sales=(), found=())
    assert list(history_plot.lines(empty, 80, color=False)) == []
    assert "no quote, 0 sales in this time" in history_table.course(empty, "sandbox", 80, color=False)


@pytest.mark.skipif(bool(find_spec("plotext")), reason="the extra plot is installed")
def test_without_the_extra_it_is_said_how_to_get_axes() -> None:
    assert list(history_plot.lines(COURSE, 80, color=True))[-1] == history_plot.FOR_AXES


@needs_plotext
@pytest.mark.parametrize("width", [20, 60, 100, 300])
def test_axes_show_dollars_and_days_and_fit_the_screen(width: int) -> None:
    drawn = list(history_plot.lines(COURSE, width, color=False))
    assert max(map(len, drawn[:-1])) <= min(width, history_plot.WIDEST)
    assert drawn[-1] == "▚ ask  ⠢ bid  o sold at ask  x sold into a bid"
    if width >= 60:
        assert any(line.startswith("$2.00┤") for line in drawn)
        assert "11-20" in drawn[-2]
    assert "\x1b" not in "".join(drawn)
    assert "\x1b" in "".join(history_plot.lines(COURSE, width, color=True))


@needs_plotext
def test_a_flat_line_and_a_single_moment_are_drawn() -> None:
    flat = replace(COURSE, quotes=(PastQuote(NOW - 1, 5, 5, 1, 1),), sales=(), span=Span(NOW - 1, NOW))
    assert len(list(history_plot.lines(flat, 60, color=False))) == history_plot.HEIGHT + 1


def test_csv_has_the_columns_of_all_kinds_of_rows() -> None:
    head, *rows = history.as_csv(history.course("sandbox", COURSE)).splitlines()
    assert head.split(",")[:3] == ["type", "at", "ask_cents"]
    assert [row.partition(",")[0] for row in rows] == ["quote"] * 3 + ["sale"] * 2 + ["opportunity"] * 12
    assert history.as_csv(history.scans("sandbox", ())).startswith("type,scan_id,")
    assert ",true," in history.as_csv(history.scans("sandbox", (replace(SCAN, complete=True),)))

"""When a watch takes the market for down, and how long it then leaves it alone."""

from __future__ import annotations

import pytest

from dmscan.core.outage import Outage, gap_s, outage
from dmscan.core.report import ScanReport, Traffic, Trouble
from dmscan.errors import ExitCode

from make import make_report, make_stats

SILENT = Traffic(requests={"aggregated-prices": 3}, failed=3)
HALF = Traffic(requests={"aggregated-prices": 9}, failed=3, answered=6)
NOTHING = Traffic()


def report(traffic: Traffic, *codes: ExitCode, started_at: int = 1000) -> ScanReport:
    troubles = tuple(Trouble(code, f"Trouble {code}.") for code in codes)
    return make_report(stats=make_stats(traffic=traffic), troubles=troubles, started_at=started_at)


def test_no_answer_to_anything_is_an_outage_even_if_remembered_titles_got_verdicts() -> None:
    down = outage(report(SILENT, ExitCode.NO_DATA), None)
    assert down == Outage(ExitCode.NO_DATA, "Trouble 10.", since=1000)


def test_no_answer_is_one_even_if_no_question_failed_before_the_pass_was_over() -> None:
    down = outage(report(Traffic(requests={"aggregated-prices": 1})), None)
    assert down
    assert down.code is ExitCode.NO_DATA


def test_some_answers_are_none() -> None:
    assert outage(report(HALF, ExitCode.NO_DATA), None) is None


@pytest.mark.parametrize("code", [ExitCode.KEY_REFUSED, ExitCode.CLOCK_SKEWED, ExitCode.API_CHANGED])
def test_what_every_question_would_be_answered_with_is_one(code: ExitCode) -> None:
    down = outage(report(HALF, ExitCode.PARTIAL, code), None)
    assert down
    assert down.code is code


def test_it_lasts_from_the_first_pass_on_and_counts_them() -> None:
    first = outage(report(SILENT), None)
    second = outage(report(SILENT, started_at=2000), first)
    assert second
    assert (second.since, second.passes) == (1000, 2)
    assert outage(report(HALF), second) is None


def test_a_pass_that_asked_nothing_tells_nothing() -> None:
    down = outage(report(SILENT), None)
    assert outage(report(NOTHING), down) == down
    assert outage(report(NOTHING), None) is None


def down(passes: int) -> Outage:
    return Outage(ExitCode.NO_DATA, "", 0, passes)


def test_the_gap_doubles_up_to_ten_minutes() -> None:
    assert [gap_s(60, None), *(gap_s(60, down(passes)) for passes in range(1, 6))] == [60, 120, 240, 480, 600, 600]
    assert gap_s(60, down(10**6)) == 600


def test_a_watch_that_comes_more_seldom_anyway_keeps_its_time() -> None:
    assert gap_s(3600, down(5)) == 3600

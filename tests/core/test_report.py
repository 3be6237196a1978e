"""A report knows its exit code."""

from __future__ import annotations

import pytest

from dmscan.core.models import Entry, Exit
from dmscan.core.report import Traffic, Trouble
from dmscan.errors import PRECEDENCE, ExitCode, most_specific

from make import make_report, make_request, make_stats

NOTHING, JUDGED, ALL_REFUSED = make_stats(titles=0, candidates=0, judged=0), make_stats(), make_stats(candidates=0, judged=0)
UNJUDGED = make_stats(judged=0)


@pytest.mark.parametrize(
    ("codes", "stats", "code"),
    [
        ([], NOTHING, 0),
        ([], JUDGED, 0),
        ([10], NOTHING, 10),
        ([10], UNJUDGED, 10),
        ([10], JUDGED, 3),
        ([10], ALL_REFUSED, 3),
        ([14], NOTHING, 14),
        ([14], JUDGED, 3),
        ([12], JUDGED, 12),
        ([15, 10], JUDGED, 15),
        ([10, 14, 13], NOTHING, 13),
        ([14, 10], NOTHING, 14),
        ([20], JUDGED, 20),
        ([20, 10], JUDGED, 3),
    ],
)
def test_the_most_specific_trouble_decides_and_missing_data_is_partial_if_some_came(codes, stats, code):
    report = make_report(stats=stats, troubles=tuple(Trouble(ExitCode(code), "A sentence.") for code in codes))
    assert report.exit_code() is ExitCode(code)


@pytest.mark.parametrize(("found", "fail_empty", "code"), [(True, True, 0), (True, False, 0), (False, True, 4), (False, False, 0)])
def test_nothing_found_fails_only_if_asked_for(found, fail_empty, code):
    report = make_report() if found else make_report(opportunities=())
    assert report.exit_code(fail_empty=fail_empty) == code


def test_requests_are_counted_over_all_endpoints():
    assert Traffic({"last-sales": 3, "v2/offers": 2}).sent == 5
    assert Traffic().sent == 0


def test_every_exit_code_has_its_place_in_the_order():
    assert sorted(PRECEDENCE) == sorted(ExitCode)
    assert most_specific([]) is ExitCode.OK


def test_an_own_target_is_only_ever_relisted():
    request = make_request(entries=tuple(Entry), exits=tuple(Exit))
    assert request.pairs == ((Entry.OFFER, Exit.INSTANT), (Entry.OFFER, Exit.RELIST), (Entry.TARGET, Exit.RELIST))

"""What a chat is told of a scan, and what not."""

from __future__ import annotations

from fractions import Fraction

import pytest

from dmscan.core.alerts import Due, Kind, QuietHours, Wish, due, health, news_of_health
from dmscan.core.episodes import Ended, Episode, follow, terms_of
from dmscan.core.models import Entry, Exit, Game
from dmscan.errors import ExitCode

from make import NOW, TITLE, make_leg, make_opportunity, make_relist, make_report

FOUND = make_opportunity()
INSTANT = (Entry.OFFER, Exit.INSTANT)


def earning(cents: int) -> object:
    return make_opportunity(legs=(make_leg(ask=1000, sell=1000 + cents, fee=0),))


@pytest.mark.parametrize(
    ("before", "now", "realert", "told"),
    [
        (None, 100, "1/5", "new"),
        (None, 0, "1/5", "new"),
        (100, 119, "1/5", None),
        (100, 120, "1/5", "better"),
        (100, 80, "1/5", None),
        (101, 121, "1/5", None),
        (101, 122, "1/5", "better"),
        (100, 100, "0", None),
        (100, 101, "0", "better"),
        (0, 0, "1/5", None),
        (0, 1, "1/5", "better"),
        (5, 6, "1/5", "better"),
        (3, 4, "1/3", "better"),
        (7, 9, "1/3", None),
        (100, 250, "3/2", "better"),
        (100, 249, "3/2", None),
    ],
)
def test_a_find_is_told_once_and_again_when_it_rose_enough_over_what_was_delivered(
    before: int | None, now: int, realert: str, told: str | None
) -> None:
    found = earning(now)
    report = make_report(opportunities=(found,))
    delivered = {} if before is None else {found.key: before}
    alerts = due(report, follow([], report), delivered, Wish(Fraction(realert)))
    assert [(one.kind, one.found, one.before) for one in alerts] == ([] if told is None else [(told, found, before)])


def test_the_exits_of_a_title_are_told_apart() -> None:
    report = make_report()
    alerts = due(report, follow([], report), {FOUND.key: FOUND.net_profit}, Wish())
    assert [one.found for one in alerts] == [make_relist()]


@pytest.mark.parametrize(
    ("tells_gone", "delivered", "seen_at", "told"),
    [
        (True, True, NOW - 60, [Kind.GONE]),
        (False, True, NOW - 60, []),
        (True, False, NOW - 60, []),
        (True, True, NOW - 200_000, []),
    ],
)
def test_only_what_was_delivered_and_was_seen_to_be_gone_is_told_to_be_gone(
    tells_gone: bool, delivered: bool, seen_at: int, told: list[Kind]
) -> None:
    report = make_report(opportunities=(), refused={(Game.CS2, TITLE, INSTANT): NOW})
    episode = Episode(FOUND.key, seen_at - 60, seen_at, 2, 5, terms_of(report))
    changes = follow([episode], report)
    assert changes.changed[0].ended is (Ended.CENSORED if seen_at < NOW - 100_000 else Ended.GONE)
    alerts = due(report, changes, {FOUND.key: 5} if delivered else {}, Wish(tells_gone=tells_gone))
    assert [one.kind for one in alerts] == told
    assert [one.key for one in alerts] == [FOUND.key] * len(told)


OK, DOWN, REFUSED, CHANGED, SKEWED = ExitCode.OK, ExitCode.NO_DATA, ExitCode.KEY_REFUSED, ExitCode.API_CHANGED, ExitCode.CLOCK_SKEWED


@pytest.mark.parametrize(
    ("codes", "fares"),
    [
        ([], None),
        ([OK], Kind.WELL),
        ([ExitCode.PARTIAL, DOWN, DOWN], Kind.WELL),
        ([ExitCode.NOT_STORED, DOWN, DOWN], Kind.WELL),
        ([ExitCode.NOTHING_FOUND], Kind.WELL),
        ([DOWN], None),
        ([DOWN, DOWN], None),
        ([DOWN, DOWN, OK], None),
        ([DOWN, DOWN, DOWN], Kind.FAILING),
        ([SKEWED, ExitCode.RATE_LIMITED, DOWN], Kind.FAILING),
        ([REFUSED], Kind.KEY_REFUSED),
        ([REFUSED, OK, OK], Kind.KEY_REFUSED),
        ([CHANGED, DOWN, DOWN], Kind.API_CHANGED),
        ([DOWN, REFUSED, OK], None),
        ([DOWN, REFUSED, REFUSED], None),
        ([DOWN, DOWN, CHANGED], None),
    ],
)
def test_how_scans_fare(codes: list[int], fares: Kind | None) -> None:
    assert health(codes) is fares


def test_every_change_of_health_is_told_once_and_a_good_beginning_not_at_all() -> None:
    """Each scan's message is delivered before the next."""
    course = [OK, OK, REFUSED, REFUSED, OK, OK, DOWN, DOWN, OK, DOWN, DOWN, DOWN, DOWN, DOWN, CHANGED, OK]
    last, told = Kind.WELL, []
    for number in range(1, len(course) + 1):
        news = news_of_health(health(course[:number][::-1][:3]), last, None)
        if news:
            last = news
            told.append((number, news))
    assert told == [
        (3, Kind.KEY_REFUSED),
        (5, Kind.WELL),
        (12, Kind.FAILING),
        (15, Kind.API_CHANGED),
        (16, Kind.WELL),
    ]


@pytest.mark.parametrize(
    ("now", "last", "waiting", "wanted"),
    [
        (None, Kind.WELL, Kind.FAILING, Kind.FAILING),
        (Kind.FAILING, Kind.WELL, Kind.FAILING, Kind.FAILING),
        (Kind.WELL, Kind.WELL, Kind.FAILING, None),
        (Kind.WELL, Kind.FAILING, Kind.FAILING, Kind.WELL),
        (Kind.FAILING, Kind.FAILING, Kind.FAILING, Kind.FAILING),
        (Kind.KEY_REFUSED, Kind.WELL, Kind.FAILING, Kind.KEY_REFUSED),
        (Kind.FAILING, Kind.FAILING, Kind.WELL, None),
    ],
)
def test_news_that_were_not_told_give_way_to_later_ones(now: Kind | None, last: Kind, waiting: Kind | None, wanted: Kind | None) -> None:
    assert news_of_health(now, last, waiting) is wanted


@pytest.mark.parametrize(
    ("hours", "quiet", "loud"),
    [
        (QuietHours(23 * 60, 8 * 60), [23 * 60, 0, 479, 1439], [480, 22 * 60 + 59, 720]),
        (QuietHours(60, 120), [60, 119], [59, 120, 0, 1439]),
        (QuietHours(0, 1440), [0, 720, 1439], []),
    ],
)
def test_quiet_hours_go_over_midnight(hours: QuietHours, quiet: list[int], loud: list[int]) -> None:
    assert [minute for minute in [*quiet, *loud] if hours.holds(minute)] == quiet


def test_what_is_due_is_known_by_its_episode() -> None:
    assert Due(Kind.NEW, FOUND).key == FOUND.key
    assert Due(Kind.WELL).key is None

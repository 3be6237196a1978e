"""Statuses, limits, and answers that are none (reliability chapter 2.2)."""

from __future__ import annotations

import json
from email.utils import formatdate

import pytest

from dmscan.core.models import Game
from dmscan.errors import ClockSkewed, ExitCode

from fault_scans import all_there_is, finds, is_honest, is_whole, leaping_now, market_at, scan_at, scan_with
from fault_server import ALWAYS, NOW, Fault, misbehaving, small_market
from make import make_request
from misdeeds import HTML, body, early, reset, status

pytestmark = pytest.mark.usefixtures("no_backoff")

EVERY_NINTH = range(0, 1000, 9)
TWO_GAMES = make_request(games=(Game.CS2, Game.RUST), deadline_s=0)
PAUSES = {
    "86400": 60,
    "nan": 16,
    "inf": 16,
    "-5": 16,
    "abc": 16,
    "1e3": 16,
    "9" * 401: 16,
    formatdate(NOW - 86_400, usegmt=True): 1,
    formatdate(NOW + 86_400, usegmt=True): 60,
    "Fri, 99 Foo 99999 99:99:99 GMT": 16,
}
"""The longest hold in seconds that each Retry-After may cause; what cannot be understood counts as absent."""
LOOKS_MS = 5000
"""Each of those who wait moves the clock on by its own look at the gate."""


@pytest.mark.parametrize("text", [None, *PAUSES])
async def test_H4_no_retry_after_stops_a_scan_for_longer_than_a_minute(text):
    headers = {"retry_after": text} if text else {}
    report, _ = await scan_with(Fault(status(429, **headers), turns=range(5, 6)), clock=leaping_now())
    assert is_whole(report)
    assert report.stats.traffic.rate_limited == 1
    assert 0 <= report.stats.traffic.held_ms <= 1000 * PAUSES.get(text or "", 16) + LOOKS_MS


async def test_H3_a_pause_of_a_day_is_tried_again_after_a_minute_and_then_told():
    report, server = await scan_with(Fault(status(429, retry_after="86400"), turns=ALWAYS), clock=leaping_now())
    assert report.exit_code() is ExitCode.RATE_LIMITED
    assert report.stats.traffic.held_ms <= 60_000 * len(server.log) + 1000
    assert len(server.log) <= 6


@pytest.mark.parametrize("number", [500, 502, 503, 504])
async def test_H5_an_error_of_the_server_that_passes_leaves_no_trace(number):
    report, _ = await scan_with(Fault(status(number), turns=EVERY_NINTH))
    assert is_whole(report)


OUTAGES = {"500": status(500), "reset": reset, "captcha": body(HTML, ("Content-Type", "text/html"))}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
async def test_H6_in_an_outage_from_the_first_request_on_little_is_asked(outage):
    report, server = await scan_with(Fault(outage, turns=ALWAYS))
    assert (report.exit_code(), report.opportunities) == (ExitCode.NO_DATA, ())
    assert len(server.log) == 12


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
@pytest.mark.parametrize("begin", [5, 60])
async def test_H6_an_outage_in_the_middle_costs_a_quarter_more_than_the_whole_scan_at_most(outage, begin):
    async with misbehaving(market=small_market(titles=100)) as server:
        await scan_at(server.url)
    async with misbehaving(Fault(outage, turns=range(begin, 10**9)), market=small_market(titles=100)) as broken:
        report = await scan_at(broken.url)
    assert report.exit_code() in (ExitCode.NO_DATA, ExitCode.PARTIAL)
    assert not report.complete
    assert begin < len(broken.log) <= 1.25 * len(server.log)


async def test_H7_an_error_of_one_game_costs_the_others_nothing():
    report, _ = await scan_with(Fault(status(503), game="rust", turns=ALWAYS), request=TWO_GAMES)
    assert finds(report) == all_there_is("cs2")
    assert (report.exit_code(), report.complete) == (ExitCode.PARTIAL, False)
    assert {trouble.game for trouble in report.troubles} == {Game.RUST}


@pytest.mark.parametrize("endpoint", ["aggregated-prices", "last-sales", "v2/offers", "targets-by-title"])
async def test_H11_a_refusal_in_html_is_asked_once_and_never_shown(endpoint):
    page = b"<html>" + b"x" * 5000 + b"</html>"
    report, _ = await scan_with(Fault(status(400, page, content_type="text/html"), endpoint, turns=ALWAYS))
    (trouble,) = {trouble.message for trouble in report.troubles}
    assert "<" not in trouble
    assert "xxx" not in trouble
    assert endpoint in trouble
    assert report.stats.traffic.retries == 0
    assert is_honest(report)


@pytest.mark.parametrize("endpoint", ["aggregated-prices", "customized-fees", "last-sales", "v2/offers", "targets-by-title"])
async def test_H12_an_error_in_a_200_is_no_empty_list(endpoint):
    error = {"error": {"code": 16, "message": "Unauthenticated"}}
    report, _ = await scan_with(Fault(body(json.dumps(error).encode()), endpoint, turns=ALWAYS))
    assert {trouble.endpoint for trouble in report.troubles} == {endpoint}
    assert report.exit_code() is ExitCode.API_CHANGED
    if endpoint != "customized-fees":
        assert not report.complete
        assert is_honest(report)


async def test_H13_a_captcha_in_place_of_confirmations_ends_them_soon():
    captcha = body(HTML, ("Content-Type", "text/html"), ("Server", "cloudflare"))
    clean, _ = await scan_with()
    report, server = await scan_with(Fault(captcha, "last-sales", turns=ALWAYS))
    assert is_honest(report)
    assert report.exit_code() in (ExitCode.NO_DATA, ExitCode.PARTIAL)
    assert len(server.log) <= 1.25 * clean.stats.traffic.sent
    assert "<" not in "".join(trouble.message for trouble in report.troubles)


@pytest.mark.parametrize("number", [100, 101, 102, 103])
async def test_H14_informational_answers_are_passed_over_or_asked_again(number):
    report, _ = await scan_with(Fault(early(number), turns=EVERY_NINTH))
    assert is_whole(report)


@pytest.mark.parametrize(("number", "turns"), [(204, EVERY_NINTH), (206, EVERY_NINTH), (304, {2, 12})])
async def test_H14_a_success_that_is_none_leaves_no_trace_if_it_passes(number, turns):
    report, _ = await scan_with(Fault(status(number, b""), turns=turns))
    assert is_whole(report)


async def test_H9_a_signature_is_never_made_for_another_time_than_now():
    """The market's clock is five minutes ahead: it says so, and is asked once."""
    async with misbehaving(Fault(status(401, date=formatdate(NOW + 300, usegmt=True)), turns=ALWAYS)) as server:
        async with market_at(server.url) as market:
            for _ in range(2):
                with pytest.raises(ClockSkewed, match="300 s behind"):
                    await market.balance()
        assert [arrival.headers["x-sign-date"] for arrival in server.log] == [str(NOW)] * 2

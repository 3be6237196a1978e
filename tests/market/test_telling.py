"""What is told of each request, and what is counted of the answers."""

from __future__ import annotations

import logging
from fractions import Fraction
from functools import partial

import httpx
import pytest

from dmscan.clock import Clock
from dmscan.core.models import Game, SaleKind
from dmscan.core.report import Latency
from dmscan.errors import MarketError, MarketUnavailable, RateLimited
from dmscan.market import wire
from dmscan.market.client import Market
from dmscan.market.endpoints import Call, Endpoint
from dmscan.market.pacing import Pacer
from dmscan.market.telling import LOG, game_of
from dmscan.market.traffic import Meter

from market_fakes import NOW, TITLE, Script, leaping, reply, sample, transport_for

BALANCE = Call(Endpoint.BALANCE)
GOOD = sample("balance")


def told(caplog) -> list[dict[str, object]]:
    return [record.fields for record in caplog.records if record.name == "dmscan.market" and record.event == "request"]


async def test_each_request_is_an_event_with_its_attempt_status_and_times(caplog):
    caplog.set_level(logging.DEBUG, "dmscan.market")
    ticks = iter(range(10_000))
    clock = Clock(now=lambda: NOW, monotonic=lambda: next(ticks), sleep=leaping().sleep)
    transport = transport_for(Script(reply(b"", 503), reply(GOOD)), clock=clock, pacer=Pacer(leaping(), Fraction(10_000)))
    await transport.ask(BALANCE, wire.balance)
    first, second = told(caplog)
    assert list(first) == ["endpoint", "game", "status", "elapsed_ms", "attempt", "waited_ms"]
    assert (first["endpoint"], first["game"], first["status"], first["elapsed_ms"], first["attempt"]) == ("balance", None, 503, 1000, 1)
    assert (second["status"], second["attempt"]) == (200, 2)
    assert first["waited_ms"] >= 1000


async def test_a_request_without_an_answer_is_told_without_a_status(caplog):
    caplog.set_level(logging.DEBUG, "dmscan.market")
    with pytest.raises(MarketUnavailable):
        await transport_for(Script(httpx.ConnectError("no"))).ask(BALANCE, wire.balance)
    assert [(fields["status"], fields["attempt"]) for fields in told(caplog)] == [(None, 1), (None, 2), (None, 3)]


async def test_nothing_is_told_to_nobody_and_nothing_is_worked_out_for_it(caplog):
    caplog.set_level(logging.INFO, "dmscan.market")
    unreadable = Call(Endpoint.PRICES, body=b"not JSON: to look for the game in it would fail")
    await transport_for(Script(reply(GOOD))).ask(unreadable, wire.balance)
    assert told(caplog) == []
    assert not LOG.isEnabledFor(logging.DEBUG)


@pytest.mark.parametrize("game", Game)
async def test_every_call_tells_which_game_it_is_about_and_no_title(caplog, game):
    caplog.set_level(logging.DEBUG, "dmscan.market")
    market = Market(transport_for(Script(reply(b"{}"))))
    by_title = (market.offers, market.targets, market.sales, partial(market.sales, kind=SaleKind.TARGET))
    for ask in (partial(market.quotes, game, [TITLE]), partial(market.fees, game), *(partial(ask, game, TITLE) for ask in by_title)):
        with pytest.raises(MarketError):
            await ask()
    assert len(told(caplog)) >= 6
    assert {fields["game"] for fields in told(caplog)} == {game}
    assert TITLE not in caplog.text


def test_the_older_name_of_a_game_is_known_too():
    assert game_of(Call(Endpoint.TARGETS, ("csgo", TITLE))) is Game.CS2
    assert game_of(Call(Endpoint.TARGETS, ("elsewhere", TITLE))) is None
    assert game_of(Call(Endpoint.PRICES, body=b"{}")) is None


async def test_answers_are_counted_by_status_and_time():
    ticks = iter(range(10_000))
    clock = Clock(now=lambda: NOW, monotonic=lambda: next(ticks) / 10, sleep=leaping().sleep)
    script = Script(reply(b"", 429, retry_after="0"), reply(b"", 503), reply(GOOD))
    transport = transport_for(script, clock=clock, pacer=Pacer(leaping(), Fraction(10_000)))
    await transport.ask(BALANCE, wire.balance)
    traffic = transport.traffic()
    assert traffic.statuses == {("balance", 429): 1, ("balance", 503): 1, ("balance", 200): 1}
    assert traffic.latency == {"balance": Latency((0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0), 300)}


async def test_what_was_not_answered_is_in_no_class_of_time():
    transport = transport_for(Script(httpx.ReadTimeout("no")))
    with pytest.raises(MarketUnavailable):
        await transport.ask(BALANCE, wire.balance)
    traffic = transport.traffic()
    assert (traffic.sent, traffic.statuses, traffic.latency) == (3, {}, {})


async def test_a_refusal_is_counted_as_an_answer():
    transport = transport_for(Script(reply(b"", 429, retry_after="0")))
    with pytest.raises(RateLimited):
        await transport.ask(BALANCE, wire.balance)
    assert transport.traffic().statuses == {("balance", 429): 3}


@pytest.mark.parametrize(("seconds", "place"), [(0, 0), (0.025, 0), (0.026, 1), (0.2, 3), (0.201, 4), (20, 9), (20.1, 10), (900, 10)])
def test_a_bound_belongs_to_the_class_below_it(seconds, place):
    meter = Meter()
    meter.came("v2/offers", 200, seconds)
    counts = meter.traffic().latency["v2/offers"].counts
    assert [at for at, count in enumerate(counts) if count] == [place]

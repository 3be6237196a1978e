"""Retries are few, and fewer in an outage (reliability R9, R10, R11)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from random import Random

import httpx
import pytest

from benchmarks import simulated
from dmscan.core.models import Game
from dmscan.errors import MarketError
from dmscan.market import wire
from dmscan.market.client import Market
from dmscan.market.endpoints import Call, Endpoint
from dmscan.market.exchange import open_client
from dmscan.market.pacing import Pacer
from dmscan.market.retries import RetryBudget
from dmscan.market.transport import Transport

from market_fakes import Script, reply, sample, signer, transport_for

BALANCE = Call(Endpoint.BALANCE)
GOOD = sample("balance")


@pytest.fixture
def _no_backoff(monkeypatch):
    """The waits between attempts are random; nothing here depends on their length."""
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda _, *rest: sleep(0, *rest))


no_backoff = pytest.mark.usefixtures("_no_backoff")


def test_a_retry_costs_five_tokens_and_ten_after_a_timeout():
    budget = RetryBudget()
    assert sum(budget.grant(timed_out=False) for _ in range(100)) == 20
    budget = RetryBudget()
    assert sum(budget.grant(timed_out=True) for _ in range(100)) == 10


def test_five_successes_earn_a_retry_and_no_more_than_a_hundred_tokens_are_kept():
    budget = RetryBudget()
    while budget.grant(timed_out=False):
        pass
    for _ in range(5):
        assert not budget.grant(timed_out=False)
        budget.succeeded()
    assert budget.grant(timed_out=False)
    for _ in range(500):
        budget.succeeded()
    assert budget.tokens == 100


@no_backoff
@pytest.mark.parametrize("wanted", [80, 400])
@pytest.mark.parametrize("fault", [reply(b"", 503), httpx.ReadTimeout("slow"), httpx.ConnectError("gone")], ids=["503", "timeout", "gone"])
async def test_in_an_outage_a_quarter_more_is_sent_than_wanted_at_most(fault, wanted, score):
    script = Script(fault)
    transport = transport_for(script)
    for _ in range(wanted):
        with pytest.raises(MarketError):
            await transport.ask(BALANCE, wire.balance)
    retries = 10 if isinstance(fault, httpx.ReadTimeout) else 20
    assert len(script.requests) == wanted + retries <= 1.25 * wanted
    assert transport.traffic().retries == retries
    score("R9", f"{len(script.requests) / wanted:.2f} ×")


@no_backoff
async def test_a_last_attempt_costs_no_token():
    transport = transport_for(Script(reply(b"", 503)))
    with pytest.raises(MarketError):
        await transport.ask(BALANCE, wire.balance)
    assert transport._retries.tokens == 90


@no_backoff
async def test_what_cannot_be_mended_costs_no_token_and_a_success_earns_one():
    transport = transport_for(Script(reply(b"", 500), reply(GOOD), reply(b'{"EUR": 1}')))
    await transport.ask(BALANCE, wire.balance)
    assert transport._retries.tokens == 96
    with pytest.raises(MarketError):
        await transport.ask(BALANCE, wire.balance)
    assert transport._retries.tokens == 96


# A tenth of everything goes wrong


def mishaps(share: float) -> Iterator[str]:
    random = Random(11)
    while True:
        yield random.choice(["reset", "cut", "500", "503", "slow"]) if random.random() < share else ""


class Bad(httpx.AsyncBaseTransport):
    """`met` counts the mishaps of each title."""

    def __init__(self, share: float) -> None:
        self._mishaps = mishaps(share)
        self.met: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        mishap = next(self._mishaps)
        self.met[request.url.params["title"]] += mishap not in ("", "slow")
        await asyncio.sleep(2.0 if mishap == "slow" else 0.12)
        if mishap == "reset":
            raise httpx.ReadError("reset")
        if mishap in ("500", "503"):
            return httpx.Response(int(mishap), stream=httpx.ByteStream(b""))
        return httpx.Response(200, stream=httpx.ByteStream(b'{"sales": [' if mishap == "cut" else b'{"sales": []}'))


async def lost_of(share: float, wanted: int) -> tuple[set[str], Counter[str], float]:
    """The titles whose answer never came, the mishaps of each title, and the seconds it took."""
    bad, clock, lost = Bad(share), simulated.moving(0), set[str]()
    market = Market(Transport(open_client(bad), "http://127.0.0.1", signer(), Pacer(clock), clock))
    titles = map(str, range(wanted))

    async def work() -> None:
        for title in titles:
            try:
                await market.sales(Game.CS2, title)
            except MarketError:
                lost.add(title)

    await asyncio.gather(*(work() for _ in range(8)))
    await market.close()
    return lost, bad.met, clock.monotonic()


def test_at_ten_percent_errors_only_what_failed_three_times_is_lost_and_four_fifths_of_the_speed_stay(score):
    lost, met, clean_s = simulated.run(lost_of(0, 600))
    assert (lost, met.total()) == (set(), 0)
    lost, met, seconds = simulated.run(lost_of(0.1, 600))
    assert met.total() > 30
    assert lost == {title for title, mishaps in met.items() if mishaps == 3}
    assert len(lost) < 6
    assert clean_s / seconds >= 0.8
    score("R10", f"{100 * clean_s / seconds:.0f} %")

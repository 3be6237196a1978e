"""What the doctor makes of a market: each endpoint asked once, units compared, the culprit named."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import httpx
import pytest

from dmscan.clock import Clock
from dmscan.core.checkup import Check, Limit, Mark
from dmscan.core.models import FeeSource, FeeTable, Quote
from dmscan.doctor import LOOKS, Sample, clock, examine, fee_check, limit_check, units
from dmscan.errors import ExitCode
from dmscan.market.exchange import open_client
from dmscan.market.limits import Group
from dmscan.market.probe import Impatient, Listener, Probe
from dmscan.market.sharing import Board
from dmscan.market.signing import load_keys, new_pair
from dmscan.market.transport import Transport
from dmscan.sandbox.respond import Manners
from dmscan.sandbox.server import Sandbox
from dmscan.sandbox.world import World
from dmscan.wiring import PROBE_S

from inprocess import IntoSandbox
from make import NOW, make_quote


def leaping() -> Clock:
    """Its date stands still; whoever sleeps moves its monotonic time on and waits for nothing."""
    moment = 1000.0

    async def sleep(seconds: float) -> None:
        nonlocal moment
        moment += seconds

    return Clock(now=lambda: NOW, monotonic=lambda: moment, sleep=sleep)


ENDPOINTS = ("aggregated-prices", "customized-fees", "balance", "v2/offers", "targets-by-title", "last-sales")


async def examined(sandbox: Sandbox, *, signed: bool = True) -> dict[str, Check]:
    listener = Listener(sandbox.clock, signed=signed, board=Board())
    signer = load_keys(*new_pair()) if signed else None
    market = Probe(Transport(open_client(IntoSandbox(sandbox)), "http://127.0.0.1", signer, listener, sandbox.clock), listener)
    try:
        checks = [check async for check in examine(market)]
    finally:
        await market.close()
    assert len({check.name for check in checks}) == len(checks)
    return {check.name: check for check in checks}


def market(seed: int = 7, edition: str = "2026-10", **options: object) -> Sandbox:
    return Sandbox(World(seed, NOW, 150), leaping(), edition, **options)  # type: ignore[arg-type]


def failures(checks: dict[str, Check]) -> dict[str, ExitCode]:
    return {name: check.code for name, check in checks.items() if check.mark is Mark.FAIL}


@pytest.mark.parametrize("edition", ["2026-10", "2026-07"])
async def test_a_market_that_is_well_is_asked_seven_questions_and_one_more_for_an_older_spelling(edition: str) -> None:
    sandbox = market(edition=edition)
    checks = await examined(sandbox)
    assert {name: check.detail for name, check in checks.items() if check.mark is not Mark.OK} == {}
    asked = Counter(entry.endpoint for entry in sandbox.log)
    spare = Counter({"last-sales": 1}) if edition == "2026-07" else Counter()
    assert asked == Counter({**dict.fromkeys(ENDPOINTS, 1), "last-sales": 2}) + spare


async def test_units_of_healthy_markets_are_never_doubted() -> None:
    for seed in range(40):
        assert (await examined(market(seed)))["units"].mark is Mark.OK, seed


@pytest.mark.parametrize("endpoint", ["aggregated-prices", "v2/offers", "targets-by-title", "last-sales"])
@pytest.mark.parametrize("edition", ["2026-10", "2026-07"])
async def test_the_endpoint_with_another_unit_is_named(endpoint: str, edition: str) -> None:
    checks = await examined(market(edition=edition, faults={endpoint: "units"}))
    assert failures(checks) == {"units": ExitCode.API_CHANGED}
    assert checks["units"].detail.startswith(f"{endpoint} seems to have changed its unit")


@pytest.mark.parametrize("kind", ["410", "fields"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_an_endpoint_that_changed_is_named_and_the_others_are_asked_all_the_same(endpoint: str, kind: str) -> None:
    sandbox = market(faults={endpoint: kind})
    checks = await examined(sandbox)
    assert set(failures(checks).values()) == {ExitCode.API_CHANGED}
    assert {name.partition(" ")[0] for name in failures(checks)} == {endpoint}
    assert {entry.endpoint for entry in sandbox.log} == set(ENDPOINTS)


async def test_a_market_that_keeps_refusing_is_14() -> None:
    checks = await examined(market(faults={"v2/offers": "429"}))
    assert failures(checks) == {"v2/offers": ExitCode.RATE_LIMITED}


class Leaping(asyncio.SelectorEventLoop):
    """A loop whose time leaps to whatever is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.leapt, look = 0.0, self._selector.select

        def leap(timeout: float | None) -> list[object]:
            events = look(0)
            self.leapt += 0 if events else timeout or 0
            return events

        self._selector.select = leap

    def time(self) -> float:
        return super().time() + self.leapt


class Silence(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError


async def told_of_silence() -> list[tuple[float, Check]]:
    """The checks, each with the moment it came."""
    passed = asyncio.get_running_loop().time
    clock = Clock(now=lambda: NOW, monotonic=passed)
    listener = Listener(clock, signed=True, board=Board())
    transport = Impatient(open_client(Silence()), "http://127.0.0.1", load_keys(*new_pair()), listener, clock, attempt_s=PROBE_S)
    checks = [(passed(), check) async for check in examine(Probe(transport, listener))]
    await transport.close()
    return checks


def test_a_market_that_never_answers_costs_ten_seconds_a_question_and_half_a_minute_in_all() -> None:
    with asyncio.Runner(loop_factory=Leaping) as runner:
        began = runner.get_loop().time()
        moments, checks = zip(*runner.run(told_of_silence()), strict=True)
    waits = [after - before for before, after in pairwise((began, *moments))]
    assert max(waits) <= 11
    assert 25 < sum(waits) <= 31
    assert failures({check.name: check for check in checks}) == dict.fromkeys(
        ["aggregated-prices", "customized-fees", "balance", *(look.name for look in LOOKS)], ExitCode.NO_DATA
    )


async def test_without_a_key_the_open_endpoints_are_asked() -> None:
    sandbox = market(manners=Manners(keyless_fees=True))
    checks = await examined(sandbox, signed=False)
    assert failures(checks) == {}
    assert {entry.endpoint for entry in sandbox.log} == {"aggregated-prices", "customized-fees"}
    assert checks["items limit"].detail == "2 a second, 1 left"
    refused = await examined(market(), signed=False)
    assert refused["customized-fees"].mark is Mark.WARN
    assert "10% is assumed" in refused["customized-fees"].detail


async def test_limits_are_those_of_the_headers_or_the_documented_ones() -> None:
    shown = await examined(market(rate=300))
    assert {group: shown[f"{group} limit"].detail for group in Group} == {
        "fees": "300 a second, 299 left (documented: 110)",
        "items": "300 a second, 298 left (documented: 10)",
        "sales": "300 a second, 298 left (documented: 6)",
        "others": "300 a second, 298 left (documented: 20)",
    }
    silent = await examined(market(manners=Manners(limit_headers=False)))
    assert silent["sales limit"] == Check("sales limit", Mark.OK, "none sent: the documented 6 a second is assumed")


def test_a_limit_without_what_is_left_is_told_as_it_is() -> None:
    assert limit_check(Limit("items", 10, 10)).detail == "10 a second"
    assert limit_check(Limit("items", 10, 10, 0)).detail == "10 a second, 0 left"


@pytest.mark.parametrize(
    ("skew_s", "mark", "words"),
    [
        (None, Mark.WARN, "not compared"),
        (0.4, Mark.OK, "within 5 s"),
        (-5.0, Mark.OK, "within 5 s"),
        (6.0, Mark.WARN, "6 s behind"),
        (-120.0, Mark.WARN, "120 s ahead of"),
        (121.0, Mark.FAIL, "121 s behind"),
        (-301.0, Mark.FAIL, "301 s ahead of"),
    ],
)
def test_two_minutes_are_too_much_for_a_clock(skew_s: float | None, mark: Mark, words: str) -> None:
    check = clock(skew_s)
    assert check.mark is mark
    assert words in check.detail
    assert check.code == (ExitCode.CLOCK_SKEWED if mark is Mark.FAIL else ExitCode.OK)


QUOTE = make_quote(ask=2000, bid=1900)
OFFERS, TARGETS = Sample("v2/offers", "v2/offers", 2010, "ask"), Sample("targets-by-title", "targets-by-title", 1890, "bid")
SOLD = Sample("last-sales", "last-sales Offer", 2100, "ask")


def times(sample: Sample, factor: Fraction) -> Sample:
    return Sample(sample.endpoint, sample.name, int(sample.cents * factor), sample.side)


@pytest.mark.parametrize(
    ("samples", "blamed"),
    [
        ((OFFERS, TARGETS, SOLD), None),
        ((OFFERS, TARGETS, times(SOLD, Fraction(100))), "last-sales seems"),
        ((OFFERS, TARGETS, times(SOLD, Fraction(1, 100))), "last-sales seems"),
        ((times(OFFERS, Fraction(100)), times(TARGETS, Fraction(100)), SOLD), "targets-by-title and v2/offers seems"),
        ((times(OFFERS, Fraction(100)), times(TARGETS, Fraction(100)), times(SOLD, Fraction(100))), "aggregated-prices seems"),
        ((times(SOLD, Fraction(100)),), "last-sales seems"),
        ((Sample("v2/offers", "v2/offers", 40_000, "ask"),), None),
        ((Sample("v2/offers", "v2/offers", 40_001, "ask"),), "v2/offers seems"),
        ((Sample("v2/offers", "v2/offers", 100, "ask"),), None),
        ((Sample("v2/offers", "v2/offers", 99, "ask"),), "v2/offers seems"),
    ],
)
def test_a_factor_of_twenty_either_way_is_another_unit(samples: Sequence[Sample], blamed: str | None) -> None:
    check = units(QUOTE, samples)
    assert check.mark is (Mark.FAIL if blamed else Mark.OK)
    assert check.detail.startswith(blamed or "")


@pytest.mark.parametrize(("quote", "samples"), [(None, (OFFERS,)), (QUOTE, ()), (make_quote(ask=2000, bid=None), (TARGETS,))])
def test_what_cannot_be_compared_is_not_called_well(quote: Quote | None, samples: Sequence[Sample]) -> None:
    assert units(quote, samples).mark is Mark.WARN


@pytest.mark.parametrize(("least", "mark"), [(2, Mark.OK), (100, Mark.OK), (101, Mark.WARN)])
def test_a_least_fee_of_more_than_a_dollar_is_doubted(least: int, mark: Mark) -> None:
    assert fee_check(FeeTable(Fraction(1, 10), least, FeeSource.DEFAULT)).mark is mark


def test_the_fees_say_the_share_in_percent() -> None:
    check = fee_check(FeeTable(Fraction(1, 40), 2, FeeSource.DEFAULT))
    assert (check.mark, check.detail) == (Mark.OK, "2.5% and $0.02 at least, 0 titles reduced on the first page")

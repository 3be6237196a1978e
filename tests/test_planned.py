"""Plans against the scans they speak of: endpoint by endpoint, on a history that earlier scans filled.

The quotes of a still market are as they were, so the plan knows every candidate; what it cannot know is how a look at offers ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import pytest
from msgspec.structs import replace
from test_remembered import BIDS, DAY, FEES, HOUR, LEVEL, MINUTE, OFFERS, PRICES, SALES, WHOLE, Shop, Street

from dmscan.core.calls import Speed
from dmscan.core.models import Exit
from dmscan.core.plan import Plan, plan
from dmscan.core.prospects import Circumstances, Remembered
from dmscan.core.report import ScanReport, ScanRequest
from dmscan.history.reader import reading

MARGINS = {PRICES: 0, FEES: 0, SALES: 0, OFFERS: Fraction(3, 100), BIDS: Fraction(15, 100)}
"""How far a plan may be off, as a share of the scan's requests, and two more each where that is not 0."""
IN_TIME = replace(WHOLE, deadline_s=300)
INSTANT = replace(IN_TIME, exits=(Exit.INSTANT,))


async def planned_and_done(street: Street, request: ScanRequest, *, signed: bool = True) -> tuple[Plan, ScanReport]:
    now, endless = int(street.now), Speed(*[Fraction(10**6)] * 4)
    with reading(street.path, "sandbox") as reader:
        assert reader
        games = [
            Remembered(game, reader.known(game), reader.sweep_state(game), reader.fees(game), reader.fee_attempted(game, now // DAY))
            for game in request.games
        ]
        at = Circumstances(now, signed, not request.fresh, endless, open_titles=reader.open_titles(now - DAY))
    return plan(request, games, at), (await street.scan(request, signed=signed)).report


def off(planned: Plan, done: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Endpoints of which plan and scan differ by more than the margin: both numbers."""
    both = {endpoint: (calls, done.get(endpoint, 0)) for endpoint, calls in planned.reach.calls.by_endpoint.items()}
    return {name: (one, other) for name, (one, other) in both.items() if abs(one - other) > MARGINS[name] * other + 2 * bool(MARGINS[name])}


@pytest.mark.parametrize(
    ("wait_s", "request_"),
    [
        (10 * MINUTE, IN_TIME),
        (40 * MINUTE, IN_TIME),
        (40 * MINUTE, WHOLE),
        (7 * HOUR, IN_TIME),
        (DAY, IN_TIME),
        (HOUR, replace(LEVEL, deadline_s=300)),
        (10 * MINUTE, INSTANT),
        (10 * MINUTE, replace(IN_TIME, fresh=True)),
    ],
    ids=["sales young", "sales old", "no budget", "a full sweep", "the next day", "a level", "instant", "fresh"],
)
async def test_plan_and_scan_agree_endpoint_by_endpoint(tmp_path: Path, wait_s: int, request_: ScanRequest) -> None:
    street = Street(tmp_path / "history.db", Shop(seed=4))
    await street.scan(IN_TIME)
    street.wait(wait_s)
    planned, done = await planned_and_done(street, request_)
    assert off(planned, done.stats.traffic.requests) == {}
    assert (planned.candidates, planned.reach.coverage) == (done.stats.candidates, done.coverage)


async def test_a_plan_knows_how_far_a_number_of_requests_goes(tmp_path: Path) -> None:
    street = Street(tmp_path / "history.db")
    await street.scan(IN_TIME)
    street.wait(HOUR)
    planned, done = await planned_and_done(street, replace(WHOLE, max_requests=40))
    assert planned.reach.reached < planned.whole.reached
    assert abs(planned.reach.coverage - done.coverage) < Fraction(1, 50)
    assert abs(sum(planned.reach.calls.by_endpoint.values()) - done.stats.traffic.sent) <= 5


async def test_without_a_key_the_sweep_is_all_there_is(tmp_path: Path) -> None:
    street = Street(tmp_path / "history.db")
    await street.scan(IN_TIME)
    street.wait(10 * MINUTE)
    planned, done = await planned_and_done(street, INSTANT, signed=False)
    assert planned.reach.calls.by_endpoint == {PRICES: 3, FEES: 0, SALES: 0, BIDS: 0, OFFERS: 0}
    assert done.stats.traffic.requests == {PRICES: 3}


async def test_a_sweep_that_was_cut_is_planned_to_its_end(tmp_path: Path) -> None:
    street = Street(tmp_path / "history.db", Shop(titles=500))
    await street.scan(IN_TIME)
    street.wait(7 * HOUR)
    await street.scan(replace(INSTANT, max_requests=2))
    street.wait(MINUTE)
    planned, done = await planned_and_done(street, INSTANT)
    assert planned.sweeps[0].kind == "resumed"
    assert off(planned, done.stats.traffic.requests) == {}

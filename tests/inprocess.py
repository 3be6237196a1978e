"""A sandbox market under the real client, without sockets: requests go straight from httpx into the server's `respond`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import httpx

from dmscan.clock import Clock
from dmscan.core.models import Opportunity
from dmscan.core.report import Progress, ScanReport, ScanRequest
from dmscan.market.cache import CachedMarket
from dmscan.market.client import Market
from dmscan.market.exchange import open_client
from dmscan.market.pacing import Pacer
from dmscan.market.signing import load_keys, new_pair
from dmscan.market.transport import Transport
from dmscan.render.document import as_json
from dmscan.sandbox.server import Request, Sandbox
from dmscan.sandbox.state import Title
from dmscan.sandbox.truth import Answer, Question, find
from dmscan.scanner import Scan

AGES = ("age_s",)
OWN_KEYS = ("opportunity_id", "url")


class IntoSandbox(httpx.AsyncBaseTransport):
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self._sandbox.respond(Request(request.method, request.url.raw_path.decode("ascii"), headers, await request.aread()))
        return httpx.Response(answer.status, headers=answer.headers, stream=httpx.ByteStream(answer.body))


class Quietly:
    def __init__(self) -> None:
        self.heard: list[Opportunity] = []

    def found(self, opportunity: Opportunity) -> None:
        self.heard.append(opportunity)

    def progress(self, progress: Progress) -> None:
        pass


def still(now: int) -> Clock:
    """A clock whose date stands still while time passes."""
    return Clock(now=lambda: float(now))


def market_on(
    sandbox: Sandbox, clock: Clock, *, signed: bool = True, rate: Fraction | None = Fraction(10**6), **options: Any
) -> CachedMarket:
    signer = load_keys(*new_pair()) if signed else None
    client = open_client(IntoSandbox(sandbox))
    pacer = Pacer(clock, rate, signed=signed)
    return CachedMarket(Market(Transport(client, "http://127.0.0.1", signer, pacer, clock, **options)), clock)


async def scan_of(sandbox: Sandbox, request: ScanRequest, clock: Clock, *, signed: bool = True) -> ScanReport:
    market = market_on(sandbox, clock, signed=signed)
    try:
        return await Scan(request, market, clock, Quietly()).run("scan-1", "sandbox")
    finally:
        await market.close()


def printed(report: ScanReport) -> list[dict[str, Any]]:
    """The opportunities as JSON prints them, without ages and without what only the contract knows."""
    found: list[dict[str, Any]] = without_ages(json.loads(as_json(report))["opportunities"])
    return found


def without_ages(value: Any) -> Any:
    """Printed records without ages, links and ids, on which the sandbox's truth is silent."""
    if isinstance(value, dict):
        return {key: without_ages(inner) for key, inner in value.items() if key not in AGES + OWN_KEYS}
    return [without_ages(inner) for inner in value] if isinstance(value, list) else value


def truth_of(sandbox: Sandbox, question: Question, now: int) -> Answer:
    world = sandbox.world
    titles: Iterable[Title] = (title for game in question.games for title in world.titles_of(game))
    fees = {game: world.default_fee(game) for game in question.games}
    return find(titles, fees, question, lambda _game, _title: now, sandbox.edition)

"""The sandbox market without a socket: from an HTTP request to its answer."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs

from dmscan.clock import Clock
from dmscan.sandbox import control
from dmscan.sandbox import faults as bad
from dmscan.sandbox.answers import EDITIONS, OCTOBER
from dmscan.sandbox.endpoints import Call, Endpoints, Refused, cursor_at
from dmscan.sandbox.gate import Limits, is_signed
from dmscan.sandbox.lives import LivingWorld
from dmscan.sandbox.world import World

READING = {
    "/marketplace-api/v1/aggregated-prices": ("POST", "aggregated-prices"),
    "/marketplace-api/v2/offers": ("GET", "v2/offers"),
    "/trade-aggregator/v1/last-sales": ("GET", "last-sales"),
    "/exchange/v1/customized-fees": ("GET", "customized-fees"),
    "/account/v1/balance": ("GET", "balance"),
}
TARGETS = "/marketplace-api/v1/targets-by-title/"
WRITING = (
    "/exchange/v1/offers-buy",
    "/exchange/v1/withdraw-assets",
    "/marketplace-api/v1/deposit-assets",
    "/marketplace-api/v1/user-inventory/sync",
    "/marketplace-api/v1/user-targets/create",
    "/marketplace-api/v1/user-targets/delete",
    "/marketplace-api/v2/offers:batchCreate",
    "/marketplace-api/v2/offers:batchUpdate",
    "/marketplace-api/v2/offers:batchDelete",
)
RETIRED = ("/exchange/v1/market/items", "/exchange/v1/offers-by-title")
GRPC = {400: 3, 404: 5, 403: 7, 429: 8}
LOG_SIZE = 200_000
JSON = bad.JSON


class Request(NamedTuple):
    """As on the wire: `target` is the raw path with its query; header names are in lower case; `peer` is the caller's address."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    peer: str = "127.0.0.1"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def is_keyed(self) -> bool:
        return "x-api-key" in self.headers


class Response(NamedTuple):
    """Status 0 means: no answer ever comes (the fault "hang")."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""


class Entry(NamedTuple):
    """One request in the log; `at` is monotonic seconds, `endpoint` "write" or "" if it is none of the reading ones."""

    at: float
    method: str
    target: str
    endpoint: str
    status: int

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Manners:
    """How the market treats its visitors where the service's ways are unknown."""

    keyless_fees: bool = False
    retry_after: bool = True
    limit_headers: bool = True


class Sandbox:
    """Answers like the documented API of `edition`. A living world moves with `clock`.

    `rate` (requests a second and group) replaces the documented limits; `faults` maps endpoint names to what goes wrong there.
    ValueError if the edition or a fault is unknown.
    """

    def __init__(  # noqa: PLR0913 - the switches of a whole market
        self,
        world: World,
        clock: Clock | None = None,
        edition: str = OCTOBER,
        *,
        rate: int | None = None,
        faults: Mapping[str, str] | None = None,
        manners: Manners | None = None,
    ) -> None:
        if edition not in EDITIONS:
            raise ValueError(f"{edition!r} is no edition: known are {', '.join(EDITIONS)}")
        self.world, self.clock, self.edition, self.manners = world, clock or Clock(), edition, manners or Manners()
        self.faults = bad.Faults(dict(faults or {}))
        self.log: deque[Entry] = deque(maxlen=LOG_SIZE)
        self._endpoints = Endpoints(world, edition)
        self._limits = Limits(rate)

    def respond(self, request: Request) -> Response:
        """The answer to one request; it is logged."""
        if isinstance(self.world, LivingWorld):
            self.world.move(self.clock.seconds())
        if request.path == control.AGE:
            return _controlled(self.world, request)
        method, endpoint = _route(request.path)
        passed, limit, left = self._limits.enter(endpoint, request.is_keyed, self.clock.monotonic())
        fault = self.faults.take(endpoint) if passed and method else ""
        now = self.clock.now() + (bad.SKEW_S if fault == "skew" else 0)
        answer = self._checked(request, method, endpoint, now) if passed else self._failed(429, request)
        answer = answer or self._answered(request, endpoint, fault, int(now))
        headers = [("Date", formatdate(now, usegmt=True)), *_limit_headers(limit, left) * self.manners.limit_headers, *answer.headers]
        self.log.append(Entry(self.clock.monotonic(), request.method, request.target, endpoint, answer.status))
        return Response(answer.status, headers, answer.body)

    def _checked(self, request: Request, method: str, endpoint: str, now: float) -> Response | None:
        """Why the request is not served at all, if so: its signature or its endpoint."""
        is_open = endpoint in ("aggregated-prices", "retired", "") or (endpoint == "customized-fees" and self.manners.keyless_fees)
        if (request.is_keyed or not is_open) and not is_signed(*request[:4], now):
            return self._failed(401, request)
        if request.method == method:
            return None
        return self._failed(405 if method or endpoint == "write" else 410 if endpoint == "retired" else 404, request)

    def _answered(self, request: Request, endpoint: str, fault: str, now: int) -> Response:
        """The answer, or what the fault makes of it."""
        if fault in bad.STATUSES:
            return self._failed(int(fault), request)
        if fault in bad.REPLACED:
            return Response(*bad.REPLACED[fault])
        try:
            body = self._endpoints.answer(endpoint, _call(request, fault, now))
        except Refused as refused:
            return _refusal(refused.status, request, str(refused))
        return Response(200, JSON, self._bent(body, fault))

    def _failed(self, status: int, request: Request) -> Response:
        if status == 401:
            return Response(401, JSON, json.dumps({"Code": "Unauthorized", "Message": "Unauthorized"}).encode())
        refusal = _refusal(status, request, HTTPStatus(status).phrase)
        more = [("Retry-After", "1")] * (status == 429 and self.manners.retry_after)
        return refusal._replace(headers=refusal.headers + more)

    def _bent(self, body: bytes, fault: str) -> bytes:
        match fault:
            case "truncated":
                return body[: len(body) // 2]
            case "units":
                return bad.in_hundredths(body)
            case "fields":
                return bad.without_list(body)
            case "endless":
                return bad.with_cursor(body, cursor_at(self.faults.fired.total()))
            case "repeat":
                return bad.with_cursor(body, cursor_at(1))
        return body


def _controlled(world: World, request: Request) -> Response:
    status, body = control.age(world, request.method, request.body, request.peer)
    return Response(status, JSON, body)


def _route(path: str) -> tuple[str, str]:
    """The method and the name of the reading endpoint; no method for anything else."""
    if path in READING:
        return READING[path]
    if path.startswith(TARGETS):
        return "GET", "targets-by-title"
    if path in WRITING:
        return "", "write"
    return "", "retired" if path in RETIRED else ""


def _call(request: Request, fault: str, now: int) -> Call:
    path, _, query = request.target.partition("?")
    return Call(path[len(TARGETS) :], parse_qs(query, keep_blank_values=True), request.body, fault in ("endless", "repeat"), now)


def _limit_headers(limit: int, left: int) -> list[tuple[str, str]]:
    return [
        ("X-RateLimit-Limit-Second", str(limit)),
        ("X-RateLimit-Remaining-Second", str(left)),
        ("RateLimit-Limit", str(limit)),
        ("RateLimit-Remaining", str(left)),
        ("RateLimit-Reset", "1"),
    ]


def _refusal(status: int, request: Request, message: str) -> Response:
    """An error in the words of its part of the API (dmarket-api.md chapter 6)."""
    error: dict[str, object] = {"code": "BadRequest" if status == 400 else message.title().replace(" ", ""), "message": message}
    if request.target.startswith("/marketplace-api"):
        error = {"error": message, "code": GRPC.get(status, 13), "message": message}
    return Response(status, JSON, json.dumps(error).encode())

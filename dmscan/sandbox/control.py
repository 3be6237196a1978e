"""The control call `POST /sandbox/age {"seconds": N}`: the market lives through N seconds while the caller's clock stands.

It is no part of the documented API: it needs no signature, counts against no limit, stands in no log and is for loopback only.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from ipaddress import ip_address

from dmscan.sandbox.lives import LivingWorld
from dmscan.sandbox.outline import DAY
from dmscan.sandbox.world import World

AGE = "/sandbox/age"
MOST_S = 366 * DAY


def age(world: World, method: str, body: bytes, peer: str) -> tuple[int, bytes]:
    """Status and JSON of the answer: by how many seconds the market has been aged in all, or what is wrong with the call."""
    if not ip_address(peer).is_loopback:
        return _refusal(HTTPStatus.FORBIDDEN, "only loopback may age the market")
    if method != "POST":
        return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "POST ages the market")
    if not isinstance(world, LivingWorld):
        return _refusal(HTTPStatus.CONFLICT, "this market stands still")
    if (seconds := _seconds(body)) is None:
        return _refusal(HTTPStatus.BAD_REQUEST, f'the body must be {{"seconds": N}}, N a whole number from 1 to {MOST_S}')
    world.age(seconds)
    return HTTPStatus.OK, json.dumps({"aged": world.aged}).encode()


def _refusal(status: HTTPStatus, message: str) -> tuple[int, bytes]:
    return status, json.dumps({"message": message}).encode()


def _seconds(body: bytes) -> int | None:
    try:
        seconds = json.loads(body)["seconds"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return seconds if type(seconds) is int and 1 <= seconds <= MOST_S else None

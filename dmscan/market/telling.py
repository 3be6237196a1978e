"""One event a request, for whoever listens to the logger `dmscan.market`: no title, no address, no key."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from msgspec import Struct

from dmscan.core.models import Game
from dmscan.market.endpoints import Call, Endpoint
from dmscan.market.pacing import Turn
from dmscan.market.wire import GAME_IDS, OLDER_GAME_IDS

LOG = logging.getLogger("dmscan.market")
_GAMES = {name: game for names in (GAME_IDS, OLDER_GAME_IDS) for game, name in names.items()}


class Attempt(Struct, frozen=True):
    """One sending of a call: its number from 1, its turn, how long it waited for that and how long it may take, in seconds."""

    number: int
    turn: Turn
    waited_s: float
    limit_s: float


def tell(call: Call, attempt: Attempt, status: int | None, took_s: float) -> None:
    """The event `request`, if anybody listens; `status` is None if no answer came."""
    if not LOG.isEnabledFor(logging.DEBUG):
        return
    fields = {
        "endpoint": call.endpoint.value,
        "game": game_of(call),
        "status": status,
        "elapsed_ms": round(1000 * took_s),
        "attempt": attempt.number,
        "waited_ms": round(1000 * attempt.waited_s),
    }
    LOG.debug("%s: %s", call.endpoint.value, status or "no answer", extra={"event": "request", "fields": fields})


def game_of(call: Call) -> Game | None:
    """The game that a call is about; None for the balance, which is about none."""
    if call.endpoint is Endpoint.PRICES:
        filtered: dict[str, dict[str, Any]] = msgspec.json.decode(call.body)
        return _GAMES.get(filtered.get("filter", {}).get("game", ""))
    return _GAMES.get(call.segments[0] if call.segments else dict(call.query).get("gameId", ""))

"""The reading endpoints: from a parsed call to the bytes of the answer (dmarket-api.md chapter 3)."""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any
from urllib.parse import unquote

from dmscan.sandbox import answers, assets
from dmscan.sandbox.parameters import ANSWERS
from dmscan.sandbox.state import Offer
from dmscan.sandbox.world import World

MOST_TITLES = 200
DEAREST = 10**12


class Refused(Exception):
    """The request cannot be served: an HTTP status and a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """A request taken apart; `pinned` ignores where the caller wants to go on reading, as a broken server does."""

    rest: str = ""
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    body: bytes = b""
    pinned: bool = False
    now: int = 0

    def text(self, name: str, default: str = "") -> str:
        return self.query.get(name, (default,))[0]

    def number(self, name: str, default: int | None, most: int = DEAREST) -> int:
        """A whole number from 0 to `most`; Refused if it is none or missing without a default."""
        text = self.text(name, "" if default is None else str(default))
        if not (text.isascii() and text.isdigit()) or int(text) > most:
            raise Refused(400, f"{name} must be a whole number up to {most}")
        return int(text)

    @property
    def game(self) -> str:
        return _game(self.text("gameId"))

    @property
    def offset(self) -> int:
        return 0 if self.pinned else self.number("offset", 0)


def _game(wire: object) -> str:
    if not isinstance(wire, str) or wire not in answers.GAME_IDS:
        raise Refused(400, "unknown game")
    return answers.GAME_IDS[wire]


def cursor_at(offset: int) -> str:
    return base64.b64encode(f'{{"offset":{offset}}}'.encode()).decode()


def _offset_of(cursor: object) -> int:
    """Where a cursor points; Refused if it is not one of ours."""
    if not cursor:
        return 0
    try:
        offset = json.loads(base64.b64decode(str(cursor), validate=True))["offset"]
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise Refused(400, "invalid cursor") from error
    return int(offset)


@dataclass(slots=True)
class Endpoints:
    world: World
    edition: str = answers.OCTOBER
    _version: int = 0
    _pages: dict[tuple[str, int, int, bool], bytes] = field(default_factory=dict)
    _fees: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _sorted: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def answer(self, endpoint: str, call: Call) -> bytes:
        """The body of the answer; Refused if the call is not understood."""
        if self._version != self.world.version:
            self._version = self.world.version
            self._pages.clear()
            self._fees.clear()
        return self._named[endpoint](call)

    @property
    def _named(self) -> Mapping[str, Callable[[Call], bytes]]:
        return {
            "aggregated-prices": self._aggregated_prices,
            "v2/offers": self._offers,
            "targets-by-title": self._targets,
            "last-sales": self._last_sales,
            "customized-fees": self._customized_fees,
            "balance": lambda _: answers.dumps(answers.BALANCE),
        }

    def _aggregated_prices(self, call: Call) -> bytes:
        try:
            asked = json.loads(call.body)
            wanted = asked["filter"]
            game, titles = _game(wanted["game"]), wanted.get("titles") or ()
            limit = min(MOST_TITLES, max(1, int(asked.get("limit") or 100)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused(400, "the body is not understood") from error
        offset = 0 if call.pinned else _offset_of(asked.get("cursor"))
        include_p2p = wanted.get("includeP2p", True) is not False and self.edition != answers.JULY
        if titles:
            listed = [name for name in dict.fromkeys(map(str, reversed(titles))) if self.world.is_listed(game, name)]
            return self._quotes(game, listed, slice(offset, offset + limit), include_p2p)
        key = (game, offset, limit, include_p2p)
        if key not in self._pages:
            self._pages[key] = self._quotes(game, self.world.names(game), slice(offset, offset + limit), include_p2p)
        return self._pages[key]

    def _quotes(self, game: str, names: Sequence[str], page: slice, include_p2p: bool) -> bytes:
        rows = [answers.quote(name, self.world.quote(game, name, include_p2p)) for name in names[page]]
        following = cursor_at(page.stop) if page.stop < len(names) else ""
        return answers.dumps({"aggregatedPrices": rows, "nextCursor": following})

    def _offers(self, call: Call) -> bytes:
        game, limit = call.game, call.number("limit", None, 100)
        kind = call.text("offerType", "dmarket")
        if limit < 1 or kind not in ("dmarket", "p2p", "all"):
            raise Refused(400, "limit must be from 1 to 100, offerType dmarket, p2p or all")
        if call.text("onlineSellersOnly") == "true" and kind != "p2p":
            raise Refused(400, "onlineSellersOnly needs offerType p2p")
        if call.text("treeFilters"):
            raise Refused(400, "treeFilters are not served here")
        offset = 0 if call.pinned else _offset_of(call.text("cursor"))
        found = self._ordered(call, self._found(call, game, kind))
        rows = [assets.offer(game, title, row, call.now, self.edition) for title, row in found[offset : offset + limit]]
        total: int | str = len(found) if self.edition == answers.JULY else str(len(found))
        following = cursor_at(offset + limit) if offset + limit < len(found) else ""
        return answers.dumps({"items": rows, "total": total, "cursor": following})

    def _found(self, call: Call, game: str, kind: str) -> list[tuple[str, Offer]]:
        low, high = call.number("priceFrom", 0), call.number("priceTo", DEAREST)
        wanted = {"dmarket": (False,), "p2p": (True,), "all": (False, True)}["dmarket" if self.edition == answers.JULY else kind]
        titles = (self.world.title(game, name) for name in self._starting(game, call.text("title")))
        return [(title.title, row) for title in titles if title for row in title.offers if row.p2p in wanted and low <= row.price <= high]

    def _starting(self, game: str, prefix: str) -> Iterable[str]:
        """The titles that begin with `prefix`, whatever the case, in alphabetical order; without one all of them."""
        if not prefix:
            return self.world.names(game)
        if game not in self._sorted:
            self._sorted[game] = sorted((name.lower(), name) for name in self.world.names(game))
        names, low = self._sorted[game], prefix.lower()
        later = (names[place] for place in range(bisect_left(names, (low, "")), len(names)))
        return (name for _, name in takewhile(lambda pair: pair[0].startswith(low), later))

    @staticmethod
    def _ordered(call: Call, found: list[tuple[str, Offer]]) -> list[tuple[str, Offer]]:
        keys: dict[str, Callable[[tuple[str, Offer]], Any]] = {
            "": lambda _: 0,
            "price": lambda pair: pair[1].price,
            "title": lambda pair: pair[0],
            "float": lambda pair: float(pair[1].float_value or 0),
            "createdAt": lambda pair: pair[1].created_at,
            "discount": lambda pair: assets.discount(pair[1]),
        }
        by, way = call.text("orderBy"), call.text("orderDir", "asc")
        if by not in keys or way not in ("asc", "desc"):
            raise Refused(400, "orderBy or orderDir is not known")
        return sorted(found, key=keys[by], reverse=way == "desc")

    def _targets(self, call: Call) -> bytes:
        wire, _, encoded = call.rest.partition("/")
        if wire not in answers.GAME_IDS:
            raise Refused(404, "unknown game")
        title = self.world.title(answers.GAME_IDS[wire], unquote(encoded))
        return answers.dumps({"orders": [answers.target(title.title, row) for row in title.targets] if title else []})

    def _last_sales(self, call: Call) -> bytes:
        game, limit, offset = call.game, call.number("limit", 20, 20), call.offset
        known = {"Offer": "Offer", "Order" if self.edition == answers.JULY else "Target": "Target"}
        kinds = call.query.get("txOperationType", tuple(known))
        if not call.text("title") or limit < 1 or not known.keys() >= set(kinds):
            raise Refused(400, "title, limit from 1 to 20 and a known txOperationType are needed")
        title = self.world.title(game, call.text("title"))
        wanted = {known[kind] for kind in kinds}
        rows = sorted((row for row in (title.sales if title else ()) if row.kind in wanted), key=lambda row: -row.at)
        return answers.dumps({"sales": [answers.sale(game, row, self.edition) for row in rows[offset : offset + limit]]})

    def _customized_fees(self, call: Call) -> bytes:
        game, limit, offset = call.game, call.number("limit", 10), call.offset
        if call.text("offerType", "dmarket") not in ("dmarket", "p2p"):
            raise Refused(400, "offerType must be dmarket or p2p")
        if game not in self._fees:
            self._fees[game] = list(self._fee_rows(game))
        rows = self._fees[game][offset : offset + min(limit, ANSWERS.fee_page)]
        return answers.dumps({"defaultFee": answers.default_fee(self.world.default_fee(game)), "reducedFees": rows})

    def _fee_rows(self, game: str) -> Iterable[dict[str, Any]]:
        for number, (title, row) in enumerate(self.world.fee_rows(game)):
            yield answers.fee(title, row)
            if number % ANSWERS.odd_bounds_every == ANSWERS.odd_bounds_every // 2:
                yield answers.fee(title, row) | {"fraction": "0.001", "minPrice": "low", "maxPrice": 1.5}

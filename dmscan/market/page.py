"""One answer's list → records: what cannot be read is dropped and counted, row by row (reliability.md chapter 2.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from dmscan.errors import MarketChanged, MarketUnavailable
from dmscan.market.endpoints import Endpoint

_top_level = msgspec.json.Decoder(dict[str, Raw]).decode

T = TypeVar("T")
R = TypeVar("R")

MOST_COMMAS = 250_000
"""The longest page that is asked for, ten thousand fees, has a fifth; without a limit 8 MiB of `0,0,0…` become 600 MB of rows."""

_ESCAPE = re.compile(rb"\\(?:ud[89ab]..\\ud[c-f]..|(?P<lone>ud[89a-f]..)|.)", re.DOTALL | re.IGNORECASE)
_LAST_NAME = re.compile(r"`(?:\$\.)?([\w.]+)`$")


class Answer(Struct, frozen=True):
    """A body and when it arrived, in Unix seconds."""

    body: bytes
    at: int


class Page(Struct, Generic[T], frozen=True):
    """What one answer held: `received` counts its rows, `skipped` those dropped at the border."""

    rows: tuple[T, ...]
    received: int
    skipped: int
    cursor: str = ""


class Rows(Generic[R]):
    """Where an endpoint keeps its rows and its cursor ("": it has none), and what a row looks like.

    A `tolerant` one may have any number of unreadable rows.
    """

    def __init__(self, endpoint: Endpoint, key: str, row: type[R], *, cursor: str = "", tolerant: bool = False) -> None:
        self.endpoint = endpoint
        self.key, self.cursor = key, cursor
        self.tolerant = tolerant
        fields: list[tuple[str, Any, Any]] = [("rows", list[row], msgspec.NODEFAULT), ("cursor", str | None, None)]  # type: ignore[valid-type]
        self._whole = msgspec.json.Decoder(msgspec.defstruct("Whole", fields, rename={"rows": key, "cursor": cursor}))
        self._all = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]
        self._one = msgspec.json.Decoder(row)

    def page(self, answer: Answer, parse: Callable[[R], T | None]) -> Page[T]:
        """`parse` makes a record, None for a row that does not count, or raises Unreadable: that row is dropped.

        MarketUnavailable if the answer is no JSON, MarketChanged if its rows are missing or most cannot be read.
        """
        _check_size(answer.body, self.endpoint)
        try:
            # Nearly always every row can be read, and then one pass over the bytes and one over the rows cost least.
            whole: Any = self._whole.decode(answer.body)
            good = tuple([record for record in map(parse, whole.rows) if record is not None])
        except (ValueError, RecursionError):
            return self._page_with_oddities(answer.body, parse)
        return Page(good, len(whole.rows), 0, whole.cursor or "")

    def _page_with_oddities(self, body: bytes, parse: Callable[[R], T | None]) -> Page[T]:
        fields = fields_of(body, self.endpoint)
        rows, parse_row = self._rows(fields, body, parse)
        good: list[T] = []
        bad: list[str] = []
        for row in rows:
            try:
                record = parse_row(row)
            except (ValueError, RecursionError) as error:
                bad.append(_field(error))
                continue
            if record is not None:
                good.append(record)
        self._check(len(rows), bad)
        return Page(tuple(good), len(rows), len(bad), _cursor(fields.get(self.cursor), self.endpoint))

    def _rows(self, fields: dict[str, Raw], body: bytes, parse: Callable[[R], T | None]) -> tuple[Sequence[Any], Callable[[Any], T | None]]:
        raw = fields.get(self.key)
        if raw is None:
            raise MarketChanged(f"The market's answer to {self.endpoint} has no {self.key} any more.", self.endpoint)
        try:
            return self._all.decode(raw), parse
        except (ValueError, RecursionError):
            # One bad row would cost the page, so each is decoded on its own.
            _check_text(body, self.endpoint)
        return self._one_by_one(raw), lambda row: parse(self._one.decode(row))

    def _one_by_one(self, raw: Raw) -> list[Raw]:
        try:
            # Where nothing was found, some services of this API write null for the empty list.
            return msgspec.json.decode(raw, type=list[Raw] | None) or []
        except (ValueError, RecursionError) as error:
            raise MarketChanged(f"The market's answer to {self.endpoint} holds no list in {self.key} any more.", self.endpoint) from error

    def _check(self, received: int, bad: list[str]) -> None:
        if not self.tolerant and received >= 10 and 2 * len(bad) > received:
            field = max(set(bad), key=bad.count)
            raise MarketChanged(f"Most rows of the market's answer to {self.endpoint} cannot be read, for their {field}.", self.endpoint)


def fields_of(body: bytes, endpoint: Endpoint) -> dict[str, Raw]:
    """The top level of an answer, nothing below it decoded. MarketUnavailable if it is no JSON object or holds far too much."""
    _check_size(body, endpoint)
    try:
        return _top_level(body)
    except msgspec.DecodeError:
        body = _ESCAPE.sub(_lone_to_nul, body)
    except (ValueError, RecursionError) as error:
        raise _no_json(endpoint) from error
    try:
        return _top_level(body)
    except (ValueError, RecursionError) as error:
        raise _no_json(endpoint) from error


def _check_size(body: bytes, endpoint: Endpoint) -> None:
    if len(body) > MOST_COMMAS and body.count(b",") > MOST_COMMAS:
        raise MarketUnavailable(f"The market answered {endpoint} with far more than was asked for.", endpoint)


def _lone_to_nul(escape: re.Match[bytes]) -> bytes:
    # Half a surrogate pair would cost the whole answer; as a NUL it costs its row.
    return rb"\u0000" if escape["lone"] else escape[0]


def _check_text(body: bytes, endpoint: Endpoint) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise _no_json(endpoint) from error


def _no_json(endpoint: Endpoint) -> MarketUnavailable:
    return MarketUnavailable(f"The market answered {endpoint} with something that is not complete JSON.", endpoint)


def _field(error: Exception) -> str:
    """The field's name, also out of msgspec's "… - at `$.price`"."""
    match = _LAST_NAME.search(str(error))
    return match[1] if match else str(error)


def _cursor(raw: Raw | None, endpoint: Endpoint) -> str:
    try:
        return msgspec.json.decode(raw, type=str | None) or "" if raw is not None else ""
    except ValueError as error:
        raise MarketChanged(f"The cursor in the market's answer to {endpoint} cannot be read.", endpoint) from error

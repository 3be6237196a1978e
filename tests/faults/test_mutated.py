"""Answers of the real shape, damaged at random: no reader breaks, and nothing unsound gets through (reliability R5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from dmscan.core.models import FeeRow, Game, Offer, Quote, Sale, SaleKind, Target
from dmscan.errors import MarketError
from dmscan.market import wire
from dmscan.market.page import Answer
from dmscan.sandbox.answers import EDITIONS
from dmscan.sandbox.endpoints import Call, Endpoints

from fault_server import NOW, small_market

TITLE = "AK-47 | Redline (Field-Tested)"
Reader = Callable[[Answer], Any]
SAMPLES = Path(__file__).parents[1] / "data" / "answers"
SAMPLE_READERS: dict[str, Reader] = {
    "aggregated": partial(wire.quotes, Game.CS2),
    "v2-offers": partial(wire.offers, Game.CS2, TITLE),
    "targets": partial(wire.targets, TITLE),
    "last-sales": partial(wire.sales, SaleKind.OFFER),
    "customized": wire.fees,
    "balance": wire.balance,
    "error": partial(wire.offers, Game.CS2, TITLE),
}
ODD = (
    *(b"0", b"-1", b"-0", b"1e309", b"NaN", b"Infinity", b"1.5", b"9" * 400, b"18446744073709551616", b"true", b"null", b"[]", b"{}"),
    *(b'""', b'"\\ud800"', b'"\\u0000"', b'"1e999999999"', b'"-5"', b'" 7"', b'"1_0"', '"١٢٣"'.encode(), b"\xff", b"\xef\xbb\xbf"),
    *(b"[" * 2000, b'{"a":' * 2000, b'"' + b"x" * 600 + b'"'),
)
MARKS = b'{}[],:"0123456789.-eE\\\x00\xff nt'


def answers() -> Iterator[tuple[Reader, bytes]]:
    """Every sample, and what the sandbox says in each edition of the API, with who reads it."""
    for path in sorted(SAMPLES.glob("*.json")):
        yield next(reader for name, reader in SAMPLE_READERS.items() if path.name.startswith(name)), path.read_bytes()
    world = small_market().world
    titles = [name for name in world.names("cs2") if name.isascii() and "/" not in name][:6]
    for edition in EDITIONS:
        yield from _told(Endpoints(world, edition), titles)


def _told(endpoints: Endpoints, titles: Iterable[str]) -> Iterator[tuple[Reader, bytes]]:
    def tell(endpoint: str, path: str = "", body: bytes = b"", **query: str) -> bytes:
        return endpoints.answer(endpoint, Call(path, {name: [value] for name, value in query.items()}, body, False, NOW))

    yield partial(wire.quotes, Game.CS2), tell("aggregated-prices", body=wire.price_question(Game.CS2, None, ""))
    yield wire.fees, tell("customized-fees", gameId="a8db", limit="40", offset="0")
    for title in titles:
        yield partial(wire.offers, Game.CS2, title), tell("v2/offers", gameId="a8db", title=title, offerType="all", limit="20")
        yield partial(wire.targets, title), tell("targets-by-title", f"a8db/{title}")
        yield partial(wire.sales, SaleKind.OFFER), tell("last-sales", gameId="a8db", title=title, limit="20")


def mutated(body: bytes, other: bytes, random: Random) -> bytes:
    """The body after an accident or two, sometimes three."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        body = random.choice(ACCIDENTS)(body, other, random)
    return body


def _place(body: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(body) + 1)
    return start, min(len(body), start + int(random.expovariate(1 / 12)))


def _flip(body: bytes, _: bytes, random: Random) -> bytes:
    at = random.randrange(len(body) or 1)
    return body[:at] + bytes([random.randrange(256)]) + body[at + 1 :]


def _mark(body: bytes, _: bytes, random: Random) -> bytes:
    start, end = _place(body, random)
    return body[:start] + bytes([random.choice(MARKS)]) + body[end:]


def _token(body: bytes, _: bytes, random: Random) -> bytes:
    """A value between a colon and what follows becomes an odd one."""
    start = body.find(b":", random.randrange(len(body) + 1)) + 1
    end = min((at for at in (body.find(mark, start) for mark in (b",", b"}", b"]")) if at >= 0), default=len(body))
    return body[:start] + random.choice(ODD) + body[end:]


def _truncate(body: bytes, _: bytes, random: Random) -> bytes:
    return body[: random.randrange(len(body) + 1)]


def _delete(body: bytes, _: bytes, random: Random) -> bytes:
    start, end = _place(body, random)
    return body[:start] + body[end:]


def _double(body: bytes, _: bytes, random: Random) -> bytes:
    start, end = _place(body, random)
    return body[:end] + body[start:end] * random.randint(1, 3) + body[end:]


def _splice(body: bytes, other: bytes, random: Random) -> bytes:
    start, end = _place(other, random)
    at = random.randrange(len(body) + 1)
    return body[:at] + other[start:end] + body[at:]


ACCIDENTS = (_flip, _flip, _mark, _token, _token, _token, _truncate, _delete, _double, _splice)


def is_price(value: object) -> bool:
    """Whole cents, more than none and less than ten million dollars; a bool is no number."""
    return type(value) is int and 0 < value < 10**9


def is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 512 and not any(mark == "\0" or "\ud800" <= mark <= "\udfff" for mark in value)


def is_sound(record: object) -> bool:
    match record:
        case Quote():
            sides = (record.ask is None or is_price(record.ask)) and (record.bid is None or is_price(record.bid))
            return sides and is_name(record.title) and record.ask_count >= 0 and record.bid_count >= 0
        case Offer():
            return is_price(record.price) and is_name(record.offer_id) and type(record.reserved) is type(record.p2p) is bool
        case Target():
            return is_price(record.price) and is_price(record.amount)
        case Sale():
            return is_price(record.price) and type(record.at) is int and 0 <= record.at < 10**11
        case (str() as title, FeeRow() as row):
            return is_name(title) and isinstance(row.fraction, Fraction) and 0 <= row.fraction < 1
    return False


def records(read: Any) -> Iterable[object]:
    if isinstance(read, wire.Fees):
        assert 0 <= read.default < 1
        assert type(read.min_amount) is int
        return read.page.rows
    return getattr(read, "rows", ())


def check(random: Random, times: int) -> tuple[int, int]:
    """How many damaged answers were refused, and how many records came out of the others, all of them sound."""
    known = list(answers())
    refused = sound = 0
    for _ in range(times):
        reader, body = random.choice(known)
        damaged = mutated(body, random.choice(known)[1], random)
        try:
            read = reader(Answer(damaged, NOW))
        except MarketError:
            refused += 1
            continue
        for record in records(read):
            assert is_sound(record), (record, damaged)
            sound += 1
    return refused, sound


def test_R5_every_undamaged_answer_is_read():
    whole = [(reader, body) for reader, body in answers() if b'"code"' not in body]
    assert len(whole) > 40
    assert sum(len(list(records(reader(Answer(body, NOW))))) for reader, body in whole) > 300


def test_R5_fifty_thousand_damaged_answers_break_nothing(score):
    refused, sound = check(Random(20261124), 50_000)
    assert refused > 10_000
    assert sound > 50_000
    score("R5", f"50,000: {refused:,} refused, {sound:,} items sound")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_R5_a_million_damaged_answers_break_nothing(seed, score):
    refused, sound = check(Random(seed), 100_000)
    assert refused
    assert sound
    score("R5", "100,000 damaged answers: 0 tracebacks, 0 unsound")


@pytest.mark.parametrize("change", [{"ask": True}, {"ask": 10**9}, {"bid": 0}, {"title": "a\0"}, {"title": "x" * 513}, {"ask_count": -1}])
def test_R5_what_is_unsound_would_be_noticed(change):
    quote = Quote(Game.CS2, "x", 5, None, 0, 0, 0)
    assert is_sound(quote)
    assert not is_sound(replace(quote, **change))

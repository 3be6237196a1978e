"""The figures of reliability chapter 3 that take a whole scan to show, most of them a real process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from pathlib import Path
from random import Random

import pytest

from dmscan.core.models import Game
from dmscan.market.exchange import MAX_BODY

from fault_runs import Ran, run_alone, run_with
from fault_scans import is_honest, is_whole, scan_with
from fault_server import ALWAYS, REAL, Fault, Misdeed, misbehaving, small_market
from make import make_request
from misdeeds import (
    HTML,
    Share,
    body,
    cut,
    drip_body,
    drip_headers,
    echo,
    gzip_bomb,
    hang,
    in_turn,
    raw,
    reset,
    slow,
    status,
    stream,
    with_cursor,
    with_headers,
)
from processes import keys

pytestmark = pytest.mark.usefixtures("no_backoff")

ALL = make_request(games=tuple(Game), deadline_s=0)


# R10 and R11: a tenth of everything goes wrong


@pytest.mark.parametrize("seed", range(4))
async def test_R11_at_ten_percent_of_mixed_errors_everything_is_found(seed, score):
    mixed = in_turn([reset, cut, status(500), status(503), slow(0.2)])
    report, server = await scan_with(Fault(mixed, turns=Share(0.1, seed)), request=ALL)
    assert is_whole(report)
    assert len(server.log) <= 1.25 * (len(server.log) - report.stats.traffic.failed)
    score("R11", f"{len(report.opportunities)} of {len(report.opportunities)} finds")


@pytest.mark.parametrize("seed", range(2))
async def test_R11_at_a_third_of_mixed_errors_nothing_is_made_up(seed):
    mixed = in_turn([reset, cut, status(500), body(HTML), status(503)])
    report, _ = await scan_with(Fault(mixed, turns=Share(0.33, seed)), request=ALL)
    assert is_honest(report)


# R13: memory under attack

FULL = MAX_BODY - 200
EMPTY = b'{"nextCursor":"","aggregatedPrices":['


def _titles(count: int) -> bytes:
    return b",".join(b'{"title":"%d"}' % number for number in range(count))


ATTACKS: dict[str, Callable[[], Iterable[Misdeed]]] = {
    "too much to be read": lambda: [
        gzip_bomb(300),
        stream(bytes(2**20), 1024),
        body(b"[" * 10**6),
        body(EMPTY + b"0," * (FULL // 2) + b"0]}"),
        body(EMPTY + b"{}," * (FULL // 3) + b"{}]}"),
        body(EMPTY + _titles(FULL // 19) + b"]}"),
    ],
    "as many rows as pass": lambda: [body(EMPTY + b"{}," * 240_000 + b"{}]}")],
    "as many titles as pass": lambda: [body(EMPTY + _titles(120_000) + b"]}")],
    "as many fields as pass": lambda: [body(b"{" + b",".join(b'"%d":1' % number for number in range(240_000)) + b"}")],
    "a full text": lambda: [body(b'{"nextCursor":"' + b"x" * FULL + b'","aggregatedPrices":[]}')],
}


@pytest.mark.usefixtures("from_start")
@pytest.mark.parametrize("name", ["too much to be read", "as many titles as pass"])
async def test_R13_no_body_takes_more_than_150_mb(tmp_path, name, score):
    score("R13", f"{await checked_memory(tmp_path, name)} MB with {name}")


@pytest.mark.long
@pytest.mark.usefixtures("from_start")
@pytest.mark.parametrize("name", ATTACKS)
async def test_R13_no_body_of_any_kind_takes_more_than_150_mb(tmp_path, name, score):
    score("R13", f"{await checked_memory(tmp_path, name)} MB with {name}")


async def checked_memory(home: Path, name: str) -> int:
    """`rss_mb` is the most memory that the process ever held."""
    attacks = list(ATTACKS[name]())
    ran, _ = await run_with(home, Fault(in_turn(attacks), "aggregated-prices", turns=range(len(attacks))))
    peak_mb: int = ran.document["stats"]["rss_mb"]
    assert peak_mb <= 150
    return peak_mb


# R15: what a deadline is worth

DEADLINE_S = 3
HOSTILE: dict[str, Misdeed] = {
    "hangs": hang,
    "drips headers": drip_headers,
    "drips bodies": drip_body,
    "is slow": slow(0.7),
    "holds for a day": status(429, retry_after="86400"),
    "refuses at random": in_turn([status(503), slow(0.3), reset, hang]),
    "never ends a body": stream(b" " * 1000, 10**9),
}


async def hostile_run(home: Path, faults: Sequence[Fault]) -> tuple[Ran, float]:
    """How the scan ended, and the seconds from the first request until its process was gone."""
    await asyncio.to_thread(home.mkdir)
    async with misbehaving(*faults, market=small_market(clock=REAL), idle=True) as server:
        ran = await run_alone(home, server.url, "--deadline", f"{DEADLINE_S}s")
        assert server.log
        return ran, time.monotonic() - server.log[0].at


async def test_R15_H3_N8_S14_a_deadline_holds_whatever_the_market_does(tmp_path, score):
    """The time is the scan's own; that the process is gone soon after, too, is seen by nobody waiting for it in vain."""
    runs = (hostile_run(tmp_path / name, [Fault(misdeed, turns=ALWAYS)]) for name, misdeed in HOSTILE.items())
    done = await asyncio.gather(*runs)
    for name, (ran, _) in zip(HOSTILE, done, strict=True):
        assert ran.document["stats"]["elapsed_s"] <= DEADLINE_S + 1, name
        assert ran.code in (0, 3, 10, 14), (name, ran.stderr)
        assert ran.document["complete"] is False, name
    latest = max(ran.document["stats"]["elapsed_s"] for ran, _ in done)
    score("R15", f"{len(done)} hostile markets: D + {max(0, latest - DEADLINE_S):.1f} s at the most")


@pytest.mark.long
@pytest.mark.parametrize("group", range(50))
async def test_R15_two_hundred_hostile_markets_are_left_two_seconds_after_the_deadline(tmp_path, group, score):
    random = Random(group)
    for number in range(4):
        endpoints = ("", "aggregated-prices", "customized-fees", "last-sales", "v2/offers", "targets-by-title")
        chosen = random.sample(list(product(HOSTILE.values(), endpoints)), 4)
        faults = [Fault(misdeed, endpoint, turns=Share(random.random(), number)) for misdeed, endpoint in chosen]
        ran, seconds = await hostile_run(tmp_path / str(number), faults)
        assert seconds <= DEADLINE_S + 2, (ran, chosen)
    score("R15", "4 hostile markets within D + 2 s")


# R18: keys stay at home


async def test_R18_N17_no_way_of_pointing_elsewhere_leads_there(score):
    async with misbehaving() as elsewhere:
        there = elsewhere.url
        ways = [
            *(status(number, location=f"{there}/account/v1/balance") for number in (300, 301, 302, 303, 305, 307, 308)),
            status(302, location=there.removeprefix("http:")),
            status(302, location=f"http://127.0.0.1@{there.removeprefix('http://')}/"),
            status(302, location=f"http:\\\\{there.removeprefix('http://')}"),
            status(401, location=there, www_authenticate=f'Digest realm="{there}"'),
            status(503, refresh=f"0; url={there}", retry_after="0"),
        ]
        for way in ways:
            report, _ = await scan_with(Fault(way, turns=ALWAYS))
            assert not report.opportunities
        hints = with_headers(
            ("Refresh", f"0; url={there}"), ("Alt-Svc", f'h2="{there}"'), ("Content-Location", there), ("Link", f"<{there}>")
        )
        report, _ = await scan_with(Fault(hints, turns=ALWAYS))
        assert is_whole(report)
    assert elsewhere.connections == 0
    score("R18", f"0 connections elsewhere, {len(ways) + 1} ways of pointing there")


# R20, and what a hostile market says back


async def test_K10_keys_and_signatures_that_the_market_says_back_are_not_told_or_stored(tmp_path):
    echoes = [Fault(echo, endpoint, turns=ALWAYS) for endpoint in ("aggregated-prices",)]
    ran, server = await run_with(tmp_path, *echoes, arguments=("-v",))
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    said = ran.stdout + ran.stderr + stored.decode("latin-1")
    assert "status 400" in said
    secrets = {arrival.headers["x-request-sign"][-128:] for arrival in server.log} | set(keys().values())
    assert len(secrets) > 3
    assert [secret for secret in secrets if secret[:12] in said or secret[-12:] in said] == []


MESSES: dict[str, list[Fault]] = {
    "garbage everywhere": [Fault(in_turn([raw(b"\x00\xff\r\n\r\n", ends=True), body(HTML), cut, status(500, b"\xff")]), turns=ALWAYS)],
    "quotes and then nothing": [Fault(reset, "last-sales", turns=ALWAYS)],
    "an endless list": [Fault(with_cursor(lambda _: "eyJvZmZzZXQiOjB9"), "aggregated-prices", turns=ALWAYS)],
    "a tenth of everything": [Fault(in_turn([reset, cut, status(500), status(503), slow(0.2)]), turns=range(0, 10**9, 10))],
}


@pytest.mark.parametrize("name", MESSES)
async def test_R20_whatever_happens_stdout_is_one_document_or_nothing(tmp_path, name, score):
    ran, _ = await run_with(tmp_path, *MESSES[name])
    assert ran.document["schema"] == "dmscan.scan/1"
    assert (ran.code == 0) == (not ran.document["errors"])
    score("R20", "one document; so in every run of `fault_runs.py`")

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import pytest

from dmscan.notify import ping

RUN = "5f3c2a10-7f0e-4c8e-9a51-0d5b6c1f2e77"
SECRET = "0d9b1f6e-canary-that-nobody-may-see"


class Heard(NamedTuple):
    line: str
    body: bytes


class Watcher:
    """Answers every ping alike, and keeps what it was told."""

    def __init__(self, answer: bytes) -> None:
        self.url, self.answer, self.heard = "", answer, list[Heard]()

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length"))
            self.heard.append(Heard(head.partition(" HTTP")[0], await reader.readexactly(length)))
            writer.write(self.answer)
            await (writer.drain() if self.answer else reader.read())
        writer.close()


def answer(body: str = "OK", status: int = 200, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", body)).encode()


@asynccontextmanager
async def watching(said: bytes = answer()) -> AsyncIterator[Watcher]:
    watcher = Watcher(said)
    server = await asyncio.start_server(watcher.visit, "127.0.0.1", 0)
    watcher.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/{SECRET}"
    try:
        yield watcher
    finally:
        server.close()


async def test_a_run_is_told_from_start_to_end():
    async with watching() as watcher:
        assert await ping.start(watcher.url, RUN) == ""
        assert await ping.finish(f"{watcher.url}/", RUN, 14, "rate-limited: 3 of 25 titles") == ""
        assert await ping.finish(f"{watcher.url}?create=1", RUN, 0, "2 finds ★") == ""
    assert watcher.heard == [
        Heard(f"POST /{SECRET}/start?rid={RUN}", b""),
        Heard(f"POST /{SECRET}/14?rid={RUN}", b"rate-limited: 3 of 25 titles"),
        Heard(f"POST /{SECRET}/0?create=1&rid={RUN}", "2 finds ★".encode()),
    ]


async def test_a_long_summary_is_cut_between_characters():
    async with watching() as watcher:
        assert await ping.finish(watcher.url, RUN, 0, "x" + "★" * 10_000) == ""
        assert await ping.finish(watcher.url, RUN, 0, "\ud800") == ""
    cut, escaped = (heard.body for heard in watcher.heard)
    assert cut.decode() == "x" + "★" * 3_333
    assert escaped == b"\\ud800"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (answer("not found", 404), "status 404"),
        (answer("", 500), "status 500"),
        (answer("", 302, "Location: http://127.0.0.1:1/"), "status 302"),
        (answer("OK (not found)"), "OK (not found)"),
        (answer("OK (rate limited)"), "OK (rate limited)"),
        (answer("OK (\x1b[31m)"), "\\x1b[31m"),
        (b"\r\n\r\n\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "broke off"),
    ],
)
async def test_what_goes_wrong_is_a_sentence_without_the_address(said, words):
    async with watching(said) as watcher:
        told = await ping.finish(watcher.url, RUN, 0, "")
        assert len(watcher.heard) == 1
    assert words in told
    assert told.endswith(".")
    assert told.isprintable()
    assert SECRET not in told


async def test_a_watcher_that_does_not_answer_or_is_not_there_costs_little(monkeypatch):
    monkeypatch.setattr(ping, "LIMIT_S", 0.3)
    async with watching(b"") as watcher:
        assert await ping.start(watcher.url, RUN) == "The ping URL did not answer in time."
    assert await ping.start(watcher.url, RUN) == "The ping URL could not be reached."


@pytest.mark.parametrize(
    "url",
    [
        "http://hc-ping.com/x",
        "http://10.0.0.1/x",
        "ftp://127.0.0.1/x",
        "https://",
        "https://user:word@hc-ping.com/x",
        "https://[::1/x",
        "https://hc-ping.com:99999/x",
        "hc-ping.com/x",
        "",
    ],
)
async def test_an_address_that_is_not_safe_is_not_used(url):
    assert (
        await ping.start(url, RUN) == "The ping URL is not used: it must begin with https:// (http:// only on loopback) and name no user."
    )


@pytest.mark.parametrize("url", ["https://exa mple/x", "https://127.0.0.1:0/x\x00", "https://" + "x" * 70 + ".invalid"])
async def test_an_address_that_is_none_is_a_sentence_too(url, monkeypatch):
    monkeypatch.setattr(ping, "LIMIT_S", 0.3)
    told = await ping.start(url, RUN)
    assert told.startswith("The ping URL ")
    assert url not in told


async def test_the_address_is_in_no_log(caplog, capfd):
    caplog.set_level(logging.DEBUG)
    async with watching(answer("", 500)) as watcher:
        await ping.finish(watcher.url, RUN, 0, "")
    assert [text for text in (caplog.text, *capfd.readouterr()) if SECRET in text] == []

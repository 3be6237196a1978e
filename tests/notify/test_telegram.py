from __future__ import annotations

import asyncio
import gzip
import json
import logging
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from benchmarks.tls_server import throw_away_certificate
from dmscan.clock import Clock
from dmscan.core.message import MOST_UNITS, Entity, Message
from dmscan.errors import NotifyError
from dmscan.notify import post
from dmscan.notify.chats import Chat
from dmscan.notify.telegram import Sent, Telegram

from telegram_server import (
    BLOCKED,
    BOT,
    CUT,
    CUT_AFTER,
    DEAF,
    GARBLED,
    NOT_FOUND,
    SILENT,
    TOKEN,
    UNPARSED,
    Fault,
    TelegramServer,
    broken,
    limited,
    moved,
    refused,
)

CHAT = "-1001234567890"
TEXT = Message("🔥 two finds\nAK-47", (Entity("bold", 0, 12), Entity("text_link", 13, 5, "https://dmarket.com/x")))
SHORT_S = 0.5
WELL = b'{"ok":true,"result":{"message_id":7}}'


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    with TelegramServer() as running:
        yield running
        assert running.complaints == []


@pytest.fixture
async def telegram(server: TelegramServer) -> AsyncIterator[Telegram]:
    async with Telegram(TOKEN, server.url, Clock(), SHORT_S * 4) as opened:
        yield opened


async def refusal(telegram: Telegram, chat: str = CHAT, message: Message = TEXT) -> NotifyError:
    with pytest.raises(NotifyError) as caught:
        await telegram.send(chat, message)
    return caught.value


# What is sent


async def test_a_message_is_plain_text_with_entities_and_no_preview(telegram, server):
    assert await telegram.send(CHAT, TEXT) == Sent(100, CHAT)
    (arrived,) = server.arrived
    assert arrived.fields == {
        "chat_id": int(CHAT),
        "text": TEXT.text,
        "entities": [
            {"type": "bold", "offset": 0, "length": 12},
            {"type": "text_link", "offset": 13, "length": 5, "url": "https://dmarket.com/x"},
        ],
        "link_preview_options": {"is_disabled": True},
    }


@pytest.mark.parametrize(
    ("chat", "fields"),
    [
        ("42", {"chat_id": 42}),
        ("@deals", {"chat_id": "@deals"}),
        ("-1001/7", {"chat_id": -1001, "message_thread_id": 7}),
        ("@deals/7", {"chat_id": "@deals", "message_thread_id": 7}),
        ("-1001/x", {"chat_id": "-1001/x"}),
    ],
)
async def test_a_chat_is_a_number_or_a_name_and_perhaps_a_topic(telegram, server, chat, fields):
    assert (await telegram.send(chat, Message("hello"))).chat == chat
    assert server.arrived[0].fields == {"text": "hello", "link_preview_options": {"is_disabled": True}, **fields}


async def test_chats_are_served_side_by_side(telegram, server):
    chats = [f"{number}" for number in range(1, 21)]
    sent = await asyncio.gather(*(telegram.send(chat, TEXT) for chat in chats))
    assert [one.chat for one in sent] == chats
    assert {chat: len(server.texts(chat)) for chat in chats} == dict.fromkeys(chats, 1)


# What goes wrong: how often it was sent, whether it may have arrived, when to try again

TROUBLES = [
    (limited(35), 35, False, "35 s"),
    (limited(3600), 3600, False, "3600 s"),
    (limited(0), 1, False, "1 s"),
    (refused(400, "Bad Request: message is too long"), None, False, "too long"),
    (refused(400, "Bad Request: upgraded", migrate_to_chat_id=True), None, False, "upgraded"),
    (NOT_FOUND, None, False, "dmscan notify chats"),
    (refused(401, "Unauthorized"), None, False, "@BotFather"),
    (BLOCKED, None, False, "unblock it"),
    (refused(403, "Forbidden: bot was kicked from the supergroup chat"), None, False, "to the group again"),
    (refused(404, "Not Found"), None, False, "@BotFather"),
    (Fault(404, b"<html>"), None, False, "@BotFather"),
    (refused(409, "Conflict: terminated by other getUpdates request"), None, False, "Another program"),
    (refused(413, "Request Entity Too Large"), None, False, "413"),
    (Fault(418), None, False, "418"),
    (Fault(408), 1, False, "408"),
    (refused(500, "Internal Server Error"), 1, False, "500"),
    (broken(502), 1, False, "502"),
    (broken(503), 1, False, "503"),
    (broken(504), 1, True, "504"),
    (Fault(302, headers={"Location": "https://example.com/"}), None, False, "redirect"),
    (Fault(307), None, False, "DMSCAN_TELEGRAM_URL"),
    (GARBLED, 1, True, "cannot be read"),
    (Fault(200, b""), 1, True, "cannot be read"),
    (Fault(200, b"<html>captive portal</html>"), 1, True, "cannot be read"),
    (Fault(200, b'{"ok":true,"result":{}}'), 1, True, "cannot be read"),
    (Fault(200, b'{"ok":true,"result":{"message_id":"7"}}'), 1, True, "cannot be read"),
    (Fault(200, b"[" * 100_000), 1, True, "cannot be read"),
    (Fault(200, b"\xff"), 1, True, "cannot be read"),
    (Fault(204, headers={}), 1, True, "cannot be read"),
    (Fault(200, b'{"ok":false,"error_code":403,"description":"Forbidden"}'), None, False, "unblock it"),
    (Fault(200, b'{"ok":true,"error_code":403}'), 1, True, "cannot be read"),
    (Fault(200, b'{"ok":false}'), 1, True, "cannot be read"),
    (CUT, 1, True, "broke off"),
    (CUT_AFTER, 1, True, "broke off"),
]


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_each_trouble_costs_one_request_and_says_what_it_is(telegram, server, trouble):
    fault, wait_s, unknown, words = trouble
    server.misbehave(CHAT, always=fault)
    error = await refusal(telegram)
    assert (error.wait_s, error.unknown, len(server.tries())) == (wait_s, unknown, 1)
    assert words in str(error)
    assert str(error).endswith(".")
    assert ("may have arrived" in str(error)) is unknown


@pytest.mark.parametrize("fault", [SILENT, DEAF, replace(SILENT, status=200, body=WELL)])
async def test_a_server_that_does_not_answer_in_time_may_have_taken_the_message(server, fault):
    server.misbehave(CHAT, always=fault)
    async with Telegram(TOKEN, server.url, Clock(), SHORT_S) as telegram:
        error = await refusal(telegram)
    assert (error.wait_s, error.unknown, len(server.tries())) == (1, True, 1)
    assert "in time" in str(error)


@pytest.mark.parametrize("start", ["", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"], ids=["in the head", "in the body"])
async def test_a_server_that_drips_is_given_up_too(start):
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(start.encode())
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with listening(drip) as url, Telegram(TOKEN, url, Clock(), SHORT_S) as telegram:
        error = await refusal(telegram)
    assert (error.wait_s, error.unknown) == (1, True)


async def test_requests_that_are_never_answered_do_not_hold_up_later_ones(server):
    server.misbehave(CHAT, *[SILENT] * 30)
    async with Telegram(TOKEN, server.url, Clock(), SHORT_S) as telegram:
        errors = await asyncio.gather(*(telegram.send(CHAT, TEXT) for _ in range(30)), return_exceptions=True)
        assert {str(error) for error in errors} == {"127.0.0.1 did not answer in time, so the message may have arrived."}
        await telegram.send(CHAT, TEXT)


async def test_a_server_that_is_not_there_has_surely_taken_nothing():
    async with listening(nothing) as url:
        pass
    async with Telegram(TOKEN, url, Clock()) as telegram:
        error = await refusal(telegram)
    assert (str(error), error.wait_s, error.unknown) == ("127.0.0.1 could not be reached.", 1, False)


async def test_a_server_that_cannot_prove_who_it_is_gets_nothing(tmp_path):
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))

    async with listening(listen, certified(tmp_path)) as url, Telegram(TOKEN, url, Clock()) as telegram:
        error = await refusal(telegram)
    assert "TLS certificate" in str(error)
    assert (error.wait_s, error.unknown, b"".join(heard)) == (None, False, b"")


async def test_a_server_that_does_not_let_anybody_in_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(post, "CONNECT_S", 0.2)

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with listening(mute) as url, Telegram(TOKEN, url.replace("http:", "https:"), Clock()) as telegram:
        error = await refusal(telegram)
    assert (str(error), error.wait_s, error.unknown) == ("127.0.0.1 could not be reached in time.", 1, False)


async def test_what_had_not_gone_when_it_was_given_up_never_goes(tmp_path, monkeypatch):
    """Or a message of which it was said that it did not arrive would arrive later."""
    gate, heard = asyncio.Event(), asyncio.Queue[bytes]()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await reader.read(100))

    async with listening(listen, certified(tmp_path)) as behind:
        trusting = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
        monkeypatch.setattr(post, "_tls", lambda: trusting)

        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await gate.wait()
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", urlsplit(behind).port)
            await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

        async with listening(pass_on) as url, Telegram(TOKEN, url.replace("http:", "https:"), Clock(), SHORT_S) as telegram:
            error = await refusal(telegram)
            assert (error.wait_s, error.unknown) == (1, False)
            gate.set()
            assert await asyncio.wait_for(heard.get(), 20) == b""


async def test_a_sender_that_is_cancelled_leaves_the_request_in_flight(telegram, server):
    server.misbehave(CHAT, replace(SILENT, status=200, body=WELL, late_s=0.2))
    sending = asyncio.create_task(telegram.send(CHAT, TEXT))
    await asyncio.to_thread(server.wait_for, 1)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    (flying,) = telegram._post._flying
    await telegram.__aexit__()
    assert flying.result().status == 200
    assert not telegram._post._flying


# What is mended at once


async def test_a_group_that_has_moved_is_followed_once(telegram, server):
    server.misbehave("-5", always=moved("-1005"))
    assert await telegram.send("-5", TEXT) == Sent(100, "-1005")
    assert [arrived.chat for arrived in server.arrived] == ["-5", "-1005"]
    server.misbehave("-1005", always=moved("-1006"))
    assert "upgraded" in str(await refusal(telegram, "-5"))
    assert [arrived.chat for arrived in server.arrived][2:] == ["-5", "-1005"]


async def test_entities_that_are_not_understood_are_left_out_once(telegram, server):
    server.misbehave(CHAT, UNPARSED)
    assert await telegram.send(CHAT, TEXT) == Sent(100, CHAT)
    assert ["entities" in arrived.fields for arrived in server.arrived] == [True, False]
    assert server.texts(CHAT) == [TEXT.text]
    server.misbehave(CHAT, always=UNPARSED)
    assert (await refusal(telegram)).wait_s is None
    assert len(server.arrived) == 4
    await refusal(telegram, message=Message("plain"))
    assert len(server.arrived) == 5


async def test_a_moved_group_and_bad_entities_cost_three_requests(telegram, server):
    server.misbehave("-5", moved("-1005"))
    server.misbehave("-1005", UNPARSED)
    assert await telegram.send("-5", TEXT) == Sent(100, "-1005")
    assert [(arrived.chat, "entities" in arrived.fields) for arrived in server.arrived] == [("-5", True), ("-1005", True), ("-1005", False)]


async def test_only_a_refused_message_is_sent_again(telegram, server):
    """Wherever it may have been taken, what else the answer says is no reason."""
    server.misbehave(CHAT, replace(moved("-1005"), status=502), replace(UNPARSED, status=504), replace(moved("-1005"), status=429))
    for expected in (1, 2, 3):
        await refusal(telegram)
        assert len(server.arrived) == expected


async def test_what_is_mended_counts_against_the_same_deadline(server):
    now = 0.0
    server.misbehave("-5", moved("-1005"))
    server.misbehave("-1005", always=SILENT)

    def monotonic() -> float:
        nonlocal now
        now += 14.5
        return now

    async with asyncio.timeout(10), Telegram(TOKEN, server.url, Clock(monotonic=monotonic)) as telegram:
        assert (await refusal(telegram, "-5")).unknown


# How long to wait


@pytest.mark.parametrize(
    ("told", "header", "wait_s"),
    [
        (7, "9", 7),
        (None, "9", 9),
        (True, "9", 9),
        ("7", "9", 9),
        (-7, "9", 9),
        (7.5, "", 5),
        (10**400, "", 5),
        (None, "nan", 5),
        (None, "inf", 5),
        (None, "-5", 5),
        (None, "1e3", 5),
        (None, "9" * 400, 5),
        (None, "1.5", 5),
        (None, "Wed, 21 Oct 2026 07:28:00 GMT", 5),
        (None, "86400", 86400),
    ],
)
async def test_a_pause_is_digits_of_the_body_or_else_of_the_header(telegram, server, told, header, wait_s):
    fault = refused(429, "Too Many Requests", **({} if told is None else {"retry_after": told}))
    server.misbehave(CHAT, replace(fault, headers={"Retry-After": header}))
    assert (await refusal(telegram)).wait_s == wait_s


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"ok":false,"error_code":429,"parameters":[]}', b'{"ok":false,"parameters":null}'])
async def test_a_429_of_any_shape_is_one(telegram, server, body):
    server.misbehave(CHAT, Fault(429, body, {"Retry-After": "11"}))
    assert (await refusal(telegram)).wait_s == 11


# What a hostile server gets


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(telegram, server, status):
    with TelegramServer() as other:
        server.misbehave(CHAT, Fault(status, headers={"Location": f"{other.url}/bot{TOKEN}/sendMessage"}))
        await refusal(telegram)
        assert other.arrived == []


async def test_proxies_of_the_environment_get_nothing(server, monkeypatch):
    with TelegramServer() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with Telegram(TOKEN, server.url, Clock()) as telegram:
            await telegram.send(CHAT, TEXT)
        assert (len(server.arrived), proxy.arrived) == (1, [])


async def test_no_more_than_a_mebibyte_is_read(telegram, server):
    room = post.MAX_BODY - len(WELL)
    server.misbehave(CHAT, Fault(200, WELL + b" " * room), Fault(200, WELL + b" " * (room + 1)))
    assert await telegram.send(CHAT, TEXT) == Sent(7, CHAT)
    assert (await refusal(telegram)).unknown


async def test_nothing_is_inflated(telegram, server):
    server.misbehave(CHAT, Fault(200, gzip.compress(WELL), {"Content-Encoding": "gzip"}))
    assert "cannot be read" in str(await refusal(telegram))


async def test_what_a_server_says_is_short_visible_ascii(telegram, server):
    server.misbehave(CHAT, refused(400, "Bad\x1b]52;c;\x07 \u202e\u200b \ud800 \x9b🔥" + "x" * 5000))
    said = str(await refusal(telegram))
    assert said.isascii()
    assert said.isprintable()
    assert len(said) < 300
    assert "\\x1b]52;c;\\x07 \\u202e\\u200b" in said or "status 400" in said


# Where the token must not be


LEAKS = [
    *(fault for fault, *_ in TROUBLES),
    *(SILENT, CUT),
    refused(400, f"Bad Request: no bot{TOKEN} at /bot{TOKEN}/sendMessage"),
    Fault(302, headers={"Location": f"https://example.com/bot{TOKEN}/sendMessage"}),
    Fault(500, TOKEN.encode(), {"X-Echo": TOKEN}),
]


@pytest.mark.parametrize("fault", LEAKS)
async def test_the_token_is_in_no_error_and_no_log(server, fault, caplog, capfd):
    server.misbehave(CHAT, always=fault)
    async with Telegram(TOKEN, server.url, Clock(), SHORT_S) as telegram:
        caplog.set_level(logging.DEBUG)
        logging.getLogger("httpx").setLevel(logging.DEBUG)
        error = await refusal(telegram)
    shown = [
        str(error),
        repr(error),
        repr(error.args),
        repr(telegram),
        *traceback.format_exception(error),
        caplog.text,
        *capfd.readouterr(),
    ]
    assert (error.__cause__, error.__context__) == (None, None)
    assert [text for text in shown if TOKEN.partition(":")[2] in text] == []


async def test_the_libraries_keep_their_records_to_themselves(server, caplog):
    async with Telegram(TOKEN, server.url, Clock()) as telegram:
        caplog.set_level(logging.DEBUG)
        await telegram.send(CHAT, TEXT)
    assert [record.name for record in caplog.records if record.name.startswith("http")] == []


async def test_a_token_that_is_none_stays_one_part_of_the_address(server):
    async with Telegram("1:a/../../x?y#z\r\n", server.url, Clock()) as telegram:
        assert "@BotFather" in str(await refusal(telegram))


# Who the bot is, and whom it knows


async def test_the_bot_knows_its_name(telegram, server):
    assert await telegram.me() == f"@{BOT}"
    server.misbehave("getMe", Fault(200, b'{"ok":true,"result":{"username":"\\u001b[31m"}}'), refused(401, "Unauthorized"), SILENT)
    assert await telegram.me() == "@\\x1b[31m"
    with pytest.raises(NotifyError, match="@BotFather"):
        await telegram.me()


def chat(number: int, kind: str = "private", **names: str) -> dict[str, object]:
    return {"id": number, "type": kind, **names}


UPDATES = [
    {"update_id": 1, "message": {"chat": chat(1, first_name="Ann", last_name="Lee"), "text": "hi"}},
    {"update_id": 2, "channel_post": {"chat": chat(-1002, "channel", title="Deals"), "text": "x"}},
    {"update_id": 3, "my_chat_member": {"chat": chat(-1003, "supergroup", title="Forum"), "new_chat_member": {"status": "member"}}},
    {"update_id": 4, "message": {"chat": chat(-1003, "supergroup", title="Forum"), "message_thread_id": 9, "is_topic_message": True}},
    {"update_id": 5, "message": {"chat": chat(-1003, "supergroup", title="Forum"), "message_thread_id": 8}},
    {"update_id": 6, "my_chat_member": {"chat": chat(-4, "group", title="Left"), "new_chat_member": {"status": "member"}}},
    {"update_id": 7, "edited_message": {"chat": chat(5, username="bob"), "text": "x"}},
    {"update_id": 8, "message": {"chat": chat(-6, "group", title="Old"), "migrate_to_chat_id": -1006}},
    {"update_id": 9, "message": {"chat": chat(-1006, "supergroup", title="New"), "migrate_from_chat_id": -6}},
    {"update_id": 10, "my_chat_member": {"chat": chat(-4, "group", title="Left"), "new_chat_member": {"status": "kicked"}}},
    {"update_id": 11, "chat_member": {"chat": chat(-1002, "channel", title="Deals"), "new_chat_member": {"status": "left"}}},
    {"update_id": 12, "poll": {"id": "1"}},
    {"update_id": 13, "message": {"chat": {"id": "x"}}},
    {"update_id": 14, "message": {"chat": chat(1, first_name="Ann", last_name="Leigh")}},
]


async def test_each_chat_is_listed_once_the_newest_last_and_none_that_the_bot_has_left(telegram, server):
    server.updates = UPDATES
    assert await telegram.chats() == (
        Chat(-1003, "Forum", "supergroup", 9),
        Chat(-1003, "Forum", "supergroup"),
        Chat(5, "bob", "private"),
        Chat(-1006, "New", "supergroup"),
        Chat(-1002, "Deals", "channel"),
        Chat(1, "Ann Leigh", "private"),
    )
    assert [one.setting for one in await telegram.chats()][:3] == ["-1003/9", "-1003", "5"]
    assert {json.dumps(arrived.fields) for arrived in server.arrived} == {"{}"}, "an offset would take updates from other readers"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (refused(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook first"), "deleteWebhook"),
        (refused(409, "Conflict: terminated by other getUpdates request; make sure that only one bot runs"), "Another program"),
        (refused(401, "Unauthorized"), "@BotFather"),
        (refused(400, "Bad Request"), "does not accept the request"),
        (Fault(200, b'{"ok":true,"result":{}}'), "cannot be read"),
        (CUT, "broke off"),
        (broken(504), "504"),
    ],
)
async def test_a_question_that_is_not_answered_is_no_message_that_may_have_arrived(telegram, server, fault, words):
    server.misbehave("getUpdates", fault)
    with pytest.raises(NotifyError, match=words) as caught:
        await telegram.chats()
    assert not caught.value.unknown
    assert "arrived" not in str(caught.value)


# The server that stands in for Telegram's own


@pytest.mark.parametrize(
    "message",
    [
        Message(""),
        Message("x" * (MOST_UNITS + 1)),
        Message("🔥" * (MOST_UNITS // 2) + "x"),
        Message("x", (Entity("bold", 0, 2),)),
        Message("x", (Entity("text_link", 0, 1),)),
        Message("x", (Entity("bold", 0, 1, "https://x"),)),
    ],
)
async def test_the_stand_in_refuses_what_does_not_fit(message):
    with TelegramServer() as strict:
        async with Telegram(TOKEN, strict.url, Clock()) as telegram:
            assert "400" in str(await refusal(telegram, message=message))
            await telegram.send(CHAT, Message("🔥" * (MOST_UNITS // 2), (Entity("bold", 0, MOST_UNITS),)))
        assert (len(strict.complaints), len(strict.messages())) == (1, 1)


# Servers by hand

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes at once."""


def certified(folder) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(throw_away_certificate(folder))
    return context


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def listening(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    visits: set[asyncio.Task[None]] = set()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handler(reader, writer)
        writer.close()
        with suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()

    server = await asyncio.start_server(
        lambda reader, writer: visits.add(asyncio.ensure_future(visit(reader, writer))), "127.0.0.1", 0, ssl=tls
    )
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for one in visits:
            one.cancel()
        await asyncio.gather(*visits)

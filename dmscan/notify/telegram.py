"""Sends one message through the Bot API of Telegram, once; what is due and when is the outbox's (design chapter 9)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Raw, Struct, structs

from dmscan.clock import Clock
from dmscan.core.message import Entity, Message
from dmscan.notify.answers import SOON_S, About, Answer, answer_of, refusal, unanswered, visible
from dmscan.notify.chats import Chat, chats_of
from dmscan.notify.post import JSON, Post, Silence

LIMIT_S = 15.0
_CHAT = re.compile(r"(-?[0-9]{1,18}|@[^/]+)(?:/([0-9]{1,9}))?", re.ASCII)


class Sent(Struct, frozen=True):
    """`chat` is where the message went: the chat asked for, or the supergroup that a group has become."""

    message_id: int
    chat: str


class _Delivered(Struct, frozen=True):
    message_id: int


class _Bot(Struct, frozen=True):
    username: str


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message to `chat` ("-100123", "@deals", or "-100123/7" for a topic), and whether its address was mended."""

    chat: str
    message: Message
    is_moved: bool = False

    @property
    def fields(self) -> dict[str, Any]:
        entities = [_fields(one) for one in self.message.entities]
        return {
            **_address(self.chat),
            "text": self.message.text,
            **({"entities": entities} if entities else {}),
            "link_preview_options": {"is_disabled": True},
        }

    def mended(self, answer: Answer) -> _Letter | None:
        """The letter as the answer asks for it; `None` if nothing can be done, or was done already."""
        moved_to = answer.number("migrate_to_chat_id")
        if answer.status == 400 and moved_to is not None and not self.is_moved:
            return replace(self, chat=str(moved_to), is_moved=True)
        if answer.refuses("can't parse entities") and self.message.entities:
            return replace(self, message=Message(self.message.text))
        return None


class Telegram:
    """The bot whose `token` this is, at the server `url`; a call takes at most `limit_s` seconds.

    Every error is a NotifyError, and neither the token nor an address with it stands in one.
    """

    def __init__(self, token: str, url: str, clock: Clock, limit_s: float = LIMIT_S) -> None:
        self._token, self._url, self._clock, self._limit_s = token, url, clock, limit_s
        self._host = urlsplit(url).hostname or ""
        self._post = Post()

    async def __aenter__(self) -> Self:
        await self._post.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._post.__aexit__()

    async def send(self, chat: str, message: Message) -> Sent:
        """Sent once; again only where Telegram took nothing and said why: to the group's new id, or without entities it cannot read.

        Raises NotifyError.
        """
        letter, ends = _Letter(chat, message), self._ends()
        while True:
            answer = await self._ask("sendMessage", letter.fields, About(self._host, letter.chat), ends)
            if delivered := answer.has(_Delivered):
                return Sent(delivered.message_id, letter.chat)
            mended = letter.mended(answer)
            if mended is None:
                raise refusal(answer)
            letter = mended

    async def me(self) -> str:
        """The bot's name, such as "@my_deals_bot". Raises NotifyError."""
        answer = await self._ask("getMe", {}, About(self._host), self._ends())
        if bot := answer.has(_Bot):
            return f"@{visible(bot.username)}"
        raise refusal(answer)

    async def chats(self) -> tuple[Chat, ...]:
        """Where the bot was written to or added in the last 24 hours, the newest last. Nothing is confirmed: updates stay to be read.

        Raises NotifyError.
        """
        answer = await self._ask("getUpdates", {}, About(self._host), self._ends())
        updates = answer.has(list[dict[str, Raw]])
        if updates is None:
            raise refusal(answer)
        return chats_of(updates)

    def _ends(self) -> float:
        return self._clock.monotonic() + self._limit_s

    async def _ask(self, method: str, fields: dict[str, Any], about: About, ends: float) -> Answer:
        """Raises NotifyError if there is no answer."""
        url = f"{self._url}/bot{quote(self._token, safe=':')}/{method}"
        left = max(SOON_S, ends - self._clock.monotonic())
        reply = await self._post.send(url, msgspec.json.encode(fields), JSON, left)
        if isinstance(reply, Silence):
            raise unanswered(reply, about)
        return answer_of(reply, about, self._token)


def _address(chat: str) -> dict[str, Any]:
    match = _CHAT.fullmatch(chat)
    if not match:
        return {"chat_id": chat}
    to: dict[str, Any] = {"chat_id": match[1] if match[1].startswith("@") else int(match[1])}
    return to | {"message_thread_id": int(match[2])} if match[2] else to


def _fields(entity: Entity) -> dict[str, Any]:
    return {name: value for name, value in structs.asdict(entity).items() if value is not None}

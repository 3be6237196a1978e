"""What the Bot API answers: the error that each refusal is, with what to do about it."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from dmscan.errors import NotifyError
from dmscan.notify.post import Reply, Silence

SOON_S = 1.0
UNTOLD_S = 5.0
"""The pause after a 429 that names none; the 20 messages a minute that a group takes are one in three seconds."""
LONGEST_SAID = 200
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)

T = TypeVar("T")


class About(Struct, frozen=True):
    """Who was asked, and for a message which chat it was to; "" for a question."""

    host: str
    chat: str = ""

    @property
    def to(self) -> str:
        return f" to chat {visible(self.chat)}" if self.chat else ""

    def perhaps(self, unknown: bool) -> str:
        return ", so the message may have arrived" if unknown else ""


class _Said(Struct, frozen=True):
    ok: bool = False
    result: Raw = Raw()
    error_code: int | None = None
    description: str = ""
    parameters: dict[str, object] | None = None


class Answer(Struct, frozen=True):
    """An answer of the service; all that is not understood of it counts as not said."""

    about: About
    reply: Reply
    said: _Said

    @property
    def status(self) -> int:
        """The status, or what stands for it in a refusal that was sent as a success."""
        code = self.said.error_code
        return code if code and 300 <= code < 600 and not self.said.ok and self.reply.status == 200 else self.reply.status

    def has(self, type_: type[T]) -> T | None:
        """The result, `None` if there is none of that type."""
        return decoded(self.said.result, type_) if self.said.ok else None

    def number(self, name: str) -> int | None:
        """A whole number among the parameters."""
        value = (self.said.parameters or {}).get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def refuses(self, words: str) -> bool:
        """Whether the message was not taken, and `words` stand in the reason."""
        return self.status == 400 and words in self.said.description.lower()


def answer_of(reply: Reply, about: About, token: str) -> Answer:
    """The token, should it be in the answer, is not in what is made of it."""
    said = decoded(reply.body.replace(token.encode(), b"***"), _Said)
    return Answer(about, reply, said or _Said())


def decoded(data: bytes | Raw, type_: type[T]) -> T | None:
    """`None` for JSON of another type, and for what is no JSON."""
    try:
        return msgspec.json.decode(data, type=type_)
    except (ValueError, RecursionError):
        return None


def visible(text: str) -> str:
    """At most 200 characters of what somebody else wrote, all but plain ASCII as escapes."""
    return "".join(char if " " <= char <= "~" else char.encode("unicode_escape").decode("ascii") for char in text)[:LONGEST_SAID]


def unanswered(silence: Silence, about: About) -> NotifyError:
    unknown = silence.is_out and bool(about.chat)
    wait_s = SOON_S if silence.passes else None
    return NotifyError(f"{about.host} {silence.why}{about.perhaps(unknown)}.", wait_s=wait_s, unknown=unknown)


def refusal(answer: Answer) -> NotifyError:
    """The error that an answer is in which the result does not stand."""
    status, about = answer.status, answer.about
    if 200 <= status < 300:
        unknown = bool(about.chat)
        return NotifyError(f"The answer of {about.host} cannot be read{about.perhaps(unknown)}.", wait_s=SOON_S, unknown=unknown)
    if 300 <= status < 400:
        return NotifyError(f"{about.host} answered with a redirect, which is not followed: check DMSCAN_TELEGRAM_URL.")
    if status == 429:
        wait_s = _pause(answer)
        return NotifyError(f"Telegram takes nothing more{about.to} for {wait_s:.0f} s.", wait_s=wait_s)
    description = answer.said.description
    said = f"{status}: {visible(description)}" if description else f"status {status}"
    if 400 <= status < 500 and status != 408:
        return NotifyError(f"{_what_to_do(answer)} ({said}).")
    # A gateway that ran out of time had passed the message on.
    unknown = status == 504 and bool(about.chat)
    return NotifyError(f"{about.host} could not answer ({said}){about.perhaps(unknown)}.", wait_s=SOON_S, unknown=unknown)


def _what_to_do(answer: Answer) -> str:
    about = answer.about
    if answer.status in (401, 404):
        return "Telegram does not know the bot: copy its token from @BotFather into DMSCAN_TELEGRAM_TOKEN anew, or ask there for a new one"
    if answer.status == 403:
        return f"The bot may not write{about.to}: start a conversation with it there or unblock it, or add it to the group again"
    if answer.status == 409 and "webhook" in answer.said.description:
        return "The bot has a webhook, so its chats cannot be listed: delete the webhook (method deleteWebhook) or use another bot"
    if answer.status == 409:
        return "Another program reads the messages to this bot: stop it for a moment and try again, or use another bot"
    if answer.refuses("chat not found"):
        return f"Telegram finds no chat {visible(about.chat)}: write to the bot there, then see dmscan notify chats for the right id"
    return f"Telegram does not accept the message{about.to}" if about.chat else "Telegram does not accept the request"


def _pause(answer: Answer) -> float:
    """The seconds asked for, however many; the body's word goes before the header's."""
    told = answer.number("retry_after")
    texts = ("" if told is None else str(told), answer.reply.headers.get("retry-after", "").strip())
    return next((max(SOON_S, float(text)) for text in texts if _SECONDS.fullmatch(text)), UNTOLD_S)

"""The chats a bot has heard of lately, as its updates tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Raw, Struct

from dmscan.notify.answers import decoded

Update = Mapping[str, Raw]


class Chat(Struct, frozen=True):
    """`kind` is private, group, supergroup or channel; `thread` is set for a topic of a forum. The name is as somebody chose it."""

    id: int
    name: str
    kind: str
    thread: int | None = None

    @property
    def setting(self) -> str:
        """What DMSCAN_TELEGRAM_CHAT says for it."""
        return f"{self.id}" if self.thread is None else f"{self.id}/{self.thread}"


class _Place(Struct, frozen=True):
    id: int
    type: str
    title: str = ""
    first_name: str = ""
    last_name: str = ""
    username: str = ""

    @property
    def name(self) -> str:
        return self.title or f"{self.first_name} {self.last_name}".strip() or self.username


class _Member(Struct, frozen=True):
    status: str = ""


class _Event(Struct, frozen=True):
    """What messages, posts, and news of members have in common."""

    chat: _Place
    is_topic_message: bool = False
    message_thread_id: int | None = None
    migrate_to_chat_id: int | None = None

    @property
    def seen(self) -> Chat:
        thread = self.message_thread_id if self.is_topic_message else None
        return Chat(self.chat.id, self.chat.name, self.chat.type, thread)


class _OwnPart(Struct, frozen=True):
    new_chat_member: _Member = _Member()


def chats_of(updates: Iterable[Update]) -> tuple[Chat, ...]:
    """Each chat once (and each topic heard of), the one heard of last at the end; none that the bot was put out of since."""
    known: dict[tuple[int, int | None], Chat] = {}
    for event, is_over in _events(updates):
        chat = event.seen
        known.pop((chat.id, chat.thread), None)
        known[chat.id, chat.thread] = chat
        if is_over:
            known = {key: other for key, other in known.items() if other.id != chat.id}
    return tuple(known.values())


def _events(updates: Iterable[Update]) -> Iterator[tuple[_Event, bool]]:
    """What each update tells of, and whether it ends the bot's time in that chat."""
    for update in updates:
        for kind, raw in update.items():
            event = decoded(raw, _Event)
            if event:
                own = decoded(raw, _OwnPart) if kind == "my_chat_member" else None
                yield event, bool(event.migrate_to_chat_id or (own and own.new_chat_member.status in ("left", "kicked")))

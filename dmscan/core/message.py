"""A message as Telegram takes it: plain text, and entities that say what of it is bold or a link, so that nothing needs escaping."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

MOST_UNITS = 4096
"""UTF-16 units a message may have; whether the limit counts those or code points is not documented, and these are the more."""
MOST_ENTITIES = 100
"""What comes after so many is not shown."""


class Entity(Struct, frozen=True):
    """`offset` and `length` count UTF-16 units; `url` is set for a `text_link` alone."""

    type: Literal["bold", "code", "text_link"]
    offset: int
    length: int
    url: str | None = None


class Message(Struct, frozen=True):
    text: str
    entities: tuple[Entity, ...] = ()


def units(text: str) -> int:
    """The UTF-16 units of a text."""
    return len(text) + sum(char > "\uffff" for char in text)

"""Records as short bytes and back (MessagePack): what there is a great number of takes a quarter of the memory, or less."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from dmscan.core.money import exact

T = TypeVar("T")

_encode = msgspec.msgpack.Encoder(enc_hook=str).encode


def pack(record: object) -> bytes:
    """Exact: a fraction becomes its text. OverflowError for a whole number of more than 64 bits."""
    # A copy, because what the encoder gives keeps its whole buffer, half as much again.
    return bytes(memoryview(_encode(record)))


def unpacker(type_: type[T]) -> Callable[[bytes], T]:
    """What makes a record of this type again out of its bytes."""
    return msgspec.msgpack.Decoder(type_, dec_hook=lambda _, text: exact(text)).decode

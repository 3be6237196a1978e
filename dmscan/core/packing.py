"""Records as short bytes and back (MessagePack): what there is a great number of takes a quarter of the memory, or less."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import TypeVar

import msgspec

T = TypeVar("T")

pack = msgspec.msgpack.Encoder(enc_hook=str).encode
"""Exact: a fraction becomes its text. OverflowError for a whole number of more than 64 bits."""


def unpacker(type_: type[T]) -> Callable[[bytes], T]:
    """What makes a record of this type again out of its bytes."""
    return msgspec.msgpack.Decoder(type_, dec_hook=lambda _, text: _fraction(text)).decode


_fraction = lru_cache(maxsize=256)(Fraction)

"""What all senders of one account see: the lanes of this process, or a small file shared by the processes of one user.

The file is locked for microseconds around reading, deciding and writing, never while somebody waits for a turn.
Moments are of the machine's monotonic clock, which is the same in every process; those of another boot lie in the future or long ago.
"""

from __future__ import annotations

import struct
from typing import Protocol, TypeVar

from dmscan.market.limits import Group
from dmscan.market.pace import KEPT, Lane

ACCOUNT = "account"
PATIENCE_S = 1.0
"""A lock held for longer belongs to a process that is stopped."""

_PLACES = {name: place for place, name in enumerate((ACCOUNT, *Group))}
_VERSION = 1
_HEAD = struct.Struct("<II")
_BODY = struct.Struct(f"<5dI4xd{KEPT}d")
_SIZE = _HEAD.size + _BODY.size
_COUNT = struct.Struct("<I")

T = TypeVar("T")


class Lanes(Protocol):
    """The lanes by name: a group's, or `ACCOUNT`."""

    def __getitem__(self, name: str, /) -> Lane: ...
    def __setitem__(self, name: str, lane: Lane, /) -> None: ...

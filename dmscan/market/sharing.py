"""What all senders of one account see: the lanes of one process, or a small file shared by the processes of one user.

The file is locked for microseconds around reading, deciding and writing, never while somebody waits for a turn.
Moments are of the machine's monotonic clock, which is the same in every process; those from before a restart lie in the future or long ago.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import TypeVar

from dmscan.clock import Clock
from dmscan.market.limits import Group
from dmscan.market.pace import KEPT, LONGEST_PAUSE_S, SECOND_S, Lane, Pace

ACCOUNT = "account"
PATIENCE_S = 1.0
"""A lock held for longer belongs to a process that is stopped."""

_PLACES = {name: place for place, name in enumerate((ACCOUNT, *Group))}
_VERSION = 1
_HEAD = struct.Struct("<II")
_BODY = struct.Struct(f"<6dII{KEPT}d")
_SIZE = _HEAD.size + _BODY.size

T = TypeVar("T")


class Lanes(dict[str, Lane]):
    """The lanes by name: a group's, or `ACCOUNT`."""

    def __missing__(self, name: str) -> Lane:
        return Lane()


class Board:
    """The lanes of one process."""

    def __init__(self) -> None:
        self.known = Lanes()
        self.warning = ""

    async def change(self, decide: Callable[[MutableMapping[str, Lane]], T]) -> T:
        """What `decide` makes of the lanes, with nobody else in between; it must not wait."""
        return decide(self.known)

    def close(self) -> None:
        pass


class SharedBoard(Board):
    """The lanes in a file of the user's own; `known` is what was read last. Without the file `warning` says why, and all goes on alone."""

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._read: dict[str, tuple[bytes, Lane]] = {}
        self._file: int | None = None
        try:
            self._file = _open(path)
        except OSError as error:
            self._go_on_alone(error)

    async def change(self, decide: Callable[[MutableMapping[str, Lane]], T]) -> T:
        if self._file is not None:
            try:
                return await self._change(self._file, decide)
            except OSError as error:
                self._go_on_alone(error)
        return decide(self.known)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    async def _change(self, file: int, decide: Callable[[MutableMapping[str, Lane]], T]) -> T:
        await self._lock(file)
        try:
            return decide(_Records(file, self._clock.monotonic(), self.known, self._read))
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    async def _lock(self, file: int) -> None:
        until = self._clock.monotonic() + PATIENCE_S
        while True:
            try:
                return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._clock.monotonic() > until:
                    raise
            await self._clock.sleep(0.001)

    def _go_on_alone(self, error: OSError) -> None:
        self.close()
        self.warning = f"The pace is not shared with other processes of this account ({error.strerror}): let one run at a time."


class _Records(Lanes):
    """The lanes in the locked file, each read when asked for and written when set.

    `read` holds what each record was last and what that means: mostly nobody else has written, and garbage stays a second's pause
    from when it was first seen.
    """

    def __init__(self, file: int, now: float, known: Lanes, read: dict[str, tuple[bytes, Lane]]) -> None:
        self._file, self._now, self._known, self._read = file, now, known, read

    def __getitem__(self, name: str) -> Lane:
        record = os.pread(self._file, _SIZE, _PLACES[name] * _SIZE)
        if name not in self._read or self._read[name][0] != record:
            self._read[name] = record, _decoded(record, self._now)
        lane = self._known[name] = self._read[name][1]
        return lane

    def __setitem__(self, name: str, lane: Lane) -> None:
        record = _encoded(lane)
        self._known[name], self._read[name] = lane, (record, lane)
        if os.pwrite(self._file, record, _PLACES[name] * _SIZE) < _SIZE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def board_for(folder: Path | None, source: str, account: str, clock: Clock) -> Board:
    """The board of an account ("ip" without a key) at a source; not shared without a folder."""
    if folder is None:
        return Board()
    return SharedBoard(_path(folder, source, account), clock)


def last_lanes(folder: Path | None, source: str, account: str, clock: Clock) -> Lanes:
    """What the processes of an account knew last, read without making or locking the file; nothing if it cannot be read."""
    path = folder and _path(folder, source, account)
    try:
        records = path.read_bytes() if path and path.is_file() else b""
    except OSError:
        return Lanes()
    now = clock.monotonic()
    return Lanes({name: _decoded(records[place * _SIZE :][:_SIZE], now) for name, place in _PLACES.items()})


def _path(folder: Path, source: str, account: str) -> Path:
    name = hashlib.sha256(f"{source}\n{account}".encode()).hexdigest()[:32]
    return folder / f"{name}.pace"


def _open(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    found = os.fstat(file)
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077:
        return file
    os.close(file)
    raise OSError(errno.EPERM, f"{path} is not a file of yours alone")


def _encoded(lane: Lane) -> bytes:
    pace, sends = lane.pace, lane.sends[-KEPT:]
    moments = (pace.resume_at, pace.refused_at, pace.risen_at)
    body = _BODY.pack(pace.rate, pace.ceiling, pace.limit, *moments, pace.refusals, len(sends), *sends, *(0.0,) * (KEPT - len(sends)))
    return _HEAD.pack(_VERSION, zlib.crc32(body)) + body


def _decoded(record: bytes, now: float) -> Lane:
    """What was written, nothing if that was before the machine started; after garbage a second passes before the first request."""
    if not record.strip(b"\0"):
        return Lane()
    body = record[_HEAD.size :]
    if len(record) < _SIZE or _HEAD.unpack_from(record) != (_VERSION, zlib.crc32(body)):
        return Lane(Pace(resume_at=now + SECOND_S))
    rate, ceiling, limit, resume_at, refused_at, risen_at, refusals, count, *moments = _BODY.unpack(body)
    sends = tuple(moments[:count])
    if max(resume_at - LONGEST_PAUSE_S, refused_at, risen_at, *sends) > now:
        return Lane()
    return Lane(Pace(rate, ceiling, limit, resume_at, refused_at, refusals, risen_at), sends)

"""SQLite's and the system's errors as one sentence that names the file and says what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from dmscan.errors import HistoryError

FAULTS = (sqlite3.Error, OSError, OverflowError, UnicodeError)
"""What storing can raise: a value outside 64 bits or a lone surrogate is refused by three different types."""

_DAMAGED = "{path} is damaged ({detail}); move it to {name}.corrupt and the next scan starts a new one."
_SENTENCES = {
    sqlite3.SQLITE_BUSY: "{path} stayed locked by another program; close that program or use --no-store.",
    sqlite3.SQLITE_LOCKED: "{path} stayed locked by another program; close that program or use --no-store.",
    sqlite3.SQLITE_FULL: "{path} could not grow: its disk is full; free some space or choose another file with --db.",
    sqlite3.SQLITE_IOERR: "{path} could not be read or written ({detail}); check its disk, its size limit and its free space.",
    sqlite3.SQLITE_READONLY: "{path} or its folder may not be written ({detail}); change its owner or mode, or choose another with --db.",
    sqlite3.SQLITE_CANTOPEN: "{path} could not be opened for writing; check that its folder exists and may be written.",
    sqlite3.SQLITE_PERM: "{path} may not be opened; change its owner or mode, or choose another with --db.",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: "{path} is not a database ({detail}); choose another file with --db.",
    sqlite3.SQLITE_NOMEM: "{path} could not be used: out of memory.",
}
_OTHER = "{path} could not be used ({detail})."


def moved(path: Path) -> HistoryError:
    return HistoryError(f"{path} was deleted or replaced while dmscan was running; nothing more was stored, run it again.")


def translated(path: Path, error: Exception) -> HistoryError:
    """The HistoryError to raise from `error`, one of FAULTS."""
    code = _code(error)
    sentence = _SENTENCES.get(code & 0xFF if code else 0, _OTHER)
    return HistoryError(sentence.format(path=path, name=path.name, detail=_detail(error)))


def is_busy(error: Exception) -> bool:
    """Whether another connection holds the lock, so that trying again may help."""
    code = _code(error)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(error: Exception) -> int | None:
    return getattr(error, "sqlite_errorcode", None)


def _detail(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "")
        return f"{error}, {name}" if name else str(error)
    return "a value cannot be stored: " + type(error).__name__

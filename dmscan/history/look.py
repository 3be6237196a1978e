"""The database as a doctor looks at it: nothing is made, changed or waited for long (design chapter 7).

Where it lies is told by `stat` alone, because closing any handle of our own on it would drop SQLite's locks (`howtocorrupt` 2.2).
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from dmscan.core.checkup import Contents, Kind, Place
from dmscan.errors import Locked
from dmscan.history import faults, schema

LIMIT_S = 2.0
"""How long a lock is waited for, and how long damage is looked for: a Ctrl-C is heard after that."""
AGAIN_S = 0.01
MOST_DAMAGE = 3
MOUNTS = Path("/proc/self/mountinfo")
_HEADING = "*** in database main ***"
_OCTAL = re.compile(r"\\([0-7]{3})")


def place(path: Path) -> Place:
    """What `stat` tells of the database at `path` and of the nearest folder above it that exists."""
    path = path.absolute()
    kind, found = _kind(path)
    folder = next((above for above in path.parents if os.path.lexists(above)), path.parent)
    if kind is Kind.UNREACHABLE or not folder.is_dir():
        return Place(str(path), Kind.UNREACHABLE, str(folder))
    about = folder.stat()
    return Place(
        path=str(path),
        kind=kind,
        folder=str(folder),
        size=found.st_size if found else 0,
        mode=stat.S_IMODE(found.st_mode) if found else None,
        folder_mode=stat.S_IMODE(about.st_mode),
        shared=bool(about.st_mode & stat.S_ISVTX),
        writable=found is None or os.access(path, os.R_OK | os.W_OK),
        folder_writable=os.access(folder, os.W_OK | os.X_OK),
        free=_free(folder),
        filesystem=filesystem(Path(os.path.realpath(folder)), _mounts()),
    )


def contents(path: Path, limit_s: float = LIMIT_S) -> Contents | None:
    """What the file says of itself and a look for damage that ends after `limit_s` seconds; `None` if a scan left it half written.

    Locked if another program keeps it locked, HistoryTooNew and HistoryError as for a scan.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=limit_s, isolation_level=None)) as connection:
            return _contents(connection, path, limit_s)
    except faults.FAULTS as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY_ROLLBACK:
            return None
        if faults.is_busy(error):
            raise Locked(f"{path} is locked by another program, so nobody looked into it; ask again later.") from error
        raise faults.translated(path, error) from error


def sqlite_version() -> tuple[int, ...]:
    return sqlite3.sqlite_version_info


def running(database: Path) -> tuple[str, ...]:
    """The commands that hold a lock of this database now."""
    begin, end = f"{database.name}.", ".lock"
    with suppress(OSError):
        found = sorted(lock for lock in database.parent.iterdir() if lock.name.startswith(begin) and lock.name.endswith(end))
        return tuple(lock.name[len(begin) : -len(end)] for lock in found if _is_held(lock))
    return ()


def filesystem(folder: Path, mounts: str) -> str:
    """The type of the file system that `folder` lies on, by the text of /proc/self/mountinfo; "" if that does not tell."""
    best, kind = Path(), ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        mounted = Path(_OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[4]))
        if folder.is_relative_to(mounted) and len(mounted.parts) >= len(best.parts):
            best, kind = mounted, after.split()[0]
    return kind


def _kind(path: Path) -> tuple[Kind, os.stat_result | None]:
    try:
        if path.is_symlink() and path.lstat().st_uid not in (0, os.geteuid()):
            return Kind.FOREIGN_LINK, None
        found = path.stat()
    except FileNotFoundError:
        return Kind.MISSING, None
    except OSError:
        return Kind.UNREACHABLE, None
    if stat.S_ISREG(found.st_mode):
        return Kind.FILE, found
    return (Kind.FOLDER if stat.S_ISDIR(found.st_mode) else Kind.SPECIAL), None


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _mounts() -> str:
    try:
        return MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""


def _contents(connection: sqlite3.Connection, path: Path, limit_s: float) -> Contents:
    for pragma in ("query_only = ON", "trusted_schema = OFF", "cell_size_check = ON"):
        connection.execute(f"PRAGMA {pragma}")
    version = schema.version_of(connection, path)
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    damage: tuple[str, ...] | None = None
    with _interrupted(connection, limit_s):
        try:
            rows = connection.execute(f"PRAGMA quick_check({MOST_DAMAGE})").fetchall()
            damage = tuple(" ".join(text.replace(_HEADING, "").split()) for (text,) in rows if text != "ok")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
    return Contents(version, len(schema.STEPS), journal, damage or (), whole=damage is not None)


@contextmanager
def _interrupted(connection: sqlite3.Connection, after_s: float) -> Iterator[None]:
    """Whatever the connection does in the block ends after so many seconds: a progress handler is not heard in the middle of a check."""
    done = threading.Event()

    def interrupt() -> None:
        done.wait(after_s)
        # Between two statements an interrupt is lost, so one is not enough.
        while not done.wait(AGAIN_S):
            connection.interrupt()

    watchman = threading.Thread(target=interrupt)
    watchman.start()
    try:
        yield
    finally:
        done.set()
        watchman.join()


def _is_held(lock: Path) -> bool:
    """Tried with a lock that is shared and let go at once, so that nobody who waits for it notices."""
    try:
        file = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(file)
    return False

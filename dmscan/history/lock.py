"""One storing scan, one watch and one sender at a time for each database: operating system locks on files beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dmscan.errors import HistoryError, Locked
from dmscan.history.place import make_folder


def lock_path(database: Path, command: str = "scan") -> Path:
    return database.with_name(f"{database.name}.{command}.lock")


@contextmanager
def command_lock(database: Path, wait_s: float = 0.0, command: str = "scan") -> Iterator[None]:
    """Holds the lock of a storing scan, or of another command, inside `with`; the system frees it if the process dies.

    Waits up to `wait_s` seconds, blocking. Locked if another process holds it (design chapter 9), HistoryError if the lock file cannot
    be used. The file itself stays.
    """
    path = lock_path(database, command)
    lock = FileLock(path, timeout=wait_s, mode=0o600, thread_local=False)
    try:
        make_folder(path)
        lock.acquire()
    except Timeout as error:
        raise Locked(f"Another {command} is storing into {database}; wait for it or use --no-store.") from error
    except OSError as error:
        raise HistoryError(f"{path} cannot be locked ({error.strerror or error}); check its folder or use --no-store.") from error
    try:
        yield
    finally:
        lock.release()

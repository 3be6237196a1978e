"""A copy of the database that is whole, also while scans store into it (reliability D16)."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from dmscan.errors import HistoryError
from dmscan.history import faults
from dmscan.history.reader import connected


def backup(path: Path, copy: Path) -> int:
    """Copies the database at `path` to the new file `copy`, mode 0600, and tells its bytes; a failure leaves no file.

    Schemas of earlier versions are copied too. HistoryError if there is no database, or `copy` exists or cannot be written; else it raises
    as `reader.asking` does.
    """
    if not path.exists():
        raise HistoryError(f"There is no history at {path} yet, so nothing was copied.")
    try:
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise HistoryError(f"{copy} exists, and a backup replaces nothing: choose another name.") from error
    except OSError as error:
        raise HistoryError(f"{copy} cannot be made: {error.strerror}.") from error
    part = copy.with_name(f".{copy.name}.{os.getpid()}")
    try:
        _copy(path, part)
        part.replace(copy)
    except BaseException:
        for file in (part, copy):
            with suppress(OSError):
                file.unlink()
        raise
    return copy.stat().st_size


def _copy(path: Path, part: Path) -> None:
    """Under another name until it is whole: who is killed here leaves an empty file of the name asked for, and no half of a database."""
    with connected(path) as connection:
        try:
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
            with closing(sqlite3.connect(part, isolation_level=None)) as target:
                target.execute("PRAGMA synchronous = FULL")
                connection.backup(target)
        except faults.FAULTS as error:
            raise faults.translated(part, error) from error

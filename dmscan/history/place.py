"""Where the database lies: which files are refused, how a new one is made private, and whether it is still the same one.

An existing database is never opened here: closing any handle on it would drop SQLite's own locks (`howtocorrupt` 2.2).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from dmscan.errors import HistoryError


class FileId(NamedTuple):
    """What stays the same while a file is written, and changes when another takes its name."""

    device: int
    inode: int


def claim(path: Path) -> FileId:
    """The database file at `path`, made with mode 0600 (its folder 0700) if there is none.

    HistoryError if that is a folder, a pipe or another special file, a link of another user, or may not be written.
    OSError if the folder or the file cannot be made.
    """
    make_folder(path)
    if path.is_symlink() and path.lstat().st_uid not in (0, os.geteuid()):
        raise HistoryError(f"{path} is a link that belongs to another user; choose another file with --db.")
    target = Path(os.path.realpath(path))
    with suppress(FileExistsError):
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    found = target.stat()
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise HistoryError(f"{path} is {what}; choose another file with --db.")
    if not os.access(target, os.R_OK | os.W_OK):
        whose = "Your" if found.st_uid == os.geteuid() else "Another user's"
        raise HistoryError(f"{whose} file {path} may not be read and written; change its owner or mode, or choose another with --db.")
    return FileId(found.st_dev, found.st_ino)


def make_folder(path: Path) -> None:
    """The folder of `path`, with mode 0700 if it is new. OSError if it cannot be made."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def file_id(path: Path) -> FileId | None:
    """The file that has the name `path` now; `None` if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return FileId(found.st_dev, found.st_ino)

"""Where files of the user's own lie, and how one that is to be trusted is read (design chapter 7)."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_config_path, user_data_path, user_state_path

from dmscan.errors import SettingsError

LARGEST = 64 * 1024
"""Bytes of a file of settings, or of one secret."""


def config_path() -> Path | None:
    """The settings file, unless another is named; `None` without a home folder."""
    folder = _folder(user_config_path)
    return folder / "config.toml" if folder else None


def data_folder() -> Path | None:
    return _folder(user_data_path)


def state_folder() -> Path | None:
    return _folder(user_state_path)


def in_home(name: str, text: str) -> Path:
    """The path with `~` expanded. Raises SettingsError naming the setting."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise SettingsError(f"{name} names {text}, but nobody knows that home folder: write the whole path.") from error


def read_text(path: Path, names: str) -> tuple[str, os.stat_result]:
    """The text of a plain file, and what is known of that very file. Raises SettingsError beginning with `names`."""
    try:
        # Without O_NONBLOCK a pipe would be waited for.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise SettingsError(f"{names} {path}, which is not a file.")
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise SettingsError(f"{names} {path}, which is too large for that ({found.st_size:,} bytes).")
        return data.decode(), found
    except OSError as error:
        raise SettingsError(f"{names} {path}, which cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{names} {path}, which cannot be read: it is not text.") from error


def _folder(find: Callable[[str], Path]) -> Path | None:
    """The platform's folder for us. Without a home there is none, and never one in the current folder."""
    try:
        folder = find("dmscan")
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None

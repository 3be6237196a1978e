"""The settings file: flat TOML that only its owner can change, each value with the line it stands on (design chapter 7)."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dmscan.errors import SettingsError
from dmscan.places import in_home, read_text
from dmscan.settings import Secret

NONE = Path(os.devnull)
"""Named instead of a file, it stands for no settings."""

_AT = re.compile(r" \(at (?:line ([0-9]+), column [0-9]+|end of document)\)$")
_GUARDED = ("PUBLIC_KEY", "SECRET_KEY", "PUBLIC_KEY_FILE", "SECRET_KEY_FILE")


@dataclass(frozen=True, slots=True)
class Said:
    """What the file says of one key. `line` counts from 1 and is 0 where it was not found."""

    value: Any
    line: int

    @property
    def text(self) -> str:
        """As one would write it into the environment."""
        match self.value:
            case Secret():
                return self.value.reveal()
            case bool():
                return str(int(self.value))
            case list():
                return " ".join(map(str, self.value))
        return str(self.value)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What is said, by key. `path` is where they were looked for, `None` without a home; `private`: nobody else can read it."""

    path: Path | None
    entries: Mapping[str, Said] = field(default_factory=dict)
    private: bool = True

    def at(self, line: int) -> str:
        """`file:line`, with which every refusal begins."""
        return f"{self.path}:{line}" if line else str(self.path)

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """As if what the file says were set in `environ`, wherever that says nothing."""
        set_here = {variable(key): one.text for key, one in self.entries.items() if not outdone(key, environ)}
        return {**environ, **set_here}


def variable(key: str) -> str:
    """The name in the environment: `min_roi` → DMSCAN_MIN_ROI, but `secret_key` → DMARKET_SECRET_KEY."""
    name = key.upper()
    return f"DMARKET_{name}" if name in _GUARDED else f"DMSCAN_{name}"


def pair(key: str) -> tuple[str, str]:
    """What is said in place, and in a file: two ways to say one thing."""
    plain = key.removesuffix("_file")
    return plain, f"{plain}_file"


def outdone(key: str, environ: Mapping[str, str]) -> bool:
    """Whether the environment says it, in one of its two ways."""
    return any(environ.get(variable(one)) for one in pair(key))


def find(named: Path | None, usual: Path | None) -> ConfigFile:
    """The file named, which must exist, else the usual one, which may be missing. Raises SettingsError."""
    path = in_home("--config", str(named)) if named else usual
    if path is None or path == NONE:
        return ConfigFile(path)
    try:
        _check_link(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        if named:
            raise SettingsError(f"There is no settings file {path}: dmscan config init --config {path} writes one.") from error
        return ConfigFile(path)
    except OSError as error:
        hint = f"or use --config {NONE} for none"
        raise SettingsError(f"The settings lie in {path}, which cannot be looked at: {error.strerror} ({hint}).") from error
    return _read(path)


def write_new(path: Path, text: str) -> None:
    """A file that only the user can read, where there was none. Raises SettingsError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.path.lexists(path):
            raise SettingsError(f"{path} exists already, and was left as it is.")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be written: {error.strerror}; choose another with --config.") from error


def _check_link(path: Path) -> None:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in _trusted():
        raise SettingsError(f"The settings lie in {path}, which is a link of another user's: replace it by a file of your own.")


def _read(path: Path) -> ConfigFile:
    text, found = read_text(path, "The settings lie in")
    if found.st_uid not in _trusted():
        raise SettingsError(f"The settings lie in {path}, which belongs to another user: copy it to a file of your own.")
    if stat.S_IMODE(found.st_mode) & 0o022:
        raise SettingsError(f"The settings lie in {path}, which others can write: run chmod go-w {path}.")
    return ConfigFile(path, _entries(path, text), private=not stat.S_IMODE(found.st_mode) & 0o077)


def _trusted() -> tuple[int, int]:
    """Root could change everything anyway, and keeps files of settings for all."""
    return os.geteuid(), 0


def _entries(path: Path, text: str) -> dict[str, Said]:
    import tomllib  # noqa: PLC0415 - 3 ms that nobody pays who has no such file

    lines = text.rstrip("\n").split("\n")
    try:
        said = tomllib.loads(text, parse_float=str)  # money stays text
    except (ValueError, RecursionError) as error:
        at = _AT.search(str(error))
        line = int(at[1] or len(lines)) if at else 0
        where = ConfigFile(path).at(line)
        raise SettingsError(f"{where}: this is not TOML: {_AT.sub('', str(error))}.") from error
    return {key: Said(value, _line(lines, key)) for key, value in said.items()}


def _line(lines: Iterable[str], key: str) -> int:
    """tomllib does not tell lines, so the key is looked for."""
    starts = re.compile(rf"""[ \t]*\[*[ \t]*(["']?){re.escape(key)}\1[ \t]*[=.\]]""")
    return next((number for number, line in enumerate(lines, 1) if starts.match(line)), 0)

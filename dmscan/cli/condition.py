"""What the doctor looks at on this machine, without a request: the settings as far as they are sound, the database, the installation."""

from __future__ import annotations

import difflib
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from dmscan import __version__
from dmscan.cli.configured import read_config
from dmscan.cli.log import hide_those_of
from dmscan.cli.setting import SETTINGS
from dmscan.config_file import ConfigFile, variable
from dmscan.core import checkup
from dmscan.core.checkup import Check, Kind, failed, odd, well
from dmscan.errors import DmscanError, Locked, SettingsError
from dmscan.history import look, schema
from dmscan.settings import Settings, history_file, load
from dmscan.wiring import signer, throwaway_keys

PARTS = {
    "base URL": ("DMSCAN_API_URL",),
    "keys": ("DMARKET_",),
    "Telegram": ("DMSCAN_TELEGRAM_",),
    "ping URL": ("DMSCAN_PING_URL",),
}
"""What is refused or taken together, by the variables it is made of."""
OURS = ("DMSCAN_", "DMARKET_")
UNLISTED = ("DMSCAN_CONFIG", "DMSCAN_DEBUG")
FOR_DEVELOPERS = ("dev", "test")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"extra == ['\"](\w+)")


@dataclass(frozen=True, slots=True)
class Condition:
    """The settings without the parts that are refused; `config` is `None` if the settings file is."""

    settings: Settings
    refused: Mapping[str, SettingsError]
    config: ConfigFile | None
    sandbox: bool

    @property
    def source(self) -> str | None:
        """Where the market is, `None` if that was refused."""
        if self.sandbox:
            return "sandbox"
        return None if "base URL" in self.refused else self.settings.api_url


def condition(config: Path | None, database: str | None, *, sandbox: bool) -> Condition:
    """Raises SettingsError only if nobody can tell where the history lies."""
    environ, file, refused = _environment(config)
    if file is None and not environ.get("DMSCAN_API_URL"):
        refused["base URL"] = SettingsError("Nobody knows it, because the settings file that may name it is refused.")
    if sandbox:
        return Condition(Settings("", throwaway_keys(), history_file(database, "sandbox.db")), refused, file, sandbox=True)
    sound: dict[str, str] = {}
    for name, prefixes in PARTS.items():
        part = {variable: value for variable, value in environ.items() if variable.startswith(prefixes)}
        try:
            signer(load(part, os.devnull))
        except SettingsError as error:
            refused[name] = error
        else:
            sound |= part
    settings = load(sound, database or environ.get("DMSCAN_DB"))
    hide_those_of(settings)
    return Condition(settings, refused, file, sandbox=False)


def _environment(config: Path | None) -> tuple[Mapping[str, str], ConfigFile | None, dict[str, SettingsError]]:
    """The environment with what the settings file adds to it, that file, and why it is refused if it is."""
    try:
        file = read_config(config)
    except SettingsError as error:
        return os.environ, None, {"settings": error}
    return file.environment(os.environ), file, {}


def settings_checks(seen: Condition, options: frozenset[str]) -> Iterator[Check]:
    """Secrets are never shown, and of a key its last four digits. `options` are the variables that stand for an option."""
    yield failed("settings", seen.refused["settings"]) if "settings" in seen.refused else well("settings", _origins(seen))
    yield from _strangers(options)
    if "ping URL" in seen.refused:
        yield failed("ping URL", seen.refused["ping URL"])
    if seen.sandbox:
        yield well("base URL", "the built-in market, with keys made for this once")
        return
    yield failed("base URL", seen.refused["base URL"]) if "base URL" in seen.refused else well("base URL", seen.settings.api_url)
    yield failed("keys", seen.refused["keys"]) if "keys" in seen.refused else _keys(seen.settings)


def _origins(seen: Condition) -> str:
    file = seen.config
    read = f"{file.path} sets {', '.join(file.entries)}" if file and file.entries else "no settings file"
    return f"{read}; {', '.join(_variables()) or 'none'} in the environment"


def _variables() -> list[str]:
    return sorted(name for name, value in os.environ.items() if value and name.startswith(OURS))


def _strangers(options: frozenset[str]) -> Iterator[Check]:
    """Variables that nobody reads: most likely a misspelt name."""
    known = {*map(variable, SETTINGS), *UNLISTED, *options}
    for name in _variables():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            yield odd("variables", f"{name} is no setting{f': did you mean {near[0]}?' if near else ''}")


def _keys(settings: Settings) -> Check:
    if key := signer(settings):
        return well("keys", f"the pair belongs together (public key …{key.public[-4:]})")
    if settings.keys:
        return odd("keys", f"not sent to {settings.api_url}: unset DMSCAN_API_URL to use them")
    without = "without them offers, targets, sales and the balance cannot be asked for"
    return odd("keys", f"none: set DMARKET_PUBLIC_KEY and DMARKET_SECRET_KEY for confirmed finds; {without}")


def database_checks(path: Path) -> Iterator[Check]:
    """Nothing is made, changed or brought up to date."""
    place = look.place(path)
    yield from checkup.place_checks(place)
    if place.kind is Kind.FILE:
        try:
            yield from checkup.contents_checks(place, look.contents(path))
        except Locked as error:
            yield odd("database", str(error))
        except DmscanError as error:
            yield failed("database", error)
    yield from checkup.surroundings(place)
    yield checkup.running(look.running(path))


def machine_checks(*, verbose: bool) -> Iterator[Check]:
    yield well("dmscan", __version__)
    yield well("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield checkup.sqlite(look.sqlite_version(), schema.OLDEST_SQLITE, verbose=verbose)
    yield checkup.libraries(_libraries(), verbose=verbose)
    yield checkup.terminal(getattr(sys.stdout, "encoding", None) or "")


def _libraries() -> dict[str, str]:
    """The versions of what dmscan needs, "" for what is missing, and of the extras that are there; nothing if it was not installed."""
    try:
        required = metadata.requires("dmscan") or []
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, str] = {}
    for requirement in required:
        name, extra = _REQUIREMENT.findall(requirement)[0], _EXTRA.search(requirement)
        version = _version(name)
        if not extra or (version and extra[1] not in FOR_DEVELOPERS):
            found[name] = version
    return dict(sorted(found.items()))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def at(settings: Settings, url: str) -> Settings:
    """The same settings for the market at `url`."""
    return replace(settings, api_url=url)

"""What can be set, told by the commands' own options, and what holds: an environment and a file checked as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import typer

from dmscan.cli.configured import environment, settings_of
from dmscan.cli.help import SETTINGS as WORDS
from dmscan.cli.setting import SETTINGS, Kind
from dmscan.config_file import ConfigFile, Said, outdone, variable
from dmscan.errors import SettingsError, UsageError
from dmscan.render.config import Offered, Origin, Setting
from dmscan.wiring import signer

HIDDEN = "***"
NO_OPTION = "Account and messages"


def offered(context: typer.Context) -> list[Offered]:
    """Every setting with its help and its default, by the table's order."""
    options = _options(context)
    return [_offered(key, options.get(variable(key), {})) for key in SETTINGS]


def holding(context: typer.Context, config: ConfigFile | None) -> list[Setting]:
    """Every setting with its value and where that comes from. Raises SettingsError for the first that is refused."""
    file = config or ConfigFile(None)
    found = [_held(one, file) for one in offered(context)]
    signer(settings_of(file, environment(file).get("DMSCAN_DB")))
    return found


def _options(context: typer.Context) -> dict[str, dict[str, Any]]:
    """Variable → the options that read it, by the command that has them."""
    found: dict[str, dict[str, Any]] = {}
    for name, command in _commands(context.find_root().command, ""):
        for option in command.params:
            if option.envvar:
                found.setdefault(option.envvar, {})[name] = option
    return found


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
    else:
        for word, one in inner.items():
            yield from _commands(one, f"{name} {word}".strip())


def _offered(key: str, options: Mapping[str, Any]) -> Offered:
    example = SETTINGS[key].example
    if not options:
        said = WORDS[key]
        return Offered(key, NO_OPTION, said.text, said.default, example)
    first = next(iter(options.values()))
    return Offered(key, first.rich_help_panel, first.help, _default(options), example if first.default is None else first.default)


def _default(options: Mapping[str, Any]) -> str | None:
    """That of the first command, with those of others that differ."""
    told = {name: _in_words(option) for name, option in options.items()}
    usual = next(iter(told.values()))
    others = [f"{name}: {text}" for name, text in told.items() if text != usual]
    return f"{usual} ({', '.join(others)})" if others else usual


def _in_words(option: Any) -> str | None:
    if isinstance(option.show_default, str):
        return option.show_default
    if isinstance(option.default, bool):
        return str(option.default).lower()
    return None if option.default is None else str(option.default)


def _held(one: Offered, file: ConfigFile) -> Setting:
    key, name = one.key, variable(one.key)
    if text := os.environ.get(name):
        return _setting(one, _read(key, name, text), Origin.ENVIRONMENT, name)
    if key in file.entries and not outdone(key, os.environ):
        said = file.entries[key]
        return _setting(one, _shown(said), Origin.FILE, file.at(said.line))
    return _setting(one, one.default, Origin.DEFAULT, None)


def _read(key: str, name: str, text: str) -> str | list[str]:
    """What a variable says, checked as its option would. Raises SettingsError."""
    texts = text.split() if SETTINGS[key].kind is Kind.LIST else [text]
    try:
        for one in texts:
            SETTINGS[key].check(name, one)
    except UsageError as error:
        raise SettingsError(str(error)) from error
    return texts if SETTINGS[key].kind is Kind.LIST else text


def _shown(said: Said) -> str | list[str]:
    if isinstance(said.value, list):
        return said.value
    return str(said.value).lower() if isinstance(said.value, bool) else str(said.value)


def _setting(one: Offered, value: str | list[str] | None, origin: Origin, where: str | None) -> Setting:
    secret = SETTINGS[one.key].secret
    return Setting(one.key, HIDDEN if secret and value else value, origin, where, one.default, secret)

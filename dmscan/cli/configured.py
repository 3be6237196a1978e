"""`--config`: what a settings file says becomes the default of each option, and what no variable of the environment says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import typer

from dmscan.config_file import ConfigFile, find, variable
from dmscan.places import config_path
from dmscan.settings import Settings, load


def configured(context: typer.Context, named: Path | None) -> ConfigFile:
    """Reads the file before the other options are read, and gives each what its variable would. Raises SettingsError."""
    file = read_config(named)
    context.default_map = {
        str(option.name): said.value
        for option in context.command.params
        for key, said in file.entries.items()
        if option.envvar == variable(key)
    }
    return file


def read_config(named: Path | None) -> ConfigFile:
    """The file named, else the usual one if there is one, each value checked. Raises SettingsError with file and line."""
    file = find(named, config_path())
    if not file.entries:
        return file
    from dmscan.cli.setting import checked  # nobody pays for it who has no such file

    return checked(file)


def environment(config: ConfigFile | None) -> Mapping[str, str]:
    """The environment, as if it said what the settings file says and it does not."""
    return config.environment(os.environ) if config else os.environ


def settings_of(config: ConfigFile | None, database: str | None = None) -> Settings:
    """What holds for a command. Whatever is secret of it is blotted out of stderr from now on. Raises SettingsError."""
    found = load(environment(config), database)
    if found.keys or found.telegram or found.ping_url:
        from dmscan.cli import log

        log.hide_those_of(found)
    return found

"""`dmscan config`: the settings file, and where each setting comes from."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from dmscan.cli import flags
from dmscan.cli.help import CONFIG
from dmscan.cli.output import colors, say, write_stdout
from dmscan.errors import ExitCode, SettingsError

FORMATS = ("table", "json")
WIDTH_OFF_A_TERMINAL = 160
Place = Annotated[Path | None, flags.stored("--config", env=True, words=CONFIG)]

config_app = typer.Typer(
    help="The settings file: where it lies, a new one, and what holds.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@config_app.command()
def path(config: Place = None, debug: flags.Debug = False) -> ExitCode:
    """Print where the settings file is looked for, and say whether it exists.

    \b
    Examples:
      dmscan config path
      $EDITOR "$(dmscan config path)"
    """
    file = _place(config)
    write_stdout(f"{file}\n")
    say("dmscan: it exists." if os.path.lexists(file) else "dmscan: it does not exist: dmscan config init writes it.")
    return ExitCode.OK


@config_app.command()
def init(context: typer.Context, config: Place = None, debug: flags.Debug = False) -> ExitCode:
    """Write a settings file with every setting, each commented out, its help and its default. One that exists is left alone.

    \b
    Examples:
      dmscan config init
      dmscan config init --config ./other.toml
    """
    from dmscan.cli.offered import offered
    from dmscan.config_file import write_new
    from dmscan.render.config import as_toml

    file = _place(config)
    write_new(file, as_toml(offered(context)))
    say(f"dmscan: wrote {file}: take the # away before what you want to set.")
    return ExitCode.OK


@config_app.command()
def show(
    context: typer.Context,
    all_: Annotated[bool, flags.shown("--all", "-a", words=CONFIG)] = False,
    format_: Annotated[str | None, flags.shown("--format", "-f", among=FORMATS, words=CONFIG)] = None,
    json: flags.Json = False,
    no_color: flags.NoColor = False,
    debug: flags.Debug = False,
    config: flags.Config = None,
) -> ExitCode:
    """Show the settings that are not at their default, and where each comes from; all are checked, and secrets stay hidden.

    \b
    Examples:
      dmscan config show
      dmscan config show --all -f json | jq -r '.settings[] | select(.origin == "default") | .key'
    """
    from dmscan.cli.offered import holding
    from dmscan.cli.options import choice
    from dmscan.render.config import Origin, as_json, as_table, told

    form = "json" if json else choice("--format", format_, FORMATS) if format_ else "table" if os.isatty(1) else "json"
    every = holding(context, config)
    shown = [one for one in every if all_ or one.origin is not Origin.DEFAULT]
    file = config.path if config else None
    document = told(str(file) if file else None, exists=bool(file and file.exists()), settings=shown)
    width = shutil.get_terminal_size((WIDTH_OFF_A_TERMINAL, 24)).columns
    write_stdout(as_json(document) if form == "json" else as_table(document, len(every) - len(shown), width, colors(no_color)))
    return ExitCode.OK


def _place(named: Path | None) -> Path:
    """Raises SettingsError if none is named and there is no usual one."""
    from dmscan.places import config_path, in_home

    place = in_home("--config", str(named)) if named else config_path()
    if place is None:
        raise SettingsError("There is no home folder for a settings file: name one with --config or DMSCAN_CONFIG.")
    return place

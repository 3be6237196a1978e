"""How an option is spelled: its name gives the environment variable, its choices the completion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from dmscan.cli.help import FORMATS, LOG_FORMATS, SCAN, Help
from dmscan.cli.options import choice
from dmscan.cli.output import speak
from dmscan.config_file import ConfigFile


def option(
    name: str, *short: str, panel: str, env: bool = True, among: Sequence[str] = (), words: Mapping[str, Help] = SCAN, **more: Any
) -> Any:
    """A Typer option; `env` makes `--min-roi` readable from DMSCAN_MIN_ROI, `among` is completed by the shell, `more` is for Typer."""
    said = words[name]
    return typer.Option(
        name,
        *short,
        help=said.text,
        metavar=said.metavar,
        envvar=name.replace("--", "DMSCAN_").replace("-", "_").upper() if env else None,
        show_default=said.default or True,
        autocompletion=_among(among) if among else None,
        rich_help_panel=panel,
        **more,
    )


def _among(choices: Sequence[str]) -> Callable[[str], list[str]]:
    """Plain texts, so that completing loads nothing of the scanner."""

    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    return complete


def _read(context: typer.Context, config: Path | None) -> ConfigFile | None:
    """What `--config` becomes; completing a word reads no file."""
    if context.resilient_parsing:
        return None
    from dmscan.cli.configured import configured

    return configured(context, config)


def _unless(*flags: str) -> Callable[[typer.Context, typer.CallbackParam, str | None], str | None]:
    """What was not typed (but stands in the environment or the settings file) gives way to a flag that was."""

    def check(context: typer.Context, param: typer.CallbackParam, value: str | None) -> str | None:
        source = context.get_parameter_source(str(param.name))
        typed = source is not None and source.name == "COMMANDLINE"
        return None if any(map(context.params.get, flags)) and not typed else value

    return check


def _heard(log_format: str) -> str:
    """What the settings file says; the command line and the environment were looked at before."""
    if choice("--log-format", log_format, LOG_FORMATS) == "json":
        speak("json")
    return log_format


what = partial(option, panel="What to scan")
rule = partial(option, panel="Rules")
budget = partial(option, panel="Budget")
shown = partial(option, panel="Output", env=False)
stored = partial(option, panel="Source and history", env=False)
told = partial(option, panel="Telegram and cron")

Texts = list[str] | None
Format = Annotated[str | None, shown("--format", "-f", env=True, among=FORMATS, callback=_unless("json"))]
Json = Annotated[bool, shown("--json")]
Output = Annotated[Path | None, shown("--output", "-o")]
Quiet = Annotated[bool, shown("--quiet", "-q")]
Verbose = Annotated[bool, shown("--verbose", "-v")]
NoColor = Annotated[bool, shown("--no-color")]
Debug = Annotated[bool, shown("--debug")]
LogFormat = Annotated[str, shown("--log-format", env=True, among=LOG_FORMATS, callback=_heard)]
Db = Annotated[str | None, stored("--db", env=True, callback=_unless("sandbox"))]
Config = Annotated[ConfigFile | None, stored("--config", env=True, parser=Path, is_eager=True, callback=_read)]
Sandbox = Annotated[bool, stored("--sandbox")]
Notify = Annotated[bool, told("--notify", callback=_unless("sandbox", "no_store"))]
Realert = Annotated[str, told("--realert")]
NotifyGone = Annotated[bool, told("--notify-gone")]
NotifyTop = Annotated[int, told("--notify-top")]
QuietHours = Annotated[str | None, told("--quiet-hours")]
PingUrl = Annotated[str | None, told("--ping-url", env=False)]

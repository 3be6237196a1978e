"""How an option is spelled: its name gives the environment variable, its choices the completion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from dmscan.cli.help import SCAN, Help

FORMATS = ("table", "json", "ndjson", "csv", "markdown", "none")


def option(name: str, *short: str, panel: str, env: bool = True, among: Sequence[str] = (), words: Mapping[str, Help] = SCAN) -> Any:
    """A Typer option; `env` makes `--min-roi` readable from DMSCAN_MIN_ROI, `among` is completed by the shell."""
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
    )


def _among(choices: Sequence[str]) -> Callable[[str], list[str]]:
    """Plain texts, so that completing loads nothing of the scanner."""

    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    return complete


what = partial(option, panel="What to scan")
rule = partial(option, panel="Rules")
budget = partial(option, panel="Budget")
shown = partial(option, panel="Output", env=False)
stored = partial(option, panel="Source and history", env=False)

Texts = list[str] | None
Format = Annotated[str | None, shown("--format", "-f", env=True, among=FORMATS)]
Json = Annotated[bool, shown("--json")]
Output = Annotated[Path | None, shown("--output", "-o")]
Quiet = Annotated[bool, shown("--quiet", "-q")]
Verbose = Annotated[bool, shown("--verbose", "-v")]
NoColor = Annotated[bool, shown("--no-color")]
Debug = Annotated[bool, shown("--debug")]
Db = Annotated[str | None, stored("--db", env=True)]
Sandbox = Annotated[bool, stored("--sandbox")]

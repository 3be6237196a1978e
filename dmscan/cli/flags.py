"""How an option is spelled: its name gives the environment variable, its choices the completion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

FORMATS = ("table", "json", "ndjson", "csv", "markdown", "none")


def option(  # noqa: PLR0913 - what an option can say of itself
    *names: str, help: str, metavar: str | None = None, panel: str, env: bool = True, default: str | None = None, among: Sequence[str] = ()  # noqa: A002
) -> Any:
    """A Typer option; `env` makes `--min-roi` readable from DMSCAN_MIN_ROI, `among` is completed by the shell."""
    return typer.Option(
        *names,
        help=help,
        metavar=metavar,
        envvar=names[0].replace("--", "DMSCAN_").replace("-", "_").upper() if env else None,
        show_default=True if default is None else default,
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

Format = Annotated[str | None, option("--format", "-f", metavar="FORMAT", among=FORMATS, panel="Output", default="table on a terminal, else json", help=f"{', '.join(FORMATS[:-1])} or none.")]
Json = Annotated[bool, shown("--json", help="The same as -f json.")]
Output = Annotated[Path | None, shown("--output", "-o", metavar="FILE", help="Write to FILE in one step instead of stdout.")]
Quiet = Annotated[bool, shown("--quiet", "-q", help="Nothing on stderr unless something is wrong.")]
Verbose = Annotated[bool, shown("--verbose", "-v", help="Say on stderr what is being done.")]
NoColor = Annotated[bool, shown("--no-color", help="No colour; NO_COLOR does the same.")]
Debug = Annotated[bool, shown("--debug", help="Show the trace of a bug.")]
Db = Annotated[str | None, option("--db", metavar="FILE", panel="Source and history", default="history.db in the platform's data folder", help="The history database.")]
Sandbox = Annotated[bool, stored("--sandbox", help="Use the built-in market: no key, no network.")]

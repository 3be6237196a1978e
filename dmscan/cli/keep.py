"""`dmscan history prune`, `backup` and `export`: the history kept small, safe and open to other tools."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmscan.cli import flags
from dmscan.cli.flags import option
from dmscan.cli.help import KEEP
from dmscan.errors import ExitCode

if TYPE_CHECKING:
    from dmscan.cli.question import Place

WHAT = ("scans", "opportunities", "quotes", "sales", "episodes")
FORMATS = ("ndjson", "csv")


def keep(name: str, *short: str, among: tuple[str, ...] = ()) -> Any:
    return option(name, *short, panel="What to keep", env=False, among=among, words=KEEP)


def prune(
    keep_: Annotated[str, keep("--keep")] = "90d",
    vacuum: Annotated[bool, keep("--vacuum")] = False,
    quiet: flags.Quiet = False,
    debug: flags.Debug = False,
    sandbox: flags.Sandbox = False,
    db: flags.Db = None,
    config: flags.Config = None,
) -> Coroutine[Any, Any, int] | int:
    """Delete what is older: scans with their finds, quotes, sales, ended episodes, fee tables.

    \b
    Last quotes, open episodes, current fees and the sums of days stay. The file does not shrink without --vacuum. Examples:
      dmscan history prune --keep 90d
      dmscan history prune --keep 30d --vacuum
    """
    from dmscan.cli.options import parse, parse_duration
    from dmscan.cli.question import place

    return _prune(place(db, sandbox=sandbox, config=config), parse("--keep", keep_, parse_duration) or 0, vacuum, quiet)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=KEEP["FILE"].text)],
    quiet: flags.Quiet = False,
    debug: flags.Debug = False,
    sandbox: flags.Sandbox = False,
    db: flags.Db = None,
    config: flags.Config = None,
) -> ExitCode:
    """Copy the whole database to a new file, also while a scan is storing.

    \b
    Example:
      dmscan history backup ~/history-$(date +%F).db
    """
    from dmscan.cli.output import say
    from dmscan.cli.question import place
    from dmscan.history.backup import backup as copy

    database = place(db, sandbox=sandbox, config=config).database
    size = copy(database, file)
    if not quiet:
        say(f"dmscan: copied {database} to {file}, {size:,} bytes.")
    return ExitCode.OK


def export(
    what: Annotated[str, keep("--what", among=WHAT)] = "opportunities",
    since: Annotated[str | None, keep("--since")] = None,
    until: Annotated[str | None, keep("--until")] = None,
    format_: Annotated[str, keep("--format", "-f", among=FORMATS)] = "ndjson",
    output: flags.Output = None,
    debug: flags.Debug = False,
    sandbox: flags.Sandbox = False,
    db: flags.Db = None,
    config: flags.Config = None,
) -> ExitCode:
    """Print stored rows, one by one, however many there are.

    \b
    Examples:
      dmscan history export --what scans --since 30d -f csv > scans.csv
      dmscan history export --what quotes | jq -c 'select(.game == "rust")'
    """
    from dmscan.cli.options import choice
    from dmscan.cli.output import writing
    from dmscan.cli.question import place, span_of
    from dmscan.history.exports import names, pages
    from dmscan.render.stored import as_csv, as_lines

    kind, form, where = choice("--what", what, WHAT), choice("--format", format_, FORMATS), place(db, sandbox=sandbox, config=config)
    columns, rows = names(kind), pages(where.database, where.source, kind, span_of({"since": since, "until": until}))
    with writing(output) as write:
        if form == "csv":
            write(as_csv(columns, (), head=True))
        for page in rows:
            write(as_csv(columns, page, head=False) if form == "csv" else as_lines(columns, page))
    return ExitCode.OK


async def _prune(where: Place, keep_s: int, vacuum: bool, quiet: bool) -> int:
    from contextlib import nullcontext

    from dmscan.cli.output import say
    from dmscan.clock import Clock
    from dmscan.history.lock import command_lock
    from dmscan.history.prune import prune as delete

    if not where.database.exists():
        if not quiet:
            say(f"dmscan: there is no history at {where.database} yet, so nothing was deleted.")
        return ExitCode.OK
    # A scan would not wait as long for its database as the whole file takes to be written anew.
    with command_lock(where.database) if vacuum else nullcontext():
        gone = await delete(where.database, where.source, Clock().seconds() - keep_s, vacuum=vacuum)
    if not quiet:
        counts = ", ".join(f"{count:,} {name}" for name, count in gone.items() if count) or "nothing"
        say(f"dmscan: deleted {counts} of {where.source} from {where.database}.")
    return ExitCode.OK

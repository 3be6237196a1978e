"""`dmscan history`: what earlier scans found, and what it says."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dmscan.cli import flags
from dmscan.cli.help import HISTORY
from dmscan.errors import ExitCode

HELP = ("-h", "--help")
PARTS = ("game", "level", "exit", "entry", "week", "day")

asked = partial(flags.option, panel="What to show", env=False, words=HISTORY)

Since = Annotated[str | None, asked("--since")]
SinceLately = Annotated[str, asked("--since")]
Until = Annotated[str | None, asked("--until")]


class ListUnlessTold(TyperGroup):
    """`dmscan history` alone, or with options only, is `dmscan history list`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        listed = args if args and (args[0] in HELP or not args[0].startswith("-")) else ["list", *args]
        rest: list[str] = super().parse_args(ctx, listed)
        return rest


history_app = typer.Typer(
    cls=ListUnlessTold,
    help="What earlier scans found. Without a command it lists them.",
    context_settings={"help_option_names": [*HELP]},
)


@history_app.command("list")
def list_scans(
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, asked("--limit")] = 20,
    format_: flags.Format = None,
    json: flags.Json = False,
    output: flags.Output = None,
    no_color: flags.NoColor = False,
    debug: flags.Debug = False,
    sandbox: flags.Sandbox = False,
    db: flags.Db = None,
    config: flags.Config = None,
) -> ExitCode:
    """List the scans, the newest first: what was asked, what came out, what it cost.

    \b
    Examples:
      dmscan history                  the last 20
      dmscan history list --since 7d --limit 1000 -f csv
    """
    typed = dict(locals())
    from dmscan.cli.options import at_least
    from dmscan.cli.question import question
    from dmscan.render import history, history_table

    at_least("--limit", limit, 1)
    one = question(typed | {"limit": None})
    found = one.ask(lambda past: past.scans(one.span, limit))
    return one.answer(history.scans(one.source, found), found, partial(history_table.scans, found, one.source))


@history_app.command()
def show(
    scan: Annotated[str, typer.Argument(metavar="SCAN", help=HISTORY["SCAN"].text)],
    limit: Annotated[int | None, flags.shown("--limit")] = None,
    fields: Annotated[str | None, flags.shown("--fields")] = None,
    format_: flags.Format = None,
    json: flags.Json = False,
    output: flags.Output = None,
    no_color: flags.NoColor = False,
    debug: flags.Debug = False,
    sandbox: flags.Sandbox = False,
    db: flags.Db = None,
    config: flags.Config = None,
) -> ExitCode:
    """Show a scan as it was printed, in any format of `scan`.

    \b
    Examples:
      dmscan history show last
      dmscan history show 5f1c -f json | jq .totals
    """
    typed = dict(locals())
    from dmscan.cli.options import at_least
    from dmscan.cli.question import one_report, question

    at_least("--limit", limit, 1)
    one = question(typed)
    one.form.show(one.ask(lambda past: one_report(past, scan)))
    return ExitCode.OK


@history_app.command()
def title(
    title: Annotated[str, typer.Argument(metavar="TITLE", help=HISTORY["TITLE"].text)],
    game: Annotated[str, asked("--game", "-g", among=("cs2", "dota2", "tf2", "rust"))] = "cs2",
    since: SinceLately = "30d",
    until: Until = None,
    format_: flags.Format = None,
    json: flags.Json = False,
    output: flags.Output = None,
    no_color: flags.NoColor = False,
    debug: flags.Debug = False,
    sandbox: flags.Sandbox = False,
    db: flags.Db = None,
    config: flags.Config = None,
) -> ExitCode:
    """Show the asks, bids, sales and finds of one title over time; a table draws them.

    \b
    Examples:
      dmscan history title "AK-47 | Redline (Field-Tested)"
      dmscan history title "AK-47 | Redline (Field-Tested)" --since 7d -f csv
    """
    typed = dict(locals())
    from dmscan.cli.question import one_game, question, the_course
    from dmscan.render import history, history_table

    one, which = question(typed), one_game(game)
    told = one.ask(lambda past: the_course(past, which, title, one.span))
    return one.answer(history.course(one.source, told), (told,), partial(history_table.course, told, one.source))


@history_app.command()
def stats(
    by: Annotated[str, asked("--by", among=PARTS)] = "exit",
    since: Since = None,
    until: Until = None,
    format_: flags.Format = None,
    json: flags.Json = False,
    output: flags.Output = None,
    no_color: flags.NoColor = False,
    debug: flags.Debug = False,
    sandbox: flags.Sandbox = False,
    db: flags.Db = None,
    config: flags.Config = None,
) -> ExitCode:
    """Add up whole days (UTC): opportunities that began, what they cost and would net, the scans and their calls.

    \b
    Examples:
      dmscan history stats --by week
      dmscan history stats --by level --since 30d
    """
    typed = dict(locals())
    from dmscan.cli.options import choice
    from dmscan.cli.question import question
    from dmscan.render import history, history_table

    part, one = choice("--by", by, PARTS), question(typed)
    told = one.ask(lambda past: past.stats(part, one.span))
    has = told.rows or told.total.scans
    return one.answer(history.stats(one.source, one.span, told), (told,) if has else (), partial(history_table.stats, told, one.source))


@history_app.command()
def lifetimes(
    since: SinceLately = "30d",
    until: Until = None,
    format_: flags.Format = None,
    json: flags.Json = False,
    output: flags.Output = None,
    no_color: flags.NoColor = False,
    debug: flags.Debug = False,
    sandbox: flags.Sandbox = False,
    db: flags.Db = None,
    config: flags.Config = None,
) -> ExitCode:
    """Tell how long opportunities last: when a quarter, half and three quarters are gone, and how many by the next scan.

    \b
    Example:
      dmscan history lifetimes --since 90d
    """
    typed = dict(locals())
    from dmscan.cli.question import question
    from dmscan.render import history, history_table

    one = question(typed)
    told = one.ask(lambda past: past.lifetimes(one.span))
    drawn = partial(history_table.lifetimes, told, one.source)
    return one.answer(history.lifetimes(one.source, one.span, told), told.rows, drawn)

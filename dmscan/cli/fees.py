"""`dmscan fees`: what a title's sale costs, and how a game's reduced fees changed."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmscan.cli import flags
from dmscan.cli.flags import Texts, budget, rule
from dmscan.cli.help import DOCTOR, FEES
from dmscan.cli.scan import GAMES, LEVELS
from dmscan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from dmscan.cli.task import Task
    from dmscan.cli.title import Title
    from dmscan.clock import Clock
    from dmscan.core.pricing import GameChanges, TitleFees
    from dmscan.core.report import Trouble

FORMATS = ("table", "json")
asked = partial(flags.option, words=FEES, env=False, panel="What to show")


def fees(
    title: Annotated[str | None, typer.Argument(metavar="[TITLE]", help=FEES["TITLE"].text)] = None,
    game: Annotated[Texts, asked("--game", "-g", among=GAMES)] = None,
    price: Annotated[Texts, asked("--price")] = None,
    cost: Annotated[str | None, asked("--cost")] = None,
    changed: Annotated[bool, asked("--changed")] = False,
    level: Annotated[Texts, rule("--level", "-l", among=LEVELS)] = None,
    min_price: Annotated[str | None, rule("--min-price")] = None,
    max_price: Annotated[str | None, rule("--max-price")] = None,
    min_roi: Annotated[str | None, rule("--min-roi")] = None,
    min_profit: Annotated[str, rule("--min-profit")] = "0.05",
    rate: Annotated[str | None, budget("--rate")] = None,
    offline: Annotated[bool, asked("--offline", panel="Budget")] = False,
    format_: Annotated[str | None, flags.shown("--format", "-f", among=FORMATS, words=DOCTOR)] = None,
    json: flags.Json = False,
    output: flags.Output = None,
    quiet: flags.Quiet = False,
    no_color: flags.NoColor = False,
    debug: flags.Debug = False,
    sandbox: flags.Sandbox = False,
    db: flags.Db = None,
    config: flags.Config = None,
) -> Coroutine[Any, Any, int]:
    """Show a title's fees: its reduced rows, what a sale leaves, the break-even of a cost and the highest cost that pays.

    \b
    Examples:
      dmscan fees 'AK-47 | Redline (Field-Tested)'
      dmscan fees 'AK-47 | Redline (Field-Tested)' --price 10 --price 25.5 --cost 9.20
      dmscan fees --changed -g all
    """
    typed = dict(locals())
    if changed == (title is not None):
        raise UsageError("dmscan fees needs a title, or --changed without one.")
    if changed:
        return _changed(typed)
    return _of_title(typed)


async def _of_title(typed: Mapping[str, Any]) -> ExitCode:
    from dmscan.cli.options import parse
    from dmscan.cli.title import the_title
    from dmscan.clock import Clock
    from dmscan.core.money import parse_dollars
    from dmscan.core.pricing import worked_out
    from dmscan.render import fees as rendered

    if len(typed["game"] or ()) > 1:
        raise UsageError("A title is of one game: give one --game.")
    prices = [parse("--price", text, parse_dollars) or 0 for text in typed["price"] or ()]
    cost = parse("--cost", typed["cost"], parse_dollars)
    if 0 in (*prices, cost):
        raise UsageError("--price and --cost must be more than 0.")
    wanted = the_title({**typed, "game": (typed["game"] or ["cs2"])[0]})
    told = worked_out(await _told(wanted, Clock()), prices, cost)
    wanted.tell(told.troubles)
    form, source = wanted.task.form, wanted.task.source
    form.write(rendered.as_table(told, source, form.width, form.color) if form.name == "table" else rendered.as_json(told, source))
    return told.exit_code


async def _told(wanted: Title, clock: Clock) -> TitleFees:
    """Raises UsageError if nobody knows the title."""
    from dmscan.cli.title import market_of
    from dmscan.inquiry import Inquiry, recalled_fees

    stored, titles = wanted.stored(clock.seconds())
    request = wanted.task.request
    if wanted.offline:
        told = recalled_fees(request, (wanted.game, wanted.name), stored, clock.seconds())
    else:
        async with market_of(wanted.task, clock) as market:
            told = await Inquiry(request, market, stored, clock).fees(wanted.game, wanted.name)
    if told is None:
        table = stored.fee_table
        raise wanted.unknown([*dict.fromkeys([*titles, *(table.value.rows if table else ())])])
    return told


async def _changed(typed: Mapping[str, Any]) -> ExitCode:
    from dmscan.cli.options import choice
    from dmscan.cli.title import task_of, tell
    from dmscan.clock import Clock
    from dmscan.errors import most_specific
    from dmscan.render import fees as rendered

    if typed["price"] or typed["cost"]:
        raise UsageError("--price and --cost are about a title, so they cannot go with --changed.")
    if typed["format_"]:
        choice("--format", typed["format_"], FORMATS)
    task, clock = task_of(typed), Clock()
    games, troubles = await _changes(task, clock, offline=typed["offline"])
    tell(task, troubles)
    form, at = task.form, clock.seconds()
    table = form.name == "table"
    form.write(
        rendered.changes_table(games, task.source, at, form.width, form.color)
        if table
        else rendered.changes_json(games, task.source, at, troubles)
    )
    return most_specific(trouble.code for trouble in troubles)


async def _changes(task: Task, clock: Clock, *, offline: bool) -> tuple[tuple[GameChanges, ...], tuple[Trouble, ...]]:
    """Each game's fees of now beside the last ones of a day before."""
    from dmscan.cli.title import Shelf, market_of
    from dmscan.core.pricing import changed
    from dmscan.inquiry import Inquiry

    shelf = Shelf(task, offline)
    now = clock.seconds()
    kept = {game: shelf.fees(game, now) for game in task.request.games}
    if offline:
        return tuple(changed(game, before, stored.fee_table) for game, (before, stored) in kept.items()), ()
    found: list[GameChanges] = []
    troubles: list[Trouble] = []
    async with market_of(task, clock) as market:
        for game, (before, stored) in kept.items():
            inquiry = Inquiry(task.request, market, stored, clock)
            found.append(changed(game, before, await inquiry.table(game)))
            troubles += inquiry.troubles
    return tuple(found), tuple(troubles)

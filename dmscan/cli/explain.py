"""`dmscan explain`: one title through every rule."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmscan.cli import flags
from dmscan.cli.flags import Texts, budget, rule, what
from dmscan.cli.help import EXPLAIN
from dmscan.cli.scan import ENTRIES, EXITS, GAMES, LEVELS
from dmscan.errors import ExitCode

if TYPE_CHECKING:
    from dmscan.cli.title import Title
    from dmscan.clock import Clock
    from dmscan.core.explained import Explanation

FORMATS = ("table", "json")
asked = partial(flags.option, words=EXPLAIN)


def explain(
    title: Annotated[str, typer.Argument(metavar="TITLE", help=EXPLAIN["TITLE"].text)],
    game: Annotated[str, asked("--game", "-g", panel="What to explain", env=False, among=GAMES[:-1])] = "cs2",
    entry: Annotated[str, what("--entry", among=ENTRIES)] = "any",
    exit_: Annotated[str, what("--exit", among=EXITS)] = "any",
    level: Annotated[Texts, rule("--level", "-l", among=LEVELS)] = None,
    min_price: Annotated[str | None, rule("--min-price")] = None,
    max_price: Annotated[str | None, rule("--max-price")] = None,
    min_roi: Annotated[str | None, rule("--min-roi")] = None,
    min_profit: Annotated[str, rule("--min-profit")] = "0.05",
    max_lock_days: Annotated[int | None, rule("--max-lock-days")] = None,
    min_sales: Annotated[int, rule("--min-sales")] = 8,
    max_units: Annotated[int, rule("--max-units")] = 5,
    max_days_to_sell: Annotated[str, rule("--max-days-to-sell")] = "7",
    max_days_to_fill: Annotated[str, rule("--max-days-to-fill")] = "7",
    fee: Annotated[str | None, rule("--fee")] = None,
    fee_at: Annotated[str, rule("--fee-at", among=("sale", "now"))] = "sale",
    cashout_fee: Annotated[str, rule("--cashout-fee")] = "0",
    rate: Annotated[str | None, budget("--rate")] = None,
    max_age: Annotated[str, asked("--max-age", panel="Budget")] = "30m",
    offline: Annotated[bool, asked("--offline", panel="Budget", env=False)] = False,
    format_: Annotated[str | None, asked("--format", "-f", panel="Output", env=False, among=FORMATS)] = None,
    json: flags.Json = False,
    output: flags.Output = None,
    quiet: flags.Quiet = False,
    no_color: flags.NoColor = False,
    debug: flags.Debug = False,
    sandbox: flags.Sandbox = False,
    db: flags.Db = None,
    config: flags.Config = None,
) -> Coroutine[Any, Any, int]:
    """Explain one title: every rule with value, limit and margin, and the smallest change of a setting that would let it pass.

    \b
    Examples:
      dmscan explain 'AK-47 | Redline (Field-Tested)'
      dmscan explain 'AK-47 | Redline (Field-Tested)' --exit relist --min-roi 5%
      dmscan explain 'AK-47 | Redline (Field-Tested)' --offline -f json | jq '.pairs[].changes'
    """
    typed = dict(locals())
    from dmscan.cli.title import the_title

    return _explain(the_title(typed))


async def _explain(wanted: Title) -> ExitCode:
    from dmscan.clock import Clock
    from dmscan.render import explain as document
    from dmscan.render import explanation as screen

    told = await _explained(wanted, Clock())
    wanted.tell(told.troubles)
    form, source = wanted.task.form, wanted.task.source
    form.write(screen.as_table(told, source, form.width, form.color) if form.name == "table" else document.as_json(told, source))
    return told.exit_code


async def _explained(wanted: Title, clock: Clock) -> Explanation:
    """Raises UsageError if nobody knows the title."""
    from dmscan.cli.title import market_of
    from dmscan.inquiry import Inquiry, recalled

    stored, titles = wanted.stored(clock.seconds())
    request = wanted.task.request
    if wanted.offline:
        told = recalled(request, (wanted.game, wanted.name), stored, clock.seconds())
    else:
        async with market_of(wanted.task, clock) as market:
            told = await Inquiry(request, market, stored, clock).explain(wanted.game, wanted.name)
    if told is None:
        raise wanted.unknown(titles)
    return told

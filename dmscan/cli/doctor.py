"""`dmscan doctor`: is everything as it should be?"""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmscan.cli import flags
from dmscan.cli.help import DOCTOR
from dmscan.cli.options import choice
from dmscan.cli.output import check_stdout, colors, write_stdout

if TYPE_CHECKING:
    from dmscan.cli.condition import Condition
    from dmscan.core.checkup import Check
    from dmscan.settings import Telegram

FORMATS = ("table", "json")
WIDTH_OFF_A_TERMINAL = 160
asked = partial(flags.shown, words=DOCTOR)


def doctor(
    context: typer.Context,
    offline: Annotated[bool, flags.stored("--offline", words=DOCTOR)] = False,
    format_: Annotated[str, asked("--format", "-f", among=FORMATS)] = "table",
    json: flags.Json = False,
    verbose: Annotated[bool, asked("--verbose", "-v")] = False,
    no_color: flags.NoColor = False,
    debug: flags.Debug = False,
    sandbox: flags.Sandbox = False,
    db: flags.Db = None,
    config: Annotated[Path | None, flags.stored("--config", env=True)] = None,
) -> Coroutine[Any, Any, int]:
    """Check settings, keys, clock, database and every endpoint of the market, and say what to do about what is not well.

    A market that does not answer is waited for half a minute at most, ten seconds a question.

    \b
    Examples:
      dmscan doctor
      dmscan doctor --offline     send nothing
      dmscan doctor -f json | jq '.checks[] | select(.status != "ok")'
    """
    typed = dict(locals())
    check_stdout()
    form = "json" if json else choice("--format", format_, FORMATS)
    return _doctor({**typed, "format_": form, "options": _variables(context.find_root().command)})


def _variables(command: Any) -> frozenset[str]:
    """The environment variables that stand for an option of any command."""
    inner = [_variables(one) for one in getattr(command, "commands", {}).values()]
    return frozenset(one.envvar for one in command.params if one.envvar).union(*inner)


async def _doctor(typed: Mapping[str, Any]) -> int:
    from dmscan.cli.condition import condition
    from dmscan.clock import Clock
    from dmscan.errors import most_specific
    from dmscan.render import doctor as rendered

    seen = condition(typed["config"], typed["db"], sandbox=typed["sandbox"])
    shows = typed["format_"] == "table"
    screen = (shutil.get_terminal_size((WIDTH_OFF_A_TERMINAL, 24)).columns, colors(typed["no_color"]))
    checks: list[Check] = []
    # Whoever stops reading must not leave the market's process or connections to the end of the loop.
    async with aclosing(_checks(seen, typed)) as coming:
        async for check in coming:
            checks.append(check)
            if shows:
                write_stdout(rendered.as_line(check, *screen))
    if shows:
        write_stdout(rendered.as_closing(checks, *screen))
    else:
        write_stdout(rendered.as_json(rendered.Report(seen.source, Clock().seconds(), typed["offline"], checks)))
    return most_specific(check.code for check in checks)


async def _checks(seen: Condition, typed: Mapping[str, Any]) -> AsyncGenerator[Check, None]:
    """What is on this machine first, because nobody has to be waited for."""
    from dmscan.cli.condition import database_checks, machine_checks, settings_checks
    from dmscan.core.checkup import well

    local = (settings_checks(seen, typed["options"]), machine_checks(verbose=typed["verbose"]), database_checks(seen.settings.database))
    for check in chain.from_iterable(local):
        yield check
    if typed["offline"]:
        yield well("market", "not asked (--offline)")
    else:
        async with aclosing(_market_checks(seen)) as answers:
            async for check in answers:
                yield check
    yield await _telegram_check(seen, offline=typed["offline"])


async def _market_checks(seen: Condition) -> AsyncGenerator[Check, None]:
    from contextlib import AsyncExitStack

    from dmscan.cli.beside import sandbox_beside
    from dmscan.cli.condition import at
    from dmscan.clock import Clock
    from dmscan.core.checkup import failed, odd
    from dmscan.doctor import examine
    from dmscan.errors import MarketError
    from dmscan.wiring import open_probe

    if seen.source is None:
        yield odd("market", "not asked, because its base URL is refused")
        return
    async with AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(sandbox_beside()) if seen.sandbox else seen.settings.api_url
            market = await stack.enter_async_context(open_probe(at(seen.settings, url), Clock()))
        except MarketError as error:
            yield failed("market", error)
            return
        async with aclosing(examine(market)) as examined:
            async for check in examined:
                yield check


async def _telegram_check(seen: Condition, *, offline: bool) -> Check:
    from dmscan.core.checkup import failed, well

    if "Telegram" in seen.refused:
        return failed("Telegram", seen.refused["Telegram"])
    bot = seen.settings.telegram
    if bot is None:
        return well("Telegram", "not asked in the sandbox" if seen.sandbox else "no token is set, so nobody is told of finds")
    if offline:
        return well("Telegram", "a token is set; not asked (--offline)")
    return await _bot_check(bot)


async def _bot_check(bot: Telegram) -> Check:
    """Who the bot is; nothing is sent to anybody."""
    from dmscan.clock import Clock
    from dmscan.core.checkup import failed, odd, well
    from dmscan.errors import NotifyError
    from dmscan.wiring import open_telegram

    try:
        async with open_telegram(bot, Clock()) as sender:
            name = await sender.me()
    except NotifyError as error:
        return failed("Telegram", error)
    if not bot.chats:
        return odd("Telegram", f"{name} has nobody to tell: set DMSCAN_TELEGRAM_CHAT (dmscan notify chats finds the number)")
    return well("Telegram", f"{name} tells {len(bot.chats)} chat{'s' * (len(bot.chats) != 1)}")

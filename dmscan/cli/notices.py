"""What `--notify` asks for: what scans make due for which chats, and the sending of it once the output is out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from dmscan.cli.options import parse, parse_quiet_hours, within
from dmscan.clock import Clock
from dmscan.core.alerts import MOST_SHOWN, QuietHours, Wish
from dmscan.core.money import parse_share
from dmscan.errors import DmscanError, ExitCode, SettingsError, UsageError
from dmscan.history.alerts import Telling
from dmscan.history.store import History
from dmscan.settings import Telegram

PATIENCE_S = 30.0
"""So long a scan goes on sending; what is left is sent by the next one."""


@dataclass(frozen=True, slots=True)
class Notices:
    """Whom to tell, what they wish to hear, how many finds a message shows, and when it is to be quiet."""

    bot: Telegram
    wish: Wish
    top: int
    quiet: QuietHours | None

    @property
    def telling(self) -> Telling:
        from dmscan.render.message import body

        return Telling(self.bot.chats, self.wish, body)

    async def send(self, history: History, clock: Clock, stop: asyncio.Event, tell: Callable[[str], None]) -> ExitCode:
        """Sends what is due and tells what the user should know. `NOT_NOTIFIED` if something was not delivered that should have been."""
        from dmscan.notify.outbox import Courier, drain
        from dmscan.notify.pace import quiet_now
        from dmscan.render.message import compose
        from dmscan.wiring import open_telegram

        is_quiet = partial(quiet_now, self.quiet, clock) if self.quiet else bool
        try:
            async with open_telegram(self.bot, clock) as sender:
                courier = Courier(history.outbox, sender, partial(compose, top=self.top), clock, is_quiet)
                outcomes = await drain(courier, self.bot.chats, PATIENCE_S, stop)
        except DmscanError as error:
            tell(str(error))
            return ExitCode.NOT_NOTIFIED
        for outcome in outcomes:
            for note in outcome.notes:
                tell(note)
        return ExitCode.NOT_NOTIFIED if any(outcome.is_failed for outcome in outcomes) else ExitCode.OK


def notices(typed: Mapping[str, Any], bot: Telegram | None) -> Notices | None:
    """`None` without `--notify`. Raises UsageError or SettingsError, each naming what to change."""
    wish = Wish(parse("--realert", typed["realert"], parse_share) or Wish().realert, typed["notify_gone"])
    within("--notify-top", typed["notify_top"], 1, MOST_SHOWN)
    quiet = parse("--quiet-hours", typed["quiet_hours"], parse_quiet_hours)
    if not typed["notify"]:
        return None
    if typed["no_store"]:
        raise UsageError("--notify remembers in the history what it told, so it cannot go with --no-store.")
    if bot is None:
        from dmscan.cli.notify import NO_BOT

        raise SettingsError(NO_BOT)
    if not bot.chats:
        from dmscan.cli.notify import NO_CHAT

        raise SettingsError(NO_CHAT)
    if typed["sandbox"] and not bot.is_local:
        raise UsageError("--sandbox tells no real chat of finds that are none: leave --notify out, or set DMSCAN_TELEGRAM_URL to loopback.")
    return Notices(bot, wish, typed["notify_top"], quiet)

"""`dmscan notify`: can Telegram be reached, and where may the bot write?"""

from __future__ import annotations

import json
import os
from collections.abc import Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmscan import __version__
from dmscan.cli import flags
from dmscan.cli.help import NOTIFY
from dmscan.cli.options import choice
from dmscan.cli.output import say, write_stdout
from dmscan.errors import ExitCode, NotifyError, SettingsError, UsageError

if TYPE_CHECKING:
    from dmscan import settings
    from dmscan.config_file import ConfigFile
    from dmscan.core.message import Message
    from dmscan.notify.chats import Chat
    from dmscan.notify.telegram import Telegram

FORMATS = ("table", "json")
NO_BOT = (
    "No Telegram bot is set: write /newbot to @BotFather in Telegram, and put the token it gives you into DMSCAN_TELEGRAM_TOKEN, "
    "or into a file that only you can read and its path into DMSCAN_TELEGRAM_TOKEN_FILE."
)
NO_CHAT = (
    "No chat is set: dmscan notify chats lists those that the bot knows; put their ids into DMSCAN_TELEGRAM_CHAT, with commas between."
)

notify_app = typer.Typer(
    help="Telegram: send a test message, find the id of a chat.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@notify_app.command("test")
def send_test(debug: flags.Debug = False, config: flags.Config = None) -> Coroutine[Any, Any, int]:
    """Send a test message to every chat that is set, and say what became of it.

    \b
    Examples:
      dmscan notify test
      DMSCAN_TELEGRAM_CHAT=-1001234567890,@deals dmscan notify test
    """
    return _test(config)


@notify_app.command("chats")
def list_chats(
    format_: Annotated[str | None, flags.shown("--format", "-f", among=FORMATS, words=NOTIFY)] = None,
    json: flags.Json = False,
    debug: flags.Debug = False,
    config: flags.Config = None,
) -> Coroutine[Any, Any, int]:
    """List the chats in which the bot was written to or to which it was added in the last 24 hours, with their ids.

    \b
    Examples:
      dmscan notify chats
      dmscan notify chats -f json | jq -r '.chats[-1].setting'
    """
    if json and format_ not in {None, "json"}:
        raise UsageError(f"--json and -f {format_} contradict each other: give one of them.")
    form = choice("--format", format_, FORMATS) if format_ else "json" if json or not os.isatty(1) else "table"
    return _chats(form, config)


async def _test(config: ConfigFile | None) -> int:
    import asyncio

    bot = _bot(config)
    if not bot.chats:
        raise SettingsError(NO_CHAT)
    async with _open(bot) as telegram:
        told = await asyncio.gather(*(_tell(telegram, chat, _greeting()) for chat in bot.chats))
    write_stdout("".join(line for _, line in told))
    return ExitCode.OK if all(arrived for arrived, _ in told) else ExitCode.NOT_NOTIFIED


async def _tell(telegram: Telegram, chat: str, message: Message) -> tuple[bool, str]:
    """Whether the message arrived, and the line about it."""
    from dmscan.render.text import visible

    try:
        sent = await telegram.send(chat, message)
    except NotifyError as error:
        return False, f"fail  {visible(chat)}  {error}\n"
    became = "" if sent.chat == chat else f", but the chat is {sent.chat} now: put that into DMSCAN_TELEGRAM_CHAT"
    return True, f"ok    {visible(chat)}  sent{became}\n"


def _greeting() -> Message:
    from dmscan.core.message import Entity, Message

    heading = "dmscan can reach you"
    return Message(f"{heading}\nThis is a test message of dmscan {__version__}.", (Entity("bold", 0, len(heading)),))


async def _chats(form: str, config: ConfigFile | None) -> int:
    import asyncio

    async with _open(_bot(config)) as telegram:
        name, found = await asyncio.gather(telegram.me(), telegram.chats())
    write_stdout(_as_json(name, found) if form == "json" else "".join(_rows(found)))
    if not found:
        say(
            f"dmscan: {name} has heard nothing lately: write to it in Telegram, or add it to the group, then run dmscan notify chats again."
        )
    return ExitCode.OK


def _rows(found: Sequence[Chat]) -> Iterator[str]:
    from dmscan.render.text import title

    width = max((len(chat.setting) for chat in found), default=0)
    for chat in found:
        yield f"{chat.setting:>{width}}  {title(chat.kind):<10}  {title(chat.name)}\n"


def _as_json(name: str, found: Sequence[Chat]) -> str:
    from dmscan.render.text import visible

    rows = [
        {"setting": chat.setting, "id": chat.id, "thread_id": chat.thread, "kind": visible(chat.kind), "name": visible(chat.name)}
        for chat in found
    ]
    return json.dumps({"schema": "dmscan.chats/1", "bot": name, "chats": rows}, indent=2) + "\n"


def _bot(config: ConfigFile | None) -> settings.Telegram:
    """Raises SettingsError."""
    from dmscan.cli.configured import settings_of

    bot = settings_of(config).telegram
    if bot is None:
        raise SettingsError(NO_BOT)
    return bot


def _open(bot: settings.Telegram) -> Telegram:
    from dmscan.clock import Clock
    from dmscan.wiring import open_telegram

    return open_telegram(bot, Clock())

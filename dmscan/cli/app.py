"""The program: its commands, the one event loop, and the one place where an error becomes an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine, Sequence
from itertools import pairwise
from typing import Annotated

import typer

from dmscan import __version__
from dmscan.cli.commands import Program
from dmscan.cli.garbage import look_as_usual
from dmscan.cli.output import say, speak
from dmscan.errors import DmscanError, ExitCode

app = typer.Typer(
    name="dmscan",
    cls=Program,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dmscan {__version__}")
        raise typer.Exit


@app.callback()
def dmscan(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """Finds DMarket items that can be bought now and sold again at a profit after the real fee. It only reads."""


def run() -> None:
    """The program from here on: the process ends with the exit code."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: list[str]) -> int:
    """Runs one command. What a user can act on is one sentence on stderr; a bug is named as one, its trace shown with --debug."""
    if _asks_for_json(arguments):
        speak("json")
    try:
        return _waited_for(app(arguments, standalone_mode=False, prog_name="dmscan"))
    except DmscanError as error:
        if error.exit_code is not ExitCode.READER_GONE:
            say(f"dmscan: {error}", "error", exit_code=error.exit_code)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        if hasattr(error, "format_message"):
            _tell_usage(error.format_message())
            return ExitCode.USAGE
        if "--debug" in arguments or os.environ.get("DMSCAN_DEBUG"):
            speak()
            raise
        say(f"dmscan: this is a bug ({type(error).__name__}); run again with --debug for the trace, and report it.", "bug")
        return ExitCode.BUG


def _waited_for(outcome: Coroutine[object, object, int] | int | None) -> int:
    """A command hands over either its exit code or the work that ends in one."""
    if not isinstance(outcome, Coroutine):
        return outcome or ExitCode.OK
    import asyncio  # 90 ms that `--help` and `--version` need not pay

    speak()
    look_as_usual()
    return asyncio.run(outcome)


def _tell_usage(message: str) -> None:
    """What the command line's parser says; it says nothing when it has shown the help instead."""
    if message:
        say(f"dmscan: {message.rstrip('.')}. Try 'dmscan --help'.", "error", exit_code=ExitCode.USAGE)


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Known before the command is, so that what is wrong with the command line is told as JSON too."""
    given = [os.environ.get("DMSCAN_LOG_FORMAT")]
    for one, following in pairwise((*arguments, "")):
        name, equals, value = one.partition("=")
        if name == "--log-format":
            given.append(value if equals else following)
    return given[-1] == "json"

"""The program: its commands, the one event loop, and the one place where an error becomes an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import typer

from dmscan import __version__
from dmscan.cli.output import say
from dmscan.errors import DmscanError, ExitCode

T = TypeVar("T")

app = typer.Typer(
    name="dmscan",
    help="Finds DMarket items that can be bought now and sold again at a profit after the real fee. It only reads.",
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
    """The console script."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: list[str]) -> int:
    """Runs one command. What a user can act on is one sentence on stderr; a bug is named as one, its trace shown with --debug."""
    from dmscan.cli import doctor, sandbox, scan, schema  # noqa: F401 - each registers its command on `app`

    debug = "--debug" in arguments or bool(os.environ.get("DMSCAN_DEBUG"))
    try:
        return app(arguments, standalone_mode=False, prog_name="dmscan") or ExitCode.OK
    except DmscanError as error:
        if error.exit_code is not ExitCode.READER_GONE:
            say(f"dmscan: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        if hasattr(error, "format_message"):
            _tell_usage(error.format_message())
            return ExitCode.USAGE
        if debug:
            raise
        say(f"dmscan: this is a bug ({type(error).__name__}); run again with --debug for the trace, and report it.")
        return ExitCode.BUG


def _tell_usage(message: str) -> None:
    """What the command line's parser says; it says nothing when it has shown the help instead."""
    if message:
        say(f"dmscan: {message.rstrip('.')}. Try 'dmscan --help'.")


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` to its end on the one event loop; whatever was abandoned dies with the loop."""
    import asyncio  # 90 ms that `--help` and `--version` need not pay

    return asyncio.run(work)

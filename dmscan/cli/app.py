"""The program: its commands, the one event loop, and the one place where an error becomes an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine
from typing import Annotated

import typer

from dmscan import __version__
from dmscan.cli.doctor import doctor
from dmscan.cli.explain import explain
from dmscan.cli.fees import fees
from dmscan.cli.history import history_app
from dmscan.cli.keep import backup, export, prune
from dmscan.cli.output import say
from dmscan.cli.sandbox import serve
from dmscan.cli.scan import scan
from dmscan.cli.schema import schema
from dmscan.errors import DmscanError, ExitCode

app = typer.Typer(
    name="dmscan",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
sandbox = typer.Typer(help="A local market that answers like the documented service.", no_args_is_help=True)
for command in (scan, explain, fees, doctor, schema):
    app.command()(command)
sandbox.command()(serve)
for kept in (prune, backup, export):
    history_app.command()(kept)
app.add_typer(history_app, name="history")
app.add_typer(sandbox, name="sandbox")


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
    try:
        return _waited_for(app(arguments, standalone_mode=False, prog_name="dmscan"))
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
        if "--debug" in arguments or os.environ.get("DMSCAN_DEBUG"):
            raise
        say(f"dmscan: this is a bug ({type(error).__name__}); run again with --debug for the trace, and report it.")
        return ExitCode.BUG


def _waited_for(outcome: Coroutine[object, object, int] | int | None) -> int:
    """A command hands over either its exit code or the work that ends in one."""
    if not isinstance(outcome, Coroutine):
        return outcome or ExitCode.OK
    import asyncio  # 90 ms that `--help` and `--version` need not pay

    return asyncio.run(outcome)


def _tell_usage(message: str) -> None:
    """What the command line's parser says; it says nothing when it has shown the help instead."""
    if message:
        say(f"dmscan: {message.rstrip('.')}. Try 'dmscan --help'.")

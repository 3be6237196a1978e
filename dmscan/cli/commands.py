"""The commands by name, each loaded when it is asked for: `--version`, `--help` and a scan pay for no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command


class Named(NamedTuple):
    """A command as the list of commands shows it; `load` gives its function, or its own Typer application if it has commands itself."""

    load: Callable[[], Any]
    says: str


def _in(module: str, name: str) -> Callable[[], Any]:
    return lambda: getattr(import_module(f"dmscan.cli.{module}"), name)


@cache
def _history() -> typer.Typer:
    from dmscan.cli.history import history_app
    from dmscan.cli.keep import backup, export, prune

    for kept in (prune, backup, export):
        history_app.command()(kept)
    return history_app


@cache
def _sandbox() -> typer.Typer:
    from dmscan.cli.sandbox import serve

    sandbox = typer.Typer(help=COMMANDS["sandbox"].says, no_args_is_help=True)
    sandbox.command()(serve)
    return sandbox


def _nothing() -> None:
    pass


COMMANDS: Mapping[str, Named] = {
    "scan": Named(
        _in("scan", "scan"), "Scan the market once and print what can be bought now and sold again at a profit after the real fee."
    ),
    "watch": Named(_in("watch", "watch"), "Scan the market again and again, and tell what is new, what got better and what is gone."),
    "explain": Named(
        _in("explain", "explain"),
        "Explain one title: every rule with value, limit and margin, and the smallest change of a setting that would let it pass.",
    ),
    "fees": Named(
        _in("fees", "fees"),
        "Show a title's fees: its reduced rows, what a sale leaves, the break-even of a cost and the highest cost that pays.",
    ),
    "doctor": Named(
        _in("doctor", "doctor"),
        "Check settings, keys, clock, database and every endpoint of the market, and say what to do about what is not well.",
    ),
    "schema": Named(_in("schema", "schema"), "Print the JSON Schema of the JSON and NDJSON output."),
    "history": Named(_history, "What earlier scans found. Without a command it lists them."),
    "config": Named(_in("config", "config_app"), "The settings file: where it lies, a new one, and what holds."),
    "notify": Named(_in("notify", "notify_app"), "Telegram: send a test message, find the id of a chat."),
    "sandbox": Named(_sandbox, "A local market that answers like the documented service."),
}
"""In the order in which `--help` lists them. What one says is the first paragraph of its own help: a test compares them."""


class OnDemand(Mapping[str, Any]):
    """The parser's commands by name, each built when it is taken out."""

    def __init__(self, build: Callable[[str], Any]) -> None:
        self._build = cache(build)

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        return self._build(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Program(TyperGroup):
    """`dmscan` itself."""

    def __init__(self, **about: Any) -> None:
        super().__init__(**about)
        self.commands: Any = OnDemand(_built)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The list of commands takes no more of each than what it says."""
        self.commands = OnDemand(_outlined)
        super().format_help(ctx, formatter)
        self.commands = OnDemand(_built)


def _built(name: str) -> Any:
    found = COMMANDS[name].load()
    if isinstance(found, typer.Typer):
        return _made(name, lambda program: program.add_typer(found, name=name))
    return _made(name, lambda program: program.command(name)(found))


def _outlined(name: str) -> Any:
    return _made(name, partial(_outline, name))


def _outline(name: str, program: typer.Typer) -> None:
    program.command(name, help=COMMANDS[name].says)(_nothing)


def _made(name: str, register: Callable[[typer.Typer], object]) -> Any:
    """What Typer makes of one command that is registered with an application of its own."""
    program = typer.Typer(rich_markup_mode="rich", pretty_exceptions_enable=False, add_completion=False)
    program.callback()(_nothing)
    register(program)
    group: Any = get_command(program)
    return group.commands[name]

"""`dmscan sandbox serve`: the built-in market, for `scan --sandbox` and for other tools."""

from __future__ import annotations

import signal
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmscan.cli.flags import Texts, option
from dmscan.cli.help import SERVE
from dmscan.cli.options import at_least, choice
from dmscan.cli.output import write_stdout
from dmscan.errors import ExitCode, SettingsError, UsageError

if TYPE_CHECKING:
    from dmscan.sandbox.server import Sandbox

EDITIONS = ("2026-10", "2026-07")
served = partial(option, panel="Market", env=False, words=SERVE)


def serve(
    port: Annotated[int, served("--port")] = 0,
    seed: Annotated[int | None, served("--seed")] = None,
    titles: Annotated[int | None, served("--titles")] = None,
    rate: Annotated[int | None, served("--rate")] = None,
    crossed: Annotated[str | None, served("--crossed")] = None,
    edition: Annotated[str, served("--edition", among=EDITIONS)] = EDITIONS[0],
    born: Annotated[int | None, served("--born")] = None,
    still: Annotated[bool, served("--still")] = False,
    fault: Annotated[Texts, served("--fault")] = None,
    attached: Annotated[bool, typer.Option("--attached", hidden=True)] = False,
) -> Coroutine[Any, Any, int]:
    """Serve the built-in market on loopback until Ctrl-C; one line with its URL is printed when it is ready.

    \b
    Any key pair is accepted whose signature verifies. Examples:
      dmscan sandbox serve --port 8500 --seed 3 --titles 1000
      DMSCAN_API_URL=http://127.0.0.1:8500 dmscan scan
      dmscan sandbox serve --fault v2/offers=410 --fault last-sales=500:2
    """
    typed = dict(locals())
    at_least("--titles", titles, 1)
    at_least("--rate", rate, 1)
    choice("--edition", edition, EDITIONS)
    return _serve(_market(typed), port, attached)


def _market(typed: Mapping[str, Any]) -> Sandbox:
    """The demo market with what was typed instead."""
    from dmscan.clock import Clock
    from dmscan.sandbox.lives import LivingWorld
    from dmscan.sandbox.parameters import DEMO
    from dmscan.sandbox.server import Sandbox
    from dmscan.sandbox.world import World

    chosen = {name: typed[name] for name in ("seed", "titles", "rate", "crossed") if typed[name] is not None}
    demo, clock = replace(DEMO, **chosen), Clock()
    faults = dict(text.rpartition("=")[::2] for text in typed["fault"] or ())
    try:
        kind = World if typed["still"] else LivingWorld
        world = kind(demo.seed, typed["born"] or clock.seconds(), demo.titles, crossed=demo.crossed)
        return Sandbox(world, clock, typed["edition"], rate=demo.rate, faults=faults)
    except ValueError as error:
        raise UsageError(f"The market cannot be made so: {error}.") from error


async def _serve(market: Sandbox, port: int, attached: bool) -> int:
    import asyncio

    from dmscan.sandbox.server import run

    def ready(url: str) -> None:
        write_stdout(f"[sandbox] ready at {url}\n")
        if attached:
            asyncio.get_running_loop().add_reader(0, _leave_with_parent)

    try:
        await run(market, port, ready)
    except OSError as error:
        raise SettingsError(f"Port {port} cannot be used: {error.strerror}.") from error
    return ExitCode.OK


def _leave_with_parent() -> None:
    """Nothing is ever written to stdin: that it is readable means that the other end has gone."""
    signal.raise_signal(signal.SIGTERM)

"""`dmscan sandbox serve`: the built-in market, for `scan --sandbox` and for other tools."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from dmscan.cli.app import app, wait_for
from dmscan.cli.flags import option
from dmscan.cli.options import at_least, choice
from dmscan.cli.output import write_stdout
from dmscan.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from dmscan.sandbox.server import Sandbox

EDITIONS = ("2026-10", "2026-07")
MARKET = "Market"

sandbox = typer.Typer(help="A local market that answers like the documented service.", no_args_is_help=True)
app.add_typer(sandbox, name="sandbox")


@sandbox.command()
def serve(
    port: Annotated[int, option("--port", panel=MARKET, env=False, metavar="PORT", help="Port on loopback; 0 takes a free one.")] = 0,
    seed: Annotated[int | None, option("--seed", panel=MARKET, env=False, metavar="N", help="The same seed is the same market.")] = None,
    titles: Annotated[int | None, option("--titles", panel=MARKET, env=False, metavar="N", help="Titles of each game.")] = None,
    rate: Annotated[int | None, option("--rate", panel=MARKET, env=False, metavar="N", help="Requests a second and group.")] = None,
    crossed: Annotated[str | None, option("--crossed", panel=MARKET, env=False, metavar="SHARE", help="scarce, usual, rich or a share.")] = None,
    edition: Annotated[str, option("--edition", panel=MARKET, env=False, metavar="E", among=EDITIONS, help=" or ".join(EDITIONS))] = EDITIONS[0],
    fault: Annotated[list[str], option("--fault", panel=MARKET, env=False, metavar="X=KIND", help="An endpoint goes wrong: last-sales=500:2.")] = [],
    attached: Annotated[bool, typer.Option("--attached", hidden=True)] = False,
) -> None:
    """Serve the built-in market on loopback until Ctrl-C; one line with its URL is printed when it is ready.

    \b
    Any key pair is accepted whose signature verifies. Examples:
      dmscan sandbox serve --port 8500 --seed 3 --titles 1000
      DMSCAN_API_URL=http://127.0.0.1:8500 dmscan scan
      dmscan sandbox serve --fault v2/offers=410 --fault last-sales=500:2
    """
    at_least("--titles", titles, 1)
    at_least("--rate", rate, 1)
    market = _market(seed, titles, rate, crossed, choice("--edition", edition, EDITIONS), fault)
    wait_for(_serve(market, port, attached))


def _market(  # noqa: PLR0913, PLR0917 - what a market follows from
    seed: int | None, titles: int | None, rate: int | None, crossed: str | None, edition: str, faults: Sequence[str]
) -> Sandbox:
    from dmscan.clock import Clock  # noqa: PLC0415 - only this command needs the market
    from dmscan.sandbox.parameters import DEMO  # noqa: PLC0415
    from dmscan.sandbox.server import Sandbox  # noqa: PLC0415
    from dmscan.sandbox.world import World  # noqa: PLC0415

    clock = Clock()
    try:
        world = World(
            DEMO.seed if seed is None else seed, clock.seconds(), titles or DEMO.titles, crossed=crossed or DEMO.crossed
        )
        wrong = dict(text.rpartition("=")[::2] for text in faults)
        return Sandbox(world, clock, edition, rate=rate or DEMO.rate, faults=wrong)
    except ValueError as error:
        raise UsageError(f"The market cannot be made so: {error}.") from error


async def _serve(market: Sandbox, port: int, attached: bool) -> None:
    import asyncio  # noqa: PLC0415 - see _market

    from dmscan.sandbox.server import run  # noqa: PLC0415

    def ready(url: str) -> None:
        write_stdout(f"[sandbox] ready at {url}\n")
        if attached:
            asyncio.get_running_loop().add_reader(0, _leave_with_parent)

    try:
        await run(market, port, ready)
    except OSError as error:
        raise SettingsError(f"Port {port} cannot be used: {error.strerror}.") from error


def _leave_with_parent() -> None:
    """Nothing is ever written to stdin: that it is readable means that the other end has gone."""
    signal.raise_signal(signal.SIGTERM)

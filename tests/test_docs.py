"""The README says what the program does: generated parts are current, and nothing is left out.

`UPDATE_README=1 pytest tests/test_docs.py` rewrites the generated parts.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from typer.main import get_command

from dmscan.cli import help as words
from dmscan.cli.app import app
from dmscan.cli.scan import EXITS, GAMES, LEVELS, SORTS
from dmscan.core.games import parse_game
from dmscan.core.models import Entry, Exit, Game
from dmscan.core.plan import plan
from dmscan.core.pricing import worked_out
from dmscan.core.prospects import Circumstances, Remembered
from dmscan.core.rank import SORTS as KNOWN_SORTS
from dmscan.core.rules import LEVELS as BANDS
from dmscan.errors import ExitCode
from dmscan.inquiry import Inquiry, Stored
from dmscan.market.sharing import Lanes
from dmscan.market.speed import STARTING, expected_speed
from dmscan.render import explanation as rendered_explanation
from dmscan.render import fees as rendered_fees
from dmscan.render.forecast import as_table
from dmscan.render.history_contract import ROWS, Scans
from dmscan.sandbox.server import Sandbox
from dmscan.sandbox.world import World
from dmscan.settings import API_URL

from inprocess import market_on, still
from make import NOW, make_request

README = Path(__file__).parent.parent / "README.md"
EXPLAINED = "Sawed-Off | Shadow Nest (Minimal Wear)"
CHARGED = "Galil AR | Phantom Frost (Field-Tested)"
MEANINGS = {
    ExitCode.OK: "no error, with or without finds (also when the budget ended it: see `complete`)",
    ExitCode.BUG: "a bug (one line; `--debug` shows the trace)",
    ExitCode.USAGE: "an option was mistyped",
    ExitCode.PARTIAL: "partial: valid output, but something failed, or more than 1 % of the rows could not be read",
    ExitCode.NOTHING_FOUND: "nothing found, only with `--fail-empty`",
    ExitCode.NO_DATA: "no usable data from any game",
    ExitCode.LOCKED: "another scan holds the lock",
    ExitCode.KEY_REFUSED: "the key was refused",
    ExitCode.CLOCK_SKEWED: "the clock is more than two minutes off",
    ExitCode.RATE_LIMITED: "rate-limited, and nothing usable came out",
    ExitCode.API_CHANGED: "the API changed: a retired endpoint, another shape or unit",
    ExitCode.NOT_STORED: "history could not be stored; the results were still printed",
    ExitCode.DATABASE_NEWER: "the database is newer than the program",
    ExitCode.SETTINGS_REFUSED: "a setting or secret was refused",
    ExitCode.NOT_NOTIFIED: "results fine, notification failed",
    ExitCode.OUTPUT_FAILED: "stdout or the output file cannot be written",
    ExitCode.HUNG_UP: "hang-up",
    ExitCode.INTERRUPTED: "Ctrl-C",
    ExitCode.READER_GONE: "the reader of stdout went away",
    ExitCode.TERMINATED: "terminated",
}


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its words."""
    inner = getattr(command, "commands", None)
    if not inner:
        yield path, command
        return
    for name, one in inner.items():
        yield from commands(one, f"{path} {name}")


COMMANDS = dict(commands(get_command(app), "dmscan"))


def options(command: Any) -> Iterator[Any]:
    return (one for one in command.params if not getattr(one, "hidden", False) and one.name != "help")


def command_tables() -> str:
    return "\n\n".join("\n".join(table(path, command)) for path, command in COMMANDS.items())


def table(path: str, command: Any) -> Iterator[str]:
    yield f"### `{path}`"
    yield ""
    yield (command.help or "").split("\n\n")[0].strip().replace("\n", " ")
    yield ""
    rows = [row(one) for one in options(command)]
    if rows:
        yield "| option | meaning | default | environment |"
        yield "| --- | --- | --- | --- |"
        yield from rows


def row(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    default = option.show_default if isinstance(option.show_default, str) else option.default
    shown = "" if default in (None, False, True) else f"{default}"
    return f"| {names} {option.metavar or ''} | {option.help} | {shown} | {f'`{option.envvar}`' if option.envvar else ''} |".replace(
        "  ", " "
    )


def code_table() -> str:
    return "\n".join(["| code | meaning |", "| --- | --- |", *(f"| {code.value} | {MEANINGS[code]} |" for code in ExitCode)])


def first_plan() -> str:
    """A plan with a key and without a history."""
    speed = expected_speed(Lanes(), 0, signed=True)
    planned = plan(
        make_request(recheck_s=30), [Remembered(Game.CS2)], Circumstances(NOW, signed=True, recalls=True, speed=speed, slow=STARTING)
    )
    return f"```console\n$ dmscan scan --plan\n{as_table(planned, API_URL, 120)}```"


async def about_a_title() -> tuple[str, str]:
    """A title of the sandbox explained, and the fees of another."""
    clock, asked = still(NOW), make_request(entries=(Entry.OFFER,), deadline_s=0)
    market = market_on(Sandbox(World(7, NOW, 150, crossed="rich"), clock, rate=10**6), clock)
    explained = await Inquiry(asked, market, Stored(), clock).explain(Game.CS2, EXPLAINED)
    charged = await Inquiry(asked, market, Stored(), clock).fees(Game.CS2, CHARGED)
    await market.close()
    assert explained
    assert charged
    worked = worked_out(charged, (6000, 11894), 10004)
    return rendered_explanation.as_table(explained, "sandbox", 150, color=False), rendered_fees.as_table(
        worked, "sandbox", 150, color=False
    )


def explanation() -> str:
    return f"```console\n$ dmscan explain --sandbox '{EXPLAINED}' --entry offer\n{asyncio.run(about_a_title())[0]}```"


def title_fees() -> str:
    command = f"dmscan fees --sandbox '{CHARGED}' --price 60 --price 118.94 --cost 100.04"
    return f"```console\n$ {command}\n{asyncio.run(about_a_title())[1]}```"


def answer_tables() -> str:
    """The keys of each document of the history, and of its rows."""
    return "\n\n".join("\n".join(answer_table(document, rows)) for document, rows in ROWS.items())


def answer_table(document: type[Struct], rows: tuple[type[Struct], ...]) -> Iterator[str]:
    yield f"`history {'list' if document is Scans else document.__struct_config__.tag}`"
    yield ""
    yield "| part | keys | |"
    yield "| --- | --- | --- |"
    for part in (document, *rows):
        config = part.__struct_config__
        keys = " ".join(f"`{name}`" for name in (config.tag_field, *part.__struct_fields__))
        said = " ".join((part.__doc__ or "").split())
        yield f"| {'document' if part is document else f'row `{config.tag}`'} | {keys} | {said} |"


GENERATED = {
    "answers": answer_tables,
    "explain": explanation,
    "fees": title_fees,
    "commands": command_tables,
    "codes": code_table,
    "levels": lambda: words.LEVELS,
    "plan": first_plan,
}


@pytest.mark.parametrize("name", GENERATED)
def test_generated_parts_are_current(name: str) -> None:
    begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
    text, fresh = README.read_text("utf-8"), GENERATED[name]()
    assert text.count(begin) == text.count(end) == 1
    before, _, rest = text.partition(begin)
    old, closed, after = rest.partition(end)
    assert closed, "an empty part needs a line of its own, or all that follows would be lost"
    if os.environ.get("UPDATE_README"):
        README.write_text(f"{before}{begin}{fresh}{end}{after}", "utf-8")
    else:
        assert old == fresh


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_has_help_with_an_example(path: str) -> None:
    assert path in COMMANDS[path].help.partition("Example")[2]
    assert [option.name for option in options(COMMANDS[path]) if not option.help] == []


def test_the_choices_offered_are_those_understood() -> None:
    assert {game for text in GAMES for game in parse_game(text)} == set(parse_game("all"))
    assert tuple(BANDS) == LEVELS
    assert (*Exit, "any") == EXITS
    assert tuple(KNOWN_SORTS) == SORTS
    for name, band in BANDS.items():
        top = (band.high or 0) + 1
        low = f"{band.low / 100:.2f}" if band.low % 100 else f"{band.low // 100}"
        assert f"{name} (${low}-${top // 100}, {int(band.min_roi * 100)}%)" in words.LEVELS


def test_the_readme_has_two_commands_and_says_what_it_cannot_know() -> None:
    text = README.read_text("utf-8")
    assert len(re.findall(r"^python3 -m venv .*$", text, re.MULTILINE)) == 2
    assert "## What dmscan cannot know" in text
    assert not re.findall(r"@[A-Z]+@", text)

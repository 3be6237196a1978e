"""`dmscan schema`: the JSON contract, as a JSON Schema."""

from __future__ import annotations

from typing import Annotated

import typer

from dmscan.cli.options import choice
from dmscan.cli.output import write_stdout

WHAT = ("scan", "plan", "watch", "explain", "fees", "history", "doctor", "config")


def schema(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[WHAT]",
            help="Whose JSON and NDJSON: scan, plan (that of scan --plan), watch, explain, fees, history, doctor or config.",
        ),
    ] = "scan",
) -> None:
    """Print the JSON Schema of the JSON and NDJSON output.

    \b
    Example:
      dmscan schema > dmscan.schema.json
    """
    match choice("WHAT", what, WHAT):
        case "plan":
            from dmscan.render.plan import schema_json
        case "watch":
            from dmscan.render.events import schema_json
        case "explain":
            from dmscan.render.explain import schema_json
        case "fees":
            from dmscan.render.fees import schema_json
        case "history":
            from dmscan.render.history_contract import schema_json
        case "doctor":
            from dmscan.render.doctor import schema_json
        case "config":
            from dmscan.render.config import schema_json
        case _:
            from dmscan.render.document import schema_json

    write_stdout(schema_json())

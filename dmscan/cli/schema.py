"""`dmscan schema`: the JSON contract, as a JSON Schema."""

from __future__ import annotations

from typing import Annotated

import typer

from dmscan.cli.options import choice
from dmscan.cli.output import write_stdout

WHAT = ("scan", "plan")


def schema(
    what: Annotated[str, typer.Argument(metavar="[WHAT]", help="scan: its JSON and NDJSON output; plan: that of scan --plan.")] = "scan",
) -> None:
    """Print the JSON Schema of the JSON and NDJSON output.

    \b
    Example:
      dmscan schema > dmscan.schema.json
    """
    if choice("WHAT", what, WHAT) == "plan":
        from dmscan.render.plan import schema_json
    else:
        from dmscan.render.document import schema_json

    write_stdout(schema_json())

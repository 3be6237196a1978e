"""`dmscan schema`: the JSON contract, as a JSON Schema."""

from __future__ import annotations

from dmscan.cli.output import write_stdout


def schema() -> None:
    """Print the JSON Schema of the JSON and NDJSON output.

    \b
    Example:
      dmscan schema > dmscan.schema.json
    """
    from dmscan.render.document import schema_json

    write_stdout(schema_json())

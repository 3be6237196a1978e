"""What reads the output of a released version can read that of today: fields are added, never taken away (reliability U6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from processes import Dmscan, keys, serving

RELEASED = sorted((Path(__file__).parents[1] / "data" / "released").glob("*/*"))
"""Of each version a document, its lines and those of a watch, as the command printed them then."""
COMMANDS = {
    "scan.json": ("scan", "-f", "json", "--no-store"),
    "scan.ndjson": ("scan", "-f", "ndjson", "--no-store"),
    "watch.ndjson": ("watch", "-f", "ndjson", "--passes", "1", "--no-store"),
}
TABLES = ("rejected", "requests", "fee_sources")
"""Their keys are data."""


@pytest.fixture(scope="module")
def dmscan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dmscan]:
    home = tmp_path_factory.mktemp("released")
    with serving(home, "--seed", "3") as url:
        yield Dmscan(home, url, DMSCAN_RATE="2000", **keys())


def documents(text: str, name: str) -> list[dict[str, Any]]:
    return [json.loads(text)] if name.endswith(".json") else [json.loads(line) for line in text.splitlines()]


def places(value: Any, at: str) -> Iterator[str]:
    """Where there is a value: `opportunities.legs.ask_cents`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{at}.{key}"
            if key not in TABLES:
                yield from places(inner, f"{at}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from places(inner, at)


def all_places(told: list[dict[str, Any]]) -> set[str]:
    return {place for one in told for place in places(one, one.get("type", ""))}


@pytest.mark.parametrize("file", RELEASED, ids=lambda file: f"{file.parent.name} {file.name}")
def test_U6_what_a_released_version_printed_is_still_printed_and_still_fits_the_schema(dmscan: Dmscan, file: Path) -> None:
    released = documents(file.read_text("utf-8"), file.name)
    schema = json.loads(dmscan("schema", *(["watch"] if file.name.startswith("watch") else [])).stdout)
    if file.name != "scan.ndjson":
        for document in released:
            jsonschema.Draft202012Validator(schema).validate(document)
    today = documents(dmscan(*COMMANDS[file.name]).stdout, file.name)
    assert all_places(released) - all_places(today) == set()
    assert {document.get("schema") for document in released} == {document.get("schema") for document in today}


def test_U6_each_version_left_all_three() -> None:
    left = {version: {file.name for file in RELEASED if file.parent == version} for version in {file.parent for file in RELEASED}}
    assert left
    assert all(names == set(COMMANDS) for names in left.values())

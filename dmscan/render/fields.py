"""The names that `--fields` takes: those of the JSON contract, and the flattened ones of CSV and markdown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from dmscan.errors import UsageError
from dmscan.render import contract

Cell = str | int | float | None


def _flat_names(name: str) -> tuple[str, ...]:
    """The columns that stand for one key of an opportunity."""
    parts = {"quote": contract.Quote.__struct_fields__, "sales": contract.Sales.__struct_fields__}
    if name in parts:
        return tuple(f"{name}_{field}" for field in parts[name])
    return ("offer_ids",) if name == "legs" else (name,)


NAMES = contract.Opportunity.__struct_fields__
COLUMNS = tuple(column for name in NAMES for column in _flat_names(name))
FIELDS = (*NAMES, *(column for column in COLUMNS if column not in NAMES))


def chosen(text: str | None) -> tuple[str, ...]:
    """`--fields a,b,c` as names, () for all. UsageError names the nearest ones."""
    names = tuple(dict.fromkeys(name for name in map(str.strip, (text or "").split(",")) if name))
    for name in names:
        if name not in FIELDS:
            raise UsageError(f"There is no field {name!r}{_hint(name)}.")
    return names


def _hint(name: str) -> str:
    near = difflib.get_close_matches(name, FIELDS, n=3)
    return f": did you mean {' or '.join(near)}" if near else f": the fields are {', '.join(FIELDS)}"


def columns(names: Iterable[str]) -> tuple[str, ...]:
    """The columns for these names, all of them for none; `quote` stands for all its parts."""
    return tuple(dict.fromkeys(column for name in names for column in _flat_names(name))) or COLUMNS


def flat(found: contract.Opportunity) -> dict[str, Cell]:
    """One row with every column: nested parts spread out, lists joined by spaces."""
    row: dict[str, Cell] = {}
    for name, value in msgspec.to_builtins(found).items():
        row |= _spread(name, value)
    return row


def _spread(name: str, value: Any) -> dict[str, Cell]:
    match name:
        case "legs":
            return {"offer_ids": " ".join(leg["offer_id"] for leg in value if leg["offer_id"])}
        case "quote" | "sales":
            return {column: (value or {}).get(column.removeprefix(f"{name}_")) for column in _flat_names(name)}
        case "warnings":
            return {name: " ".join(value)}
        case _:
            return {name: value}


def picked(found: contract.Opportunity, names: tuple[str, ...]) -> Mapping[str, Any]:
    """The keys of one opportunity in JSON: all of the contract, or those named."""
    keys = flat(found) | msgspec.to_builtins(found)
    return {name: keys[name] for name in names or NAMES}

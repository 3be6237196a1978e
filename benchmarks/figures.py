"""What a benchmark hands back, and how it is shown: as one table of figures, as tables of detail, as JSON."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct


class Scope(Struct, frozen=True):
    """What is measured of a benchmark that can be scaled: titles of a market seen to its end, requests a second, markets, minutes.

    `seeds` are those of a watch's markets; `full` are the sizes that take longer than all the rest.
    """

    titles: int | None = None
    rates: tuple[int, ...] | None = None
    markets: tuple[str, ...] | None = None
    minutes: float | None = None
    seeds: tuple[int, ...] | None = None
    full: bool = False


class Figure(Struct, frozen=True):
    """A measured figure; `ok` says whether it reached its goal, None that it has none."""

    name: str
    measured: str
    goal: str = ""
    ok: bool | None = None


def place_of(figure: Figure) -> float:
    """S1 to S16 stand in their order, whatever has no such number after them."""
    number = re.match(r"S(\d+) ", figure.name)
    return float(number[1]) if number else float("inf")


def on_market(market: str, figure: Figure) -> Figure:
    """Of figures for several markets only that of the usual one has a goal."""
    return figure if market == "usual" else Figure(figure.name, figure.measured)


class Table(Struct, frozen=True):
    """The numbers behind the figures; the first row is the head."""

    title: str
    rows: tuple[tuple[str, ...], ...]


class Result(Struct, frozen=True):
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...] = ()


class Record(Struct, frozen=True):
    """A whole run as `--json` writes it and `--compare` reads it; `failed` says why of the benchmarks that brought nothing."""

    machine: str
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]
    failed: Mapping[str, str] = {}


def machine() -> str:
    """Where and when, because a figure without them says little."""
    load = ", ".join(f"{share:.1f}" for share in os.getloadavg())
    what = f"{os.cpu_count()} × {_processor()}, Python {platform.python_version()}, {platform.system()}"
    return f"{what}, load {load}, {time.strftime('%Y-%m-%d')}"


def table_of(figures: Sequence[Figure], before: Mapping[str, str] | None = None) -> str:
    """The figures as a Markdown table; `before` is what an earlier run measured, by name."""
    verdicts = {True: "ok", False: "short", None: ""}
    rows = [["figure", "goal", "measured", "", *(["before"] if before is not None else [])]]
    for figure in figures:
        earlier = [before.get(figure.name, "")] if before is not None else []
        rows.append([figure.name, figure.goal, figure.measured, verdicts[figure.ok], *earlier])
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table, in columns; the first is the head, and only the first column is flush left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = [f":{'-' * (widths[0] - 1)}", *(f"{'-' * (width - 1)}:" for width in map(_at_least_two, widths[1:]))]
    lines = [rows[0], rule, *rows[1:]]
    return "\n".join(f"| {' | '.join(_cells(line, widths))} |" for line in lines)


def _cells(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [line[0].ljust(widths[0]), *(cell.rjust(_at_least_two(width)) for cell, width in zip(line[1:], widths[1:], strict=True))]


def _at_least_two(width: int) -> int:
    return max(2, width)


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    return text.partition("model name")[2].partition("\n")[0].strip("\t :") or platform.machine()

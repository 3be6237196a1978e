"""`python -m benchmarks [NAME …]`: measures the figures, prints them beside their goals, exits 1 if one falls short or fails."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchmarks.figures import Record, Scope, aligned, machine, place_of, table_of
from benchmarks.lanes import outcomes

BENCHMARKS: Mapping[str, str] = {
    "naive": "S16: the same market scanned by dmscan and by a scanner of three calls per title",
    "calls": "S1, S9: the requests of an exact scan beside the least possible, and how soon it finds something",
    "again": "S2: the requests of a second scan, ten minutes later with the same history",
    "budget": "S3: the profit found with a part of the calls",
    "coverage": "S15: how much of a large market a day of short scans looks at",
    "watch": "S12, S13: how soon a watch tells a bargain, and what it remembers",
    "store": "S10, S14: storing quotes beside bare sqlite3, and how the file grows",
    "queries": "S11: how long the questions to a history of a million quotes take, or of ten million",
    "lifetimes": "C6: whether the history knows how long bargains last",
    "bids": "what became of the own targets that a scan advised",
    "pace": "S4: how much of the server's limit is used while it binds",
    "sweep": "S5: the CPU of a whole sweep beside that of fetching its pages with bare httpx",
    "decode": "S6: reading and screening a page beside a bare typed decode",
    "memory": "S7: the most memory a scan holds, on 25,000 titles and on ten times as many",
    "startup": "S8: how long a start takes beside the smallest programs that do the same",
    "growth": "whether calls, CPU, time and memory grow faster than the market, and queries with the history",
}
ON_DEMAND: Mapping[str, str] = {
    "connections": "whether HTTP/2 and the size of the pool help",
    "layers": "where the CPU of a sweep goes, layer by layer",
    "soak": "R12: whether a process that scans for hours comes to hold more",
}
"""Run only when named."""


def main() -> int:
    options = _options()
    done = outcomes(dict.fromkeys(options.names or BENCHMARKS), _scope(options))
    results = [outcome.result for outcome in done if outcome.result]
    figures = sorted((figure for result in results for figure in result.figures), key=place_of)
    failed = {outcome.name: outcome.failure for outcome in done if outcome.failure}
    record = Record(machine(), tuple(figures), tuple(table for result in results for table in result.tables), failed)
    _show(record, _read(options.compare) if options.compare else None)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(record)))
    return int(bool(failed) or any(figure.ok is False for figure in figures))


def _show(record: Record, before: Record | None) -> None:
    """The details first: what one looks for stands at the end."""
    for table in record.tables:
        print(f"{table.title}\n\n{aligned(table.rows)}\n")
    print(table_of(record.figures, {figure.name: figure.measured for figure in before.figures} if before else None))
    for name, failure in record.failed.items():
        print(f"{name} failed: {failure}")
    print(f"\n{record.machine}")


def _options() -> argparse.Namespace:
    named = "\n".join(f"  {name:10} {what}" for name, what in (*BENCHMARKS.items(), *ON_DEMAND.items()))
    parser = argparse.ArgumentParser("python -m benchmarks", epilog=named, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", type=_known, metavar="NAME", help="which to run; without one all but the last three")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and the tables")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="show beside each figure what an earlier --json holds")
    parser.add_argument("--titles", type=int, metavar="N", help="titles of a market that is scanned to its end")
    parser.add_argument("--rates", type=int, nargs="+", metavar="N", help="requests a second")
    parser.add_argument("--minutes", type=float, metavar="N", help="how long to soak")
    parser.add_argument("--markets", nargs="+", choices=("scarce", "usual", "rich"), help="how many titles are crossed")
    parser.add_argument("--seeds", type=int, nargs="+", metavar="N", help="markets of a watch")
    parser.add_argument("--full", action="store_true", help="growth up to 250,000 titles, pace of all groups")
    return parser.parse_args()


def _known(name: str) -> str:
    if name not in (*BENCHMARKS, *ON_DEMAND):
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join((*BENCHMARKS, *ON_DEMAND))}")
    return name


def _scope(options: argparse.Namespace) -> Scope:
    rates, markets, seeds = (tuple(chosen) if chosen else None for chosen in (options.rates, options.markets, options.seeds))
    return Scope(options.titles, rates, markets, options.minutes, seeds, options.full)


def _read(file: Path) -> Record:
    return msgspec.json.decode(file.read_bytes(), type=Record)


if __name__ == "__main__":
    sys.exit(main())

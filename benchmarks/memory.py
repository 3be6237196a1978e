"""S7: the most memory that `dmscan scan` holds, on a market of 25,000 titles and on one ten times as large."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from benchmarks.figures import Figure, Result, Scope, Table
from benchmarks.repeated import Goods, serving
from benchmarks.runtime import python
from dmscan.market.signing import new_pair

TITLES, MANY = 25_000, 10
"""The larger market has so many times the titles."""
DEPTH = 2.7
"""40 offers a title: a million on 25,000 titles."""
SWEEP_SHARE = 0.55
"""Somewhat less than the 60 % of a budget that may go to the sweep: so all titles are seen, and the rest of the calls confirms."""
MOST_MB, MOST_MORE = 90, {"instant": 15, "all exits": 60}

SCAN = """
import sys
from pathlib import Path
from dmscan.cli.app import main
code = main(sys.argv[1:])
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0], file=sys.stderr)
sys.exit(code)
"""


class Peaks(Struct, frozen=True):
    """MB (a million bytes) held at most by a scan with an empty history, and by the next one, which recalls every title."""

    cold: float
    again: float


Measured = Mapping[tuple[int, str], Peaks]


def measure(scope: Scope) -> Result:
    """`--titles` makes both markets smaller."""
    titles = scope.titles or TITLES
    measured: dict[tuple[int, str], Peaks] = {}
    for size in (titles, MANY * titles):
        with serving(Goods(size, depth=DEPTH)) as (url,):
            measured |= {(size, exits): _peaks(url, size, exits) for exits in MOST_MORE}
    return Result(tuple(_figures(measured, titles)), (_table(measured),))


def _peaks(url: str, titles: int, exits: str) -> Peaks:
    with TemporaryDirectory() as home:
        return Peaks(_peak_mb(url, titles, exits, home), _peak_mb(url, titles, exits, home))


def _peak_mb(url: str, titles: int, exits: str, home: str) -> float:
    """What the command itself reads at its end; RuntimeError if it did not see every title."""
    public, secret = new_pair()
    keys = {"DMARKET_PUBLIC_KEY": public, "DMARKET_SECRET_KEY": secret, "DMSCAN_API_URL": url}
    variables = {"PATH": os.environ["PATH"], "HOME": home, **keys}
    budget = ("--rate", "5000", "--deadline", "0", "--max-requests", str(round(titles / 100 / SWEEP_SHARE) + 100))
    out = ("-q", "-f", "json", "-o", str(Path(home, "found.json")))
    exit_ = "instant" if exits == "instant" else "any"
    command = [str(python()), "-c", SCAN, "scan", "--exit", exit_, *budget, *out]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The scan failed with code {done.returncode}: {done.stderr}")
    return int(done.stderr.split()[-1]) * 1024 / 1e6


def _figures(measured: Measured, titles: int) -> Iterator[Figure]:
    for exits, most in MOST_MORE.items():
        small, large = measured[titles, exits], measured[MANY * titles, exits]
        for name, peak in (("", small.cold), (", second scan", small.again)):
            yield Figure(f"S7 peak memory, {exits}{name}, {titles:,} titles", f"{peak:.0f} MB", f"≤ {MOST_MB} MB", peak <= MOST_MB)
        more = large.cold - small.cold
        yield Figure(f"S7 more at {MANY * titles:,} titles, {exits}", f"{more:.0f} MB", f"≤ {most} MB", more <= most)
        yield Figure(f"S7 more at {MANY * titles:,} titles, {exits}, second scan", f"{large.again - small.again:.0f} MB")


def _table(measured: Measured) -> Table:
    rows: Sequence[tuple[str, ...]] = [
        (f"{titles:,}", exits, f"{peaks.cold:.1f}", f"{peaks.again:.1f}") for (titles, exits), peaks in measured.items()
    ]
    return Table("Peak memory in MB (VmHWM, read by the scanning process)", (("titles", "exits", "history empty", "second scan"), *rows))

"""S4: how much of the server's limit is used while it is what binds, in simulated time, by the server's own log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from benchmarks import processes
from benchmarks.figures import Figure, Result, Scope, Table
from benchmarks.runs import KIND, MUTE, Plan, Run, fullest, run
from dmscan.sandbox.gate import GROUPS, SIGNED_LIMITS

SPANS = (60, 120)
MOST_REFUSED = 0.02
ASKS = {"sales": "sales", "items": "offers", "others": "targets", "fees": "fees", "a scan": "scan"}
"""What is asked so that a group's limit binds; a scan asks in every group, and one of them binds it."""
NEVER_BINDING = "fees"
"""Shown with `--full` and without a goal: of its 110 a second a scan uses a handful in all."""
SCAN_RATE, HALF_SCAN = 5, 3
TITLES = 2500
WORKERS = 20


class Row(Struct, frozen=True):
    """One of S4's rows: whether the rate is set, whether the real limit is half of the documented one, and the least use of it."""

    name: str
    least: float
    is_set: bool = False
    is_half: bool = False
    tells: bool = True

    def limit(self, group: str) -> int | None:
        """The market's limit; None if it is what is documented."""
        documented = SIGNED_LIMITS.get(group, 2 * HALF_SCAN if self.is_half else SCAN_RATE)
        return documented // 2 if self.is_half else documented if self.is_set else None

    def plan(self, group: str) -> Plan:
        limit, manners = self.limit(group), KIND if self.tells else MUTE
        rate = limit if self.is_set else None
        return Plan((rate,), limit, manners, max(SPANS), (ASKS[group],), WORKERS, titles=TITLES if group == "a scan" else 5)


ROWS = (
    Row("--rate equal to the limit", 0.95, is_set=True),
    Row("limit only documented", 0.95),
    Row("half of it, truthful headers", 0.85, is_half=True),
    Row("half of it, no headers", 0.70, is_half=True, tells=False),
)


class Use(Struct, frozen=True):
    """What was made of a limit in the first seconds: the share of it used, the share of requests refused, the fullest second."""

    share: float
    refused: float
    fullest: int


class Case(Struct, frozen=True):
    row: Row
    group: str
    uses: tuple[Use, ...]


def measure(scope: Scope) -> Result:
    """Every case on a processor of its own; the longest, those of the highest limit, are begun first."""
    cases = [(row, group) for group in reversed(ASKS) for row in ROWS if scope.full or group != NEVER_BINDING]
    with processes.pool() as pool:
        measured = list(pool.map(case_of, *zip(*cases, strict=True)))
    return Result(tuple(figures(measured)), (_table(measured),))


def case_of(row: Row, group: str) -> Case:
    done = run(row.plan(group))
    return Case(row, group, tuple(_use(row, group, done.first(seconds)) for seconds in SPANS))


def _use(row: Row, group: str, done: Run) -> Use:
    """Of the group that binds, the one whose limit is used most; an explicit rate binds all groups together."""
    served = Counter("all" if row.is_set else GROUPS.get(entry.endpoint, "others") for entry in done.log if entry.status == 200)
    shares = {name: count / done.plan.seconds / _allowed(row, group, name) for name, count in served.items()}
    binding = max(shares, key=lambda name: shares[name])
    times = [entry.at for entry in done.log if row.is_set or GROUPS.get(entry.endpoint, "others") == binding]
    return Use(shares[binding], done.refused, fullest(times))


def _allowed(row: Row, group: str, bound: str) -> float:
    """Nine tenths of a limit that is only documented, all of one that the market shows or that was set."""
    limit = row.limit(group)
    return limit or 0.9 * SIGNED_LIMITS[bound]


def figures(cases: Sequence[Case]) -> Iterator[Figure]:
    """Of each row the group that comes off worst."""
    for row in ROWS:
        mine = [case for case in cases if case.row == row and case.group != NEVER_BINDING]
        for place, seconds in enumerate(SPANS):
            worst = min(mine, key=lambda case: case.uses[place].share)
            share = worst.uses[place].share
            name = f"S4 use, {row.name}, {seconds} s"
            yield Figure(name, f"{share:.1%} ({worst.group})", f"≥ {row.least:.0%}", share >= row.least)
        if not row.tells:
            refused = max(use.refused for case in mine for use in case.uses)
            yield Figure(f"S4 answered 429, {row.name}", f"{refused:.2%}", f"≤ {MOST_REFUSED:.0%}", refused <= MOST_REFUSED)


def _table(cases: Iterable[Case]) -> Table:
    spans = [f"{what}, {seconds} s" for seconds in SPANS for what in ("use", "429")]
    rows = [(f"{case.row.name}: {case.group}", *_cells(case)) for row in ROWS for case in cases if case.row == row]
    return Table("Use of the limit, by what is asked", (("row: asked", "limit", *spans, "fullest second"), *rows))


def _cells(case: Case) -> Iterator[str]:
    limit = case.row.limit(case.group) or SIGNED_LIMITS.get(case.group)
    yield str(limit or "each")
    for use in case.uses:
        yield f"{use.share:.1%}"
        yield f"{use.refused:.2%}"
    yield str(max(use.fullest for use in case.uses))

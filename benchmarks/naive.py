"""S16: one market at 2, 5 and 20 requests a second, scanned by dmscan and by the naive scanner of three calls per title.

Two sizes of market: the first five minutes on one as large as the real one, because a small one is seen to its end in them;
the time for all of it on a smaller one, because the naive scanner needs hours for the large one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean

from msgspec import Struct

from benchmarks import processes
from benchmarks.figures import Figure, Result, Scope, Table
from benchmarks.market_process import scans
from benchmarks.scan_process import Find, Job, Outcome, Scanner
from dmscan.core.models import Exit, Opportunity
from dmscan.core.rank import totals
from dmscan.sandbox.world import World

SEED = 7
BORN_AT = 1_764_000_000
"""A Monday afternoon (UTC), hours from midnight, when the list of reduced fees is renewed."""
LARGE, SMALL = 25_000, 2_500
FAST = 20
SHOWN = 5
RATES: Mapping[str, tuple[int, ...]] = {"usual": (2, SHOWN, FAST)}
"""The goals hold for the usual market; of others one rate is enough."""
SHARES = {"scarce": "0.2 %", "usual": "1 %", "rich": "5 %"}
FIRST_S = 300
EXITS: Mapping[str, tuple[Exit, ...]] = {"instant": (Exit.INSTANT,), "all": tuple(Exit)}
LEAST_PROFIT = 10
LEAST_TIME = {"instant": 50, "all": 3}
ENDPOINTS = ("aggregated-prices", "customized-fees", "last-sales", "targets-by-title", "v2/offers")


class Setting(Struct, frozen=True):
    """A market of `titles` titles, of which the share named `crossed` is crossed, and the scans of it."""

    crossed: str
    titles: int
    rates: tuple[int, ...]
    within_s: int = 0

    def naive_jobs(self, rate: int) -> list[Job]:
        """In five minutes at 2 a second it sees so few titles that chance decides: then it begins at several places."""
        starts = max(1, FAST // rate) if self.within_s else 1
        return [Job(Scanner.NAIVE, tuple(Exit), rate, BORN_AT, self.within_s, place * self.titles // starts) for place in range(starts)]

    def dmscan_job(self, rate: int, exits: str) -> Job:
        return Job(Scanner.DMSCAN, EXITS[exits], rate, BORN_AT, self.within_s)

    def jobs(self) -> Iterator[Job]:
        for rate in self.rates:
            yield from self.naive_jobs(rate)
            yield from (self.dmscan_job(rate, exits) for exits in EXITS)


class Run(Struct, frozen=True):
    """What one scanner did for some exits; means if it ran several times. Money in cents, times in simulated seconds."""

    requests: Mapping[str, float]
    finds: float
    profit: float
    found_s: float
    finished_s: float
    cpu_s: float
    peak_mb: int


class Duel(Struct, frozen=True):
    setting: Setting
    rate: int
    exits: str
    naive: Run
    dmscan: Run

    @property
    def name(self) -> str:
        what = f"profit in {FIRST_S // 60} min" if self.setting.within_s else "time for all"
        return f"S16 {what}, {self.exits}, {self.rate}/s, {SHARES[self.setting.crossed]}"


def measure(scope: Scope) -> Result:
    """Every setting on a processor of its own."""
    small = scope.titles or SMALL
    markets = {crossed: scope.rates or RATES.get(crossed, (SHOWN,)) for crossed in scope.markets or ("usual",)}
    first = [Setting(crossed, LARGE, rates, FIRST_S) for crossed, rates in markets.items()]
    whole = [Setting(crossed, small, rates) for crossed, rates in markets.items()]
    early, late = _duels(first, whole)
    return Result(
        tuple(map(_figure, early + late)),
        (
            _table(f"The first {FIRST_S} s of {LARGE:,} titles", early),
            _table(f"All of {small:,} titles", late),
            _summary(early, late),
        ),
    )


def _duels(*groups: Sequence[Setting]) -> list[list[Duel]]:
    """Of each group its duels. The longest settings stand first in their groups and are begun first."""
    with processes.pool() as pool:
        begun = {setting: pool.submit(run, setting) for row in zip(*groups, strict=True) for setting in row}
        return [[duel for setting in group for duel in duels_of(setting, begun[setting].result())] for group in groups]


def run(setting: Setting) -> dict[Job, Outcome]:
    world = World(SEED, BORN_AT, setting.titles, ("cs2",), crossed=setting.crossed, keep=setting.titles)
    return scans(world, setting.jobs())


def duels_of(setting: Setting, outcomes: Mapping[Job, Outcome]) -> Iterator[Duel]:
    """RuntimeError if the two did not find the same."""
    for rate in setting.rates:
        naive = [outcomes[job] for job in setting.naive_jobs(rate)]
        for exits in EXITS:
            dmscan = outcomes[setting.dmscan_job(rate, exits)]
            for outcome in naive:
                _check_equal(_finds(outcome, exits), dmscan.finds, complete=not setting.within_s)
            yield Duel(setting, rate, exits, _run_of(naive, exits), _run_of([dmscan], exits))


def _check_equal(naive: Iterable[Find], dmscan: Iterable[Find], *, complete: bool) -> None:
    """Every field of what both have found is equal; in a complete scan both have found everything."""
    theirs, ours = _by_key(naive), _by_key(dmscan)
    shared = theirs.keys() & ours.keys()
    if (complete and theirs.keys() != ours.keys()) or any(theirs[key] != ours[key] for key in shared):
        raise RuntimeError("The comparison is not fair: the two scanners found different things.")


def _by_key(finds: Iterable[Find]) -> dict[object, Opportunity]:
    return {find.opportunity.key: find.opportunity for find in finds}


def _finds(outcome: Outcome, exits: str) -> tuple[Find, ...]:
    """The naive scanner's calls are the same for all exits, so one run of it answers for each choice of them."""
    return tuple(find for find in outcome.finds if find.opportunity.exit in EXITS[exits])


def _run_of(outcomes: Sequence[Outcome], exits: str) -> Run:
    finds = [_finds(outcome, exits) for outcome in outcomes]
    return Run(
        requests={name: fmean(outcome.requests.get(name, 0) for outcome in outcomes) for name in ENDPOINTS},
        finds=fmean(map(len, finds)),
        profit=fmean(totals(find.opportunity for find in found).net_profit for found in finds),
        found_s=max((find.at for found in finds for find in found), default=0),
        finished_s=fmean(outcome.finished_s for outcome in outcomes),
        cpu_s=fmean(outcome.cpu_s for outcome in outcomes),
        peak_mb=max(outcome.peak_mb for outcome in outcomes),
    )


def _figure(duel: Duel) -> Figure:
    naive, dmscan = duel.naive, duel.dmscan
    cut = bool(duel.setting.within_s)
    ratio = _ratio(dmscan.profit, naive.profit) if cut else _ratio(naive.found_s, dmscan.found_s)
    least = LEAST_PROFIT if cut else LEAST_TIME[duel.exits]
    has_goal = duel.setting.crossed == "usual"
    return Figure(
        name=duel.name,
        measured=f"{ratio:,.1f} ×" if cut else f"1/{ratio:.3g}",
        goal=(f"≥ {least} ×" if cut else f"≤ 1/{least}") if has_goal else "",
        ok=ratio >= least if has_goal else None,
    )


def _ratio(more: float, less: float) -> float:
    return more / less if less else float("inf") if more else 1.0


def _table(title: str, duels: Iterable[Duel]) -> Table:
    head = ("crossed, rate, exits, scanner", "prices", "fees", "sales", "targets", "offers", "finds", "profit $", "last found s", "end s")
    rows = [_row(duel, scanner) for duel in duels for scanner in Scanner]
    return Table(title, ((*head, "CPU s", "peak MiB"), *rows))


def _row(duel: Duel, scanner: Scanner) -> tuple[str, ...]:
    shown = duel.naive if scanner is Scanner.NAIVE else duel.dmscan
    return (
        f"{SHARES[duel.setting.crossed]}, {duel.rate}/s, {duel.exits}, {scanner}",
        *(f"{shown.requests[name]:.0f}" for name in ENDPOINTS),
        f"{shown.finds:.0f}",
        f"{shown.profit / 100:,.2f}",
        f"{shown.found_s:.1f}",
        f"{shown.finished_s:.1f}",
        f"{shown.cpu_s:.1f}",
        str(shown.peak_mb),
    )


def _summary(early: Sequence[Duel], late: Sequence[Duel]) -> Table:
    """What all of a market costs at the highest rate, and what five minutes of the large one bring."""
    shown = max(late, key=lambda duel: (duel.setting == late[0].setting, duel.rate))
    pairs = [pair for pair in zip(early, late, strict=True) if (pair[1].setting, pair[1].rate) == (shown.setting, shown.rate)]
    head = ("exits, scanner", "s for all", "calls", "CPU s", "peak MiB", f"profit $ in {FIRST_S // 60} min")
    title = f"End to end: all of {shown.setting.titles:,} titles at {shown.rate} requests a second, and the first minutes of {LARGE:,}"
    return Table(title, (head, *(row for first, whole in pairs for row in _end_to_end(first, whole))))


def _end_to_end(first: Duel, whole: Duel) -> Iterator[tuple[str, ...]]:
    naive, dmscan = _sums(first.naive, whole.naive), _sums(first.dmscan, whole.dmscan)
    yield (f"{whole.exits}, naive", *_shown(naive))
    yield (f"{whole.exits}, dmscan", *_shown(dmscan))
    yield (f"{whole.exits}, dmscan beside naive", *(f"{_ratio(ours, theirs):.3g} ×" for ours, theirs in zip(dmscan, naive, strict=True)))


def _sums(first: Run, whole: Run) -> tuple[float, ...]:
    return (whole.found_s, sum(whole.requests.values()), whole.cpu_s, whole.peak_mb, first.profit / 100)


def _shown(sums: Sequence[float]) -> Iterator[str]:
    return (f"{value:,.{digits}f}" for value, digits in zip(sums, (1, 0, 1, 0, 2), strict=True))

"""S1 and S9: what an exact scan of an unknown market costs beside what it must cost, and how soon it shows something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from benchmarks import processes, simulated
from benchmarks.figures import Figure, Result, Scope, Table, on_market
from benchmarks.floor import PAGE, least_for_all, least_for_instant
from benchmarks.naive import BORN_AT, ENDPOINTS, EXITS, LARGE, SEED, SHARES
from benchmarks.visits import Visit, Visitor, request_of, truth_of
from dmscan.sandbox.world import World

TITLES = {"all": 10_000, "instant": LARGE}
"""An exact scan for all exits asks for nearly every title: how near it comes to the least does not depend on their number."""
RATE = 20
"""Requests a second; how many it takes does not depend on it."""
NAIVE_CALLS = 3
OF_NAIVE, MOST_OF_LEAST, FIRST_WITHIN, FIRST_AFTER = 100, 1.1, 0.1, 25


class Cost(Struct, frozen=True):
    """An exact scan: its requests by endpoint, the least that must be sent, and how many were sent when it first found something.

    `seen` is the number of the request that told the quote of the first title with a find.
    """

    market: str
    exits: str
    titles: int
    requests: Counter[str]
    least: Counter[str]
    finds: int
    first: int
    seen: int

    @property
    def total(self) -> int:
        return self.requests.total()


def measure(scope: Scope) -> Result:
    jobs = [(market, exits, scope.titles or titles) for exits, titles in TITLES.items() for market in scope.markets or ("usual",)]
    with processes.pool() as pool:
        costs = list(pool.map(run, *zip(*jobs, strict=True)))
    return Result(tuple(on_market(cost.market, figure) for cost in costs for figure in _figures(cost)), (_table(costs),))


def run(market: str, exits: str, titles: int) -> Cost:
    """A scan with a fresh history. RuntimeError if it does not find what brute force finds, or if there is nothing to find."""
    world = World(SEED, BORN_AT, titles, ("cs2",), crossed=market, keep=titles)
    request = request_of(EXITS[exits])
    with TemporaryDirectory() as folder:
        visit = simulated.run(Visitor(world, simulated.still(BORN_AT), Path(folder) / "history.db", rate=RATE).visit(request))
    found = frozenset(one["title"] for one in truth_of(world, request, BORN_AT).opportunities)
    if not found or found != {find.opportunity.title for find in visit.finds}:
        raise RuntimeError(f"The scan has found {len(visit.finds)} opportunities, on {len(found)} titles there are some.")
    least = least_for_all(world, request, BORN_AT) if exits == "all" else least_for_instant(world, request, BORN_AT, found)
    return Cost(market, exits, titles, visit.requests, least, len(visit.finds), visit.finds[0].after, _seen(visit, world, found))


def _seen(visit: Visit, world: World, found: frozenset[str]) -> int:
    """The number of the request that told the quote of the first title, in the catalogue's order, that has a find."""
    page = next(place for place, name in enumerate(world.names("cs2")) if name in found) // PAGE
    pages = [number for number, endpoint in enumerate(visit.asked, start=1) if endpoint == "aggregated-prices"]
    return pages[page]


def _figures(cost: Cost) -> Iterator[Figure]:
    """Those with a goal, and for instant the least possible beside."""
    market, over = SHARES[cost.market], cost.total / cost.least.total()
    if cost.exits == "all":
        share = cost.first / cost.total
        yield Figure(f"S1 requests, all, {market}", f"{over:.3f} × least", f"≤ {MOST_OF_LEAST} × least", over <= MOST_OF_LEAST)
        yield Figure(f"S9 requests until the first find, all, {market}", f"{share:.2%}", f"≤ {FIRST_WITHIN:.0%}", share <= FIRST_WITHIN)
    else:
        naive, wait = NAIVE_CALLS * cost.titles, cost.first - cost.seen
        yield Figure(f"S1 requests, instant, {market}", f"1/{naive / cost.total:.1f}", f"≤ 1/{OF_NAIVE}", OF_NAIVE * cost.total <= naive)
        yield Figure(f"S1 least an exact answer could need, instant, {market}", f"1/{naive / cost.least.total():.1f}")
        yield Figure(f"S9 requests from a quote to its find, instant, {market}", str(wait), f"≤ {FIRST_AFTER}", wait <= FIRST_AFTER)


def _table(costs: Iterable[Cost]) -> Table:
    head = ("market, exits", "", "prices", "fees", "sales", "targets", "offers", "all", "finds", "first find after", "its quote after")
    return Table("An exact scan with an empty history", (head, *(row for cost in costs for row in _rows(cost))))


def _rows(cost: Cost) -> Iterator[tuple[str, ...]]:
    name, scan = f"{cost.titles:,} titles, {SHARES[cost.market]}, {cost.exits}", (str(cost.finds), str(cost.first), str(cost.seen))
    yield (name, "scan", *_counts(cost.requests), *scan)
    yield (name, "least", *_counts(cost.least), "", "", "")


def _counts(requests: Counter[str]) -> tuple[str, ...]:
    return (*(str(requests[name]) for name in ENDPOINTS), str(requests.total()))

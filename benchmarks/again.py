"""S2: what a second scan costs, ten minutes after the first, in a new process with the same history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct
from msgspec.structs import replace

from benchmarks import processes, simulated
from benchmarks.figures import Figure, Result, Scope, Table, on_market
from benchmarks.naive import BORN_AT, ENDPOINTS, SEED, SHARES
from benchmarks.visits import Visit, Visitor, request_of, truth_of
from dmscan.core.models import Exit, Opportunity, Rules
from dmscan.core.report import ScanRequest
from dmscan.core.rules import price_bands
from dmscan.sandbox.lives import LivingWorld
from dmscan.sandbox.state import Title
from dmscan.sandbox.world import World

TITLES = 10_000
LEVEL = "standard"
RATE = 20
LATER_S = 600
MOST = Fraction(1, 10)

Deal = tuple[tuple[str, ...], *tuple[tuple[str, int, int, int], ...]]
"""What two scans must agree on: an opportunity's key, and of each leg the offer, ask, sale price and fee."""


class Pair(Struct, frozen=True):
    """Requests of both scans by endpoint; of `titles` titles `unchanged` stood still between them."""

    market: str
    titles: int
    candidates: int
    cold: Counter[str]
    again: Counter[str]
    unchanged: int
    finds: tuple[int, int]
    differing: int

    @property
    def share(self) -> Fraction:
        return Fraction(self.again.total(), self.cold.total())


def measure(scope: Scope) -> Result:
    titles, markets = scope.titles or TITLES, scope.markets or ("usual",)
    with processes.pool() as pool:
        pairs = list(pool.map(run, markets, [titles] * len(markets)))
    return Result(tuple(on_market(pair.market, figure) for pair in pairs for figure in _figures(pair)), (_table(titles, pairs),))


def run(market: str, titles: int) -> Pair:
    """The market stands still during each scan and lives for ten minutes between them."""
    world, request = LivingWorld(SEED, BORN_AT, titles, ("cs2",), crossed=market), standard()
    with TemporaryDirectory() as folder:
        history = Path(folder) / "history.db"
        states = {title.title: title for title in world.titles_of("cs2")}
        cold = _visit(world, history, BORN_AT, request)
        world.move(BORN_AT + LATER_S)
        unchanged = frozenset(title.title for title in world.titles_of("cs2") if _is_same(title, states[title.title]))
        again = _visit(world, history, BORN_AT + LATER_S, request)
    before, after = (_deals(visit, unchanged) for visit in (cold, again))
    moved = {key[1] for key, *_ in before ^ after}
    differing = _deals(again, moved) ^ _true_deals(world, request, moved)
    finds = (len(cold.finds), len(again.finds))
    return Pair(market, titles, cold.report.stats.candidates, cold.requests, again.requests, len(unchanged), finds, len(differing))


def standard() -> ScanRequest:
    """An exact scan of the level `standard` for all exits."""
    return replace(request_of(tuple(Exit), Rules(price_bands((LEVEL,)))), levels=(LEVEL,))


def _visit(world: LivingWorld, history: Path, date: int, request: ScanRequest) -> Visit:
    return simulated.run(Visitor(world, simulated.still(date), history, rate=RATE).visit(request))


def _is_same(title: Title, before: Title) -> bool:
    return (title.offers, title.targets, title.sales, title.fee_rows) == (before.offers, before.targets, before.sales, before.fee_rows)


def _deals(visit: Visit, titles: Collection[str]) -> frozenset[Deal]:
    return frozenset(_deal(find.opportunity) for find in visit.finds if find.opportunity.title in titles)


def _deal(found: Opportunity) -> Deal:
    return (found.key, *((leg.offer.offer_id if leg.offer else "", leg.ask, leg.sell, leg.fee) for leg in found.legs))


def _true_deals(world: World, request: ScanRequest, titles: Collection[str]) -> frozenset[Deal]:
    """What brute force finds on these titles now: time alone, with which sales grow old and locks end, may have changed it."""
    return frozenset(
        (
            (found["game"], found["title"], found["phase"], found["entry"], found["exit"]),
            *((leg["offer_id"], leg["ask_cents"], leg["sell_cents"], leg["fee_cents"]) for leg in found["legs"]),
        )
        for found in truth_of(world, request, BORN_AT + LATER_S, titles).opportunities
    )


def _figures(pair: Pair) -> Iterator[Figure]:
    market, differing = SHARES[pair.market], str(pair.differing)
    yield Figure(f"S2 requests of a second scan, {market}", f"{float(pair.share):.1%}", f"≤ {float(MOST):.0%}", pair.share <= MOST)
    yield Figure(f"S2 finds that differ though nothing changed, {market}", differing, "0", pair.differing == 0)


def _table(titles: int, pairs: Collection[Pair]) -> Table:
    head = ("crossed, scan", "prices", "fees", "sales", "targets", "offers", "all", "finds", "candidates", "unchanged titles")
    return Table(f"Two scans of {titles:,} titles, level {LEVEL}", (head, *(row for pair in pairs for row in _rows(pair))))


def _rows(pair: Pair) -> Iterator[tuple[str, ...]]:
    for name, requests, finds in (("cold", pair.cold, pair.finds[0]), ("again", pair.again, pair.finds[1])):
        counts = (*(str(requests[endpoint]) for endpoint in ENDPOINTS), str(requests.total()), str(finds))
        yield (f"{SHARES[pair.market]}, {name}", *counts, str(pair.candidates), str(pair.unchanged))

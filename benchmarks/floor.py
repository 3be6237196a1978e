"""The fewest requests with which a still market can be answered exactly, counted from its full state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from fractions import Fraction
from math import ceil

from msgspec.structs import replace

from dmscan.core.judge import judge
from dmscan.core.models import Entry, Evidence, Exit, FeeRow, FeeSource, FeeTable, Game, Need, Quote, Sale, SaleKind, Stamped
from dmscan.core.money import parse_fraction
from dmscan.core.report import ScanRequest
from dmscan.sandbox.parameters import ANSWERS
from dmscan.sandbox.state import Title
from dmscan.sandbox.world import World, is_valid

PAGE = 100
NEWEST = 20
INSTANT, RELIST = (Entry.OFFER, Exit.INSTANT), (Entry.OFFER, Exit.RELIST)


def least_for_all(world: World, request: ScanRequest, now: int) -> Counter[str]:
    """By endpoint what an exact answer for all exits needs, as S1 counts it.

    The sweep; a sales call per title with its ask in the band; an offers call per title whose sales or bid could pay; a targets call
    per title whose bid could pay. Whether they could is what dmscan's own rules say of the quote and of the sales.
    """
    calls = Counter({"aggregated-prices": _pages(len(world.names("cs2")))})
    for quoted, sales in evidences(world, now):
        in_band, sales_could_pay, bid_could_pay = (
            isinstance(judge(pair, evidence, request.rules), Need)
            for pair, evidence in ((RELIST, quoted), (RELIST, replace(quoted, sales=sales)), (INSTANT, quoted))
        )
        calls.update({"last-sales": in_band, "v2/offers": sales_could_pay or bid_could_pay, "targets-by-title": bid_could_pay})
    return calls


def least_for_instant(world: World, request: ScanRequest, now: int, found: Collection[str]) -> Counter[str]:
    """By endpoint what an exact answer for instant needs: the sweep, the fees, one call per candidate and one more if it is `found`."""
    # A page of fees that is not full ends nothing: only an empty one does.
    fees = ceil(sum(1 for _ in world.fee_rows("cs2")) / ANSWERS.fee_page) + 1
    sweep = Counter({"aggregated-prices": _pages(len(world.names("cs2"))), "customized-fees": fees})
    return sweep + Counter({"v2/offers": sum(1 for _ in candidates(world, request, now)), "targets-by-title": len(found)})


def candidates(world: World, request: ScanRequest, now: int) -> Iterator[str]:
    """The titles that pass the quote rules at this moment, whatever is remembered of them."""
    table = fee_table(world)
    for name in filter(is_valid, world.names("cs2")):
        evidence = Evidence(quote_of(world, name, now), table.schedule(name))
        if any(isinstance(judge(pair, evidence, request.rules), Need) for pair in request.pairs):
            yield name


def evidences(world: World, now: int) -> Iterator[tuple[Evidence, Stamped[tuple[Sale, ...]]]]:
    """Of each title what its quote says, and the newest sales that the market would tell."""
    table = fee_table(world)
    for title in world.titles_of("cs2"):
        if is_valid(title.title):
            yield Evidence(quote_of(world, title.title, now), table.schedule(title.title)), Stamped(_sales(title), now)


def quote_of(world: World, name: str, now: int) -> Quote:
    sides = world.quote("cs2", name, include_p2p=False)
    return Quote(Game.CS2, name, sides.ask, sides.bid, sides.ask_count, sides.bid_count, now)


def fee_table(world: World) -> FeeTable:
    default, rows = world.default_fee("cs2"), dict[str, list[FeeRow]]()
    for name, row in world.fee_rows("cs2"):
        fraction = parse_fraction(row.fraction)
        if fraction is not None:
            rows.setdefault(name, []).append(FeeRow(fraction, row.low, row.high, row.expires_at))
    by_title = {name: tuple(of_title) for name, of_title in rows.items()}
    return FeeTable(Fraction(default.fraction), default.min_amount, FeeSource.DEFAULT, by_title)


def _sales(title: Title) -> tuple[Sale, ...]:
    newest = sorted((sale for sale in title.sales if sale.kind == "Offer"), key=lambda sale: -sale.at)[:NEWEST]
    return tuple(Sale(sale.price, sale.at, SaleKind.OFFER, sale.phase, sale.float_value or None) for sale in newest)


def _pages(titles: int) -> int:
    return ceil(titles / PAGE)

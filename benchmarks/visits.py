"""Scans in this process, in simulated time: what they found, after how many requests, and what the market's log says they asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path

from msgspec import Struct

from benchmarks import simulated
from dmscan import __version__
from dmscan.clock import Clock
from dmscan.core.memory import Known
from dmscan.core.models import Entry, Exit, Game, Opportunity, Rules
from dmscan.core.rank import totals
from dmscan.core.report import Progress, ScanReport, ScanRequest
from dmscan.core.rules import price_bands
from dmscan.history.store import History, ScanEnd, ScanStart
from dmscan.market.cache import CachedMarket
from dmscan.sandbox.server import Request, Sandbox
from dmscan.sandbox.truth import Answer, Question, find
from dmscan.sandbox.world import World
from dmscan.scanner import Scan

CONFIRMING = frozenset(("last-sales", "targets-by-title", "v2/offers"))


class Find(Struct, frozen=True):
    """An opportunity, published when the market had got `after` requests of its scan."""

    after: int
    opportunity: Opportunity


class Visit(Struct, frozen=True):
    """One scan: `asked` are the endpoints of its requests in their order, from the market's log."""

    report: ScanReport
    finds: tuple[Find, ...]
    asked: tuple[str, ...]

    @property
    def requests(self) -> Counter[str]:
        return Counter(self.asked)

    @property
    def confirm_calls(self) -> int:
        return sum(endpoint in CONFIRMING for endpoint in self.asked)

    def profit(self, confirm_calls: int | None = None) -> int:
        """Cents that were certain before the call after so many confirm calls was sent, each offer once; all of them for `None`."""
        last = len(self.asked) if confirm_calls is None else self._place_after(confirm_calls)
        return totals(find.opportunity for find in self.finds if find.after <= last).net_profit

    def _place_after(self, confirm_calls: int) -> int:
        confirming = (place for place, endpoint in enumerate(self.asked) if endpoint in CONFIRMING)
        return next(islice(confirming, confirm_calls, None), len(self.asked))


def request_of(exits: Sequence[Exit], rules: Rules | None = None) -> ScanRequest:
    """An exact scan of all cs2 titles, with dmscan's default rules if no others are given."""
    return ScanRequest((Game.CS2,), (Entry.OFFER,), tuple(exits), rules or Rules(price_bands()), deadline_s=0)


def truth_of(world: World, request: ScanRequest, now: int, names: Collection[str] | None = None) -> Answer:
    """What brute force finds at this moment for the same question, on all titles or on those named."""
    question = Question(("cs2",), tuple(request.exits), levels=request.levels, min_price=request.min_price)
    titles = world.titles_of("cs2") if names is None else filter(None, (world.title("cs2", name) for name in names))
    return find(titles, {"cs2": world.default_fee("cs2")}, question, lambda _game, _title: now)


class Visitor:
    """Scans one market again and again, each time as a new process would: with a new client, and the history from its file."""

    def __init__(self, world: World, clock: Clock, history: Path | None = None, *, rate: int | None = None) -> None:
        self.sandbox = Sandbox(world, clock, rate=rate)
        self._clock, self._history, self._rate = clock, history, rate

    async def visit(self, request: ScanRequest) -> Visit:
        """One scan; RuntimeError if something fails that is no matter of the budget."""
        log = self.sandbox.log
        before, notes = len(log), _Notes(self.sandbox)
        rate = None if self._rate is None else Fraction(self._rate)
        market = simulated.market(self._respond, self._clock, rate, request.max_requests)
        try:
            async with self._remembered() as history:
                scan = Scan(request, CachedMarket(market, self._clock), self._clock, notes, history.memory if history else None)
                report = await self._stored(scan, history)
        finally:
            await market.close()
        if report.troubles:
            raise RuntimeError(f"The scan went wrong: {report.troubles}")
        finds = tuple(Find(find.after - before, find.opportunity) for find in notes.finds)
        return Visit(report, finds, tuple(entry.endpoint for entry in islice(log, before, None)))

    async def known(self) -> Sequence[Known]:
        """All titles as the history has them now."""
        async with self._remembered() as history:
            return await history.memory.known(Game.CS2) if history else ()

    async def _stored(self, scan: Scan, history: History | None) -> ScanReport:
        """As the command does it: begun, remembered and recorded."""
        start = ScanStart(f"at {self._clock.now()}", self._clock.seconds(), "{}", __version__)
        if history is None:
            return await scan.run(start.scan_id, "sandbox")
        await history.begin(start)
        report = await scan.run(start.scan_id, "sandbox")
        await history.memory.flush()
        await history.record(start, report, ScanEnd(report.exit_code(), "{}"))
        return report

    @asynccontextmanager
    async def _remembered(self) -> AsyncIterator[History | None]:
        if self._history is None:
            yield None
            return
        async with simulated.Remembering(self._history) as database:
            history = History(database, "sandbox")
            try:
                yield history
            finally:
                await history.memory.close()

    def _respond(self, asked: simulated.Asked) -> simulated.Answered:
        status, headers, body = self.sandbox.respond(Request(*asked))
        return status, headers, body


class _Notes:
    """Writes down after how many requests each opportunity was published."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.finds: list[Find] = []
        self._log = sandbox.log

    def found(self, opportunity: Opportunity) -> None:
        self.finds.append(Find(len(self._log), opportunity))

    def progress(self, progress: Progress) -> None:
        pass

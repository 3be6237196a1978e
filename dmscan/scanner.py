"""One pass over the market as a funnel: sweep, screen, confirm the survivors, report (design chapter 4)."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any, Protocol

from msgspec.structs import replace

from dmscan.clock import Clock
from dmscan.core.fees import ASSUMED, describe, fixed
from dmscan.core.judge import Verdict, judge, next_need, promise
from dmscan.core.ledger import Ledger
from dmscan.core.models import Evidence, FeeTable, Game, Need, Offer, Opportunity, Quote, Reason, Sale, Stamped, Target
from dmscan.core.rank import rank
from dmscan.core.report import Pair, Progress, ScanReport, ScanRequest, ScanStats, Traffic
from dmscan.core.titles import TitleFilter
from dmscan.errors import BudgetSpent, ClockSkewed, HistoryError, MarketChanged, MarketError, MarketRefused

SWEEP_SHARE = Fraction(6, 10)
WORKERS = 8
FAILURES_IN_A_ROW = 3


class Market(Protocol):
    """What a scan asks of the market; every answer is stamped with the whole second of its arrival."""

    @property
    def signed(self) -> bool: ...
    @property
    def skipped(self) -> int: ...
    def catalogue(self, game: Game) -> AsyncIterator[Stamped[tuple[Quote, ...]]]: ...
    async def fees(self, game: Game) -> Stamped[FeeTable]: ...
    async def sales(self, game: Game, title: str) -> Stamped[tuple[Sale, ...]]: ...
    async def targets(self, game: Game, title: str) -> Stamped[tuple[Target, ...]]: ...
    async def offers(self, game: Game, title: str) -> Stamped[tuple[Offer, ...]]: ...
    def traffic(self) -> Traffic: ...


class Diary(Protocol):
    """What outlives a scan; without a key the fee table is asked for once a day and game."""

    async def fee_attempted(self, game: Game, day: int) -> bool: ...
    async def note_fee_attempt(self, game: Game, day: int, *, answered: bool) -> None: ...


class Listener(Protocol):
    """Who wants to know while a scan runs."""

    def found(self, opportunity: Opportunity) -> None: ...
    def progress(self, progress: Progress) -> None: ...


class Scan:
    """One pass. `stop` ends it early with what is certain by then; in-flight requests are left alone."""

    def __init__(self, request: ScanRequest, market: Market, clock: Clock, listener: Listener, diary: Diary | None = None) -> None:
        self._request, self._market, self._clock, self._listener, self._diary = request, market, clock, listener, diary
        self._filter = TitleFilter(request.titles, request.exclude)
        self._ledger = Ledger(request, listener.found)
        self._candidates: list[Evidence | None] = []
        self._fees: dict[Game, FeeTable] = {}
        self._swept: set[Game] = set()
        self._failures: Counter[Game] = Counter()
        self.stop = asyncio.Event()

    async def run(self, scan_id: str, source: str) -> ScanReport:
        """Sweeps with at most 60 % of the budget, confirms with the rest, and reports what was certain by its end."""
        started, began = self._clock.seconds(), self._clock.monotonic()
        deadline = began + self._request.deadline_s if self._request.deadline_s else math.inf
        await self._until(began + (deadline - began) * float(SWEEP_SHARE), map(self._sweep, self._request.games))
        self._candidates.sort(key=lambda evidence: -promise(evidence.quote) if evidence else 0)
        if not self.stop.is_set():
            places = iter(range(len(self._candidates)))
            await self._until(deadline, (self._confirm_all(places) for _ in range(WORKERS)))
        self._close()
        report = self._report(scan_id, source, started)
        return replace(report, stats=replace(report.stats, elapsed_ms=round(1000 * (self._clock.monotonic() - began))))

    async def _until(self, deadline: float, work: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Runs the work side by side until it is done, the deadline has come or `stop` is set."""
        everything: asyncio.Future[Any] = asyncio.gather(*work)
        stopped = asyncio.ensure_future(self.stop.wait())
        left = None if math.isinf(deadline) else max(0, deadline - self._clock.monotonic())
        try:
            await asyncio.wait({everything, stopped}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if everything.done():
                everything.result()
        finally:
            stopped.cancel()
            everything.cancel()
            await asyncio.gather(everything, stopped, return_exceptions=True)

    async def _sweep(self, game: Game) -> None:
        try:
            fees = self._fees[game] = await self._fee_table(game)
            async for page in self._market.catalogue(game):
                for quote in page.value:
                    self._screen(quote, fees)
                self._tell(sweeping=True)
                if self._sweep_spent():
                    return
            self._swept.add(game)
        except BudgetSpent:
            return
        except MarketError as error:
            self._failed(error, game)

    async def _fee_table(self, game: Game) -> FeeTable:
        """The game's fees; 10 % is assumed without a table (design chapter 3)."""
        if self._request.fee is not None:
            return fixed(self._request.fee)
        if not self._market.signed:
            return await self._keyless_fees(game)
        try:
            return (await self._market.fees(game)).value
        except (MarketRefused, ClockSkewed):
            raise
        except MarketError as error:
            self._ledger.trouble(error, game)
            return ASSUMED

    async def _keyless_fees(self, game: Game) -> FeeTable:
        """One attempt a day and game; that it is refused is no trouble."""
        day = self._clock.seconds() // 86400
        try:
            if self._diary and await self._diary.fee_attempted(game, day):
                return ASSUMED
            table = (await self._market.fees(game)).value
        except (MarketError, HistoryError):
            table = ASSUMED
        if self._diary:
            with suppress(HistoryError):
                await self._diary.note_fee_attempt(game, day, answered=table is not ASSUMED)
        return table

    def _sweep_spent(self) -> bool:
        limit = self._request.max_requests
        return limit is not None and self._market.traffic().sent >= limit * SWEEP_SHARE

    def _screen(self, quote: Quote, fees: FeeTable) -> None:
        ledger = self._ledger
        ledger.titles += 1
        if not self._filter.wants(quote.title):
            for pair in self._request.pairs:
                ledger.refuse(pair, quote, Reason.EXCLUDED)
            return
        evidence = Evidence(quote, fees.schedule(quote.title))
        verdicts = self._judge(evidence)
        if next_need(verdicts.values()) is None:
            ledger.settle(evidence, verdicts)
        else:
            ledger.candidates += 1
            self._candidates.append(evidence)

    def _judge(self, evidence: Evidence) -> dict[Pair, Verdict]:
        signed, rules = self._market.signed, self._request.rules
        return {pair: judge(pair, evidence, rules, signed=signed) for pair in self._request.pairs}

    async def _confirm_all(self, places: Iterator[int]) -> None:
        """One worker: takes the most promising candidate left until none is, or the budget is spent."""
        for place in places:
            evidence = self._candidates[place]
            if evidence is None or self._failures[evidence.quote.game] >= FAILURES_IN_A_ROW:
                continue
            try:
                await self._confirm(place, evidence)
            except BudgetSpent:
                return
            except MarketError as error:
                self._failed(error, evidence.quote.game)

    async def _confirm(self, place: int, evidence: Evidence) -> None:
        """Asks what is still needed, the cheapest deciding call first, until every verdict is certain."""
        while (need := next_need(self._judge(evidence).values())) is not None:
            evidence = self._candidates[place] = await self._ask(evidence, need)
        self._failures[evidence.quote.game] = 0
        self._candidates[place] = None
        self._ledger.judged += 1
        self._ledger.settle(evidence, self._judge(evidence))
        self._tell(sweeping=False)

    async def _ask(self, evidence: Evidence, need: Need) -> Evidence:
        game, title = evidence.quote.game, evidence.quote.title
        if need is Need.SALES:
            return replace(evidence, sales=await self._market.sales(game, title))
        if need is Need.TARGETS:
            return replace(evidence, targets=await self._market.targets(game, title))
        return replace(evidence, offers=await self._market.offers(game, title))

    def _failed(self, error: MarketError, game: Game) -> None:
        """A refused key, a wrong clock or a changed API ends the scan; other trouble only its part."""
        self._ledger.trouble(error, game)
        self._failures[game] += 1
        if isinstance(error, MarketRefused | ClockSkewed | MarketChanged):
            self.stop.set()

    def _close(self) -> None:
        for evidence in self._candidates:
            if evidence is not None:
                self._ledger.settle(evidence, self._judge(evidence))
        self._ledger.close()
        if self._ledger.units_differ:
            sentence = "The prices of last-sales are of another unit than the asks, so no relist can be trusted: check for a newer dmscan."
            self._ledger.trouble(MarketChanged(sentence, Need.SALES))

    def _report(self, scan_id: str, source: str, started: int) -> ScanReport:
        ledger, traffic = self._ledger, self._market.traffic()
        left = ledger.candidates - ledger.judged
        return ScanReport(
            scan_id=scan_id,
            source=source,
            request=self._request,
            started_at=started,
            finished_at=self._clock.seconds(),
            complete=self._swept == set(self._request.games) and not left and not ledger.units_differ,
            coverage=Fraction(ledger.judged, ledger.candidates) if ledger.candidates else Fraction(1),
            signed=self._market.signed,
            fee_sources={game: describe(table) for game, table in self._fees.items()},
            stats=ScanStats(
                titles=ledger.titles,
                candidates=ledger.candidates,
                judged=ledger.judged,
                skipped=self._market.skipped,
                fee_rows_ignored=sum(table.ignored for table in self._fees.values()),
                pass_if_renewed=ledger.pass_if_renewed,
                traffic=traffic,
            ),
            rejected=ledger.rejected,
            opportunities=rank(ledger.found, self._request.sort),
            troubles=ledger.troubles,
            examples=ledger.examples,
            seconds_for_all=math.ceil(self._calls_left(traffic) / self._request.rate) if left else None,
        )

    def _calls_left(self, traffic: Traffic) -> int:
        """An estimate: what a verdict has cost so far, two calls before there is any."""
        ledger = self._ledger
        spent = sum(traffic.requests.get(need, 0) for need in Need)
        return math.ceil((ledger.candidates - ledger.judged) * (Fraction(spent, ledger.judged) if ledger.judged else 2))

    def _tell(self, *, sweeping: bool) -> None:
        ledger, traffic = self._ledger, self._market.traffic()
        calls_left = None if sweeping else self._calls_left(traffic)
        self._listener.progress(
            Progress(ledger.titles, ledger.candidates, ledger.judged, len(ledger.found), traffic.sent, sweeping, calls_left)
        )

"""One pass over the market as a funnel: sweep, screen, confirm the survivors, look again, report (design chapter 4)."""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from fractions import Fraction
from random import Random
from typing import Any, Protocol

from msgspec.structs import replace

from dmscan import confirm, sweep, tariff
from dmscan.clock import Clock
from dmscan.confirm import Candidate, Confirmation, Line, Place
from dmscan.core.attention import abreast, turn
from dmscan.core.calls import CONFIRM_SHARE, is_budgeted, put_off, question_of, still_refused
from dmscan.core.fees import DAY, describe
from dmscan.core.judge import Verdict
from dmscan.core.ledger import Ledger
from dmscan.core.memory import Known, Look, Refusals
from dmscan.core.models import Confidence, Evidence, FeeTable, Game, Need, Opportunity, Quote, Reason
from dmscan.core.outlook import CENT, promise
from dmscan.core.rank import rank
from dmscan.core.report import SWEEP_SHARE, Pair, Progress, ScanReport, ScanRequest, ScanStats, Traffic
from dmscan.core.screen import refusals_on_sight
from dmscan.core.titles import TitleFilter
from dmscan.errors import BudgetSpent, ClockSkewed, HistoryError, MarketChanged, MarketError, MarketRefused, MarketUnavailable
from dmscan.sweep import Sweep
from dmscan.tariff import Tariff

CONFIRMING = ("last-sales", "targets-by-title", "v2/offers")
"""The endpoints that verdicts ask."""
SIDE_BY_SIDE = 8
EARLY = 3
"""So many confirm while the sweep runs: more would leave it too few of the requests to show soon what is best."""
FAILURES_IN_A_ROW = 3
SKIPPED_SHARE = Fraction(1, 100)
"""Up to here rows that cannot be read are only counted; with more of them a scan has not seen all (reliability.md P12)."""
EAGER = 25 * CENT
"""Under a budget, what promises less a call waits until the whole sweep has shown what is best."""
TURN = 2**60
"""More than any promise: open episodes are confirmed first, and in a watch what has changed before them."""


class Market(confirm.Market, sweep.Market, tariff.Market, Protocol):
    """All that a scan asks of the market."""

    @property
    def signed(self) -> bool: ...
    @property
    def received(self) -> int: ...
    @property
    def skipped(self) -> int: ...
    @property
    def pace(self) -> float: ...
    @property
    def hits(self) -> int: ...
    @property
    def misses(self) -> int: ...
    @property
    def sent(self) -> Mapping[str, int]: ...
    def traffic(self) -> Traffic: ...
    def forget(self, game: Game, title: str) -> None: ...


class Memory(confirm.Memory, sweep.Memory, tariff.Memory, Protocol):
    """All that a scan remembers."""

    async def known(self, game: Game) -> Sequence[Known]: ...
    def note_look(self, game: Game, title: str, look: Look) -> None: ...
    async def open_titles(self, since: int) -> frozenset[tuple[Game, str]]: ...


class Listener(Protocol):
    """Who wants to know while a scan runs."""

    def found(self, opportunity: Opportunity) -> None: ...
    def progress(self, progress: Progress) -> None: ...


class Scan:
    """One pass. `stop` ends it early with what is certain by then; in-flight requests are left alone."""

    def __init__(self, request: ScanRequest, market: Market, clock: Clock, listener: Listener, memory: Memory | None = None) -> None:
        self._request, self._market, self._clock, self._listener, self._memory = request, market, clock, listener, memory
        self._filter, self._pairs = TitleFilter(request.titles, request.exclude), request.pairs
        self._signed = market.signed
        self._ledger = Ledger(request, listener.found, signed=self._signed, draw=Random().randrange)
        self._tariff = Tariff(request, market, memory, clock, self._ledger.trouble)
        self._confirmation = Confirmation(request, market, memory, clock)
        self._line = Line(EAGER if is_budgeted(request) else 0)
        self._kept: dict[tuple[Game, str], Candidate] = {}
        self._unanswered: dict[tuple[Game, str], MarketError] = {}
        self._fees: dict[Game, FeeTable] = {}
        self._questions: dict[Game, str] = {}
        self._open_titles: frozenset[tuple[Game, str]] = frozenset()
        self._swept: set[Game] = set()
        self._failures: Counter[Game] = Counter()
        self._share = CONFIRM_SHARE if request.recheck_s is not None else Fraction(1)
        self._spare = Fraction(0)
        self._sweeping = True
        self.stop = asyncio.Event()

    async def run(self, scan_id: str, source: str) -> ScanReport:
        """Sweeps and confirms side by side, looks again at what is about to be shown, and reports what was certain by the end.

        At most 60 % of the budget goes to the sweep, and 10 % is kept back for the second look.
        """
        started, began = self._clock.seconds(), self._clock.monotonic()
        workers = self._workers()
        await self._until(began, SWEEP_SHARE, [self._sweep(game) for game in self._request.games])
        self._sweeping = False
        self._line.release()
        await self._until(began, self._share, workers)
        if self._share < 1 and not self.stop.is_set():
            self._share = Fraction(1)
            await self._until(began, Fraction(1), [self._look_again()])
            await self._until(began, Fraction(1), self._workers())
        self._close()
        report = self._report(scan_id, source, started)
        return replace(report, stats=replace(report.stats, elapsed_ms=round(1000 * (self._clock.monotonic() - began))))

    async def _until(self, began: float, share: Fraction, work: Iterable[Awaitable[None]]) -> None:
        """Lets the work go on side by side until it is done, that share of the time is over or `stop` is set."""
        everything: asyncio.Future[Any] = asyncio.gather(*work)
        stopped = asyncio.ensure_future(self.stop.wait())
        left = None
        if self._request.deadline_s:
            left = max(0, began + self._request.deadline_s * float(share) - self._clock.monotonic())
        try:
            await asyncio.wait({everything, stopped}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if everything.done():
                everything.result()
        finally:
            stopped.cancel()
            everything.cancel()
            await asyncio.gather(everything, stopped, return_exceptions=True)

    async def _sweep(self, game: Game) -> None:
        one = Sweep(game, self._request, self._market, self._memory, self._clock)
        try:
            fees = self._fees[game] = await self._tariff.table(game)
            self._questions[game] = question_of(self._request, fees)
            async for quotes in one.quotes(await self._recalled(game)):
                self._ledger.titles += len(quotes)
                for quote, known in self._screened(quotes):
                    self._judge(quote, fees, known)
                self._tell()
            self._swept.add(game)
        except BudgetSpent:
            return
        except MarketError as error:
            self._failed(error, game)

    async def _recalled(self, game: Game) -> dict[str, Known]:
        """The game's titles as last seen; a history that cannot be read is a trouble, and the scan knows nothing.

        A fresh scan only has to know which titles' refusals are news.
        """
        if self._memory is None:
            return {}
        try:
            self._ledger.watched |= await self._memory.open_titles(self._clock.seconds() - DAY)
            if self._request.fresh:
                return {}
            self._open_titles = self._ledger.watched
            return {known.quote.title: known for known in await self._memory.known(game)}
        except HistoryError as error:
            self._ledger.trouble(error, game)
            return {}

    def _screened(self, quotes: Iterable[tuple[Quote, Known | None]]) -> list[tuple[Quote, Known | None]]:
        """Those that need a closer look. Most titles of a page end here, and are booked together where the reasons are the same."""
        alike, left = defaultdict[tuple[Reason, ...], list[Quote]](list), []
        for quote, known in quotes:
            if reasons := self._refusals_on_sight(quote):
                alike[reasons].append(quote)
            else:
                left.append((quote, known))
        for reasons, refused in alike.items():
            self._ledger.refuse_on_sight(refused, reasons)
        return left

    def _refusals_on_sight(self, quote: Quote) -> tuple[Reason, ...] | None:
        if not self._filter.wants(quote.title):
            return (Reason.EXCLUDED,) * len(self._pairs)
        return refusals_on_sight(quote, self._pairs, self._request.rules) if self._signed else None

    def _judge(self, quote: Quote, fees: FeeTable, known: Known | None) -> None:
        ledger = self._ledger
        fast_bids = known is not None and known.has_fast_bids
        candidate = Candidate.of(Evidence(quote, fees.schedule(quote.title), fast_bids=fast_bids), known)
        verdicts = self._confirmation.verdicts(candidate)
        needs = [pair for pair, verdict in verdicts.items() if isinstance(verdict, Need)]
        candidate.closed = {
            **put_off(needs, known, (quote, candidate.evidence.fees), self._request),
            **still_refused(needs, known, quote, self._request, self._questions[quote.game]),
        }
        ledger.candidates += bool(needs)
        if len(candidate.closed) < len(needs):
            self._enqueue(candidate, known, [pair for pair in needs if pair not in candidate.closed])
            return
        ledger.judged += bool(needs)
        ledger.settle(candidate.evidence, {**verdicts, **candidate.closed}, candidate.closed)

    def _enqueue(self, candidate: Candidate, known: Known | None, needs: Sequence[Pair]) -> None:
        evidence = candidate.evidence
        expected = promise(needs, evidence.quote, evidence.fees, known)
        question, is_open = self._questions[evidence.quote.game], candidate.key in self._open_titles
        self._line.add(candidate, expected + TURN * turn(known, evidence.quote, question, self._request, is_open=is_open))

    def _workers(self) -> list[asyncio.Task[None]]:
        early = abreast(EARLY, self._market.pace, self._request)
        return [asyncio.create_task(self._confirm_all(early=place < early)) for place in range(SIDE_BY_SIDE)]

    async def _confirm_all(self, *, early: bool) -> None:
        """One worker: takes the most promising candidate left until none is, or the budget is spent."""
        if not early:
            await self._line.released.wait()
        while not self._calls_spent() and (place := await self._line.take()) is not None:
            candidate = self._line.candidate(place)
            if self._failures[candidate.key[0]] >= FAILURES_IN_A_ROW:
                continue
            try:
                verdicts = await self._confirmation.settle(candidate)
            except BudgetSpent:
                self._line.keep(place, candidate)
                return
            except MarketError as error:
                self._fell_short(place, candidate, error)
            except asyncio.CancelledError:
                self._line.put_back(place, candidate)
                raise
            else:
                self._line.done(place, candidate)
                self._judged(candidate, verdicts)

    def _fell_short(self, place: Place, candidate: Candidate, error: MarketError) -> None:
        """A candidate without an answer is tried once more when all others had their turn; what is left of it then is a trouble."""
        self._line.keep(place, candidate)
        game = candidate.key[0]
        if not isinstance(error, MarketUnavailable):
            self._failed(error, game)
            return
        self._failures[game] += 1
        if candidate.key not in self._unanswered:
            self._line.put_last(place, candidate)
        self._unanswered[candidate.key] = error

    def _calls_spent(self) -> bool:
        limit = self._request.max_requests
        return limit is not None and sum(self._market.sent.values()) >= limit * self._share

    def _judged(self, candidate: Candidate, verdicts: Mapping[Pair, Verdict]) -> None:
        found = any(isinstance(verdict, tuple) for verdict in verdicts.values())
        self._failures[candidate.key[0]] = 0
        self._unanswered.pop(candidate.key, None)
        self._ledger.judged += 1
        renewed = self._ledger.settle(candidate.evidence, verdicts, candidate.closed)
        if self._memory:
            refusals = self._refusals(candidate, {} if renewed else verdicts)
            self._memory.note_look(*candidate.key, Look(candidate.evidence.now, found, refusals))
        if found and self._request.recheck_s is not None:
            self._kept[candidate.key] = candidate
        self._tell()

    def _refusals(self, candidate: Candidate, verdicts: Mapping[Pair, Verdict]) -> Refusals:
        """What the answers of now refuse; what only memory refused is not remembered as if it were new."""
        refused = {pair: verdict for pair, verdict in verdicts.items() if isinstance(verdict, Reason) and pair not in candidate.closed}
        question = self._questions[candidate.key[0]]
        return Refusals(question, candidate.evidence.oldest_at, {".".join(pair): reason for pair, reason in refused.items()})

    async def _look_again(self) -> None:
        """Asks anew for the offers and targets of what is about to be shown, as far as a tenth of the calls so far goes."""
        if self._ledger.judged == self._ledger.candidates:
            # Relists held back are looked at too, as nothing more will come that could prove their units.
            self._ledger.close()
        self._spare = sum(self._market.sent.values()) * (1 - CONFIRM_SHARE)
        shown = rank(self._ledger.found, self._request.sort)[: self._request.limit]
        waiting = iter(dict.fromkeys((found.game, found.title) for found in shown if found.confidence is Confidence.CONFIRMED))
        await asyncio.gather(*(self._recheck(waiting) for _ in range(SIDE_BY_SIDE)))

    async def _recheck(self, waiting: Iterable[tuple[Game, str]]) -> None:
        for key in waiting:
            candidate = self._kept[key]
            evidence = candidate.evidence
            answers = [answer for answer in (evidence.offers, evidence.targets) if answer]
            age = self._clock.seconds() - min(answer.at for answer in answers)
            if age <= (self._request.recheck_s or 0) or len(answers) > self._spare:
                continue
            self._spare -= len(answers)
            self._market.forget(*key)
            candidate.evidence = replace(evidence, offers=None, targets=None)
            try:
                self._ledger.look_again(candidate.evidence, await self._confirmation.settle(candidate))
            except BudgetSpent:
                return
            except MarketError as error:
                self._failed(error, key[0])

    def _failed(self, error: MarketError, game: Game) -> None:
        """A refused key, a wrong clock or a changed API ends the scan; other trouble only its part."""
        self._ledger.trouble(error, game)
        self._failures[game] += 1
        if isinstance(error, MarketRefused | ClockSkewed | MarketChanged):
            self.stop.set()

    @property
    def _is_patchy(self) -> bool:
        return self._market.skipped > SKIPPED_SHARE * self._market.received

    def _close(self) -> None:
        for (game, _), error in self._unanswered.items():
            self._ledger.trouble(error, game)
        for candidate in self._line.left():
            self._ledger.settle(candidate.evidence, self._confirmation.verdicts(candidate), candidate.closed)
        self._ledger.close()
        if not self._ledger.titles and not self._ledger.troubles and self._market.traffic().failed:
            self._ledger.trouble(MarketUnavailable("The market gave no answer within the budget.", "aggregated-prices"))
        if self._is_patchy:
            sentence = f"{self._market.skipped:,} of {self._market.received:,} rows could not be read: check for a newer dmscan."
            self._ledger.trouble(MarketUnavailable(sentence))
        if self._ledger.units_differ:
            sentence = "The prices of last-sales are of another unit than the asks, so no relist can be trusted: check for a newer dmscan."
            self._ledger.trouble(MarketChanged(sentence, "last-sales"))

    def _report(self, scan_id: str, source: str, started: int) -> ScanReport:
        ledger, traffic = self._ledger, self._market.traffic()
        left = ledger.candidates - ledger.judged
        return ScanReport(
            scan_id=scan_id,
            source=source,
            request=self._request,
            started_at=started,
            finished_at=self._clock.seconds(),
            complete=self._swept == set(self._request.games) and not (left or ledger.units_differ or self._is_patchy),
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
                gone_at_recheck=ledger.gone,
                cache_hits=self._market.hits + self._confirmation.reused + self._tariff.reused,
                cache_misses=self._market.misses,
                traffic=traffic,
            ),
            rejected=ledger.rejected,
            opportunities=rank(ledger.found, self._request.sort),
            troubles=ledger.troubles,
            examples=ledger.examples,
            refused=ledger.refused,
            sample=tuple(ledger.sample),
            seconds_for_all=math.ceil(self._calls_left() / self._market.pace) if left else None,
        )

    def _calls_left(self) -> int:
        """An estimate: what a verdict has cost so far, two calls before there is any."""
        ledger = self._ledger
        spent = sum(self._market.sent.get(endpoint, 0) for endpoint in CONFIRMING)
        return math.ceil((ledger.candidates - ledger.judged) * (Fraction(spent, ledger.judged) if ledger.judged else 2))

    def _tell(self) -> None:
        ledger = self._ledger
        calls_left = None if self._sweeping else self._calls_left()
        seconds_left = None if calls_left is None else math.ceil(calls_left / self._market.pace)
        counts = (ledger.titles, ledger.candidates, ledger.judged, len(ledger.found), sum(self._market.sent.values()))
        self._listener.progress(Progress(*counts, self._sweeping, calls_left, seconds_left))

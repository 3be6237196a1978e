"""One title, asked for what its verdicts and the changes that would turn them depend on, and nothing else (design chapter 7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Protocol, TypeVar

from msgspec import Struct

from dmscan import confirm, tariff
from dmscan.clock import Clock
from dmscan.confirm import Candidate, Confirmation
from dmscan.core.changes import open_verdicts, smallest_changes
from dmscan.core.explain import explain
from dmscan.core.explained import Explained, Explanation, Fact, Origin
from dmscan.core.fees import ASSUMED, fixed
from dmscan.core.judge import Verdict, judge, next_need
from dmscan.core.memory import Known, SalesOutlook
from dmscan.core.models import Evidence, FeeSource, FeeTable, Game, Need, Quote, Reason, Sale, SaleKind, Stamped
from dmscan.core.pricing import TitleFees
from dmscan.core.report import Pair, ScanRequest, Traffic, Trouble
from dmscan.errors import DmscanError, MarketError
from dmscan.tariff import Tariff

ORIGINS = {FeeSource.SET: Origin.SET, FeeSource.ASSUMED: Origin.ASSUMED}
T = TypeVar("T")


class Market(confirm.Market, tariff.Market, Protocol):
    """All that an inquiry asks of the market."""

    async def quotes(self, game: Game, titles: Sequence[str]) -> Stamped[tuple[Quote, ...]]: ...
    def traffic(self) -> Traffic: ...


class Stored(Struct, frozen=True):
    """What the history holds of a title and its game's fees, however old. It only answers: what is learnt is not noted."""

    known: Known | None = None
    fee_table: Stamped[FeeTable] | None = None
    sold: Stamped[tuple[Sale, ...]] | None = None
    filled: Stamped[tuple[Sale, ...]] | None = None
    fees_tried: bool = False

    @property
    def quote(self) -> Quote | None:
        return self.known.quote if self.known and self.known.quote.at else None

    @property
    def fast_bids(self) -> bool:
        return self.known is not None and self.known.has_fast_bids

    async def fees(self, game: Game, since: int) -> Stamped[FeeTable] | None:
        return self.fee_table if self.fee_table and self.fee_table.at >= since else None

    async def fee_attempted(self, game: Game, day: int) -> bool:
        return self.fees_tried

    async def sales(self, game: Game, title: str, since: int, kind: SaleKind = SaleKind.OFFER) -> Stamped[tuple[Sale, ...]] | None:
        answer = self.sold if kind is SaleKind.OFFER else self.filled
        return answer if answer and answer.at >= since else None

    async def note_fee_attempt(self, game: Game, day: int, *, answered: bool) -> None: ...
    def note_fees(self, game: Game, answer: Stamped[FeeTable]) -> None: ...
    def note_sales(self, game: Game, title: str, answer: Stamped[tuple[Sale, ...]], outlook: SalesOutlook) -> None: ...
    def note_fills(self, game: Game, title: str, answer: Stamped[tuple[Sale, ...]]) -> None: ...


def recalled(request: ScanRequest, key: tuple[Game, str], stored: Stored, now: int) -> Explanation | None:
    """The explanation on what is stored, however old; `None` if the title was never quoted. Offers and targets are never stored."""
    quote, table = stored.quote, stored.fee_table
    if quote is None:
        return None
    fees = fixed(request.fee) if request.fee is not None else table.value if table else ASSUMED
    evidence = Evidence(quote, fees.schedule(quote.title), stored.sold, fills=stored.filled, fast_bids=stored.fast_bids)
    pairs = _explained(request, evidence, evidence)
    absent = Origin.NEEDLESS if _is_settled(pairs) else Origin.MISSING
    facts = [
        Fact("quote", Origin.STORED, quote.at),
        Fact("fees", ORIGINS.get(fees.default_source, Origin.STORED), table.at if table and fees is table.value else None),
        *(Fact(need, absent) if at is None else Fact(need, Origin.STORED, at) for need, at in _times(evidence)),
    ]
    return Explanation(*key, request, now, tuple(facts), quote, evidence.fees, pairs, offline=True)


def recalled_fees(request: ScanRequest, key: tuple[Game, str], stored: Stored, now: int) -> TitleFees | None:
    """The title's fees on what is stored, however old; `None` if the title is not."""
    quote, table = stored.quote, stored.fee_table
    if quote is None and not (table and key[1] in table.value.rows):
        return None
    fees = table.value if table else ASSUMED
    facts = [Fact("fees", ORIGINS.get(fees.default_source, Origin.STORED), table.at if table else None)]
    facts += [Fact("quote", Origin.STORED, quote.at)] if quote else []
    return TitleFees(*key, request, now, tuple(facts), quote, fees.schedule(key[1]), offline=True)


class Inquiry:
    """One title asked about. What the market does not answer is a trouble, and what rests on it stays open."""

    def __init__(self, request: ScanRequest, market: Market, stored: Stored, clock: Clock) -> None:
        self._request, self._market, self._stored, self._clock = request, market, stored, clock
        self._confirmation = Confirmation(request, market, stored, clock)
        self._facts: dict[str, Fact] = {}
        self._troubles: list[Trouble] = []

    async def explain(self, game: Game, title: str) -> Explanation | None:
        """`None` if the market does not know the title."""
        quote = fees = None
        pairs: tuple[Explained, ...] = ()
        try:
            quote = await self._quote(game, title)
            if quote is None:
                return None
            fees = (await self._fees(game)).schedule(title)
        except MarketError as error:
            self._trouble(error, game)
        if quote and fees:
            pairs = await self._judged(Candidate.of(Evidence(quote, fees, fast_bids=self._stored.fast_bids), self._stored.known))
        facts = tuple(self._facts.values())
        return Explanation(game, title, self._request, self._clock.seconds(), facts, quote, fees, pairs, tuple(self._troubles))

    async def fees(self, game: Game, title: str) -> TitleFees | None:
        """The title's fees, and its quote however old; `None` if nobody knows the title."""
        quote = table = None
        try:
            table = await self._fees(game)
            quote = await self._last_quote(game, title)
            if quote is None and title not in table.rows:
                return None
        except MarketError as error:
            self._trouble(error, game)
        facts, fees = tuple(self._facts.values()), table.schedule(title) if table else None
        return TitleFees(game, title, self._request, self._clock.seconds(), facts, quote, fees, troubles=tuple(self._troubles))

    async def table(self, game: Game) -> Stamped[FeeTable] | None:
        """The game's fees as the market has them; `None` if it does not say."""
        try:
            table = await self._fees(game)
        except MarketError as error:
            self._trouble(error, game)
            return None
        fact = self._facts["fees"]
        return None if fact.at is None else Stamped(table, fact.at)

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        return tuple(self._troubles)

    async def _last_quote(self, game: Game, title: str) -> Quote | None:
        if self._stored.quote:
            self._facts["quote"] = Fact("quote", Origin.STORED, self._stored.quote.at)
        return self._stored.quote or await self._quote(game, title)

    async def _quote(self, game: Game, title: str) -> Quote | None:
        stored = self._stored.quote
        if stored and stored.at >= self._clock.seconds() - self._request.max_age_s:
            self._facts["quote"] = Fact("quote", Origin.STORED, stored.at)
            return stored
        answer, sent = await self._counted("quote", self._market.quotes(game, [title]))
        self._facts["quote"] = Fact("quote", Origin.ASKED, answer.at, sent)
        return next(iter(answer.value), None)

    async def _fees(self, game: Game) -> FeeTable:
        stored = self._stored.fee_table
        table, sent = await self._counted("fees", Tariff(self._request, self._market, self._stored, self._clock, self._trouble).table(game))
        known = Origin.STORED if stored and table is stored.value else Origin.ASKED
        at = stored.at if stored and known is Origin.STORED else self._clock.seconds()
        origin = ORIGINS.get(table.default_source, known)
        self._facts["fees"] = Fact("fees", origin, at if origin is known else None, sent)
        return table

    async def _judged(self, candidate: Candidate) -> tuple[Explained, ...]:
        """The verdicts as a scan comes to them; then what is left to ask until it is certain what would turn them."""
        rules, signed, settled = self._request.rules, self._request.signed, None
        try:
            await self._ask(candidate, lambda known: (judge(pair, known, rules, signed=signed) for pair in self._request.pairs))
            settled = candidate.evidence
            await self._ask(candidate, partial(_what_if, self._request, settled))
        except MarketError as error:
            self._trouble(error, candidate.key[0])
        pairs = _explained(self._request, settled or candidate.evidence, candidate.evidence)
        absent = Origin.NEEDLESS if _is_settled(pairs) else Origin.MISSING
        self._facts |= {need: Fact(need, absent) for need in candidate.evidence.unasked if need not in self._facts}
        return pairs

    async def _ask(self, candidate: Candidate, verdicts: Callable[[Evidence], Iterable[Verdict]]) -> None:
        while need := next_need(verdicts(candidate.evidence)):
            reused = self._confirmation.reused
            candidate.evidence, sent = await self._counted(need, self._confirmation.answered(candidate, need))
            origin = Origin.ASKED if self._confirmation.reused == reused else Origin.STORED
            self._facts[need] = Fact(need, origin, dict(_times(candidate.evidence))[need], sent)

    async def _counted(self, name: str, answer: Awaitable[T]) -> tuple[T, int]:
        """The answer and how many requests it took; those in vain are told too."""
        before = self._market.traffic().sent
        try:
            return await answer, self._market.traffic().sent - before
        except MarketError:
            self._facts[name] = Fact(name, Origin.MISSING, None, self._market.traffic().sent - before)
            raise

    def _trouble(self, error: DmscanError, game: Game) -> None:
        self._troubles.append(Trouble(error.exit_code, str(error), game, getattr(error, "endpoint", "")))


def _explained(request: ScanRequest, settled: Evidence, known: Evidence) -> tuple[Explained, ...]:
    """Verdicts and rules on what was settled, changes on all that is known."""
    return tuple(_one(pair, request, settled, known) for pair in request.pairs)


def _one(pair: Pair, request: ScanRequest, settled: Evidence, known: Evidence) -> Explained:
    verdict = judge(pair, settled, request.rules, signed=request.signed)
    checks = explain(pair, settled, request.rules, request.signed)
    if not isinstance(verdict, Reason):
        return Explained(pair, verdict, checks, changes_known=isinstance(verdict, tuple))
    is_open = any(isinstance(other, Need) for other in open_verdicts(pair, known, request))
    return Explained(pair, verdict, checks, smallest_changes(pair, known, request), not is_open)


def _what_if(request: ScanRequest, settled: Evidence, known: Evidence) -> Iterator[Verdict]:
    """What could become of the pairs that were refused, if one setting were another."""
    for pair in request.pairs:
        if isinstance(judge(pair, settled, request.rules, signed=request.signed), Reason):
            yield from open_verdicts(pair, known, request)


def _is_settled(pairs: Iterable[Explained]) -> bool:
    return all(one.changes_known for one in pairs)


def _times(evidence: Evidence) -> Iterator[tuple[Need, int | None]]:
    """When each answer arrived, `None` if it was not asked for."""
    answers = {Need.SALES: evidence.sales, Need.TARGETS: evidence.targets, Need.FILLS: evidence.fills, Need.OFFERS: evidence.offers}
    return ((need, answer.at if answer else None) for need, answer in answers.items())

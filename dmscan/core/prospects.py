"""What one game would cost: how its quotes are had, and what each candidate then needs (design chapters 4 and 5).

It decides with the very functions of the scan, on quotes as they were: what the market changed meanwhile it cannot know.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from dmscan.core.calls import (
    BATCH,
    Calls,
    Speed,
    is_full_sweep_due,
    put_off,
    question_of,
    sales_since,
    still_refused,
    titles_named,
)
from dmscan.core.fees import ASSUMED, DAY, fixed
from dmscan.core.judge import judge
from dmscan.core.memory import Known, SweepState
from dmscan.core.models import Entry, Evidence, Exit, FeeTable, Game, Need, Stamped
from dmscan.core.outlook import promise, put_off_until, refused_by_outlook
from dmscan.core.report import Pair, ScanRequest
from dmscan.core.titles import TitleFilter
from dmscan.core.wanted import is_wanted

ASSUMED_TITLES: Mapping[Game, int] = {Game.CS2: 25_000, Game.DOTA2: 25_000, Game.TF2: 116_000, Game.RUST: 25_000}
"""A catalogue's size before the first sweep (dmarket-api.md chapter 3): of CS2 and TF2 others tell it, the rest is taken to be as CS2."""
ASSUMED_CANDIDATES = Fraction(3, 10)
"""Candidates among titles never seen, if sales have to decide: 7,402 of 25,112 in design chapter 8."""
ASSUMED_CROSSED = Fraction(1, 50)
"""Candidates for selling into a bid at once among titles never seen."""
ASSUMED_HOPE = Fraction(3, 10)
"""How often a relist whose sales are unknown still needs its offers afterwards: 62 of 214 in design chapter 8."""
OFFERS_A_PAGE = 100
FEE_PAGES = 2
"""The list of reduced fees, and the empty page that ends it."""


class Remembered(Struct, frozen=True):
    """What the history holds of one game. `fees` are the last, of whatever day; `fees_attempted` speaks of today."""

    game: Game
    known: Sequence[Known] = ()
    sweep: SweepState = SweepState()
    fees: Stamped[FeeTable] | None = None
    fees_attempted: bool = False


class Circumstances(Struct, frozen=True):
    """When and how the scan would run. `recalls`: it uses what is remembered, which else serves the estimate only.

    `slow` is the speed if the market allows no more than what a scan begins with; `None` if the speed is set.
    """

    now: int
    signed: bool
    recalls: bool
    speed: Speed
    slow: Speed | None = None
    open_titles: frozenset[tuple[Game, str]] = frozenset()


class SweepKind(StrEnum):
    """How a game's quotes are had: by name, from the whole catalogue or from where a sweep was cut, or of the titles that matter."""

    NAMED = "named"
    FULL = "full"
    RESUMED = "resumed"
    NEAR = "near"


class SweepPlan(Struct, frozen=True):
    """One game's sweep. `asked` titles are quoted anew, of which `assumed` were never seen; the others are left as remembered.

    They are `far` from the prices wanted, were never seen with both sides (`one_sided`), or are `excluded` by name.
    """

    game: Game
    kind: SweepKind
    calls: Calls
    asked: int
    assumed: int
    far: int = 0
    one_sided: int = 0
    excluded: int = 0


class Prospect(Struct, frozen=True):
    """What is expected of one candidate: the calls its verdict costs and its rank among the others.

    `until` is when a relist that was put off is due again; `open` is false if nothing else is left to ask.
    """

    calls: Calls = Calls()
    rank: tuple[bool, int] = (False, 0)
    open: bool = True
    until: int | None = None
    reuses: bool = False


class GamePlan:
    """One game: its sweep, and what its titles would then need."""

    def __init__(self, remembered: Remembered, request: ScanRequest, circumstances: Circumstances) -> None:
        self._remembered, self._request, self._at = remembered, request, circumstances
        self._filter = TitleFilter(request.titles, request.exclude)
        self._fees = _fee_table(remembered, request)
        self._question = question_of(request, self._fees)

    def sweep(self) -> SweepPlan:
        """In the manner of the scan's own sweep: by name, else the catalogue if it is due, and the rest of the titles that matter."""
        game, known, state = self._remembered.game, self._remembered.known, self._state()
        fees = _fee_calls(self._remembered, self._request, self._at)
        if names := self._named():
            assumed = len(set(names) - {one.quote.title for one in known})
            return SweepPlan(game, SweepKind.NAMED, Calls(prices=_batches(len(names)), fees=fees), len(names), assumed)
        if self._at.recalls and known and not is_full_sweep_due(state, self._at.now, self._request):
            return self._near(SweepKind.NEAR, 0, fees)
        if not state.cursor:
            assumed = 0 if known else ASSUMED_TITLES[game]
            asked = len(known) + assumed
            return SweepPlan(game, SweepKind.FULL, Calls(prices=_batches(asked), fees=fees), asked, assumed)
        unread = 0 if state.full_at else max(BATCH, ASSUMED_TITLES[game] - len(known))
        return self._near(SweepKind.RESUMED, unread, fees)

    def prospects(self, sweep: SweepPlan) -> Iterable[Prospect]:
        """Of every candidate, those never seen included."""
        names = {*self._named()}
        for one in self._remembered.known:
            if (not names or one.quote.title in names) and self._filter.wants(one.quote.title):
                yield from self._prospect(one)
        if self._at.signed:
            everyone = sweep.kind is SweepKind.NAMED
            yield from _unseen(sweep.assumed, self._request.pairs, everyone=everyone)

    def _named(self) -> tuple[str, ...]:
        """The titles named outright, unless the last full sweep did not meet one of them, so that all must be read again."""
        names = titles_named(self._request)
        is_complete = self._remembered.sweep.full_at and not self._remembered.sweep.cursor
        known = {one.quote.title for one in self._remembered.known} if is_complete else set(names)
        return names if known.issuperset(names) else ()

    def _state(self) -> SweepState:
        return self._remembered.sweep if self._at.recalls else SweepState()

    def _near(self, kind: SweepKind, unseen: int, fees: int) -> SweepPlan:
        """After a cut sweep the catalogue still has to tell of what was not quoted since the last whole one, and of the `unseen`."""
        known, full_at = self._remembered.known, self._remembered.sweep.full_at
        is_read = kind is SweepKind.RESUMED and full_at
        unread = sum(one.quote.at <= full_at for one in known) if is_read else 0
        rest = [one for one in known if not is_read or one.quote.at > full_at]
        wanted = [one for one in rest if self._filter.wants(one.quote.title)]
        near = sum(is_wanted(one, self._request) for one in wanted)
        met = sum(is_wanted(replace(one, two_sided=True), self._request) for one in wanted)
        calls = Calls(prices=_batches(unread + unseen) + _batches(near), fees=fees)
        spared = (len(wanted) - met, met - near, len(rest) - len(wanted))
        return SweepPlan(self._remembered.game, kind, calls, unread + unseen + near, unseen, *spared)

    def _prospect(self, one: Known) -> Iterable[Prospect]:
        """What the title would need if it were quoted now as it was last; nothing if it is no candidate."""
        quote = replace(one.quote, at=self._at.now)
        evidence = Evidence(quote, self._fees.schedule(quote.title))
        rules, signed = self._request.rules, self._at.signed
        needs = [pair for pair in self._request.pairs if isinstance(judge(pair, evidence, rules, signed=signed), Need)]
        if not needs:
            return
        recalled = one if self._at.recalls else None
        closed = {
            **put_off(needs, recalled, (quote, evidence.fees), self._request),
            **still_refused(needs, recalled, quote, self._request, self._question),
        }
        left = [pair for pair in needs if pair not in closed]
        is_young = bool(recalled and recalled.sales and recalled.sales.asked_at >= sales_since(self._request, self._at.now))
        hope = ASSUMED_HOPE if one.sales is None else Fraction(not refused_by_outlook(one.sales, quote, evidence.fees, rules))
        calls = _calls(left, hope, is_young=is_young, pages=max(1, -(-quote.ask_count // OFFERS_A_PAGE)))
        is_episode = self._at.recalls and (quote.game, quote.title) in self._at.open_titles
        rank = (is_episode, promise(left, quote, evidence.fees, recalled))
        until = put_off_until(one.sales) if closed and one.sales else None
        yield Prospect(calls, rank, bool(left), until, reuses=is_young and _sells_by_sales(left))


def _calls(pairs: Sequence[Pair], hope: Fraction, *, is_young: bool, pages: int) -> Calls:
    """What the verdicts on a title cost: a relist its sales, and its offers with a chance of `hope`; the others all they could need."""
    own = any(entry is Entry.TARGET for entry, _ in pairs)
    instant = any(exit_ is Exit.INSTANT for _, exit_ in pairs)
    asks_sales = _sells_by_sales(pairs) and not is_young
    return Calls(
        sales=int(asks_sales) + int(own),
        targets=int(own or instant),
        offers=pages * (1 if own or instant else hope if pairs else 0),
    )


def _sells_by_sales(pairs: Iterable[Pair]) -> bool:
    return any(exit_ is Exit.RELIST for _, exit_ in pairs)


def _unseen(titles: int, pairs: Sequence[Pair], *, everyone: bool) -> Iterable[Prospect]:
    """Candidates among titles never seen: few for all pairs, more for those that sales decide; of titles named all are taken for some."""
    by_sales = tuple(pair for pair in pairs if pair[1] is Exit.RELIST)
    crossed = (titles if everyone else math.floor(titles * ASSUMED_CROSSED)) if by_sales != pairs else 0
    others = (titles if everyone else math.floor(titles * ASSUMED_CANDIDATES)) - crossed if by_sales else 0
    for count, open_pairs in ((crossed, pairs), (others, by_sales)):
        yield from [Prospect(_calls(open_pairs, ASSUMED_HOPE, is_young=False, pages=1))] * count


def _batches(titles: int) -> int:
    return -(-titles // BATCH)


def _fee_table(remembered: Remembered, request: ScanRequest) -> FeeTable:
    """The table to reckon with: what was said, the last one known, or the careful assumption."""
    if request.fee is not None:
        return fixed(request.fee)
    return remembered.fees.value if remembered.fees else ASSUMED


def _fee_calls(remembered: Remembered, request: ScanRequest, at: Circumstances) -> int:
    """The list is new every day; without a key it is tried once a day (design chapters 3 and 4)."""
    is_of_today = at.recalls and remembered.fees is not None and remembered.fees.at // DAY == at.now // DAY
    if request.fee is not None or is_of_today:
        return 0
    return FEE_PAGES if at.signed else int(not (at.recalls and remembered.fees_attempted))

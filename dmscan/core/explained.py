"""One title explained: what is known of it, its verdicts, the rules behind them and what would turn them (design chapter 7)."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from dmscan.core.changes import Change
from dmscan.core.checks import Checks
from dmscan.core.judge import Verdict
from dmscan.core.models import FeeSchedule, Game, Quote
from dmscan.core.report import Pair, ScanRequest, Trouble
from dmscan.errors import ExitCode, most_specific


class Origin(StrEnum):
    """Where a fact comes from. What no verdict and no change of a setting depends on is `NEEDLESS`."""

    ASKED = "asked"
    STORED = "stored"
    SET = "set"
    ASSUMED = "assumed"
    NEEDLESS = "not needed"
    MISSING = "missing"


class Fact(Struct, frozen=True):
    """A part of what is known: when its answer arrived (Unix seconds), and the requests sent for it, retries included."""

    name: str
    origin: Origin
    at: int | None = None
    requests: int = 0


class Explained(Struct, frozen=True):
    """One pair of entry and exit. `changes_known` is false if an answer is missing that could show more changes."""

    pair: Pair
    verdict: Verdict
    checks: Checks
    changes: tuple[Change, ...] = ()
    changes_known: bool = True


class Explanation(Struct, frozen=True):
    """Without a quote there is nothing to explain, and `troubles` say why. `at` is when it was put together, in Unix seconds."""

    game: Game
    title: str
    request: ScanRequest
    at: int
    facts: tuple[Fact, ...]
    quote: Quote | None = None
    fees: FeeSchedule | None = None
    pairs: tuple[Explained, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    offline: bool = False

    @property
    def requests(self) -> int:
        return sum(fact.requests for fact in self.facts)

    @property
    def exit_code(self) -> ExitCode:
        """The most specific of what happened; missing data counts as partial if there is a quote."""
        softened = {ExitCode.NO_DATA, ExitCode.RATE_LIMITED} if self.quote else set()
        return most_specific(ExitCode.PARTIAL if trouble.code in softened else trouble.code for trouble in self.troubles)

"""What a scan was asked and what it answers: the records between the scanner and everything that shows or stores them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import product

from msgspec import Struct

from dmscan.core.models import Entry, Exit, Game, Opportunity, Quote, Reason, Rules
from dmscan.core.money import Cents
from dmscan.errors import ExitCode, most_specific

Pair = tuple[Entry, Exit]

SWEEP_SHARE = Fraction(6, 10)
"""At most 60 % of a budget goes to the sweep (design chapter 4)."""


class ScanRequest(Struct, frozen=True):
    """One scan as asked for. `levels` and the limits are as typed; `rules` is what follows from them.

    `rate` (requests a second) replaces the market's documented limits only if `rate_set`. Numbers older than `max_age_s` are in no
    verdict; rows older than `recheck_s` are looked at again before they are shown, none of them if it is `None`. A verdict younger
    than `rest_s` seconds on a quote that has not changed since is renewed last. Not `signed` it has to do with quotes.
    """

    games: tuple[Game, ...]
    entries: tuple[Entry, ...]
    exits: tuple[Exit, ...]
    rules: Rules
    levels: tuple[str, ...] = ()
    min_price: Cents | None = None
    max_price: Cents | None = None
    min_roi: Fraction | None = None
    titles: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    fee: Fraction | None = None
    sort: str = "profit-per-day"
    limit: int | None = None
    rate: Fraction = Fraction(2)
    rate_set: bool = False
    deadline_s: int = 300
    max_requests: int | None = None
    fresh: bool = False
    max_age_s: int = 1800
    full_sweep_every_s: int = 21_600
    recheck_s: int | None = None
    rest_s: int = 0
    signed: bool = True

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The entry and exit pairs asked for that there are: quotes alone show no relist of an offer (design chapter 4)."""
        impossible = {(Entry.TARGET, Exit.INSTANT)} if self.signed else {(Entry.TARGET, Exit.INSTANT), (Entry.OFFER, Exit.RELIST)}
        return tuple(pair for pair in product(self.entries, self.exits) if pair not in impossible)


class Trouble(Struct, frozen=True):
    """Something that failed: where, how often and with which exit code; `message` is one sentence."""

    code: ExitCode
    message: str
    game: Game | None = None
    endpoint: str = ""
    count: int = 1


LATENCY_MS = (25, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
"""Bounds of the classes in which answer times are counted; the last is the longest that an answer is waited for."""


class Latency(Struct, frozen=True):
    """How many answers took at most each bound of LATENCY_MS and more than the one before, then how many took longer than all."""

    counts: tuple[int, ...]
    total_ms: int


class Traffic(Struct, frozen=True):
    """What a scan cost at the market: requests sent by endpoint (retries included), answer times in milliseconds.

    `waited_ms` is the time in which some request waited for its turn, `held_ms` the part of it spent in holds after a 429;
    `answered` counts usable answers, `statuses` all that came by endpoint and HTTP status; `latency` is theirs by endpoint.
    """

    requests: Mapping[str, int] = {}
    retries: int = 0
    rate_limited: int = 0
    failed: int = 0
    api_ms: tuple[int, int] | None = None
    waited_ms: int = 0
    held_ms: int = 0
    answered: int = 0
    statuses: Mapping[tuple[str, int], int] = {}
    latency: Mapping[str, Latency] = {}

    @property
    def sent(self) -> int:
        return sum(self.requests.values())


class ScanStats(Struct, frozen=True):
    """The funnel in numbers. `skipped` counts rows dropped at the border, `fee_rows_ignored` fee rows not understood."""

    titles: int = 0
    candidates: int = 0
    judged: int = 0
    skipped: int = 0
    fee_rows_ignored: int = 0
    pass_if_renewed: int = 0
    gone_at_recheck: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    elapsed_ms: int = 0
    rss_mb: int = 0
    db_ms: tuple[int, int] | None = None
    traffic: Traffic = Traffic()


class Example(Struct, frozen=True):
    """A refused title shown with its reason by `--why`."""

    game: Game
    title: str
    ask: Cents | None
    bid: Cents | None


class Refusal(Struct, frozen=True):
    """A title that was refused after what was asked of it, drawn at random: what finds are compared with later."""

    quote: Quote
    at: int
    reasons: Mapping[Pair, Reason]


class ScanReport(Struct, frozen=True):
    """A finished (or cut) scan. `rejected` counts titles per pair and reason; times are Unix seconds.

    `refused` tells when which titles with an open episode were refused for good reasons, not for want of an answer.
    """

    scan_id: str
    source: str
    request: ScanRequest
    started_at: int
    finished_at: int
    complete: bool
    coverage: Fraction
    signed: bool
    fee_sources: Mapping[Game, str]
    stats: ScanStats
    rejected: Mapping[Pair, Mapping[str, int]]
    opportunities: tuple[Opportunity, ...]
    troubles: tuple[Trouble, ...] = ()
    examples: Mapping[Pair, Mapping[str, tuple[Example, ...]]] = {}
    seconds_for_all: int | None = None
    hidden: int = 0
    refused: Mapping[tuple[Game, str, Pair], int] = {}
    sample: tuple[Refusal, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether anything came out: titles were judged, or all were refused on their quotes."""
        stats = self.stats
        return stats.judged > 0 or (stats.titles > 0 and stats.candidates == 0)

    def exit_code(self, *, fail_empty: bool = False) -> ExitCode:
        """The most specific of what happened (design chapter 7); missing data counts as partial if some came."""
        softened = {ExitCode.NO_DATA, ExitCode.RATE_LIMITED} if self.usable else set()
        codes = {ExitCode.PARTIAL if trouble.code in softened else trouble.code for trouble in self.troubles}
        if fail_empty and not self.opportunities:
            codes.add(ExitCode.NOTHING_FOUND)
        return most_specific(codes)


class Progress(Struct, frozen=True):
    """How far a scan is, for a person who waits; `calls_left` is an estimate, `seconds_left` what they take at the pace of now."""

    titles: int
    candidates: int
    judged: int
    found: int
    sent: int
    sweeping: bool
    calls_left: int | None = None
    seconds_left: int | None = None


class Totals(Struct, frozen=True):
    """Capital and net profit with each offer counted once, in its best exit (design chapter 4.4)."""

    capital: Cents
    net_profit: Cents

"""Episodes: an opportunity over time, when it begins, goes on and ends (design chapter 2). Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from dmscan.core.fees import DAY
from dmscan.core.models import Entry, Exit, Game, Opportunity, PriceBand, Rules
from dmscan.core.money import Cents
from dmscan.core.report import Pair, ScanReport
from dmscan.core.rules import LEVELS

Key = tuple[Game, str, str, Entry, Exit]
"""Game, title, phase, entry and exit: what makes an opportunity the same one in two scans."""


class Terms(Struct, frozen=True):
    """What of a request decides on finds, beside what it looks at: which titles got a verdict says the report."""

    rules: Rules
    fee: Fraction | None
    signed: bool


class Ended(StrEnum):
    """`GONE`: a scan looked and did not find it; `CENSORED`: for more than a day no scan could have told."""

    GONE = "gone"
    CENSORED = "censored"


class Episode(Struct, frozen=True):
    """An opportunity from `begun_at` to `seen_at`, found by `scans` scans; of their terms these are the widest.

    One that is gone was seen to be at `ended_at`; one that is censored ended, as far as anybody knows, when it was last seen.
    """

    key: Key
    begun_at: int
    seen_at: int
    scans: int
    best_net_profit: Cents
    terms: Terms
    ended_at: int | None = None
    ended: Ended | None = None


class Changes(Struct, frozen=True):
    """What a scan means for episodes: those that are not as they were, and the finds with which new ones begin, in this order."""

    changed: tuple[Episode, ...]
    begun: tuple[Opportunity, ...]


def follow(opened: Sequence[Episode], report: ScanReport) -> Changes:
    """What the report means for the open episodes of its source. Titles without a verdict neither end nor go on."""
    found = {opportunity.key: opportunity for opportunity in report.opportunities}
    told = dict(_told(report))
    terms = terms_of(report)
    changed = {
        episode.key: after
        for episode in opened
        if (after := _after(episode, found.get(episode.key), told.get(_asked(episode.key)), terms) or _if_lost(episode, report.finished_at))
    }
    going_on = {key for key, episode in changed.items() if episode.ended is None}
    return Changes(tuple(changed.values()), tuple(opportunity for key, opportunity in found.items() if key not in going_on))


def terms_of(report: ScanReport) -> Terms:
    return Terms(report.request.rules, report.request.fee, report.signed)


def is_as_wide(terms: Terms, other: Terms) -> bool:
    """Whether whatever passes the `other` terms passes these: no limit is stricter, and fees are the same.

    Without a key finds rest on quotes alone, with one on offers and bids: neither is as wide as the other.
    """
    ours, theirs = terms.rules, other.rules
    return (
        (terms.fee, terms.signed, ours.fee_at) == (other.fee, other.signed, theirs.fee_at)
        and all(_covers(ours.bands, band) for band in theirs.bands)
        and ours.min_profit <= theirs.min_profit
        and (ours.max_lock_days is None or (theirs.max_lock_days is not None and ours.max_lock_days >= theirs.max_lock_days))
        and ours.min_sales <= theirs.min_sales
        and ours.max_units >= theirs.max_units
        and ours.max_days_to_sell >= theirs.max_days_to_sell
        and ours.max_days_to_fill >= theirs.max_days_to_fill
    )


def level_of(found: Opportunity) -> str:
    """The price level of the first unit; "" outside all levels."""
    ask = found.legs[0].ask
    return next((name for name, band in LEVELS.items() if band.holds(ask)), "")


def _told(report: ScanReport) -> Iterator[tuple[tuple[Game, str, Pair], int]]:
    """Which titles and pairs got a verdict, and when."""
    yield from report.refused.items()
    for found in report.opportunities:
        yield _asked(found.key), found.as_of


def _asked(key: Key) -> tuple[Game, str, Pair]:
    game, title, _, entry, exit_ = key
    return game, title, (entry, exit_)


def _after(episode: Episode, found: Opportunity | None, told_at: int | None, terms: Terms) -> Episode | None:
    """The episode after a verdict; `None` if that says nothing of it."""
    if told_at is None:
        return None
    if lost := _if_lost(episode, told_at):
        return lost
    if found:
        return _seen(episode, found, terms)
    if is_as_wide(terms, episode.terms):
        return replace(episode, ended_at=max(told_at, episode.seen_at), ended=Ended.GONE)
    return None


def _seen(episode: Episode, found: Opportunity, terms: Terms) -> Episode:
    return replace(
        episode,
        seen_at=max(episode.seen_at, found.as_of),
        scans=episode.scans + 1,
        best_net_profit=max(episode.best_net_profit, found.net_profit),
        terms=terms if is_as_wide(terms, episode.terms) else episode.terms,
    )


def _if_lost(episode: Episode, now: int) -> Episode | None:
    """The episode as it ends if it was last seen more than a day ago; `None` if it was not."""
    return replace(episode, ended_at=episode.seen_at, ended=Ended.CENSORED) if now - episode.seen_at > DAY else None


def _covers(bands: Sequence[PriceBand], band: PriceBand) -> bool:
    """Whether every ask of `band` lies in one of the ascending bands, at an ROI no higher."""
    price = band.low
    for wide in bands:
        if not wide.holds(price):
            continue
        if wide.min_roi > band.min_roi:
            return False
        if wide.high is None or (band.high is not None and band.high <= wide.high):
            return True
        price = wide.high + 1
    return False

"""What repeated passes have to tell: an opportunity is new, better or gone (design chapter 7). Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from dmscan.core.episodes import Changes, Ended, Episode, Key, Terms, follow, terms_of
from dmscan.core.fees import DAY
from dmscan.core.models import Opportunity
from dmscan.core.money import Cents
from dmscan.core.report import ScanReport


class Standing(Struct, frozen=True):
    """An open opportunity as it was last found, the net profit last told of it, and its episode."""

    opportunity: Opportunity
    told: Cents
    episode: Episode


Open = Mapping[Key, Standing]


class New(Struct, frozen=True):
    """An opportunity that was not open."""

    at: int
    opportunity: Opportunity


class Better(Struct, frozen=True):
    """An open opportunity earns more than was last told of it, `before`."""

    at: int
    opportunity: Opportunity
    before: Cents


class Gone(Struct, frozen=True):
    """A verdict said no; or, `unseen`, for more than a day nobody could have told."""

    at: int
    standing: Standing
    unseen: bool

    @property
    def lasted_s(self) -> int:
        """From when it was first found until it was last found: it was there for at least so long."""
        return self.standing.episode.seen_at - self.standing.episode.begun_at


Event = New | Better | Gone


class Told(Struct, frozen=True):
    """What is open now, and what there is to tell."""

    open: Open
    events: tuple[Event, ...] = ()


class Passed(Struct, frozen=True):
    """A pass that is over: what it told, what is open, and in how many seconds the next one begins (`None`: there is none).

    One that a bug ended, or that was due when the watch was stopped, has no report.
    """

    number: int
    report: ScanReport | None
    open: Open
    new: int = 0
    better: int = 0
    gone: int = 0
    next_in_s: float | None = None


def hear(open_: Open, found: Opportunity, terms: Terms, now: int) -> Told:
    """What a find means beside what was open before; to hear of it twice tells nothing more."""
    return _hear_all(open_, (found,), terms, now)


def settle(open_: Open, report: ScanReport, now: int) -> Told:
    """What a pass means for what was open: its finds not heard of yet are told, and what it refused is gone.

    Titles without a verdict neither end nor go on, as `core.episodes` has it.
    """
    heard = _hear_all(open_, report.opportunities, terms_of(report), now)
    changes = follow([standing.episode for standing in heard.open.values()], report)
    gone = tuple(Gone(now, heard.open[episode.key], unseen=episode.ended is Ended.CENSORED) for episode in changes.changed if episode.ended)
    return Told(_after(heard.open, changes), (*heard.events, *gone))


def _hear_all(open_: Open, finds: Iterable[Opportunity], terms: Terms, now: int) -> Told:
    after, events = dict(open_), list[Event]()
    for found in finds:
        after[found.key], told = _heard(after.get(found.key), found, terms, now)
        events += told
    return Told(after, tuple(events))


def _heard(standing: Standing | None, found: Opportunity, terms: Terms, now: int) -> tuple[Standing, tuple[Event, ...]]:
    if standing and found.as_of - standing.episode.seen_at > DAY:
        begun, events = _heard(None, found, terms, now)
        return begun, (Gone(now, standing, unseen=True), *events)
    if standing is None:
        episode = Episode(found.key, found.as_of, found.as_of, 1, found.net_profit, terms)
        return Standing(found, found.net_profit, episode), (New(now, found),)
    told = max(standing.told, found.net_profit)
    return replace(standing, opportunity=found, told=told), (Better(now, found, standing.told),) if told > standing.told else ()


def _after(open_: Open, changes: Changes) -> Open:
    changed = {episode.key: episode for episode in changes.changed}
    episodes = {key: changed.get(key, standing.episode) for key, standing in open_.items()}
    return {key: replace(standing, episode=episodes[key]) for key, standing in open_.items() if episodes[key].ended is None}

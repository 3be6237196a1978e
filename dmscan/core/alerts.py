"""What there is to tell a chat: of finds, of those that are gone, and of how scans fare (design chapter 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from fractions import Fraction

from msgspec import Struct

from dmscan.core.episodes import Changes, Ended, Episode, Key
from dmscan.core.message import Message
from dmscan.core.models import Opportunity
from dmscan.core.money import Cents
from dmscan.core.report import ScanReport
from dmscan.errors import ExitCode

FAILURES = frozenset(
    {ExitCode.BUG, ExitCode.NO_DATA, ExitCode.KEY_REFUSED, ExitCode.CLOCK_SKEWED, ExitCode.RATE_LIMITED, ExitCode.API_CHANGED}
)
"""How scans end that found no usable data."""
IN_A_ROW = 3
"""So many failures are told, unless they are of a kind that is told at once."""
MOST_SHOWN = 50
"""Five messages hold hardly more finds."""
MOST_TRIES = 2
"""So often a message is sent of which nobody knows whether it arrived: that may be once too many, but not more (reliability G7)."""


class Kind(StrEnum):
    """Of finds: `NEW`, `BETTER` and `GONE`; the rest say how scans fare."""

    NEW = "new"
    BETTER = "better"
    GONE = "gone"
    WELL = "well"
    KEY_REFUSED = "key refused"
    API_CHANGED = "API changed"
    FAILING = "failing"


HEALTH = frozenset({Kind.WELL, Kind.KEY_REFUSED, Kind.API_CHANGED, Kind.FAILING})
_AT_ONCE = {ExitCode.KEY_REFUSED: Kind.KEY_REFUSED, ExitCode.API_CHANGED: Kind.API_CHANGED}


class Wish(Struct, frozen=True):
    """What a user wants to be told: the share by which net profit must rise to be told again, and whether finds that are gone are."""

    realert: Fraction = Fraction(1, 5)
    tells_gone: bool = False


class Due(Struct, frozen=True):
    """Something to tell: a find with the net profit told `before`, if any, the episode that is gone, or health by its kind alone."""

    kind: Kind
    found: Opportunity | None = None
    before: Cents | None = None
    gone: Episode | None = None

    @property
    def key(self) -> Key | None:
        return self.found.key if self.found else self.gone.key if self.gone else None


class Alert(Struct, frozen=True):
    """What waits to be told, as stored: `body` is the text that the composer of messages made of it."""

    number: int
    kind: Kind
    net_profit: Cents | None
    body: str


class Part(Struct, frozen=True):
    """A message and the alerts that it tells."""

    message: Message
    alerts: tuple[Alert, ...]


class QuietHours(Struct, frozen=True):
    """From minute `start` of the local day up to minute `end`, of the next day if that is earlier."""

    start: int
    end: int

    def holds(self, minute: int) -> bool:
        """Whether it is quiet at a minute of the local day."""
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


def due(report: ScanReport, changes: Changes, delivered: Mapping[Key, Cents], wish: Wish) -> tuple[Due, ...]:
    """What a chat should hear of the finds of a scan; `delivered` are the net profits that it was last told, by episode."""
    finds = (_find(found, delivered.get(found.key), wish.realert) for found in report.opportunities)
    gone = changes.changed if wish.tells_gone else ()
    return (
        *(find for find in finds if find),
        *(Due(Kind.GONE, gone=episode) for episode in gone if episode.ended is Ended.GONE and episode.key in delivered),
    )


def health(codes: Sequence[int]) -> Kind | None:
    """How scans fare by the exit codes of the last ones, the newest first; `None`: not so that a change could be told."""
    if not codes:
        return None
    if codes[0] not in FAILURES:
        return Kind.WELL
    fails = len(codes) >= IN_A_ROW and FAILURES.difference(_AT_ONCE).issuperset(codes[:IN_A_ROW])
    return _AT_ONCE.get(ExitCode(codes[0])) or (Kind.FAILING if fails else None)


def news_of_health(now: Kind | None, last: Kind, waiting: Kind | None) -> Kind | None:
    """What should wait for a chat that may have heard `last`, if `waiting` does now: nothing if it knows how scans fare `now`."""
    if now in (None, waiting):
        return waiting
    return None if now is last else now


def _find(found: Opportunity, before: Cents | None, realert: Fraction) -> Due | None:
    if before is None:
        return Due(Kind.NEW, found)
    rose = found.net_profit > before and found.net_profit >= before * (1 + realert)
    return Due(Kind.BETTER, found, before) if rose else None

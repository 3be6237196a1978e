"""How long opportunities last (design chapter 6): Kaplan-Meier over episodes, some of which nobody saw end.

An episode is counted from the scan that first saw it. It ended somewhere between the last scan that saw it and the one that did not,
and is taken to have ended half way between. Neither open nor broken off it is known to have lasted until it was last seen, no longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

from msgspec import Struct

from dmscan.core.models import Exit, Game

ENOUGH = 30
"""Fewer ends than this are no evidence (design chapter 6)."""

QUARTERS = (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4))
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Life(Struct, frozen=True, gc=False):
    """`times` episodes that are alike: how long each lasted, or is known to have lasted if it is not `gone`, in half seconds.

    `again`: a second scan saw it. `weekday` (0 is Monday) and `hour` (UTC) are those of its beginning.
    """

    halves: int
    gone: bool
    again: bool = False
    times: int = 1
    game: Game = Game.CS2
    exit: Exit = Exit.INSTANT
    weekday: int = 0
    hour: int = 0


class Step(Struct, frozen=True):
    """From so many half seconds on the share `alive / of` is still there; it is not reduced, which would take longer than all else."""

    halves: int
    alive: int
    of: int


class Lasting(Struct, frozen=True):
    """What the episodes of a group say. A quartile is `None` if too many are not known to have ended so early.

    `looked` is how many of them the next scan gave a verdict on, `gone_next` how many it did not find any more.
    """

    by: str
    value: str
    episodes: int
    gone: int
    quartiles: tuple[Fraction | None, ...]
    looked: int
    gone_next: int

    @property
    def enough(self) -> bool:
        return self.gone >= ENOUGH

    @property
    def gone_next_share(self) -> Fraction | None:
        """`None` below 30 that the next scan gave a verdict on."""
        return Fraction(self.gone_next, self.looked) if self.looked >= ENOUGH else None


class Lifetimes(Struct, frozen=True):
    """All groups, the whole first. `blur_s` is how many seconds lie, on average, between the last sight of an episode and its end."""

    rows: tuple[Lasting, ...]
    blur_s: int | None = None


def survival(lives: Iterable[Life]) -> Iterator[Step]:
    """The Kaplan-Meier curve, a step wherever some ended. Who was last seen at that very moment counts as there until then."""
    ordered = sorted(lives, key=lambda life: life.halves)
    there = sum(life.times for life in ordered)
    alive, of, since, place = 1, 1, there, 0
    while place < len(ordered):
        halves, left, ended = ordered[place].halves, 0, 0
        while place < len(ordered) and ordered[place].halves == halves:
            left += ordered[place].times
            ended += ordered[place].times * ordered[place].gone
            place += 1
        if ended:
            yield Step(halves, alive * (there - ended), of * since)
        if left > ended:
            # Between two that were lost sight of the factors cancel out, which keeps the numbers short.
            alive, of, since = alive * (there - ended), of * since, there - left
        there -= left


def quartiles(lives: Iterable[Life]) -> tuple[Fraction | None, ...]:
    """The seconds by which a quarter, half and three quarters are gone: where the curve falls to what is left of all, or below."""
    steps = survival(lives)
    found: list[Fraction | None] = []
    step = next(steps, None)
    for share in QUARTERS:
        while step and step.alive * share.denominator > step.of * (share.denominator - share.numerator):
            step = next(steps, None)
        found.append(Fraction(step.halves, 2) if step else None)
    return tuple(found)


def lifetimes(lives: Sequence[Life], blur_s: int | None = None) -> Lifetimes:
    """All episodes, then by exit, game, weekday and hour of their beginning; only groups that there are."""
    groups: dict[str, Callable[[Life], str]] = {
        "all": lambda _: "",
        "exit": lambda life: life.exit,
        "game": lambda life: life.game,
        "weekday": lambda life: WEEKDAYS[life.weekday],
        "hour": lambda life: f"{life.hour:02}",
    }
    ordered = sorted(lives, key=lambda life: life.halves)  # the parts are then in order too, and sorted in no time
    order = {"weekday": WEEKDAYS.index}
    rows: list[Lasting] = []
    for by, value_of in groups.items():
        parts: dict[str, list[Life]] = {}
        for life in ordered:
            parts.setdefault(value_of(life), []).append(life)
        rows += (_lasting(by, value, parts[value]) for value in sorted(parts, key=order.get(by)))
    return Lifetimes(tuple(rows), blur_s)


def _lasting(by: str, value: str, lives: Sequence[Life]) -> Lasting:
    return Lasting(
        by=by,
        value=value,
        episodes=sum(life.times for life in lives),
        gone=sum(life.times for life in lives if life.gone),
        quartiles=quartiles(lives),
        looked=sum(life.times for life in lives if life.gone or life.again),
        gone_next=sum(life.times for life in lives if life.gone and not life.again),
    )

"""One title in time: what it is like, what stands in its book, and what has been put off until later."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import NamedTuple

from dmscan.sandbox.outline import DAY, Outline, Scale
from dmscan.sandbox.parameters import COURSE
from dmscan.sandbox.state import Bargain, FeeRow, Offer, Sale, Target

KEPT_S = 60 * DAY
"""How long sales and bargains are remembered; no rule of a scanner looks back further than 30 days."""
NO_LIMIT = (None, "", "any")


@dataclass(frozen=True, slots=True)
class Habits:
    """What stays the same about a title; rates are per day.

    `listed` and `wanted` are the numbers of offers and of price levels of targets that its book returns to.
    """

    key: int
    pace: float
    noise: float
    volatility: float
    listed: int
    wanted: int


class Ending(NamedTuple):
    """What is over at `at` in the way of `end`; until then nobody else touches the offer and the targets."""

    at: int
    end: Callable[[Life, Ending, Random], None]
    offer_id: str
    targets: tuple[Target, ...] = ()


@dataclass(slots=True)
class Life:
    """The state at `at`; nothing changes before `due`. `sales` are those lived through, the oldest first."""

    about: Outline
    scale: Scale
    habits: Habits
    offers: list[Offer]
    targets: list[Target]
    fee_rows: list[FeeRow]
    at: int
    due: int = 0
    midnight: int = 0
    events: int = 0
    drift: float = 0.0
    sales: list[Sale] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    bargains: list[Bargain] = field(default_factory=list)

    @property
    def fair(self) -> float:
        """What buyers pay now, in cents."""
        return self.about.fair * math.exp(self.drift)

    def worth(self, phase: str) -> float:
        return self.fair * self.about.phases.get(phase, 1.0)

    @property
    def ask(self) -> int:
        """The cheapest ask that everybody sees; what buyers pay if there is none."""
        return min((row.price for row in self.offers if row.price > 0 and not row.p2p), default=max(1, round(self.fair)))

    @property
    def outline(self) -> Outline:
        """The title as it would be born now."""
        return replace(self.about, fair=max(1, round(self.fair)), ask=self.ask)

    @property
    def today(self) -> Scale:
        return replace(self.scale, born_at=self.at)

    def pass_to(self, at: int, rng: Random) -> None:
        """The fair price's logarithm walks and is drawn back (an Ornstein-Uhlenbeck process, exact for any step)."""
        kept = math.exp(-COURSE.reversion * (at - self.at) / DAY)
        spread = self.habits.volatility * math.sqrt((1 - kept**2) / (2 * COURSE.reversion))
        self.drift = self.drift * kept + rng.gauss(0, 1) * spread
        self.at = at

    def put_off(self, ending: Ending) -> None:
        insort(self.endings, ending, key=lambda other: other.at)

    def free_offers(self) -> list[Offer]:
        """Those that buyers and sellers may still touch."""
        held = {ending.offer_id for ending in self.endings}
        return [row for row in self.offers if not row.reserved and row.offer_id not in held]

    def free_targets(self) -> list[Target]:
        held = [target for ending in self.endings for target in ending.targets]
        return [row for row in self.targets if row not in held] if held else self.targets

    def offer(self, offer_id: str) -> Offer:
        return next(row for row in self.offers if row.offer_id == offer_id)

    def taken(self, offer_id: str) -> Offer:
        """The offer, which leaves the book."""
        row = self.offer(offer_id)
        self.offers.remove(row)
        return row

    def drop(self, targets: Iterable[Target]) -> None:
        for row in targets:
            self.targets.remove(row)

    def sold(self, row: Offer) -> None:
        """An offer was bought."""
        self.sales.append(Sale(row.price, self.at, "Offer", row.phase, row.float_value))

    def forget(self) -> None:
        since = self.at - KEPT_S
        self.sales = [row for row in self.sales if row.at > since]
        self.bargains = [row for row in self.bargains if row.gone_at > since]


def fits_phase(target: Target, phase: str) -> bool:
    return target.phase in (*NO_LIMIT, phase)


def is_particular(target: Target) -> bool:
    """Whether the target wants a certain float or paint seed."""
    return target.float_part not in NO_LIMIT or target.paint_seed not in NO_LIMIT

"""What is decided first about a title: its fair price, what happens on it, its variants and its dates.

Everything about a title follows from (seed, game, index, born_at) alone, through one generator of random numbers per part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from dmscan.sandbox.parameters import OFFERS, PRICES, STORIES, TIMES, TWISTS

DAY = 86400
WEAR_FLOATS = {
    "Factory New": (0.0002, 0.07),
    "Minimal Wear": (0.07, 0.15),
    "Field-Tested": (0.15, 0.38),
    "Well-Worn": (0.38, 0.45),
    "Battle-Scarred": (0.45, 1.0),
}
DOPPLER = {"phase-1": 1.0, "phase-2": 1.15, "phase-3": 0.97, "phase-4": 1.06, "ruby": 2.6, "sapphire": 3.1, "black-pearl": 4.0}
GAMMA_DOPPLER = {"phase-1": 1.0, "phase-2": 1.12, "phase-3": 0.96, "phase-4": 1.03, "emerald": 4.5}
PHASE_WEIGHTS = {"phase-1": 30, "phase-2": 30, "phase-3": 14, "phase-4": 14, "ruby": 5, "sapphire": 4, "black-pearl": 2, "emerald": 6}


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of a market and how its dates lie; `depth` multiplies the listings of each title."""

    born_at: int
    crossed: Fraction
    depth: float = 1.0
    exact_times: bool = False


@dataclass(frozen=True, slots=True)
class Outline:
    """`fair` is what buyers pay in cents, `ask` the cheapest listing meant, `phases` their prices as multiples of fair."""

    seed: int
    game: str
    index: int
    title: str
    fair: int
    ask: int
    story: str
    twist: str
    phases: dict[str, float]
    floats: tuple[float, float] | None

    def random(self, part: str) -> Random:
        return Random(f"{self.seed}/{self.game}/{self.index}/{part}")


def outline(seed: int, game: str, index: int, title: str, scale: Scale) -> Outline:
    rng = Random(f"{seed}/{game}/{index}")
    story = _story(rng, float(scale.crossed))
    fair = _fair(rng, title)
    ask = _ask(rng, story, fair)
    if story in ("crossed", "tight", "bargain") and rng.random() < STORIES.pinned:
        ask = rng.choice(STORIES.bounds) + rng.choice((-1, 0, 1))
        fair = max(ask, round(ask / rng.uniform(0.68, 0.9))) if story == "bargain" else round(ask * rng.uniform(0.98, 1.05))
    twist = twist_drawn(rng, game) if story in ("crossed", "bargain") else ""
    return Outline(seed, game, index, title, fair, ask, story, twist, _phases(game, title), _floats(game, title))


def _story(rng: Random, crossed: float) -> str:
    place = rng.random()
    shares = {
        "crossed": crossed,
        "tight": crossed * STORIES.tight,
        "bargain": STORIES.bargain,
        "no offers": STORIES.no_offers,
        "no bids": STORIES.no_bids,
        "empty": STORIES.empty,
    }
    for story, share in shares.items():
        place -= share
        if place < 0:
            return story
    return "plain"


def twist_drawn(rng: Random, game: str) -> str:
    """What spoils a find, "" if nothing does."""
    place = rng.random()
    for twist, share in TWISTS.items():
        place -= share
        if place < 0:
            return twist if game == "cs2" or twist not in ("p2p", "restricted") else ""
    return ""


def _fair(rng: Random, title: str) -> int:
    star = PRICES.star if title.startswith("★") else 1
    return round(min(PRICES.most, max(PRICES.least, star * rng.lognormvariate(math.log(PRICES.median), PRICES.spread))))


def _ask(rng: Random, story: str, fair: int) -> int:
    if story == "bargain":
        return max(1, round(fair * rng.uniform(0.62, 0.87)))
    if story == "crossed":
        return max(1, round(fair * rng.uniform(0.75, 1.03)))
    return max(1, math.ceil(fair * (1 + rng.random() * OFFERS.above_fair)))


def _phases(game: str, title: str) -> dict[str, float]:
    if game != "cs2" or "Doppler" not in title:
        return {}
    return GAMMA_DOPPLER if "Gamma" in title else DOPPLER


def _floats(game: str, title: str) -> tuple[float, float] | None:
    wear = title.rstrip().rpartition("(")[2].rstrip(")")
    return WEAR_FLOATS.get(wear) if game == "cs2" else None


def phase_drawn(about: Outline, rng: Random) -> str:
    """One of the title's phases, rare ones rarely."""
    return rng.choices(list(about.phases), [PHASE_WEIGHTS[name] for name in about.phases])[0]


def clear(offset: int) -> int:
    """The offset in seconds, moved away from whole days, so that what is read at it holds for a while."""
    near = (offset + TIMES.clear_s) % DAY
    return offset + 2 * TIMES.clear_s - near if near < 2 * TIMES.clear_s else offset


def dated(rng: Random, scale: Scale, offset: int, exact: tuple[int, ...]) -> int:
    """The moment `offset` seconds from the market's birth; in a market of exact times now and then one of `exact`."""
    if scale.exact_times and rng.random() < TIMES.exact:
        return scale.born_at + rng.choice(exact)
    return scale.born_at + clear(offset)

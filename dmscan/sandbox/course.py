"""The course of a title's life, event by event: its state at any time follows from its outline and that time alone.

Each event draws from a stream of its own, so nothing depends on how often or in which order titles are asked.
"""

from __future__ import annotations

import math
from random import Random

from dmscan.sandbox import bargains, book, events, trades
from dmscan.sandbox.life import Habits, Life
from dmscan.sandbox.outline import DAY, Outline, Scale
from dmscan.sandbox.parameters import COURSE, OFFERS, SALES

WELL_BELOW = 0.9
"""At birth, an ask below this share of what buyers pay is a bargain."""
EVENTS = (
    events.buy,
    events.fill,
    events.undercut,
    events.enlist,
    events.withdraw,
    events.reprice,
    events.bid,
    events.rebid,
    events.burst,
    bargains.overbid,
    bargains.underprice,
)


def _rates(life: Life) -> tuple[float, ...]:
    """How often each of EVENTS happens a day; a thin book fills up faster than a deep one."""
    habits, offers = life.habits, len(life.offers)
    bought = habits.pace * SALES.offer_share
    return (
        bought,
        habits.pace - bought,
        bought * COURSE.undercuts * (habits.listed + 1) / (offers + 1),
        COURSE.new_asks * max(0, habits.listed - offers),
        COURSE.moved_asks * max(0, offers - habits.listed),
        COURSE.moved_asks * offers,
        COURSE.new_bids * max(0, habits.wanted - len(life.targets)),
        COURSE.moved_bids * len(life.targets),
        COURSE.bursts if habits.pace else 0,
        bargains.overbids_per_day(life),
        bargains.underprices_per_day(life),
    )


def born(about: Outline, scale: Scale, rng: Random) -> Life:
    """The title as a still market shows it, with its bargains and running trades about to end."""
    rows, offers = trades.fee_rows(about, scale), book.offers(about, scale)
    targets = book.targets(about, offers, rows, scale)
    life = Life(about, scale, _habits(about, len(offers), len(targets)), offers, targets, rows, scale.born_at)
    rng.seed(life.habits.key)
    _expect_what_stands(life, rng)
    life.midnight = (life.at // DAY + 1) * DAY
    life.due = _due(life, rng)
    return life


def live(life: Life, until: int, rng: Random) -> None:
    """All that happens up to `until`, in whole Unix seconds; `rng` lends its algorithm, not its state."""
    while life.due <= until:
        life.events += 1
        rng.seed(life.habits.key + life.events)
        life.pass_to(life.due, rng)
        _happen(life, rng)
        life.due = _due(life, rng)


def _happen(life: Life, rng: Random) -> None:
    if life.midnight <= life.at:
        life.midnight += DAY
        life.forget()
        events.renew_fees(life, rng)
    elif life.endings and life.endings[0].at <= life.at:
        ending = life.endings.pop(0)
        ending.end(life, ending, rng)
    else:
        rng.choices(EVENTS, _rates(life))[0](life, rng)


def _due(life: Life, rng: Random) -> int:
    """When something happens next: chance has no memory, so it may be asked anew after every event."""
    known = min(life.midnight, life.endings[0].at) if life.endings else life.midnight
    rate = sum(_rates(life))
    return min(known, life.at + math.ceil(rng.expovariate(rate) * DAY)) if rate else known


def _habits(about: Outline, listed: int, wanted: int) -> Habits:
    rng = about.random("life")
    key = rng.getrandbits(128)
    flat = trades.is_flat(about)
    volatility = rng.lognormvariate(math.log(COURSE.volatility), COURSE.volatility_spread)
    return Habits(
        key=key,
        pace=min(COURSE.busiest, trades.pace(about)),
        noise=0.0 if flat else trades.noise(about),
        volatility=0.0 if flat else volatility,
        listed=min(listed, OFFERS.most),
        wanted=wanted,
    )


def _expect_what_stands(life: Life, rng: Random) -> None:
    """What was there at birth is over after the same spans as what comes later, for these forget how long they have lasted."""
    about = life.about
    high = tuple(book.high_targets(about, life.offers, life.fee_rows, life.scale))
    pays = bool(high) and about.story == "crossed" and about.twist in ("", "locked")
    if high:
        bargains.expect_bid_taken(life, rng, life.offers[0], high, pays=pays)
    for row in life.offers[pays:]:
        if 0 < row.price < life.worth(row.phase) * WELL_BELOW and not row.reserved:
            bargains.expect_ask_taken(life, rng, row, pays=bargains.is_plain(row))
        elif row.reserved:
            events.expect_trade(life, row, rng)

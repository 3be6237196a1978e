"""What happens on a title on any day: buyers, sellers and bidders come and go, and the list of reduced fees is made anew."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

from dmscan.sandbox import book, trades
from dmscan.sandbox.life import Ending, Life, fits_phase, is_particular
from dmscan.sandbox.outline import DAY, phase_drawn
from dmscan.sandbox.parameters import COURSE, FEES, OFFERS, TARGETS
from dmscan.sandbox.state import Offer, Sale, Target


def buy(life: Life, rng: Random) -> None:
    """A buyer reserves the cheapest offer at or below what they pay; else they are served before a listing could be seen."""
    phase = phase_drawn(life.about, rng) if life.about.phases else ""
    pays, odds = life.worth(phase) * rng.gauss(1, life.habits.noise), trades.odds(rng)
    cheap = [row for row in life.free_offers() if row.phase == phase and 0 < row.price <= pays]
    if odds == 1 and cheap:
        reserve(life, min(cheap, key=lambda row: (row.price, row.created_at, row.offer_id)), rng)
    else:
        life.sales.append(Sale(max(1, round(pays * odds)), life.at, "Offer", phase, trades.float_text(life.about, rng)))


def reserve(life: Life, row: Offer, rng: Random) -> None:
    """A trade begins; it runs for some hours."""
    life.offers[life.offers.index(row)] = replace(row, reserved=True)
    expect_trade(life, row, rng)


def expect_trade(life: Life, row: Offer, rng: Random) -> None:
    life.put_off(Ending(life.at + math.ceil(rng.expovariate(1 / COURSE.trade_s)), _end_trade, row.offer_id))


def _end_trade(life: Life, ending: Ending, rng: Random) -> None:
    """The trade is done, or the offer is released."""
    row = life.taken(ending.offer_id)
    if rng.random() < COURSE.completed:
        life.sold(row)
    else:
        life.offers.append(replace(row, reserved=False))


def fill(life: Life, rng: Random) -> None:
    """Someone sells into the best bid that anything fits; else into one that came and went."""
    phase = min(life.about.phases, key=lambda name: life.about.phases[name], default="")
    bids = [row for row in life.free_targets() if row.price > 0 and row.amount > 0 and fits_phase(row, phase) and not is_particular(row)]
    best = max(bids, key=lambda row: row.price, default=None)
    price = best.price if best else max(1, round(life.worth(phase) * trades.bid_share(life.about) * rng.gauss(1, life.habits.noise)))
    if best:
        place = life.targets.index(best)
        life.targets[place : place + 1] = [replace(best, amount=best.amount - 1)] if best.amount > 1 else []
    life.sales.append(Sale(price, life.at, "Target", phase, trades.float_text(life.about, rng)))


def undercut(life: Life, rng: Random) -> None:
    """A seller in a hurry asks about what buyers pay."""
    _list(life, rng, life.fair * (1 - COURSE.shade + abs(rng.gauss(0, life.habits.noise))))


def enlist(life: Life, rng: Random) -> None:
    """A patient seller joins the queue somewhere."""
    depth = rng.random() * OFFERS.above_fair + rng.expovariate(1) * OFFERS.step * life.habits.listed / 2
    _list(life, rng, life.fair * (1 + depth))


def _list(life: Life, rng: Random, price: float) -> None:
    row = book.offer(life.about, life.today, rng, max(1, round(price)))
    if row.price:
        row = replace(row, price=max(row.price, _least_sensible_ask(life, row.phase)))
    life.offers.append(replace(row, created_at=life.at, reserved=False))


def _least_sensible_ask(life: Life, phase: str) -> int:
    """Who would ask less sells into a bid instead; so only bargains cross a book."""
    bids = [row for row in life.free_targets() if row.amount > 0 and fits_phase(row, phase)]
    asks = (math.ceil(row.price / TARGETS.limit_premium) if is_particular(row) else row.price + 1 for row in bids)
    return max(asks, default=1)


def withdraw(life: Life, rng: Random) -> None:
    """A seller gives up."""
    if free := life.free_offers():
        life.offers.remove(rng.choice(free))


def reprice(life: Life, rng: Random) -> None:
    """A seller asks anew."""
    withdraw(life, rng)
    enlist(life, rng)


def bid(life: Life, rng: Random) -> None:
    """A bidder reckons from what buyers pay and stays below every ask that can be seen."""
    usual = life.fair * trades.bid_share(life.about) * (1 - rng.random() * COURSE.bid_spread)
    price = min(usual, life.ask * TARGETS.most_of_ask)
    life.targets.append(_phased(life, rng) if life.about.phases and rng.random() < 0.3 else book.target(life.about, rng, price, life.ask))


def _phased(life: Life, rng: Random) -> Target:
    """A bid for one phase, which not even that phase's cheapest offer pays for."""
    phase = rng.choice(list(life.about.phases))
    asks = [row.price for row in life.offers if row.phase == phase and row.price > 0]
    return Target(int(min([life.worth(phase), *asks]) * 0.85), 2, "any", phase, "any")


def rebid(life: Life, rng: Random) -> None:
    """A bidder moves a bid."""
    if free := life.free_targets():
        life.targets.remove(rng.choice(free))
        bid(life, rng)


def burst(life: Life, rng: Random) -> None:
    """Wash trading: equal sales within minutes, sometimes far from what buyers pay."""
    price, step = max(1, round(life.fair * rng.choice((1, 1, 1.3, 1.8)))), rng.choice((0, 60, 120))
    count = rng.choice((4, 5, 6, 8))
    life.sales += [Sale(price, life.at - step * (number % 5)) for number in range(count)]


def renew_fees(life: Life, rng: Random) -> None:
    """The day's list: rows that still run stay; of the others a known share comes again, the rest is drawn anew."""
    if any(row.expires_at > life.at for row in life.fee_rows):
        return
    if rng.random() < FEES.renewed:
        life.fee_rows = [replace(row, expires_at=life.at + DAY) for row in life.fee_rows]
    else:
        tonight = life.at + DAY
        drawn = trades.fee_rows(life.outline, life.today, rng)
        life.fee_rows = [row if rng.random() < FEES.lasting else replace(row, expires_at=min(row.expires_at, tonight)) for row in drawn]

"""Bargains: a bid above the cheapest ask, or an ask well below what buyers pay, until a rival takes it.

Only rivals take them, so that their lifetimes are exponential with the medians of market.toml, whatever else happens.
"""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

from dmscan.sandbox import book
from dmscan.sandbox.life import Ending, Life, fits_phase
from dmscan.sandbox.outline import DAY, twist_drawn
from dmscan.sandbox.parameters import BARGAINS, SALES, STORIES, TARGETS, TWISTS
from dmscan.sandbox.state import Bargain, Offer, Sale, Target

BID, ASK = "bid", "ask"
MEDIANS_S = {BID: BARGAINS.bid_median_s, ASK: BARGAINS.ask_median_s}
MEANS_S = {kind: median / math.log(2) for kind, median in MEDIANS_S.items()}
MOST = 0.99
"""No title can have a bargain all the time, for each is gone before the next one comes."""
HARMLESS = ("", "locked", "restricted")
"""Twists with which an ask can still be bought and relisted."""


def overbids_per_day(life: Life) -> float:
    """How often a high bid comes while there is none: so often that the usual share of the titles has one."""
    share = float(life.scale.crossed)
    return 0.0 if _stands(life, _take_bid) else _rate(share, BID) * (1 + STORIES.tight)


def underprices_per_day(life: Life) -> float:
    """Less often where little is sold: else most of its sales were bargains."""
    usual = min(1.0, life.habits.pace / SALES.per_day_median)
    return 0.0 if _stands(life, _take_ask) else _rate(STORIES.bargain, ASK) * usual


def _rate(share: float, kind: str) -> float:
    return min(MOST, share) / (1 - min(MOST, share)) / MEANS_S[kind] * DAY


def _stands(life: Life, end: object) -> bool:
    return any(ending.end is end for ending in life.endings)


def overbid(life: Life, rng: Random) -> None:
    """Someone bids more than the cheapest buyable ask: enough to pay, nearly enough, or for another float."""
    asks = [row for row in life.free_offers() if row.price > 0 and is_plain(row)]
    if not asks:
        return
    wanted = min(asks, key=lambda row: row.price)
    story = "tight" if rng.random() < STORIES.tight / (1 + STORIES.tight) else "crossed"
    false = story == "crossed" and life.about.game == "cs2" and rng.random() < TWISTS["restricted"]
    about = replace(life.about, story=story, twist="restricted" if false else "")
    high = tuple(book.high(about, rng, wanted, life.fee_rows, life.today))
    life.targets += high
    expect_bid_taken(life, rng, wanted, high, pays=story == "crossed" and not false)


def is_plain(row: Offer) -> bool:
    """Whether a reseller may buy it, now or once a running trade has failed."""
    return not (row.p2p or row.sale_restricted or row.sell_unavailable or row.overstocked)


def underprice(life: Life, rng: Random) -> None:
    """Someone asks far too little, once in a while for what cannot be had; no bid stands above it for long."""
    price = max(1, round(life.fair * rng.uniform(0.62, 0.87)))
    about, scale = replace(life.about, ask=price, twist=twist_drawn(rng, life.about.game)), life.today
    row = book.twisted(about, scale, rng, book.offer(about, scale, rng, price))
    row = replace(row, created_at=life.at)
    most = row.price * TARGETS.most_of_ask
    life.drop([bid for bid in life.free_targets() if bid.price > most and fits_phase(bid, row.phase)])
    life.offers.append(row)
    expect_ask_taken(life, rng, row, pays=about.twist in HARMLESS)


def expect_bid_taken(life: Life, rng: Random, wanted: Offer, high: tuple[Target, ...], *, pays: bool) -> None:
    ending = Ending(_gone_at(life, rng, BID), _take_bid if pays else _end_bid, wanted.offer_id, high)
    _expect(life, ending, BID if pays else "")


def expect_ask_taken(life: Life, rng: Random, row: Offer, *, pays: bool) -> None:
    _expect(life, Ending(_gone_at(life, rng, ASK), _take_ask, row.offer_id), ASK if pays else "")


def _expect(life: Life, ending: Ending, kind: str) -> None:
    life.put_off(ending)
    if kind:
        life.bargains.append(Bargain(life.about.game, life.about.title, kind, life.at, ending.at))


def _gone_at(life: Life, rng: Random, kind: str) -> int:
    return life.at + math.ceil(rng.expovariate(1 / MEANS_S[kind]))


def _take_ask(life: Life, ending: Ending, _rng: Random) -> None:
    life.sold(life.taken(ending.offer_id))


def _take_bid(life: Life, ending: Ending, _rng: Random) -> None:
    """A rival sells into the bid. The offer stays: bought each time, offers would run out and most sales were bargains."""
    phase = life.offer(ending.offer_id).phase
    life.sales.append(Sale(max(bid.price for bid in ending.targets), life.at, "Target", phase))
    life.drop(ending.targets)


def _end_bid(life: Life, ending: Ending, _rng: Random) -> None:
    """Nobody sold into it: the bidder gives up."""
    life.drop(ending.targets)

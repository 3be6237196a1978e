"""When the next request may go: the rules of pacing as plain functions of records and moments (design chapter 5).

Rates are requests a second, moments are monotonic seconds. A lane is what all tasks and processes of an account share:
one for each group of endpoints, and one for the account itself, which carries the hold after a 429.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from dmscan.market.limits import Shown

START = 2.0
SLOWEST = 0.5
SHARE = 0.9
SECOND_S = 1.03
"""The span in which no more than the limit is sent: a second, and what two requests may move towards each other on the way."""
KEPT = 128
"""Sends a lane remembers: the highest documented limit fits."""

ROOM = 0.5
"""So much of what an answer says remains is used each busy second: from the start to nine a second in three, to 18 in four."""
GROWTH_BLIND = 1.15
"""Each busy second without such headers: a limit half as high as documented is overrun by 15 % at most."""
GROWTH_BEYOND = 1.05 ** (1 / 60)
"""Beyond 90 % of a rate that was refused: 5 % each clean minute."""
SPAN_S = 1.1
"""What the market may have counted in one second, whatever its requests met on the way."""
BUSY = 0.7
"""Only who uses so much of the rate has shown that the rate is good."""

PAUSES_S = (1.0, 4.0, 10.0, 20.0)
"""After the first, second, … 429 in a row: the three attempts of a request outlast a refusal of five seconds."""
LONGEST_PAUSE_S = 60.0
PROBE_S = 1.0
WARM_S = 600.0
"""A rate found out so long ago is still tried first."""
TOGETHER_S = 10.0
"""Whoever sent with an explicit rate within this time is at it still."""


class Pace(Struct, frozen=True):
    """A lane's rate (0: not begun) and why it is so.

    `ceiling` is the rate at which a 429 came (0: none did), `limit` what the market's headers say (0: nothing).
    Nobody sends before `resume_at`. `refusals` counts the 429s since the last clean answer, the last came at `refused_at`.
    """

    rate: float = 0.0
    ceiling: float = 0.0
    limit: float = 0.0
    resume_at: float = 0.0
    refused_at: float = 0.0
    refusals: int = 0
    risen_at: float = 0.0


class Lane(Struct, frozen=True):
    """`sends` are the last moments of sending, oldest first."""

    pace: Pace = Pace()
    sends: tuple[float, ...] = ()

    def sent(self, now: float) -> Lane:
        return Lane(self.pace, (*self.sends[1 - KEPT :], now))

    def moved(self, was: float, now: float) -> Lane:
        """The request sent at `was` went at `now` in truth."""
        return Lane(self.pace, (*(send for send in self.sends if send != was), now))

    def count(self, until: float, span_s: float) -> int:
        """Sends within so many seconds up to a moment."""
        return sum(until - span_s < send <= until for send in self.sends)


class Terms(Struct, frozen=True):
    """What binds one process in a group: the documented limit, or the explicit rate that replaces it."""

    documented: float
    explicit: float | None = None

    @property
    def start(self) -> float:
        """An explicit rate needs no slow start."""
        return self.explicit or min(START, self.target)

    @property
    def limit(self) -> float:
        """How many may go in a second; who sets less than documented does not speak for the others in the group."""
        return max(self.documented, self.explicit or 0.0)

    @property
    def target(self) -> float:
        """How far the rate rises."""
        return self.explicit or SHARE * self.documented

    @property
    def most(self) -> float:
        """The rate never to be exceeded; an explicit one binds this process alone, who shares the lane may know better."""
        return math.inf if self.explicit else self.target

    @property
    def share(self) -> float:
        """How much of the limit that the headers state may be used."""
        return 1.0 if self.explicit else SHARE


class Pause(Struct, frozen=True):
    """How long a 429 asks to wait, in seconds (None: it does not say), and the chance of 0 to 1 that decides then."""

    asked: float | None
    chance: float

    def seconds(self, refusals: int) -> float:
        """After the `refusals`-th 429 in a row: what is asked for, at least the usual after the first, a minute at most.

        Unasked it is full jitter, of a second at least because the limits are of a second.
        """
        usual = PAUSES_S[min(refusals, len(PAUSES_S)) - 1]
        if self.asked is None:
            return 1 + self.chance * (min(2 * usual, PAUSES_S[-1]) - 1)
        return min(self.asked if refusals == 1 else max(self.asked, usual), LONGEST_PAUSE_S)


def opened(lane: Lane, terms: Terms, now: float) -> Lane:
    """The lane as a request finds it: begun anew after a long silence, and no slower than the start unless it was refused."""
    pace = lane.pace
    if not pace.rate or not lane.sends or now - lane.sends[-1] > WARM_S:
        pace = Pace(terms.start, resume_at=pace.resume_at, risen_at=now)
    elif not pace.ceiling and pace.rate < terms.start:
        pace = replace(pace, rate=terms.start)
    return Lane(pace, lane.sends)


def in_force(pace: Pace, terms: Terms) -> float:
    """The rate that holds now."""
    rate = min(pace.rate or terms.start, terms.most)
    return min(rate, pace.limit * terms.share) if pace.limit else rate


def next_send(lane: Lane, terms: Terms) -> float:
    """The moment from which the group's next request may go."""
    rate = in_force(lane.pace, terms)
    limit = max(terms.limit, rate)
    if lane.pace.limit:
        limit = min(limit, lane.pace.limit)
    return max(lane.pace.resume_at, spaced(lane.sends, rate, limit))


def next_in_all(account: Lane, explicit: float | None, now: float) -> float:
    """The same for the whole account: its hold, and an explicit rate over all groups, the highest one if processes differ."""
    if not explicit:
        return account.pace.resume_at
    rate = joint_rate(account, explicit, now)
    return max(account.pace.resume_at, spaced(account.sends, rate, rate))


def joint_rate(account: Lane, explicit: float, now: float) -> float:
    """The highest rate set by a process that is still at it: the slower ones keep to theirs by themselves."""
    together = account.sends and now - account.sends[-1] < TOGETHER_S
    return max(account.pace.rate, explicit) if together else explicit


def spaced(sends: Sequence[float], rate: float, limit: float) -> float:
    """When one more keeps the even spacing of `rate` and leaves no second with more than `limit`."""
    if not sends:
        return -math.inf
    evenly = sends[-1] + 1 / rate
    most = max(1, min(math.floor(limit), KEPT))
    if len(sends) < most:
        return evenly
    return max(evenly, sends[-most] + SECOND_S * min(1.0, KEPT / limit))


def after_claim(account: Lane, explicit: float | None, now: float) -> Lane:
    """The account once a request goes. While refused, one request at a time tries whether the market answers again."""
    pace = account.pace
    if pace.refusals:
        pace = replace(pace, resume_at=now + PROBE_S)
    if not explicit:
        return Lane(pace, account.sends)
    return Lane(replace(pace, rate=joint_rate(account, explicit, now)), account.sends).sent(now)


def after_429(lane: Lane, terms: Terms, sent_at: float, now: float) -> Pace:
    """A group's pace: the rate that was refused becomes the ceiling, half of it holds until an answer is clean."""
    pace = lane.pace
    if sent_at < pace.refused_at:
        return pace
    rate = in_force(pace, terms)
    return replace(
        pace,
        rate=max(min(SLOWEST, rate), rate / 2),
        ceiling=pace.ceiling if pace.refusals else _refused(lane, rate, sent_at),
        refused_at=now,
        refusals=pace.refusals + 1,
    )


def _refused(lane: Lane, rate: float, sent_at: float) -> float:
    """What was really sent in that second, if it was nearly the rate: a group that is asked now and then stays below it."""
    sent = lane.count(sent_at, 1)
    return sent if BUSY * rate <= sent < rate else rate


def held(account: Pace, sent_at: float, now: float, pause: Pause) -> Pace:
    """The account's hold: nobody sends for a while. What was under way when it began is no further refusal."""
    if sent_at < account.refused_at:
        return replace(account, resume_at=max(account.resume_at, now + pause.seconds(account.refusals or 1)))
    refusals = account.refusals + 1
    return replace(account, resume_at=max(account.resume_at, now + pause.seconds(refusals)), refused_at=now, refusals=refusals)


def released(account: Pace, sent_at: float) -> Pace:
    """A clean answer to a request sent after the refusal ends the hold."""
    return replace(account, resume_at=0.0, refusals=0) if account.refusals and sent_at >= account.refused_at else account


def after_answer(lane: Lane, terms: Terms, seen: Shown, sent_at: float, now: float) -> Pace:
    """A group's pace after a clean answer to the request of `sent_at`."""
    pace = replace(lane.pace, limit=float(seen.limit or lane.pace.limit))
    if sent_at < pace.refused_at:
        return pace
    if pace.refusals:
        return replace(pace, rate=SHARE * pace.ceiling, refusals=0, risen_at=now)
    if seen.remaining == 0 and lane.count(sent_at, SPAN_S) < (pace.limit or math.inf):
        # Somebody else asks too: what we sent ourselves does not explain that nothing remains.
        resume_at = sent_at + min(1.0 if seen.reset is None else seen.reset, LONGEST_PAUSE_S)
        return replace(pace, resume_at=max(pace.resume_at, resume_at))
    busy = lane.count(sent_at, 1) >= BUSY * pace.rate
    return _risen(pace, terms, seen.remaining or 0, now) if busy else pace


def _risen(pace: Pace, terms: Terms, remaining: int, now: float) -> Pace:
    bound = min(terms.target, pace.limit * terms.share) if pace.limit else terms.target
    if pace.rate >= bound or now - pace.risen_at < 1:
        return pace
    rate = pace.rate * GROWTH_BEYOND if pace.ceiling else max(pace.rate * GROWTH_BLIND, pace.rate + ROOM * remaining)
    return replace(pace, rate=min(bound, rate), risen_at=now)

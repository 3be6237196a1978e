"""What a scan would cost and how far it would come, from what is remembered and without a request (design chapters 1 and 4)."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

from msgspec import Struct
from msgspec.structs import replace

from dmscan.core.calls import CONFIRM_SHARE, Calls, Speed
from dmscan.core.prospects import Circumstances, GamePlan, Remembered, SweepPlan
from dmscan.core.report import SWEEP_SHARE, ScanRequest


class Reach(Struct, frozen=True):
    """How far the budget goes at a speed: the calls, the seconds they take, the share of the sweep and the candidates asked about.

    `sweep` are the calls of the sweep among them; `pace` is in requests a second, `None` if there is nothing to ask.
    """

    calls: Calls
    sweep: Calls
    seconds: int
    pace: Fraction | None
    swept: Fraction
    reached: int
    coverage: Fraction


class Plan(Struct, frozen=True):
    """A scan as expected. `whole` are the calls and seconds without a budget, `slow` is the reach at the least speed.

    `candidates` counts those that are put off too, `put_off` these and those of which only the relist is; `reused` are remembered sales.
    """

    at: int
    request: ScanRequest
    signed: bool
    recalls: bool
    remembered: int
    sweeps: tuple[SweepPlan, ...]
    candidates: int
    reused: int
    put_off: int
    put_off_until: tuple[int, int] | None
    whole: Reach
    reach: Reach
    slow: Reach | None

    @property
    def assumed(self) -> int:
        """Titles that nobody has seen yet."""
        return sum(sweep.assumed for sweep in self.sweeps)


def plan(request: ScanRequest, remembered: Sequence[Remembered], circumstances: Circumstances) -> Plan:
    """The plan of a scan on what is remembered of each of its games."""
    games = [GamePlan(one, request, circumstances) for one in remembered]
    sweeps = tuple(game.sweep() for game in games)
    prospects = [prospect for game, sweep in zip(games, sweeps, strict=True) for prospect in game.prospects(sweep)]
    waiting = sorted((one for one in prospects if one.open), key=lambda one: one.rank, reverse=True)
    untils = [one.until for one in prospects if one.until is not None]
    work = _Work(tuple(sweep.calls for sweep in sweeps), tuple(one.calls for one in waiting), len(prospects) - len(waiting))
    unlimited = replace(request, deadline_s=0, max_requests=None)
    return Plan(
        at=circumstances.now,
        request=request,
        signed=circumstances.signed,
        recalls=circumstances.recalls,
        remembered=sum(len(one.known) for one in remembered),
        sweeps=sweeps,
        candidates=len(prospects),
        reused=sum(one.reuses for one in prospects),
        put_off=len(untils),
        put_off_until=(min(untils), max(untils)) if untils else None,
        whole=work.reach(unlimited, circumstances.speed),
        reach=work.reach(request, circumstances.speed),
        slow=work.reach(request, circumstances.slow) if circumstances.slow else None,
    )


class _Work(Struct, frozen=True):
    """All there is to do: the sweeps, the candidates best first, and the number of those that are decided without a call."""

    sweeps: tuple[Calls, ...]
    candidates: tuple[Calls, ...]
    decided: int

    def reach(self, request: ScanRequest, speed: Speed) -> Reach:
        """A sweep that is cut finds its part of the candidates only (design chapter 4: 60 % of a budget at most)."""
        sweep = sum(self.sweeps, Calls())
        swept = min(Fraction(1), SWEEP_SHARE / max(SWEEP_SHARE, _used(sweep, request, speed)))
        found = self.candidates[: math.floor(len(self.candidates) * swept)]
        steps = list(accumulate(found, initial=sweep.part(swept)))
        share = Fraction(1) if request.recheck_s is None else CONFIRM_SHARE
        reached = max(0, bisect_right(steps, share, key=lambda calls: _used(calls, request, speed)) - 1)
        everybody = len(self.candidates) + self.decided
        coverage = Fraction(reached + self.decided, everybody) if everybody else Fraction(1)
        seconds = speed.seconds(steps[reached])
        pace = steps[reached].total / seconds if seconds else None
        return Reach(steps[reached], steps[0], math.ceil(seconds), pace, swept, reached, coverage)


def _used(calls: Calls, request: ScanRequest, speed: Speed) -> Fraction:
    """The share of the budget that the calls take, of time or requests, whichever is scarcer."""
    by_time = speed.seconds(calls) / request.deadline_s if request.deadline_s else Fraction(0)
    by_count = Fraction(calls.total) / request.max_requests if request.max_requests else Fraction(0)
    return max(by_time, by_count)

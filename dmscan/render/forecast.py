"""A plan on a terminal, in words: what would be asked, how far that goes, what is left out and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from dmscan.core.calls import CONFIRM_SHARE
from dmscan.core.models import Entry, Exit
from dmscan.core.plan import Plan, Reach
from dmscan.core.prospects import ASSUMED_CANDIDATES, ASSUMED_CROSSED, ASSUMED_HOPE, SweepKind, SweepPlan
from dmscan.core.report import SWEEP_SHARE
from dmscan.render import summary
from dmscan.render.text import age, minute, percent, plural, share, visible

KINDS = {
    SweepKind.NAMED: "the titles named",
    SweepKind.FULL: "the whole catalogue",
    SweepKind.RESUMED: "the rest of a sweep that was cut",
    SweepKind.NEAR: "the titles near the prices wanted",
}


def as_table(plan: Plan, source: str, width: int) -> str:
    """The screen, at most `width` cells wide (20 at least)."""
    asked = [visible(source).removeprefix("https://"), *summary.question(plan.request)]
    paragraphs = [
        [" · ".join(["plan, nothing was sent", *asked]), f"{minute(plan.at)} · {_basis(plan)} · all figures are estimates"],
        list(_calls(plan)),
        [*_budget(plan), *map(_sweep, plan.sweeps), *_candidates(plan), *_slow(plan)],
        [f"- {sentence}" for sentence in assumptions(plan)],
    ]
    return "\n".join("".join(_wrapped(line, width) for line in lines) for lines in paragraphs)


def assumptions(plan: Plan) -> Iterator[str]:
    """What the figures rest on, one sentence each."""
    yield "quotes are taken to be as they were last, and every question to be answered at the first attempt"
    for sweep in plan.sweeps:
        if sweep.assumed and sweep.kind is not SweepKind.NAMED:
            yield f"the catalogue of {sweep.game} is unknown until the first sweep: {sweep.assumed:,} titles never seen are assumed"
        elif sweep.assumed:
            yield f"{plural(sweep.assumed, 'title')} of {sweep.game} never seen: each that is named is taken for a candidate"
    if plan.assumed and plan.signed:
        yield (
            f"of titles never seen {share(ASSUMED_CANDIDATES)} are candidates if sales decide ({share(ASSUMED_CROSSED)} for instant), "
            f"and {share(ASSUMED_HOPE)} of their relists need a look at the offers"
        )
    if not plan.signed:
        return
    if set(plan.request.pairs) - {(Entry.OFFER, Exit.RELIST)}:
        yield "instant finds and own targets are counted with every call they could need, so they may cost less"
    if plan.request.recheck_s is not None:
        yield f"the second look at what is shown comes on top: at most {share(1 - CONFIRM_SHARE)} of the calls, kept back in every budget"


def _basis(plan: Plan) -> str:
    if not plan.remembered:
        return "no history yet, so this is the estimate of a first scan"
    used = "remembered" if plan.recalls else "remembered, but not used by this scan"
    return f"{plural(plan.remembered, 'title')} {used}"


def _calls(plan: Plan) -> Iterator[str]:
    """The calls within the budget beside all there would be."""
    some, every = plan.reach.calls.by_endpoint, plan.whole.calls.by_endpoint
    figures = [(endpoint, some[endpoint], every[endpoint]) for endpoint in every]
    figures.append(("calls", sum(some.values()), sum(every.values())))
    figures.append(("candidates asked about", plan.reach.reached, plan.whole.reached))
    rows = [("", "in the budget", "in all"), *((name, f"{left:,}", f"{right:,}") for name, left, right in figures)]
    rows.append(("time", age(plan.reach.seconds), age(plan.whole.seconds)))
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for name, left, right in rows:
        yield f"{name:{widths[0]}}  {left:>{widths[1]}}  {right:>{widths[2]}}"


def _budget(plan: Plan) -> Iterator[str]:
    asked = plan.request
    limits = [f"{age(asked.deadline_s)} (--deadline)"] if asked.deadline_s else []
    limits += [f"{plural(asked.max_requests, 'request')} (--max-requests)"] if asked.max_requests else []
    if not limits:
        yield "budget: none"
        return
    yield f"budget: {', '.join(limits)}; at most {share(SWEEP_SHARE)} of it for the sweep, {_swept(plan.reach)}"
    if not plan.signed:
        return
    left = plan.whole.reached - plan.reach.reached
    yield f"coverage: {percent(plan.reach.coverage)}, {plural(left, 'candidate')} not reached"


def _swept(reach: Reach) -> str:
    calls = plural(sum(reach.sweep.by_endpoint.values()), "call")
    return f"which needs {calls}" if reach.swept == 1 else f"which does {percent(reach.swept)} of it in {calls}; the next scan goes on"


def _sweep(sweep: SweepPlan) -> str:
    spared = {"far from the prices wanted": sweep.far, "never seen with both sides": sweep.one_sided, "excluded by name": sweep.excluded}
    left = [f"{count:,} {why}" for why, count in spared.items() if count]
    rest = f"; not asked again: {', '.join(left)}" if left else ""
    return f"sweep of {sweep.game}: {KINDS[sweep.kind]}, {plural(sweep.asked, 'title')}{rest}"


def _candidates(plan: Plan) -> Iterator[str]:
    if not plan.signed:
        yield "candidates: none are asked about without a key, quotes decide"
        return
    reused = f", the sales of {plan.reused:,} are remembered and young enough" if plan.reused else ""
    yield f"candidates: {plan.candidates:,}{reused}"
    if plan.put_off_until:
        first, last = map(minute, plan.put_off_until)
        titles = plural(plan.put_off, "title")
        yield f"put off, as remembered sales leave a relist no hope: {titles}, the first until {first}, the last until {last}"


def _slow(plan: Plan) -> Iterator[str]:
    if plan.reach.pace is not None:
        yield f"pace: {float(plan.reach.pace):.1f} requests a second"
    if plan.slow and plan.slow.pace is not None:
        reach = f"{percent(plan.slow.coverage)} of the candidates in {age(plan.slow.seconds)}"
        yield f"if the market allows only {float(plan.slow.pace):.1f} a second, with which a scan begins: {reach}"


def _wrapped(line: str, width: int) -> str:
    indent = "" if line.startswith(" ") else "  "
    return "".join(f"{part}\n" for part in textwrap.wrap(line, max(20, width), subsequent_indent=indent, drop_whitespace=True) or [""])

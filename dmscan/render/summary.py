"""What stands above and below the rows of a table: where the data came from, and why there is not more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from dmscan.core.models import Reason
from dmscan.core.rank import totals
from dmscan.core.report import Example, Pair, ScanReport, ScanRequest
from dmscan.render.records import limits
from dmscan.render.text import age, dollars, minute, percent, plural, share, title, visible
from dmscan.render.words import REMEDIES, reason_words

NEAREST = 3


def heading(scan: ScanReport) -> tuple[list[str], list[str]]:
    """What was asked and of whom; how far the scan came and at what cost."""
    source = visible(scan.source).removeprefix("https://")
    return [source, *question(scan.request), *_fees(scan), minute(scan.finished_at)], [*_reach(scan), *_effort(scan)]


def question(asked: ScanRequest) -> Iterator[str]:
    """What was asked for, in short parts."""
    low, high, min_roi = limits(asked)
    yield ", ".join(asked.games)
    if asked.levels:
        yield f"level{'s' if len(asked.levels) > 1 else ''} {', '.join(asked.levels)}"
    if low is not None:
        yield f"asks from {dollars(low)}" if high is None else f"asks {dollars(low)} to {dollars(high)}"
    if min_roi is not None:
        yield f"ROI from {share(min_roi)}"
    if asked.titles or asked.exclude:
        yield plural(len(asked.titles) + len(asked.exclude), "title filter")


def _fees(scan: ScanReport) -> Iterator[str]:
    several = len(set(scan.fee_sources.values())) > 1
    for game, words in scan.fee_sources.items():
        yield f"{game} fee {visible(words)}" if several else f"fee {visible(words)}"
        if not several:
            return


def _reach(scan: ScanReport) -> Iterator[str]:
    counted = scan.stats
    if not scan.signed:
        yield "no key, so quotes only"
    elif scan.complete:
        yield f"all {plural(counted.candidates, 'candidate')} judged"
    else:
        yield f"{counted.judged:,} of {plural(counted.candidates, 'candidate')} judged ({percent(scan.coverage)})"


def _effort(scan: ScanReport) -> Iterator[str]:
    traffic, spent = scan.stats.traffic, scan.finished_at - scan.started_at
    pace = f" ({traffic.sent / spent:.1f} a second)" if spent else ""
    yield f"{plural(traffic.sent, 'call')} in {age(spent)}{pace}"
    if scan.seconds_for_all is not None:
        yield f"all seen in about {age(scan.seconds_for_all)} more"


def funnel(scan: ScanReport) -> Iterator[tuple[str, list[str]]]:
    """Per way to trade the titles refused in words, the most frequent reason first."""
    for pair, reasons in scan.rejected.items():
        if counts := _by_count(reasons):
            yield _way(pair), [words for _, words in counts]


def why(scan: ScanReport) -> Iterator[tuple[str, list[tuple[str, list[str]]]]]:
    """Per way to trade and reason a few titles by name (`--why`)."""
    for pair, reasons in scan.rejected.items():
        shown = scan.examples.get(pair, {})
        yield _way(pair), [(words, [_example(one) for one in shown.get(reason, ())]) for reason, words in _by_count(reasons)]


def _by_count(reasons: Mapping[str, int]) -> list[tuple[str, str]]:
    """Reason and words, the most frequent first, what was not reached last."""
    counts = sorted(reasons.items(), key=lambda item: (item[0] == Reason.NOT_CONFIRMED, -item[1]))
    return [(reason, f"{count:,} {reason_words(reason)}") for reason, count in counts if count]


def _way(pair: Pair) -> str:
    return " → ".join(pair)


def _example(one: Example) -> str:
    return f"{title(one.title)}: ask {dollars(one.ask)}, bid {dollars(one.bid)}"


def closing(scan: ScanReport) -> Iterator[str]:
    """What else there is to know, one sentence each."""
    counted = scan.stats
    if counted.pass_if_renewed:
        yield f"{counted.pass_if_renewed:,} more would pass if today's reduced fee is renewed (--fee-at now)"
    if counted.gone_at_recheck:
        yield f"{plural(counted.gone_at_recheck, 'find')} gone when looked at again"
    if scan.hidden:
        yield f"{plural(scan.hidden, 'row')} not shown (--limit)"
    if scan.opportunities:
        both = totals(scan.opportunities)
        of_these = "of the rows shown: " if scan.hidden else ""
        yield f"{of_these}capital {dollars(both.capital)}, net {dollars(both.net_profit)}, counting each offer once"
    else:
        yield from _nothing_found(scan)


def _nothing_found(scan: ScanReport) -> Iterator[str]:
    """The reasons furthest along are the nearest to a find."""
    counts: Counter[str] = Counter()
    for reasons in scan.rejected.values():
        counts.update(reasons)
    unseen = [Reason.NOT_CONFIRMED] if counts.pop(Reason.NOT_CONFIRMED, 0) else []
    nearest = [reason for reason in reversed(Reason) if counts[reason]][:NEAREST]
    if nearest:
        yield f"nearest to a find: {', '.join(f'{counts[reason]:,} {reason_words(reason)}' for reason in nearest)}"
    if remedies := [REMEDIES[reason] for reason in [*unseen, *nearest] if reason in REMEDIES]:
        yield f"try {', '.join(remedies)}; --why names examples"

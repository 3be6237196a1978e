"""The verdict on one title, one entry and exit: the one function behind `scan` and `explain`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from dmscan.core.instant import judge_instant, judge_quote
from dmscan.core.models import Entry, Evidence, Exit, FeeAt, Need, Opportunity, Reason, Rules
from dmscan.core.relist import judge_relist
from dmscan.core.report import Pair
from dmscan.core.target import judge_spread, judge_target

Verdict = tuple[Opportunity, ...] | Reason | Need
Judge = Callable[[Evidence, Rules], Verdict]

SIGNED: Mapping[Pair, Judge] = {
    (Entry.OFFER, Exit.INSTANT): judge_instant,
    (Entry.OFFER, Exit.RELIST): judge_relist,
    (Entry.TARGET, Exit.RELIST): judge_target,
}
UNSIGNED: Mapping[Pair, Judge] = {**SIGNED, (Entry.OFFER, Exit.INSTANT): judge_quote, (Entry.TARGET, Exit.RELIST): judge_spread}


def judge(pair: Pair, evidence: Evidence, rules: Rules, *, signed: bool = True) -> Verdict:
    """The finds, or the reason why there are none, or what must be asked next; unsigned it speaks on the quote alone."""
    return (SIGNED if signed else UNSIGNED)[pair](evidence, rules)


def next_need(verdicts: Iterable[Verdict]) -> Need | None:
    """The cheapest deciding call that any verdict still waits for.

    Fills come last: they serve own targets alone, and what another verdict waits for anyway may decide on those too.
    """
    needs = {verdict for verdict in verdicts if isinstance(verdict, Need)}
    return min(needs - {Need.FILLS} or needs, key=list(Need).index, default=None)


def passes_if_renewed(verdicts: Mapping[Pair, Verdict], evidence: Evidence, rules: Rules, *, signed: bool = True) -> bool:
    """Whether a title is refused as a relist, from an offer or an own target, only because today's reduced fee ends before the sale.

    See design chapter 3. What less than all answers refuses, no renewal saves.
    """
    if not evidence.fees.rows or rules.fee_at is FeeAt.NOW or (signed and evidence.offers is None):
        return False
    renewed = msgspec.structs.replace(rules, fee_at=FeeAt.NOW)
    refused = (pair for pair, verdict in verdicts.items() if pair[1] is Exit.RELIST and isinstance(verdict, Reason))
    return any(isinstance(judge(pair, evidence, renewed, signed=signed), tuple) for pair in refused)

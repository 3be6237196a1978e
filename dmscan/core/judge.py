"""The verdict on one title, one entry and exit: the one function behind `scan` and `explain`."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from dmscan.core.instant import judge_instant, judge_quote
from dmscan.core.models import Evidence, Exit, FeeAt, Need, Opportunity, Reason, Rules
from dmscan.core.relist import judge_relist
from dmscan.core.report import Pair

Verdict = tuple[Opportunity, ...] | Reason | Need


def judge(pair: Pair, evidence: Evidence, rules: Rules, *, signed: bool = True) -> Verdict:
    """The finds, or the reason why there are none, or what must be asked next; unsigned it speaks on the quote alone."""
    if pair[1] is Exit.RELIST:
        return judge_relist(evidence, rules)
    return judge_instant(evidence, rules) if signed else judge_quote(evidence, rules)


def next_need(verdicts: Iterable[Verdict]) -> Need | None:
    """The cheapest deciding call that any verdict still waits for."""
    needs = {verdict for verdict in verdicts if isinstance(verdict, Need)}
    return min(needs, key=list(Need).index, default=None)


def passes_if_renewed(verdict: Verdict, evidence: Evidence, rules: Rules) -> bool:
    """Whether a title is refused as a relist only because today's reduced fee ends before the sale (design chapter 3)."""
    if not isinstance(verdict, Reason) or not evidence.fees.rows or evidence.offers is None or rules.fee_at is FeeAt.NOW:
        return False
    return isinstance(judge_relist(evidence, msgspec.structs.replace(rules, fee_at=FeeAt.NOW)), tuple)

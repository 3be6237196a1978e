"""The quote rules: refuse most titles on the quote alone, the cheapest rule first (design chapter 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from dmscan.core.fees import most_proceeds
from dmscan.core.games import has_phases
from dmscan.core.models import Entry, Exit, FeeSchedule, Quote, Reason, Rules
from dmscan.core.report import Pair
from dmscan.core.rules import refusal_at_best


def screen_instant(quote: Quote, fees: FeeSchedule, rules: Rules) -> Reason | None:
    """Sound: a title is refused only if no unit could pass.

    The quoted ask bounds every cost from below, the quoted bid every sale price from above, and no fee is below 0: so what
    fails before the fee fails after it, and the fee is looked at last.
    """
    reason = instant_on_sight(quote, rules)
    if reason or quote.ask is None or quote.bid is None:
        return reason
    return refusal_at_best(most_proceeds(fees, quote.bid, quote.at), quote.ask, rules)


def instant_on_sight(quote: Quote, rules: Rules) -> Reason | None:
    """What `screen_instant` says whatever the fees are; `None` if they decide."""
    if quote.ask is None:
        return Reason.NO_ASK
    if quote.bid is None:
        return Reason.NO_BID
    if _above_all_bands(quote.ask, rules):
        return Reason.ASK_ABOVE_MAX
    if quote.bid - quote.ask < rules.min_profit:
        # What `refusal_at_best` would say, at once: most titles of a market end here.
        return Reason.BELOW_MIN_PROFIT
    return refusal_at_best(quote.bid, quote.ask, rules)


def screen_relist(quote: Quote, rules: Rules) -> Reason | None:
    """Without phases the cheapest ask caps the price of a relist, so one below every band ends it (design chapter 4)."""
    if quote.ask is None:
        return Reason.NO_ASK
    if _above_all_bands(quote.ask, rules):
        return Reason.ASK_ABOVE_MAX
    if quote.ask < rules.bands[0].low and not has_phases(quote.game, quote.title):
        return Reason.NO_BUYABLE_OFFER
    return None


def screen_target(quote: Quote, rules: Rules) -> Reason | None:
    """Sound, but for the rule it shares with a relist: the cheapest ask of a title without phases caps the price (design chapter 4).

    The quoted bid bounds the best bid without limits from above, and so the cost: a bid too low for every band refuses. Nothing
    else does: the best bid without limits may be far below a dear one, and the quoted ask, which may be reserved or of another
    phase, bounds no sale price from above.
    """
    if quote.bid is None:
        return Reason.NO_BID
    lowest = rules.bands[0].low
    if quote.ask is None or quote.bid + 1 < lowest:
        return Reason.NO_BUYABLE_OFFER
    if quote.ask < lowest and not has_phases(quote.game, quote.title):
        return Reason.NO_BUYABLE_OFFER
    return None


ON_SIGHT: Mapping[Pair, Callable[[Quote, Rules], Reason | None]] = {
    (Entry.OFFER, Exit.INSTANT): instant_on_sight,
    (Entry.OFFER, Exit.RELIST): screen_relist,
    (Entry.TARGET, Exit.RELIST): screen_target,
}
"""What refuses a title on its quote alone, fees and all else unseen."""


def refusals_on_sight(quote: Quote, pairs: Iterable[Pair], rules: Rules) -> tuple[Reason, ...] | None:
    """Why each of the pairs refuses the title, in their order; `None` if one of them needs a closer look."""
    reasons = []
    for pair in pairs:
        reason = ON_SIGHT[pair](quote, rules)
        if reason is None:
            return None
        reasons.append(reason)
    return tuple(reasons)


def _above_all_bands(ask: int, rules: Rules) -> bool:
    highest = rules.bands[-1].high
    return highest is not None and ask > highest

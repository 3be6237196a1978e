"""The running account of a scan: what was found, what was refused and why, what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence

from msgspec.structs import replace

from dmscan.core.judge import Verdict, passes_if_renewed
from dmscan.core.models import Evidence, Game, Need, Opportunity, Quote, Reason
from dmscan.core.money import Cents
from dmscan.core.report import Example, Pair, Refusal, ScanRequest, Trouble
from dmscan.core.units import SAMPLE, sale_and_ask, units_differ
from dmscan.errors import DmscanError, ExitCode

EXAMPLES = 3
REFUSALS = 20
"""So many refused titles of a scan are kept for comparison."""


class Ledger:
    """Counts titles and verdicts; `publish` is called with each opportunity as soon as it is certain.

    Finds that rest on sales are held back until enough titles have shown that sales and asks are of one unit. Of the `watched` titles
    it keeps when they were refused. `draw` gives a random whole number from 0 up to, but not including, its argument: it decides which
    refused titles are in the sample; without it none are.
    """

    def __init__(
        self,
        request: ScanRequest,
        publish: Callable[[Opportunity], None],
        *,
        signed: bool = True,
        draw: Callable[[int], int] | None = None,
    ) -> None:
        self._request, self._publish, self._signed, self._draw = request, publish, signed, draw
        self._sample: list[tuple[Cents, Cents]] = []
        self._held: list[tuple[Pair, Quote, tuple[Opportunity, ...]]] = []
        self._units_proved = False
        self.units_differ = False
        self.titles = self.candidates = self.judged = self.pass_if_renewed = self.gone = 0
        self.found: list[Opportunity] = []
        self.rejected: dict[Pair, Counter[str]] = {pair: Counter() for pair in request.pairs}
        self.examples: dict[Pair, dict[str, tuple[Example, ...]]] = {pair: {} for pair in request.pairs}
        self.watched: frozenset[tuple[Game, str]] = frozenset()
        self.refused: dict[tuple[Game, str, Pair], int] = {}
        self.sample: list[Refusal] = []
        self._refusals = 0
        self._troubles: dict[tuple[ExitCode, Game | None, str], Trouble] = {}

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        return tuple(self._troubles.values())

    def trouble(self, error: DmscanError, game: Game | None = None) -> None:
        """Notes a failure; the same code, game and endpoint are one entry with a count."""
        endpoint = getattr(error, "endpoint", "")
        key = (error.exit_code, game, endpoint)
        known = self._troubles.get(key)
        fresh = Trouble(error.exit_code, str(error), game, endpoint)
        self._troubles[key] = replace(known, count=known.count + 1) if known else fresh

    def refuse(self, pair: Pair, quotes: Sequence[Quote], reason: Reason) -> None:
        self.rejected[pair][reason] += len(quotes)
        shown = self.examples[pair].get(reason, ())
        if more := quotes[: EXAMPLES - len(shown)]:
            self.examples[pair][reason] = (*shown, *(Example(quote.game, quote.title, quote.ask, quote.bid) for quote in more))

    def refuse_on_sight(self, quotes: Sequence[Quote], reasons: Collection[Reason]) -> None:
        """Books what `settle` would of titles whose quotes alone are refused for every pair, all for the same reasons, if there is a key.

        They were not asked about, so they are in no sample and prove no unit, and no renewed fee saves them. Excluded ones got no verdict.
        """
        for pair, reason in zip(self.rejected, reasons, strict=True):
            self.refuse(pair, quotes, reason)
        if not self.watched or Reason.EXCLUDED in reasons:
            return
        for quote in quotes:
            if (quote.game, quote.title) in self.watched:
                self.refused.update({(quote.game, quote.title, pair): quote.at for pair in self.rejected})

    def settle(self, evidence: Evidence, verdicts: Mapping[Pair, Verdict], put_off: Container[Pair] = ()) -> bool:
        """Books the verdicts on one title; what still needs an answer counts as not confirmed, and what was `put_off` got no verdict now.

        Whether the title would pass if today's reduced fee is renewed.
        """
        for pair, verdict in verdicts.items():
            if isinstance(verdict, Reason):
                self.refuse(pair, [evidence.quote], verdict)
            elif isinstance(verdict, Need):
                self.refuse(pair, [evidence.quote], Reason.NOT_CONFIRMED)
            elif not self._units_proved and any(found.sales for found in verdict):
                self._held.append((pair, evidence.quote, verdict))
            else:
                self._accept(verdict)
        renewed = passes_if_renewed(verdicts, evidence, self._request.rules, signed=self._signed)
        self.pass_if_renewed += renewed
        self._sample_units(evidence)
        self._remember(evidence, {pair: reason for pair, reason in verdicts.items() if isinstance(reason, Reason) and pair not in put_off})
        return renewed

    def look_again(self, evidence: Evidence, verdicts: Mapping[Pair, Verdict]) -> None:
        """Books new verdicts on a title that was found: what is gone is dropped, what is left is as it is now, and nothing is added.

        A pair that has lost all its finds is refused for its new reason, or as not confirmed if only a variant not found before passes.
        """
        quote = evidence.quote
        before = [found for found in self.found if (found.game, found.title) == (quote.game, quote.title)]
        now = {found.key: found for verdict in verdicts.values() if isinstance(verdict, tuple) for found in verdict}
        kept = [now[found.key] for found in before if found.key in now]
        self.gone += len(before) - len(kept)
        for pair in {(found.entry, found.exit) for found in before} - {(found.entry, found.exit) for found in kept}:
            verdict = verdicts[pair]
            self.refuse(pair, [quote], verdict if isinstance(verdict, Reason) else Reason.NOT_CONFIRMED)
            self._watch(evidence, [pair] if isinstance(verdict, Reason) else [])
        self.found = [found for found in self.found if found not in before] + kept

    def close(self) -> None:
        """Decides on what is still held back, on the titles there are."""
        if not self._units_proved:
            self._prove_units()

    def _remember(self, evidence: Evidence, reasons: Mapping[Pair, Reason]) -> None:
        """What was refused in earnest: of watched titles all, of those that were asked about (or of all on quotes alone) a sample."""
        self._watch(evidence, reasons)
        if self._draw is None or not reasons or (self._signed and not evidence.is_asked):
            return
        self._refusals += 1
        refusal = Refusal(evidence.quote, evidence.now, reasons)
        if len(self.sample) < REFUSALS:
            self.sample.append(refusal)
        elif (place := self._draw(self._refusals)) < REFUSALS:
            self.sample[place] = refusal

    def _watch(self, evidence: Evidence, refused: Iterable[Pair]) -> None:
        game, title = evidence.quote.game, evidence.quote.title
        if (game, title) in self.watched:
            self.refused.update({(game, title, pair): evidence.now for pair in refused})

    def _sample_units(self, evidence: Evidence) -> None:
        if self._units_proved:
            return
        known = sale_and_ask(evidence)
        self._sample += [known] if known else []
        if len(self._sample) >= SAMPLE:
            self._prove_units()

    def _prove_units(self) -> None:
        self.units_differ = units_differ(self._sample)
        self._units_proved = not self.units_differ
        for pair, quote, opportunities in self._held:
            if self.units_differ:
                self.refuse(pair, [quote], Reason.NOT_CONFIRMED)
            else:
                self._accept(opportunities)
        self._held.clear()

    def _accept(self, opportunities: tuple[Opportunity, ...]) -> None:
        for opportunity in opportunities:
            self.found.append(opportunity)
            self._publish(opportunity)

"""Every title that was seen is either refused or found, for each pair of entry and exit (design chapter 4.4)."""

from __future__ import annotations

from dmscan.core.report import Pair, ScanReport


def unaccounted(report: ScanReport) -> dict[Pair, int]:
    """Titles seen, less those refused and those with a find; only the pairs where that is not zero."""
    found = {pair: {(one.game, one.title) for one in report.opportunities if (one.entry, one.exit) == pair} for pair in report.rejected}
    left = {pair: report.stats.titles - sum(reasons.values()) - len(found[pair]) for pair, reasons in report.rejected.items()}
    return {pair: titles for pair, titles in left.items() if titles}

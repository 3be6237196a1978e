"""`python tests/scoreboard.py FILE [--coverage FILE] [--random TEXT]`: the figures R1 to R26 as one Markdown table.

FILE is what `pytest --scoreboard FILE` appended to: of each test the last word counts. `--coverage` is the JSON of
`coverage json`, `--random` what runs of the suite in random orders gave.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

TARGETS: Mapping[str, tuple[str, str]] = {
    "R1": ("kill -9 at every write and sync", "0 stored rows lost, 0 half batches, whole"),
    "R2": ("kill -9 at random moments of real scans", "1,000 kills: 0 stored rows lost, counts equal"),
    "R3": ("I/O errors and a full disk, once and from then on", "0 corrupt, exit 20, results on stdout"),
    "R4": ("four writers on one database", "0 rows lost or doubled, 0 told of a lock"),
    "R5": ("damaged answers", "50,000 a run, 1,000,000 before a release: 0 tracebacks, 0 unsound items"),
    "R6": ("every call × every class of error", "the exact number of requests, 100 %"),
    "R7": ("rate as the market counts it", "never above the limit in any second"),
    "R8": ("waste in a storm of 429", "≤ 2 % of a minute"),
    "R9": ("amplification in an outage", "≤ 1.25 ×"),
    "R10": ("speed at 10 % mixed errors", "≥ 80 %"),
    "R11": ("completeness at 10 % mixed errors", "100 %"),
    "R12": ("soak", "memory ≤ +5 %, descriptors and threads constant, 0 slots lost"),
    "R13": ("memory under attack", "≤ 150 MB"),
    "R14": ("signals at any moment", "exit ≤ 2 s, second ≤ 0.2 s, valid output"),
    "R15": ("deadline", "D + 2 s, 200 hostile markets"),
    "R16": ("cancelled at every step", "1,000 rounds: 0 slots, transactions, threads left"),
    "R17": ("planted secrets", "0 told"),
    "R18": ("keys sent to another host", "0 bytes"),
    "R19": ("control bytes of 200 hostile titles", "0"),
    "R20": ("stdout", "one document, or empty with an error: 100 %"),
    "R21": ("faults that have a test which proves that they fired", "all 166, or a reason"),
    "R22": ("runs in random order", "0 flaky in 50"),
    "R23": ("branch coverage", "100 % of core, pacing, retries, history, redaction; ≥ 95 % in all"),
    "R24": ("supply chain", "all hash-locked, ≤ 12 direct dependencies, no known high"),
    "R25": ("migration killed at every write", "old schema or new, counts equal"),
    "R26": ("cold start from cron", "works with an empty environment; overlap exits 11"),
}
"""Figure → what, target (reliability chapter 3)."""

PURE = r"core/|market/(pacing|pace|retries|transport)\.py|cli/redaction\.py|history/"


class Score(NamedTuple):
    figure: str
    measured: str
    test: str


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("scoreboard.py")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--coverage", type=Path, metavar="FILE")
    parser.add_argument("--random", metavar="TEXT")
    options = parser.parse_args(arguments)
    scores = [score for file in options.files for score in read(file)]
    if options.coverage:
        scores.append(Score("R23", covered(json.loads(options.coverage.read_text("utf-8"))), "pytest --cov"))
    if options.random:
        scores.append(Score("R22", options.random, "pytest -p randomly"))
    print("\n".join(table(scores)))  # noqa: T201


def read(file: Path) -> list[Score]:
    """What each test said last of each figure, the cases of one test together."""
    said: dict[tuple[str, str], str] = {}
    for line in file.read_text("utf-8").splitlines():
        score = Score(**json.loads(line))
        said[score.figure, score.test] = score.measured
    whole: dict[tuple[str, str], list[str]] = {}
    for (figure, test), measured in said.items():
        whole.setdefault((figure, test.partition("[")[0]), []).append(measured)
    return [Score(figure, together(all_), test) for (figure, test), all_ in whole.items()]


def together(measured: Sequence[str]) -> str:
    """What several cases of a test said, each thing once."""
    cases = f" ({len(measured)} cases)" if len(measured) > 1 else ""
    return "; ".join(dict.fromkeys(measured)) + cases


def table(scores: Sequence[Score]) -> Iterator[str]:
    yield "| | figure | target | measured | where |"
    yield "|---|---|---|---|---|"
    for figure, (what, target) in TARGETS.items():
        own = sorted(score for score in scores if score.figure == figure)
        for number, score in enumerate(own or [Score(figure, "not measured", "")]):
            head = (figure, what, target) if number == 0 else ("", "", "")
            yield f"| {' | '.join((*head, score.measured, where(score.test)))} |"


def where(test: str) -> str:
    file, _, name = test.removeprefix("tests/").partition("::")
    return f"`{file}` {name.removeprefix('test_').replace('_', ' ')}".rstrip() if test else ""


def covered(report: dict[str, dict[str, dict[str, dict[str, int]]]]) -> str:
    """Lines and branches, of what must be covered wholly and of all."""
    files = {name.partition("dmscan/")[2]: of["summary"] for name, of in report["files"].items()}
    pure = [summary for name, summary in files.items() if re.match(PURE, name)]
    return f"{share(pure)} of the pure parts, {share(list(files.values()))} in all"


def share(summaries: Sequence[Mapping[str, int]]) -> str:
    done = sum(one["covered_lines"] + one["covered_branches"] for one in summaries)
    there = sum(one["num_statements"] + one["num_branches"] for one in summaries)
    return f"{100 * done / there:.1f} %"


if __name__ == "__main__":
    main()

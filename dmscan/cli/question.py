"""One question to the history, from options to exit code: which file and source, which time, and how the answer is printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dmscan.cli.configured import environment
from dmscan.cli.form import Form, form
from dmscan.cli.options import parse, parse_moment
from dmscan.clock import Clock
from dmscan.config_file import ConfigFile
from dmscan.core.games import parse_game
from dmscan.core.models import Game
from dmscan.core.past import Course, Span
from dmscan.core.report import ScanReport
from dmscan.errors import ExitCode, UsageError
from dmscan.history.queries import Past
from dmscan.history.reader import asking
from dmscan.render import history, history_table
from dmscan.render.history_contract import Document
from dmscan.render.text import title
from dmscan.settings import API_URL, check_url, history_file

T = TypeVar("T")
NEAR = 3


@dataclass(frozen=True, slots=True)
class Question:
    """`source` is whose rows are asked for, `span` which time."""

    database: Path
    source: str
    span: Span
    form: Form

    def ask(self, read: Callable[[Past], T]) -> T:
        """What `read` finds. The file is let go before anything is printed: who reads holds up who writes."""
        with asking(self.database, self.source) as past:
            return read(past)

    def answer(self, document: Document, rows: Sequence[object], table: Callable[[int, bool], str]) -> ExitCode:
        """Prints an answer; where there are no rows a table says what to do."""
        written = {"json": history.as_json, "ndjson": history.as_lines, "csv": history.as_csv, "markdown": history.as_markdown}
        if self.form.name in written:
            self.form.write(written[self.form.name](document))
        elif self.form.name == "table":
            width, color = self.form.width, self.form.color
            self.form.write(table(width, color) if rows else history_table.nothing(self.nothing, width, color))
        return ExitCode.OK

    @property
    def nothing(self) -> str:
        """What to do when nothing is stored."""
        sandbox = " --sandbox" if self.source == "sandbox" else ""
        where = f"{self.source.removeprefix('https://')} in {self.database}"
        return f"Nothing is stored of {where} for that time: run dmscan scan{sandbox}, or ask otherwise (--since, --until, --db)."


@dataclass(frozen=True, slots=True)
class Place:
    """Whose rows, in which file."""

    database: Path
    source: str


def place(db: str | None, *, sandbox: bool, config: ConfigFile | None = None) -> Place:
    """As a scan would store with the same options. Raises SettingsError."""
    if sandbox:
        return Place(history_file(db, "sandbox.db"), "sandbox")
    return Place(history_file(db, "history.db"), check_url(environment(config).get("DMSCAN_API_URL", "") or API_URL))


def question(typed: Mapping[str, Any]) -> Question:
    """Raises UsageError, SettingsError or OutputError, each naming what to change."""
    where = place(typed["db"], sandbox=typed["sandbox"], config=typed["config"])
    shown = form({"limit": None, "fields": None, "why": False, "sort": "", **typed})
    return Question(where.database, where.source, span_of(typed), shown)


def one_scan(past: Past, beginning: str) -> str:
    """The id of the scan meant. UsageError if there is none, or more than one."""
    ids = past.scan_ids(beginning, NEAR)
    if len(ids) == 1 or beginning in ids:
        return beginning if beginning in ids else ids[0]
    if ids:
        raise UsageError(f"Several scans begin with {beginning!r}: {', '.join(ids)}. Type more of the id.")
    what = "no scan that ended yet: run dmscan scan" if beginning == "last" else f"no scan {beginning!r}: dmscan history lists them"
    raise UsageError(f"There is {what}.")


def one_report(past: Past, beginning: str) -> ScanReport:
    """The report of the scan meant. UsageError if there is none, or it has not ended."""
    report = past.report(one_scan(past, beginning))
    if report is None:
        raise UsageError(f"The scan {beginning} has no end: it still runs, or it died.")
    return report


def one_game(text: str) -> Game:
    """UsageError for a game that there is not, and for all of them."""
    games = parse("--game", text, parse_game) or ()
    if len(games) != 1:
        raise UsageError(f"--game must be one game, not {text}.")
    return games[0]


def the_course(past: Past, game: Game, wanted: str, span: Span) -> Course:
    """UsageError with near titles if that one was never seen."""
    told = past.course(game, wanted, span)
    if told is None:
        raise unknown(game, wanted, past.titles(game))
    return told


def unknown(game: Game, wanted: str, known: Sequence[str]) -> UsageError:
    """What to say of a title that was never seen: which ones are near it."""
    import difflib

    folded = {name.casefold(): name for name in known}
    words = wanted.casefold().split()
    holding = [name for name in folded if all(word in name for word in words)] if words else []
    near = difflib.get_close_matches(wanted.casefold(), holding or folded, NEAR, 0.0 if holding else 0.6)
    hint = f"did you mean {' or '.join(title(folded[name]) for name in near)}?" if near else "a scan stores every title it sees."
    return UsageError(f"No title {title(wanted)!r} of {game} is stored: {hint}")


def span_of(typed: Mapping[str, Any]) -> Span:
    """From `--since` to `--until`. Raises UsageError."""
    now = Clock().seconds()
    since, until = (parse(f"--{name}", typed.get(name), lambda text: parse_moment(text, now)) for name in ("since", "until"))
    span = Span(max(0, since or 0), max(0, now + 1 if until is None else until))
    if span.since >= span.until:
        raise UsageError("--since must be before --until.")
    return span

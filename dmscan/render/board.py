"""A watch on a terminal: how it goes, and a line for each opportunity that is open or has just gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace
from rich.text import Text

from dmscan.core.episodes import Key
from dmscan.core.events import Better, Event, Gone, Open, Passed
from dmscan.core.models import Opportunity
from dmscan.core.outage import Outage
from dmscan.core.rank import rank
from dmscan.core.report import Progress, ScanRequest
from dmscan.render.summary import question
from dmscan.render.table import GAP, Page, figures_of, item_of, row_of, widths_of
from dmscan.render.text import age, minute, plural, visible

MARKS = {"new": ("+ ", "bold green"), "better": ("↑ ", "bold green"), "gone": ("- ", "dim"), "": ("  ", "")}
GONE_FOR = 3
"""So many passes a line stays after its opportunity has gone."""
FIGURES = ("way", "buy", "sell", "net", "ROI", "days")
DROPPED = ("seen", "way", "days", "sell", "ROI", "since")
"""What a screen too narrow for all figures goes without, first to last."""
ITEM = 30
"""Cells that are better spent on the item than on the figures dropped first."""


class Row(Struct, frozen=True):
    """A line: its opportunity, when that was first and last found, and what the pass `number` told of it."""

    opportunity: Opportunity
    begun_at: int
    seen_at: int
    mark: str = ""
    number: int = 0


class State(Struct, frozen=True):
    """How the watch goes: the pass that runs or ran last, with its progress, or in how many seconds the next one begins."""

    number: int = 1
    progress: Progress | None = None
    passed: Passed | None = None
    next_in_s: float | None = None
    down: Outage | None = None
    ended: bool = False


class Board:
    """The lines as the events change them."""

    def __init__(self, source: str, request: ScanRequest) -> None:
        self._source, self._request = source, request
        self._rows: dict[Key, Row] = {}

    def event(self, event: Event, number: int) -> None:
        """What pass `number` told."""
        if isinstance(event, Gone):
            found = event.standing.opportunity
            seen = self._rows.get(found.key) or Row(found, event.standing.episode.begun_at, event.standing.episode.seen_at)
            self._rows[found.key] = replace(seen, mark="gone", number=number)
            return
        found = event.opportunity
        mark = "better" if isinstance(event, Better) else "new"
        before = self._rows.get(found.key)
        begun_at = before.begun_at if before and mark == "better" else found.as_of
        self._rows[found.key] = Row(found, begun_at, found.as_of, mark, number)

    def passed(self, open_: Open, number: int) -> None:
        """The lines of what is open as the pass left it; the marks of passes before go, and so do lines of what has long gone."""
        before = self._rows
        self._rows = {key: row for key, row in before.items() if row.mark == "gone" and number - row.number < GONE_FOR}
        for key, standing in open_.items():
            told = before.get(key)
            mark = told.mark if told and told.number == number else ""
            self._rows[key] = Row(standing.opportunity, standing.episode.begun_at, standing.episode.seen_at, mark, number)

    def text(self, state: State, now: int, size: tuple[int, int], color: bool, limit: int | None = None) -> str:
        """The screen, at most as wide and as high as `size` says; `limit` is the most lines for opportunities."""
        width, height = size
        page = Page(width, color)
        page.parts(Text(part, "dim") for part in (visible(self._source).removeprefix("https://"), *question(self._request)))
        page.parts(Text(part) for part in _course(state))
        if state.down:
            page.line(Text(f"no usable data since {minute(state.down.since)}: {visible(state.down.message)}", "bold red"))
        page.line(Text())
        most = max(1, height - page.text().count("\n") - 3)
        self._lines(page, now, most if limit is None else min(limit, most))
        return page.text()

    def _lines(self, page: Page, now: int, most: int) -> None:
        if not self._rows:
            page.line(Text("Nothing found yet.", "bold"))
            return
        ranked = rank((row.opportunity for row in self._rows.values()), self._request.sort)
        rows = [self._rows[found.key] for found in ranked]
        for line in _table(rows[:most], now, page.width, several_games=len(self._request.games) > 1):
            page.line(line)
        if len(rows) > most:
            page.line(Text(f"{plural(len(rows) - most, 'row')} not shown", "dim"))


def _course(state: State) -> Iterator[str]:
    """Which pass it is, what it does or how long until the next one, and what it cost."""
    if state.ended:
        yield "ended"
    elif state.progress:
        seen = state.progress
        yield f"pass {state.number}"
        yield f"sweeping, {plural(seen.titles, 'title')}" if seen.sweeping else f"confirming, {seen.judged:,} of {seen.candidates:,}"
        yield plural(seen.sent, "call")
    elif state.next_in_s is not None:
        yield f"pass {state.number} begins in {max(0, round(state.next_in_s))} s"
    else:
        yield f"pass {state.number}"
    if state.passed and state.passed.report:
        traffic, elapsed_ms = state.passed.report.stats.traffic, state.passed.report.stats.elapsed_ms
        pace = f" at {1000 * traffic.sent / elapsed_ms:.1f} a second" if elapsed_ms else ""
        yield f"last pass {plural(traffic.sent, 'call')}{pace}"
    if state.passed:
        yield f"{state.passed.new} new, {state.passed.better} better, {state.passed.gone} gone"
        yield f"{len(state.passed.open)} open"


def _table(rows: Sequence[Row], now: int, width: int, *, several_games: bool) -> Iterator[Text]:
    figures = [_figures(row, now, width) for row in rows]
    items = [_item(row, several_games=several_games) for row in rows]
    longest = max(item.cell_len for item in items)
    widths = widths_of(figures, width - min(ITEM, longest), DROPPED)
    room = min(longest, width - sum(cells + GAP for cells in widths.values()))
    yield row_of(Text("  item"), {name: Text(name) for name in widths}, widths, room)
    for row, item, figure in zip(rows, items, figures, strict=True):
        item.truncate(room, overflow="ellipsis")
        line = row_of(item, figure, widths, room)
        yield Text(line.plain, "dim") if row.mark == "gone" else line


def _item(row: Row, *, several_games: bool) -> Text:
    return Text(*MARKS[row.mark]) + item_of(row.opportunity, several_games=several_games)


def _figures(row: Row, now: int, width: int) -> dict[str, Text]:
    figures = figures_of(row.opportunity, now, width)
    shown = {name: figures[name] for name in FIGURES}
    return shown | {"since": Text(age(now - row.begun_at)), "seen": Text(age(now - row.seen_at), "dim")}

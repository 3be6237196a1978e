"""A scan on a terminal: each find says what to do, and below it why it is believed."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dmscan.core.models import Entry, Opportunity
from dmscan.core.report import ScanReport
from dmscan.render import summary
from dmscan.render.fields import columns, flat
from dmscan.render.records import opportunity
from dmscan.render.text import age, days, dollars, percent, plural, title, visible
from dmscan.render.words import evidence, warning_words

GAP = 2
INDENT = 2
NARROWEST = 20
WIDE = 120
DOT = " · "
STYLES = {"way": "cyan", "net": "bold green", "ROI": "green", "age": "dim"}
FEW = 8
LONG = ("title", "url", "offer_ids", "warnings")
"""Columns of text that wrap, so that the figures beside them stay whole as long as there are few."""
DROPPED = ("age", "if stuck", "way", "days", "ROI", "sell")
"""What a screen too narrow for all figures goes without, first to last."""


class Page:
    """Lines of at most `width` cells (20 at least); data goes in as `Text` only, so that no markup in it can live."""

    def __init__(self, width: int, color: bool) -> None:
        self.width = max(width, NARROWEST)
        self._file = io.StringIO()
        self._console = Console(
            file=self._file,
            width=self.width,
            height=100,
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            force_jupyter=False,
            markup=False,
            highlight=False,
            emoji=False,
            legacy_windows=False,
        )

    def line(self, text: Text, indent: int = 0) -> None:
        for part in text.wrap(self._console, self.width - indent, overflow="fold") if text else [text]:
            part.rstrip()
            self._console.print(Text(" " * indent) + part if part else part)

    def parts(self, parts: Iterable[Text], indent: int = 0, hanging: int = 0) -> None:
        """The parts in a row with dots between; what does not fit goes on the next line, indented by `hanging` more."""
        line = Text()
        for part in parts:
            if line and indent + line.cell_len + cell_len(DOT) + part.cell_len > self.width:
                self.line(line, indent)
                line, indent, hanging = Text(), indent + hanging, 0
            line.append(DOT if line else "", "dim").append_text(part)
        self.line(line, indent)

    def table(self, table: Table) -> None:
        self._console.print(table)

    def text(self) -> str:
        return "".join(f"{line.rstrip()}\n" for line in self._file.getvalue().splitlines())


def as_table(scan: ScanReport, width: int, color: bool, why: bool = False) -> str:
    """The whole screen, at most `width` cells wide (20 at least); with `why` it names refused titles."""
    page = Page(width, color)
    for parts in summary.heading(scan):
        page.parts(Text(part, "dim") for part in parts)
    page.line(Text())
    _finds(page, scan)
    page.line(Text())
    _refusals(page, scan, why)
    for sentence in summary.closing(scan):
        page.line(Text(sentence))
    return page.text()


def as_columns(scan: ScanReport, fields: tuple[str, ...], width: int, color: bool) -> str:
    """The columns of `--fields` as a plain table, by the names of the JSON contract."""
    page, names = Page(width, color), columns(fields)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for name in names:
        table.add_column(Text(name), overflow="fold", no_wrap=len(names) <= FEW and name not in LONG)
    for found in scan.opportunities:
        row = flat(opportunity(found, scan.source, scan.finished_at))
        table.add_row(*(Text("" if row[name] is None else str(row[name])) for name in names))
    page.table(table)
    return page.text()


def _finds(page: Page, scan: ScanReport) -> None:
    if not scan.opportunities:
        page.line(Text("Nothing found.", "bold"))
        return
    rows = [figures_of(found, scan.finished_at, page.width) for found in scan.opportunities]
    items = [item_of(found, several_games=len(scan.request.games) > 1) for found in scan.opportunities]
    widths = widths_of(rows, page.width)
    room = _room(items, page.width - sum(width + GAP for width in widths.values()))
    page.line(row_of(Text("item" if room > INDENT else ""), {name: Text(name) for name in widths}, widths, room))
    for found, item, row in zip(scan.opportunities, items, rows, strict=True):
        fits = item.cell_len <= room
        if not fits:
            page.line(item)
        page.line(row_of(item if fits else Text(), row, widths, room))
        page.parts(_reasons(found), INDENT)


def item_of(found: Opportunity, *, several_games: bool) -> Text:
    """Title, phase and number of units; the game only where there are several."""
    item = Text.assemble((f"{found.game} " if several_games else "", "dim"), (title(found.title), "bold"))
    if found.phase:
        item.append(f", {visible(found.phase)}")
    if found.units > 1:
        item.append(f" ×{found.units}")
    return item


def figures_of(found: Opportunity, now: int, width: int) -> dict[str, Text]:
    figures = {
        "way": f"{found.entry} → {found.exit}" if width >= WIDE or found.entry is Entry.TARGET else found.exit,
        "buy": dollars(found.cost),
        "sell": dollars(found.sell),
        "net": dollars(found.net_profit),
        "ROI": percent(found.roi),
        "days": "" if found.days is None else days(found.days),
        "if stuck": dollars(found.bail_out),
        "age": age(now - found.as_of),
    }
    return {name: Text(figure, STYLES.get(name, "red" if figure.startswith("-$") else "")) for name, figure in figures.items()}


def widths_of(rows: Sequence[Mapping[str, Text]], width: int, dropped: Sequence[str] = DROPPED) -> dict[str, int]:
    """Cells per figure, for as many figures as fit; `dropped` are those that go first."""
    widths = {name: max(cell_len(name), *(row[name].cell_len for row in rows)) for name in rows[0]}
    for name in dropped:
        if INDENT + sum(cells + GAP for cells in widths.values()) <= width:
            break
        del widths[name]
    return widths


def _room(items: Iterable[Text], most: int) -> int:
    """Cells for the items on the line of their figures; one that needs more gets a line of its own."""
    return max((item.cell_len for item in items if item.cell_len <= most), default=INDENT)


def row_of(item: Text, figures: Mapping[str, Text], widths: Mapping[str, int], room: int) -> Text:
    line = item.copy()
    line.pad_right(room - item.cell_len)
    for name, width in widths.items():
        blank = " " * (width - figures[name].cell_len)
        line.append(" " * GAP)
        line += figures[name] + Text(blank) if name == "way" else Text(blank) + figures[name]
    return line


def _reasons(found: Opportunity) -> list[Text]:
    """Warnings first: they qualify what follows."""
    return [*(Text(words, "yellow") for words in warning_words(found)), *(Text(part, "dim") for part in evidence(found))]


def _refusals(page: Page, scan: ScanReport, named: bool) -> None:
    """The funnel in words, or with the names of some titles."""
    page.line(Text(f"{plural(scan.stats.titles, 'title')} seen, not taken:" if scan.stats.titles else "no title seen"))
    if named:
        _examples(page, scan)
        return
    for way, counts in summary.funnel(scan):
        page.parts([Text(f"{way}: {counts[0]}"), *map(Text, counts[1:])], INDENT, hanging=INDENT)


def _examples(page: Page, scan: ScanReport) -> None:
    for way, reasons in summary.why(scan):
        page.line(Text(way, "bold"), INDENT)
        for reason, examples in reasons:
            page.line(Text(reason), 2 * INDENT)
            for example in examples:
                page.line(Text(example, "dim"), 3 * INDENT)

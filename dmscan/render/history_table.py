"""Answers of `dmscan history` on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby

from rich.table import Table
from rich.text import Text

from dmscan.core.lifetimes import ENOUGH, Lasting, Lifetimes
from dmscan.core.past import Course, PastFind, PastScan, Span, Stats, Tally
from dmscan.render import history_plot
from dmscan.render.table import GAP, Page
from dmscan.render.text import age, dollars, minute, percent, plural, title, visible

ID_SHOWN = 8
"""Characters of a scan's id in a table: enough to tell it apart, and to be typed."""
FINDS_SHOWN = 10
LITTLE = f"not enough evidence (below {ENOUGH})"
LEFT = ("scan", "status", "asked", "way", "of", "found by", "")
"""Columns of words; all others are figures, which stand to the right."""
SPARED = ("calls", "titles", "judged", "code", "took", "scans", "ended", "asked", "status", "units", "found by", "sell", "cost", "ROI")
"""What a screen too narrow for all goes without, first to last."""


def scans(rows: Sequence[PastScan], source: str, width: int, color: bool) -> str:
    page = Page(width, color)
    page.line(Text(f"{visible(source)} · {plural(len(rows), 'scan')}, the newest first", "dim"))
    _grid(page, [_scan(row) for row in rows])
    page.line(Text("dmscan history show SCAN shows one of them, with as much of its id as tells it apart", "dim"))
    return page.text()


def nothing(sentence: str, width: int, color: bool) -> str:
    """The screen when there is nothing to show: what to do."""
    page = Page(width, color)
    page.line(Text(visible(sentence)))
    return page.text()


def course(told: Course, source: str, width: int, color: bool) -> str:
    """The title's quotes and sales as a plot, and its last finds."""
    page = Page(width, color)
    page.line(Text(title(told.title), "bold"))
    page.parts(Text(part, "dim") for part in (visible(source), told.game, *_span(told.span)))
    for line in history_plot.lines(told, page.width, color):
        page.line(Text.from_ansi(line) if color else Text(line))
    page.line(Text(_now(told)))
    _grid(page, [_found(row) for row in reversed(told.found[-FINDS_SHOWN:])])
    if len(told.found) > FINDS_SHOWN:
        page.line(Text(f"{plural(len(told.found) - FINDS_SHOWN, 'earlier find')} not shown", "dim"))
    return page.text()


def stats(told: Stats, source: str, width: int, color: bool) -> str:
    """Tallies and their total; what the requests were spent on."""
    page = Page(width, color)
    page.line(Text(f"{visible(source)} · opportunities by {told.by}, each counted once, as first seen", "dim"))
    _grid(page, [*(_tally(row, told.by) for row in told.rows), _tally(told.total, "all")])
    if told.requests:
        spent = ", ".join(f"{visible(endpoint)} {count:,}" for endpoint, count in sorted(told.requests.items()))
        page.line(Text(f"calls: {spent}"))
    return page.text()


def lifetimes(told: Lifetimes, source: str, width: int, color: bool) -> str:
    """How long episodes last, and the convention behind it."""
    page = Page(width, color)
    page.line(Text(f"{visible(source)} · how long opportunities last, from their first sight; by when they began (UTC)", "dim"))
    _grid(page, [row for _, group in groupby(told.rows, key=lambda row: row.by) for row in _group(list(group))])
    page.line(Text(f"Kaplan-Meier; an end is taken to lie half way between the last scan that saw it and the next{_blur(told)}."))
    page.line(Text("What still lasts, or was not looked at for a day, counts as long as it was seen."))
    return page.text()


def _scan(row: PastScan) -> dict[str, Text]:
    judged = "" if row.coverage is None else "all" if row.complete else percent(row.coverage)
    figures = {
        "when": minute(row.started_at).removesuffix(" UTC"),
        "scan": visible(row.scan_id[:ID_SHOWN]),
        "status": row.status,
        "asked": f"{', '.join(map(visible, row.games))} {'/'.join(map(visible, row.entries))} → {'/'.join(map(visible, row.exits))}",
        "took": "" if row.finished_at is None else age(row.finished_at - row.started_at),
        "titles": _count(row.titles),
        "found": f"{row.found:,}",
        "net": dollars(row.net),
        "calls": _count(row.calls),
        "judged": judged,
        "code": "" if row.exit_code is None else str(row.exit_code),
    }
    return _styled(figures)


def _found(row: PastFind) -> dict[str, Text]:
    way = f"{row.entry} → {row.exit}" + (f", {visible(row.phase)}" if row.phase else "")
    figures = {"when": minute(row.at).removesuffix(" UTC"), "way": way, "units": str(row.units), "buy": dollars(row.cost)}
    return _styled(figures | {"sell": dollars(row.sell), "net": dollars(row.net), "found by": visible(row.scan_id[:ID_SHOWN])})


def _tally(row: Tally, by: str) -> dict[str, Text]:
    name = "all" if by == "all" else visible(row.name) or "no level"
    roi = percent(Fraction(row.net, row.cost)) if row.cost else ""
    figures = {"": name, "episodes": f"{row.episodes:,}", "cost": dollars(row.cost), "net": dollars(row.net), "ROI": roi}
    return _styled(figures | {"scans": _count(row.scans), "calls": _count(row.calls)})


def _lasting(row: Lasting) -> dict[str, Text]:
    share = "" if row.gone_next_share is None else percent(row.gone_next_share)
    quarter, half, most = map(_seconds, row.quartiles) if row.enough else ("", LITTLE, "")
    figures = {"of": f"{row.by} {visible(row.value)}".rstrip(), "episodes": f"{row.episodes:,}", "ended": f"{row.gone:,}"}
    return _styled(figures | {"¼ gone by": quarter, "half gone by": half, "¾ gone by": most, "gone by next scan": share})


def _group(rows: Sequence[Lasting]) -> Iterator[dict[str, Text]]:
    """A row each, or one for all if none has enough evidence."""
    if len(rows) == 1 or any(row.enough for row in rows):
        yield from map(_lasting, rows)
        return
    episodes, gone = sum(row.episodes for row in rows), sum(row.gone for row in rows)
    yield _lasting(Lasting(f"each {rows[0].by}", "", episodes, 0, (), 0, 0)) | _styled({"ended": f"{gone:,}"})


def _blur(told: Lifetimes) -> str:
    return "" if told.blur_s is None else f", on average {age(told.blur_s)} apart"


def _now(told: Course) -> str:
    """The last quote in words."""
    sold = plural(len(told.sales), "sale")
    if not told.quotes:
        return f"no quote, {sold} in this time"
    last = told.quotes[-1]
    sides = f"ask {dollars(last.ask)} ({last.ask_count:,} on sale), bid {dollars(last.bid)} ({last.bid_count:,} wanted)"
    return f"since {minute(last.at)}: {sides} · {plural(len(told.quotes), 'quote')}, {sold}, {plural(len(told.found), 'find')} in this time"


def _span(span: Span) -> tuple[str, ...]:
    return (f"{minute(span.since)} to {minute(span.until)}",)


def _seconds(seconds: Fraction | None) -> str:
    """`later` if too few are known to have ended."""
    return "later" if seconds is None else age(int(seconds))


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _styled(figures: Mapping[str, str]) -> dict[str, Text]:
    styles = {"net": "green", "scan": "cyan", "found by": "cyan", "when": "dim"}
    return {name: Text(figure, styles.get(name, "")) for name, figure in figures.items()}


def _grid(page: Page, rows: Sequence[Mapping[str, Text]]) -> None:
    """Rows under their names, without what is empty everywhere, and without what the screen has no room for."""
    if not rows:
        return
    widths = {name: max(Text(name).cell_len, *(row[name].cell_len for row in rows)) for name in rows[0] if any(row[name] for row in rows)}
    for name in SPARED:
        if sum(widths.values()) + GAP * len(widths) <= page.width:
            break
        widths.pop(name, None)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for name in widths:
        table.add_column(Text(name), justify="left" if name in LEFT or name == "when" else "right", overflow="fold")
    for row in rows:
        table.add_row(*(row[name] for name in widths))
    page.table(table)

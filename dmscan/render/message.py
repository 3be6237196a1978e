"""What a chat is told: each find as a trader wants to read it, and of all that is due as few messages as hold it (design chapter 9)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from dmscan.core.alerts import HEALTH, Alert, Due, Kind, Part
from dmscan.core.episodes import Key
from dmscan.core.message import MOST_ENTITIES, MOST_UNITS, Entity, Message, units
from dmscan.core.models import Opportunity
from dmscan.core.report import ScanReport
from dmscan.render.records import opportunity
from dmscan.render.text import age, days, dollars, minute, percent, title, visible
from dmscan.render.words import evidence, warning_words

TOP = 10
MOST_MESSAGES = 5
LONGEST_TROUBLE = 300
DOT = " · "
GAP = "\n\n"
_LIVE = re.compile(r"[@/#$]|\w\.\w")
"""Telegram would make links of names, commands, tags and addresses in a title, but not in code or inside another link."""
_NUMBERED = f" ({MOST_MESSAGES}/{MOST_MESSAGES})"
_HEALTH = {
    Kind.WELL: "Recovered: scans find usable data again.",
    Kind.KEY_REFUSED: "The market refuses the key: make a new pair there and set DMARKET_PUBLIC_KEY and DMARKET_SECRET_KEY.",
    Kind.API_CHANGED: "The market's API changed, so nothing that rests on it is told: run dmscan doctor, and update dmscan.",
    Kind.FAILING: "Three scans in a row got no usable data: run dmscan doctor to see why.",
}


class Item(Struct, frozen=True, omit_defaults=True):
    """What is stored of an alert: all that a later message needs. `title` is bold and leads to `url`; `text` follows it."""

    source: str
    scan_id: str
    text: str
    title: str = ""
    url: str | None = None
    before: str = ""
    profit_per_day: int = 0


class _Block(Struct, frozen=True):
    """An alert as it stands in a message; `gap` goes before it where another precedes."""

    alert: Alert
    item: Item
    gap: str = GAP

    @property
    def units(self) -> int:
        return units(self.gap + self.item.before + self.item.title + self.item.text)

    @property
    def entities(self) -> int:
        return (1 + bool(self.item.url)) if self.item.title else 0

    def cut(self, room: int) -> _Block:
        """So that it has at most `room` units."""
        over, text = self.units - room, self.item.text
        return replace(self, item=replace(self.item, text=_cut(text, units(text) - over))) if over > 0 else self


class _Page:
    """Text that grows, and where in it something is bold or a link."""

    def __init__(self, heading: str) -> None:
        self.text, self.entities, self.alerts = heading, list[Entity](), list[Alert]()

    def add(self, block: _Block) -> None:
        item = block.item
        self.text += (block.gap if self.alerts else GAP) + item.before
        if item.title:
            place = units(self.text), units(item.title)
            self.entities.append(Entity("code" if _LIVE.search(item.title) and not item.url else "bold", *place))
            if item.url:
                self.entities.append(Entity("text_link", *place, item.url))
        self.text += item.title + item.text
        self.alerts.append(block.alert)


def body(due: Due, scan: ScanReport) -> str:
    """The JSON text to store of what is due after a scan, for `compose`."""
    return msgspec.json.encode(_item(due, scan)).decode()


def compose(alerts: Sequence[Alert], top: int = TOP) -> tuple[Part, ...]:
    """At most five messages that tell all the alerts: the `top` best finds and `top` ends, the rest as a number (design chapter 9)."""
    if not alerts:
        return ()
    blocks = [_Block(alert, msgspec.json.decode(alert.body, type=Item)) for alert in alerts]
    heading = _heading(blocks)
    pages = _pages(_chosen(blocks, top), MOST_UNITS - units(heading + _NUMBERED + _more(blocks)))
    shown = {block.alert.number for page in pages for block in page}
    rest = [block for block in blocks if block.alert.number not in shown]
    last = len(pages)
    return tuple(
        _part(_numbered(heading, page, last), shown_here, rest if page == last else []) for page, shown_here in enumerate(pages, 1)
    )


def _item(due: Due, scan: ScanReport) -> Item:
    of = (scan.source, scan.scan_id)
    if due.found:
        found = due.found
        text = "".join(f"\n{line}" for line in _lines(found, due.before) if line)
        return Item(
            *of,
            text=f"{_phase(found.phase)}{f' ×{found.units}' if found.units > 1 else ''}{text}",
            title=title(found.title),
            url=opportunity(found, scan.source, scan.finished_at).url,
            profit_per_day=found.profit_per_day,
        )
    if due.gone:
        lasted = (due.gone.ended_at or due.gone.seen_at) - due.gone.begun_at
        return Item(*of, before=f"gone after {age(lasted)}: ", title=title(due.gone.key[1]), text=_way_of(due.gone.key))
    trouble = visible(scan.troubles[0].message)[:LONGEST_TROUBLE] if scan.troubles and due.kind is not Kind.WELL else ""
    return Item(*of, text=f"{_HEALTH[due.kind]}{trouble and f' ({trouble})'}")


def _lines(found: Opportunity, before: int | None) -> Iterator[str]:
    """What to do, what speaks against it, why it is believed, and of when that is."""
    net = f"net {dollars(found.net_profit)}" + (f" (was {dollars(before)})" if before is not None else "")
    figures = [f"buy {dollars(found.cost)}", f"sell {dollars(found.sell)}", net, f"ROI {percent(found.roi)}"]
    if found.days is not None:
        figures.append(f"sold in {days(found.days)}" if found.days else "sold now")
    if found.bail_out not in (None, found.net_profit):
        figures.append(f"if stuck {dollars(found.bail_out)}")
    yield DOT.join((str(found.game), f"{found.entry} → {found.exit}"))
    yield DOT.join(figures)
    yield DOT.join(warning_words(found))
    yield DOT.join((*evidence(found), f"seen {minute(found.as_of)}"))


def _way_of(key: Key) -> str:
    game, _, phase, entry, exit_ = key
    return f"{_phase(phase)}{DOT}{game}{DOT}{entry} → {exit_}"


def _phase(phase: str) -> str:
    return f", {visible(phase)}" if phase else ""


def _chosen(blocks: Iterable[_Block], top: int) -> list[_Block]:
    """What is shown if there is room: health, the best finds, and what is gone, each on a line."""
    health, finds, gone = list[_Block](), list[_Block](), list[_Block]()
    for block in blocks:
        kind = block.alert.kind
        (health if kind in HEALTH else gone if kind is Kind.GONE else finds).append(block)
    finds.sort(key=lambda block: (-block.item.profit_per_day, block.alert.number))
    return [*health, *finds[:top], *gone[:1], *(replace(block, gap="\n") for block in gone[1:top])]


def _heading(blocks: Sequence[_Block]) -> str:
    """How many of what, and whose: "3 new, 1 better · api.dmarket.com"."""
    kinds = Counter(block.alert.kind for block in blocks)
    counts = ", ".join(f"{kinds[kind]:,} {kind}" for kind in (Kind.NEW, Kind.BETTER, Kind.GONE) if kinds[kind]) or "dmscan"
    source = blocks[0].item.source
    return f"[sandbox] {counts}" if source == "sandbox" else f"{counts}{DOT}{visible(urlsplit(source).netloc or source)}"


def _numbered(heading: str, number: int, of: int) -> str:
    return f"{heading} ({number}/{of})" if of > 1 else heading


def _more(rest: Sequence[_Block]) -> str:
    """How many are not shown, and what shows those of the newest scan."""
    if not rest:
        return ""
    item = rest[-1].item
    return f"{GAP}and {len(rest):,} more: dmscan history show {visible(item.scan_id[:8])}{' --sandbox' if item.source == 'sandbox' else ''}"


def _pages(blocks: Iterable[_Block], room: int) -> list[list[_Block]]:
    """The blocks in their order on at most five pages; what fits on none of them is left out."""
    pages: list[list[_Block]] = [[]]
    for whole in blocks:
        block = whole.cut(room)
        page = pages[-1]
        if page and (_sum(page, block, lambda one: one.units) > room or _sum(page, block, lambda one: one.entities) > MOST_ENTITIES):
            if len(pages) == MOST_MESSAGES:
                break
            page = []
            pages.append(page)
        page.append(block)
    return pages


def _sum(page: Iterable[_Block], block: _Block, size: Callable[[_Block], int]) -> int:
    return sum(map(size, page)) + size(block)


def _part(heading: str, blocks: Sequence[_Block], rest: Sequence[_Block]) -> Part:
    page = _Page(heading)
    for block in blocks:
        page.add(block)
    return Part(Message(page.text + _more(rest), tuple(page.entities)), (*page.alerts, *(block.alert for block in rest)))


def _cut(text: str, room: int) -> str:
    """At most `room` units of the text."""
    kept, left = "", room - 1
    for char in text:
        left -= units(char)
        if left < 0:
            break
        kept += char
    return f"{kept}…"

"""A title's asks, bids and sales over time, drawn with characters: with axes by plotext if that is installed, else as lines of blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import groupby
from typing import Any

from dmscan.core.models import SaleKind
from dmscan.core.money import Cents
from dmscan.core.past import Course, PastQuote
from dmscan.render.text import dollars

BLOCKS = "▁▂▃▄▅▆▇█"
HEIGHT, WIDEST = 18, 120
TICKS = 5
FOR_AXES = "a plot with axes needs a package that is not installed: pip install 'dmscan[plot]'"
SIDES = ("ask", "bid")
SOLD = {SaleKind.OFFER: "sold at ask", SaleKind.TARGET: "sold into a bid"}
MARKERS = {"ask": "hd", "bid": "braille", "sold at ask": "o", "sold into a bid": "x"}
KEYS = MARKERS | {"ask": "▚", "bid": "⠢"}
COLORS = {"ask": "red", "bid": "green", "sold at ask": "yellow", "sold into a bid": "cyan"}

Point = tuple[int, Cents]
"""A moment and a price."""


def lines(told: Course, width: int, color: bool) -> Iterator[str]:
    """The plot, at most `width` cells wide; nothing if there is nothing to draw."""
    sold = {name: [(sale.at, sale.price) for sale in told.sales if sale.kind is kind] for kind, name in SOLD.items()}
    drawn = {side: _runs(told, side) for side in SIDES} | {name: [points] if points else [] for name, points in sold.items()}
    prices = [price for runs in drawn.values() for run in runs for _, price in run]
    if not prices:
        return
    width = min(width, WIDEST)
    if find_spec("plotext"):
        yield from _with_axes(told, drawn, width, color)
        return
    for side in SIDES:
        yield _blocks(told, side, (min(prices), max(prices)), width)
    yield FOR_AXES


def _runs(told: Course, side: str) -> list[list[Point]]:
    """The steps of one side, within the span; a new run after each time without that side."""
    ends = [quote.at for quote in told.quotes[1:]] + [told.span.until]
    priced = [(max(quote.at, told.span.since), end, getattr(quote, side)) for quote, end in zip(told.quotes, ends, strict=False)]
    return [
        [point for begin, end, price in run for point in ((begin, price), (end, price))]
        for is_there, run in groupby(priced, key=lambda step: step[2] is not None)
        if is_there
    ]


def _with_axes(told: Course, drawn: Mapping[str, Sequence[Sequence[Point]]], width: int, color: bool) -> Iterator[str]:
    import plotext  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415 an extra, and half a second

    figure = plotext.figure
    figure.clear()
    figure.theme("simple" if color else "colorless")
    figure.plot_size(width, HEIGHT)
    for name, runs in drawn.items():
        for run in runs:
            signal = figure.signal([at for at, _ in run], [price for _, price in run], marker=plotext.marker(MARKERS[name], COLORS[name]))
            figure.draw(signal.lines(name in SIDES))
    _rule(figure, told, [price for runs in drawn.values() for run in runs for _, price in run])
    text: str = figure.build().string()
    figure.clear()
    yield from (text if color else plotext.uncolorize(text)).splitlines()
    yield "  ".join(f"{KEYS[name]} {name}" for name, runs in drawn.items() if runs)


def _rule(figure: Any, told: Course, prices: Sequence[Cents]) -> None:
    """Both axes in words; a flat line gets some room."""
    since, until, low, high = told.span.since, told.span.until, min(prices), max(prices)
    figure.ruler("x").lim(since, until)
    form = "%m-%d" if until - since > TICKS * 86_400 else "%m-%d %H:%M"
    figure.ruler("x").ticks(*zip(*((at, datetime.fromtimestamp(at, UTC).strftime(form)) for at in _marks(since, until)), strict=True))
    figure.ruler("y").lim(low, max(high, low + 1))
    figure.ruler("y").ticks(*zip(*((price, dollars(price)) for price in _marks(low, max(high, low + 1))), strict=True))


def _marks(low: int, high: int) -> list[int]:
    return sorted({low + (high - low) * place // (TICKS - 1) for place in range(TICKS)})


def _blocks(told: Course, side: str, reach: tuple[Cents, Cents], width: int) -> str:
    """What held at the end of each part of the span, from the least price of all (▁) to the highest (█)."""
    low, high = reach
    ends = f"{side} {dollars(low)} ", f" {dollars(high)}"
    cells = max(1, width - sum(map(len, ends)))
    step = (told.span.until - told.span.since) / cells
    held = [_held(told.quotes, told.span.since + (place + 1) * step) for place in range(cells)]
    asked = [getattr(quote, side) if quote else None for quote in held]
    drawn = (" " if price is None else BLOCKS[(price - low) * (len(BLOCKS) - 1) // max(1, high - low)] for price in asked)
    return "".join((ends[0], *drawn, ends[1]))


def _held(quotes: Sequence[PastQuote], at: float) -> PastQuote | None:
    return next((quote for quote in reversed(quotes) if quote.at <= at), None)

"""One title explained on a terminal: each way to trade with its rules, and where what is known comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import zip_longest

from rich.cells import cell_len
from rich.text import Text

from dmscan.core.checks import Amount, Check, Unit
from dmscan.core.explained import Explained, Explanation
from dmscan.core.models import FeeSource, Need, Reason
from dmscan.render import summary
from dmscan.render.table import GAP, INDENT, Page
from dmscan.render.text import age, days, dollars, minute, percent, plural, share, title, visible
from dmscan.render.words import evidence, reason_words, warning_words

MARKS = {True: ("ok", "green"), False: ("no", "bold red"), None: ("?", "yellow")}
RULES = {
    "ask": "an offer is quoted",
    "bid": "a bid",
    "max_price": "ask not above the prices wanted",
    "min_price": "not below the prices wanted",
    "offers": "offers",
    "for_sale": "can be bought",
    "price": "price wanted",
    "max_lock_days": "locked no longer",
    "resellable": "can be sold again",
    "compatible_bid": "a target takes it",
    "min_sales": "qualified sales",
    "next_ask": "below the next ask",
    "min_profit": "net profit",
    "min_roi": "ROI",
    "max_days_to_sell": "days to sell",
    "max_days_to_fill": "days to fill",
}
"""The rules in words."""


def as_table(told: Explanation, source: str, width: int, color: bool) -> str:
    """The screen, at most `width` cells wide (20 at least)."""
    page = Page(width, color)
    page.line(Text(title(told.title), "bold"))
    mode = ["stored data only, nobody was asked"] if told.offline else []
    asked = [visible(source).removeprefix("https://"), *summary.question(told.request), *mode, minute(told.at)]
    page.parts(Text(part, "dim") for part in asked)
    page.parts(map(Text, _quoted(told)))
    for one in told.pairs:
        page.line(Text())
        _way(page, one)
    page.line(Text())
    _facts(page, told)
    return page.text()


def _quoted(told: Explanation) -> Iterator[str]:
    quote, fees = told.quote, told.fees
    if quote is None:
        yield "The market gave no quote, so there is nothing to explain."
    else:
        yield f"ask {dollars(quote.ask)}, {quote.ask_count:,} on sale"
        yield f"bid {dollars(quote.bid)}, {quote.bid_count:,} wanted"
    if fees:
        yield f"fee {share(fees.default)}{'' if fees.default_source is FeeSource.DEFAULT else f' {fees.default_source}'}"
        if fees.rows:
            yield plural(len(fees.rows), "reduced row")


def _way(page: Page, one: Explained) -> None:
    page.line(Text.assemble((" → ".join(one.pair), "bold"), ": ", _verdict(one)))
    grid(page, [_cells(check) for check in one.checks], [MARKS[check.passed][1] for check in one.checks], right=(2, 3, 4))
    for found in one.verdict if isinstance(one.verdict, tuple) else ():
        page.parts((Text(words, "dim") for words in [*warning_words(found), *evidence(found)]), INDENT)
        for leg in found.legs:
            words = f"buy {dollars(leg.ask)}, sell {dollars(leg.sell)}, fee {dollars(leg.fee)}, net {dollars(leg.net_profit)}"
            page.line(Text(f"{words} ({percent(leg.roi)}){f', {visible(found.phase)}' if found.phase else ''}"), INDENT)
    if sentence := _turn(one):
        page.line(Text(sentence, "cyan"), INDENT)


def _verdict(one: Explained) -> str:
    if isinstance(one.verdict, tuple):
        units = sum(found.units for found in one.verdict)
        return f"found, {plural(units, 'unit')}, net {dollars(sum(found.net_profit for found in one.verdict))}"
    if isinstance(one.verdict, Need):
        return f"open, the {one.verdict} must be asked first"
    return f"refused ({reason_words(one.verdict)})"


def _turn(one: Explained) -> str:
    """What would turn a refusal."""
    if not isinstance(one.verdict, Reason):
        return ""
    rest = "" if one.changes_known else "; what is missing could show more"
    if one.changes:
        return f"would pass with {' or '.join(change.typed for change in one.changes)}{rest}"
    return f"no single setting is known to let it pass{rest}" if rest else "no single setting would let it pass"


def _cells(check: Check) -> tuple[str, ...]:
    value = "" if check.value is None else _amount(check.value, check.unit)
    limit = "" if check.limit is None else f"limit {_amount(check.limit, check.unit)}"
    margin = "" if check.margin is None else _signed(check.margin, check.unit)
    return (MARKS[check.passed][0], RULES.get(check.rule, check.rule), value, limit, margin, visible(check.note))


def _amount(value: Amount, unit: Unit) -> str:
    if unit is Unit.CENTS:
        return dollars(int(value))
    if unit is Unit.SHARE:
        return percent(Fraction(value))
    return f"{value:,}" if unit is Unit.COUNT else _span(Fraction(value))


def _span(value: Fraction) -> str:
    return f"{value} d" if value.denominator == 1 else days(value)


def _signed(margin: Amount, unit: Unit) -> str:
    """A margin with its sign, never rounded to none."""
    size = max(margin, -margin)
    text = "<0.01%" if unit is Unit.SHARE and 0 < size < Fraction(1, 20_000) else _amount(size, unit)
    return f"{'-' if margin < 0 else '+'}{text}"


def _facts(page: Page, told: Explanation) -> None:
    rows = [("known", "from", "age", "calls")]
    rows += [(fact.name, fact.origin, "" if fact.at is None else age(told.at - fact.at), f"{fact.requests}") for fact in told.facts]
    grid(page, [*rows, ("", "", "", f"{told.requests}")], ["dim"] * (len(rows) + 1), right=(2, 3))


def grid(page: Page, rows: Sequence[tuple[str, ...]], styles: Sequence[str] = (), right: tuple[int, ...] = ()) -> None:
    """Columns as wide as their widest cell, those in `right` flush right; the first takes its row's style."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row, style in zip_longest(rows, styles, fillvalue=""):
        cells = [_padded(cell, widths[place], place in right) for place, cell in enumerate(row)]
        line = Text((" " * GAP).join(cells).rstrip())
        line.stylize(style, 0, widths[0])
        page.line(line, INDENT)


def _padded(cell: str, width: int, right: bool) -> str:
    blank = " " * (width - cell_len(cell))
    return blank + cell if right else cell + blank

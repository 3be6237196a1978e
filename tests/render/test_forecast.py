"""A plan in words: figures beside each other, reasons in sentences, nothing wider than the screen."""

from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace

from dmscan.core.calls import Speed
from dmscan.core.fees import ASSUMED
from dmscan.core.memory import Known, SalesOutlook, SweepState
from dmscan.core.models import Exit, Game, Stamped
from dmscan.core.plan import Plan, plan
from dmscan.core.prospects import Circumstances, Remembered
from dmscan.core.report import ScanRequest
from dmscan.render.forecast import as_table

from make import DAY, NOW, make_quote, make_request

SPEED = Speed(*[Fraction(2)] * 4)
AT = Circumstances(NOW, signed=True, recalls=True, speed=SPEED)
REQUEST = make_request(recheck_s=30)


def known(title: str, ask: int, asked_at: int | None = None) -> Known:
    """With sales asked for at `asked_at`, a dozen at $10, one a day."""
    sales = None if asked_at is None else SalesOutlook(asked_at, 12, 1000, Fraction(1))
    return Known(make_quote(title=title, ask=ask, bid=5, ask_count=20, at=NOW - 60), ask, two_sided=True, sales=sales)


SHELF = Remembered(
    Game.CS2,
    [known("dear", 2000, NOW - DAY), known("dearer", 3000, NOW), known("cheap", 500, NOW), known("unknown", 600), known("far", 10)],
    SweepState(NOW - 60),
    Stamped(ASSUMED, NOW),
)


def shown(request: ScanRequest = REQUEST, at: Circumstances = AT, shelf: Remembered = SHELF, width: int = 160) -> str:
    planned: Plan = plan(request, [shelf], at)
    return as_table(planned, "https://api.dmarket.com", width)


def test_what_is_asked_what_is_left_out_and_why() -> None:
    text = shown()
    assert "plan, nothing was sent · api.dmarket.com · cs2 · asks from $0.50 · ROI from 3%" in text
    assert "5 titles remembered" in text
    assert "sweep of cs2: the titles near the prices wanted, 4 titles; not asked again: 1 far from the prices wanted" in text
    assert "candidates: 4, the sales of 1 are remembered and young enough" in text
    assert "2 titles, the first until 2026-11-28 06:04 UTC, the last until 2026-11-29 06:04 UTC" in text
    assert "coverage: 100.00%, 0 candidates not reached" in text
    assert "at most 10% of the calls" in text
    assert "unknown until the first sweep" not in text


def test_the_budget_and_how_far_it_goes() -> None:
    text = shown(replace(REQUEST, max_requests=2, recheck_s=None), replace(AT, slow=replace(SPEED, in_all=Fraction(1))))
    assert "budget: 5 min (--deadline), 2 requests (--max-requests); at most 60% of it for the sweep, which needs 1 call" in text
    assert "coverage: 75.00%, 1 candidate not reached" in text
    assert "if the market allows only 1.0 a second, with which a scan begins: 75.00% of the candidates in 2 s" in text
    assert "second look" not in text
    assert "budget: none" in shown(replace(REQUEST, deadline_s=0))


def test_a_first_scan_says_what_it_assumes() -> None:
    text = shown(replace(REQUEST, deadline_s=100), shelf=Remembered(Game.CS2))
    assert "no history yet, so this is the estimate of a first scan" in text
    assert "the catalogue of cs2 is unknown until the first sweep: 25,000 titles never seen are assumed" in text
    assert "which does 48.00% of it in 121 calls; the next scan goes on" in text
    assert "1 title of cs2 never seen: each that is named is taken" in shown(replace(REQUEST, titles=("new",)), shelf=Remembered(Game.CS2))


def test_without_a_key_and_with_fresh_eyes() -> None:
    instant = replace(REQUEST, exits=(Exit.INSTANT,))
    keyless = shown(instant, replace(AT, signed=False))
    assert "none are asked about without a key" in keyless
    assert "coverage" not in keyless
    assert "5 titles remembered, but not used by this scan" in shown(replace(REQUEST, fresh=True), replace(AT, recalls=False))


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    lines = shown(width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert not any(line.endswith(" ") for line in lines)

"""Scans that follow each other on a market that changes: whose episodes go on, and whose end."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace
from test_remembered import HOUR, LEVEL, WHOLE, Street

from make import DAY
from stored import count, rows


def episodes(path: Path, ended: str | None) -> set[str]:
    return {row["title"] for row in rows(path, "SELECT title FROM episodes WHERE ended IS ?", ended)}


async def test_what_is_found_again_goes_on_and_what_a_scan_refuses_is_gone(tmp_path: Path) -> None:
    street = Street(tmp_path / "history.db")
    first = (await street.scan()).found
    sold = min(first)
    street.shop.change(sold, offers=[])
    street.wait(HOUR)
    narrow = await street.scan(LEVEL)
    assert episodes(street.path, "gone") == set(), "a level alone is narrower than all prices"
    street.wait(HOUR)
    second = await street.scan(replace(WHOLE, fresh=True))
    assert narrow.found < first
    assert episodes(street.path, None) == second.found
    assert episodes(street.path, "gone") == first - second.found
    assert sold in first - second.found
    assert count(street.path, "samples") > 0
    sample = rows(street.path, "SELECT count(DISTINCT title) AS titles FROM samples GROUP BY scan")
    assert max(row["titles"] for row in sample) == 20


async def test_titles_that_a_scan_did_not_reach_neither_end_nor_go_on_until_a_day_has_passed(tmp_path: Path) -> None:
    street = Street(tmp_path / "history.db")
    first = (await street.scan()).found
    street.wait(HOUR)
    await street.scan(replace(WHOLE, max_requests=2))
    assert episodes(street.path, None) == first
    assert rows(street.path, "SELECT DISTINCT scans FROM episodes") == [{"scans": 1}]
    street.wait(DAY)
    await street.scan(replace(WHOLE, titles=("nothing is called so",)))
    assert episodes(street.path, "censored") == first

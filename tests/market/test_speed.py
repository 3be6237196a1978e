"""How fast a plan expects to ask: the documented limits, and what the last answers taught."""

from __future__ import annotations

from fractions import Fraction
from operator import setitem
from pathlib import Path

import pytest

from dmscan.clock import Clock
from dmscan.core.calls import Calls, Speed
from dmscan.market.limits import Group
from dmscan.market.pace import WARM_S, Lane, Pace
from dmscan.market.sharing import Lanes, board_for, last_lanes
from dmscan.market.speed import STARTING, expected_speed, set_speed

SOURCE, NOW = "https://api.dmarket.com", 5000.0
DOCUMENTED = Speed(items=Fraction(9), sales=Fraction(27, 5), fees=Fraction(99), others=Fraction(18))


def test_the_pace_is_expected_to_rise_to_ninety_per_cent_of_the_limits() -> None:
    assert expected_speed(Lanes(), NOW, signed=True) == DOCUMENTED
    keyless = Speed(Fraction(9, 5), Fraction(27, 5), Fraction(9, 5), Fraction(27, 5))
    assert expected_speed(Lanes(), NOW, signed=False) == keyless


@pytest.mark.parametrize(
    ("pace", "items"),
    [
        (Pace(rate=4.0, limit=5.0), Fraction(9, 2)),
        (Pace(rate=4.0, ceiling=5.0), Fraction(9, 2)),
        (Pace(rate=4.0, limit=100.0), Fraction(9)),
        (Pace(rate=2.0), Fraction(9)),
    ],
)
def test_what_was_learnt_lately_holds(pace: Pace, items: Fraction) -> None:
    lanes = Lanes({Group.ITEMS: Lane(pace, (NOW - 1,))})
    assert expected_speed(lanes, NOW, signed=True).items == items
    assert expected_speed(lanes, NOW + WARM_S + 1, signed=True) == DOCUMENTED, "after ten minutes it is forgotten"


def test_groups_are_asked_side_by_side_and_a_set_rate_holds_for_all() -> None:
    calls = Calls(prices=9, fees=1, sales=27, targets=36, offers=9)
    assert DOCUMENTED.seconds(calls) == 5
    assert set_speed(Fraction(2)).seconds(calls) == STARTING.seconds(calls) == 41


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_the_shared_pace_is_read_without_a_trace(tmp_path: Path) -> None:
    clock = Clock()
    assert last_lanes(tmp_path / "folder", SOURCE, "key", clock)[Group.SALES] == Lane()
    assert files(tmp_path) == []
    board = board_for(tmp_path, SOURCE, "key", clock)
    learnt = Lane(Pace(rate=4.0, limit=5.0), (clock.monotonic(),))
    await board.change(lambda lanes: setitem(lanes, Group.SALES, learnt))
    board.close()
    (file,) = files(tmp_path)
    before = file.read_bytes()
    assert last_lanes(tmp_path, SOURCE, "key", clock)[Group.SALES] == learnt
    assert last_lanes(tmp_path, SOURCE, "another key", clock)[Group.SALES] == Lane()
    assert last_lanes(None, SOURCE, "key", clock)[Group.SALES] == Lane()
    assert (files(tmp_path), file.read_bytes()) == ([file], before)


def test_a_pace_file_that_cannot_be_read_teaches_nothing(tmp_path: Path) -> None:
    board = board_for(tmp_path, SOURCE, "key", Clock())
    board.close()
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"garbage" * 1000)
    assert expected_speed(last_lanes(tmp_path, SOURCE, "key", Clock()), NOW, signed=True) == DOCUMENTED
    file.unlink()
    file.mkdir()
    assert last_lanes(tmp_path, SOURCE, "key", Clock())[Group.ITEMS] == Lane()


def test_a_folder_whose_name_is_too_long_for_the_system_teaches_nothing(tmp_path: Path) -> None:
    assert last_lanes(tmp_path / ("x" * 300), SOURCE, "key", Clock()) == Lanes()

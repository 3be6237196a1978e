"""The lanes of one account in a file: what is refused, what survives, and that real processes keep to one limit together."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.runs import fullest
from dmscan.clock import Clock
from dmscan.market.endpoints import Endpoint
from dmscan.market.limits import Group
from dmscan.market.pace import KEPT, SECOND_S, Lane, Pace
from dmscan.market.pacing import Pacer
from dmscan.market.sharing import ACCOUNT, Board, SharedBoard, board_for
from dmscan.sandbox.server import Sandbox, running
from dmscan.sandbox.world import World

from market_fakes import leaping
from processes import Dmscan, keys

LANE = Lane(Pace(4.5, 5.0, 6.0, 1010.0, 990.0, 2, 980.0), (998.5, 999.0, 999.25))


def at(moment: float) -> Clock:
    return Clock(monotonic=lambda: moment)


async def write(path: Path, lane: Lane, name: str = Group.SALES, moment: float = 1000.0) -> SharedBoard:
    board = SharedBoard(path, at(moment))
    await board.change(lambda lanes: lanes.__setitem__(name, lane))
    board.close()
    return board


async def read(path: Path, name: str = Group.SALES, moment: float = 1000.0) -> Lane:
    board = SharedBoard(path, at(moment))
    lane = await board.change(lambda lanes: lanes[name])
    assert not board.warning
    board.close()
    return lane


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "account.pace"


@pytest.mark.parametrize("name", [ACCOUNT, *Group])
async def test_what_one_process_writes_the_next_one_reads(path, name):
    assert await read(path, name) == Lane()
    await write(path, LANE, name)
    assert await read(path, name) == LANE
    assert [await read(path, other) for other in Group if other != name] == [Lane()] * (len(Group) - (name in list(Group)))


async def test_a_full_lane_survives_as_it_is(path):
    lane = Lane(Pace(50.0), tuple(float(moment) for moment in range(KEPT)))
    await write(path, lane)
    assert await read(path) == lane


async def test_the_file_and_its_folder_are_the_users_own(path):
    await write(path, LANE)
    assert [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)] == [0o600, 0o700]


@pytest.mark.parametrize("spoil", [lambda raw: raw[:-1], lambda raw: os.urandom(len(raw)), lambda raw: raw[:-60] + b"\xff" + raw[-59:]])
async def test_after_garbage_all_begins_afresh_and_a_second_later(path, spoil):
    await write(path, LANE, Group.OTHERS)
    path.write_bytes(spoil(path.read_bytes()))
    assert await read(path, Group.OTHERS) == Lane(Pace(resume_at=1000 + SECOND_S))
    await write(path, LANE, Group.OTHERS)
    assert await read(path, Group.OTHERS) == LANE


async def test_the_second_after_garbage_ends(path):
    """It counts from the first look: counted from each anew, nobody would ever have a turn."""
    await write(path, LANE)
    path.write_bytes(os.urandom(len(path.read_bytes())))
    clock = leaping()
    board = SharedBoard(path, clock)
    for _ in range(3):
        assert await board.change(lambda lanes: lanes[Group.SALES]) == Lane(Pace(resume_at=1000 + SECOND_S))
        await clock.sleep(0.5)
    board.close()


async def test_what_was_cut_in_the_middle_of_a_write_is_garbage(path):
    await write(path, LANE, ACCOUNT)
    whole = path.read_bytes()
    await write(path, Lane(Pace(9.0), LANE.sends), ACCOUNT)
    for cut in range(1, len(whole), 97):
        path.write_bytes(path.read_bytes()[:cut] + whole[cut:])
        assert (await read(path, ACCOUNT)) in (LANE, Lane(Pace(9.0), LANE.sends), Lane(Pace(resume_at=1000 + SECOND_S)))


@pytest.mark.parametrize("moment", [980.5, 995.0, 999.1])
async def test_moments_before_a_restart_of_the_machine_are_forgotten(path, moment):
    await write(path, Lane(Pace(4.5), LANE.sends))
    assert await read(path, moment=moment) == Lane()


async def test_a_hold_longer_than_any_is_forgotten(path):
    await write(path, Lane(Pace(4.5, resume_at=1061.0)))
    assert await read(path) == Lane()


# Without the file


def a_link(path: Path) -> None:
    (path.parent / "elsewhere").touch(0o600)
    path.symlink_to(path.parent / "elsewhere")


def readable_by_others(path: Path) -> None:
    path.touch()
    path.chmod(0o644)


@pytest.mark.parametrize("obstacle", [a_link, readable_by_others, Path.mkdir, os.mkfifo], ids=lambda obstacle: obstacle.__name__)
async def test_a_file_that_is_not_the_users_own_is_not_used(path, obstacle):
    path.parent.mkdir()
    obstacle(path)
    board = SharedBoard(path, at(1000.0))
    assert "not shared" in board.warning
    assert await board.change(lambda lanes: lanes[ACCOUNT]) == Lane()


async def test_a_folder_that_cannot_be_made_costs_a_warning_and_nothing_else(tmp_path):
    (tmp_path / "file").touch()
    pacer = Pacer(leaping(), board=board_for(tmp_path / "file", "source", "ip", leaping()))
    assert pacer.warning.isascii()
    assert [(await pacer.turn(Endpoint.SALES)).at for _ in range(3)] == pytest.approx([1000, 1000.5, 1001])


@pytest.mark.parametrize("trouble", [OSError(errno.ENOSPC, "No space left on device"), 100])
async def test_a_full_disk_ends_the_sharing_and_no_send_is_forgotten(path, trouble, monkeypatch):
    clock = leaping()
    pacer = Pacer(clock, Fraction(2), board=SharedBoard(path, clock))
    await pacer.turn(Endpoint.SALES)
    assert not pacer.warning

    def pwrite(*_: object) -> int:
        if isinstance(trouble, OSError):
            raise trouble
        return trouble

    monkeypatch.setattr(os, "pwrite", pwrite)
    turns = [(await pacer.turn(Endpoint.SALES)).at for _ in range(2)]
    assert turns == pytest.approx([1001.03, 1001.53], abs=0.6)
    assert turns[1] - turns[0] >= 0.5
    assert "No space left" in pacer.warning


async def test_a_lock_is_waited_for_but_not_for_ever(path):
    await write(path, LANE)
    other = os.open(path, os.O_RDWR)
    fcntl.flock(other, fcntl.LOCK_EX)
    clock = Clock()
    board = SharedBoard(path, clock)
    waiting = asyncio.create_task(board.change(lambda _: "decided"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    fcntl.flock(other, fcntl.LOCK_UN)
    assert await waiting == "decided"
    assert not board.warning
    fcntl.flock(other, fcntl.LOCK_EX)
    assert await board.change(lambda _: "decided") == "decided"
    assert board.warning
    os.close(other)


async def test_every_account_and_source_has_its_own_file_whose_name_tells_nothing(tmp_path):
    for source, account in (("a", "key"), ("a", "ip"), ("b", "key"), ("a", "key")):
        board_for(tmp_path, source, account, at(0.0)).close()
    names = [path.name for path in tmp_path.iterdir()]
    assert len(names) == 3
    assert not [name for name in names if "key" in name or "ip" in name.removesuffix(".pace")]
    assert type(board_for(None, "a", "key", at(0.0))) is Board


# Real processes


async def test_two_real_scans_together_stay_inside_the_limit(tmp_path):
    """On a busy machine what was sent in order may arrive in bunches: in four seconds so much more as is sent in one."""
    sandbox = Sandbox(World(5, 1_764_000_000, 300, ("cs2",), crossed="rich"), rate=10**6)
    async with running(sandbox) as url:
        dmscan = Dmscan(tmp_path, url, XDG_STATE_HOME=str(tmp_path / "state"), **keys())
        arguments = ("scan", "-f", "none", "--no-store", "--deadline", "8", "--rate", "18")
        scans = await asyncio.gather(*(asyncio.to_thread(dmscan, *arguments) for _ in range(2)))
    assert [scan.returncode for scan in scans] == [0, 0], [scan.stderr for scan in scans]
    assert len(sandbox.log) > 60
    assert fullest([entry.at for entry in sandbox.log], 4.0) <= 18 * (4 + 1)
    assert {entry.status for entry in sandbox.log} == {200}
    assert len(list((tmp_path / "state" / "dmscan").glob("*.pace"))) == 1

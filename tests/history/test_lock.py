"""One storing scan at a time, across processes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dmscan.errors import HistoryError, Locked
from dmscan.history.lock import command_lock, lock_path

HOLDER = """
import sys, time
from pathlib import Path
from dmscan.history.lock import command_lock
with command_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holder(database: Path, seconds: float) -> subprocess.Popen[str]:
    """Another process that holds the lock already."""
    command = [sys.executable, "-c", HOLDER, str(database), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_storing_scan_is_told_at_once_which_database(tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    with holder(database, 60) as process:
        with pytest.raises(Locked, match=r"history\.db; wait for it or use --no-store"), command_lock(database):
            pytest.fail("two at once")
        process.kill()


def test_a_killed_holder_does_not_keep_the_lock(tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    with holder(database, 60) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with command_lock(database):
            pass


def test_waiting_gets_the_lock_once_it_is_free(tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    with holder(database, 0.2), command_lock(database, wait_s=30):
        pass


def test_two_in_one_process_exclude_each_other_too(tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    with command_lock(database), pytest.raises(Locked), command_lock(database):
        pytest.fail("two at once")
    with command_lock(database):
        pass


def test_databases_do_not_share_a_lock(tmp_path: Path) -> None:
    with command_lock(tmp_path / "history.db"), command_lock(tmp_path / "sandbox.db"):
        pass


def test_the_lock_file_is_private_and_the_database_is_not_made(tmp_path: Path) -> None:
    database = tmp_path / "new" / "history.db"
    with command_lock(database):
        assert stat.S_IMODE(lock_path(database).stat().st_mode) == 0o600
        assert not database.exists()
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700


def test_the_lock_does_not_follow_a_link(tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    victim = tmp_path / "victim"
    victim.write_text("mine")
    lock_path(database).symlink_to(victim)
    with pytest.raises(HistoryError, match="cannot be locked"), command_lock(database):
        pytest.fail("followed")
    assert victim.read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_a_history_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HistoryError, match="cannot be locked"), command_lock(tmp_path / "file" / "history.db"):
        pytest.fail("locked nothing")

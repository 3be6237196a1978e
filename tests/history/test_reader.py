"""Reading for a plan: what scans stored, and not a byte of it touched."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import pytest

from dmscan.clock import Clock
from dmscan.core.memory import SalesOutlook, SweepState
from dmscan.core.models import FeeRow, FeeSource, FeeTable, Game, SaleKind, Stamped
from dmscan.errors import HistoryError, HistoryTooNew
from dmscan.history.reader import reading
from dmscan.history.store import open_history

from make import DAY, NOW, TITLE, make_quote, make_sale
from stored import SCHEMA_1, sha256

FEES = Stamped(FeeTable(Fraction(1, 10), 1, FeeSource.DEFAULT, {TITLE: (FeeRow(Fraction(1, 50), 1, 9999, NOW + DAY),)}), NOW)
OUTLOOK = SalesOutlook(NOW, 12, 2570, Fraction(2))


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def fill(path: Path) -> None:
    async with open_history(path, "sandbox", Clock()) as history:
        history.memory.note_quotes([make_quote()])
        history.memory.note_sales(Game.CS2, TITLE, Stamped((), NOW), OUTLOOK)
        history.memory.note_fees(Game.CS2, FEES)
        history.memory.note_sweep(Game.CS2, SweepState(NOW, "on from here"))
        await history.memory.note_fee_attempt(Game.CS2, NOW // DAY, answered=True)
        await history.memory.flush()


async def test_what_was_stored_is_read_and_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "history 1?.db"
    await fill(path)
    before = (sha256(path), path.stat().st_mtime_ns, files(tmp_path))
    with reading(path, "sandbox") as reader:
        assert reader
        (known,) = reader.known(Game.CS2)
        assert (known.quote, known.sales) == (make_quote(), OUTLOOK)
        assert reader.fees(Game.CS2) == FEES
        assert reader.sweep_state(Game.CS2) == SweepState(NOW, "on from here")
        assert (reader.fee_attempted(Game.CS2, NOW // DAY), reader.fee_attempted(Game.CS2, 0)) == (True, False)
        assert reader.open_titles(0) == frozenset()
    assert (sha256(path), path.stat().st_mtime_ns, files(tmp_path)) == before


async def test_the_last_answer_on_sales_is_read_by_kind_however_old(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    sold, filled = Stamped((make_sale(at=NOW - DAY),), NOW), Stamped((make_sale(kind=SaleKind.TARGET, at=NOW - 2 * DAY),), NOW)
    async with open_history(path, "sandbox", Clock()) as history:
        history.memory.note_sales(Game.CS2, TITLE, sold, OUTLOOK)
        history.memory.note_fills(Game.CS2, TITLE, filled)
        await history.memory.flush()
    with reading(path, "sandbox") as reader:
        assert reader
        assert reader.sales(Game.CS2, TITLE, SaleKind.OFFER) == sold
        assert reader.sales(Game.CS2, TITLE, SaleKind.TARGET) == filled
        assert reader.sales(Game.CS2, "Another", SaleKind.OFFER) is None


async def test_the_fees_of_a_day_before_are_the_last_ones_of_an_earlier_day(tmp_path: Path) -> None:
    path, midnight = tmp_path / "history.db", NOW // DAY * DAY
    tables = [Stamped(FeeTable(Fraction(n, 100), 1, FeeSource.DEFAULT), at) for n, at in enumerate((midnight - 2, midnight - 1, midnight))]
    async with open_history(path, "sandbox", Clock()) as history:
        for table in tables:
            history.memory.note_fees(Game.CS2, table)
            await history.memory.flush()
    with reading(path, "sandbox") as reader:
        assert reader
        assert reader.fees(Game.CS2) == tables[2]
        assert reader.fees_of_a_day_before(Game.CS2, NOW) == tables[1]
        assert reader.fees_of_a_day_before(Game.CS2, NOW + DAY) == tables[2]
        assert reader.fees_of_a_day_before(Game.CS2, NOW - DAY) is None
        assert reader.fees_of_a_day_before(Game.DOTA2, NOW) is None


async def test_another_source_knows_nothing_of_it(tmp_path: Path) -> None:
    await fill(tmp_path / "history.db")
    with reading(tmp_path / "history.db", "https://api.dmarket.com") as reader:
        assert reader
        assert (reader.known(Game.CS2), reader.fees(Game.CS2), reader.sweep_state(Game.CS2)) == ([], None, SweepState())


def test_where_there_is_no_history_none_is_made(tmp_path: Path) -> None:
    with reading(tmp_path / "folder" / "history.db", "sandbox") as reader:
        assert reader is None
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_schema_is_left_as_it_is(tmp_path: Path) -> None:
    path = Path(shutil.copy(SCHEMA_1, tmp_path / "history.db"))
    with reading(path, "sandbox") as reader:
        assert reader is None
    assert sha256(path) == sha256(SCHEMA_1)


async def test_a_newer_schema_a_damaged_file_and_a_locked_one_are_told(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    await fill(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(HistoryError, match="locked"), reading(path, "sandbox"):
            pass
        other.execute("ROLLBACK")
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(HistoryTooNew, match="newer dmscan"), reading(path, "sandbox"):
        pass
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(HistoryError, match="not a database"), reading(path, "sandbox"):
        pass

"""The history as the rest of dmscan sees it: begin a scan, record what it found, remember the market meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil
from pathlib import Path

from msgspec import Struct

from dmscan.clock import Clock
from dmscan.core.alerts import FAILURES
from dmscan.core.report import ScanReport
from dmscan.errors import ExitCode
from dmscan.history import alerts, episodes, rows, sources
from dmscan.history.alerts import Outbox, Telling
from dmscan.history.database import Database
from dmscan.history.memory import Memory

_BEGIN = rows.insert("scans", "scan_id source_id status started_at request dmscan_version") + " ON CONFLICT (scan_id) DO NOTHING"
_END = """
UPDATE scans SET status = ?, started_at = ?, finished_at = ?, complete = ?, coverage = ?, signed = ?, exit_code = ?,
    stats = ?, fee_sources = ?, troubles = ?
WHERE id = ?"""

_IS_FIRST = "SELECT 1 FROM scans WHERE id = ? AND status = 'running'"


class ScanStart(Struct, frozen=True):
    """What is known of a scan when it begins; `request` is its JSON text, `started_at` Unix seconds."""

    scan_id: str
    started_at: int
    request: str
    dmscan_version: str


class ScanEnd(Struct, frozen=True):
    """What the report does not say of a scan's end; `stats` is the JSON text of its statistics, `telling` whom it tells what."""

    exit_code: ExitCode
    stats: str
    telling: Telling | None = None


class History:
    """One source's part of the database; `memory` is what it holds of the market, `outbox` what is to be told.

    Every method raises HistoryError, and has then stored nothing.
    """

    def __init__(self, database: Database, source: str) -> None:
        self._database = database
        self._source = source
        self.memory = Memory(database, source)
        self.outbox = Outbox(database, source)

    async def begin(self, start: ScanStart) -> None:
        """Stores that the scan runs, so that one which dies is known too."""
        self._database.times_ms.clear()
        await self._database.write(lambda connection: self._scan(connection, start))

    async def record(self, start: ScanStart, report: ScanReport, end: ScanEnd) -> None:
        """Stores the scan's end with all its opportunities, legs and rejections; a second record of a scan replaces the first.

        What it means for episodes, days and those it tells is stored with it, by the first record alone.

        It needs no `begin` before it: a database that was locked then may be free now.
        """

        def all_of_it(connection: sqlite3.Connection) -> None:
            scan = self._scan(connection, start)
            is_first = connection.execute(_IS_FIRST, scan[:1]).fetchone() is not None
            _store_end(connection, scan, report, end)
            _store_found(connection, scan, report)
            episodes.save_sample(connection, scan, report)
            if is_first:
                changes = episodes.save(connection, scan[1], report)
                if end.telling:
                    alerts.save(connection, scan[1], (report, changes), end.telling)

        await self._database.write(all_of_it)

    def hurry(self) -> None:
        """Whoever stops does not wait for a file that another program holds."""
        self._database.hurry()

    @property
    def db_ms(self) -> tuple[int, int] | None:
        """Median and 95th percentile of the scan's transactions so far, in whole milliseconds; `None` before the first."""
        times = sorted(self._database.times_ms)
        return (_rank(times, 50), _rank(times, 95)) if times else None

    def _scan(self, connection: sqlite3.Connection, start: ScanStart) -> tuple[int, int]:
        """The row ids of the scan and its source; both are made if they are missing."""
        source_id = sources.number(connection, self._source)
        connection.execute(_BEGIN, (start.scan_id, source_id, "running", start.started_at, start.request, start.dmscan_version))
        return _id(connection, "SELECT id FROM scans WHERE scan_id = ?", start.scan_id), source_id


@asynccontextmanager
async def open_history(path: Path, source: str, clock: Clock, patience_s: float = 5.0) -> AsyncIterator[History]:
    """The history at `path` for the data of the base URL `source`; made, with its folder, if there is none.

    HistoryTooNew if a newer dmscan wrote it; HistoryError if it cannot be used or stays locked for `patience_s` seconds.
    """
    async with Database(path, clock, patience_s) as database:
        history = History(database, source)
        try:
            yield history
        finally:
            await history.memory.close()


def _store_end(connection: sqlite3.Connection, scan: tuple[int, int], report: ScanReport, end: ScanEnd) -> None:
    how = (_status(report, end), report.started_at, report.finished_at, report.complete, str(report.coverage), report.signed, end.exit_code)
    said = (end.stats, rows.json_text(report.fee_sources), rows.json_text(report.troubles))
    connection.execute(_END, (*how, *said, scan[0]))


def _store_found(connection: sqlite3.Connection, scan: tuple[int, int], report: ScanReport) -> None:
    connection.execute("DELETE FROM opportunities WHERE scan = ?", scan[:1])
    connection.execute("DELETE FROM rejections WHERE scan = ?", scan[:1])
    numbered = list(enumerate(report.opportunities, _id(connection, "SELECT coalesce(max(id), 0) + 1 FROM opportunities")))
    connection.executemany(rows.OPPORTUNITY, ((number, *scan, *rows.opportunity_row(found)) for number, found in numbered))
    connection.executemany(
        rows.LEG,
        ((number, ordinal, scan[1], *leg) for number, found in numbered for ordinal, leg in enumerate(rows.leg_rows(found))),
    )
    connection.executemany(rows.REJECTION, ((*scan, *rejection) for rejection in rows.rejection_rows(report)))


def _status(report: ScanReport, end: ScanEnd) -> str:
    if end.exit_code in FAILURES:
        return "failed"
    return "finished" if report.complete else "cut"


def _id(connection: sqlite3.Connection, sql: str, *values: str) -> int:
    row: tuple[int] = connection.execute(sql, values).fetchone()
    return row[0]


def _rank(ordered: list[float], percent: int) -> int:
    """The nearest-rank percentile."""
    return round(ordered[ceil(len(ordered) * percent / 100) - 1])

"""The history as plans and questions read it: nothing is made, changed or brought up to date (design chapter 6)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from dmscan.core.fees import DAY
from dmscan.core.memory import Known, SweepState
from dmscan.core.models import FeeTable, Game, Sale, SaleKind, Stamped
from dmscan.errors import HistoryError, Locked
from dmscan.history import catalogue, faults, fees, finds, sales, schema
from dmscan.history.database import STEP_S
from dmscan.history.queries import Past

MOST_TABLES = 100
"""Fee tables looked through: more than a week of them."""
PATIENCE_S = 5.0
"""How long a question waits for somebody who writes (reliability D9)."""


class Reader:
    """One source's memory, all of one moment. All times are Unix seconds."""

    def __init__(self, connection: sqlite3.Connection, source: str) -> None:
        self._connection, self._source = connection, source

    def known(self, game: Game) -> list[Known]:
        """All titles of a game, the oldest quote first."""
        return catalogue.known(self._connection, self._source, game)

    def fees(self, game: Game) -> Stamped[FeeTable] | None:
        """The game's last fees, however old."""
        return fees.table(self._connection, self._source, game, 0)

    def fees_of_a_day_before(self, game: Game, at: int) -> Stamped[FeeTable] | None:
        """The game's last fees of an earlier UTC day than that of `at`."""
        tables = fees.tables(self._connection, self._source, game, MOST_TABLES)
        return next((table for table in tables if table.at // DAY < at // DAY), None)

    def sales(self, game: Game, title: str, kind: SaleKind) -> Stamped[tuple[Sale, ...]] | None:
        """The newest 20 rows of one kind as the last answer gave them, however old."""
        return sales.answer(self._connection, self._source, (title, game), kind, 0)

    def sweep_state(self, game: Game) -> SweepState:
        return catalogue.sweep_state(self._connection, self._source, game)

    def open_titles(self, since: int) -> frozenset[tuple[Game, str]]:
        """Titles with an opportunity in a scan that finished at or after `since`."""
        return finds.open_titles(self._connection, self._source, since)

    def fee_attempted(self, game: Game, day: int) -> bool:
        """Whether the game's fees were already asked for on `day` (whole days since 1970 UTC), answered or not."""
        return fees.attempted(self._connection, self._source, game, day)


@contextmanager
def reading(path: Path, source: str) -> Iterator[Reader | None]:
    """The memory at `path`; `None` if there is none yet, or only what an earlier version of dmscan left.

    HistoryTooNew if a newer dmscan wrote it, HistoryError if it cannot be read.
    """
    if not path.is_file():
        yield None
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=STEP_S, isolation_level=None)) as connection:
            is_current = schema.version_of(connection, path) == len(schema.STEPS)
            connection.execute("BEGIN")
            yield Reader(connection, source) if is_current else None
    except faults.FAULTS as error:
        raise faults.translated(path, error) from error


@contextmanager
def asking(path: Path, source: str, patience_s: float = PATIENCE_S) -> Iterator[Past]:
    """What the file at `path` holds of a source, of one moment; of a file that is not there, nothing.

    Whoever writes waits meanwhile, so the block only reads. Locked if another program holds the file for `patience_s` seconds,
    HistoryTooNew if a newer dmscan wrote it, HistoryError if it cannot be read or is what an earlier version left.
    """
    with connected(path, patience_s) as connection:
        check_current(connection, path)
        yield Past(connection, source)


@contextmanager
def connected(path: Path, patience_s: float = PATIENCE_S) -> Iterator[sqlite3.Connection]:
    """The file at `path` for reading only, whatever earlier version left it; raises as `asking` does."""
    try:
        with closing(_opened(path)) as connection:
            _begin(connection, path, max(1, round(patience_s / STEP_S)))
            yield connection
    except faults.FAULTS as error:
        if faults.is_busy(error):
            raise Locked(f"{path} stayed locked by another program for {patience_s:g} s; close that program or ask again.") from error
        raise faults.translated(path, error) from error


def check_current(connection: sqlite3.Connection, path: Path) -> None:
    """HistoryError if the file is what an earlier version left."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version < len(schema.STEPS):
        what = f"{path} is as an earlier dmscan left it (schema {version}, this one reads {len(schema.STEPS)})"
        raise HistoryError(f"{what}: the next scan brings it up to date.")


def _opened(path: Path) -> sqlite3.Connection:
    """The file, or an empty history in memory if there is none."""
    if not path.exists():
        connection = sqlite3.connect(":memory:", isolation_level=None)
        schema.prepare(connection, path)
        return connection
    if not path.is_file():
        raise HistoryError(f"{path} is not a file; choose another with --db.")
    # What a scan that died left half written is undone at the first look, which a connection that may only read could not do.
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=STEP_S, isolation_level=None)


def _begin(connection: sqlite3.Connection, path: Path, tries: int) -> None:
    """Holds one moment of the file, when nobody is about to change it any more."""
    for pragma in ("query_only = ON", "trusted_schema = OFF", "cell_size_check = ON"):
        connection.execute(f"PRAGMA {pragma}")
    while True:
        tries -= 1
        try:
            schema.version_of(connection, path)
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            if not (tries and faults.is_busy(error)):
                raise
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        else:
            return

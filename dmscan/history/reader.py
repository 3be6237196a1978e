"""The memory of the market as a plan reads it: nothing is made, changed or brought up to date (design chapter 6)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from dmscan.core.memory import Known, SweepState
from dmscan.core.models import FeeTable, Game, Stamped
from dmscan.history import catalogue, faults, fees, finds, schema
from dmscan.history.database import STEP_S


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

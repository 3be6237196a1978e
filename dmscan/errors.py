"""The error tree: what a user can act on, each class with its exit code.

DmscanError
├── SettingsError       22  a setting or secret is refused
├── UsageError           2  options that contradict each other
├── Locked              11  another run holds the lock
├── MarketError         10  no usable data
│   ├── MarketUnavailable 10  refused, timed out, 5xx, an unreadable answer
│   ├── RateLimited     14  429 beyond what waiting could mend
│   ├── MarketRefused   12  the key was refused
│   ├── ClockSkewed     13  the clock is more than two minutes off
│   └── MarketChanged   15  a retired endpoint, another shape or unit
├── BudgetSpent          0  `--max-requests` is used up; no failure
├── HistoryError        20  history could not be read or stored
│   └── HistoryTooNew   21  the database was written by a newer dmscan
├── NotifyError         30  a notification could not be sent
└── OutputError         74  stdout or the output file cannot be written
    └── ReaderGone     141  the reader of stdout went away
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of design chapter 7."""

    OK = 0
    BUG = 1
    USAGE = 2
    PARTIAL = 3
    NOTHING_FOUND = 4
    NO_DATA = 10
    LOCKED = 11
    KEY_REFUSED = 12
    CLOCK_SKEWED = 13
    RATE_LIMITED = 14
    API_CHANGED = 15
    NOT_STORED = 20
    DATABASE_NEWER = 21
    SETTINGS_REFUSED = 22
    NOT_NOTIFIED = 30
    OUTPUT_FAILED = 74
    HUNG_UP = 129
    INTERRUPTED = 130
    READER_GONE = 141
    TERMINATED = 143


PRECEDENCE = (129, 130, 143, 141, 74, 1, 2, 22, 21, 11, 12, 13, 15, 14, 10, 3, 20, 30, 4, 0)
"""The most specific code wins, in this order (design chapter 7)."""


def most_specific(codes: Iterable[int]) -> ExitCode:
    """The code that wins among `codes`; `OK` if there are none."""
    return ExitCode(min(codes, key=PRECEDENCE.index, default=0))


class DmscanError(Exception):
    """Something the user can act on; the message is one full sentence."""

    exit_code: ExitCode = ExitCode.BUG


class SettingsError(DmscanError):
    exit_code = ExitCode.SETTINGS_REFUSED


class UsageError(DmscanError):
    exit_code = ExitCode.USAGE


class Locked(DmscanError):
    exit_code = ExitCode.LOCKED


class MarketError(DmscanError):
    """Trouble with the market; `endpoint` is its short name ("v2/offers") or ""."""

    exit_code = ExitCode.NO_DATA

    def __init__(self, message: str, endpoint: str = "") -> None:
        super().__init__(message)
        self.endpoint = endpoint


class MarketUnavailable(MarketError):
    pass


class RateLimited(MarketError):
    exit_code = ExitCode.RATE_LIMITED


class MarketRefused(MarketError):
    exit_code = ExitCode.KEY_REFUSED


class ClockSkewed(MarketError):
    exit_code = ExitCode.CLOCK_SKEWED


class MarketChanged(MarketError):
    exit_code = ExitCode.API_CHANGED


class BudgetSpent(DmscanError):
    exit_code = ExitCode.OK


class HistoryError(DmscanError):
    exit_code = ExitCode.NOT_STORED


class HistoryTooNew(HistoryError):
    exit_code = ExitCode.DATABASE_NEWER


class NotifyError(DmscanError):
    """A message that was not delivered, as far as anybody knows.

    `unknown`: it may have arrived all the same. `wait_s`: trying again after so many seconds may help; `None`: it would not,
    before somebody changes a setting.
    """

    exit_code = ExitCode.NOT_NOTIFIED

    def __init__(self, message: str, *, wait_s: float | None = None, unknown: bool = False) -> None:
        super().__init__(message)
        self.wait_s, self.unknown = wait_s, unknown


class OutputError(DmscanError):
    exit_code = ExitCode.OUTPUT_FAILED


class ReaderGone(OutputError):
    exit_code = ExitCode.READER_GONE

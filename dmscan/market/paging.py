"""Following a list's cursors: when to stop, and what was seen before (dmarket-api.md chapter 4)."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from dmscan.errors import MarketUnavailable
from dmscan.market.endpoints import Endpoint

LONGEST_CURSOR = 4096


class Trail:
    """The cursors of one list."""

    def __init__(self, endpoint: Endpoint, max_pages: int) -> None:
        self._endpoint = endpoint
        self._max_pages = max_pages
        self._seen: set[str] = set()
        self._empty = 0

    def after(self, cursor: str, received: int) -> str:
        """The cursor of the next page, "" at the end: no cursor, or a second empty page in a row.

        MarketUnavailable if the list turns in circles or does not end, and again whenever it is asked once more.
        """
        empty = 0 if received else self._empty + 1
        if not cursor or empty == 2:
            return ""
        if cursor in self._seen:
            raise MarketUnavailable(f"The market's list of {self._endpoint} repeats itself.", self._endpoint)
        if len(self._seen) + 1 >= self._max_pages or len(cursor) > LONGEST_CURSOR:
            raise MarketUnavailable(f"The market's list of {self._endpoint} does not end.", self._endpoint)
        self._seen.add(cursor)
        self._empty = empty
        return cursor


class SeenTitles:
    """The titles of one sweep by their 64-bit hashes: 8 MB for a quarter of a million, where a set of texts takes four times that."""

    def __init__(self) -> None:
        self._slots = array("q", bytes(8 * 1024))
        self._used = 0

    def are_new(self, titles: Sequence[str]) -> list[bool]:
        """Of each whether it comes for the first time."""
        while 2 * (self._used + len(titles)) > len(self._slots):
            self._grow()
        new = self._added([hash(title) or 1 for title in titles])
        self._used += sum(new)
        return new

    def _grow(self) -> None:
        old = self._slots
        self._slots = array("q", bytes(8 * 2 * len(old)))
        self._added(filter(None, old))

    def _added(self, keys: Iterable[int]) -> list[bool]:
        """Of each whether it was not there."""
        slots, mask, new = self._slots, len(self._slots) - 1, []
        for key in keys:
            slot = key & mask
            while (found := slots[slot]) and found != key:
                slot = slot + 1 & mask
            slots[slot] = key
            new.append(not found)
        return new

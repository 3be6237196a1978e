"""The reduced fees of a whole game, packed: as records those of 250,000 titles take 60 MB, packed they take 8."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from zlib import crc32

from dmscan.core.models import FeeRow
from dmscan.core.packing import pack, unpacker

PACKS = 16_384
"""At 250,000 titles some seven share a pack: unpacked in 5 µs whenever one of them is looked up."""

Rows = tuple[FeeRow, ...]


class FeeRows(Mapping[str, Rows]):  # noqa: PLW1641 - what grows has no hash
    """Each title's rows in the order in which they were added, equal ones once. Titles come in the order of their packs."""

    def __init__(self, rows: Iterable[tuple[str, FeeRow]] = ()) -> None:
        self._packs = [pack({})] * PACKS
        self._titles = 0
        self.add(rows)

    def add(self, rows: Iterable[tuple[str, FeeRow]]) -> None:
        """Best many at a time: every pack that they belong to is made anew."""
        added: dict[int, list[tuple[str, FeeRow]]] = {}
        for title, row in rows:
            added.setdefault(_place(title), []).append((title, row))
        for place, some in added.items():
            before = _unpacked(self._packs[place])
            after = dict(before)
            for title, row in some:
                known = after.get(title, ())
                after[title] = known if row in known else (*known, row)
            self._titles += len(after) - len(before)
            self._packs[place] = pack(dict(sorted(after.items())))

    def __getitem__(self, title: str) -> Rows:
        return _unpacked(self._packs[_place(title)])[title]

    def __iter__(self) -> Iterator[str]:
        return (title for packed in self._packs for title in _unpacked(packed))

    def __len__(self) -> int:
        return self._titles

    def __eq__(self, other: object) -> bool:
        """Packs are sorted, so those of equal rows are equal, and two tables are compared without unpacking either."""
        return self._packs == other._packs if isinstance(other, FeeRows) else super().__eq__(other)


def _place(title: str) -> int:
    return crc32(title.encode()) % PACKS


_unpacked = lru_cache(maxsize=1)(unpacker(dict[str, Rows]))
"""The last one is kept, because whoever goes through all titles asks for the rows of a whole pack one after the other."""

"""The reduced fees of a whole game, packed: as records those of 250,000 titles take 60 MB, packed they take 10."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from zlib import crc32

import msgspec

from dmscan.core.models import FeeRow

PACKS = 4096
"""At 250,000 titles some 30 share a pack: unpacked in 20 µs whenever one of them is looked up."""

Rows = tuple[FeeRow, ...]


class FeeRows(Mapping[str, Rows]):
    """Each title's rows in the order in which they were added, equal ones once. Titles come in the order of their packs."""

    def __init__(self, rows: Iterable[tuple[str, FeeRow]] = ()) -> None:
        self._packs = [b"{}"] * PACKS
        self._titles = 0
        self.add(rows)

    def add(self, rows: Iterable[tuple[str, FeeRow]]) -> None:
        """Best many at a time: every pack that they belong to is made anew."""
        added: dict[int, list[tuple[str, FeeRow]]] = {}
        for title, row in rows:
            added.setdefault(_place(title), []).append((title, row))
        for place, some in added.items():
            pack = _unpacked(self._packs[place])
            self._titles -= len(pack)
            for title, row in some:
                known = pack.get(title, ())
                pack[title] = known if row in known else (*known, row)
            self._titles += len(pack)
            self._packs[place] = _packed(pack)

    def packs(self) -> Iterator[dict[str, Rows]]:
        """All titles, some at a time."""
        return map(_unpacked, self._packs)

    def items(self) -> ItemsView[str, Rows]:
        return _Items(self)

    def __getitem__(self, title: str) -> Rows:
        return _unpacked(self._packs[_place(title)])[title]

    def __iter__(self) -> Iterator[str]:
        return (title for pack in self.packs() for title in pack)

    def __len__(self) -> int:
        return self._titles

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FeeRows):
            return len(self) == len(other) and all(map(dict.__eq__, self.packs(), other.packs()))
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]


class _Items(ItemsView[str, Rows]):
    """Unpacks every pack once, not once for each of its titles."""

    def __init__(self, rows: FeeRows) -> None:
        super().__init__(rows)
        self._rows = rows

    def __iter__(self) -> Iterator[tuple[str, Rows]]:
        return (item for pack in self._rows.packs() for item in pack.items())


def _place(title: str) -> int:
    return crc32(title.encode()) % PACKS


@lru_cache(maxsize=256)
def _fraction(text: str) -> Fraction:
    return Fraction(text)


_packed = msgspec.json.Encoder(enc_hook=str).encode
_unpacked = msgspec.json.Decoder(dict[str, Rows], dec_hook=lambda _, text: _fraction(text)).decode

"""Which titles are asked for: globs, case-insensitive, and what may be shown (design chapter 4.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate


class TitleFilter:
    """`--title` and `--exclude`: a title is wanted if a wanted glob matches (or none is given) and no excluded one does."""

    def __init__(self, wanted: Iterable[str] = (), excluded: Iterable[str] = ()) -> None:
        self._wanted, self._excluded = _globs(wanted), _globs(excluded)

    def wants(self, title: str) -> bool:
        return (self._wanted is None or self._wanted.match(title)) and not (self._excluded and self._excluded.match(title))


def _globs(patterns: Iterable[str]) -> _Globs | None:
    texts = [pattern.casefold() for pattern in patterns]
    return _Globs(texts) if texts else None


class _Globs:
    def __init__(self, texts: Sequence[str]) -> None:
        self._exact = frozenset(texts)
        self._regex = re.compile("|".join(map(translate, texts)))

    def match(self, title: str) -> bool:
        """A glob that equals the title matches it even if it holds `[`."""
        folded = title.casefold()
        return folded in self._exact or bool(self._regex.match(folded))

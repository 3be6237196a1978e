"""A market in which time passes: every title lives on from its birth when it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from dmscan.sandbox import course, trades
from dmscan.sandbox.life import KEPT_S, Life
from dmscan.sandbox.state import Bargain, FeeRow, Offer, Sale, Target, Title
from dmscan.sandbox.world import Sides, World


class LivingWorld(World):
    """A World that stands at `now` (Unix seconds) and is moved on by whoever has the clock; born, it is the still one.

    Its titles live on an axis of their own, ahead of `now` by what the market was aged. Whatever is told is told on the
    caller's axis: an aged market shows what would have happened, dated back, so that its newest dates are the caller's.
    Days, and with them the fees, change at midnight on the market's axis: ageing by whole days keeps it at 0:00 UTC.
    Every title that was ever asked stays in memory.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.now, self.aged = self.born_at, 0
        self._lives: dict[tuple[str, str], Life] = {}
        self._rng = Random()

    def move(self, now: int) -> None:
        """Time passes until `now`; a clock that was put back finds the market where it was."""
        if now > self.now:
            self.now = now
            self.version += 1

    def age(self, seconds: int) -> None:
        """The market lives through a span while the caller's clock stands."""
        self.aged += seconds
        self.version += 1

    def title(self, game: str, name: str) -> Title | None:
        """The state at this moment, which later moments leave alone."""
        life = self._lived(game, name)
        if life is None:
            return super().title(game, name)
        title = Title(game, name, [*life.offers], [*life.targets], self._sales(life), [*life.fee_rows])
        return _dated_back(title, self.aged) if self.aged else title

    def titles_of(self, game: str, now: int | None = None) -> Iterator[Title]:
        """The market is moved to `now` first. ValueError if that is over."""
        if now is not None and now < self.now:
            raise ValueError(f"The market stands at {self.now}, {now} is over.")
        self.move(self.now if now is None else now)
        return super().titles_of(game)

    def quote(self, game: str, name: str, include_p2p: bool) -> Sides:
        self._lived(game, name)
        return super().quote(game, name, include_p2p)

    def fee_rows(self, game: str) -> Iterator[tuple[str, FeeRow]]:
        for name in self.names(game):
            life = self._lived(game, name)
            held = life or self._replaced.get((game, name))
            yield from ((name, _row_back(row, self.aged if life else 0)) for row in (held.fee_rows if held else ()))

    def bargains(self, game: str) -> list[Bargain]:
        """Those of the last 60 days up to now, with the moments when rivals took or will take them."""
        lives = [life for name in self.names(game) if (life := self._lived(game, name))]
        return [_bargain_back(row, self.aged) for life in lives for row in life.bargains]

    def _lived(self, game: str, name: str) -> Life | None:
        """The title's life up to now; `None` if it is not listed, or was replaced and so stands still."""
        key = (game, name)
        if key in self._replaced:
            return None
        life = self._lives.get(key) or self._born(key)
        if life and life.due <= self.now + self.aged:
            course.live(life, self.now + self.aged, self._rng)
            self._sides.pop((*key, True), None)
            self._sides.pop((*key, False), None)
        return life

    def _born(self, key: tuple[str, str]) -> Life | None:
        about = self._outline(*key)
        if about is None:
            return None
        self._lives[key] = course.born(about, self.scale, self._rng)
        return self._lives[key]

    def _open(self, game: str, name: str) -> tuple[list[Offer], list[Target]]:
        held = self._lives.get((game, name)) if (game, name) not in self._replaced else self._replaced[game, name]
        return (held.offers, held.targets) if held else ([], [])

    def _sales(self, life: Life) -> list[Sale]:
        """Newest first. Those before the birth are drawn again, which is cheaper than to keep them for every title."""
        since = self.now + self.aged - KEPT_S
        rows = [*reversed(life.sales), *trades.sales(life.about, life.scale)]
        return sorted((row for row in rows if row.at > since), key=lambda row: -row.at)


def _dated_back(title: Title, seconds: int) -> Title:
    return replace(
        title,
        offers=[_offer_back(row, seconds) for row in title.offers],
        sales=[replace(row, at=row.at - seconds) for row in title.sales],
        fee_rows=[_row_back(row, seconds) for row in title.fee_rows],
    )


def _offer_back(row: Offer, seconds: int) -> Offer:
    return replace(
        row,
        created_at=row.created_at - seconds,
        unlock_at=None if row.unlock_at is None else row.unlock_at - seconds,
        revert_until=None if row.revert_until is None else row.revert_until - seconds,
    )


def _bargain_back(row: Bargain, seconds: int) -> Bargain:
    return row._replace(appeared_at=row.appeared_at - seconds, gone_at=row.gone_at - seconds)


def _row_back(row: FeeRow, seconds: int) -> FeeRow:
    return replace(row, expires_at=row.expires_at - seconds) if seconds else row

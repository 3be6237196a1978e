"""The seeded state of the sandbox market: every title's offers, targets, sales and fee rows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from dmscan.sandbox import book, catalogue, trades
from dmscan.sandbox.outline import Outline, Scale, outline
from dmscan.sandbox.parameters import FEES, crossed_share
from dmscan.sandbox.state import DefaultFee, FeeRow, Offer, Target, Title

GAMES = ("cs2", "dota2", "tf2", "rust")
LONGEST_TITLE = 512


class Sides(NamedTuple):
    """Both sides of a title as the sweep shows them: best price in cents (`None`: that side is empty) and pieces."""

    ask: int | None
    ask_count: int
    bid: int | None
    bid_count: int


def is_valid(title: str) -> bool:
    """Whether a title counts: up to 512 characters, without NUL and lone surrogates (design chapter 4.1)."""
    return len(title) <= LONGEST_TITLE and not any(mark == "\0" or "\ud800" <= mark <= "\udfff" for mark in title)


def sides(offers: list[Offer], targets: list[Target], include_p2p: bool) -> Sides:
    """Reserved and not resellable offers and limited targets are counted in, void ones are not."""
    asks = [offer.price for offer in offers if offer.price > 0 and (include_p2p or not offer.p2p)]
    bids = [target for target in targets if target.price > 0 and target.amount > 0]
    return Sides(
        min(asks, default=None), len(asks), max((target.price for target in bids), default=None), sum(target.amount for target in bids)
    )


class World:
    """A market of `titles` titles per game, born at `born_at` (Unix seconds).

    A title's state follows from (seed, game, index, born_at) alone. It is made when first asked for; only the latest `keep`
    states stay in memory, the others are made anew. With `exact_times` some dates stand exactly on a bound.
    """

    def __init__(  # noqa: PLR0913 - the settings of a market
        self,
        seed: int,
        born_at: int,
        titles: int = 400,
        games: tuple[str, ...] = GAMES,
        *,
        crossed: Fraction | str | None = None,
        depth: float = 1.0,
        exact_times: bool = False,
        keep: int = 4000,
    ) -> None:
        self.seed, self.born_at, self.games, self.keep = seed, born_at, games, keep
        self.scale = Scale(born_at, crossed_share(crossed), depth, exact_times)
        self.version = 0
        self._names = {game: tuple(islice(catalogue.titles(game, seed), titles)) for game in games}
        self._made: OrderedDict[tuple[str, str], Title] = OrderedDict()
        self._replaced: dict[tuple[str, str], Title] = {}
        self._sides: dict[tuple[str, str, bool], Sides] = {}

    def names(self, game: str) -> tuple[str, ...]:
        """All titles in catalogue order, the invalid ones included; none for a game that is not traded here."""
        return self._names.get(game, ())

    def is_listed(self, game: str, name: str) -> bool:
        return (game, name) in self._places

    @cached_property
    def _places(self) -> dict[tuple[str, str], int]:
        return {(game, name): index for game, names in self._names.items() for index, name in enumerate(names)}

    def default_fee(self, game: str) -> DefaultFee:
        return DefaultFee(FEES.fraction, FEES.min_amount)

    def title(self, game: str, name: str) -> Title | None:
        """The full state of one title, `None` if it is not listed."""
        key = (game, name)
        if key in self._replaced:
            return self._replaced[key]
        if key in self._made:
            return self._made[key]
        about = self._outline(game, name)
        if about is None:
            return None
        rows = trades.fee_rows(about, self.scale)
        offers, targets = self._book(about, rows)
        self._made[key] = Title(game, name, offers, targets, trades.sales(about, self.scale), rows)
        while len(self._made) > self.keep:
            self._made.popitem(last=False)
        return self._made[key]

    def titles_of(self, game: str, now: int | None = None) -> Iterator[Title]:
        """Every valid or invalid title that is listed; here the moment does not matter."""
        for name in self.names(game):
            title = self.title(game, name)
            if title is not None:
                yield title

    def put(self, title: Title) -> None:
        """Replace the state of a listed title."""
        key = (title.game, title.title)
        self._replaced[key] = title
        for include_p2p in (True, False):
            self._sides.pop((*key, include_p2p), None)
        self.version += 1

    def quote(self, game: str, name: str, include_p2p: bool) -> Sides:
        """Both sides of a title; two empty sides for one that is not listed."""
        key = (game, name, include_p2p)
        if key not in self._sides:
            self._sides[key] = sides(*self._open(game, name), include_p2p)
        return self._sides[key]

    def fee_rows(self, game: str) -> Iterator[tuple[str, FeeRow]]:
        """The reduced fees of a game, title by title."""
        for name in self.names(game):
            held = self._replaced.get((game, name)) or self._made.get((game, name))
            about = None if held else self._outline(game, name)
            rows = held.fee_rows if held else trades.fee_rows(about, self.scale) if about else []
            yield from ((name, row) for row in rows)

    def _open(self, game: str, name: str) -> tuple[list[Offer], list[Target]]:
        held = self._replaced.get((game, name)) or self._made.get((game, name))
        if held:
            return held.offers, held.targets
        about = self._outline(game, name)
        return self._book(about, trades.fee_rows(about, self.scale)) if about else ([], [])

    def _book(self, about: Outline, rows: list[FeeRow]) -> tuple[list[Offer], list[Target]]:
        offers = book.offers(about, self.scale)
        return offers, book.targets(about, offers, rows, self.scale)

    def _outline(self, game: str, name: str) -> Outline | None:
        place = self._places.get((game, name))
        return None if place is None else outline(self.seed, game, place, name, self.scale)

"""Sales of a title: each kept once, and the last answer as it was given (design chapter 6)."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct

from dmscan.core.memory import SalesOutlook
from dmscan.core.models import Game, Sale, SaleKind, Stamped
from dmscan.history import rows, sources

_NAME = "INSERT INTO titles (title, game, source_id, first_seen_at) VALUES (?, ?, ?, ?) ON CONFLICT (title, game, source_id) DO NOTHING"
_TITLE = "SELECT id, sales_asked_at, sales_oldest_at FROM titles WHERE title = ? AND game = ? AND source_id = ?"
_TAKE_PLACES = "UPDATE sales SET place = NULL WHERE title = ? AND kind = ? AND sold_at >= ? AND place IS NOT NULL"
_SALE = (
    rows.insert("sales", "title kind sold_at price_cents phase float_value ordinal place")
    + " ON CONFLICT (title, kind, sold_at, price_cents, phase, float_value, ordinal) DO UPDATE SET place = excluded.place"
)
_ANSWERED = """
UPDATE titles SET sales_asked_at = ?, sales_oldest_at = ?, sales_qualified = ?, sales_best_q40_cents = ?, sales_pace = ?
WHERE id = ?"""
_ANSWER = f"""
SELECT sales_asked_at, price_cents, sold_at, phase, float_value
FROM titles LEFT JOIN sales ON sales.title = titles.id AND kind = 'Offer' AND sold_at >= sales_oldest_at AND place IS NOT NULL
WHERE titles.title = ? AND game = ? AND source_id = {sources.NUMBER} AND sales_asked_at >= ? ORDER BY place"""  # noqa: S608


class Heard(Struct, frozen=True):
    """An answer about the sales of `key` (title and game), and what it promises."""

    key: tuple[str, Game]
    answer: Stamped[tuple[Sale, ...]]
    outlook: SalesOutlook


def answer(connection: sqlite3.Connection, source: str, key: tuple[str, Game], since: int) -> Stamped[tuple[Sale, ...]] | None:
    """The newest 20 `Offer` rows as the last answer gave them, if it came at or after `since`."""
    found = connection.execute(_ANSWER, (*key, source, since)).fetchall()
    if not found:
        return None
    sold = [row[1:] for row in found if row[1] is not None]
    return Stamped(tuple(Sale(price, at, SaleKind.OFFER, phase, wear or None) for price, at, phase, wear in sold), found[0][0])


def save(connection: sqlite3.Connection, source: int, heard: Heard) -> None:
    """Stores the newest `Offer` rows of a title; an answer older than the one that is stored changes nothing."""
    sold, at, outlook = heard.answer.value, heard.answer.at, heard.outlook
    connection.execute(_NAME, (*heard.key, source, at))
    number, asked_at, oldest_at = connection.execute(_TITLE, (*heard.key, source)).fetchone()
    if asked_at is not None and asked_at > at:
        return
    connection.execute(_TAKE_PLACES, (number, SaleKind.OFFER, oldest_at))
    connection.executemany(_SALE, _rows(number, sold))
    oldest = min((sale.at for sale in sold), default=None)
    connection.execute(_ANSWERED, (at, oldest, outlook.qualified, outlook.best_q40, str(outlook.pace), number))


def _rows(title: int, sales: Sequence[Sale]) -> Iterator[rows.Row]:
    equals = Counter[Sale]()
    for place, sale in enumerate(sales):
        yield (title, sale.kind, sale.at, sale.price, sale.phase, sale.float_value or "", equals[sale], place)
        equals[sale] += 1

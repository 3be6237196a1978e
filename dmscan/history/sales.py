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
_TITLE = "SELECT id, {kind}_asked_at, {kind}_oldest_at FROM titles WHERE title = ? AND game = ? AND source_id = ?"
_TAKE_PLACES = "UPDATE sales SET place = NULL WHERE title = ? AND kind = ? AND sold_at >= ? AND place IS NOT NULL"
_SALE = (
    rows.insert("sales", "title kind sold_at price_cents phase float_value ordinal place")
    + " ON CONFLICT (title, kind, sold_at, price_cents, phase, float_value, ordinal) DO UPDATE SET place = excluded.place"
)
_ANSWERED = "UPDATE titles SET {kind}_asked_at = ?, {kind}_oldest_at = ?{promised} WHERE id = ?"
_PROMISED = ", sales_qualified = ?, sales_best_q40_cents = ?, sales_pace = ?"
_ANSWER = f"""
SELECT {{kind}}_asked_at, price_cents, sold_at, phase, float_value
FROM titles LEFT JOIN sales ON sales.title = titles.id AND kind = ? AND sold_at >= {{kind}}_oldest_at AND place IS NOT NULL
WHERE titles.title = ? AND game = ? AND source_id = {sources.NUMBER} AND {{kind}}_asked_at >= ? ORDER BY place"""  # noqa: S608
_COLUMNS = {SaleKind.OFFER: "sales", SaleKind.TARGET: "fills"}


class Heard(Struct, frozen=True):
    """An answer about the sales of one kind of `key` (title and game), and what those of offers promise."""

    key: tuple[str, Game]
    kind: SaleKind
    answer: Stamped[tuple[Sale, ...]]
    outlook: SalesOutlook | None = None


def answer(
    connection: sqlite3.Connection, source: str, key: tuple[str, Game], kind: SaleKind, since: int
) -> Stamped[tuple[Sale, ...]] | None:
    """The newest 20 rows of one kind as the last answer gave them, if it came at or after `since`."""
    found = connection.execute(_of(kind, _ANSWER), (kind, *key, source, since)).fetchall()
    if not found:
        return None
    sold = [row[1:] for row in found if row[1] is not None]
    return Stamped(tuple(Sale(price, at, kind, phase, wear or None) for price, at, phase, wear in sold), found[0][0])


def save(connection: sqlite3.Connection, source: int, heard: Heard) -> None:
    """Stores the newest rows of one kind and what they promise; an answer older than the one that is stored changes nothing."""
    sold, at, kind, outlook = heard.answer.value, heard.answer.at, heard.kind, heard.outlook
    connection.execute(_NAME, (*heard.key, source, at))
    number, asked_at, oldest_at = connection.execute(_of(kind, _TITLE), (*heard.key, source)).fetchone()
    if asked_at is not None and asked_at > at:
        return
    connection.execute(_TAKE_PLACES, (number, kind, oldest_at))
    connection.executemany(_SALE, _rows(number, sold))
    promised = (outlook.qualified, outlook.best_q40, str(outlook.pace)) if outlook else ()
    oldest = min((sale.at for sale in sold), default=None)
    connection.execute(_of(kind, _ANSWERED, promised=_PROMISED if outlook else ""), (at, oldest, *promised, number))


def _of(kind: SaleKind, sql: str, **parts: str) -> str:
    return sql.format(kind=_COLUMNS[kind], **parts)


def _rows(title: int, sales: Sequence[Sale]) -> Iterator[rows.Row]:
    equals = Counter[Sale]()
    for place, sale in enumerate(sales):
        yield (title, sale.kind, sale.at, sale.price, sale.phase, sale.float_value or "", equals[sale], place)
        equals[sale] += 1

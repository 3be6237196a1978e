"""Episodes as stored, and the days to which they and the requests of scans add up (design chapter 6)."""

from __future__ import annotations

import sqlite3
from fractions import Fraction
from functools import lru_cache
from typing import Any

import msgspec

from dmscan.core.episodes import Changes, Episode, Terms, follow, level_of, terms_of
from dmscan.core.fees import DAY
from dmscan.core.models import Entry, Exit, Game, Opportunity
from dmscan.core.report import ScanReport
from dmscan.history import rows

# Without statistics SQLite would rather read all episodes of the source.
_OPEN = """
SELECT game, title, phase, entry, exit, begun_at, seen_at, scans, best_net_profit_cents, request
FROM episodes INDEXED BY episodes_open WHERE source_id = ? AND ended IS NULL"""
_CHANGE = """
UPDATE episodes INDEXED BY episodes_open SET seen_at = ?, scans = ?, best_net_profit_cents = ?, request = ?, ended_at = ?, ended = ?
WHERE source_id = ? AND game = ? AND title = ? AND phase = ? AND entry = ? AND exit = ? AND ended IS NULL"""
_BEGIN = rows.insert(
    "episodes",
    "source_id game title phase entry exit begun_at seen_at cost_cents net_profit_cents best_net_profit_cents request",
)
_DAY = (
    rows.insert("days", "source_id day game entry exit level episodes cost_cents net_profit_cents")
    + """ ON CONFLICT (source_id, day, game, entry, exit, level) DO UPDATE SET episodes = episodes + excluded.episodes,
    cost_cents = cost_cents + excluded.cost_cents, net_profit_cents = net_profit_cents + excluded.net_profit_cents"""
)
_SPENT = (
    rows.insert("spent", "source_id day endpoint requests")
    + " ON CONFLICT (source_id, day, endpoint) DO UPDATE SET requests = requests + excluded.requests"
)
_SAMPLE = rows.insert("samples", "scan source_id game title entry exit reason ask_cents bid_cents at")


def save(connection: sqlite3.Connection, source: int, report: ScanReport) -> Changes:
    """Stores and tells what a scan that ended means for its source's episodes and days; a scan must be told once only."""
    changes = follow(opened(connection, source), report)
    connection.executemany(_CHANGE, ((*_change(episode), source, *episode.key) for episode in changes.changed))
    terms = _text(terms_of(report))
    connection.executemany(_BEGIN, ((source, *_begin(found), terms) for found in changes.begun))
    connection.executemany(_DAY, ((source, *_day(found)) for found in changes.begun))
    day = report.started_at // DAY
    connection.executemany(_SPENT, ((source, day, endpoint, sent) for endpoint, sent in report.stats.traffic.requests.items()))
    return changes


def save_sample(connection: sqlite3.Connection, scan: tuple[int, int], report: ScanReport) -> None:
    """The sample of refused titles, in place of one stored before; `scan` are the row ids of the scan and its source."""
    connection.execute("DELETE FROM samples WHERE scan = ?", scan[:1])
    connection.executemany(
        _SAMPLE,
        (
            (*scan, quote.game, quote.title, *pair, reason, quote.ask, quote.bid, refusal.at)
            for refusal in report.sample
            for quote in (refusal.quote,)
            for pair, reason in refusal.reasons.items()
        ),
    )


def opened(connection: sqlite3.Connection, source: int) -> list[Episode]:
    """The source's open episodes."""
    return [_episode(row) for row in connection.execute(_OPEN, (source,))]


def _episode(row: tuple[Any, ...]) -> Episode:
    game, title, phase, entry, exit_, begun_at, seen_at, scans, best, request = row
    return Episode((Game(game), title, phase, Entry(entry), Exit(exit_)), begun_at, seen_at, scans, best, _terms(request))


def _change(episode: Episode) -> rows.Row:
    return (episode.seen_at, episode.scans, episode.best_net_profit, _text(episode.terms), episode.ended_at, episode.ended)


def _begin(found: Opportunity) -> rows.Row:
    return (*found.key, found.as_of, found.as_of, found.cost, found.net_profit, found.net_profit)


def _day(found: Opportunity) -> rows.Row:
    return (found.as_of // DAY, found.game, found.entry, found.exit, level_of(found), 1, found.cost, found.net_profit)


@lru_cache(maxsize=64)
def _text(terms: Terms) -> str:
    """Fractions as text, as everywhere in the database."""
    return msgspec.json.encode(terms, enc_hook=str).decode()


@lru_cache(maxsize=64)
def _terms(text: str) -> Terms:
    """Few requests see many episodes."""
    return msgspec.json.decode(text, type=Terms, dec_hook=lambda _, share: Fraction(share))

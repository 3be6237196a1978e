"""The scan through the real command: equal to the sandbox's truth, kept apart from the user's history, useful without a key."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import datetime
from pathlib import Path

import pytest

from dmscan.render.text import visible
from dmscan.sandbox.truth import Question, find
from dmscan.sandbox.world import GAMES, World

from inprocess import without_ages
from processes import Dmscan, keys, rows, serving

BORN = int(time.time())


@pytest.mark.parametrize("seed", range(8))
def test_the_command_finds_what_brute_force_finds(tmp_path: Path, seed: int) -> None:
    edition = ("2026-10", "2026-07")[seed % 2]
    with serving(tmp_path, "--seed", str(seed), "--born", str(BORN), "--edition", edition, "--titles", "75") as url:
        dmscan = Dmscan(tmp_path, url, DMSCAN_RATE="2000", **keys())
        document = dmscan.scan("-g", "all", "--deadline", "0", "--fresh", "--no-store")
    assert document["complete"] is True
    moments = {(found["game"], found["title"]): unix(found["as_of"]) for found in document["opportunities"]}
    ended = unix(document["finished_at"])
    world = World(seed, BORN, 75, GAMES, crossed="rich")
    titles = (title for game in GAMES for title in world.titles_of(game))
    fees = {game: world.default_fee(game) for game in GAMES}
    truth = find(titles, fees, Question(games=GAMES), lambda game, title: moments.get((game, visible(title)), ended), edition)
    expected = [found | {"title": visible(found["title"])} for found in truth.opportunities]
    assert without_ages(document["opportunities"]) == expected
    assert {pair: sum(reasons.values()) for pair, reasons in document["rejected"].items()} == truth.refused
    assert document["totals"] == truth.totals


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def test_few_connections_and_http2_change_nothing_of_what_is_found(dmscan: Dmscan) -> None:
    """The market here speaks HTTP/1.1, so that is spoken."""
    usual = dmscan.scan("--no-store", "--deadline", "0")
    one = dmscan.scan("--no-store", "--deadline", "0", "--connections", "1", "--http2")
    assert one["complete"] is True
    assert one["totals"] == usual["totals"]


def test_the_sandbox_needs_no_key_and_leaves_the_users_history_alone(dmscan: Dmscan) -> None:
    dmscan.scan()
    mine = dmscan.home / "data" / "dmscan" / "history.db"
    before = mine.read_bytes()
    for name in (*keys(), "DMSCAN_API_URL", "DMSCAN_RATE"):
        dmscan.environment.pop(name)
    done = dmscan("scan", "--sandbox", "-f", "json")
    document = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert document["source"] == "sandbox"
    assert document["complete"] is True
    assert document["opportunities"]
    assert mine.read_bytes() == before
    assert rows(mine.with_name("sandbox.db"), "SELECT url FROM sources") == [("sandbox",)]


def test_what_is_printed_is_what_is_stored(dmscan: Dmscan, tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    document = dmscan.scan("--db", str(database))
    stored = rows(database, "SELECT title, exit, cost_cents, net_profit_cents FROM opportunities ORDER BY id")
    assert stored == [(one["title"], one["exit"], one["cost_cents"], one["net_profit_cents"]) for one in document["opportunities"]]
    refused = rows(database, "SELECT entry || '.' || exit, reason, titles FROM rejections ORDER BY 1, 2")
    printed = [(pair, reason, count) for pair, reasons in document["rejected"].items() for reason, count in reasons.items()]
    assert refused == sorted(printed)
    assert rows(database, "SELECT count(*) FROM legs") == [(sum(one["units"] for one in document["opportunities"]),)]


def test_a_limit_hides_rows_but_stores_them(dmscan: Dmscan, tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    document = dmscan.scan("--db", str(database), "--limit", "2", "--sort", "profit")
    assert len(document["opportunities"]) == 2
    assert rows(database, "SELECT count(*) FROM opportunities")[0][0] > 2


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_since_last_shows_only_what_is_new_or_better(dmscan: Dmscan, tmp_path: Path, form: str) -> None:
    database = tmp_path / "history.db"
    command = ("scan", "-f", form, "--since-last", "--db", str(database))
    first = dmscan(*command).stdout
    again = dmscan(*command).stdout
    assert first.count('"opportunity_id"') > 3
    assert again.count('"opportunity_id"') == 0
    assert rows(database, "SELECT count(DISTINCT scan) FROM opportunities") == [(2,)]
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE opportunities SET net_profit_cents = 1, sell_cents = 1 + fee_cents + cost_cents WHERE id % 2")
    connection.close()
    better = dmscan(*command).stdout
    assert 0 < better.count('"opportunity_id"') < first.count('"opportunity_id"')


def test_a_killed_scan_is_known(dmscan: Dmscan, tmp_path: Path) -> None:
    dmscan.environment["DMSCAN_RATE"] = "5"
    database = tmp_path / "history.db"
    scan = dmscan.start("scan", "-f", "ndjson", "--db", str(database))
    assert scan.stdout
    scan.stdout.readline()
    while not rows(database, "SELECT 1 FROM sqlite_master WHERE name = 'scans'") or not rows(database, "SELECT 1 FROM scans"):
        pass
    scan.kill()
    scan.communicate()
    assert rows(database, "SELECT status, finished_at FROM scans") == [("running", None)]
    assert dmscan("scan", "-f", "none", "--db", str(database), "--max-requests", "3").returncode == 0


def test_a_budget_ends_a_scan_well(dmscan: Dmscan) -> None:
    document = dmscan.scan("--no-store", "--max-requests", "12")
    assert sum(document["stats"]["requests"].values()) <= 12
    assert document["complete"] is False
    assert 0 < document["coverage"] < 1
    assert document["stats"]["seconds_for_all"] >= 0


def test_without_a_key_quotes_are_scanned_and_every_row_says_so(dmscan: Dmscan) -> None:
    for name in keys():
        del dmscan.environment[name]
    done = dmscan("scan", "-f", "json")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert "DMARKET_PUBLIC_KEY" in done.stderr
    assert document["request"]["exits"] == ["instant"]
    assert document["opportunities"]
    for found in document["opportunities"]:
        assert (found["confidence"], found["fee_source"], found["legs"][0]["offer_id"]) == ("quote", "assumed", None)
        assert "restricted_bids_possible" in found["warnings"]
    assert document["stats"]["requests"]["customized-fees"] == 1
    again = json.loads(dmscan("scan", "-f", "json").stdout)
    assert "customized-fees" not in again["stats"]["requests"], "the fee table is asked for once a day"


def test_keys_are_not_sent_to_a_foreign_host(dmscan: Dmscan) -> None:
    dmscan.environment["DMSCAN_API_URL"] = "https://dmarket.invalid"
    done = dmscan("scan", "-f", "none", "--no-store", "--deadline", "5s")
    assert done.returncode == 10
    assert "keys are not sent to https://dmarket.invalid" in done.stderr

"""`fees` through the real command: what a title's sale costs, and what changed since a day before."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from processes import Dmscan, keys, rows

DAY = 86_400


def shown(dmscan: Dmscan, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = dmscan("fees", "-f", "json", *arguments)
    assert done.returncode == code, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def history(dmscan: Dmscan) -> Path:
    return dmscan.home / "data" / "dmscan" / "history.db"


def reduced(dmscan: Dmscan) -> str:
    """A title with a reduced fee that was quoted from both sides."""
    sql = """
    SELECT title FROM titles JOIN fee_rows USING (title) JOIN fee_tables ON fee_table = fee_tables.id AND fee_tables.game = titles.game
    WHERE ask_cents > 0 AND bid_cents > 0 AND title LIKE '%)' ORDER BY title"""
    title: str = rows(history(dmscan), sql)[0][0]
    return title


def change(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.fixture
def informed(dmscan: Dmscan) -> Dmscan:
    """The command after a scan."""
    dmscan.scan()
    return dmscan


def test_the_rows_and_the_sales_at_the_stored_ask_and_bid_without_a_request(informed: Dmscan) -> None:
    title = reduced(informed)
    told = shown(informed, title)
    stored = rows(history(informed), f"SELECT ask_cents, bid_cents FROM titles WHERE title = '{title}'")[0]
    table = f"SELECT fraction, low_cents, high_cents FROM fee_rows WHERE title = '{title}' ORDER BY ordinal"
    assert [one["price_cents"] for one in told["prices"]] == [*stored]
    assert len(told["rows"]) == told["fees"]["reduced_rows"] == len(rows(history(informed), table))
    assert {fact["origin"] for fact in told["facts"]} == {"stored"}
    assert sum(fact["requests"] for fact in told["facts"]) == 0
    for sale in told["prices"]:
        assert sale["proceeds_cents"] + sale["fee_cents"] == sale["price_cents"]


def test_prices_and_a_cost_are_worked_out_under_the_rules(informed: Dmscan) -> None:
    title = rows(history(informed), "SELECT title FROM titles WHERE title NOT IN (SELECT title FROM fee_rows)")[0][0]
    told = shown(informed, title, "--price", "10", "--price", "25.5", "--cost", "9.20", "--min-roi", "5%")
    assert [(one["price_cents"], one["fee_cents"], one["max_buy_cents"]) for one in told["prices"]] == [
        (1000, 100, 857),
        (2550, 255, 2185),
    ]
    assert told["rows"] == []
    assert (told["cost_cents"], told["break_even_cents"]) == (920, 1023)


def test_without_a_history_the_market_is_asked_once_for_the_fees_and_the_quote(dmscan: Dmscan) -> None:
    title = dmscan.scan("--no-store")["opportunities"][0]["title"]
    told = shown(dmscan, title)
    assert {fact["name"]: fact["origin"] for fact in told["facts"]} == {"fees": "asked", "quote": "asked"}
    assert told["prices"]
    assert not history(dmscan).exists()


def test_2_for_what_cannot_be_meant(informed: Dmscan) -> None:
    title = reduced(informed)
    wrong = ((), (title, "--changed"), ("--changed", "--price", "3"), (title, "--price", "0"), (title, "-g", "cs2", "-g", "rust"))
    for arguments in (*wrong, (title, "-f", "csv"), (title, "--cost", "x"), (title[:-1],), (title[:-1], "--offline")):
        done = informed("fees", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert done.stderr.count("\n") == 1
    assert title in informed("fees", title[:-1]).stderr


def test_what_changed_since_a_day_before(informed: Dmscan) -> None:
    """Yesterday's table is made from today's: one title less, one more, one with another fraction."""
    database = history(informed)
    names = [title for (title,) in rows(database, "SELECT DISTINCT title FROM fee_rows ORDER BY title")]
    columns = "source_id, game, fetched_at - 86400, default_fraction, min_cents, default_source, ignored"
    change(
        database,
        "INSERT INTO fee_tables (source_id, game, fetched_at, default_fraction, min_cents, default_source, ignored) "
        f"SELECT {columns} FROM fee_tables",
        "INSERT INTO fee_rows SELECT (SELECT max(id) FROM fee_tables), title, ordinal, fraction, low_cents, high_cents, expires_at "
        "FROM fee_rows",
        f"DELETE FROM fee_rows WHERE fee_table = (SELECT max(id) FROM fee_tables) AND title = '{names[0]}'",
        f"UPDATE fee_rows SET fraction = '7/100' WHERE fee_table = (SELECT max(id) FROM fee_tables) AND title = '{names[1]}'",
        "INSERT INTO fee_rows SELECT max(id), 'Gone | Title', 0, '1/50', 1, 99, 9999999999 FROM fee_tables",
    )
    for more in ((), ("--offline",)):
        (game,) = shown(informed, "--changed", *more)["games"]
        assert {one["title"]: one["turns"] for one in game["changes"]} == {
            names[0]: ["gained"],
            names[1]: ["fraction"],
            "Gone | Title": ["lost"],
        }
        assert game["before_at"][:10] < game["after_at"][:10]
    table = informed("fees", "--changed", "-f", "table").stdout
    assert "1 title: no longer reduced" in table
    assert "Gone | Title: 2% at $0.01 to $0.99 → not reduced" in table


def test_without_a_table_of_a_day_before_it_says_so(informed: Dmscan) -> None:
    (game,) = shown(informed, "--changed")["games"]
    assert (game["before_at"], game["changes"]) == (None, [])
    assert "no table of an earlier day is stored" in informed("fees", "--changed", "-f", "table").stdout
    assert [one["game"] for one in shown(informed, "--changed", "-g", "all", "--offline")["games"]] == ["cs2", "dota2", "tf2", "rust"]


def test_a_refused_table_is_told_and_the_careful_assumption_holds(against, tmp_path: Path) -> None:
    dmscan = against("--fault", "customized-fees=503")
    title = dmscan("scan", "-f", "json", "--no-store").stdout
    told = shown(dmscan, json.loads(title)["opportunities"][0]["title"], code=3)
    assert told["fees"]["source"] == "assumed"
    assert [error["endpoint"] for error in told["errors"]] == ["customized-fees"]


def test_12_with_a_valid_document_when_the_key_is_refused(against) -> None:
    dmscan = against("--fault", "*=401")
    assert shown(dmscan, "Some | Title", code=12)["fees"] is None
    assert shown(dmscan, "--changed", code=12)["games"][0]["after"] is None


def test_both_documents_fit_the_schema(informed: Dmscan) -> None:
    schema = json.loads(informed("schema", "fees").stdout)
    assert schema["$id"] == "dmscan.fees/1"
    for document in (shown(informed, reduced(informed), "--cost", "3"), shown(informed, "--changed")):
        jsonschema.validate(document, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({name: value for name, value in document.items() if name != "errors"}, schema)


def test_without_a_key_and_offline_it_still_answers(informed: Dmscan) -> None:
    title = reduced(informed)
    for name in keys():
        del informed.environment[name]
    told = shown(informed, title, "--offline")
    assert told["rows"]
    assert told["fees"]["source"] == "default"
    table = informed("fees", title, "-f", "table", "-q").stdout
    assert title in table
    assert "buy up to" in table

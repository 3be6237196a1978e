"""`explain` through the real command: it says what the scan says, why, and what would turn it."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from processes import Dmscan, keys, rows

BOTH = ("--entry", "any", "--exit", "any")


def explained(dmscan: Dmscan, title: str, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = dmscan("explain", title, "-f", "json", *arguments)
    assert done.returncode == code, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def figures(opportunity: dict[str, Any]) -> list[Any]:
    """What does not change with the second."""
    return [opportunity[name] for name in ("entry", "exit", "phase", "units", "cost_cents", "net_profit_cents", "warnings")]


def history(dmscan: Dmscan) -> Path:
    return dmscan.home / "data" / "dmscan" / "history.db"


def titles(dmscan: Dmscan) -> list[str]:
    return [title for (title,) in rows(history(dmscan), "SELECT title FROM titles ORDER BY title")]


def way(document: dict[str, Any], entry: str = "offer", exit_: str = "relist") -> dict[str, Any]:
    return next(one for one in document["pairs"] if (one["entry"], one["exit"]) == (entry, exit_))


def silent_port() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as ear:
        return f"http://127.0.0.1:{ear.getsockname()[1]}"


@pytest.fixture
def informed(dmscan: Dmscan) -> Dmscan:
    """The command after a scan for everything."""
    dmscan.scan(*BOTH, "--deadline", "0")
    return dmscan


def test_it_gives_the_verdict_and_the_reason_of_a_scan_with_the_same_options(informed: Dmscan) -> None:
    names = titles(informed)
    seen = set()
    for title in [*names[::12], *(one["title"] for one in informed.scan(*BOTH)["opportunities"][:2])]:
        scan = informed.scan("--title", title, "--no-store", *BOTH)
        told = explained(informed, title, "--max-age", "0")
        for one in told["pairs"]:
            reasons = scan["rejected"][f"{one['entry']}.{one['exit']}"]
            assert reasons == ({one["reason"]: 1} if one["reason"] else {})
            seen.add(one["verdict"])
            missed = [rule for rule in one["rules"] if rule["passed"] is False]
            assert [rule["reason"] for rule in missed[:1]] == ([one["reason"]] if one["reason"] else [])
        found = [opportunity for one in told["pairs"] for opportunity in one["opportunities"]]
        assert sorted(map(figures, found)) == sorted(map(figures, scan["opportunities"]))
    assert seen == {"found", "refused"}


def test_the_changes_it_names_let_the_title_pass(informed: Dmscan) -> None:
    hard = ("--min-roi", "40%", "--min-sales", "12")
    tried = 0
    for one in informed.scan(*BOTH)["opportunities"][:4]:
        for change in way(explained(informed, one["title"], *hard), one["entry"], one["exit"])["changes"]:
            tried += 1
            again = explained(informed, one["title"], *hard, change["option"], change["value"])
            assert way(again, one["entry"], one["exit"])["verdict"] == "found"
    assert tried


def test_it_asks_only_for_what_is_not_stored_and_says_what_that_cost(informed: Dmscan) -> None:
    title = informed.scan("--exit", "relist")["opportunities"][0]["title"]
    told = explained(informed, title, "--exit", "relist", "--entry", "offer")
    facts = {fact["name"]: (fact["origin"], fact["requests"] > 0) for fact in told["facts"]}
    stored, asked, needless = ("stored", False), ("asked", True), ("not needed", False)
    assert facts == {"quote": stored, "fees": stored, "sales": stored, "offers": asked, "targets": needless, "fills": needless}
    anew = explained(informed, title, "--exit", "relist", "--entry", "offer", "--max-age", "0")
    assert {fact["name"] for fact in anew["facts"] if fact["origin"] == "asked"} >= {"sales", "offers"}
    assert anew["requests"] == sum(fact["requests"] for fact in anew["facts"]) > told["requests"]


def test_offline_it_asks_nobody_says_what_is_missing_and_changes_no_byte(informed: Dmscan) -> None:
    before = history(informed).read_bytes()
    url = rows(history(informed), "SELECT url FROM sources")[0][0]
    title = informed.scan("--exit", "relist", "--no-store")["opportunities"][0]["title"]
    told = explained(informed, title, "--offline")
    facts = {fact["name"]: fact for fact in told["facts"]}
    assert (told["offline"], told["requests"], told["source"]) == (True, 0, url)
    assert (facts["offers"]["origin"], facts["offers"]["age_s"]) == ("missing", None)
    assert facts["sales"]["origin"] == facts["quote"]["origin"] == "stored"
    assert facts["sales"]["age_s"] >= 0
    assert (way(told)["verdict"], way(told)["missing"], way(told)["changes_known"]) == ("open", "offers", False)
    assert history(informed).read_bytes() == before


def test_offline_it_needs_no_market(tmp_path: Path, informed: Dmscan) -> None:
    with_sales = rows(history(informed), "SELECT title FROM titles WHERE sales_qualified < 4")[0][0]
    address = silent_port()
    rows_changed = tmp_path / "moved.db"
    rows_changed.write_bytes(history(informed).read_bytes())
    rows_of(rows_changed, address)
    told = explained(Dmscan(tmp_path, address, **keys()), with_sales, "--offline", "--db", str(rows_changed))
    assert way(told)["reason"] in {"too_few_sales", "no_buyable_offer"}


def rows_of(database: Path, source: str) -> None:
    """Makes everything stored there that of another source."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE sources SET url = ?", (source,))
        connection.commit()


@pytest.mark.parametrize("more", [(), ("--offline",)])
def test_2_for_a_title_nobody_knows_with_near_ones(informed: Dmscan, more: tuple[str, ...]) -> None:
    known = titles(informed)[0]
    done = informed("explain", known.upper()[:-1], *more)
    assert (done.returncode, done.stdout) == (2, "")
    assert known in done.stderr
    assert done.stderr.count("\n") == 1


def test_2_for_a_title_that_can_be_none_and_for_a_mistyped_format(dmscan: Dmscan) -> None:
    for arguments in (("",), ("a\nb",), ("x" * 513,), ("title", "-f", "csv"), ("title", "-g", "all")):
        done = dmscan("explain", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert done.stderr.count("\n") == 1


def test_without_a_key_the_quote_is_explained(informed: Dmscan) -> None:
    for name in keys():
        del informed.environment[name]
    told = explained(informed, titles(informed)[0])
    assert told["signed"] is False
    assert [(one["entry"], one["exit"]) for one in told["pairs"]] == [("offer", "instant"), ("target", "relist")]
    assert {one["verdict"] for one in told["pairs"]} <= {"found", "refused"}


def test_what_the_market_does_not_answer_leaves_open_what_rests_on_it(against, tmp_path: Path) -> None:
    dmscan = against("--fault", "v2/offers=503")
    title = found_title(against, tmp_path)
    told = explained(dmscan, title, code=3)
    assert [error["endpoint"] for error in told["errors"]] == ["v2/offers"]
    assert "open" in {one["verdict"] for one in told["pairs"]}


def found_title(against, tmp_path: Path) -> str:
    """A title of the same market with something to find."""
    document = Dmscan(tmp_path / "other", against().environment["DMSCAN_API_URL"], DMSCAN_RATE="2000", **keys()).scan("--no-store")
    title: str = document["opportunities"][0]["title"]
    return title


def test_10_12_and_15_with_a_valid_document(against) -> None:
    for fault, code in (("aggregated-prices=503", 10), ("*=401", 12), ("aggregated-prices=410", 15)):
        told = explained(against("--fault", fault), "Some | Title", code=code)
        assert (told["quote"], told["pairs"]) == (None, [])
        assert told["errors"][0]["code"] == code


def test_a_document_fits_its_schema(informed: Dmscan) -> None:
    schema = json.loads(informed("schema", "explain").stdout)
    assert schema["$id"] == "dmscan.explain/1"
    title = titles(informed)[3]
    for document in (explained(informed, title), explained(informed, title, "--offline")):
        jsonschema.validate(document, schema)
        for gone in ("schema", "pairs", "facts"):
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate({name: value for name, value in document.items() if name != gone}, schema)


def test_a_table_names_every_rule_and_fits_a_narrow_screen(informed: Dmscan) -> None:
    informed.environment["COLUMNS"] = "60"
    title = titles(informed)[3]
    shown = informed("explain", title, "-f", "table").stdout
    assert title in shown
    for words in ("offer → instant: ", "offer → relist: ", "target → relist: ", "known", "calls"):
        assert words in shown
    assert max(map(len, shown.splitlines())) <= 60


def test_it_takes_no_lock_and_writes_to_a_file(informed: Dmscan) -> None:
    from dmscan.history.lock import command_lock

    target = informed.home / "told.json"
    with command_lock(history(informed)):
        assert informed("explain", titles(informed)[0], "-o", str(target)).stdout == ""
    assert json.loads(target.read_text())["schema"] == "dmscan.explain/1"

"""`scan --plan` through the real command: it asks nobody, changes nothing, and says what the scan then does."""

from __future__ import annotations

import csv
import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dmscan.history.lock import command_lock

from processes import Dmscan, keys


class Ear:
    """A port that listens; `url` is its address."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def heard(self) -> bool:
        """Whether anybody came, answered or not."""
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def ear() -> Iterator[Ear]:
    listening = Ear()
    yield listening
    listening.close()


def files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Every file, what is in it and when it was written."""
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(folder.rglob("*")) if path.is_file()}


def planned(dmscan: Dmscan, *arguments: str) -> dict[str, Any]:
    done = dmscan("scan", "--plan", "-f", "json", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture
def deaf(tmp_path: Path, ear: Ear) -> Dmscan:
    """With keys, on a market that listens and never answers."""
    return Dmscan(tmp_path, ear.url, **keys())


@pytest.mark.parametrize("more", [(), ("--since-last", "--why", "--fail-empty", "-v"), ("--fresh",), ("--no-store",), ("-g", "all")])
def test_a_first_plan_asks_nobody_and_leaves_nothing_behind(deaf: Dmscan, ear: Ear, more: tuple[str, ...]) -> None:
    document = planned(deaf, *more)
    assert document["sweeps"][0]["assumed"] == 25_000
    assert any("unknown until the first sweep" in sentence for sentence in document["assumptions"])
    assert not ear.heard()
    assert files(deaf.home) == {}


def test_a_plan_needs_no_market_at_all(tmp_path: Path) -> None:
    ear = Ear()
    ear.close()
    assert planned(Dmscan(tmp_path, ear.url, **keys()))["expected"]["requests"]["aggregated-prices"] == 250


def test_a_plan_reads_the_history_and_changes_no_byte_of_it(dmscan: Dmscan) -> None:
    dmscan.scan()
    before = files(dmscan.home)
    document = planned(dmscan, "--since-last")
    assert document["history_used"] is True
    assert document["titles_remembered"] > 0
    assert files(dmscan.home) == before


def test_the_scan_then_does_what_was_planned(dmscan: Dmscan) -> None:
    """On a still market only a look at offers can end other than expected: then the targets are not asked for."""
    first = dmscan.scan()["stats"]["requests"]
    document = planned(dmscan)
    done = dmscan.scan()["stats"]
    expected = document["expected"]["requests"]
    assert {name: expected[name] for name in ("aggregated-prices", "customized-fees", "last-sales")} == {
        name: done["requests"].get(name, 0) for name in ("aggregated-prices", "customized-fees", "last-sales")
    }
    assert abs(expected["v2/offers"] - done["requests"]["v2/offers"]) <= 2
    assert 0 <= expected["targets-by-title"] - done["requests"]["targets-by-title"] <= 3
    assert (document["candidates"], document["expected"]["coverage"]) == (done["candidates"], 1)
    assert sum(expected.values()) < sum(first.values()) / 2


def test_a_plan_waits_for_no_lock(dmscan: Dmscan) -> None:
    dmscan.scan()
    with command_lock(dmscan.home / "data" / "dmscan" / "history.db"):
        assert dmscan("scan", "-f", "none").returncode == 11
        assert planned(dmscan)["titles_remembered"] > 0


def test_the_sandbox_is_planned_from_its_own_history_and_not_started(deaf: Dmscan, ear: Ear) -> None:
    document = planned(deaf, "--sandbox")
    assert (document["source"], document["signed"], document["titles_remembered"]) == ("sandbox", True, 0)
    assert not ear.heard()
    assert files(deaf.home) == {}
    assert deaf("scan", "--sandbox", "-f", "none").returncode == 0
    assert planned(deaf, "--sandbox")["titles_remembered"] > 300


def test_without_a_key_only_quotes_are_planned(deaf: Dmscan) -> None:
    for name in keys():
        del deaf.environment[name]
    done = deaf("scan", "--plan")
    document = json.loads(done.stdout)
    assert "DMARKET_PUBLIC_KEY" in done.stderr
    assert {name for name, calls in document["expected"]["requests"].items() if calls} == {"aggregated-prices", "customized-fees"}
    assert deaf("scan", "--plan", "-q").stderr == ""


def test_every_format_says_the_same(deaf: Dmscan) -> None:
    expected = planned(deaf)["expected"]["requests"]
    (line,) = deaf("scan", "--plan", "-f", "ndjson", "--limit", "9").stdout.splitlines()
    assert json.loads(line)["expected"]["requests"] == expected
    rows = list(csv.DictReader(io.StringIO(deaf("scan", "--plan", "-f", "csv").stdout)))
    assert rows == [{"endpoint": name, "calls": str(calls)} for name, calls in expected.items()]
    marked = [line.strip("| ").split(" | ") for line in deaf("scan", "--plan", "-f", "markdown").stdout.splitlines()]
    assert marked == [["endpoint", "calls"], ["---", "---"], *([name, str(calls)] for name, calls in expected.items())]
    table = deaf("scan", "--plan", "-f", "table").stdout
    assert all(name in table for name in expected)
    assert deaf("scan", "--plan", "-f", "none").stdout == ""
    target = deaf.home / "plan.json"
    assert deaf("scan", "--plan", "-o", str(target)).stdout == ""
    assert json.loads(target.read_text())["expected"]["requests"] == expected


def test_a_plan_fits_its_schema(dmscan: Dmscan) -> None:
    schema = json.loads(dmscan("schema", "plan").stdout)
    assert schema["$id"] == "dmscan.plan/1"
    jsonschema.validate(planned(dmscan), schema)
    dmscan.scan()
    document = planned(dmscan, "--max-requests", "5")
    jsonschema.validate(document, schema)
    for gone in ("schema", "sweeps", "expected"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({name: value for name, value in document.items() if name != gone}, schema)


def test_a_history_that_cannot_be_read_is_told_and_the_plan_is_that_of_a_first_scan(deaf: Dmscan) -> None:
    history = deaf.home / "history.db"
    history.write_bytes(b"not a database at all" * 100)
    done = deaf("scan", "--plan", "-q", "--db", str(history))
    assert done.returncode == 0
    assert f"{history} is not a database" in done.stderr
    assert json.loads(done.stdout)["titles_remembered"] == 0


def test_bad_options_are_refused_as_by_the_scan(deaf: Dmscan) -> None:
    assert deaf("scan", "--plan", "--rate", "many").returncode == 2
    assert deaf("scan", "--plan", "-o", "/nowhere/plan.json").returncode == 74
    assert deaf("schema", "plans").returncode == 2

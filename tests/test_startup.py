"""What each command loads before it has done its work: a start costs what is imported, and nobody pays for what another needs."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from dmscan.cli.app import app
from dmscan.cli.commands import COMMANDS

from processes import environment, keys, serving

LIBRARIES = {"aiolimiter", "aiosqlite", "asyncio", "cachetools", "cryptography", "filelock", "h11", "h2", "httpcore", "httpx"}
LIBRARIES |= {"msgspec", "platformdirs", "plotext", "rich", "sqlite3", "ssl", "stamina", "structlog", "tenacity"}
"""Whatever takes more than a few milliseconds; what Typer itself loads is not ours to choose."""

LOADED = """
import sys
sys.modules["click"] = None  # where it is installed, httpx loads it and all of rich
from dmscan.cli.app import main
try:
    code = main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code
print("", *sys.modules, sep="\\n", file=sys.stderr)
sys.exit(code)
"""
EVERY_HELP = """
import sys
from contextlib import suppress
from typer.main import get_command
from dmscan.cli.app import app, main
def paths(command, path=()):
    yield path
    for name in getattr(command, "commands", ()):
        yield from paths(command.commands[name], (*path, name))
for path in paths(get_command(app)):
    with suppress(SystemExit):
        main([*path, "--help"])
print("", *sys.modules, sep="\\n", file=sys.stderr)
"""
ASKED = """
import os, sys, threading
sys.modules["click"] = None  # as above
from dmscan.__main__ import run
def tell():
    sys.stdin.readline()
    from dmscan.market.exchange import certificates
    print(certificates.cache_info().currsize, *sys.modules, sep="\\n", flush=True)
    os._exit(0)
threading.Thread(target=tell, daemon=True).start()
run()
"""
"""Tells when it is asked whether certificates were read, and what is loaded."""
GARBAGE = """
import atexit, gc
usual = gc.get_threshold()[0]
from dmscan.__main__ import run
atexit.register(lambda: print(gc.isenabled(), gc.get_threshold()[0] / usual, bool(gc.get_freeze_count())))
run()
"""
WORK = {"httpx", "asyncio", "msgspec", "sqlite3", "ssl", "cryptography"}
WORKERS = {"core", "market", "history", "render", "scanner", "wiring", "sandbox", "notify"}
QUIET = {"cli", "errors"}
"""Parts of dmscan that only read the command line."""


def loaded(home: Path, *arguments: str, **extra: str) -> set[str]:
    """The modules that a process has in the end, when the command has done its work."""
    command = [sys.executable, "-c", LOADED, *arguments]
    done = subprocess.run(command, env=environment(home, **extra), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def libraries(modules: set[str]) -> set[str]:
    return {name for name in modules if name in LIBRARIES}


def parts(modules: set[str]) -> set[str]:
    return {name.split(".")[1] for name in modules if name.startswith("dmscan.")}


def commands(modules: set[str]) -> set[str]:
    """Which commands were loaded, by their modules."""
    return {name for name in modules if name in {f"dmscan.cli.{command}" for command in COMMANDS}}


def test_the_version_is_told_by_the_parser_alone(tmp_path: Path) -> None:
    modules = loaded(tmp_path, "--version")
    assert libraries(modules) == set()
    assert (parts(modules), commands(modules)) == (QUIET, set())


def test_the_list_of_commands_loads_none_of_them(tmp_path: Path) -> None:
    modules = loaded(tmp_path, "--help")
    assert libraries(modules) <= {"rich"}
    assert (parts(modules), commands(modules)) == (QUIET, set())


def test_the_help_of_a_scan_loads_nothing_that_scans(tmp_path: Path) -> None:
    modules = loaded(tmp_path, "scan", "--help")
    assert libraries(modules) & WORK == set()
    assert parts(modules) & WORKERS == set()
    assert commands(modules) == {"dmscan.cli.scan"}


def test_no_help_loads_anything_that_works(tmp_path: Path) -> None:
    shown = subprocess.run([sys.executable, "-c", EVERY_HELP], env=environment(tmp_path), capture_output=True, text=True, check=True)
    assert shown.stdout.count("Usage: ") > len(COMMANDS)
    modules = set(shown.stderr.split())
    assert libraries(modules) & WORK == set()
    assert parts(modules) & WORKERS == set()


@pytest.mark.parametrize(
    ("command", "works"), [("--version", False), ("schema", False), ("history list -q", False), ("doctor --offline", True)]
)
def test_garbage_is_looked_for_seldom_while_the_program_loads_and_as_usual_while_it_works(
    tmp_path: Path, command: str, works: bool
) -> None:
    told = subprocess.run(
        [sys.executable, "-c", GARBAGE, *command.split()], env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    enabled, looks, frozen = told.stdout.splitlines()[-1].split()
    assert (enabled, float(looks) == 1, frozen) == ("True", works, str(works))


def test_completing_loads_one_command_and_nothing_that_works(tmp_path: Path) -> None:
    asked = {"_DMSCAN_COMPLETE": "complete_bash", "COMP_WORDS": "dmscan scan --exit ", "COMP_CWORD": "3"}
    modules = loaded(tmp_path, **asked)
    assert libraries(modules) & WORK == set()
    assert parts(modules) & WORKERS == set()
    assert commands(modules) == {"dmscan.cli.scan"}


def test_the_history_is_read_without_a_network(tmp_path: Path) -> None:
    modules = loaded(tmp_path, "history", "list", "-f", "json")
    assert "sqlite3" in libraries(modules)
    assert libraries(modules) & {"httpx", "httpcore", "cryptography", "stamina", "aiolimiter", "cachetools", "h2", "plotext"} == set()
    assert parts(modules) & {"market", "scanner", "sandbox", "notify", "wiring"} == set()
    assert commands(modules) == {"dmscan.cli.history"}


def test_the_place_of_the_settings_is_told_without_a_market_or_a_history(tmp_path: Path) -> None:
    modules = loaded(tmp_path, "config", "path")
    assert libraries(modules) & {"httpx", "httpcore", "asyncio", "sqlite3", "aiosqlite", "stamina", "cryptography", "rich"} == set()
    assert parts(modules) & {"market", "scanner", "sandbox", "notify", "history", "wiring"} == set()
    assert commands(modules) == {"dmscan.cli.config"}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("market")) as url:
        yield url


def test_a_keyless_scan_draws_nothing_and_serves_nothing(tmp_path: Path, market: str) -> None:
    modules = loaded(tmp_path, "scan", "-f", "json", "--rate", "5000", DMSCAN_API_URL=market)
    assert {"httpx", "msgspec", "sqlite3"} <= libraries(modules)
    # Where h2 is installed, httpcore loads it whether HTTP/2 is wanted or not.
    assert libraries(modules) & {"rich", "plotext", "structlog"} == set()
    assert parts(modules) & {"sandbox", "watch", "doctor", "inquiry"} == set()
    # What is missing for a message is said in the words of `dmscan notify`.
    assert commands(modules) <= {"dmscan.cli.scan", "dmscan.cli.notify"}


@pytest.mark.parametrize(("scheme", "certificates"), [("http", "0"), ("https", "1")])
def test_up_to_its_first_request_a_scan_loads_what_that_needs(tmp_path: Path, scheme: str, certificates: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        variables = environment(tmp_path, DMSCAN_API_URL=f"{scheme}://127.0.0.1:{server.getsockname()[1]}", **keys())
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen([sys.executable, "-c", ASKED, "scan", "-f", "none"], env=variables, **pipes) as process:
            connection, _ = server.accept()
            with connection:
                connection.recv(1)
                read, *loaded = process.communicate("now\n", timeout=60)[0].split()
    modules = set(loaded)
    assert read == certificates
    assert {"httpx", "sqlite3", "dmscan.scanner"} <= modules
    assert libraries(modules) & {"rich", "plotext", "stamina", "tenacity", "structlog"} == set()
    assert parts(modules) & {"sandbox", "watch", "doctor", "inquiry", "notify"} == set()
    assert commands(modules) == {"dmscan.cli.scan"}


def test_a_scan_that_stores_nothing_opens_no_database(tmp_path: Path, market: str) -> None:
    modules = loaded(tmp_path, "scan", "-f", "json", "--rate", "5000", "--no-store", DMSCAN_API_URL=market)
    assert not list(tmp_path.rglob("*.db"))
    assert "dmscan.cli.scan" in modules


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_its_own_help_says(name: str) -> None:
    command = get_command(app).commands[name]
    assert " ".join(command.help.split("\n\n")[0].split()) == COMMANDS[name].says

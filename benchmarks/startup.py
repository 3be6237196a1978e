"""S8: how long `dmscan` takes to start beside the smallest programs that do the same, with nothing installed but what it needs."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from msgspec import Struct

from benchmarks.figures import Figure, Result, Scope, Table
from benchmarks.runtime import python
from dmscan.market.signing import new_pair

ROUNDS = 15
PATIENCE_S = 30

DMSCAN = """
from dmscan.__main__ import run
run()
"""
HELLO = """
import typer
app = typer.Typer()
def show(wanted: bool) -> None:
    if wanted:
        print("hello 1")
        raise typer.Exit
@app.command()
def hello(version: bool = typer.Option(False, "--version", callback=show, is_eager=True)) -> None:
    print("hello")
app()
"""
ASK = """
import httpx
import msgspec
import typer
app = typer.Typer()
@app.command()
def ask(url: str) -> None:
    msgspec.json.decode(httpx.get(url).content)
app()
"""


class Program(Struct, frozen=True):
    """A small script, and the baseline beside which it is measured."""

    name: str
    ours: Sequence[str]
    theirs: Sequence[str]
    most: float
    asks: bool = False


class Pair(Struct, frozen=True):
    """Milliseconds of one start of each."""

    ours: float
    theirs: float


def measure(_: Scope) -> Result:
    """One start of each in turn, again and again; the first round, which fills the caches, does not count."""
    interpreter = python()
    with TemporaryDirectory() as folder, _listening() as (server, url):
        paths = {name: _written(Path(folder), name, text) for name, text in (("ours", DMSCAN), ("hello", HELLO), ("ask", ASK))}
        programs = (
            Program("--version", (paths["ours"], "--version"), (paths["hello"], "--version"), 1.3),
            Program("--help", (paths["ours"], "--help"), (paths["hello"], "--help"), 1.6),
            Program("first request of scan", (paths["ours"], "scan", "-f", "none"), (paths["ask"], url), 1.5, asks=True),
        )
        start = _Start(interpreter, _variables(Path(folder), url), server)
        pairs = {program: [start.pair(program) for _ in range(ROUNDS + 1)][1:] for program in programs}
    return Result(tuple(_figures(pairs)), (_table(pairs),))


class _Start:
    """Starts programs and takes the time until they end, or until their first request is there."""

    def __init__(self, python: Path, variables: Mapping[str, str], server: socket.socket) -> None:
        self._python, self._variables, self._server = python, variables, server

    def pair(self, program: Program) -> Pair:
        take = self._until_asked if program.asks else self._until_ended
        return Pair(take(program.ours), take(program.theirs))

    def _until_ended(self, script: Sequence[str]) -> float:
        began = time.perf_counter()
        subprocess.run([self._python, *script], env=self._variables, stdout=subprocess.DEVNULL, check=True)
        return 1000 * (time.perf_counter() - began)

    def _until_asked(self, script: Sequence[str]) -> float:
        began = time.perf_counter()
        with subprocess.Popen([self._python, *script], env=self._variables) as process:
            connection, _ = self._server.accept()
            with connection:
                connection.recv(1)
                took = 1000 * (time.perf_counter() - began)
                process.kill()
        return took


@contextmanager
def _listening() -> Iterator[tuple[socket.socket, str]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)
        yield server, f"http://127.0.0.1:{server.getsockname()[1]}"


def _variables(home: Path, url: str) -> Mapping[str, str]:
    """Nothing of the user's own; a key, as most have one."""
    public, secret = new_pair()
    folders = {name: str(home) for name in ("HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")}
    keys = {"DMARKET_PUBLIC_KEY": public, "DMARKET_SECRET_KEY": secret}
    return {"PATH": os.environ["PATH"], "DMSCAN_API_URL": url, **folders, **keys}


def _written(folder: Path, name: str, text: str) -> str:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


def _figures(pairs: Mapping[Program, Sequence[Pair]]) -> Iterator[Figure]:
    for program, of_it in pairs.items():
        ratio = median(pair.ours / pair.theirs for pair in of_it)
        yield Figure(f"S8 start-up, {program.name}", f"{ratio:.2f} ×", f"≤ {program.most} ×", ratio <= program.most)


def _table(pairs: Mapping[Program, Sequence[Pair]]) -> Table:
    rows = []
    for program, of_it in pairs.items():
        ours, theirs = median(pair.ours for pair in of_it), median(pair.theirs for pair in of_it)
        fastest = (min(pair.ours for pair in of_it), min(pair.theirs for pair in of_it))
        rows.append((program.name, *(f"{value:.0f}" for value in (ours, theirs, *fastest))))
    head = ("option", "dmscan", "baseline", "dmscan, fastest", "baseline, fastest")
    return Table(f"Milliseconds, medians of {ROUNDS} starts each, in turn", (head, *rows))

"""The real command in a real process, with a home and an environment of its own."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from dmscan.market.signing import new_pair

COMMAND = (sys.executable, "-m", "dmscan")


@cache
def keys() -> dict[str, str]:
    public, secret = new_pair()
    return {"DMARKET_PUBLIC_KEY": public, "DMARKET_SECRET_KEY": secret}


def environment(home: Path, **extra: str) -> dict[str, str]:
    """Nothing of the user's own but the path to the interpreter."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "PYTHONWARNINGS": "error", **extra}


class Dmscan:
    """Runs `dmscan` against `url` (nothing set: the service itself, which no test reaches)."""

    def __init__(self, home: Path, url: str = "", **extra: str) -> None:
        self.home = home
        self.environment = environment(home, **({"DMSCAN_API_URL": url} if url else {}), **extra)

    def __call__(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        defaults = {"capture_output": True, "text": True, "timeout": 120} | ({} if "input" in options else {"stdin": subprocess.DEVNULL})
        return subprocess.run([*COMMAND, *arguments], env=self.environment, check=False, **(defaults | options))

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        return subprocess.Popen([*COMMAND, *arguments], env=self.environment, **options)

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """`line` in bash, where `dmscan` is this command; the exit code is that of its first part."""
        script = f'dmscan() {{ "{sys.executable}" -m dmscan "$@"; }}; {line}; exit ${{PIPESTATUS[0]}}'
        return subprocess.run(["bash", "-c", script], env=self.environment, capture_output=True, text=True, timeout=120, check=False)

    def scan(self, *arguments: str) -> dict[str, Any]:
        """The document of a scan that must succeed."""
        done = self("scan", "-f", "json", *arguments)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document


@contextmanager
def serving(home: Path, *flags: str) -> Iterator[str]:
    """The URL of a sandbox market in a process of its own: still, and small and fast unless the flags say otherwise."""
    command = [*COMMAND, "sandbox", "serve", "--still", "--titles", "60", "--rate", "5000", *flags]
    with subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, text=True) as market:
        try:
            assert market.stdout
            yield market.stdout.readline().split()[-1]
        finally:
            market.send_signal(signal.SIGTERM)


def rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """What a statement answers on a database that nobody holds."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()

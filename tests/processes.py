"""The real command in a real process, with a home and an environment of its own; no secret that it was given is in what it says."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tomllib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dmscan.market.signing import new_pair

import forks

COMMAND = (sys.executable, "-m", "dmscan")
SECRETS = ("DMARKET_SECRET_KEY", "DMSCAN_TELEGRAM_TOKEN", "DMSCAN_PING_URL")
PIECE = 12
"""So many characters from either end of a secret, in whatever form, give it away (reliability R17)."""


@cache
def keys() -> dict[str, str]:
    public, secret = new_pair()
    return {"DMARKET_PUBLIC_KEY": public, "DMARKET_SECRET_KEY": secret}


def environment(home: Path, **extra: str) -> dict[str, str]:
    """Nothing of the user's own but the path to the interpreter, and where coverage is counted, if it is."""
    kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
    return {**kept, "HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "PYTHONWARNINGS": "error", **extra}


def planted(environ: Mapping[str, str], arguments: Iterable[str] = ()) -> set[str]:
    """The secrets that a process like this can read: from variables, from the files they name, from a settings file, from its arguments."""
    words = tuple(arguments)
    folder = environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME', '')}/.config"
    configs = (environ.get("DMSCAN_CONFIG", ""), f"{folder}/dmscan/config.toml", *(one for one in words if one.endswith(".toml")))
    said = [environ, *({_variable(key): str(value) for key, value in _toml(config, environ).items()} for config in configs)]
    typed = {value for flag, value in pairwise(words) if flag == "--ping-url"}
    return typed | {
        text for given in said for name in SECRETS for text in (given.get(name, ""), _read(given.get(f"{name}_FILE", ""), environ))
    }


def _variable(key: str) -> str:
    name = key.replace("-", "_").upper()
    return f"DMARKET_{name}" if name.startswith("SECRET_KEY") else f"DMSCAN_{name}"


def _toml(path: str, environ: Mapping[str, str]) -> dict[str, Any]:
    with suppress(ValueError):
        return tomllib.loads(_read(path, environ))
    return {}


def _read(path: str, environ: Mapping[str, str]) -> str:
    file = Path(path.replace("~", environ.get("HOME", "~"), 1))
    with suppress(OSError, ValueError):
        return file.read_text("utf-8").strip() if path and file.is_file() else ""
    return ""


def pieces(secret: str) -> set[str]:
    """Both ends of a secret as it is, in hex, in base64 and percent-encoded. Of a URL the host may be told, of a pair its public half."""
    text = secret.partition("://")[2].partition("/")[2] if "://" in secret else secret[:64] if len(secret) == 128 else secret
    if len(text) < PIECE:
        return set()
    data, forms = text.encode(), {text, quote(text, safe="")}
    with suppress(ValueError):
        forms.add(b64encode(bytes.fromhex(text)).decode())
    forms |= {data.hex(), b64encode(data).decode(), urlsafe_b64encode(data).decode()}
    return {end.lower() for form in forms for end in (form.rstrip("=")[:PIECE], form.rstrip("=")[-PIECE:])}


def assert_no_canary(said: str | bytes | None, secrets: Iterable[str]) -> None:
    """None of the secrets, nor a telling piece of one, is in what was said."""
    text = (said.decode("latin-1") if isinstance(said, bytes) else said or "").lower()
    told = sorted(piece for secret in secrets for piece in pieces(secret) if piece in text)
    assert not told, f"a secret was told: {told} in {text[max(0, text.find(told[0]) - 200) :][:500]}"


class Started(subprocess.Popen[str]):
    """A process under way; what it has said is looked through when it has ended."""

    planted: frozenset[str] = frozenset()

    def communicate(self, *arguments: Any, **options: Any) -> tuple[Any, Any]:
        said = super().communicate(*arguments, **options)
        for text in said:
            assert_no_canary(text, self.planted)
        return said


def starts_as_usual(environ: Mapping[str, str]) -> bool:
    """Whether no variable says how the interpreter starts but the one that `environment` sets."""
    said = {name for name in environ if name.startswith(("PYTHON", "LC_", "FAKETIME"))}
    return said == {"PYTHONWARNINGS"} and environ["PYTHONWARNINGS"] == "error"


def run_from_start(
    arguments: Sequence[str], environ: Mapping[str, str], *, given: str = "", text: bool = True, cwd: Path | str = "."
) -> subprocess.CompletedProcess[Any]:
    command = [*COMMAND, *arguments]
    said = given if text else given.encode()
    return subprocess.run(command, input=said, env=environ, cwd=cwd, text=text, capture_output=True, timeout=120, check=False)


class Dmscan:
    """Runs `dmscan` against `url` (nothing set: the service itself, which no test reaches).

    Where nothing but its end is waited for, the process is a fork of one that has loaded the program, unless `from_start`.
    Whatever a test is about, it fails if a secret of its environment is in the output.
    """

    from_start = sys.platform == "darwin"  # whose own libraries do not work after a fork

    def __init__(self, home: Path, url: str = "", **extra: str) -> None:
        self.home = home
        self.environment = environment(home, **({"DMSCAN_API_URL": url} if url else {}), **extra)

    def __call__(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        run = forks.run if starts_as_usual(self.environment) and not self.from_start else run_from_start
        return self._hushed(run(arguments, self.environment, **options), arguments)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        process = Started([*COMMAND, *arguments], env=self.environment, **options)
        process.planted = frozenset(planted(self.environment, arguments))
        return process

    def script(self, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`text` in a process like dmscan's own, which ends in `main`."""
        whole = f"import sys\n{text}\nfrom dmscan.cli.app import main\nsys.exit(main(sys.argv[1:]))"
        command = [sys.executable, "-c", whole, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)
        return self._hushed(done, arguments)

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """`line` in bash, where `dmscan` is this command; the exit code is that of its first part."""
        script = f'dmscan() {{ "{sys.executable}" -m dmscan "$@"; }}; {line}; exit ${{PIPESTATUS[0]}}'
        command = ["bash", "-c", script]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)
        return self._hushed(done, line.split())

    def scan(self, *arguments: str) -> dict[str, Any]:
        """The document of a scan that must succeed."""
        done = self("scan", "-f", "json", *arguments)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def _hushed(self, done: subprocess.CompletedProcess[str], arguments: Iterable[str]) -> subprocess.CompletedProcess[str]:
        secrets = planted(self.environment, arguments)
        for said in (done.stdout, done.stderr):
            assert_no_canary(said, secrets)
        return done


@contextmanager
def serving(home: Path, *flags: str, still: bool = True) -> Iterator[str]:
    """The URL of a sandbox market in a process of its own: still, and small and fast unless the flags say otherwise."""
    arguments = ["sandbox", "serve", *(["--still"] if still else []), "--titles", "60", "--rate", "5000", *flags]
    read, write = os.pipe()
    market = forks.Forked(arguments, environment(home), (0, write, 2))
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as stdout:
        try:
            yield stdout.readline().split()[-1]
        finally:
            os.kill(market.pid, signal.SIGTERM)
            market.wait(60)


def rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """What a statement answers on a database that nobody holds."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()

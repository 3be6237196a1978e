"""stderr as JSON: every line an object, no secret in any; as text it is as it was."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import pytest

from processes import Dmscan, keys

AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TOKEN = "7301542891:AAFx-canary_9Kd3mQpZ0sVtYwLbNcRgHjUe"
PING = "https://hc-ping.com/8f14e45f-ceea-467f-a9b1-canary"


def lines(stderr: str) -> list[dict[str, Any]]:
    """Every line is an object of the same beginning."""
    told = [json.loads(line) for line in stderr.splitlines()]
    for one in told:
        assert list(one)[:4] == ["at", "level", "event", "message"]
        assert AT.fullmatch(one["at"])
        assert one["level"] in {"debug", "info", "warning", "error", "critical"}
        assert not one["message"].startswith(("dmscan: ", "[sandbox] "))
    return told


def as_json(dmscan: Dmscan) -> Dmscan:
    dmscan.environment["DMSCAN_LOG_FORMAT"] = "json"
    return dmscan


def script(dmscan: Dmscan, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`text` in a process like dmscan's own, which ends in `main`."""
    whole = f"import sys\n{text}\nfrom dmscan.cli.app import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", whole, *arguments]
    return subprocess.run(command, env=dmscan.environment, capture_output=True, text=True, timeout=120, check=False)


def test_what_is_wrong_with_the_command_line_is_json_too(dmscan: Dmscan) -> None:
    done = as_json(dmscan)("scan", "--nope")
    (told,) = lines(done.stderr)
    assert (told["level"], told["event"], told["exit_code"]) == ("error", "error", 2)
    assert "--nope" in told["message"]


@pytest.mark.parametrize(
    ("arguments", "environment", "json_"),
    [
        (("--log-format", "json"), "", True),
        (("--log-format=json",), "text", True),
        (("--log-format", "text"), "json", False),
        ((), "json", True),
        ((), "", False),
        (("--log-format",), "", False),
    ],
)
def test_the_flag_wins_over_the_environment(dmscan: Dmscan, arguments, environment, json_) -> None:
    dmscan.environment["DMSCAN_LOG_FORMAT"] = environment
    done = dmscan("scan", "--nope", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("{") == json_
    assert done.stderr.startswith("dmscan: ") != json_


def test_the_troubles_and_notes_of_a_scan_are_lines(against) -> None:
    dmscan = as_json(against("--fault", "customized-fees=503"))
    done = dmscan("scan", "-f", "json", "--no-store", "-v")
    assert done.returncode == 3
    json.loads(done.stdout)
    assert any("customized-fees" in told["message"] for told in lines(done.stderr))


def test_a_bug_is_one_line_and_its_trace_a_field(dmscan: Dmscan) -> None:
    broken = "import dmscan.scanner; dmscan.scanner.Scan = None"
    done = script(as_json(dmscan), broken, "scan", "--no-store")
    (told,) = lines(done.stderr)
    assert (done.returncode, told["event"], told["level"]) == (1, "bug", "critical")
    done = script(dmscan, broken, "scan", "--no-store", "--debug")
    (told,) = lines(done.stderr)
    assert done.returncode == 1
    assert told["trace"].startswith("Traceback (most recent call last):")
    assert "TypeError" in told["trace"]


LEAK = """
import asyncio, gc, logging, threading, warnings
from dmscan.cli import perform
from dmscan.cli.output import say
import dmscan.cli.log as log

class Dropped:
    def __del__(self):
        raise ValueError(FORMS)

async def leaky(task):
    logging.getLogger().setLevel(logging.DEBUG)
    for name in ("httpx", "httpcore", "hpack", "h2", "aiosqlite", "asyncio"):
        logging.getLogger(name).debug("library %s", FORMS)
        logging.getLogger(name).info("library %s", FORMS)
        logging.getLogger(name + ".deeper").info("library %s", FORMS)
    log.hide("file-canary-0123456789abcdef")
    logging.getLogger("httpx").warning("warned of %s", FORMS)
    warnings.warn(FORMS, stacklevel=1)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    Dropped()
    gc.collect()
    say("dmscan: said " + FORMS + " file-canary-0123456789abcdef", secret=FORMS, deep=dict(inside=[FORMS]))
    fail()

def fail():
    raise RuntimeError(FORMS)

perform.perform = leaky
"""


@pytest.mark.parametrize("format_", ["json", "text"])
def test_no_secret_is_told_at_any_level_by_anybody(dmscan: Dmscan, format_: str) -> None:
    public, secret = keys()["DMARKET_PUBLIC_KEY"], keys()["DMARKET_SECRET_KEY"]
    dmscan.environment |= {
        "DMSCAN_LOG_FORMAT": format_,
        "DMSCAN_TELEGRAM_TOKEN": TOKEN,
        "DMSCAN_PING_URL": PING,
        "PYTHONWARNINGS": "default",
    }
    canaries = [form for text in (public, secret, TOKEN, PING) for form in forms(text)]
    done = script(dmscan, f"FORMS = {' '.join(canaries)!r}\n{LEAK}", "scan", "--debug", "--no-store")
    assert done.returncode == 1
    assert not [canary for canary in (*canaries, "file-canary") if canary in done.stdout + done.stderr]
    assert not [piece for text in (secret, TOKEN) for piece in (text[:12], text[-12:]) if piece in done.stderr]
    assert "library" not in done.stderr
    for known in ("said", "warned of", "UserWarning", "ValueError", "RuntimeError"):
        assert known in done.stderr
    if format_ == "json":
        told = lines(done.stderr)
        assert [one["event"] for one in told] == ["httpx", "py.warnings", "bug", "bug", "note", "bug"]


def forms(text: str) -> list[str]:
    data = text.encode()
    return [text, data.hex(), b64encode(data).decode().rstrip("="), quote(text, safe="")]


def test_a_closed_stderr_is_no_reason_to_fail(dmscan: Dmscan) -> None:
    done = as_json(dmscan).shell("dmscan scan -v --no-store -f json 2>&-")
    assert done.returncode == 0
    json.loads(done.stdout)


def test_what_somebody_else_named_cannot_write_on_the_terminal(dmscan: Dmscan) -> None:
    title = "a\\x1b]52;c;b\\x07\\u202ec\\rd"
    hostile = f"import logging; from dmscan.cli.output import speak; speak(); logging.getLogger('lib').error('{title}')"
    done = script(dmscan, hostile, "scan", "--nope")
    assert done.stderr.splitlines()[0] == "dmscan: lib: a\\u001b]52;c;b\\u0007\\u202ec"


def test_version_loads_no_log(dmscan: Dmscan) -> None:
    done = script(dmscan, "import atexit; atexit.register(lambda: print('dmscan.cli.log' in sys.modules))", "--version")
    assert done.stdout.splitlines()[-1] == "False"

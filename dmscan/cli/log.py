"""What dmscan says on stderr: text, or one JSON object a line with `--log-format json`; secrets are blotted out of both.

All of it goes through the root logger's one handler: what the commands say, what the libraries warn of, and the trace of a bug.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from dmscan.cli.redaction import Redaction
from dmscan.render.text import visible

if TYPE_CHECKING:
    from dmscan.settings import Settings

PREFIXES = ("dmscan: ", "[sandbox] ")
"""What a line of text begins with; in JSON the message goes without."""
SEVERITY = {"trouble": logging.WARNING, "outage": logging.WARNING, "error": logging.ERROR, "bug": logging.CRITICAL}
"""Every other event is information."""
LIBRARIES = ("httpx", "httpcore", "hpack", "h2", "aiosqlite", "asyncio", "stamina", "filelock")
"""At lower levels they log addresses, headers and statements."""
SECRETS = ("DMARKET_PUBLIC_KEY", "DMARKET_SECRET_KEY", "DMSCAN_TELEGRAM_TOKEN", "DMSCAN_PING_URL")


class Text(logging.Formatter):
    """A line as a person reads it; a library's name stands before its own."""

    def format(self, record: logging.LogRecord) -> str:
        said = record.getMessage()
        lines = said if record.name.startswith("dmscan") else f"dmscan: {record.name}: {said}"
        if record.exc_info:
            lines = f"{lines}\n{self.formatException(record.exc_info)}"
        return "\n".join(map(visible, lines.splitlines()))


class JsonLine(logging.Formatter):
    """One ASCII object: at (RFC 3339, UTC), level, event, message, then the fields of the run and of the event; a trace if there is one.

    The event of what a library logs is its logger's name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.about: dict[str, object] = {}

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", record.name),
            "message": _without_prefix(record.getMessage()),
        }
        trace = {"trace": self.formatException(record.exc_info)} if record.exc_info else {}
        fields = self.about | getattr(record, "fields", {}) | trace
        return json.dumps(said | fields | said, default=str)


class Voice(logging.Handler):
    """Speaks on whatever stderr is at the time; a closed one is no reason to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.redact = Redaction()
        self.setFormatter(Text())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.redact(self.format(record))}\n")
            sys.stderr.flush()
        except (OSError, ValueError, TypeError, AttributeError):
            return


def voice() -> Voice:
    """The one handler; when it is made it knows the secrets of the environment."""
    root = logging.getLogger()
    for handler in root.handlers:
        if isinstance(handler, Voice):
            return handler
    made = Voice()
    made.redact.hide(filter(None, map(os.environ.get, SECRETS)))
    root.addHandler(made)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("dmscan").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    return made


def speak(format_: str | None = None) -> None:
    """Text or JSON from now on, or as before; the traces of bugs are told so too."""
    speaker = voice()
    sys.excepthook = _unexpected  # Typer puts its own there whenever a command is called
    threading.excepthook = sys.unraisablehook = _unexpected_elsewhere
    if format_ and (format_ == "json") != is_json():
        speaker.setFormatter(JsonLine() if format_ == "json" else Text())


def is_json() -> bool:
    return isinstance(voice().formatter, JsonLine)


def say(text: str, event: str, fields: Mapping[str, object]) -> None:
    voice()
    logging.getLogger("dmscan").log(SEVERITY.get(event, logging.INFO), "%s", text, extra={"event": event, "fields": dict(fields)})


def about(**fields: object) -> None:
    """These stand in every JSON line from now on: which scan of which source speaks."""
    formatter = voice().formatter
    if isinstance(formatter, JsonLine):
        formatter.about |= fields


def hear_requests() -> None:
    """Every request becomes an event, in JSON; as text they would bury what there is to read."""
    if is_json():
        logging.getLogger("dmscan.market").setLevel(logging.DEBUG)


def hide(*secrets: str) -> None:
    """These never appear in a line again."""
    voice().redact.hide(secrets)


def hide_those_of(settings: Settings) -> None:
    """The same for all secrets of the settings, wherever they were read from."""
    public, secret = settings.keys or ("", None)
    token = settings.telegram.token if settings.telegram else None
    hide(public, *(one.reveal() for one in (secret, token, settings.ping_url) if one))


def _without_prefix(text: str) -> str:
    for prefix in PREFIXES:
        text = text.removeprefix(prefix)
    return text


def _unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    sentence = f"dmscan: this is a bug ({kind.__name__}): report it with this trace."
    logging.getLogger("dmscan").critical(sentence, exc_info=(kind, error, trace), extra={"event": "bug", "fields": {}})


def _unexpected_elsewhere(seen: Any) -> None:
    """In another thread, or where nobody could hear of it."""
    if seen.exc_value is not None and not isinstance(seen.exc_value, SystemExit):
        _unexpected(seen.exc_type, seen.exc_value, seen.exc_traceback)

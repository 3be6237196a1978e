"""Where output goes: stdout carries data only, stderr everything else; a file appears whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

from dmscan.errors import OutputError, ReaderGone

MOST_LINES = 10_000
"""20 MB of finds or so."""


def check_stdout() -> None:
    """Raises OutputError if stdout is closed: better before the scan than after it."""
    try:
        os.fstat(1)
    except OSError as error:
        raise OutputError("stdout is closed, so nothing could be printed: redirect it, or use -f none.") from error


def write_stdout(text: str) -> None:
    """Writes past Python's buffer, so that a full disk or a reader that left is noticed here and not at exit.

    Raises ReaderGone or OutputError.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    data = memoryview(text.encode(encoding, "backslashreplace"))
    try:
        while data:
            data = data[os.write(1, data) :]
    except BrokenPipeError as error:
        raise ReaderGone("The reader of stdout went away.") from error
    except OSError as error:
        raise OutputError(f"stdout cannot be written: {error.strerror}.") from error


class Stream:
    """Lines for stdout that come while requests are under way: a thread writes them, so that a slow reader holds none of those up.

    At most MOST_LINES wait for the reader. What the thread met is raised by the next call: ReaderGone or OutputError.
    """

    def __init__(self) -> None:
        self._lines: Queue[str | None] = Queue(MOST_LINES)
        self._thread: threading.Thread | None = None
        self._fault: OutputError | None = None

    def write(self, line: str) -> None:
        if self._fault:
            raise self._fault
        if self._thread is None:
            # Who does not read must not keep a process from ending that was told to.
            self._thread = threading.Thread(target=self._carry, daemon=True)
            self._thread.start()
        self._lines.put(line)

    def close(self, patience_s: float | None = None) -> None:
        """Returns when everything is written, or after so many seconds."""
        if self._thread:
            self._lines.put(None)
            self._thread.join(patience_s)
            self._thread = None
        if self._fault:
            raise self._fault

    def _carry(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._fault:
                continue
            try:
                write_stdout(line)
            except OutputError as error:
                self._fault = error


def check_file(path: Path, what: str = "output file", option: str = "-o") -> None:
    """Raises OutputError if `path` cannot become a file: better before the scan than after it."""
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        why = "is a folder" if path.is_dir() else f"cannot be created in {folder}"
        raise OutputError(f"The {what} {path} {why}: choose another with {option}.")


def write_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Replaces `path` in one step. Raises OutputError; what stood there before is then still there."""
    with writing(path, mode) as write:
        write(text)


@contextmanager
def writing(path: Path | None, mode: int = 0o600) -> Iterator[Callable[[str], object]]:
    """Writes piece by piece to stdout, or to a file that replaces `path` when all is written and not before; `mode` is who may read it.

    Raises OutputError or ReaderGone; whatever is raised, what stood there before is then still there.
    """
    if path is None:
        check_stdout()
        yield write_stdout
        return
    temporary = ""
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.absolute().parent, prefix=f".{path.name}.", delete=False, encoding="utf-8", newline=""
        ) as file:
            temporary = file.name
            os.fchmod(file.fileno(), mode)
            yield file.write
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True) if temporary else None
        if isinstance(error, OSError):
            raise OutputError(f"The output file {path} cannot be written: {error.strerror}.") from error
        raise


def speak(format_: str | None = None) -> None:
    """From now on stderr is text or JSON, what libraries warn of too, and no secret of the environment is in either."""
    from dmscan.cli import log  # 20 ms that `--help` and `--version` need not pay

    log.speak(format_)


def say(text: str, event: str = "note", **fields: object) -> None:
    """One line on stderr, as text or as JSON with the event and its fields; a closed stderr is no reason to fail."""
    from dmscan.cli import log  # as above

    log.say(text, event, fields)


def colors(no_color: bool) -> bool:
    """Whether stdout takes colour: a terminal, unless NO_COLOR, TERM=dumb or --no-color say otherwise."""
    if no_color or os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (os.isatty(1) and os.environ.get("TERM") != "dumb")

"""Where output goes: stdout carries data only, stderr everything else; a file appears whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dmscan.errors import OutputError, ReaderGone


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


def check_file(path: Path) -> None:
    """Raises OutputError if `path` cannot become a file: better before the scan than after it."""
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        what = "is a folder" if path.is_dir() else f"cannot be created in {folder}"
        raise OutputError(f"The output file {path} {what}: choose another with -o.")


def write_file(path: Path, text: str) -> None:
    """Replaces `path` in one step. Raises OutputError; what stood there before is then still there."""
    with writing(path) as write:
        write(text)


@contextmanager
def writing(path: Path | None) -> Iterator[Callable[[str], object]]:
    """Writes piece by piece to stdout, or to a file that replaces `path` when all is written and not before.

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
            yield file.write
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True) if temporary else None
        if isinstance(error, OSError):
            raise OutputError(f"The output file {path} cannot be written: {error.strerror}.") from error
        raise


def say(text: str) -> None:
    """One line on stderr; a closed stderr is no reason to fail."""
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return


def colors(no_color: bool) -> bool:
    """Whether stdout takes colour: a terminal, unless NO_COLOR, TERM=dumb or --no-color say otherwise."""
    if no_color or os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (os.isatty(1) and os.environ.get("TERM") != "dumb")

"""The command in processes of its own that need not load the program, which is most of what a start takes: forks of one that has loaded it.

Run as a script this is that one.
"""

from __future__ import annotations

import atexit
import gc
import io
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import dmscan
from dmscan.__main__ import run as program
from dmscan.cli.app import main as parse


class Forked:
    """`dmscan` under way, its three streams the files given."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], streams: Sequence[int], cwd: Path | str = ".") -> None:
        self._line, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(_loaded(), [b"!"], [theirs.fileno(), *streams])
        self._line.sendall(json.dumps([arguments, dict(environ), str(Path(cwd).absolute())]).encode())
        self._line.shutdown(socket.SHUT_WR)
        self._said = self._line.makefile()
        self.pid = int(self._said.readline())

    def wait(self, timeout_s: float) -> int:
        """The exit code, as `subprocess` tells it. Who takes longer is killed: TimeoutError."""
        self._line.settimeout(timeout_s)
        try:
            return int(self._said.readline())
        except TimeoutError:
            os.kill(self.pid, signal.SIGKILL)
            raise
        finally:
            self._said.close()
            self._line.close()


def run(
    arguments: Sequence[str], environ: Mapping[str, str], *, given: str = "", text: bool = True, cwd: Path | str = "."
) -> subprocess.CompletedProcess[Any]:
    """What `subprocess.run` tells of the command with `given` as its stdin."""
    with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
        stdin.write(given.encode())
        stdin.seek(0)
        code = Forked(arguments, environ, [one.fileno() for one in (stdin, stdout, stderr)], cwd).wait(120)
        return subprocess.CompletedProcess(arguments, code, _all(stdout, text=text), _all(stderr, text=text))


def _all(stream: Any, *, text: bool) -> str | bytes:
    stream.seek(0)
    with io.TextIOWrapper(stream, "utf-8") if text else stream as said:
        whole: str | bytes = said.read()
        return whole


@cache
def _loaded() -> socket.socket:
    """The way to the process that all are forked from. It ends when this end is closed."""
    ours, theirs = socket.socketpair()
    kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
    path = {"PYTHONPATH": str(Path(dmscan.__file__).parents[1]), "PYTHONWARNINGS": "error"}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            env=kept | path,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


# The other side


def main(asked: socket.socket) -> None:
    for module in pkgutil.walk_packages(dmscan.__path__, "dmscan."):
        import_module(module.name)
    parse(["schema", "doctor"])  # so that what the parser loads at its first use is there as well
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        one, descriptors, *_ = socket.recv_fds(asked, 1, 4)
        if not one:
            return
        if not os.fork():
            asked.close()
            answer(*descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def answer(line: int, *streams: int) -> None:
    """Forks, and tells the id and then the exit code of the process that is the command."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(fileno=line) as asker:
        with asker.makefile() as question:
            arguments, environ, folder = json.load(question)
        if pid := os.fork():
            for stream in streams:
                os.close(stream)
            asker.sendall(f"{pid}\n".encode())
            asker.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n".encode())
            os._exit(0)
    become(arguments, environ, folder, streams)


def become(arguments: list[str], environ: dict[str, str], folder: str, streams: Sequence[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    sys.argv = ["dmscan", *arguments]
    program()


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as theirs:
        main(theirs)

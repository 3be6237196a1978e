"""What a scan and a watch say alike: notes and troubles on stderr, data on stdout as long as that can be written."""

from __future__ import annotations

from collections.abc import Callable

from dmscan.cli.output import say
from dmscan.cli.task import Task
from dmscan.core.report import Trouble
from dmscan.errors import OutputError
from dmscan.render.text import visible


class Teller:
    """Output that fails ends the work early but well: `broken` is to be raised when all is stored and told."""

    def __init__(self, task: Task) -> None:
        self.broken: OutputError | None = None
        self._task = task
        self._stop: Callable[[], None] = lambda: None

    def note(self, text: str) -> None:
        if not self._task.quiet:
            self._say(text, "note")

    def warn(self, text: str, event: str = "trouble", **fields: object) -> None:
        """Something that is wrong, and said however quiet it is to be."""
        self._say(text, event, **fields)

    def tell_trouble(self, trouble: Trouble) -> None:
        where = f" [{trouble.game}]" if trouble.game else ""
        times = f" ({trouble.count} times)" if trouble.count > 1 else ""
        told = {"code": trouble.code, "game": trouble.game, "endpoint": trouble.endpoint or None, "count": trouble.count}
        self.warn(f"{trouble.message}{where}{times}", "trouble", **told)

    def _say(self, text: str, event: str, **fields: object) -> None:
        say(f"{'[sandbox] ' if self._task.sandbox else 'dmscan: '}{visible(text)}", event, **fields)

    def _print(self, write: Callable[[], None]) -> None:
        """Once stdout has failed nothing more is written."""
        if self.broken:
            return
        try:
            write()
        except OutputError as error:
            self.broken = error
            self._stop()

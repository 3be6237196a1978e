"""Where metrics go: a file for node exporter's textfile collector, or a port on loopback that a watch serves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dmscan.cli.output import check_file, write_file
from dmscan.core.report import ScanReport
from dmscan.errors import ExitCode, SettingsError
from dmscan.render import metrics
from dmscan.render.metrics import LAST_SUCCESS

if TYPE_CHECKING:
    from prometheus_client import Metric

READABLE_BY_ALL = 0o644
"""The exporter runs as another user; nothing in the file is secret."""


def check_metrics_file(path: Path) -> None:
    """Raises OutputError if `path` cannot become a file."""
    check_file(path, "metrics file", "--metrics-file")


def write_scan(path: Path, report: ScanReport, code: ExitCode) -> None:
    """Replaces the file's metrics by those of a finished scan. Raises OutputError."""
    write_metrics(path, metrics.of_scan(report, code, last_success(path)))


def write_failure(path: Path, at: int, code: ExitCode) -> None:
    """The same for a scan that ended without a report at the Unix second `at`."""
    write_metrics(path, metrics.of_failure(at, code, last_success(path)))


def write_metrics(path: Path, text: str) -> None:
    """In one step, readable by all. Raises OutputError."""
    write_file(path, text, READABLE_BY_ALL)


def last_success(path: Path) -> int | None:
    """When the last scan without an error ended, by the file as it stands: a failure must not wipe it out."""
    try:
        found = re.search(rf"^{LAST_SUCCESS} (\d+)$", path.read_text("utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        return None
    return int(found[1]) if found else None


class Latest:
    """A collector of what was told last."""

    def __init__(self, latest: Callable[[], str]) -> None:
        self._latest = latest

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.parser import text_string_to_metric_families

        yield from text_string_to_metric_families(self._latest())


@contextmanager
def serve_metrics(port: int, latest: Callable[[], str]) -> Iterator[int]:
    """Serves what `latest` gives, and the process's own figures, at http://127.0.0.1:port/metrics as long as the block runs.

    Port 0 takes a free one. `latest` is called by another thread. Raises SettingsError without the extra or for a port that cannot be used.
    """
    try:
        from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
    except ImportError as error:
        raise SettingsError("--metrics-port needs a package that is not installed: pip install 'dmscan[metrics]'.") from error
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Latest(latest))
    ProcessCollector(registry=registry)
    try:
        server, thread = start_http_server(port, "127.0.0.1", registry)
    except (OSError, OverflowError) as error:
        raise SettingsError(f"--metrics-port {port} cannot be used: {getattr(error, 'strerror', None) or error}.") from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""What dmscan stands on is little, and CI installs nothing of it that is not known by its hash."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCKED = (ROOT / ".ci" / "requirements.txt").read_text("utf-8")


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9-]", one)[0].lower() for one in requirements} - {"dmscan"}


def test_at_most_twelve_packages_are_needed_at_run_time(score: Callable[[str, str], None]) -> None:
    assert len(names(PROJECT["dependencies"])) <= 12
    score("R24", f"{len(names(PROJECT['dependencies']))} direct dependencies")


def test_every_package_that_ci_installs_is_locked_by_its_hashes(score: Callable[[str, str], None]) -> None:
    entries = re.split(r"\n(?=\S)", LOCKED.strip())
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
    extras = (wanted for name, wanted in PROJECT["optional-dependencies"].items() if name != "load")  # which CI does not run
    wanted = names([*PROJECT["dependencies"], *(one for extra in extras for one in extra)])
    assert wanted <= {entry.partition("==")[0].lower() for entry in entries}
    score("R24", f"{len(entries)} of {len(entries)} packages locked by hash")


def test_nothing_locked_says_where_it_comes_from() -> None:
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", LOCKED)

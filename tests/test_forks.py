"""A command that is forked from one that has loaded the program says what it says when it starts from nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import forks
from processes import environment, run_from_start

DIGITS = re.compile(r"[0-9]+")
"""They tell times and free space."""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["scan", "--nope"],
        ["scan", "--plan", "-f", "json", "--title", "@-"],
        ["scan", "-o", "missing/out.json", "--title", "@titles.txt"],
        ["history", "-f", "csv", "--db", "history.db"],
        ["doctor", "--offline", "-f", "json", "--db", "history.db"],
    ],
    ids=" ".join,
)
def test_a_fork_says_what_a_process_from_the_start_says(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "titles.txt").write_text("AWP | Atheris (Well-Worn)\n")
    here, home = {"given": "★ Navaja Knife\n", "cwd": tmp_path}, environment(tmp_path, TZ="Asia/Kathmandu", COLUMNS="70")
    forked, started = forks.run(arguments, home, **here), run_from_start(arguments, home, **here)
    assert forked.returncode == started.returncode
    for forks_words, words in ((forked.stdout, started.stdout), (forked.stderr, started.stderr)):
        assert DIGITS.sub("0", forks_words) == DIGITS.sub("0", words)
    assert started.stdout or started.returncode

"""Each of the 166 faults has its test, or it is said why not."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
NUMBERS = {"N": 21, "H": 19, "P": 28, "C": 6, "D": 23, "S": 14, "T": 13, "K": 14, "G": 9, "A": 12, "U": 7}
CATALOGUE: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text("utf-8"))
ROWS = [(fault, row) for chapter in CATALOGUE.values() for fault, row in chapter.items()]
PARTLY = {"N20"}
"""Open, although a part of them has a test."""
TESTED = [(fault, test) for fault, row in ROWS for test in ([row] if isinstance(row, str) else row) if not isinstance(row, dict)]


@cache
def functions(file: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    nodes = ast.walk(ast.parse((TESTS / file).read_text("utf-8")))
    return {node.name: node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def is_never_run(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(called) in ("pytest.mark.skip", "pytest.mark.xfail")


def test_every_fault_stands_in_the_catalogue_once():
    expected = {f"{letter}{number}" for letter, count in NUMBERS.items() for number in range(1, count + 1)}
    assert len(expected) == 166
    assert Counter(fault for fault, _ in ROWS) == Counter(expected)


def test_what_has_no_test_says_why_in_a_sentence_or_what_is_missing(score):
    reasons = [row for _, row in ROWS if isinstance(row, dict)]
    assert all(set(row) in ({"why"}, {"open"}) and all(len(text) > 10 for text in row.values()) for row in reasons)
    missing = sorted(fault for fault, row in ROWS if isinstance(row, dict) and "open" in row)
    counts = f"{len(ROWS) - len(reasons)} with a test, {len(reasons) - len(missing)} with a reason"
    score("R21", f"{counts}, open: {', '.join(missing) or 'none'}")


@pytest.mark.parametrize(("fault", "test"), TESTED)
def test_every_test_that_is_named_exists_and_is_run(fault: str, test: str):
    file, _, name = test.partition("::")
    assert name.startswith("test_")
    assert name in functions(file), f"{fault}: {test} is gone"
    assert not any(map(is_never_run, functions(file)[name].decorator_list))


def test_every_number_that_a_test_carries_is_that_of_a_fault_with_a_test():
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for name in functions(f"faults/{path.name}"):
            numbers = {word for word in name.split("_")[1:] if word[:1] in NUMBERS and word[1:].isdigit()}
            assert numbers <= {fault for fault, _ in TESTED} | PARTLY, f"{path.name}::{name}"

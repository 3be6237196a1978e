"""What the source itself must not hold (reliability D22 and K3)."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import dmscan

FORKING = re.compile(r"multiprocessing|ProcessPoolExecutor|\bfork|\bpty\b")
OPTION = re.compile(r"--[a-z][a-z0-9-]+")
TELLING = re.compile(r"--[a-z-]*(key|secret|token|password)")


@cache
def sources() -> list[ast.Module]:
    return [ast.parse(path.read_text("utf-8")) for path in sorted(Path(dmscan.__file__).parent.rglob("*.py"))]


def nodes(*kinds: type[ast.AST]) -> list[Any]:
    return [node for tree in sources() for node in ast.walk(tree) if isinstance(node, kinds)]


def test_D22_no_process_is_forked():
    names = {ast.unparse(node) for node in nodes(ast.Attribute, ast.Name, ast.alias)}
    assert "asyncio" in names
    assert {name for name in names if FORKING.search(name)} == set()


def test_K3_no_option_takes_a_key_or_a_token():
    options = {node.value for node in nodes(ast.Constant) if isinstance(node.value, str) and OPTION.fullmatch(node.value)}
    assert "--max-requests" in options
    assert {option for option in options if TELLING.match(option)} == set()

"""The arrows of the house: which module may import which, and what stays pure."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import dmscan

ROOT = Path(dmscan.__file__).parent
MODULES = {
    ".".join(("dmscan", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path for path in ROOT.rglob("*.py")
}

BOTTOM = {"errors", "clock"}
"""What everybody may import, beside the version in `dmscan` itself."""

ARROWS = {
    "errors": set(),
    "clock": set(),
    "core": set(),
    "places": set(),
    "settings": {"places"},
    "config_file": {"places", "settings"},
    "market": {"core"},
    "history": {"core"},
    "render": {"core"},
    "notify": {"core"},
    "patience": set(),
    "sweep": {"core", "patience"},
    "confirm": {"core"},
    "tariff": {"core", "patience"},
    "scanner": {"core", "sweep", "confirm", "tariff"},
    "inquiry": {"core", "confirm", "tariff"},
    "doctor": {"core"},
    "watch": {"core"},
    "wiring": {"core", "market", "history", "notify", "settings"},
    "sandbox": set(),
    "cli": {"core", "history", "render", "notify", "scanner", "inquiry", "doctor", "watch", "wiring", "sandbox"}
    | {"settings", "config_file", "places"},
    "__main__": {"cli"},
    "": set(),
}
"""Part → the parts it may import."""

LIBRARIES = {
    "typer": {"cli"},
    "rich": {"cli", "render"},
    "httpx": {"market", "notify"},
    "aiolimiter": {"market"},
    "cachetools": {"market"},
    "stamina": {"market"},
    "cryptography": {"market", "sandbox"},
    "aiosqlite": {"history"},
    "sqlite3": {"history"},
    "filelock": {"history"},
    "h11": {"sandbox"},
    "platformdirs": {"places"},
    "prometheus_client": {"cli"},
}
"""Library → the only parts that know it."""

PURE = {"__future__", "bisect", "collections", "dataclasses", "decimal", "enum", "fnmatch", "fractions", "functools", "hashlib"}
PURE |= {"itertools", "math", "msgspec", "re", "typing", "zlib"}


def part(module: str) -> str:
    return [*module.split("."), ""][1]


def imports(module: str) -> Iterator[str]:
    """Every module that `module` imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in MODULES else node.module or "" for name in names)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_arrows_point_one_way(module: str) -> None:
    allowed = ARROWS[part(module)] | BOTTOM | {part(module), ""}
    assert {name for name in imports(module) if name in MODULES and part(name) not in allowed} == set()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_library_is_known_in_one_part_only(module: str) -> None:
    tops = {name.partition(".")[0] for name in imports(module)}
    assert {top for top in tops & set(LIBRARIES) if part(module) not in LIBRARIES[top]} == set()


@pytest.mark.parametrize("module", sorted(name for name in MODULES if part(name) == "core"))
def test_the_core_is_pure(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    assert {name.partition(".")[0] for name in imports(module)} <= PURE | {"dmscan"}
    nodes = list(ast.walk(tree))
    assert not [node for node in nodes if isinstance(node, ast.Await | ast.AsyncFunctionDef)]
    assert not [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, float)]
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called & {"open", "print", "float"} == set()


@pytest.mark.parametrize("module", sorted(name for name in MODULES if part(name) == "sandbox"))
def test_the_sandbox_shares_nothing_with_what_it_judges(module: str) -> None:
    names = {name for name in imports(module) if name.startswith("dmscan")}
    assert {name for name in names if part(name) not in {"sandbox", "clock", ""}} == set()
    if module.rpartition(".")[2] in {"truth", "searches", "spreads", "warnings", "question"}:
        assert {part(name) for name in names} == {"sandbox"}


def test_no_import_goes_in_a_circle() -> None:
    edges = {module: {name for name in imports(module) if name in MODULES and name != module} for module in MODULES}
    while leaves := {module for module, targets in edges.items() if not targets}:
        edges = {module: targets - leaves for module, targets in edges.items() if module not in leaves}
    assert edges == {}


def test_there_is_one_event_loop_and_no_drawer_for_everything() -> None:
    runs = [module for module, path in MODULES.items() if "asyncio.run(" in path.read_text("utf-8")]
    assert runs == ["dmscan.cli.app"]
    drawers = {"utils", "common", "helpers", "base", "manager", "service", "misc"}
    assert not [module for module in MODULES if module.rpartition(".")[2] in drawers]


def test_no_two_test_modules_share_a_name() -> None:
    """pytest imports them by their name alone."""
    names = Counter(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []

"""The equality test would notice: each of these one-line slips in the core makes it fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dmscan

pytestmark = pytest.mark.long

PACKAGE = Path(dmscan.__file__).parent
TESTS = Path(__file__).parent
EQUALITY = f"{TESTS / 'test_equality.py'}::test_a_scan"
CHECKS = [f"{EQUALITY}_says_what_was_worked_out_by_hand", *(f"{EQUALITY}_of_a_still_market_equals_brute_force[{seed}]" for seed in (1, 4))]
RUN = "import sys, dmscan, pytest; print(dmscan.__file__); sys.exit(pytest.main(sys.argv[1:]))"

SLIPS = {
    "least price exclusive": ("models", "self.low <= price and", "self.low < price and"),
    "profit per day rounded up": ("models", "int(self.net_profit //", "-int(-self.net_profit //"),
    "fee rounded down": ("money", "-(-amount * share.numerator // share.denominator)", "amount * share.numerator // share.denominator"),
    "lowest fee row": ("fees", "key=lambda row: (row.fraction,", "key=lambda row: (-row.fraction,"),
    "fee row ends a second early": ("fees", "row.high and row.expires_at >= at]", "row.high and row.expires_at > at]"),
    "q40 is the median": ("sales", "Fraction(2, 5)", "Fraction(1, 2)"),
    "no rule for a MAD of 0": ("sales", "2 * abs(sale.price - median) <= median", "sale.price == median"),
    "window below a day": ("sales", "max(DAY, now - oldest)", "now - oldest"),
    "lock rounded down": ("offers", "-((now - offer.unlock_at) // DAY)", "(offer.unlock_at - now) // DAY"),
    "level with the next ask": ("relist", "next_ask - 1", "next_ask"),
    "most units on a tie": ("relist", "_profit(legs) > _profit(best[0])", "_profit(legs) >= _profit(best[0])"),
    "least limited target first": ("instant", "-sum(map(bool, limits))", "sum(map(bool, limits))"),
    "targets never run out": ("instant", "left[place] -= 1", "left[place] -= 0"),
    "own bid level with the best": ("target", "else best + 1", "else best"),
    "own bid against limited ones": ("target", "target.float_part is None and target.phase is None", "target.phase is None"),
    "own offer level with the next ask": ("target", "self.next_ask - 1", "self.next_ask"),
    "fee of a bid that waits no time": ("target", "days_to_fill + sales.days_to_sell(1, price)", "sales.days_to_sell(1, price)"),
    "worst exit in totals": ("rank", "leg.net_profit > best[key]", "leg.net_profit < best[key]"),
}


def checked(folder: Path) -> int:
    """The exit code of the equality test on the package in `folder`: 0 passed, 1 failed, else it did not run."""
    options = ["-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", f"--rootdir={TESTS.parent}", f"-c{TESTS.parent}/pyproject.toml"]
    surroundings = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", "-c", RUN, *options, *CHECKS]
    ran = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, timeout=240, check=False)
    assert ran.stdout.startswith(str(folder)), ran.stdout + ran.stderr
    return ran.returncode


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(PACKAGE, tmp_path / "dmscan", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_an_unchanged_copy_passes(copy: Path):
    assert checked(copy) == 0


@pytest.mark.parametrize(("module", "line", "slip"), SLIPS.values(), ids=SLIPS)
def test_a_slip_in_the_core_is_noticed(copy: Path, module: str, line: str, slip: str):
    file = copy / "dmscan" / "core" / f"{module}.py"
    text = file.read_text("utf-8")
    assert text.count(line) == 1
    file.write_text(text.replace(line, slip), "utf-8")
    assert checked(copy) == 1

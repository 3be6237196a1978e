"""An environment with the runtime dependencies alone, as a user has it: development tools bring along what would cost time and memory."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

from benchmarks.queries import FOLDER

PROJECT = Path(__file__).parent.parent


def python() -> Path:
    """The interpreter of an environment with the runtime dependencies alone, made if it is not in the cache; dmscan is that of here."""
    needed = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    key = hashlib.sha256(repr((sorted(needed), sys.version, str(PROJECT))).encode()).hexdigest()[:12]
    home = Path(os.environ.get(FOLDER) or Path(tempfile.gettempdir()) / "dmscan-benchmarks") / f"runtime-{key}"
    interpreter = home / "bin" / "python"
    if not (home / "complete").exists():
        venv.create(home, clear=True)
        subprocess.run([sys.executable, "-m", "pip", "--python", interpreter, "install", "-qq", *needed], check=True)
        (packages,) = (home / "lib").glob("python*/site-packages")
        (packages / "dmscan.pth").write_text(f"{PROJECT}\n", encoding="utf-8")
        (home / "complete").touch()
    return interpreter

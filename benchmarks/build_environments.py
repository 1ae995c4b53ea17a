"""Measure the cost of isolated build environments: builds with a cached environment and with a new one.

The builds of one small project with hatchling take turns: `--no-isolation`, with the environment of an earlier build,
with a new one (`--refresh`), and `python -m build` with uv. Medians of wall time. Only the cached one has a bound, because a
new one depends on the index and the installer's cache. The exit code is 1 if the bound is exceeded.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / ("Scripts" if os.name == "nt" else "bin")
ROUNDS = 7
BOUND = 1.25
"""The largest allowed ratio of a build with a cached environment to one with `--no-isolation`."""
PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "small"
version = "1.0"
"""


def main() -> int:
    ours = [str(BIN / "publish-all"), "build", "-q", "-o", "dist"]
    ways = {
        "--no-isolation": [*ours, "--no-isolation"],
        "kept": ours,
        "--refresh": [*ours, "--refresh"],
        "python -m build": [str(BIN / "python"), "-m", "build", "--installer=uv", "-o", "other"],
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "project")
        (root / "small").mkdir(parents=True)
        (root / "small" / "__init__.py").write_text("")
        (root / "pyproject.toml").write_text(PROJECT)
        # A separate cache for the environments; the installer keeps its own, so that nothing is downloaded twice.
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        environment = {
            "UV_CACHE_DIR": str(caches / "uv"),
            **os.environ,
            "XDG_CACHE_HOME": str(Path(folder, "cache")),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(ROUNDS + 1):  # the first creates the cached environment
            for name, command in ways.items():
                started = time.perf_counter()
                subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
                if number:
                    seconds[name].append(time.perf_counter() - started)
    print(f"wheel and sdist of a small project, median of {ROUNDS} builds")
    base = statistics.median(seconds["--no-isolation"])
    for name, taken in seconds.items():
        print(f"{name:18}{statistics.median(taken):6.2f} s   {statistics.median(taken) / base:5.2f} x")
    ratio = statistics.median(a / b for a, b in zip(seconds["kept"], seconds["--no-isolation"], strict=True))
    print(f"kept over --no-isolation: {ratio:.2f}, bound {BOUND}")
    return 0 if ratio <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())

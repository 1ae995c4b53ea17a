"""What an isolated build environment costs: a build with one that is kept, and one that has to make it.

The builds of one small project with hatchling take turns: `--no-isolation`, with the environment of an earlier build,
with a new one (`--refresh`), and `python -m build` with uv. Medians of wall time. Only the kept one has a bound, as a
new one depends on the index and the installer's cache. Ends with 1 when the bound is not kept.
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
"""A build with a kept environment, over one with `--no-isolation`."""
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
        # A cache of its own for the environments; the installer keeps its own, so that nothing is fetched twice.
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        environment = {
            "UV_CACHE_DIR": str(caches / "uv"),
            **os.environ,
            "XDG_CACHE_HOME": str(Path(folder, "cache")),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(ROUNDS + 1):  # the first makes what is kept
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

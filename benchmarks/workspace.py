"""Measure one run over a workspace of 50 members with 2 build variants each, against `publish-all -C` for each member.

    python benchmarks/workspace.py [MEMBERS]

Each member needs the three before it. It is built (with --refresh, so that build environments count), published, and
planned again; then member by member. The exit code is 1 if building or
planning is not twice as fast, or if there is more than one build environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / ("Scripts" if os.name == "nt" else "bin")
BOUND = 2.0
WORKSPACE = """\
[tool.publish-all]
publish-to = ["shelf"]
workspace = { members = ["packages/*"] }
[tool.publish-all.repositories.shelf]
kind = "directory"
url = "shelf"
"""
MEMBER = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "m{0:02}"
version = "1.0"
dependencies = {1}
[tool.publish-all]
include-base = true
[tool.publish-all.variants.one]
extend-dependencies = ["six"]
[tool.publish-all.variants.two]
"""


def main() -> int:
    members = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder, "workspace"), Path(folder, "cache")
        names = [make(root, number) for number in range(members)]
        (root / "pyproject.toml").write_text(WORKSPACE)
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
            subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=root, check=True)
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        environment = {"UV_CACHE_DIR": str(caches / "uv"), **os.environ, "XDG_CACHE_HOME": str(cache)}

        def seconds(*words: str) -> float:
            started = time.perf_counter()
            command = [str(BIN / "publish-all"), *words]
            subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
            return time.perf_counter() - started

        def each(*words: str) -> float:
            return sum(seconds("-C", f"packages/{name}", *words) for name in names)

        build = seconds("build", "--all", "--refresh")
        made = len([*cache.glob("publish-all/build-environments/*/*/pyvenv.cfg")]) or len(
            [*cache.glob("publish-all/build-environments/*/*/*/pyvenv.cfg")]
        )
        seconds(
            "publish", "--all", "--no-build"
        )  # a member alone is refused if no index has its requirements
        plan = seconds("publish", "--all", "--dry-run", "--no-build")
        looped = each("build"), each("publish", "--dry-run", "--no-build")
    print(f"{members} members with 2 build variants: one run, a loop, seconds")
    slow = 0
    for what, ours, theirs in (("build", build, looped[0]), ("plan", plan, looped[1])):
        print(f"{what:6} {ours:8.1f} {theirs:8.1f}   {theirs / ours:.1f} times as fast")
        slow += theirs / ours < BOUND
    print(f"build environments: {made}")
    return 0 if made == 1 and not slow else 1


def make(root: Path, number: int) -> str:
    name = f"m{number:02}"
    package = root / "packages" / name / "src" / name
    package.mkdir(parents=True)
    for place in range(10):
        (package / f"x{place}.py").write_text("x = 1\n" * 200)
    (package / "__init__.py").write_text("")
    needed = [f"m{other:02}" for other in range(max(0, number - 3), number)]
    (package.parents[1] / "pyproject.toml").write_text(MEMBER.format(number, needed))
    return name


if __name__ == "__main__":
    sys.exit(main())

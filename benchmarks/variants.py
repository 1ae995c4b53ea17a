"""Measure the build of all variants against a loop that users write by hand.

    python benchmarks/variants.py [--quick] [--runs 3]

Trees of 300 modules out of the standard library (8 MB) and of these with three files of data (68 MB), 3 and
12 variants, wheels alone and wheels with sdists, hatchling and poetry-core. The loop copies the tree, puts a
pyproject.toml into the copy, runs `hatch build` or `poetry build` in it and deletes the copy, which is always
in the same place, so that Hatch creates its build environment once. `cp` copies the built files. publish-all runs
its build worker in a fresh process. Prints medians of wall time in seconds, their ratios, and the peak
memory of the worker; at the end, the bounds that are exceeded. Then the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

BACKENDS = ("hatchling", "poetry-core")
PYPROJECTS = {
    "hatchling": """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "1.0"
description = "A demo"

[tool.hatch.build.targets.wheel]
packages = ["demo"]
""",
    "poetry-core": """\
[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"

[project]
name = "{name}"
version = "1.0"
description = "A demo"

[tool.poetry]
packages = [{{ include = "demo" }}]
""",
}
# Builds a request, and prints the peak memory of its process in MB.
OURS = """\
import json, sys
from pathlib import Path
from publish_all.builders.builder import BuildRequest
from publish_all.builders.worker import build_all
from publish_all.config.model import Compression
from publish_all.variants.variant import BuildVariant
from publish_all._toml import loads
asked = json.load(sys.stdin)
variants = tuple(
    BuildVariant(
        name=name, project="demo-" + name, version="1.0", pyproject=loads(text), selection_name="demo",
        layout={}, force_include={},
    )
    for name, text in asked["variants"].items()
)
request = BuildRequest(
    root=Path(asked["root"]), output=Path(asked["output"]), variants=variants, kinds=tuple(asked["kinds"]),
    compression=Compression(asked["compression"]),
)
build_all(request, leave_out=[], workspace=Path(asked["workspace"]), listener=lambda event: None)
try:
    # Of this program alone: what getrusage tells may be the peak of the process that started it.
    status = Path("/proc/self/status").read_text()
    print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
except FileNotFoundError:
    try:
        import resource
    except ImportError:  # Windows
        print(0)
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(peak // (1024 * 1024 if sys.platform == "darwin" else 1024))
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    backend: str
    megabytes: int
    number: int
    kinds: tuple[str, ...]

    @property
    def label(self) -> str:
        return f"{self.backend:12} {self.megabytes:3} MB  N={self.number:<3} {'+'.join(self.kinds):12}"

    @property
    def variants(self) -> dict[str, str]:
        names = [f"v{each}" for each in range(self.number)]
        return {name: PYPROJECTS[self.backend].format(name=f"demo-{name}") for name in names}


@dataclass(frozen=True, kw_only=True)
class Times:
    """Medians in seconds, and the peak memory in MB."""

    loop: float
    copy: float
    default: float
    fast: float
    peak: int


# Case → the least ratio of the loop to publish-all: (default bytes, `fast`), None without a bound.
BOUNDS: dict[tuple[str, int, int, int], tuple[float | None, float | None]] = {
    ("hatchling", 68, 12, 1): (6, 10),
    ("poetry-core", 68, 12, 1): (6, 10),
    ("hatchling", 8, 12, 2): (14, None),
    ("poetry-core", 8, 12, 2): (9, None),
    ("hatchling", 8, 3, 1): (3, None),
    ("hatchling", 8, 3, 2): (3, None),
    ("poetry-core", 8, 3, 1): (3, None),
    ("poetry-core", 8, 3, 2): (3, None),
}
PEAK_MB = 160  # a file of up to 32 MB is in memory once or, with poetry-core, twice


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="the 8 MB tree and 3 variants only")
    options.add_argument("--runs", type=int, default=3)
    chosen = options.parse_args()
    failed = []
    print(f"{'':42}{'loop':>8}{'cp':>8}{'default':>9}{'fast':>8}{'x':>8}{'x fast':>8}{'/ cp':>8}{'MB':>6}")
    with tempfile.TemporaryDirectory(prefix="publish-all-benchmark-") as folder:
        trees = {}
        for case in cases(quick=chosen.quick):
            if case.megabytes not in trees:
                trees[case.megabytes] = made_tree(Path(folder, f"tree-{case.megabytes}"), case.megabytes)
            found = measured(case, trees[case.megabytes], Path(folder), runs=chosen.runs)
            print(line(case, found), flush=True)
            failed += broken_bounds(case, found)
    print("\n".join(failed) if failed else "all bounds hold")
    return 1 if failed else 0


def cases(*, quick: bool) -> Iterator[Case]:
    for megabytes in (8,) if quick else (8, 68):
        for number in (3,) if quick else (3, 12):
            for kinds in (("wheel",), ("wheel", "sdist")):
                for backend in BACKENDS:
                    yield Case(backend=backend, megabytes=megabytes, number=number, kinds=kinds)


def made_tree(root: Path, megabytes: int) -> Path:
    """300 modules of 27 KB, which are cut out of the standard library, and three files of data for the rest."""
    sources = standard_library()
    for number in range(300):
        path = root / "demo" / f"part{number % 20}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sources[number * 27_000 : (number + 1) * 27_000])
    (root / "demo/__init__.py").write_text("")
    if megabytes > 8:
        (root / "demo/data").mkdir()
        for name, content in data((megabytes - 8) * 1_000_000 // 3):
            (root / "demo/data" / name).write_bytes(content)
    (root / "pyproject.toml").write_text("")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    time.sleep(2.5)  # publish-all does not trust the times of files that were just written
    return root


def standard_library() -> bytes:
    folder = Path(sysconfig.get_path("stdlib"))
    found = (path for path in sorted(folder.rglob("*.py")) if "site-packages" not in path.parts)
    return b"".join(path.read_bytes() for path in found)


def data(size: int) -> Iterator[tuple[str, bytes]]:
    """Typical data files of projects: a table, records, and weights of a model."""
    chance = random.Random(1)

    def table() -> str:
        return ",".join(f"{chance.gauss(0, 1):.6f}" for _ in range(8)) + "\n"

    def record() -> str:
        name, tags = f"name{chance.randrange(500)}", [chance.choice("abcdef") for _ in range(3)]
        return json.dumps({"name": name, "value": round(chance.random(), 4), "tags": tags}) + "\n"

    for name, line in (("table.csv", table), ("records.jsonl", record)):
        lines = "".join(line() for _ in range(size // len(line()) + size // 100))
        yield name, lines.encode()[:size]
    yield "weights.bin", array("f", (chance.gauss(0, 1) for _ in range(size // 4))).tobytes()


def measured(case: Case, tree: Path, folder: Path, *, runs: int) -> Times:
    """All four in turn, `runs` times, so that disturbances affect all of them."""
    peaks: list[int] = []

    def ours(compression: str) -> Callable[[Path], None]:
        return lambda output: peaks.append(build(case, tree, output, compression))

    seconds: dict[str, list[float]] = {"loop": [], "copy": [], "default": [], "fast": []}
    built = folder / "built"
    for _ in range(runs):
        seconds["loop"].append(timed(lambda output: by_hand(case, tree, output), folder))
        seconds["default"].append(timed(ours("default"), folder, keep=built))
        seconds["fast"].append(timed(ours("fast"), folder))
        seconds["copy"].append(timed(lambda output: copied(built, output), folder))
        shutil.rmtree(built)
    median = {name: statistics.median(each) for name, each in seconds.items()}
    return Times(**median, peak=max(peaks))


def timed(run: Callable[[Path], None], folder: Path, keep: Path | None = None) -> float:
    output = Path(tempfile.mkdtemp(dir=folder))
    begun = time.perf_counter()
    run(output)
    taken = time.perf_counter() - begun
    if keep is not None:
        output.rename(keep)
    else:
        shutil.rmtree(output)
    return taken


def by_hand(case: Case, tree: Path, output: Path) -> None:
    copy = output.parent / "copy"
    environment = {**os.environ, "HATCH_DATA_DIR": str(output.parent / "hatch")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or each process would compile all its imports
    for text in case.variants.values():
        shutil.copytree(tree, copy, ignore=shutil.ignore_patterns(".git"))
        (copy / "pyproject.toml").write_text(text, encoding="utf-8")
        for command in commands(case, output):
            subprocess.run(
                command,
                cwd=copy,
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        shutil.rmtree(copy)


def commands(case: Case, output: Path) -> list[list[str]]:
    """`poetry build` and `hatch build`, of the environment of this Python."""
    if case.backend == "hatchling":
        chosen = [each for kind in case.kinds for each in ("-t", kind)]
        return [[sys.executable, "-m", "hatch", "build", *chosen, str(output)]]
    poetry = [sys.executable, "-m", "poetry", "build", "-q", "-o", str(output)]
    return [poetry] if len(case.kinds) == 2 else [[*poetry, "-f", *case.kinds]]


def build(case: Case, tree: Path, output: Path, compression: str) -> int:
    with tempfile.TemporaryDirectory() as workspace:
        asked = {
            "root": str(tree),
            "output": str(output),
            "workspace": workspace,
            "variants": case.variants,
            "kinds": case.kinds,
            "compression": compression,
        }
        done = subprocess.run(
            [sys.executable, "-c", OURS], input=json.dumps(asked), capture_output=True, text=True, check=True
        )
    return int(done.stdout)


def copied(built: Path, output: Path) -> None:
    for each in built.iterdir():
        if each.is_file():
            shutil.copyfile(each, output / each.name)


def line(case: Case, found: Times) -> str:
    return (
        f"{case.label:42}{found.loop:8.2f}{found.copy:8.2f}{found.default:9.2f}{found.fast:8.2f}"
        f"{found.loop / found.default:8.1f}{found.loop / found.fast:8.1f}{found.fast / found.copy:8.1f}{found.peak:6}"
    )


def broken_bounds(case: Case, found: Times) -> list[str]:
    key = (case.backend, case.megabytes, case.number, len(case.kinds))
    reached = (found.loop / found.default, found.loop / found.fast)
    names = ("default", "fast")
    broken = [
        f"{case.label} {name}: {ratio:.1f} times the loop, less than {bound}"
        for name, ratio, bound in zip(names, reached, BOUNDS.get(key, (None, None)), strict=True)
        if bound is not None and ratio < bound
    ]
    if found.peak > PEAK_MB:
        broken.append(f"{case.label} takes {found.peak} MB, more than {PEAK_MB}")
    return broken


if __name__ == "__main__":
    sys.exit(main())

"""Measure the cost of our backends in an isolated build: our PEP 517 metadata hook against the bare backend's.

Each run is a fresh interpreter that imports the backend and calls `prepare_metadata_for_build_wheel`,
as pip, uv and build do. Ours and the bare one take turns; the median of the paired differences counts,
in processor time, which a busy machine disturbs less than wall time. The bare project has a static
version, the same that ours finds. The exit code is 1 if a bound is exceeded.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILDS = ROOT / ".cache" / "environments" / "builds"
PAIRS = 25
BOUND_MS = 20.0
HEAVY = ("requests", "keyring", "cleo", "rich", "tomlkit")

HOOK = """\
import importlib, json, sys, tempfile, time
started = time.process_time()
backend = importlib.import_module(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    backend.prepare_metadata_for_build_wheel(folder)
seconds = time.process_time() - started
json.dump([seconds, sorted(sys.modules)], sys.stdout)
"""
STATIC = 'version = "1.2.3"'
DYNAMIC = 'dynamic = ["version"]'
ATTRIBUTE = '[tool.publish-all.version]\nsource = "attribute"\npath = "light/__init__.py"\n'
HATCH_VERSION = '[tool.hatch.version]\nsource = "publish-all"\n'


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    name: str
    bare: str
    bare_requires: str
    ours: str
    extra: str


CASES = (
    Case(
        name="poetry-core",
        bare="poetry.core.masonry.api",
        bare_requires="poetry-core",
        ours="publish_all.backends.poetry_core",
        extra=ATTRIBUTE,
    ),
    Case(
        name="hatchling",
        bare="hatchling.build",
        bare_requires="hatchling",
        ours="hatchling.build",
        extra=HATCH_VERSION + ATTRIBUTE,
    ),
)


def main() -> int:
    kept = True
    print(f"metadata hook in a fresh interpreter, median of {PAIRS} pairs, ms of processor time")
    print(f"{'backend':14}{'bare':>9}{'ours':>9}{'over it':>9}{'bound':>9}   modules more")
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            kept = measure(case, Path(folder)) and kept
    return 0 if kept else 1


def measure(case: Case, folder: Path) -> bool:
    requires = f'requires = ["{case.bare_requires}"]'
    bare = make_project(
        folder / f"{case.name}-bare", f'{requires}\nbuild-backend = "{case.bare}"', STATIC, ""
    )
    ours = make_project(
        folder / f"{case.name}-ours", f'{requires}\nbuild-backend = "{case.ours}"', DYNAMIC, case.extra
    )
    pairs = [(call(case.bare, bare), call(case.ours, ours)) for _ in range(PAIRS + 1)][
        1:
    ]  # the first warms up
    over = statistics.median(ours_s - bare_s for (bare_s, _), (ours_s, _) in pairs) * 1000
    bare_ms = statistics.median(bare_s for (bare_s, _), _ in pairs) * 1000
    ours_ms = statistics.median(ours_s for _, (ours_s, _) in pairs) * 1000
    more = pairs[-1][1][1] - pairs[-1][0][1]
    print(f"{case.name:14}{bare_ms:9.1f}{ours_ms:9.1f}{over:9.1f}{BOUND_MS:9.0f}   {len(more)}")
    print(f"{'':14}of ours: {', '.join(sorted(name for name in more if name.startswith('publish_all')))}")
    heavy = [name for name in HEAVY if name in more]
    if heavy:
        print(f"{'':14}HEAVY: {', '.join(heavy)}")
    return over <= BOUND_MS and not heavy


def make_project(root: Path, build_system: str, version: str, tables: str) -> Path:
    (root / "light").mkdir(parents=True)
    (root / "light" / "__init__.py").write_text('__version__ = "1.2.3"\n')
    project = f'[project]\nname = "light"\nrequires-python = ">=3.10"\n{version}\n'
    (root / "pyproject.toml").write_text(f"[build-system]\n{build_system}\n\n{project}\n{tables}")
    return root


def call(backend: str, project: Path) -> tuple[float, frozenset[str]]:
    """Seconds of processor time that the hook took, and the modules that were loaded at its end."""
    python = BUILDS / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # bytecode is kept, as installers leave it: the first pair writes the missing files
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [str(python), "-c", HOOK, backend],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{backend} failed in {project.name}:\n{done.stderr}")
    seconds, modules = json.loads(done.stdout)
    return seconds, frozenset(modules)


if __name__ == "__main__":
    sys.exit(main())

"""Measure version sources: publish-all against other tools, in one run on one machine.

    python benchmarks/version.py [--quick]

1. Resolution, in process after the import: on 30 commits, on 5,000 commits with 500 tags, on 5,000 tags.
2. The PEP 517 metadata hook in a fresh process, against its bare backend with a static version.
3. `poetry --version` inside a project, with the plugin over the same libraries without it, and both over
   Poetry alone: it looks through the entry points of whatever is installed beside it.
4. `hatch version`, against a static-file version source.
5. `publish-all version` in a repository of 20,000 files whose version setuptools-scm makes, against the metadata
   hook of setuptools alone: once where the hook only reads, and once where it writes a version file.

The peers are installed into `.cache/benchmarks` once. Prints medians in milliseconds (1 and 5: wall time, 2 to
4: processor time with that of git) and, in the end, which bounds hold; ends with 1 if one does not.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from publish_all._toml import loads

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]  # stands for "not there"

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache/benchmarks"
PEERS = ("setuptools-scm", "hatch-vcs", "dunamai", "versioningit", "poetry-dynamic-versioning")
OURS = str(ROOT / "shared")
CORE = loads((ROOT / "shared/pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENTS = {
    "peers": (*PEERS, OURS),
    "bare": ("hatchling", "poetry-core"),
    "ours": ("hatchling", "poetry-core", OURS),
    "hatch-vcs": ("hatchling", "hatch-vcs"),
    "pdv": ("poetry-core", "poetry-dynamic-versioning"),
    "poetry": ("poetry",),
    "poetry-libraries": ("poetry", *CORE["dependencies"], *CORE["optional-dependencies"]["cli"]),
    "poetry-plugin": ("poetry", f"{OURS}[cli]", str(ROOT / "poetry_plugin")),
    "hatch": ("hatch",),
    "asking": ("setuptools>=77", "setuptools-scm", f"{OURS}[cli]"),
}
FILES = 20_000
START = 1767225600
CLEAN = {
    name: value
    for name, value in os.environ.items()
    # Without compiled modules every process would compile what it imports.
    if not name.startswith(("GIT_", "PUBLISH_ALL_", "HATCH_", "POETRY_"))
    and name != "PYTHONDONTWRITEBYTECODE"
}

PYPROJECT = """\
[project]
name = "demo"
{version}
requires-python = ">=3.10"

[build-system]
requires = [{requires}]
build-backend = "{backend}"
{tables}
"""
GIT = '[tool.publish-all.version]\nsource = "git"'
HATCH = '[tool.hatch.build.targets.wheel]\npackages = ["demo"]\n'
POETRY = '[tool.poetry]\npackages = [{ include = "demo" }]\n'

RESOLVERS = {
    "two bare git processes": """
import subprocess
def resolve():
    subprocess.run(["git", "rev-parse", "--show-toplevel", "HEAD"], capture_output=True)
    subprocess.run(["git", "describe", "--tags", "--long", "--dirty", "--match", "v[0-9]*"], capture_output=True)
""",
    "publish-all": """
import os
from pathlib import Path
from publish_all.config.load import load_project
from publish_all.version.version_source import resolve_version
def resolve():
    return resolve_version(load_project(Path.cwd()), environment=os.environ).text
""",
    "setuptools-scm": """
from setuptools_scm import get_version
def resolve():
    return get_version(root=".")
""",
    "hatch-vcs": """
from hatch_vcs.version_source import VCSVersionSource
def resolve():
    return VCSVersionSource(".", {}).get_version_data()["version"]
""",
    "dunamai": """
from dunamai import Version
def resolve():
    return Version.from_git().serialize(bump=True)
""",
    "versioningit": """
from versioningit import get_version
def resolve():
    return get_version(".", config={})
""",
    "poetry-dynamic-versioning": """
import poetry_dynamic_versioning as pdv
def resolve():
    return pdv._get_version(pdv._get_config({"enable": True}), "demo")[0]
""",
}
TIMER = """
import json, sys, time
started = time.perf_counter()
{code}
imported = time.perf_counter() - started
said = resolve()
times = []
for _ in range(int(sys.argv[1])):
    started = time.perf_counter()
    resolve()
    times.append(time.perf_counter() - started)
print(json.dumps({{"import": imported, "times": times, "said": str(said)}}))
"""


def run(command: Sequence[str | Path], cwd: Path, **more: str) -> str:
    done = subprocess.run(
        [str(each) for each in command],
        cwd=cwd,
        env={**CLEAN, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(str(each) for each in command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def environment(name: str) -> Path:
    """A virtual environment, made once; our own distributions are installed anew each time."""
    home = CACHE / name
    binaries = home / ("Scripts" if os.name == "nt" else "bin")
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    pip = [binaries / "python", "-m", "pip", "install", "-q"]
    install = [uv, "pip", "install", "-q", "--compile-bytecode", "-p", home] if uv else pip
    if not home.exists():
        print(f"making {home.relative_to(ROOT)} ...", file=sys.stderr)
        run([sys.executable, "-m", "venv", home], ROOT)
        run([*install, *ENVIRONMENTS[name]], ROOT)
    elif local := [each for each in ENVIRONMENTS[name] if os.sep in each]:
        anew = ["--reinstall-package", "publish-all", "--reinstall-package", "poetry-publish-all"]
        run([*install, *(anew if uv else ["--upgrade", "--force-reinstall", "--no-deps"]), *local], ROOT)
    return binaries


def repository(root: Path, *, commits: int, tags: int, pyproject: str) -> Path:
    """A linear history; the tags are spread over it, the last one stands on the last commit but one."""
    lines = []
    for number in range(1, commits + 1):
        lines += ["commit refs/heads/main", f"mark :{number}"]
        lines += [f"committer B <b@e.org> {START + number * 60} +0000", "data 1", "c"]
        lines += [f"from :{number - 1}"] if number > 1 else []
        lines += [f"M 644 inline f{number % 100}", f"data {len(str(number))}", str(number)]
        if number == 1:
            for path, text in {
                "pyproject.toml": pyproject,
                "demo/__init__.py": '__version__ = "1.2.3"\n',
            }.items():
                lines += [f"M 644 inline {path}", f"data {len(text)}", text]
    for tag in range(tags):
        at = max(1, (commits - 1) * (tag + 1) // tags)
        lines += [f"tag v1.{tag}.0", f"from :{at}", f"tagger B <b@e.org> {START} +0000", "data 1", "t"]
    root.mkdir(parents=True)
    run(["git", "init", "-q", "-b", "main"], root)
    subprocess.run(
        ["git", "fast-import", "--quiet"],
        cwd=root,
        input="\n".join([*lines, ""]).encode(),
        check=True,
        env=CLEAN,
    )
    run(["git", "checkout", "-q", "-f", "main"], root)
    run(["git", "pack-refs", "--all"], root)
    return root


def milliseconds(values: Sequence[float]) -> float:
    return statistics.median(values) * 1000


def resolution(work: Path, python: Path, repeats: int) -> dict[str, dict[str, float]]:
    sizes = {
        "30 commits": {"commits": 30, "tags": 5},
        "5,000 commits, 500 tags": {"commits": 5000, "tags": 500},
        "5,000 tags": {"commits": 5001, "tags": 5000},
    }
    pyproject = PYPROJECT.format(
        version='dynamic = ["version"]', requires="", backend="hatchling.build", tables=GIT
    )
    table: dict[str, dict[str, float]] = {}
    for size, shape in sizes.items():
        root = repository(work / f"{shape['commits']}-{shape['tags']}", pyproject=pyproject, **shape)
        times: dict[str, list[float]] = {name: [] for name in RESOLVERS}
        imports: dict[str, list[float]] = {name: [] for name in RESOLVERS}
        for _, (name, code) in itertools.product(range(3), RESOLVERS.items()):
            said = json.loads(run([python, "-c", TIMER.format(code=code), str(repeats)], root))
            times[name] += said["times"]
            imports[name].append(said["import"])
        for name in RESOLVERS:
            row = table.setdefault(name, {"import": milliseconds(imports[name])})
            row[size] = milliseconds(times[name])
    return table


def spent(call: Callable[[], object]) -> float:
    """Seconds of processor time in child processes, which depend less on the load of the machine than wall time.

    Wall time on Windows, where the time of child processes is unknown.
    """
    if resource is None:
        started = time.perf_counter()
        call()
        return time.perf_counter() - started
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    call()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def paired(first: Callable[[], object], second: Callable[[], object], repeats: int) -> tuple[float, float]:
    """The median time of the first, and the median difference of the second to it; they alternate."""
    first(), second()
    pairs = [(spent(first), spent(second)) for _ in range(repeats)]
    return milliseconds([one for one, _ in pairs]), milliseconds([two - one for one, two in pairs])


def hook_call(python: Path, root: Path, backend: str) -> Callable[[], object]:
    code = (
        "import importlib, sys, tempfile\n"
        f"hook = importlib.import_module({backend!r}).prepare_metadata_for_build_wheel\n"
        "with tempfile.TemporaryDirectory() as folder: hook(folder)\n"
    )
    return lambda: run([python, "-c", code], root)


def hooks(work: Path, repeats: int) -> dict[str, tuple[float, float]]:
    static, dynamic = 'version = "1.2.3"', 'dynamic = ["version"]'
    vcs = '[tool.hatch.version]\nsource = "vcs"\n'
    ours = f'[tool.hatch.version]\nsource = "publish-all"\n{GIT}\n'
    pdv = "[tool.poetry-dynamic-versioning]\nenable = true\n"
    placeholder = POETRY.replace("[tool.poetry]", '[tool.poetry]\nversion = "0"')
    cases = {
        "hatchling": ("bare", "hatchling.build", static, HATCH),
        "hatchling, publish-all": ("ours", "hatchling.build", dynamic, HATCH + ours),
        "hatchling, hatch-vcs": ("hatch-vcs", "hatchling.build", dynamic, HATCH + vcs),
        "poetry-core": ("bare", "poetry.core.masonry.api", static, POETRY),
        "poetry-core, publish-all": ("ours", "publish_all.backends.poetry_core", dynamic, POETRY + GIT),
        "poetry-core, poetry-dynamic-versioning": (
            "pdv",
            "poetry_dynamic_versioning.backend",
            dynamic,
            placeholder + pdv,
        ),
    }
    calls = {}
    for name, (where, backend, version, tables) in cases.items():
        text = PYPROJECT.format(version=version, requires="", backend=backend, tables=tables)
        root = repository(work / name.replace(", ", "-"), commits=30, tags=5, pyproject=text)
        calls[name] = hook_call(environment(where) / "python", root, backend)
    return {name: paired(calls[name.split(",")[0]], calls[name], repeats) for name in cases if "," in name}


def poetry_start(work: Path, repeats: int) -> dict[str, tuple[float, float]]:
    text = PYPROJECT.format(
        version='dynamic = ["version"]',
        requires='"poetry-core"',
        backend="poetry.core.masonry.api",
        tables=POETRY + GIT,
    )
    root = repository(work / "poetry-start", commits=30, tags=5, pyproject=text)
    alone, libraries, plugin = (
        partial(run, [environment(name) / "poetry", "--version"], root)
        for name in ("poetry", "poetry-libraries", "poetry-plugin")
    )
    return {
        "over the same libraries": paired(libraries, plugin, repeats),
        "and its libraries, over Poetry alone": paired(alone, plugin, repeats),
    }


def hatch_version(work: Path, repeats: int) -> tuple[float, float]:
    hatch = environment("hatch") / "hatch"
    folders = {"HATCH_DATA_DIR": str(work / "hatch-data"), "HATCH_CACHE_DIR": str(work / "hatch-cache")}
    roots = {}
    for name, table in {
        "file": '[tool.hatch.version]\npath = "demo/__init__.py"\n',
        "ours": f'[tool.hatch.version]\nsource = "publish-all"\n{GIT}\n',
    }.items():
        text = PYPROJECT.format(
            version='dynamic = ["version"]',
            requires=f'"hatchling", "publish-all @ {(ROOT / "shared").as_uri()}"',
            backend="hatchling.build",
            tables=HATCH + table,
        )
        roots[name] = repository(work / f"hatch-{name}", commits=30, tags=5, pyproject=text)
    return paired(
        lambda: run([hatch, "version"], roots["file"], **folders),
        lambda: run([hatch, "version"], roots["ours"], **folders),
        repeats,
    )


def asked(work: Path, repeats: int) -> dict[str, tuple[float, float]]:
    """Wall time of the backend alone, and the ratio of ours to it, as medians of pairs."""
    binaries = environment("asking")
    found = {}
    for name, table in {
        "only reads": "[tool.setuptools_scm]\n",
        "writes a version file": '[tool.setuptools_scm]\nversion_file = "demo/_version.py"\n',
    }.items():
        text = PYPROJECT.format(
            version='dynamic = ["version"]',
            requires='"setuptools", "setuptools-scm"',
            backend="setuptools.build_meta",
            tables='[tool.setuptools]\npackages = ["demo"]\n' + table,
        )
        root = repository(work / name.replace(" ", "-"), commits=30, tags=5, pyproject=text)
        for number in range(FILES):
            path = root / f"data/{number // 200}/{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{number}\n" * 30)
        (root / ".gitignore").write_text("_version.py\n")
        run(["git", "add", "-A"], root)
        run(["git", "-c", "user.name=a", "-c", "user.email=a@e.org", "commit", "-q", "-m", "files"], root)
        run(["git", "tag", "v2.0.0"], root)
        alone = hook_call(binaries / "python", root, "setuptools.build_meta")
        ours = partial(
            run,
            [binaries / "publish-all", "version"],
            root,
            PATH=f"{binaries}{os.pathsep}{os.environ['PATH']}",
        )
        alone(), ours()
        pairs = [(wall(alone), wall(ours)) for _ in range(repeats)]
        found[name] = (
            milliseconds([one for one, _ in pairs]),
            statistics.median(two / one for one, two in pairs),
        )
    return found


def wall(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def bounds(
    resolved: Mapping[str, Mapping[str, float]],
    hooked: Mapping[str, tuple[float, float]],
    start: float,
    ratios: Mapping[str, tuple[float, float]],
) -> dict[str, bool]:
    ours, bare = resolved["publish-all"], resolved["two bare git processes"]
    peers = [times for name, times in resolved.items() if name in PEERS]
    first_two = [size for size in bare if size != "import"][:2]
    held = {
        f"within 2x of two bare git processes: {size}": ours[size] <= 2 * bare[size]
        for size in bare
        if size != "import"
    }
    held |= {
        f"faster than every peer: {size}": all(ours[size] < peer[size] for peer in peers)
        for size in first_two
    }
    held |= {
        "hatchling hook at most 20 ms over bare": hooked["hatchling, publish-all"][1] <= 20,
        "poetry-core hook at most 15 ms over bare": hooked["poetry-core, publish-all"][1] <= 15,
        "poetry --version at most 5 ms more with the plugin": start <= 5,
        "asking in 20,000 files at most 1.5x the backend alone": ratios["only reads"][1] <= 1.5,
    }
    return held


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    quick = parser.parse_args().quick
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="publish-all-bench-") as folder:
        work = Path(folder)
        python = environment("peers") / "python"
        resolved = resolution(work, python, 3 if quick else 7)
        print("resolution, ms".ljust(40), *(size.rjust(24) for size in next(iter(resolved.values()))))
        for name, times in resolved.items():
            print(name.ljust(40), *(f"{value:24.1f}" for value in times.values()))
        hooked = hooks(work, 7 if quick else 25)
        print("\nmetadata hook in a fresh process, ms".ljust(57), "bare".rjust(8), "more".rjust(8))
        for name, (bare, more) in hooked.items():
            print(name.ljust(56), f"{bare:8.1f} {more:+8.1f}")
        started = poetry_start(work, 7 if quick else 41)
        for name, (bare, more) in started.items():
            print(f"poetry --version, with the plugin {name}".ljust(56), f"{bare:8.1f} {more:+8.1f}")
        bare, more = hatch_version(work, 3 if quick else 9)
        print("hatch version, against a file".ljust(56), f"{bare:8.1f} {more:+8.1f}")
        ratios = asked(work, 3 if quick else 7)
        print("\npublish-all version in 20,000 files, ms".ljust(57), "alone".rjust(8), "ratio".rjust(8))
        for name, (alone, ratio) in ratios.items():
            print(f"where the hook {name}".ljust(56), f"{alone:8.0f} {ratio:8.2f}")
    held = bounds(resolved, hooked, started["over the same libraries"][1], ratios)
    print()
    for what, holds in held.items():
        print("holds " if holds else "FAILS ", what)
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())

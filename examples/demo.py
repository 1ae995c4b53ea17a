"""Build, publish and `pip install` both examples, with the real Poetry and Hatch.

Works on copies in a temporary folder, publishes to a temporary index folder, and does not change this
checkout. Run it with `make demo`, which creates the required environments.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".cache" / "environments"
WHEELHOUSE = ROOT / ".cache" / "wheelhouse"
LINES_SHOWN = 40
KINDLING_INSTALLS = ("kindling-synapse", "kindling-databricks", "kindling-fabric")
IGNORED_BY_GIT = {
    "packages/kindling/secrets.env": "TOKEN=do-not-ship\n",
    "packages/kindling/__pycache__/pipes.cpython-311.pyc": "stale\n",
    "build/kindling/leftover.py": "left by the loop\n",
}


class DemoError(Exception):
    """A step of the demo failed."""


def main() -> int:
    started = time.monotonic()
    before = checkout_status()
    with tempfile.TemporaryDirectory(prefix="publish-all-demo-") as name:
        try:
            files = Demo(Path(name).resolve()).run()
            if checkout_status() != before:
                raise DemoError("git status of the checkout changed")
        except DemoError as error:
            say(f"\nThe demo failed: {error}")
            return 1
    say(f"\nDone in {time.monotonic() - started:.0f} s: {files} files published, one of each distribution")
    say("installed and imported, and git sees no change in the examples or in this checkout.")
    return 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """The result of installing one distribution into a new environment."""

    requirement: str
    packages: tuple[str, ...]
    imported: str


class Demo:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index = folder / "index"
        self.environment = environment(folder, self.index)

    def run(self) -> int:
        say("publish-all: two projects, their build variants, one index.\n")
        self.publish_kindling()
        self.publish_fastorm()
        releases = self.show_index()
        self.install(releases)
        return sum(len(files) for files in releases.values())

    def publish_kindling(self) -> None:
        say("1. examples/kindling, a Poetry project for three platforms: each variant is a full pyproject")
        say("   in build-configs/, written for a copied tree. Its folder also has files that git ignores.")
        project = self.copy("kindling")
        for path, text in IGNORED_BY_GIT.items():
            (project / path).parent.mkdir(parents=True, exist_ok=True)
            (project / path).write_text(text)
        self.call("poetry", "publish-all", "-r", "local", cwd=project)
        refuse_leaks(project / "dist")
        self.expect_clean(project)

    def publish_fastorm(self) -> None:
        say(
            "2. examples/fastorm, a Hatch project: its version is in fastorm/__init__.py, its variants inline."
        )
        project = self.copy("fastorm")
        self.call("hatch", "build", cwd=project)
        self.call("hatch", "publish", "-r", "local", cwd=project, HATCH_PUBLISHER="publish-all")
        self.call("hatch", "build", "-t", "variants", cwd=project)
        # The project's own files are still in dist, so the files of the variants are named.
        files = sorted(path.relative_to(project).as_posix() for path in (project / "dist").glob("fastorm_*"))
        self.call("hatch", "publish", "-p", "publish-all", "-r", "local", *files, cwd=project)
        self.expect_clean(project)

    def show_index(self) -> Mapping[str, list[Path]]:
        """The files of the index by NAME==VERSION."""
        say("3. The files in the index, as wheel and sdist:")
        releases: dict[str, list[Path]] = defaultdict(list)
        for path in sorted(self.index.rglob("*")):
            if path.name.endswith((".whl", ".tar.gz")):
                name, version = path.name.removesuffix(".tar.gz").split("-")[:2]
                releases[f"{name.replace('_', '-')}=={version}"].append(path)
        for release, files in releases.items():
            say(f"     {release:32} {', '.join(path.name for path in files)}")
            if len(files) != 2:
                raise DemoError(f"{release} has {len(files)} files, not a wheel and an sdist")
        missing = [name for name in KINDLING_INSTALLS if not any(r.startswith(f"{name}==") for r in releases)]
        if missing or len(releases) < len(KINDLING_INSTALLS) + 3:
            raise DemoError(f"the index lacks distributions: {', '.join(missing) or 'some of fastorm'}")
        say("")
        return releases

    def install(self, releases: Mapping[str, list[Path]]) -> None:
        say("4. Each distribution, installed from that index with pip into a new environment, and imported:")
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            for done in pool.map(self.install_one, releases):
                say(
                    f"     pip install {done.requirement:32} {done.imported}; with {', '.join(done.packages) or 'no others'}"
                )

    def install_one(self, requirement: str) -> Installed:
        """Install and import one; raises `DemoError` if pip installed it from another index."""
        name = requirement.partition("==")[0]
        venv, report = self.folder / "venvs" / name, self.folder / f"{name}.json"
        self.quietly(sys.executable, "-m", "venv", "--without-pip", str(venv))
        python = str(program(venv, "python"))
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            python,
            "install",
            "--disable-pip-version-check",
            "--quiet",
        ]
        self.quietly(*pip, "--report", str(report), "--extra-index-url", self.simple_url(), requirement)
        packages = json.loads(report.read_text(encoding="utf-8"))["install"]
        ours = next(p for p in packages if p["metadata"]["name"].replace("_", "-") == name)
        if not ours["download_info"]["url"].startswith(self.index.as_uri()):
            raise DemoError(f"pip installed {requirement} from {ours['download_info']['url']}")
        module = name.partition("-")[0]
        code = f"import {module}; print('import', {module}.__name__, 'works')"
        imported = self.quietly(python, "-W", "error", "-c", code).stdout.strip()
        others = sorted(p["metadata"]["name"] for p in packages if p is not ours)
        return Installed(requirement=requirement, packages=tuple(others), imported=imported)

    def simple_url(self) -> str:
        """The page of the index that lists all its projects, for `--index-url`."""
        (page,) = {path.parent.parent for path in self.index.rglob("kindling-fabric/index.html")}
        return page.as_uri()

    def copy(self, example: str) -> Path:
        """A separate checkout of an example, as its users have it."""
        target = self.folder / example
        shutil.copytree(
            ROOT / "examples" / example, target, ignore=shutil.ignore_patterns("dist", "build", "__pycache__")
        )
        who = ("-c", "user.name=Someone", "-c", "user.email=someone@example.com")
        self.quietly("git", "init", "-q", cwd=target)
        self.quietly("git", "add", "-A", cwd=target)
        self.quietly("git", *who, "commit", "-q", "-m", "the example", cwd=target)
        return target

    def expect_clean(self, project: Path) -> None:
        status = self.quietly("git", "status", "--porcelain", cwd=project).stdout
        if status:
            raise DemoError(f"git status in {project.name} is not clean:\n{status}")
        say(f"   git status in {project.name} is clean.\n")

    def call(self, host: str, *arguments: str, cwd: Path, **variables: str) -> None:
        """Run a host, and show the command and its output."""
        shown = " ".join([*(f"{name}={value}" for name, value in variables.items()), host, *arguments])
        say(f"   $ {shown}")
        path = str(program(ENVIRONMENTS / f"{host}-newest", host))
        done = self.quietly(path, *arguments, cwd=cwd, variables=variables)
        text = (done.stderr + done.stdout).replace(str(self.folder), "…")
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        for line in lines[:LINES_SHOWN]:
            say(f"     {line}")

    def quietly(
        self, *command: str, cwd: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; raises `DemoError` with its output if it fails."""
        return run(command, cwd=cwd or self.folder, variables=self.environment | dict(variables or {}))


def run(
    command: Sequence[str], *, cwd: Path, variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise DemoError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def environment(folder: Path, index: Path) -> dict[str, str]:
    """The environment variables: `local` is our index, our wheels are found, and the user's settings of hosts are ignored."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("POETRY_", "HATCH_", "PUBLISH_ALL_"))
    }
    kept.pop("VIRTUAL_ENV", None)
    links = WHEELHOUSE.as_posix()
    (folder / "hatch.toml").write_text("")
    return kept | {
        "PUBLISH_ALL_REPOSITORIES_LOCAL_URL": index.as_uri(),
        "PIP_FIND_LINKS": " ".join(filter(None, (kept.get("PIP_FIND_LINKS"), links))),
        "UV_FIND_LINKS": ",".join(filter(None, (kept.get("UV_FIND_LINKS"), links))),
        "POETRY_CONFIG_DIR": str(folder / "poetry"),
        "POETRY_CACHE_DIR": str(folder / "poetry-cache"),
        "HATCH_CONFIG": str(folder / "hatch.toml"),
        "HATCH_DATA_DIR": str(folder / "hatch-data"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "PYTHONIOENCODING": "utf-8",
        "NO_COLOR": "1",
        "COLUMNS": "100",
    }


def refuse_leaks(dist: Path) -> None:
    for wheel in dist.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            leaked = [n for n in archive.namelist() if n.endswith((".env", ".pyc")) or "leftover" in n]
        if leaked:
            raise DemoError(f"{wheel.name} contains files that git ignores: {', '.join(leaked)}")


def program(environment: Path, name: str) -> Path:
    return environment / "Scripts" / f"{name}.exe" if os.name == "nt" else environment / "bin" / name


def checkout_status() -> str:
    """`git status` of this checkout; empty if it is not a git checkout."""
    command = ["git", "-C", str(ROOT), "status", "--porcelain", "--", "examples"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

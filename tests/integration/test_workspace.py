"""Workspaces as the documentation of uv, Poetry and Hatch shows them, published to real servers and installed from there."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
import venv
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from harness.corp import corp_credentials, listed
from harness.environments import installed
from harness.process import Result, run
from harness.projects import git
from harness.servers import Registry, Server

PUBLISH_ALL = installed("dev", "publish-all")
BACKENDS = {
    "hatchling": ("hatchling", "hatchling.build"),
    "poetry": ("poetry-core>=2", "poetry.core.masonry.api"),
    "setuptools": ("setuptools>=77", "setuptools.build_meta"),
    "flit": ("flit_core>=3.11", "flit_core.buildapi"),
}


class Workspace:
    """A workspace in git, and publish-all with an account at the server."""

    def __init__(self, root: Path, environment: Mapping[str, str], server: Server) -> None:
        self.root = root
        self.environment: dict[str, str] = {**environment, **corp_credentials(server)}
        self.server = server
        self.state(
            "pyproject.toml",
            f'[tool.publish-all]\npublish-to = ["corp"]\n[tool.publish-all.repositories.corp]\n'
            f'url = "{server.upload_url}"\nindex-url = "{server.index_url}"\n',
        )
        self.state(".gitignore", "dist/\n")

    def state(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        file.write_text(f"{before}{text}\n", encoding="utf-8")

    def member(
        self, name: str, version: str, *requires: str, backend: str = "hatchling", more: str = ""
    ) -> None:
        folder, module = f"packages/{name}", name.replace("-", "_")
        needs, hook = BACKENDS[backend]
        self.state(
            f"{folder}/pyproject.toml",
            f'[build-system]\nrequires = ["{needs}"]\nbuild-backend = "{hook}"\n[project]\nname = "{name}"\n'
            f'version = "{version}"\ndescription = "A member."\nrequires-python = ">=3.10"\n'
            f"dependencies = {json.dumps(requires)}\n{more}",
        )
        self.state(f"{folder}/src/{module}/__init__.py", f'"""{name}."""\n')

    def commit(self) -> None:
        if not (self.root / ".git").exists():
            git(self.root, "init", "-q")
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "-m", "change")

    def raise_version(self, name: str, before: str, after: str) -> None:
        file = self.root / f"packages/{name}/pyproject.toml"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(f'version = "{before}"', f'version = "{after}"'), encoding="utf-8")
        self.commit()

    def run(self, *words: object, code: int = 0) -> Result:
        found = run(
            [PUBLISH_ALL, words[0], "-n", *words[1:]],
            cwd=self.root,
            environment=self.environment,
            timeout=300,
        )
        assert found.returncode == code, str(found)
        return found

    def publish(self, *words: object, code: int = 0) -> tuple[dict[str, set[str]], list[str]]:
        """What became of each release, and the releases in the order in which their last files were uploaded."""
        found = self.run("publish", "--all", "--format", "json", "--events", *words, code=code)
        return states(found.stdout.splitlines())

    def requirements(self, wheel: str) -> list[str]:
        with zipfile.ZipFile(self.root / "dist" / wheel) as opened:
            name = next(each for each in opened.namelist() if each.endswith("/METADATA"))
            lines = opened.read(name).decode().split("\n\n")[0].splitlines()
        found = (line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist"))
        return [each.replace(" (", "").replace(")", "").replace(" ", "") for each in found]

    def install(self, folder: Path, *names: str) -> str:
        """Install from the server with pip, and list what is there."""
        venv.create(folder, with_pip=True)
        python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        index = ["--index-url", self.server.index_url, "--disable-pip-version-check", "--no-cache-dir"]
        run(
            [python, "-m", "pip", "install", *index, *names],
            cwd=folder,
            environment=self.environment,
            check=True,
        )
        listing = run(
            [python, "-m", "pip", "freeze", "--all"], cwd=folder, environment=self.environment, check=True
        )
        return listing.stdout


def states(lines: Sequence[str]) -> tuple[dict[str, set[str]], list[str]]:
    told: list[dict[str, Any]] = [json.loads(line) for line in lines]
    (report,) = (each for each in told if each.get("result") == "publish")
    found = {
        f"{release['project']} {release['version']}": {file["status"] for file in release["files"]}
        for repository in report["repositories"]
        for release in repository["releases"]
    }
    sent = (each["filename"] for each in told if each.get("event") == "upload-finished")
    order = ["-".join(name.split("-")[:2]).removesuffix(".tar.gz") for name in sent]
    return found, list(dict.fromkeys(reversed(order)))[::-1]


@pytest.fixture
def workspace(tmp_path: Path, environment: Mapping[str, str], pypiserver: Server) -> Workspace:
    root = tmp_path / "workspace"
    root.mkdir()
    return Workspace(root, environment, pypiserver)


def of_uv(workspace: Workspace) -> None:
    """https://docs.astral.sh/uv/concepts/projects/workspaces/"""
    workspace.state(
        "pyproject.toml", '[tool.uv.workspace]\nmembers = ["packages/*"]\nexclude = ["packages/seeds"]'
    )
    sources = "[tool.uv.sources]\nseed-core = { workspace = true }\n"
    workspace.member("seed-core", "1.4.0", backend="setuptools")
    workspace.member("bird-feeder", "0.4.2", "seed-core", backend="flit", more=sources)
    workspace.member("albatross", "1.0.0", "bird-feeder", "seed-core", more=sources)
    workspace.member("seeds", "9.9.9")


def of_poetry(workspace: Workspace) -> None:
    """https://python-poetry.org/docs/dependency-specification/#path-dependencies"""
    paths = "".join(
        f'{name} = {{path = "packages/{name}", develop = true}}\n' for name in ("albatross", "seed-core")
    )
    workspace.state(
        "pyproject.toml", f"[tool.poetry]\npackage-mode = false\n[tool.poetry.dependencies]\n{paths}"
    )
    path = '[tool.poetry.dependencies]\n{0} = {{path = "../{0}", develop = true}}\n'
    workspace.member("seed-core", "1.4.0", backend="poetry")
    more = path.format("seed-core")
    workspace.member("bird-feeder", "0.4.2", "seed-core", backend="poetry", more=more)
    more = path.format("bird-feeder") + 'seed-core = {path = "../seed-core"}\n'
    workspace.member("albatross", "1.0.0", "bird-feeder", "seed-core", backend="poetry", more=more)


def of_hatch(workspace: Workspace) -> None:
    """https://hatch.pypa.io/latest/how-to/environment/workspace/"""
    workspace.state("pyproject.toml", '[tool.hatch.envs.default]\nworkspace.members = ["packages/*"]')
    direct = "[tool.hatch.metadata]\nallow-direct-references = true\n"
    workspace.member("seed-core", "1.4.0")
    workspace.member("bird-feeder", "0.4.2", "seed-core @ {root:parent:uri}/seed-core", more=direct)
    workspace.member("albatross", "1.0.0", "bird-feeder", "seed-core")


@pytest.mark.parametrize("make", [of_uv, of_poetry, of_hatch])
def test_a_workspace_is_published_in_order_raised_and_published_again(
    workspace: Workspace, make: Callable[[Workspace], None], tmp_path: Path
) -> None:
    make(workspace)
    workspace.commit()

    found, order = workspace.publish()

    assert found == {
        "seed-core 1.4.0": {"uploaded"},
        "bird-feeder 0.4.2": {"uploaded"},
        "albatross 1.0.0": {"uploaded"},
    }
    assert order == ["seed_core-1.4.0", "bird_feeder-0.4.2", "albatross-1.0.0"]
    requires = {
        *workspace.requirements("albatross-1.0.0-py3-none-any.whl"),
        *workspace.requirements("bird_feeder-0.4.2-py3-none-any.whl"),
    }
    assert {
        ",".join(sorted(each.replace(">", " >").replace("<", " <").replace(",", "").split()))
        for each in requires
    } == {
        "<0.5,>=0.4.2,bird-feeder",
        "<2,>=1.4,seed-core",
    }
    assert "albatross==1.0.0\nbird-feeder==0.4.2" in workspace.install(tmp_path / "first", "albatross")

    workspace.raise_version("seed-core", "1.4.0", "1.5.0")
    found, order = workspace.publish()

    assert found["seed-core 1.5.0"] == {"uploaded"}
    assert order == ["seed_core-1.5.0"]
    assert found["bird-feeder 0.4.2"] == {"skipped"}
    assert found["albatross 1.0.0"] == {"skipped"}
    assert "seed-core==1.5.0" in workspace.install(tmp_path / "second", "albatross")
    assert len(listed(workspace.server, "seed-core")) == 4
    found, order = workspace.publish()
    assert order == []


GRAPH = {"m-core": (), "m-io": ("m-core",), "m-ui": ("m-core",), "m-app": ("m-io", "m-ui"), "m-docs": ()}


def killed_and_resumed(workspace: Workspace, rounds: int) -> None:
    """Each round raises all members, kills a publish with SIGKILL at some moment, and publishes again."""
    store = workspace.server.store
    assert store is not None
    workspace.state("pyproject.toml", '[tool.uv.workspace]\nmembers = ["packages/*"]')
    for name, requires in GRAPH.items():
        workspace.member(name, "0", *requires)
    workspace.commit()
    before = "0"
    for seed in range(rounds):
        dice, version = random.Random(seed), f"1.{seed}"
        for name in GRAPH:
            workspace.raise_version(name, before, version)
        before = version

        def there(version: str = version) -> list[Path]:
            return [
                each for each in store.iterdir() if f"-{version}-" in each.name or f"-{version}." in each.name
            ]

        command = [str(PUBLISH_ALL), "publish", "--all", "-n"]
        with subprocess.Popen(
            command, cwd=workspace.root, env=workspace.environment, stderr=subprocess.DEVNULL
        ) as child:
            wanted, deadline = dice.randint(0, 2 * len(GRAPH) - 1), time.monotonic() + 120
            while len(there()) < wanted and child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(dice.uniform(0, 0.3) if wanted else dice.uniform(0.5, 5))
            child.send_signal(signal.SIGKILL)

        workspace.publish()

        times = {each.name: each.stat().st_mtime_ns for each in there()}
        assert len(times) == 2 * len(GRAPH), (seed, wanted, times)
        for name, requires in GRAPH.items():
            for other in requires:
                first = min(at for file, at in times.items() if file.startswith(name.replace("-", "_")))
                last = max(at for file, at in times.items() if file.startswith(other.replace("-", "_")))
                assert last < first, (seed, wanted, name, other, times)
        for each in there():
            assert each.read_bytes() == (workspace.root / "dist" / each.name).read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX signal")
def test_a_killed_run_is_resumed_in_order(workspace: Workspace) -> None:
    killed_and_resumed(workspace, 2)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX signal")
def test_twenty_killed_runs_are_resumed_in_order(workspace: Workspace) -> None:
    killed_and_resumed(workspace, 20)


def test_variants_and_platform_wheels_of_a_member_go_to_a_registry(
    workspace: Workspace, open_registry: Registry, tmp_path: Path
) -> None:
    workspace.state("pyproject.toml", '[tool.publish-all.workspace]\nmembers = ["packages/*"]\npin = "exact"')
    tags = ("py3-none-manylinux_2_28_x86_64", "py3-none-win_amd64")
    wheels = "".join(f'[tool.publish-all.variants.fast.wheels."{tag}"]\n' for tag in tags)
    workspace.member(
        "m-core",
        "1.0",
        more="[tool.publish-all]\ninclude-base = true\n[tool.publish-all.variants.pure]\n" + wheels,
    )
    workspace.member("m-app", "2.0", "m-core", "m-core-fast; sys_platform == 'win32'")
    workspace.commit()
    workspace.environment |= {
        "PUBLISH_ALL_REPOSITORIES_GITHUB_URL": f"http://{open_registry.host}/{{owner}}",
        "GITHUB_REPOSITORY_OWNER": "sep",
    }

    found, order = workspace.publish("-r", "github")

    assert set(found) == {"m-core 1.0", "m-core-pure 1.0", "m-core-fast 1.0", "m-app 2.0"}
    assert order[-1] == "m_app-2.0"
    assert sorted(workspace.requirements("m_app-2.0-py3-none-any.whl")) == [
        "m-core-fast==1.0;sys_platform=='win32'",
        "m-core==1.0",
    ]
    assert workspace.publish("-r", "github")[1] == []
    folder = tmp_path / "installed"
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    workspace.run("exec", "-r", "github", "--", python, "-m", "pip", "install", "m-app")
    assert (
        "m-core==1.0"
        in run(
            [python, "-m", "pip", "freeze"], cwd=folder, environment=workspace.environment, check=True
        ).stdout
    )


def test_of_twelve_members_only_those_that_need_a_conflict_wait_and_uv_installs_the_others(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.state("pyproject.toml", '[tool.uv.workspace]\nmembers = ["packages/*", "empty/*"]')
    workspace.member("m-core", "1.0", more='[dependency-groups]\ndev = ["m-app"]')  # a circle
    workspace.member("m-app", "0.3.1", "m-core", "M.Dotted")
    workspace.member("M.Dotted", "2.0rc1", more='[project.optional-dependencies]\nall = ["m-app"]')
    leaves = [f"m-leaf{number}" for number in range(9)]
    for name in leaves:
        workspace.member(name, "1.0", *(["m-core"] if name == "m-leaf0" else []))
    workspace.commit()
    found, _ = workspace.publish()
    assert len(found) == 12
    assert all(each == {"uploaded"} for each in found.values())

    workspace.state("packages/m-core/src/m_core/__init__.py", "changed = True")
    workspace.raise_version("m-leaf0", "1.0", "1.1")
    workspace.raise_version("m-leaf1", "1.0", "1.1")
    found, order = workspace.publish(code=5)

    assert found["m-core 1.0"] == {"conflict"}
    assert found["m-leaf0 1.1"] == {"not started"}
    assert order == ["m_leaf1-1.1"]
    uv, python = installed("dev", "uv"), tmp_path / "venv"
    run([uv, "venv", "-q", python], cwd=tmp_path, environment=workspace.environment, check=True)
    index = ("--index-url", workspace.server.index_url, "--prerelease", "allow", "--no-cache")
    run(
        [uv, "pip", "install", "-p", python, *index, "m-app", *leaves],
        cwd=tmp_path,
        environment=workspace.environment,
        check=True,
    )
    listing = run([uv, "pip", "freeze", "-p", python], cwd=tmp_path, environment=workspace.environment)
    assert len(listing.stdout.splitlines()) == 12
    assert "m-leaf1==1.1" in listing.stdout

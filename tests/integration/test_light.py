"""What an isolated build takes: few packages, and nothing of HTTP, keyring or consoles loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from harness.hosts import Host
from harness.process import make_venv, pip_install, run, uv_install

HEAVY = {"requests", "keyring", "cleo", "rich"}
# Runs in every interpreter of the environment, the build backend's process included, and tells at its end.
WATCH = """\
import atexit, json, os, sys
def tell():
    if any(name.partition(".")[0] == "publish_all" for name in sys.modules):
        with open(os.environ["LOADED_MODULES"], "a") as file:
            file.write(json.dumps(sorted(sys.modules)) + "\\n")
atexit.register(tell)
"""
POETRY_CORE = """\
[build-system]
requires = ["poetry-core>=2.0", "publish-all"]
build-backend = "publish_all.backends.poetry_core"

[project]
name = "light"
requires-python = ">=3.10"
dynamic = ["version"]

[tool.publish-all.version]
source = "attribute"
path = "light/__init__.py"
"""
HATCHLING = """\
[build-system]
requires = ["hatchling", "publish-all"]
build-backend = "hatchling.build"

[project]
name = "light"
requires-python = ">=3.10"
dynamic = ["version"]

[tool.hatch.version]
source = "publish-all"

[tool.publish-all.version]
source = "attribute"
path = "light/__init__.py"
"""


def test_installing_publish_all_brings_at_most_four_packages(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    python = make_venv(tmp_path / "venv", environment)
    pip_install(python, "publish-all", environment=environment)
    listing = [python, "-m", "pip", "list", "--format", "json"]
    packages = {
        package["name"]
        for package in json.loads(run(listing, cwd=tmp_path, environment=environment, check=True).stdout)
    }
    packages -= {"pip", "setuptools", "wheel"}  # what there is before, with some versions of Python
    assert "publish-all" in packages
    assert len(packages) <= 4, packages


def test_without_the_extra_the_command_says_how_to_get_it(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    python = make_venv(tmp_path / "venv", environment)
    pip_install(python, "publish-all", environment=environment)
    done = run([python, "-m", "publish_all", "publish"], cwd=tmp_path, environment=environment)
    assert done.returncode == 2, done
    assert 'pip install "publish-all[cli]"' in done.stderr


@pytest.mark.parametrize("pyproject", [POETRY_CORE, HATCHLING], ids=["poetry-core", "hatchling"])
def test_a_build_loads_nothing_heavy(pyproject: str, tmp_path: Path, environment: Mapping[str, str]) -> None:
    """The heavy packages are installed, and so could be loaded; the modules of the build's own process are counted."""
    project = tmp_path / "light"
    (project / "light").mkdir(parents=True)
    (project / "pyproject.toml").write_text(pyproject)
    (project / "light" / "__init__.py").write_text('__version__ = "1.2.3"\n')
    python = make_venv(tmp_path / "venv", environment)
    wanted = ["publish-all[cli]", "build", "hatchling", "poetry-core"]
    uv_install(python, *wanted, environment=environment)
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(
        run([python, "-c", purelib], cwd=tmp_path, environment=environment, check=True).stdout.strip()
    )
    (site / "watch.pth").write_text("import watch_modules\n")
    (site / "watch_modules.py").write_text(WATCH)
    loaded = tmp_path / "loaded.jsonl"

    build = [python, "-m", "build", "--no-isolation", "--wheel", "--sdist"]
    run(build, cwd=project, environment={**environment, "LOADED_MODULES": str(loaded)}, check=True)

    assert sorted(path.name for path in (project / "dist").iterdir()) == [
        "light-1.2.3-py3-none-any.whl",
        "light-1.2.3.tar.gz",
    ]
    processes = [set(json.loads(line)) for line in loaded.read_text().splitlines()]
    assert processes, "no process loaded publish_all: this test watches nothing"
    for modules in processes:
        assert not HEAVY & modules
        assert "tomlkit" not in modules


def test_an_isolated_build_finds_publish_all(tmp_path: Path, newest_hatch: Host) -> None:
    """As pip and Hatch do it: a fresh environment with what `[build-system] requires` names."""
    project = tmp_path / "light"
    (project / "light").mkdir(parents=True)
    (project / "pyproject.toml").write_text(HATCHLING)
    (project / "light" / "__init__.py").write_text('__version__ = "1.2.3"\n')
    assert newest_hatch("version", cwd=project, check=True).stdout.strip() == "1.2.3"
    newest_hatch("build", "-t", "wheel", cwd=project, check=True)
    assert (project / "dist" / "light-1.2.3-py3-none-any.whl").is_file()

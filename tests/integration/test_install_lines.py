"""The line that a publish prints for people who install: pasted into an empty folder, without the project and without us."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from harness.environments import installed
from harness.process import clean_environment, make_venv, run
from harness.servers import Registry
from served import github_at

PYPROJECT = """\
[project]
name = "kindling-core"
version = "1.0"
dependencies = ["packaging"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
bypass-selection = true
force-include = {{ "note.txt" = "note.txt" }}

[tool.publish-all]
publish-to = ["{repository}"]
include-base = true

[tool.publish-all.repositories.box]
kind = "oci"
url = "http://{host}/team"

[tool.publish-all.variants.synapse]
name = "kindling-synapse"
extend-dependencies = ["kindling-core"]
"""


@pytest.fixture
def pasted(tmp_path: Path, environment: dict[str, str]) -> tuple[Path, dict[str, str]]:
    """An empty folder, and a shell with a virtual environment for pip and with uv."""
    folder = tmp_path / "empty"
    folder.mkdir()
    python = make_venv(tmp_path / "venv", environment)
    path = os.pathsep.join((str(python.parent), str(installed("dev", "uv").parent), os.environ["PATH"]))
    return folder, environment | {"PATH": path, "VIRTUAL_ENV": str(tmp_path / "venv")}


@pytest.mark.parametrize("repository", ["github", "box"])
def test_the_printed_line_installs(
    repository: str, open_registry: Registry, tmp_path: Path, pasted: tuple[Path, dict[str, str]]
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    text = PYPROJECT.format(repository=repository, host=open_registry.host)
    (project / "pyproject.toml").write_text(text, encoding="utf-8")
    (project / "note.txt").write_text("It burns.\n", encoding="utf-8")
    summary = tmp_path / "summary.md"
    publishing = clean_environment(tmp_path / "publisher") | github_at(open_registry)
    publishing |= {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    ours = installed("dev", "publish-all")
    done = run([ours, "publish"], cwd=project, environment=publishing, check=True)

    lines = [line.strip() for line in done.stdout.splitlines() if line.strip().startswith("uvx ")]
    assert len(lines) == 2, done
    assert all(f"\n{line}\n" in summary.read_text(encoding="utf-8") for line in lines)
    assert " --private kindling-synapse --private kindling-core -- " in lines[1]

    folder, environment = pasted
    run(["sh", "-c", lines[1]], cwd=folder, environment=environment, check=True)
    listed = run(["python", "-m", "pip", "list"], cwd=folder, environment=environment, check=True).stdout
    assert all(f"{name} " in listed for name in ("kindling-core", "kindling-synapse", "packaging")), listed


def test_github_is_named_with_its_owner(
    open_registry: Registry, tmp_path: Path, pasted: tuple[Path, dict[str, str]]
) -> None:
    folder, environment = pasted
    environment |= {
        "PUBLISH_ALL_REPOSITORIES_GITHUB_URL": github_at(open_registry)["PUBLISH_ALL_REPOSITORIES_GITHUB_URL"]
    }
    ours = installed("dev", "publish-all")
    done = run([ours, "list", "-r", "github", "x"], cwd=folder, environment=environment)
    assert "-r github:OWNER" in done.stderr, done
    done = run([ours, "list", "-r", "github:sep", "x"], cwd=folder, environment=environment)
    assert "x has no versions there" in done.stderr, done

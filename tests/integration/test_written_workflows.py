"""What `init` writes passes on the first run: every job, with the project's own tests, on machines with nothing installed."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from harness.environments import ROOT, wheelhouse
from harness.projects import git
from harness.servers import Server
from oidc_index import OidcIndex
from test_init import PROJECTS, SETUP, Checkout, add, bare_hatch, kindling
from workflow_runner import JobRun, Runner

from publish_all.commands.scaffold.github_workflow import github_workflow
from publish_all.commands.scaffold.pipeline import EVERYTHING, Pipeline, Product

sys.path.insert(0, str(Path(__file__).parents[1] / "shared" / "commands" / "scaffold"))  # for `pipelines`

from pipelines import loaded

# Poetry asks PyPI itself for more than a mirror has.
GROUP = """
[tool.poetry.group.dev.dependencies]
pytest = ">=8"

[[tool.poetry.source]]
name = "simple"
url = "https://pypi.org/simple/"
priority = "primary"
"""
VERSIONED = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "bare-hatch"
version = "0.0.1"
description = "Its version is made by publish-all"
readme = "README.md"
requires-python = ">=3.10"
"""
SETUP_TESTS = {
    "setup.py": SETUP.replace("packages=", 'extras_require={"dev": ["pytest"]}, packages='),
    "tests/test_it.py": "import old_ways\n\n\ndef test_it():\n    assert old_ways.__version__ == '1.2.0'\n",
}


# What each is tested with, the options that `init` is given, and the jobs that run at a release.
TESTED = {
    "poetry": (
        {"tests/test_it.py": "import bare_poetry\n\n\ndef test_it():\n    assert bare_poetry\n"},
        ("-r", "pypi", "-r", "github", "--auth", "token"),
        ("test", "build", "pypi", "github"),
    ),
    "hatch": (
        {"tests/test_it.py": "import bare_hatch\n\n\ndef test_it():\n    assert bare_hatch.__path__\n"},
        ("--auth", "pypi=token"),
        ("test", "build", "pypi"),
    ),
    "setuptools": (SETUP_TESTS, ("--auth", "token", "--no-split"), ("test", "check", "pypi")),
    "kindling": (
        {"tests/test_it.py": "import kindling\n\n\ndef test_it():\n    assert kindling.__path__\n"},
        (),
        ("test", "build", "pypi"),
    ),
}


@pytest.mark.parametrize("shape", TESTED)
def test_the_whole_workflow_is_green_on_its_first_run(
    shape: str, runner: Runner, environment: dict[str, str], open_pypiserver: Server
) -> None:
    make, from_workflow, files = PROJECTS[shape]
    more, options, jobs = TESTED[shape]
    project = add(make(runner.project), more)
    if shape == "poetry":
        add(project, {"pyproject.toml": (project / "pyproject.toml").read_text() + GROUP})
    checkout = Checkout(project, environment)
    made = checkout.ours("init", "-n", *from_workflow, *options)
    assert made.returncode == 0, made
    checkout.commit()
    ended = runner.run("publish.yml", event="push" if shape == "kindling" else "release")
    assert_green(ended, *jobs)
    assert open_pypiserver.store is not None
    assert sorted(each.name for each in open_pypiserver.store.iterdir()) == files
    assert "PYPI_TOKEN" in made.stdout + made.stderr  # the secret to add, or the one that is there


def assert_green(jobs: list[JobRun], *ran: str) -> None:
    assert [each.key for each in jobs if each.result == "success"] == list(ran), "\n".join(map(str, jobs))
    assert all(each.result != "failure" for each in jobs), "\n".join(map(str, jobs))


def test_each_tag_made_on_the_web_releases_without_a_change_of_files(
    runner: Runner, environment: dict[str, str], open_pypiserver: Server
) -> None:
    """The full pyprojects of the variants still say the old version."""
    checkout = Checkout(kindling(runner.project), environment)
    made = checkout.ours("init", "-n", "--version-source", "git", "--trigger", "release", "--auth", "token")
    assert "run `git tag v0.4.2`" in made.stderr, made
    assert "To publish a release: publish a release on the web, with a new tag such as v1.2.3" in made.stdout
    for version in ("0.5.0", "0.5.1"):
        (runner.project / "packages/kindling/new.py").write_text(f"number = '{version}'\n")
        checkout.commit()
        git(runner.project, "tag", f"v{version}")
        again = replace(runner, folder=runner.folder / version)
        assert_green(again.run("publish.yml", event="release", ref=f"v{version}"), "build", "pypi")
        assert open_pypiserver.store is not None
        released = [each.name for each in open_pypiserver.store.glob(f"*-{version}*")]
        assert len(released) == 6


@pytest.mark.parametrize("source", ["git", "wheels"])
def test_publish_all_comes_from_where_init_was_told(
    source: str, runner: Runner, environment: dict[str, str], job_index: OidcIndex, tmp_path: Path
) -> None:
    """No index has it, and neither does the machine of a job."""
    project = add(bare_hatch(runner.project), {"pyproject.toml": VERSIONED})
    place = str(project / "vendor")
    if source == "wheels":
        shutil.copytree(wheelhouse(), place)
    else:
        shutil.copytree(
            ROOT / "shared", tmp_path / "tool" / "shared", ignore=shutil.ignore_patterns("__pycache__")
        )
        Checkout(tmp_path / "tool", environment)  # commits it
        place = f"git+{(tmp_path / 'tool').as_uri()}"
    checkout = Checkout(project, environment)
    made = checkout.ours(
        "init", "-n", "-r", "pypi", "--version-source", "git", "--trigger", "tag", "--source", place
    )
    assert made.returncode == 0, made
    checkout.commit()
    git(project, "tag", "v0.1.0")
    nothing = dict.fromkeys(("UV_FIND_LINKS", "PIP_FIND_LINKS"), "")
    bare = replace(runner, environment={**runner.environment, **nothing})
    assert_green(bare.run("publish.yml", event="push", ref="v0.1.0"), "build", "pypi")
    assert len(job_index.uploads) == 2


def test_trusted_publishing_of_a_project_in_a_folder(
    runner: Runner, environment: dict[str, str], job_index: OidcIndex
) -> None:
    add(runner.project, {"README.md": "# Two projects"})
    bare_hatch(runner.project / "python")
    checkout = Checkout(runner.project, environment)
    test = "grep bare-hatch pyproject.toml"  # in the folder, too
    made = checkout.ours("-C", "python", "init", "-n", "--trigger", "tag", "--test", test)
    assert made.returncode == 0, made
    checkout.commit()
    git(runner.project, "tag", "v0.0.1")
    jobs = runner.run("publish.yml", event="push", ref="v0.0.1")
    assert_green(jobs, "test", "build", "pypi")
    assert len(job_index.uploads) == 2
    assert job_index.minted["token-of-the-project"] == 0  # it was the identity of the job


EVERY_JOB = ("test", "build", "testpypi", "pypi", "github")


@pytest.mark.parametrize(
    ("asked", "fails", "ran"),
    [
        (None, "", EVERY_JOB),
        (EVERYTHING, "", EVERY_JOB),
        ("testpypi", "", ("test", "build", "testpypi")),
        ("pypi", "", ("test", "build", "pypi")),
        ("github", "", ("test", "build", "github")),
        (None, "test", ()),
        (None, "build", ("test",)),
        (None, "testpypi", ("test", "build")),
        (None, "pypi", ("test", "build", "testpypi")),
    ],
)
def test_jobs_run_as_they_are_asked_for(
    asked: str | None, fails: str, ran: tuple[str, ...], tmp_path: Path
) -> None:
    """Nothing that comes later runs after a failure, and what was not asked for is no failure."""
    pipeline = Pipeline(
        publish_to=("pypi", "github"), products=(Product(None, "demo"),), tests=("pytest",), rehearse=True
    )
    workflow = loaded(github_workflow(pipeline))
    for key, job in workflow["jobs"].items():
        job["steps"] = [{"run": "false" if key == fails else "true"}]
    folder = tmp_path / "project" / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "publish.yml").write_text(json.dumps(workflow))  # which is YAML, too
    runner = Runner(project=tmp_path / "project", folder=tmp_path / "github")
    inputs = {"repository": asked} if asked else None
    jobs = runner.run("publish.yml", event="workflow_dispatch" if asked else "release", inputs=inputs)
    assert tuple(each.key for each in jobs if each.result == "success") == ran

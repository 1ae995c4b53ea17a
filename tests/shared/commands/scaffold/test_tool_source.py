from __future__ import annotations

import subprocess

import pytest

from publish_all import __version__
from publish_all._toml import loads
from publish_all.commands.context import Runtime
from publish_all.commands.init import plan_init, suggest
from publish_all.commands.scaffold import tool_source as module
from publish_all.commands.scaffold.found import InitOptions, look
from publish_all.errors import UsageError

URL = "https://git.corp.example/tools/publish-all.git"
COMMIT = "4f1c" * 10
POETRY = """\
[project]
name = "demo"
version = "1.0"

[build-system]
requires = ["poetry-core>=2"]
build-backend = "poetry.core.masonry.api"
"""
HATCH = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"

[tool.publish-all.variants.x]
"""


class Project:
    """A project that `init` writes to, and the programs that it starts."""

    def __init__(self, root):
        self.root = root
        self.asked = []
        self.urls = [URL]

    def run(self, command, **_):
        self.asked.append(command)
        there = any(command[1:] == ("ls-remote", url, "HEAD") for url in self.urls)
        found = f"{COMMIT}\tHEAD\n" if there else ""
        return subprocess.CompletedProcess(
            command, 0 if found else 128, found, "" if found else "fatal: not found"
        )

    def init(self, source=None, **options):
        runtime = Runtime(environment={}, home=self.root, run=self.run)
        made = InitOptions(
            directory=self.root, runtime=runtime, source=source, version_source=None, **options
        )
        found = look(made)
        plan = plan_init(suggest(made, found), found)
        for change in plan.changes:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            change.path.write_text(change.after)
        return loads((self.root / "pyproject.toml").read_text()), (
            self.root / ".github" / "workflows" / "publish.yml"
        ).read_text()


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "own_url", lambda **_: None)
    (tmp_path / ".git").mkdir()
    (tmp_path / "pyproject.toml").write_text(HATCH)
    return Project(tmp_path)


@pytest.fixture
def wheels(tmp_path):
    folder = tmp_path / "vendor"
    folder.mkdir()
    for name in ("publish_all", "poetry_publish_all"):
        (folder / f"{name}-0.3-py3-none-any.whl").touch()
    return folder


def git_requirement(revision, extras=""):
    return f"publish-all{extras} @ git+{URL}@{revision}#subdirectory=shared"


def test_an_index_is_pinned_in_the_workflow_only(project):
    written, workflow = project.init()
    assert f"PUBLISH_ALL: publish-all[cli,attestations]=={__version__}\n" in workflow
    assert written["tool"]["hatch"]["build"]["targets"]["variants"]["dependencies"] == ["publish-all"]


def test_a_git_repository_is_pinned_to_its_newest_commit_and_kept(project):
    for source in (f"git+{URL}", None):
        written, workflow = project.init(source)
        assert f"PUBLISH_ALL: {git_requirement(COMMIT, '[cli,attestations]')}\n" in workflow
        assert written["tool"]["hatch"]["build"]["targets"]["variants"]["dependencies"] == [
            git_requirement(COMMIT)
        ]
    written, workflow = project.init(f"git+{URL}@v0.2")
    assert f"PUBLISH_ALL: {git_requirement('v0.2', '[cli,attestations]')}\n" in workflow
    assert written["tool"]["hatch"]["build"]["targets"]["variants"]["dependencies"] == [
        git_requirement("v0.2")
    ]
    written, workflow = project.init("index")
    assert f"PUBLISH_ALL: publish-all[cli,attestations]=={__version__}\n" in workflow
    assert written["tool"]["hatch"]["build"]["targets"]["variants"]["dependencies"] == ["publish-all"]


def test_what_was_installed_from_git_writes_that(project, monkeypatch):
    monkeypatch.setattr(module, "own_url", lambda **_: f"git+{URL}@{COMMIT}#subdirectory=shared")
    _, workflow = project.init()
    assert git_requirement(COMMIT, "[cli,attestations]") in workflow


def test_builds_and_poetry_get_it_from_there_too(project):
    from publish_all.config.model import VersionSource

    (project.root / "pyproject.toml").write_text(POETRY)
    runtime = Runtime(environment={}, home=project.root, run=project.run)

    def init(source):
        made = InitOptions(
            directory=project.root,
            runtime=runtime,
            source=source,
            version_source=VersionSource.GIT,
            in_poetry=True,
        )
        found = look(made)
        (change, *_) = plan_init(suggest(made, found), found).changes
        change.path.write_text(change.after)
        values = loads(change.after)
        return values["build-system"]["requires"], values["tool"]["poetry"]["requires-plugins"]

    place = {"git": URL, "rev": COMMIT}
    from_git = (
        ["poetry-core>=2", git_requirement(COMMIT)],
        {
            "publish-all": {**place, "subdirectory": "shared", "extras": ["cli"]},
            "poetry-publish-all": {**place, "subdirectory": "poetry_plugin"},
        },
    )
    from_index = (["poetry-core>=2", "publish-all"], {"poetry-publish-all": f">={__version__}"})
    assert init(None) == from_index
    assert init(f"git+{URL}") == from_git
    assert init(None) == from_git
    assert init("index") == from_index


def test_a_folder_of_wheels_is_named_from_the_project(project, wheels):
    for source in (str(wheels), None):
        _, workflow = project.init(source, in_poetry=True)
        assert "PUBLISH_ALL: publish-all[cli,attestations]==0.3\n" in workflow
        assert "UV_FIND_LINKS: ${{ github.workspace }}/vendor\n" in workflow
        assert "PIP_FIND_LINKS: ${{ github.workspace }}/vendor\n" in workflow
    plugins = loads((project.root / "pyproject.toml").read_text())["tool"]["poetry"]["requires-plugins"]
    assert plugins["poetry-publish-all"] == {"path": "vendor/poetry_publish_all-0.3-py3-none-any.whl"}


def test_poetry_needs_the_wheel_of_its_plugin(project, wheels):
    next(wheels.glob("poetry_*")).unlink()
    with pytest.raises(UsageError, match="no wheel of poetry-publish-all"):
        project.init(str(wheels), in_poetry=True)


def test_a_folder_with_our_source_is_a_git_repository(project, tmp_path):
    checkout = tmp_path / "src" / "publish-all"
    (checkout / "shared").mkdir(parents=True)
    (checkout / "shared" / "pyproject.toml").touch()
    project.urls.append(checkout.as_uri())
    for source in (str(checkout), None):
        _, workflow = project.init(source)
        wanted = f"publish-all[cli,attestations] @ git+{checkout.as_uri()}@{COMMIT}#subdirectory=shared\n"
        assert wanted in workflow


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("git+https://git.corp.example/other", "fatal: not found"),
        ("git+http://git.corp.example/other", "it is not git"),
        ("git+https://h/$(id)", "it is not git"),
        ("nowhere", "no wheel of publish-all"),
    ],
)
def test_what_cannot_be_used_is_said(project, source, said):
    with pytest.raises(UsageError, match="--source") as raised:
        project.init(source)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("source", "url", "revision"),
    [
        ("git+ssh://git@git.corp.example/o/r", "ssh://git@git.corp.example/o/r", "HEAD"),
        ("git+ssh://git@git.corp.example:22/o/r@v1", "ssh://git@git.corp.example:22/o/r", "v1"),
        ("git+file:///srv/r.git@feature/x#subdirectory=shared", "file:///srv/r.git", "feature/x"),
    ],
)
def test_reads_urls_as_pip_does(source, url, revision, tmp_path):
    def run(command, **_):
        return subprocess.CompletedProcess(command, 0, "HEAD\tHEAD\n", "")

    runtime = Runtime(environment={}, home=tmp_path, run=run)
    found = module.tool_source(source, root=tmp_path, texts=(), runtime=runtime)
    assert (found.git, found.revision) == (url, revision)

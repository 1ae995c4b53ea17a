"""The use case doctor, as far as it needs no network: what it looks at, and with which code it ends."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from publish_all._secret import Secret
from publish_all.commands.context import Runtime
from publish_all.commands.destinations import ConnectionOptions
from publish_all.commands.doctor import doctor
from publish_all.commands.files import PublishOptions
from publish_all.config.folders import Folders, HostFolders
from publish_all.config.model import Isolation
from publish_all.summaries import DoctorReport, Examined

HATCH = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "{version}"
description = "A project for tests."
readme = "README.md"
license = "MIT"

[tool.publish-all]
publish-to = {to}
"""


class Project:
    """A project in a folder, and the world around it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "demo"
        self.home = root / "home"
        self.root.mkdir()
        self.home.mkdir()
        (self.root / "README.md").write_text("# Demo\n")
        (self.root / "demo_module.py").write_text('"""Nothing."""\n')
        self.write()

    def write(
        self, *, name: str = "demo-module", version: str = "1.0", to: str = '["local"]', more: str = ""
    ) -> None:
        text = HATCH.format(name=name, version=version, to=to) + more
        (self.root / "pyproject.toml").write_text(text)

    def workflow(self, text: str) -> None:
        folder = self.root / ".github" / "workflows"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "publish.yml").write_text(text)

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=T", "-c", "user.email=t@e.org")
        subprocess.run(["git", *identity, *arguments], cwd=self.root, check=True, capture_output=True)

    def runtime(self, environment: Mapping[str, str]) -> Runtime:
        folders = Folders(
            config=self.home / "config.toml",
            data=self.home / "data",
            hosts=HostFolders(
                poetry=self.home / "poetry.toml",
                hatch=self.home / "hatch.toml",
                uv=self.home / "uv.toml",
                pdm=self.home / "pdm.toml",
                pypirc=self.home / ".pypirc",
            ),
        )
        return Runtime(
            environment={"HATCH_PUBLISHER": "publish-all", "PATH": os.environ["PATH"], **environment},
            home=self.home,
            folders=folders,
            isolation=Isolation.NEVER,
        )

    def examine(self, *names: str, offline: bool = True, **environment: str) -> DoctorReport:
        connection = ConnectionOptions(repositories=names, runtime=self.runtime(environment))
        return doctor(PublishOptions(directory=self.root, offline=offline, connection=connection))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def codes(seen: DoctorReport | Examined) -> list[str]:
    return [each.code for each in seen.findings]


def texts(seen: Examined, label: str) -> list[str]:
    return [each.text for each in seen.facts if each.label == label]


def test_nothing_to_say_about_a_healthy_project(project):
    report = project.examine()
    assert (report.exit_code, codes(report)) == (0, [])
    about, local = report.examined
    assert texts(about, "version") == ["1.0, from project"]
    assert texts(local, "files")[0].startswith("2 files to upload")
    assert not (project.root / "dist").exists()


def test_a_folder_without_a_project(tmp_path):
    report = doctor(PublishOptions(directory=tmp_path))
    assert (report.exit_code, codes(report)) == (2, ["PA101"])


def test_a_destination_that_nobody_knows_hides_none_of_the_others(project):
    report = project.examine("nowhere", "local")
    assert report.exit_code == 2
    _, nowhere, local = report.examined
    assert codes(nowhere) == ["PA101"]
    assert codes(local) == []
    assert texts(local, "files")


def test_what_fails_first_in_a_publish_tells_the_exit_code(project):
    project.write(name="demo-module", more='[tool.publish-all.version]\nsync = ["conf.py"]\n', to='["pypi"]')
    (project.root / "conf.py").write_text('__version__ = "0.9"\n')
    report = project.examine()
    assert {"PA230", "PA307"} <= set(codes(report))
    assert report.exit_code == 4


def test_a_build_that_fails_leaves_the_destinations_looked_at(project):
    (project.root / "README.md").unlink()
    report = project.examine("pypi")
    assert codes(report.examined[0]) == ["PA701"]
    assert codes(report.examined[1]) == ["PA307"]
    assert report.exit_code == 1
    assert any("files" in each for each in report.examined[0].untested)


def test_offline_says_what_it_did_not_look_at(project):
    macaroon = b"\x02\x01\x08pypi.org\x02\x04fake\x00\x00\x06\x20" + bytes(32)
    token = "pypi-" + base64.urlsafe_b64encode(macaroon).decode().rstrip("=")
    report = project.examine("pypi", PUBLISH_ALL_PYPI_TOKEN=token)
    pypi = report.examined[1]
    assert (report.exit_code, codes(pypi)) == (0, [])
    assert len(pypi.untested) == 2
    assert token not in str(report)
    assert "a token of pypi.org" in texts(pypi, "credential")[0]


def test_same_missing_credential_is_told_once_for_all_projects(project):
    project.write(to='["pypi"]', more="include-base = true\n[tool.publish-all.variants.other]\n")
    report = project.examine()
    assert codes(report.examined[1]) == ["PA307"]


def test_offline_a_workflow_that_publishes_stands_for_the_credential(project):
    project.write(to='["pypi"]')
    project.workflow(WORKFLOW)
    report = project.examine()
    assert (report.exit_code, codes(report)) == (0, [])
    assert "publish.yml:5" in texts(report.examined[1], "credential")[0]


WORKFLOW = """\
on: {release: {types: [published]}}
jobs:
  test:
    steps: [{run: pytest}]
  publish:
    environment: pypi
    permissions: {id-token: write, contents: read}
    steps:
      - uses: actions/checkout@v4
      - run: publish-all publish
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("id-token: write, ", "", ["PA320", "PA307"]),
        ("    environment: pypi\n", "", ["PA151"]),
        ("release: {types: [published]}", "pull_request_target: {}", ["PA327"]),
        ("release: {types: [published]}", "workflow_call: {}", ["PA327"]),
        ("publish-all publish", "publish-all check", ["PA307"]),
        ("on:", "on: [", ["PA150", "PA307"]),
    ],
)
def test_what_a_workflow_lacks(project, old, new, expected):
    project.write(to='["pypi"]')
    project.workflow(WORKFLOW.replace(old, new))
    assert codes(project.examine()) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", ["PA603"]),
        ("id-token: write", "packages: write", []),
        ("id-token: write", "packages: read", ["PA603"]),
        ("    permissions: {id-token: write, contents: read}\n", "", ["PA603"]),
        ("publish-all publish", "publish-all publish -r pypi", []),
    ],
)
def test_what_a_workflow_lacks_for_github_packages(project, old, new, expected):
    project.write(to='["github"]')
    project.workflow(WORKFLOW.replace(old, new))
    report = project.examine(GITHUB_REPOSITORY="sep/demo", PUBLISH_ALL_GITHUB_TOKEN="ghp_x")
    assert codes(report) == expected


@pytest.mark.parametrize(
    ("new", "expected"),
    [("contents: read", ["PA403"]), ("contents: write", []), ("id-token: write", ["PA403"])],
)
def test_what_a_workflow_lacks_for_github_releases(project, new, expected):
    project.write(to='["releases"]')
    project.workflow(WORKFLOW.replace("id-token: write, contents: read", new))
    report = project.examine(GITHUB_REPOSITORY="sep/demo", PUBLISH_ALL_RELEASES_TOKEN="ghp_x")
    assert codes(report) == expected


def test_a_workflow_that_clones_too_little(project):
    project.write(to='["local"]', more='[tool.publish-all.version]\nsource = "git"\n')
    text = (
        (project.root / "pyproject.toml").read_text().replace('version = "1.0"', 'dynamic = ["version"]', 1)
    )
    (project.root / "pyproject.toml").write_text(
        text.replace('requires = ["hatchling"]', 'requires = ["hatchling", "publish-all"]')
        + '[tool.hatch.version]\nsource = "publish-all"\n'
    )
    project.workflow(WORKFLOW)
    project.git("init", "-q", "-b", "main")
    project.git("add", "-A")
    project.git("commit", "-qm", "x")
    project.git("tag", "v1.0")
    assert codes(project.examine()) == ["PA237"]
    project.workflow(
        WORKFLOW.replace("actions/checkout@v4", "actions/checkout@v4\n        with: {fetch-depth: 0}")
    )
    project.git("commit", "-qam", "y")
    report = project.examine()
    assert (report.exit_code, codes(report)) == (0, ["PA238"])


def test_proxy_is_told_without_its_password(project):
    project.write(to='["pypi"]')
    report = project.examine(HTTPS_PROXY="http://me:canary@proxy.example:3128")
    assert "PA520" in codes(report)
    assert "canary" not in str(report)
    project.write(to='["local"]')
    assert "PA520" not in codes(project.examine(HTTPS_PROXY="http://proxy.example:3128"))


def test_hatch_users_are_told_of_the_variable(project):
    assert codes(project.examine(HATCH_PUBLISHER="index")) == ["PA160"]


def test_poetry_users_are_told_of_the_plugin(project):
    project.write(more="[tool.poetry]\npackage-mode = true\n")
    assert codes(project.examine()) == ["PA161"]
    project.write(more='[tool.poetry.requires-plugins]\npoetry-publish-all = "*"\n')
    assert codes(project.examine()) == []


def test_no_licence_is_a_note(project):
    path = project.root / "pyproject.toml"
    path.write_text(path.read_text().replace('license = "MIT"\n', ""))
    report = project.examine()
    assert (report.exit_code, codes(report)) == (0, ["PA250"])


def test_names_that_no_public_index_gives_away(project):
    project.write(
        name="asyncio", to='["pypi"]', more='[tool.hatch.build.targets.wheel]\ninclude = ["*.py"]\n'
    )
    assert "PA420" in codes(project.examine())
    project.write(
        name="asyncio", to='["local"]', more='[tool.hatch.build.targets.wheel]\ninclude = ["*.py"]\n'
    )
    assert codes(project.examine()) == []


@pytest.mark.posix("modes")
def test_a_pypirc_that_others_can_read(project):
    path = project.home / ".pypirc"
    path.write_text("[pypi]\n")
    path.chmod(0o644)
    assert codes(project.examine()) == ["PA312"]
    path.chmod(0o600)
    assert codes(project.examine()) == []


def test_a_registry_for_python_packages_at_github(project):
    more = '[tool.publish-all.repositories.corp]\nurl = "https://upload.pkg.github.com/sep/demo"\n'
    project.write(to='["corp"]', more=more)
    report = project.examine()
    assert (report.exit_code, codes(report)) == (4, ["PA443"])


def test_what_is_the_same_in_several_files_is_told_once(project):
    path = project.root / "pyproject.toml"
    path.write_text(path.read_text().replace('readme = "README.md"\n', ""))
    report = project.examine()
    assert codes(report) == ["PA215"]
    assert report.findings[0].where == "demo_module-1.0-py2.py3-none-any.whl, demo_module-1.0.tar.gz"


def test_a_pipeline_of_gitlab_stands_for_the_credential(project):
    project.write(to='["pypi"]')
    (project.root / ".gitlab-ci.yml").write_text("publish:\n  script: publish-all publish\n")
    report = project.examine()
    assert (report.exit_code, codes(report)) == (0, [])
    assert ".gitlab-ci.yml:2" in texts(report.examined[1], "credential")[0]


def test_a_credential_of_the_command_line_is_shown_to_one_destination_only(project):
    project.write(to='["pypi", "testpypi"]')
    connection = ConnectionOptions(username="me", password=Secret("canary"), runtime=project.runtime({}))
    report = doctor(PublishOptions(directory=project.root, offline=True, connection=connection))
    assert (report.exit_code, codes(report)) == (2, ["PA102"])
    assert [each.name for each in report.examined] == ["project"]
    one = replace(connection, repositories=("testpypi",))
    alone = doctor(PublishOptions(directory=project.root, offline=True, connection=one))
    assert (alone.exit_code, codes(alone)) == (3, ["PA305"])


@pytest.mark.parametrize(
    ("version", "code", "message"),
    [
        ("1.1", "PA239", "HEAD does not have the tag 1.1; the last tag is 1.0, 1 commit before"),
        ("1.1.dev1", "PA238", "1.1.dev1 is a development version: HEAD is 1 commit after the tag 1.0"),
        ("1.1+abc", "PA238", "1.1+abc is a development version: HEAD is 1 commit after the tag 1.0"),
    ],
)
def test_a_tag_is_advised_as_the_last_release_has_it_and_not_for_a_counted_version(
    project, version, code, message
):
    text = (project.root / "pyproject.toml").read_text().replace('version = "1.0"', 'dynamic = ["version"]')
    (project.root / "pyproject.toml").write_text(f'{text}[tool.hatch.version]\npath = "demo_module.py"\n')
    (project.root / "demo_module.py").write_text('__version__ = "1.0"\n')
    project.git("init", "-q", "-b", "main")
    project.git("add", "-A")
    project.git("commit", "-qm", "x")
    project.git("tag", "1.0")
    (project.root / "demo_module.py").write_text(f'__version__ = "{version}"\n')
    project.git("commit", "-qam", "y")
    found = project.examine().examined[0].findings
    assert [(each.code, each.message) for each in found] == [(code, message)]
    assert code == "PA238" or found[0].hint.endswith("git tag 1.1")

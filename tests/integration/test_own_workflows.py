"""The workflows of this repository: a release by tag (`make release-rehearsal`), and the first job of ci.yml (`make test-real`)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from github_fake import REPOSITORY, TOKEN, FakeGitHub, serving
from harness.environments import ROOT
from harness.projects import git
from oidc_index import OidcIndex
from workflow_runner import Runner

OURS = ("publish-all", "poetry-publish-all", "hatch-publish-all")


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with serving() as github:
        yield github


@pytest.fixture
def checkout(runner: Runner) -> Runner:
    """This repository at GitHub, with what is in the working tree committed."""
    git(ROOT, "clone", "-q", "--no-local", "--depth", "1", ROOT.as_uri(), str(runner.project))
    for name in git(ROOT, "ls-files", "--modified", "--others", "--exclude-standard").splitlines():
        target = runner.project / name
        if (ROOT / name).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
        else:
            target.unlink()
    git(runner.project, "checkout", "-q", "-B", "main")
    git(runner.project, "add", "-A")
    git(runner.project, "commit", "-q", "--allow-empty", "-m", "As it is here")
    return runner


@pytest.mark.rehearsal
@pytest.mark.timeout(900)
def test_a_tag_releases_all_three(checkout: Runner, job_index: OidcIndex, github: FakeGitHub) -> None:
    github.tags = ["v0.1.0"]
    git(checkout.project, "tag", "v0.1.0")
    runner = replace(
        checkout,
        repository=REPOSITORY.removeprefix("/repos/"),
        token=TOKEN,
        environment={
            **checkout.environment,
            "PUBLISH_ALL_REPOSITORIES_RELEASES_URL": f"{github.api}/repos/{{owner}}/{{repository}}",
        },
    )
    jobs = runner.run("release.yml", event="push", ref="v0.1.0")
    said = "\n".join(map(str, jobs))
    ran = [each.key for each in jobs if each.result == "success"]
    assert ran == ["build", *["testpypi"] * 3, *["pypi"] * 3, "releases", "pages"], said
    assert len(job_index.uploads) == 6  # what TestPyPI's stand-in has, PyPI's has too: they are one server
    assert len(github.files()) == 9  # and the metadata of each wheel
    for name in OURS:
        assert (checkout.folder / "artifacts" / "github-pages" / "simple" / name / "index.html").is_file()


@pytest.mark.real
@pytest.mark.timeout(1800)
def test_the_job_of_ci_without_servers_is_green(checkout: Runner) -> None:
    workflow = checkout.project / ".github" / "workflows" / "ci.yml"
    text = workflow.read_text(encoding="utf-8")
    lint = text[: text.index("\n  servers:")]
    workflow.write_text(
        lint.replace("'3.13'", f"'{sys.version_info[0]}.{sys.version_info[1]}'"), encoding="utf-8"
    )
    git(
        checkout.project,
        "commit",
        "-q",
        "-a",
        "-m",
        "Only the job that needs no servers, with the Python that is here",
    )
    jobs = checkout.run("ci.yml", event="workflow_dispatch")
    assert [each.result for each in jobs] == ["success"], "\n".join(map(str, jobs))

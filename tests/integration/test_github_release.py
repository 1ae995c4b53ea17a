"""`publish -r releases` by its command line, against GitHub's API as a server on loopback: failures, killed runs, two jobs."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from github_fake import REPOSITORY, TOKEN, Asked, FakeGitHub, Reply, problem, serving
from harness.environments import installed
from harness.process import Result, make_venv, pip_install, run
from made_files import make_sdist, make_wheel
from served import serving as index_serving

from publish_all.distributions.read import read_distribution

PYPROJECT = """\
[project]
name = "kindling"
version = "1.0"

[tool.publish-all.repositories.releases]
link = "sep/kindling"
"""


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with serving() as github:
        yield github


@dataclass(frozen=True, kw_only=True)
class Job:
    """A checkout with files of a release, and how they are published."""

    folder: Path
    files: tuple[Path, ...]
    environment: Mapping[str, str]

    @property
    def command(self) -> list[str]:
        names = [str(each.relative_to(self.folder)) for each in self.files]
        return [str(installed("dev", "publish-all")), "publish", "-r", "releases", "-n", *names]

    def publish(self, *options: str, check: bool = True) -> Result:
        return run(
            [*self.command, *options], cwd=self.folder, environment=self.environment, check=check, timeout=200
        )

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wanted(self) -> dict[str, str]:
        """The assets of the files, by name."""
        found = {}
        for each in self.files:
            found[each.name] = hashlib.sha256(each.read_bytes()).hexdigest()
            if each.suffix == ".whl":
                metadata = read_distribution(each).core_metadata
                found[f"{each.name}.metadata"] = hashlib.sha256(metadata).hexdigest()
        return found


@pytest.fixture
def job(tmp_path: Path, environment: Mapping[str, str], github: FakeGitHub) -> Job:
    return make_job(tmp_path / "checkout", environment, github)


def make_job(
    folder: Path, environment: Mapping[str, str], github: FakeGitHub, *projects: str, size: int = 2000
) -> Job:
    dist = folder / "dist"
    dist.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    files = [make_wheel(dist, each, "1.0", size=size) for each in projects or ("kindling", "kindling-spark")]
    return Job(
        folder=folder,
        files=(*files, make_sdist(dist, (projects or ("kindling",))[0], "1.0")),
        environment=dict(environment)
        | {
            "PUBLISH_ALL_REPOSITORIES_RELEASES_URL": f"{github.api}/repos/{{owner}}/{{repository}}",
            "PUBLISH_ALL_RELEASES_TOKEN": TOKEN,
        },
    )


def held(github: FakeGitHub) -> dict[str, str]:
    """The assets of the only release that there is."""
    assert len(github.releases) == 1
    assert not next(iter(github.releases.values()))["draft"]
    assert {each["state"] for each in github.assets.values()} == {"uploaded"}
    return {name: hashlib.sha256(content).hexdigest() for name, content in github.files().items()}


def test_a_release_is_published_and_comes_back(job: Job, github: FakeGitHub, tmp_path: Path) -> None:
    dry = job.publish("--dry-run")
    assert "3 files to upload" in dry.stdout
    assert not any(each.is_write for each in github.asked)

    done = job.publish()
    assert held(github) == job.wanted()
    assert "https://github.com/sep/kindling/releases/tag/v1.0" in done.stdout
    assert TOKEN not in done.output

    copied = {"PUBLISH_ALL_REPOSITORIES_MIRROR_KIND": "directory"} | {
        "PUBLISH_ALL_REPOSITORIES_MIRROR_URL": str(tmp_path / "mirror")
    }
    run(
        [
            installed("dev", "publish-all"),
            "publish",
            "--from",
            "releases",
            "-r",
            "mirror",
            "-n",
            "kindling==1.0",
        ],
        cwd=job.folder,
        environment={**job.environment, **copied},
        check=True,
    )
    simple = tmp_path / "mirror" / "simple" / "kindling"
    for name in ("kindling-1.0-py3-none-any.whl", "kindling-1.0.tar.gz"):
        assert hashlib.sha256((simple / name).read_bytes()).hexdigest() == job.wanted()[name]

    writes = [each for each in github.asked if each.is_write]
    assert "complete and verified" in job.publish().output
    assert [each for each in github.asked if each.is_write] == writes


def test_a_private_project_does_not_get_into_a_public_repository(job: Job, github: FakeGitHub) -> None:
    (job.folder / "pyproject.toml").write_text(f"{PYPROJECT}\n[tool.publish-all]\nprivate = true\n")
    done = job.publish(check=False)
    assert done.returncode != 0
    assert "PA208" in done.output
    assert not any(each.is_write for each in github.asked)


@pytest.mark.parametrize("private", [False, True])
def test_releases_are_listed_downloaded_and_installed_from(
    private: bool, job: Job, github: FakeGitHub, tmp_path: Path
) -> None:
    """With the user's own credential; `serve` shows a private repository only to who knows a password."""
    job.publish()
    github.about["private"] = private
    program = [str(installed("dev", "publish-all"))]
    words = ["-r", "releases", "kindling", "kindling-spark", "--format", "json"]
    listed = run([*program, "list", *words], cwd=job.folder, environment=job.environment, check=True)
    rows = json.loads(listed.stdout)["files"]
    assert {each["file"] for each in rows} == {each.name for each in job.files}
    assert {each["requires-python"] for each in rows} == {">=3.8", None}
    assert all(each["bytes"] and each["uploaded"] for each in rows)
    # Outside of the project, and by a plain line.
    elsewhere = {
        **job.environment,
        "PUBLISH_ALL_REPOSITORIES_RELEASES_URL": f"{github.api}/repos/sep/kindling",
    }
    words = ["-r", "releases", "kindling", "-d", "wheelhouse"]
    run([*program, "download", *words], cwd=tmp_path, environment=elsewhere, check=True)
    for each in (tmp_path / "wheelhouse").iterdir():
        assert hashlib.sha256(each.read_bytes()).hexdigest() == job.wanted()[each.name]

    python = make_venv(tmp_path / "python", elsewhere)
    clean = {name: value for name, value in elsewhere.items() if not name.endswith("_FIND_LINKS")}
    inner = [str(python), "-m", "pip", "install", "kindling==1.0"]
    command = [*program, "exec", "-r", "releases", "--private", "kindling", "--", *inner]
    run(command, cwd=tmp_path, environment=clean, check=True)

    with_password = {**clean, "PUBLISH_ALL_SERVE_PASSWORD": "open sesame"}
    fallback = ["--private", "kindling*", "--fallback", "http://127.0.0.1:9/simple/"]
    with index_serving(tmp_path / "index", "-r", "releases", *fallback, environment=with_password) as served:
        address = served.as_user("anyone", "open%20sesame")
        line = [python, "-m", "pip", "install", "--no-cache-dir", "--index-url", address, "kindling-spark"]
        run(line, cwd=tmp_path, environment=clean, check=True)
    with index_serving(tmp_path / "open", "-r", "releases", environment=clean) as served:
        line = [
            python,
            "-m",
            "pip",
            "download",
            "--no-cache-dir",
            "--index-url",
            served.simple,
            "kindling-spark",
        ]
        done = run(line, cwd=tmp_path, environment=clean)
        assert (done.returncode == 0) is not private


def test_failures_limits_and_lost_answers_lose_and_double_nothing(job: Job, github: FakeGitHub) -> None:
    uploads = iter([problem(502, "Bad Gateway"), None, problem(502, "Bad Gateway"), None, None])
    github.upload_hooks.append(lambda _: next(uploads, None))
    replies = iter(
        [
            problem(500, "Server Error"),
            None,
            problem(403, "You have exceeded a secondary rate limit", Retry_After="2"),
            None,
            problem(429, "Too many requests", Retry_After="1"),
        ]
    )
    github.hooks.append(lambda asked: next(replies, None) if asked.is_write else None)
    job.publish()
    assert held(github) == job.wanted()
    assert github.overlapping == 0


@pytest.mark.parametrize("private", [False, True])
def test_a_site_of_releases_installs(job: Job, github: FakeGitHub, tmp_path: Path, private: bool) -> None:
    """The files of a public repository stay on GitHub, those of a private one are copied."""
    github.about["private"] = private
    job.publish()
    site = tmp_path / "site"
    own = installed("dev", "publish-all")
    command = [own, "site", "-r", "releases", "-o", site, "--url", "https://wheels.example/"]
    unasked = run(command, cwd=job.folder, environment=job.environment)
    assert (unasked.returncode == 0) is not private, unasked
    if private:
        run([*command, "--own-credentials"], cwd=job.folder, environment=job.environment, check=True)
    page = (site / "simple" / "kindling" / "index.html").read_text(encoding="utf-8")
    wheel = "kindling-1.0-py3-none-any.whl"
    assert (f"{github.web}/sep/kindling/releases/download/v1.0/{wheel}" in page) is not private
    assert (site / "simple" / "kindling" / wheel).is_file() is private
    assert 'data-requires-python="&gt;=3.8"' in page
    assert "data-core-metadata" in page
    python = make_venv(tmp_path / "client", job.environment)
    index = f"{(site / 'simple').as_uri()}/"
    pip_install(python, "--index-url", index, "kindling==1.0", environment=job.environment)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX signal")
@pytest.mark.parametrize("when", ["created", "uploading", "uploaded"])
def test_a_killed_run_is_finished_by_the_next(
    tmp_path: Path, environment: Mapping[str, str], github: FakeGitHub, when: str
) -> None:
    job = make_job(tmp_path / "checkout", environment, github, "kindling", "kindling-spark", size=3_000_000)
    running: list[subprocess.Popen[str]] = []

    def kill(asked: Asked) -> Reply | None:
        is_file = asked.query.get("name", "").endswith(".whl")
        created = when == "created" and asked.query.get("name") is not None
        if running and (created or (when != "created" and is_file)):
            running.pop().send_signal(signal.SIGKILL)
            return problem(502, "Bad Gateway")
        return None

    (github.hooks if when == "created" else github.upload_hooks).append(kill)
    if when == "uploaded":  # the file is there, and its answer reaches nobody
        github.upload_hooks.clear()
        github.hooks.append(lambda asked: _kill_after(github, running, asked))
    child = job.start()
    running.append(child)
    child.communicate(timeout=120)
    assert child.returncode == -signal.SIGKILL
    assert next(iter(github.releases.values()))["draft"]

    job.publish()
    assert held(github) == job.wanted()


def _kill_after(github: FakeGitHub, running: list[subprocess.Popen[str]], asked: Asked) -> None:
    if running and any(name.endswith(".whl") for each in github.releases for name in github.files(each)):
        running.pop().send_signal(signal.SIGKILL)


@pytest.mark.parametrize("same", [True, False])
def test_two_jobs_at_once_make_one_release(
    tmp_path: Path, environment: Mapping[str, str], github: FakeGitHub, same: bool
) -> None:
    """Jobs of a matrix have files of their own; a job that was started twice has the same."""
    names = [("kindling", "kindling-spark")] * 2 if same else [("kindling-a", "kindling-b"), ("kindling-c",)]
    jobs = [
        make_job(tmp_path / f"checkout-{number}", environment, github, *each)
        for number, each in enumerate(names)
    ]
    children = [each.start() for each in jobs]
    told = [each.communicate(timeout=200)[0] for each in children]
    assert [each.returncode for each in children] == [0, 0], "\n".join(told)
    assert held(github) == jobs[0].wanted() | jobs[1].wanted()


def test_what_cannot_be_is_said_before_the_first_byte(job: Job, github: FakeGitHub) -> None:
    github.tags = []
    refused = job.publish(check=False)
    assert refused.returncode != 0
    assert "git push origin v1.0" in refused.stderr

    github.tags = ["v1.0"]
    github.add_release(immutable=True)
    refused = job.publish(check=False)
    assert "is immutable and accepts no more files" in refused.stderr

    github.hooks.append(lambda asked: problem(401, "Bad credentials"))
    refused = job.publish(check=False)
    assert "contents: write" in refused.stderr
    assert TOKEN not in refused.output
    assert not any(each.is_write for each in github.asked)


def test_a_project_cannot_send_the_token_elsewhere(job: Job) -> None:
    for key, value in {"url": "https://evil.example/repos/a/b", "kind": "legacy"}.items():
        (job.folder / "pyproject.toml").write_text(f"{PYPROJECT}{key} = '{value}'\n", encoding="utf-8")
        refused = job.publish(check=False)
        assert "a project cannot change the URL of the built-in repository 'releases'" in refused.stderr


def test_a_run_takes_a_second_for_each_write_and_not_more(job: Job, github: FakeGitHub) -> None:
    began = time.monotonic()
    job.publish()
    writes = len([each for each in github.asked if each.is_write])
    assert time.monotonic() - began >= writes - 1
    assert any(each.path.startswith(f"/api/uploads{REPOSITORY}") for each in github.asked)

"""Runs of `publish-all publish` from a project whose repository is behind a proxy, and what the server says of them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chaos_proxy import ChaosProxy
from harness.corp import corp_credentials, download, listed
from harness.environments import installed
from harness.process import Result, journal_of, run
from harness.servers import Server
from made_files import make_release

PROJECTS = 6

PYPROJECT = """\
[project]
name = "chaos"
version = "1.0"

[tool.publish-all.repositories.corp]
url = "{url}"
index-url = "{index_url}"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChaosProject:
    """A folder with a pyproject.toml and 12 files of 6 projects, to be published by their names."""

    folder: Path
    files: tuple[Path, ...]
    environment: Mapping[str, str]

    @property
    def command(self) -> list[object]:
        names = [each.relative_to(self.folder) for each in self.files]
        return [installed("dev", "publish-all"), "publish", "-r", "corp", "-n", *names]

    @property
    def journal(self) -> Path:
        return journal_of(self.folder, self.environment)

    def publish(self, *options: str, timeout: float = 280) -> Result:
        command = [*self.command, *options]
        return run(command, cwd=self.folder, environment=self.environment, timeout=timeout)

    def publish_on_a_full_disk(self, *, left: int, timeout: float = 280) -> Result:
        """A run in which no file can grow beyond `left` bytes: the journal breaks off, wherever it is then."""
        limit = f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({left}, {left})); os.execv(sys.argv[1], sys.argv[1:])"
        command = [sys.executable, "-c", limit, *self.command]
        return run(command, cwd=self.folder, environment=self.environment, timeout=timeout)

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(word) for word in self.command],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def make_project(
    folder: Path, server: Server, proxy: ChaosProxy, environment: Mapping[str, str], *, prefix: str
) -> ChaosProject:
    folder.mkdir()
    made = [make_release(folder / "dist", f"{prefix}-{number}") for number in range(PROJECTS)]
    urls = {"url": proxy.through(server.upload_url), "index_url": proxy.through(server.index_url)}
    (folder / "pyproject.toml").write_text(PYPROJECT.format(**urls), encoding="utf-8")
    return ChaosProject(
        folder=folder,
        files=tuple(path for release in made for path in release),
        environment=dict(environment) | corp_credentials(server),
    )


def held(server: Server, project: ChaosProject) -> dict[str, str]:
    """Filename → sha256 of the bytes that the server has of the project's files."""
    names = {path.name.split("-", maxsplit=1)[0].replace("_", "-") for path in project.files}
    urls = {name: url for each in names for name, url in listed(server, each).items()}
    return {name: hashlib.sha256(download(url)).hexdigest() for name, url in urls.items()}


def wanted(project: ChaosProject) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in project.files}


def stored(server: Server, project: ChaosProject) -> Counter[str]:
    """How often the server's own log says that it stored each of the files."""
    access_log = server.store.parent / "access.log" if server.store is not None else None
    log = access_log.read_text(encoding="utf-8") if access_log is not None else server.log()
    marks = ("' stored '", "ReleaseFile")  # pypiserver's words; devpi's
    lines = [line for line in log.splitlines() if any(mark in line for mark in marks)]
    return Counter(path.name for path in project.files for line in lines if path.name in line)


def assert_tells_the_truth(server: Server, project: ChaosProject, code: int) -> None:
    """0 only if the server has everything; 1, 2, 3, 4 and 6 only if it has stored nothing; else 5."""
    if code == 0:
        assert_once_and_identical(server, project)
    elif code != 5:
        times = stored(server, project)
        assert not times, f"ended with {code}, and these are stored: {times}"


def assert_once_and_identical(server: Server, project: ChaosProject) -> None:
    has, should = held(server, project), wanted(project)
    assert has == should, f"the server has {has}, should have {should}"
    times = stored(server, project)
    assert times == Counter(should.keys()), f"stored so many times: {times}"

"""`publish-all serve` as a child, and small wheels that pip and uv install."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.environments import installed
from harness.process import ServerProcess, free_port
from harness.servers import Registry, answers

from publish_all.config.kinds import DIRECTORY
from publish_all.config.model import RepositoryConfig
from publish_all.distributions.distribution import Release
from publish_all.distributions.read import read_distribution
from publish_all.repositories.directory import DirectoryRepository
from publish_all.results import FileState


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """A running index server. `cache` is where it keeps what it fetched."""

    url: str
    port: int
    cache: Path
    process: ServerProcess

    @property
    def simple(self) -> str:
        return f"{self.url}/simple/"

    def as_user(self, username: str, password: str) -> str:
        """The index's URL, with a user in it."""
        return self.simple.replace("://", f"://{username}:{password}@")

    def log(self) -> str:
        return self.process.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def serving(
    folder: Path, *arguments: str | Path, environment: Mapping[str, str], port: int = 0
) -> Iterator[Served]:
    folder.mkdir(parents=True, exist_ok=True)
    cache = folder / "cache"
    port = port or free_port()
    command = [program(), "serve", "--port", str(port), "--cache-dir", cache, *arguments]
    process = ServerProcess(command, log=folder / "serve.log", environment=environment)
    served = Served(url=f"http://127.0.0.1:{port}", port=port, cache=cache, process=process)
    try:
        assert process.wait_until(partial(answers, f"{served.url}/health")), served.log()
        yield served
    finally:
        process.stop()


def program() -> Path:
    return installed("dev", "publish-all")


def github_at(registry: Registry) -> dict[str, str]:
    """The user points `github` at a registry, as for GitHub Enterprise."""
    return {
        "PUBLISH_ALL_REPOSITORIES_GITHUB_URL": f"http://{registry.host}/{{owner}}",
        "GITHUB_REPOSITORY_OWNER": "Sep",
    }


def static_index(folder: Path, *files: Path) -> Path:
    """A folder as `publish -r local` writes it."""
    config = RepositoryConfig(name="local", kind=DIRECTORY, url=str(folder))
    repository = DirectoryRepository(config)
    for path in files:
        file = read_distribution(path)
        assert repository.upload(file).status is FileState.UPLOADED
        repository.commit(Release(project=file.project, version=file.version, distributions=(file,)))
    return folder


def wheel(folder: Path, name: str, version: str, *, requires: Sequence[str] = (), padding: int = 0) -> Path:
    """A wheel whose module says its version; `padding` is in bytes that don't compress."""
    folder.mkdir(parents=True, exist_ok=True)
    package = name.replace("-", "_").replace(".", "_")
    info = f"{package}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    members = {
        f"{package}/__init__.py": f"VERSION = {version!r}\n".encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if padding:
        members[f"{package}/padding.bin"] = os.urandom(padding)
    lines = [f"{member},sha256={_digest(content)},{len(content)}\n" for member, content in members.items()]
    members[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"]).encode()
    path = folder / f"{package}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as opened:
        for member, content in members.items():
            opened.writestr(zipfile.ZipInfo(member), content)
    return path


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")

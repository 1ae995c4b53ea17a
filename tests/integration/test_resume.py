"""A run that dies is run again, and goes on with the files that it had built: built anew they would be others."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from chaos_proxy import ChaosProxy, chaos_proxy
from harness.corp import corp_credentials, download, listed
from harness.environments import installed
from harness.process import Result, journal_of, run
from harness.servers import Server

PYPROJECT = """\
[build-system]
requires = ["setuptools>=68"]
build-backend = "setuptools.build_meta"

[project]
name = "stale"
version = "1.0"
description = "Its wheel and sdist hold the time at which they were built."

[tool.setuptools]
py-modules = ["stale"]

[tool.publish-all.repositories.corp]
url = "{url}"
index-url = "{index_url}"
"""
SETUP = """\
import time
from pathlib import Path
from setuptools import setup

Path("stale.py").write_text(f"BUILT = {time.time_ns()}\\n")
setup()
"""


COMMAND = [installed("dev", "publish-all"), "publish", "-r", "corp", "-n", "-j", "1"]


@pytest.fixture
def proxy(pypiserver: Server) -> Iterator[ChaosProxy]:
    with chaos_proxy(pypiserver.upload_url, seed=0, rate=0.0) as proxy:
        yield proxy


@dataclass(frozen=True, kw_only=True)
class Killed:
    """A publish that was killed when one of its two files was uploaded. `built` has their hashes."""

    project: Path
    environment: Mapping[str, str]
    built: Mapping[str, str]

    def publish(self, *options: str, check: bool = True) -> Result:
        command = [*COMMAND, *options]
        return run(command, cwd=self.project, environment=self.environment, check=check)


@pytest.fixture
def killed(tmp_path: Path, pypiserver: Server, proxy: ChaosProxy, environment: Mapping[str, str]) -> Killed:
    project = tmp_path / "stale"
    project.mkdir()
    urls = {"url": proxy.through(pypiserver.upload_url), "index_url": proxy.through(pypiserver.index_url)}
    (project / "pyproject.toml").write_text(PYPROJECT.format(**urls), encoding="utf-8")
    (project / "setup.py").write_text(SETUP, encoding="utf-8")
    (project / "stale.py").write_text("BUILT = 0\n", encoding="utf-8")
    both = dict(environment) | corp_credentials(pypiserver)

    with subprocess.Popen([str(word) for word in COMMAND], cwd=project, env=both) as child:
        assert proxy.wait_for_upload(1, seconds=120)
        child.send_signal(signal.SIGKILL)
    assert len(listed(pypiserver, "stale")) == 1
    return Killed(project=project, environment=both, built=hashes(project / "dist"))


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX signal")
def test_project_whose_rebuild_gives_other_bytes_is_finished(killed: Killed, pypiserver: Server) -> None:
    assert "not built again" in killed.publish().stderr
    assert_published(killed, pypiserver)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX signal")
def test_what_a_damaged_journal_advises_finishes_the_run(killed: Killed, pypiserver: Server) -> None:
    journal = journal_of(killed.project, killed.environment)
    header, *records = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([header, b"nonsense\n", *records]))
    damaged = journal.read_bytes()
    refused = killed.publish(check=False)
    assert refused.returncode == 1
    assert "line 2 is not a journal record" in refused.stderr
    assert "--fresh --no-build" in refused.stderr

    killed.publish("--fresh", "--no-build", "--dry-run")
    assert journal.read_bytes() == damaged

    assert "may already be public: stale-1.0" in killed.publish("--fresh", "--no-build").stderr
    assert_published(killed, pypiserver)


def assert_published(killed: Killed, pypiserver: Server) -> None:
    """Both files are there as they were built before, and nothing was built anew."""
    assert hashes(killed.project / "dist") == killed.built
    urls = listed(pypiserver, "stale")
    assert {name: hashlib.sha256(download(url)).hexdigest() for name, url in urls.items()} == killed.built
    assert len(killed.built) == 2


def hashes(folder: Path) -> dict[str, str]:
    files = [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

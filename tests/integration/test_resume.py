"""A run that dies is run again, and goes on with the files that it had built: built anew they would be others."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from chaos_proxy import ChaosProxy, chaos_proxy
from harness.corp import corp_credentials, download, listed
from harness.environments import installed
from harness.process import run
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


@pytest.fixture
def proxy(pypiserver: Server) -> Iterator[ChaosProxy]:
    with chaos_proxy(pypiserver.upload_url, seed=0, rate=0.0) as proxy:
        yield proxy


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX signal")
def test_project_whose_rebuild_gives_other_bytes_is_finished(
    tmp_path: Path, pypiserver: Server, proxy: ChaosProxy, environment: Mapping[str, str]
) -> None:
    project = tmp_path / "stale"
    project.mkdir()
    urls = {"url": proxy.through(pypiserver.upload_url), "index_url": proxy.through(pypiserver.index_url)}
    (project / "pyproject.toml").write_text(PYPROJECT.format(**urls), encoding="utf-8")
    (project / "setup.py").write_text(SETUP, encoding="utf-8")
    (project / "stale.py").write_text("BUILT = 0\n", encoding="utf-8")
    command = [installed("dev", "publish-all"), "publish", "-r", "corp", "-n", "-j", "1"]
    both = dict(environment) | corp_credentials(pypiserver)

    with subprocess.Popen([str(word) for word in command], cwd=project, env=both) as child:
        assert proxy.wait_for_upload(1, seconds=120)
        child.send_signal(signal.SIGKILL)
    assert len(listed(pypiserver, "stale")) == 1
    built = hashes(project / "dist")

    done = run(command, cwd=project, environment=both, check=True)

    assert "not built again" in done.stderr
    assert hashes(project / "dist") == built
    urls = listed(pypiserver, "stale")
    assert {name: hashlib.sha256(download(url)).hexdigest() for name, url in urls.items()} == built
    assert len(built) == 2


def hashes(folder: Path) -> dict[str, str]:
    files = [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

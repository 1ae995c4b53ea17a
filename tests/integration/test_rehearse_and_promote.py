"""The same bytes in one repository after another: first rehearsed at the test index, or promoted later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from harness.corp import corp_credentials, listed, state_corp
from harness.environments import installed
from harness.hosts import Host
from harness.projects import built, git
from harness.servers import Server
from made_files import make_sdist, make_wheel


@pytest.fixture
def publish_all(environment: dict[str, str]) -> Host:
    program = installed("poetry-newest", "publish-all")
    return Host(name="publish-all", program=program, environment=environment)


@pytest.fixture
def test_index(open_pypiserver: Server) -> dict[str, str]:
    """The environment of a user whose test index is another one than PyPI's."""
    return {
        "PUBLISH_ALL_REPOSITORIES_TESTPYPI_URL": open_pypiserver.upload_url,
        "PUBLISH_ALL_REPOSITORIES_TESTPYPI_INDEX_URL": open_pypiserver.index_url,
    }


def hashes(folder: Path | None) -> Mapping[str, str]:
    assert folder is not None
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in built(folder)}


def test_what_is_rehearsed_goes_on_unchanged(
    kindling: Path, publish_all: Host, test_index: dict[str, str], open_pypiserver: Server, pypiserver: Server
) -> None:
    state_corp(kindling, pypiserver)
    words = ("publish", "-n", "--rehearse", "-r", "corp", "--variant", "synapse")
    done = publish_all(*words, cwd=kindling, environment={**test_index, **corp_credentials(pypiserver)})
    assert done.returncode == 0, done
    assert "install kindling-synapse 0.4.2 from testpypi" in done.stderr
    assert len(hashes(pypiserver.store)) == 2
    assert hashes(pypiserver.store) == hashes(open_pypiserver.store)


def test_what_cannot_be_imported_goes_no_further(
    kindling: Path, publish_all: Host, test_index: dict[str, str], open_pypiserver: Server, pypiserver: Server
) -> None:
    state_corp(kindling, pypiserver)
    package = kindling / "packages" / "kindling" / "__init__.py"
    package.write_text(f"{package.read_text()}\nimport a_module_that_nobody_has\n")
    git(kindling, "commit", "-q", "-a", "-m", "break it")
    words = ("publish", "-n", "--rehearse", "-r", "corp", "--variant", "synapse", "--format", "json")
    done = publish_all(*words, cwd=kindling, environment={**test_index, **corp_credentials(pypiserver)})
    assert done.returncode == 5, done
    told = json.loads(done.stdout)
    assert (told["exit_code"], told["complete"]) == (5, False)
    assert [(each["name"], each["started"]) for each in told["repositories"]] == [
        ("testpypi", True),
        ("corp", False),
    ]
    assert "a_module_that_nobody_has" in told["stopped_by"]
    assert "import kindling of kindling-synapse 0.4.2 failed" in done.stderr
    assert "a_module_that_nobody_has" in done.stderr
    assert "new version" in done.stderr
    assert len(hashes(open_pypiserver.store)) == 2
    assert hashes(pypiserver.store) == {}


def test_the_very_bytes_are_promoted(
    tmp_path: Path, publish_all: Host, open_pypiserver: Server, pypiserver: Server
) -> None:
    files = [make_wheel(tmp_path, "moved", "1.0"), make_sdist(tmp_path, "moved", "1.0")]
    others = [make_wheel(tmp_path, "moved", "0.9"), make_wheel(tmp_path, "moved-not", "1.0")]
    project = state_both(tmp_path / "project", open_pypiserver, pypiserver)
    first = publish_all("publish", "-n", "-r", "source", *map(str, files + others), cwd=project)
    assert first.returncode == 0, first

    words = ("publish", "-n", "--from", "source", "-r", "corp", "moved==1.0")
    done = publish_all(*words, cwd=project, environment=corp_credentials(pypiserver))
    assert done.returncode == 0, done
    expected = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert hashes(pypiserver.store) == expected
    assert sorted(listed(pypiserver, "moved")) == sorted(expected)

    again = publish_all(*words, cwd=project, environment=corp_credentials(pypiserver))
    assert again.returncode == 0, again
    assert hashes(pypiserver.store) == expected


def test_a_release_that_the_source_lacks_is_told(
    tmp_path: Path, publish_all: Host, open_pypiserver: Server, pypiserver: Server
) -> None:
    project = state_both(tmp_path / "project", open_pypiserver, pypiserver)
    wheel = make_wheel(tmp_path, "moved", "0.9")
    assert publish_all("publish", "-n", "-r", "source", str(wheel), cwd=project).returncode == 0
    words = ("publish", "-n", "--from", "source", "-r", "corp", "moved==1.0")
    done = publish_all(*words, cwd=project, environment=corp_credentials(pypiserver))
    assert done.returncode == 1, done
    assert "source" in done.stderr
    assert "moved 1.0" in done.stderr
    assert "0.9" in done.stderr
    assert hashes(pypiserver.store) == {}


def state_both(project: Path, source: Server, corp: Server) -> Path:
    project.mkdir()
    tables = "".join(
        f'\n[tool.publish-all.repositories.{name}]\nurl = "{each.upload_url}"\nindex-url = "{each.index_url}"\n'
        for name, each in (("source", source), ("corp", corp))
    )
    (project / "pyproject.toml").write_text(f'[project]\nname = "moved"\nversion = "1.0"\n{tables}')
    return project

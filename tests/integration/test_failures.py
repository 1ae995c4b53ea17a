"""What a user is told, and which code comes back, when something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from harness import hosts
from harness.corp import corp_credentials, state_corp
from harness.environments import installed
from harness.hosts import Host
from harness.process import Result, free_port
from harness.projects import built, git
from harness.servers import Server

Publish = Callable[..., Result]
WRONG = "not-the-password-at-all"


@pytest.fixture(params=["publish-all", "poetry"])
def publish(request: pytest.FixtureRequest, environment: dict[str, str]) -> Publish:
    """Publish a project to `corp`, with our own command line and with Poetry's."""
    if request.param == "poetry":
        poetry = hosts.poetry("newest", environment)
        host, words = poetry, ("publish-all", "-r", "corp", "-n")
    else:
        program = installed("poetry-newest", "publish-all")
        host = Host(name="publish-all", program=program, environment=environment)
        words = ("publish", "-r", "corp", "-n")

    def run(project: Path, variables: Mapping[str, str] | None = None) -> Result:
        return host(*words, cwd=project, environment=variables)

    return run


def test_wrong_password(kindling: Path, publish: Publish, pypiserver: Server) -> None:
    state_corp(kindling, pypiserver)
    done = publish(kindling, corp_credentials(pypiserver, password=WRONG))
    assert done.returncode == 3, done
    assert "corp" in done.stderr
    assert pypiserver.upload_url in done.stderr
    assert "PUBLISH_ALL_CORP_PASSWORD" in done.stderr
    assert "hint" in done.stderr.lower() or "→" in done.stderr or "next" in done.stderr.lower(), done
    assert WRONG not in done.output
    assert pypiserver.store is not None
    assert built(pypiserver.store) == []


def test_no_credential_at_all(kindling: Path, publish: Publish, pypiserver: Server) -> None:
    state_corp(kindling, pypiserver)
    done = publish(kindling)
    assert done.returncode == 3, done
    assert "corp" in done.stderr
    assert "PUBLISH_ALL_CORP_" in done.stderr


def test_misspelt_table(kindling: Path, publish: Publish) -> None:
    pyproject = kindling / "pyproject.toml"
    pyproject.write_text(pyproject.read_text() + '\n[tool.publish-all.varaints.extra]\nname = "x"\n')
    done = publish(kindling)
    assert done.returncode == 2, done
    assert "tool.publish-all.varaints" in done.stderr
    assert "variants" in done.stderr.replace("varaints", "")
    assert "pyproject.toml" in done.stderr


def test_unknown_repository(kindling: Path, publish: Publish) -> None:
    table = '\n[tool.publish-all.repositories.crop]\nurl = "https://pypi.corp.example/"\n'
    pyproject = kindling / "pyproject.toml"
    pyproject.write_text(pyproject.read_text() + table)
    done = publish(kindling)
    assert done.returncode == 2, done
    assert "corp" in done.stderr
    assert "crop" in done.stderr


def test_server_down(kindling: Path, publish: Publish) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    pyproject = kindling / "pyproject.toml"
    table = f'\n[tool.publish-all.repositories.corp]\nurl = "{url}"\nindex-url = "{url}simple/"\n'
    pyproject.write_text(pyproject.read_text() + table)
    git(kindling, "commit", "-qam", "a repository that is down")
    variables = {"PUBLISH_ALL_CORP_USERNAME": "dev", "PUBLISH_ALL_CORP_PASSWORD": "irrelevant"}
    done = publish(kindling, variables)
    assert done.returncode == 1, done
    assert url.rstrip("/") in done.stderr
    assert done.seconds < 30, done


def test_another_file_of_the_same_name_is_a_conflict(
    kindling: Path, publish: Publish, pypiserver: Server
) -> None:
    state_corp(kindling, pypiserver)
    credentials = corp_credentials(pypiserver)
    assert publish(kindling, credentials).returncode == 0
    (kindling / "packages" / "kindling" / "pipes.py").write_text('"""Changed without a new version."""\n')
    assert pypiserver.store is not None
    before = {path.name: path.read_bytes() for path in pypiserver.store.iterdir()}
    git(kindling, "commit", "-qam", "change without a new version")

    done = publish(kindling, credentials)

    assert done.returncode == 6, done
    assert {path.name: path.read_bytes() for path in pypiserver.store.iterdir()} == before


def test_wrong_password_with_hatch(fastorm: Path, hatch: Host, pypiserver: Server) -> None:
    state_corp(fastorm, pypiserver)
    hatch("build", cwd=fastorm, check=True)
    arguments = ("publish", "-p", "publish-all", "-r", "corp", "-n", "-u", "dev", "-a", WRONG)
    done = hatch(*arguments, cwd=fastorm)
    assert done.returncode == 3, done
    assert "corp" in done.stderr
    assert pypiserver.upload_url in done.stderr
    assert WRONG not in done.output

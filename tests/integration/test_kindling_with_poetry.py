"""The Poetry example through `poetry publish-all`: what is uploaded, and that it is what the hand-made loop gave."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest
from harness.corp import corp_credentials, download, listed, state_corp
from harness.hosts import Host
from harness.process import make_venv, pip_install, run
from harness.projects import JUNK, built, git_status, members, metadata
from harness.servers import Server

VARIANTS = ("synapse", "databricks", "fabric")
VERSION = "0.4.2"
FILES = sorted(
    f"kindling_{variant}-{VERSION}{ending}"
    for variant in VARIANTS
    for ending in (".tar.gz", "-py3-none-any.whl")
)
COMPARED = (
    "Name",
    "Version",
    "Summary",
    "Requires-Python",
    "Requires-Dist",
    "Provides-Extra",
    "Classifier",
    "Keywords",
    "Author",
    "Author-email",
    "Project-URL",
    "Description-Content-Type",
    "Metadata-Version",
)

# Preflight may post a form without a file, to learn whether the server takes uploads from us at all.
ONE_QUESTION = 1


def posts(log: str) -> int:
    """How many POSTs to an upload URL a server's log tells of: its requests, not its other lines."""
    return len(re.findall(r"(?:LocalRequest: |\[req\d+\] )POST ", log))


def all_listed(server: Server) -> dict[str, str]:
    return {name: url for variant in VARIANTS for name, url in listed(server, f"kindling-{variant}").items()}


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize(
    ("poetry", "server"),
    [("lowest", "pypiserver"), ("newest", "pypiserver"), ("newest", "devpi")],
    indirect=True,
)
def test_publishes_six_files_and_the_second_time_none(kindling: Path, poetry: Host, server: Server) -> None:
    state_corp(kindling, server)
    credentials = corp_credentials(server)

    first = poetry("publish-all", "-r", "corp", cwd=kindling, environment=credentials)

    assert first.returncode == 0, first
    assert posts(server.log()) >= len(FILES)
    assert sorted(all_listed(server)) == FILES
    for name, url in all_listed(server).items():
        local = (kindling / "dist" / name).read_bytes()
        assert hashlib.sha256(download(url)).digest() == hashlib.sha256(local).digest(), name
    assert git_status(kindling) == ""

    before = server.log()
    second = poetry("publish-all", "-r", "corp", cwd=kindling, environment=credentials)

    assert second.returncode == 0, second
    assert "nothing to upload" in second.output.lower(), second
    assert posts(server.log().removeprefix(before)) <= ONE_QUESTION
    assert sorted(all_listed(server)) == FILES


def test_credentials_and_url_as_poetry_users_state_them(
    kindling: Path, poetry: Host, pypiserver: Server
) -> None:
    environment = {
        "POETRY_REPOSITORIES_CORP_URL": pypiserver.upload_url,
        "POETRY_HTTP_BASIC_CORP_USERNAME": str(pypiserver.username),
        "POETRY_HTTP_BASIC_CORP_PASSWORD": str(pypiserver.password),
    }
    done = poetry("publish-all", "-r", "corp", cwd=kindling, environment=environment)
    assert done.returncode == 0, done
    assert pypiserver.store is not None
    assert built(pypiserver.store) == FILES


def hand_made_loop(project: Path, poetry: Host) -> Path:
    """The users' own loop, line by line; gives the folder with the wheels and sdists."""
    output = project.parent / "by-hand"
    output.mkdir()
    build = project / "build"
    for variant in VARIANTS:
        shutil.rmtree(build, ignore_errors=True)
        build.mkdir()
        shutil.copytree(project / "packages" / "kindling", build / "kindling")
        shutil.copy(project / "build-configs" / f"{variant}.toml", build / "pyproject.toml")
        shutil.copy(project / "README.md", build)
        poetry("build", cwd=build, check=True)
        for path in (build / "dist").iterdir():
            shutil.move(path, output)
    shutil.rmtree(build)
    return output


def test_wheels_are_those_of_the_hand_made_loop(kindling: Path, newest_poetry: Host) -> None:
    by_hand = hand_made_loop(kindling, newest_poetry)
    newest_poetry("build-all", cwd=kindling, check=True)

    assert built(kindling / "dist") == FILES == built(by_hand)
    leaked = {path.removeprefix("packages/") for path in JUNK if path.startswith("packages/")}
    for name in FILES:
        if not name.endswith(".whl"):
            continue
        ours, theirs = kindling / "dist" / name, by_hand / name
        assert leaked & set(members(theirs)), "the loop no longer leaks: the junk of this test is not junk"
        assert members(ours) == sorted(set(members(theirs)) - leaked)
        for header in COMPARED:
            assert metadata(ours).get_all(header) == metadata(theirs).get_all(header), header
        assert metadata(ours).get_payload() == metadata(theirs).get_payload()


def test_builds_leave_the_tree_as_it_was_and_ship_nothing_ignored(kindling: Path, poetry: Host) -> None:
    before = {
        path: path.read_bytes() for path in kindling.rglob("*") if path.is_file() and ".git" not in path.parts
    }

    poetry("build-all", cwd=kindling, check=True)

    after = {
        path: path.read_bytes()
        for path in kindling.rglob("*")
        if path.is_file() and ".git" not in path.parts and "dist" not in path.parts
    }
    assert after == before
    assert git_status(kindling) == ""
    for wheel in (kindling / "dist").glob("*.whl"):
        assert not [name for name in members(wheel) if "secrets" in name or "__pycache__" in name]


def test_two_builds_give_the_same_bytes(kindling: Path, newest_poetry: Host) -> None:
    newest_poetry("build-all", cwd=kindling, check=True)
    first = {name: (kindling / "dist" / name).read_bytes() for name in FILES}
    shutil.rmtree(kindling / "dist")
    (kindling / "packages" / "kindling" / "pipes.py").touch()
    newest_poetry("build-all", cwd=kindling, check=True)
    assert first == {name: (kindling / "dist" / name).read_bytes() for name in FILES}


def test_nothing_foreign_in_dist_is_uploaded(kindling: Path, newest_poetry: Host, pypiserver: Server) -> None:
    assert pypiserver.store is not None
    state_corp(kindling, pypiserver)
    newest_poetry("build-all", cwd=kindling, check=True)
    genuine = {name: (kindling / "dist" / name).read_bytes() for name in FILES}
    shutil.rmtree(kindling / "dist")
    plant_foreign_files(kindling, newest_poetry)

    done = newest_poetry("publish-all", "-r", "corp", cwd=kindling, environment=corp_credentials(pypiserver))

    assert done.returncode == 0, done
    assert built(pypiserver.store) == FILES
    assert {name: (pypiserver.store / name).read_bytes() for name in FILES} == genuine


def plant_foreign_files(project: Path, poetry: Host) -> None:
    """A stale sdist, a wheel of another project, and a wheel of our name and version from other sources."""
    other = project.parent / "other-sources"
    shutil.copytree(project, other)
    (other / "packages" / "kindling" / "pipes.py").write_text("raise SystemExit('not the release')\n")
    poetry("build-all", "--variant", "synapse", cwd=other, check=True)
    dist = project / "dist"
    dist.mkdir()
    wheel = f"kindling_synapse-{VERSION}-py3-none-any.whl"
    shutil.copy(other / "dist" / wheel, dist / wheel)
    shutil.copy(other / "dist" / wheel, dist / "foreign-1.0-py3-none-any.whl")
    shutil.copy(other / "dist" / f"kindling_synapse-{VERSION}.tar.gz", dist / "kindling_synapse-9.9.9.tar.gz")


def test_dry_run_prints_the_plan_and_uploads_nothing(
    kindling: Path, newest_poetry: Host, pypiserver: Server
) -> None:
    assert pypiserver.store is not None
    state_corp(kindling, pypiserver)
    arguments = ("publish-all", "-r", "corp", "--dry-run")
    done = newest_poetry(*arguments, cwd=kindling, environment=corp_credentials(pypiserver))
    assert done.returncode == 0, done
    for name in FILES:
        assert name in done.output
    assert built(pypiserver.store) == []
    assert posts(pypiserver.log()) <= ONE_QUESTION


def test_pip_installs_what_was_published(
    kindling: Path, newest_poetry: Host, devpi: Server, environment: dict[str, str], tmp_path: Path
) -> None:
    state_corp(kindling, devpi)
    arguments = ("publish-all", "-r", "corp", "--variant", "databricks")
    newest_poetry(*arguments, cwd=kindling, environment=corp_credentials(devpi), check=True)
    assert set(all_listed(devpi)) == {name for name in FILES if "databricks" in name}

    python = make_venv(tmp_path / "venv", environment)
    pip_install(
        python, "--no-deps", "--index-url", devpi.index_url, "kindling-databricks", environment=environment
    )
    code = "import kindling; print(kindling.default_settings())"
    imported = run([python, "-c", code], cwd=tmp_path, environment=environment, check=True)
    assert "optimize_write" in imported.stdout

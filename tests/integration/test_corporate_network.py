"""Everything once where people work in companies: a forward proxy with a password, a private authority, a user without
a home, a checkout that cannot be written."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from corporate_network import CompanyIndex, ForwardProxy, behind_tls, company_authority
from harness import servers
from harness.environments import installed, not_there
from harness.process import Result, run
from made_files import make_wheel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a user without a home is of POSIX")

INDEX, REGISTRY = "pypi.corp.example", "registry.corp.example"
NAME = "made-for-tests"
PYPROJECT = f"""\
[project]
name = "{NAME}"
version = "1.0"

[tool.publish-all]
publish-to = ["corp", "registry"]

[tool.publish-all.repositories.corp]
url = "https://{INDEX}/legacy/"
index-url = "https://{INDEX}/simple/"

[tool.publish-all.repositories.registry]
kind = "oci"
url = "https://{REGISTRY}/team"
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may enter, other than those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="corporate-"))
    folder.chmod(0o755)
    yield folder
    for each in (folder / "checkout").rglob("*"):
        each.chmod(0o755)
    (folder / "checkout").chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def checkout(place: Path) -> Path:
    """A project with a wheel in `dist`, in which nothing can be written."""
    folder = place / "checkout"
    (folder / "dist").mkdir(parents=True)
    make_wheel(folder / "dist", NAME, "1.0")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    for each in (folder, *folder.rglob("*")):
        each.chmod(0o555 if each.is_dir() else 0o444)
    return folder


@pytest.fixture
def index() -> CompanyIndex:
    return CompanyIndex({INDEX: ("dev", "correct-horse")})


@pytest.fixture
def proxy(
    place: Path, index: CompanyIndex, registry_with_password: servers.Registry
) -> Iterator[ForwardProxy]:
    _, context = company_authority(place / "authority", [INDEX, REGISTRY])
    plain = int(registry_with_password.host.rpartition(":")[2])
    started = ForwardProxy({INDEX: index.start(context), REGISTRY: behind_tls(context, plain)})
    yield started
    started.close()


@pytest.fixture
def user(
    place: Path, proxy: ForwardProxy, environment: dict[str, str], registry_with_password: servers.Registry
) -> dict[str, str]:
    """The environment of a job in a container: credentials in variables, no home and no folders of a user."""
    pair = f"{registry_with_password.username}:{registry_with_password.password}"
    logins = {"auths": {REGISTRY: {"auth": base64.b64encode(pair.encode()).decode()}}}
    without = {name for name in environment if name.startswith(("XDG_", "POETRY_", "HATCH_"))} | {
        "HOME",
        "SSL_CERT_DIR",
        "CURL_CA_BUNDLE",
        "UV_CACHE_DIR",
        "PIP_CACHE_DIR",
        "PIP_FIND_LINKS",
        "UV_FIND_LINKS",
    }
    return {name: value for name, value in environment.items() if name not in without} | {
        "HTTPS_PROXY": proxy.url,
        "NO_PROXY": "",
        "REQUESTS_CA_BUNDLE": str(place / "authority" / "ca.pem"),
        "PUBLISH_ALL_CORP_USERNAME": "dev",
        "PUBLISH_ALL_CORP_PASSWORD": "correct-horse",
        "DOCKER_AUTH_CONFIG": json.dumps(logins),
        "TMPDIR": "/tmp",
    }


def as_nobody(command: Sequence[object], *, cwd: Path, environment: dict[str, str]) -> Result:
    """Run it as a user whom the system does not know, where we may; else as we are, without a home."""
    setpriv = shutil.which("setpriv") if os.getuid() == 0 else None
    other = [setpriv, "--reuid", "54321", "--regid", "54321", "--clear-groups"] if setpriv else []
    return run([*other, *command], cwd=cwd, environment=environment)


def python_for_all() -> Path:
    """An interpreter that every user may start: the one of the tests may be in somebody's home."""
    candidates = (Path(sys.executable).resolve(), Path("/usr/bin/python3").resolve())
    found = next((each for each in candidates if each.is_file() and is_open_to_all(each)), None)
    return found or not_there("an interpreter for all users", "on Debian: apt install python3")


def is_open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


def test_from_publish_to_install(
    checkout: Path,
    place: Path,
    user: dict[str, str],
    proxy: ForwardProxy,
    index: CompanyIndex,
    environment: dict[str, str],
) -> None:
    publish_all = installed("dev", "publish-all")
    (wheel,) = (checkout / "dist").iterdir()
    writable = place / "writable"
    writable.mkdir()
    writable.chmod(0o777)
    python = place / "venv" / "bin" / "python"
    venv = [installed("dev", "uv"), "venv", "-q", "--seed", "--python", python_for_all(), place / "venv"]
    run(venv, cwd=place, environment=environment, check=True)

    def done(*words: object) -> Result:
        found = as_nobody([publish_all, *words], cwd=checkout, environment=user)
        assert found.returncode == 0, str(found)
        assert "Traceback" not in found.output
        assert "correct-horse" not in found.output
        return found

    done("publish", "-n", wheel)
    assert index.files[INDEX] == {wheel.name: wheel.read_bytes()}
    assert "nothing to upload" in done("publish", "-n", wheel).output
    credentials = {
        each["name"]: each["credential"]
        for each in json.loads(done("repositories", "--format", "json").stdout)["repositories"]
    }
    assert credentials["corp"] == "dev, environment variable PUBLISH_ALL_CORP_PASSWORD"
    assert credentials["registry"].endswith("environment variable DOCKER_AUTH_CONFIG")
    assert wheel.name in done("list", "-r", "registry", NAME).stdout
    done("download", "-r", "registry", NAME, "-d", writable / "wheelhouse")
    assert (writable / "wheelhouse" / wheel.name).read_bytes() == wheel.read_bytes()
    into = writable / "installed"
    pip = [python, "-m", "pip", "install", "--no-cache-dir", "--target", into, NAME]
    done("exec", "-r", "registry", "--private", "made-*", "--no-fallback", "--", *pip)
    assert (into / "made_for_tests" / "__init__.py").is_file()

    assert set(proxy.connected) == {INDEX, REGISTRY}
    assert proxy.refused == []
    assert sorted(each.name for each in checkout.rglob("*")) == sorted(["dist", "pyproject.toml", wheel.name])


def test_a_proxy_that_does_not_take_the_password_is_told_without_it(
    checkout: Path, user: dict[str, str], proxy: ForwardProxy, index: CompanyIndex
) -> None:
    (wheel,) = (checkout / "dist").iterdir()
    wrong = user | {"HTTPS_PROXY": proxy.url.replace("pr0xy%20pass", "wr0ng-pass")}
    command = [
        installed("dev", "publish-all"),
        "publish",
        "-n",
        "-r",
        "corp",
        "--timeout",
        "5",
        wheel,
    ]
    found = as_nobody(command, cwd=checkout, environment=wrong)
    assert found.returncode == 1, found
    assert "407" in found.stderr
    assert "proxy" in found.stderr
    assert "wr0ng-pass" not in found.output
    assert index.users == set()

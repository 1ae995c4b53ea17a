"""Credentials with the real tools: their keyring entries, our keyring backend, trusted publishing."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import hosts
from harness.environments import installed
from harness.process import answer, run
from harness.projects import built
from harness.servers import Server
from made_files import make_wheel
from oidc_index import REQUEST_TOKEN, OidcIndex

STAND_INS = Path(__file__).parent / "credential_stand_ins"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a pyproject.toml and one wheel in dist/."""
    folder = tmp_path / "project"
    (folder / "dist").mkdir(parents=True)
    make_wheel(folder / "dist", "made-for-tests", "1.0")
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "made-for-tests"\nversion = "1.0"\n'
        '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
    )
    return folder


def state(project: Path, name: str, url: str) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write(f'[tool.publish-all.repositories.{name}]\nurl = "{url}"\nindex-url = "{url}simple/"\n')


def publish(project: Path, environment: dict[str, str], name: str, *words: str):
    program = installed("poetry-newest", "publish-all")
    wheels = sorted((project / "dist").glob("*.whl"))
    command = [program, "publish", "-r", name, "-n", *words, *wheels]
    return run(command, cwd=project, environment=environment)


@pytest.fixture
def keyring_file(tmp_path: Path, environment: dict[str, str]) -> Path:
    """Where a keyring that keeps its entries in a file has them, for all processes of the test."""
    folder = tmp_path / "keyring"
    uv = [
        installed("dev", "uv"),
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--target",
        folder,
        "keyrings.alt==5.0.2",
    ]
    run(uv, cwd=tmp_path, environment=environment, check=True)
    environment |= {
        "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
        "PYTHONPATH": str(folder),
    }
    return Path(environment["XDG_DATA_HOME"], "python_keyring", "keyring_pass.cfg")


@pytest.fixture
def keyring_for_poetry(tmp_path: Path, environment: dict[str, str]) -> Path:
    """The same for Poetry, which takes none that calls itself plain text."""
    path = tmp_path / "keyring.json"
    environment |= {
        "PYTHON_KEYRING_BACKEND": "json_keyring.Keyring",
        "JSON_KEYRING": str(path),
        "PYTHONPATH": str(STAND_INS),
    }
    return path


# --- what other tools have stored


@pytest.mark.skipif(os.name != "posix", reason="Hatch is answered on a terminal")
@pytest.mark.parametrize("tool", ["poetry", "keyring", "hatch"])
def test_what_other_tools_keep_in_the_keyring_is_found(
    tool: str,
    project: Path,
    environment: dict[str, str],
    pypiserver: Server,
    request: pytest.FixtureRequest,
) -> None:
    keyring_file: Path = request.getfixturevalue("keyring_for_poetry" if tool == "poetry" else "keyring_file")
    state(project, "corp", pypiserver.upload_url)
    store_with(tool, project, environment, pypiserver)
    assert keyring_file.is_file()
    done = publish(project, environment, "corp")
    assert done.returncode == 0, done
    assert built(pypiserver.store) == ["made_for_tests-1.0-py3-none-any.whl"]
    assert pypiserver.password not in done.output


def store_with(tool: str, project: Path, environment: dict[str, str], server: Server) -> None:
    """Have a tool keep the credential, as its user would: what it needs of one, and nothing of ours."""
    url, user, password = server.upload_url, server.username, server.password
    match tool:
        case "poetry":
            poetry = hosts.poetry("newest", environment)
            poetry("config", "repositories.corp", url, cwd=project, check=True)
            poetry("config", "http-basic.corp", user, password, cwd=project, check=True)
        case "keyring":  # as twine's documentation tells its users
            keyring = installed("poetry-newest", "keyring")
            set_ = [keyring, "set", url, user]
            answers = [("Password for", password)]
            assert answer(set_, answers, cwd=project, environment=environment).returncode == 0
            environment["PUBLISH_ALL_CORP_USERNAME"] = user
        case _:
            other = make_wheel(project, "made-before", "1.0")
            hatch = [installed("hatch-newest", "hatch"), "publish", "-r", url, other]
            answers = [("Username", user), ("Password / Token", password)]
            done = answer(hatch, answers, cwd=project, environment=environment)
            assert done.returncode == 0, done
            assert password not in done.stdout
            (server.store / other.name).unlink()
            environment["PUBLISH_ALL_CORP_USERNAME"] = user  # Hatch keeps it in a cache of its own


@pytest.mark.skipif(os.name != "posix", reason="Hatch is answered on a terminal")
def test_switched_off_hatch_keeps_a_password_as_without_us(
    keyring_file: Path, project: Path, environment: dict[str, str], pypiserver: Server
) -> None:
    store_with("hatch", project, environment, pypiserver)
    entries = configparser.RawConfigParser()
    entries.read(keyring_file)
    (service,) = entries.sections()
    assert "127" in service
    assert list(entries[service]) == [pypiserver.username]


def test_a_hung_keyring_costs_half_a_minute_and_is_named(
    project: Path, environment: dict[str, str], pypiserver: Server
) -> None:
    state(project, "corp", pypiserver.upload_url)
    environment |= {"PYTHON_KEYRING_BACKEND": "hung_keyring.Keyring", "PYTHONPATH": str(STAND_INS)}
    done = publish(project, environment, "corp")
    assert done.returncode == 3, done
    assert "Waiting for the keyring hung_keyring.Keyring (at most 30 s)." in done.stderr
    assert "hung_keyring.Keyring did not answer within 30 s" in done.stderr
    assert 30 < done.seconds < 60, done


# --- our keyring backend


@pytest.fixture
def switched_on(environment: dict[str, str], project: Path, pypiserver: Server) -> dict[str, str]:
    """No credential but ours, given through the keyring backend."""
    state(project, "corp", pypiserver.upload_url)
    environment.pop("PYTHON_KEYRING_BACKEND")
    return environment | {
        "PUBLISH_ALL_KEYRING": "1",
        "PUBLISH_ALL_CORP_USERNAME": pypiserver.username,
        "PUBLISH_ALL_CORP_PASSWORD": pypiserver.password,
    }


def command_of(client: str, server: Server) -> list[object]:
    url, user, wheel = server.upload_url, server.username, "dist/made_for_tests-1.0-py3-none-any.whl"
    match client:
        case "twine":
            words = ["upload", "--non-interactive", "--repository-url", url, "-u", user, wheel]
            return [installed("dev", "twine"), *words]
        case "uv":
            words = ["publish", "--keyring-provider", "subprocess", "--publish-url", url, "-u", user, wheel]
            return [installed("dev", "uv"), *words]
        case "poetry":
            return [installed("poetry-newest", "poetry"), "--no-plugins", "publish", "-n", "-r", "corp"]
        case _:
            words = ["publish", "-n", "-r", url, "-u", user, wheel]
            return [installed("hatch-newest", "hatch"), *words]


@pytest.mark.parametrize("client", ["twine", "uv", "poetry", "hatch"])
def test_other_tools_get_our_credentials_as_from_a_keyring(
    client: str, project: Path, switched_on: dict[str, str], pypiserver: Server
) -> None:
    # uv runs the program `keyring`, which it looks for on PATH.
    path = f"{installed('dev', 'keyring').parent}:{switched_on['PATH']}"
    environment = switched_on | {"PATH": path, "POETRY_REPOSITORIES_CORP_URL": pypiserver.upload_url}
    done = run(command_of(client, pypiserver), cwd=project, environment=environment)
    assert done.returncode == 0, done
    assert built(pypiserver.store) == ["made_for_tests-1.0-py3-none-any.whl"]
    assert pypiserver.password not in done.output


def test_switched_off_it_does_not_exist(
    project: Path, switched_on: dict[str, str], pypiserver: Server
) -> None:
    environment = {name: value for name, value in switched_on.items() if name != "PUBLISH_ALL_KEYRING"}
    keyring = installed("poetry-newest", "keyring")
    done = run([keyring, "--list-backends"], cwd=project, environment=environment, check=True)
    assert "publish_all" not in done.output
    poetry = hosts.poetry("newest", environment)
    poetry("config", "pypi-token.corp", "canary-token", cwd=project, check=True)
    auth = Path(environment["POETRY_CONFIG_DIR"], "auth.toml")
    assert "canary-token" in auth.read_text()


# --- trusted publishing


@pytest.fixture
def index(open_pypiserver: Server) -> Iterator[OidcIndex]:
    index = OidcIndex(behind=open_pypiserver.upload_url)
    index.start()
    yield index
    index.stop()


@pytest.fixture
def variants(project: Path, index: OidcIndex) -> tuple[str, ...]:
    """Three projects' wheels, with nothing but the variables of a GitHub Actions job to publish them."""
    state(project, "testindex", f"{index.url}/")
    (project / "dist" / "made_for_tests-1.0-py3-none-any.whl").unlink()
    names = ("kindling-databricks", "kindling-fabric", "kindling-synapse")
    return tuple(make_wheel(project / "dist", name, "1.0").name for name in names)


def without_masks(text: str) -> str:
    """The output as GitHub's log shows it: commands that mask a secret are not shown."""
    return re.sub(r"^::add-mask::.*$", "", text, flags=re.MULTILINE)


def ensure_hidden(output: str, index: OidcIndex) -> None:
    for secret in (*index.minted, *index.jwts, REQUEST_TOKEN):
        assert secret not in without_masks(output)


def test_three_variants_with_nothing_but_a_job(
    variants: tuple[str, ...],
    project: Path,
    index: OidcIndex,
    environment: dict[str, str],
    open_pypiserver: Server,
) -> None:
    done = publish(project, environment | index.job, "testindex")
    assert done.returncode == 0, done
    assert tuple(built(open_pypiserver.store)) == variants
    assert len(index.minted) == len(index.used) == len(set(index.used)) == 3
    assert set(index.audiences) == {"127.0.0.1"}
    ensure_hidden(done.output, index)


def test_a_token_that_expires_is_renewed_and_the_run_completes(
    project: Path, index: OidcIndex, environment: dict[str, str], open_pypiserver: Server
) -> None:
    state(project, "testindex", f"{index.url}/")
    for tag in ("cp310-cp310-win32", "cp311-cp311-win32", "cp312-cp312-win32"):
        make_wheel(project / "dist", "made-for-tests", "1.0", tag=tag)
    index.uploads_per_token = 2
    done = publish(project, environment | index.job, "testindex")
    assert done.returncode == 0, done
    assert len(built(open_pypiserver.store)) == 4
    assert index.expired
    ensure_hidden(done.output, index)


REFUSALS = {
    "invalid-publisher": "Workflow name: release.yml",
    "invalid-pending-publisher": "already exists",
    "invalid-token": "token.actions.githubusercontent.com",
    "not-enabled": "has disabled trusted publishing",
    "invalid-payload": "a proxy changes requests",
    "invalid-reuse-token": "used before",
}


@pytest.mark.parametrize("code", REFUSALS)
def test_each_refusal_of_the_index_is_explained(
    code: str, variants: tuple[str, ...], project: Path, index: OidcIndex, environment: dict[str, str]
) -> None:
    index.refuse_with = code
    done = publish(project, environment | index.job, "testindex")
    assert done.returncode == 3, done
    assert REFUSALS[code] in " ".join(done.stderr.split()), done
    ensure_hidden(done.output, index)


def test_a_dry_run_mints_nothing(
    variants: tuple[str, ...], project: Path, index: OidcIndex, environment: dict[str, str]
) -> None:
    done = publish(project, environment | index.job, "testindex", "--dry-run")
    assert done.returncode == 0, done
    assert index.minted == {}


@pytest.mark.parametrize("audience", ["pypi", "testpypi", "sigstore"])
def test_an_index_that_asks_for_anothers_audience_gets_no_identity(
    audience: str, variants: tuple[str, ...], project: Path, index: OidcIndex, environment: dict[str, str]
) -> None:
    index.audience = audience
    done = publish(project, environment | index.job, "testindex")
    assert done.returncode == 3, done
    assert audience in done.stderr
    assert index.audiences == []


def test_a_projects_own_host_gets_nothing_that_is_meant_for_others(
    variants: tuple[str, ...], project: Path, index: OidcIndex, environment: dict[str, str]
) -> None:
    names = ("TWINE_PASSWORD", "HATCH_INDEX_AUTH", "UV_PUBLISH_TOKEN", "PYPI_API_TOKEN", "GITHUB_TOKEN")
    done = publish(project, environment | dict.fromkeys(names, "canary-of-another"), "testindex")
    assert done.returncode == 3, done
    assert index.minted == {}
    assert "canary-of-another" not in done.output

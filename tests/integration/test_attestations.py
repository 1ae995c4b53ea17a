"""Attestations in whole publishes: TestPyPI and PyPI stand-ins that mint, and a Sigstore of our own."""

from __future__ import annotations

import email
import email.policy
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from echo_server import EchoServer
from made_files import make_release
from oidc_index import OidcIndex

sys.path.insert(0, str(Path(__file__).parents[1] / "shared" / "attestations"))

from attestation_stand_ins.local_sigstore import LocalSigstore, verify

from publish_all.attestations.sigstore import SigstoreSigner
from publish_all.commands.destinations import ConnectionOptions
from publish_all.commands.files import PublishOptions
from publish_all.commands.publish import PublishResult, publish
from publish_all.credentials.trusted_publishing import AmbientIdentity
from publish_all.errors import CredentialError
from publish_all.events import Event, Found


@pytest.fixture
def behind() -> Iterator[EchoServer]:
    """Takes every upload and lists nothing."""
    server = EchoServer(status=200, late=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def indexes(behind: EchoServer) -> Iterator[dict[str, OidcIndex]]:
    """Both are told of the same job's identities."""
    made = {name: OidcIndex(behind=behind.url) for name in ("testpypi", "pypi")}
    made["pypi"].jwts = made["testpypi"].jwts
    for index in made.values():
        index.start()
        index.audience = index.url.removeprefix("http://")
    yield made
    for index in made.values():
        index.stop()


@pytest.fixture
def sigstore() -> LocalSigstore:
    return LocalSigstore()


@pytest.fixture
def said() -> list[Event]:
    return []


Publish = Callable[..., PublishResult]


@pytest.fixture
def run(
    tmp_path: Path,
    indexes: dict[str, OidcIndex],
    sigstore: LocalSigstore,
    said: list[Event],
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Publish:
    """Publishes the files in dist/ from a job, with further lines of configuration."""
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in {**environment, **indexes["pypi"].job}.items():
        monkeypatch.setenv(name, value)
    for name, index in indexes.items():
        monkeypatch.setenv(f"PUBLISH_ALL_REPOSITORIES_{name.upper()}_URL", f"{index.url}/legacy/")
    make_release(tmp_path / "dist", "demo")

    def run(
        *repositories: str, configuration: str = "", auth: str = "auto", dry: bool = False
    ) -> PublishResult:
        text = f'[project]\nname = "demo"\nversion = "1.0"\n{configuration}'
        (tmp_path / "pyproject.toml").write_text(text)
        files = tuple((tmp_path / "dist").glob("demo*"))
        signer = SigstoreSigner(
            identity=AmbientIdentity(environment=os.environ),
            mask=lambda secret: None,
            open_sigstore=sigstore.open,
        )
        options = PublishOptions(
            directory=tmp_path,
            files=files,
            dry_run=dry,
            verify=False,
            connection=ConnectionOptions(repositories=repositories, auth=auth, signer=signer),
        )
        return publish(options.heard_by(said.append))

    return run


def attestations(index: OidcIndex) -> dict[str, list[object]]:
    """What came with each file."""
    found = {}
    for content_type, body in index.uploads:
        head = f"Content-Type: {content_type}\r\n\r\n".encode()
        message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
        parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
        text = parts["attestations"].get_content() if "attestations" in parts else "[]"
        found[parts["content"].get_filename()] = json.loads(text)
    return found


def codes(said: list[Event]) -> list[str]:
    return [each.finding.code for each in said if isinstance(each, Found)]


def test_testpypi_then_pypi_in_one_run(run: Publish, indexes, sigstore, tmp_path: Path) -> None:
    before = sorted((tmp_path / "dist").iterdir())
    assert run("testpypi", "pypi").exit_code == 0
    given = {name: attestations(index) for name, index in indexes.items()}
    for files in given.values():
        assert sorted(files) == ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"]
        for filename, (content,) in files.items():
            (subject,) = verify(content).statement["subject"]
            assert subject["name"] == filename
    assert given["pypi"] != given["testpypi"]
    asked = set(indexes["testpypi"].audiences + indexes["pypi"].audiences)
    assert asked == {"sigstore", *(each.audience for each in indexes.values())}
    assert len(sigstore.tokens) == 1
    assert sorted((tmp_path / "dist").glob("demo*")) == before


def test_a_dry_run_signs_and_mints_nothing(run: Publish, indexes, sigstore) -> None:
    assert run("pypi", dry=True).exit_code == 0
    assert (sigstore.tokens, sigstore.signed, indexes["pypi"].minted) == ([], [], {})


@pytest.mark.parametrize(
    "down", [ConnectionError("no network"), ModuleNotFoundError("x", name="pypi_attestations")], ids=repr
)
def test_where_none_can_be_made_auto_publishes_with_a_note(
    run: Publish, indexes, sigstore, said, down
) -> None:
    sigstore.down = down
    assert run("pypi").exit_code == 0
    assert codes(said) == ["PA330"]
    assert [*attestations(indexes["pypi"]).values()] == [[], []]


def test_where_none_can_be_made_always_uploads_and_mints_nothing(run: Publish, indexes, sigstore) -> None:
    sigstore.down = ConnectionError("no network")
    with pytest.raises(CredentialError) as caught:
        run("pypi", configuration="[tool.publish-all.repositories.pypi]\nattestations = 'always'\n")
    assert [each.code for each in caught.value.findings] == ["PA331"]
    assert (indexes["pypi"].uploads, indexes["pypi"].minted) == ([], {})


def test_those_that_lie_beside_are_uploaded(run: Publish, indexes, sigstore, tmp_path: Path) -> None:
    assert run("testpypi").exit_code == 0
    for filename, (content,) in attestations(indexes["testpypi"]).items():
        (tmp_path / "dist" / f"{filename}.publish.attestation").write_text(json.dumps(content))
    signed = len(sigstore.signed)
    assert run("pypi").exit_code == 0
    assert attestations(indexes["pypi"]) == attestations(indexes["testpypi"])
    assert len(sigstore.signed) == signed


def test_a_token_gets_none_and_never_means_never(run: Publish, indexes, monkeypatch, sigstore) -> None:
    never = "[tool.publish-all.repositories.pypi]\nattestations = 'never'\n"
    assert run("pypi", configuration=never).exit_code == 0
    assert [*attestations(indexes["pypi"]).values()] == [[], []]
    assert sigstore.opened == 0


ALWAYS = "[tool.publish-all.repositories.pypi]\ntrusted-publishing = 'always'\n"


def test_trusted_publishing_always_takes_no_token(run: Publish, indexes, monkeypatch) -> None:
    monkeypatch.setenv("PUBLISH_ALL_PYPI_TOKEN", "a-token-that-is-not-taken")
    assert run("pypi", configuration=ALWAYS).exit_code == 0
    assert indexes["pypi"].minted


def test_trusted_publishing_always_is_an_error_outside_of_a_job(run: Publish, indexes, monkeypatch) -> None:
    for name in indexes["pypi"].job:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PUBLISH_ALL_PYPI_TOKEN", "a-token-that-is-not-taken")
    with pytest.raises(CredentialError) as caught:
        run("pypi", configuration=ALWAYS)
    assert [each.code for each in caught.value.findings] == ["PA321"]
    assert indexes["pypi"].uploads == []

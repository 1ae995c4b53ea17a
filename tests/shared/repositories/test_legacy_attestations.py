"""How attestations travel with an upload (PEP 740)."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from publish_all.attestations.attestation import PUBLISH, Attestation, Attester, SigningError
from publish_all.config.kinds import LEGACY
from publish_all.config.model import RepositoryConfig, When
from publish_all.credentials.credential_source import CredentialKind, Purpose
from publish_all.distributions.distribution import Distribution
from publish_all.repositories.legacy import LegacyRepository
from publish_all.results import FileState

URL = "https://corp.example/legacy/"


@dataclass
class Signer:
    failure: SigningError | None = None
    signed: list[str] = field(default_factory=list)

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def sign(self, distribution: Distribution) -> Attestation:
        self.check()
        self.signed.append(distribution.filename)
        return Attestation(predicate=PUBLISH, content={"version": 1, "number": len(self.signed)})


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def make(session, credentials, signer, make_credential) -> Callable[..., LegacyRepository]:
    found = make_credential(expires=2000.0)
    credentials.found[Purpose.UPLOAD] = replace(found, kind=CredentialKind.TRUSTED_PUBLISHING)

    def make(when: When = When.AUTO) -> LegacyRepository:
        config = RepositoryConfig(name="corp", kind=LEGACY, url=URL)
        attester = Attester(repository="corp", when=when, public=True, signer=signer)
        return LegacyRepository(
            config,
            credentials=credentials,
            session=session,
            attester=attester,
            clock=lambda: 1000.0,
        )

    return make


@pytest.fixture
def wheel(make_distribution) -> Distribution:
    return make_distribution()


def attestations_in(sent) -> list[object] | None:
    head = f"Content-Type: {sent.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + sent.body, policy=email.policy.HTTP)
    for part in message.iter_parts():
        if part.get_param("name", header="content-disposition") == "attestations":
            return json.loads(part.get_content())
    return None


def test_they_are_a_json_array_in_the_form(make, network, answer, wheel):
    network.on("POST", URL, answer(200))
    assert make().upload(wheel).status is FileState.UPLOADED
    assert attestations_in(network.posts[0]) == [{"version": 1, "number": 1}]


def test_a_second_attempt_sends_the_same(make, network, answer, wheel, credentials):
    expired = answer(403, b"Invalid API Token: token is expired")
    network.on("POST", URL, expired, answer(200))
    found = credentials.found[Purpose.UPLOAD]
    credentials.renewed = replace(found, secret=type(found.secret)("another"))
    assert make().upload(wheel).status is FileState.UPLOADED
    first, second = network.posts
    assert attestations_in(first) == attestations_in(second) is not None


def test_none_go_with_another_credential_than_trusted_publishings(
    make, network, answer, wheel, credentials, make_credential, signer
):
    network.on("POST", URL, answer(200))
    repository = make()
    credentials.found[Purpose.UPLOAD] = make_credential()
    repository.upload(wheel)
    assert attestations_in(network.posts[0]) is None
    assert signer.signed == []


def test_none_go_where_trusted_publishing_fails_and_another_credential_steps_in(
    make, network, answer, wheel, credentials, make_credential
):
    network.on("POST", URL, answer(200))
    repository = make()
    credentials.get = lambda request: make_credential()
    repository.upload(wheel)
    assert attestations_in(network.posts[0]) is None


@pytest.mark.parametrize(("retryable", "status"), [(True, FileState.FAILED), (False, FileState.REFUSED)])
def test_always_uploads_and_mints_nothing_without_one(
    make, network, wheel, signer, credentials, retryable, status
):
    signer.failure = SigningError("Sigstore did not sign", retryable=retryable)
    outcome = make(When.ALWAYS).upload(wheel)
    assert outcome.status is status
    assert [each.code for each in outcome.findings] == ["PA331"]
    assert network.posts == []
    assert credentials.minted == 0


def test_preflight_says_what_stands_against_them(make, network, answer, wheel, release_of, signer):
    network.on("POST", URL, answer(400))
    signer.failure = SigningError("Sigstore did not sign")
    assert [each.code for each in make().preflight((release_of(wheel),))] == ["PA330"]
    assert [each.code for each in make(When.ALWAYS).preflight((release_of(wheel),))] == ["PA331"]


def test_a_wrong_one_beside_the_file_is_no_upload(make, network, wheel):
    wheel.path.with_name(f"{wheel.filename}.publish.attestation").write_text("{}")
    outcome = make().upload(wheel)
    assert outcome.status is FileState.REFUSED
    assert [each.code for each in outcome.findings] == ["PA332"]
    assert network.posts == []


@pytest.mark.parametrize(
    ("provenance", "attested", "codes"),
    [
        (None, True, ["PA456"]),
        ("https://corp.example/provenance", True, []),
        (None, False, []),
    ],
)
def test_verify_says_where_the_index_lists_no_provenance(
    make, network, answer, wheel, release_of, provenance, attested, codes
):
    network.on("POST", URL, answer(200))
    file = {
        "filename": wheel.filename,
        "url": f"/f/{wheel.filename}",
        "hashes": {"sha256": wheel.digests.sha256},
        "provenance": provenance,
    }
    page = {"meta": {"api-version": "1.4"}, "name": "kindling", "files": [file]}
    network.on(
        "GET",
        "https://corp.example/simple/kindling/",
        answer(200, json.dumps(page), {"Content-Type": "application/vnd.pypi.simple.v1+json"}),
    )
    network.on("HEAD", f"https://corp.example/f/{wheel.filename}", answer(200))
    repository = make(When.AUTO if attested else When.NEVER)
    assert repository.upload(wheel).status is FileState.UPLOADED
    assert [each.code for each in repository.verify(release_of(wheel)).findings] == codes

"""A wheel to be attested, a job with an identity, a Sigstore of our own."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `attestation_stand_ins`, which is no test

from attestation_stand_ins.local_sigstore import LocalSigstore
from packaging.version import Version

from publish_all._secret import Secret
from publish_all.attestations.attestation import PUBLISH, Attestation, SigningError
from publish_all.attestations.sigstore import SigstoreSigner
from publish_all.credentials.credential_source import Credential, CredentialKind
from publish_all.credentials.trusted_publishing import AmbientIdentity
from publish_all.distributions.distribution import Digests, Distribution, DistributionKind

JOB = {"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://actions.example/"}


@pytest.fixture
def wheel(tmp_path: Path) -> Distribution:
    path = tmp_path / "kindling-1.0-py3-none-any.whl"
    path.write_bytes(b"a wheel")
    return Distribution(
        path=path,
        kind=DistributionKind.WHEEL,
        name="kindling",
        version=Version("1.0"),
        tag="py3-none-any",
        size=7,
        digests=Digests(md5="0" * 32, sha256="a" * 64, blake2_256="b" * 64),
        metadata={},
        description="",
        core_metadata=b"",
    )


def written(distribution: Distribution, *, name: str = "", sha256: str = "", predicate: str = PUBLISH) -> str:
    """An attestation whose signature nobody could verify, as JSON."""
    subject = {
        "name": name or distribution.filename,
        "digest": {"sha256": sha256 or distribution.digests.sha256},
    }
    statement = {"_type": "x", "subject": [subject], "predicateType": predicate, "predicate": None}
    encoded = base64.b64encode(json.dumps(statement).encode()).decode()
    return json.dumps({"version": 1, "envelope": {"statement": encoded, "signature": "c2lnbmVk"}})


@pytest.fixture
def write() -> Callable[..., str]:
    return written


@dataclass
class FakeSigner:
    """Signs at once, or fails; keeps what it was asked for."""

    failure: SigningError | None = None
    checked: int = 0
    signed: list[str] = field(default_factory=list)

    def check(self) -> None:
        self.checked += 1
        if self.failure is not None:
            raise self.failure

    def sign(self, distribution: Distribution) -> Attestation:
        self.signed.append(distribution.filename)
        if self.failure is not None:
            raise self.failure
        return Attestation(predicate=PUBLISH, content={"signed": len(self.signed)})


@pytest.fixture
def signer() -> FakeSigner:
    return FakeSigner()


def found(kind: CredentialKind) -> Credential:
    return Credential(
        username="__token__",
        secret=Secret(""),
        host="upload.pypi.org",
        kind=kind,
        origin=f"the {kind.value} of the test",
    )


@pytest.fixture
def trusted() -> Credential:
    return found(CredentialKind.TRUSTED_PUBLISHING)


@pytest.fixture
def token() -> Credential:
    return found(CredentialKind.TOKEN)


@pytest.fixture
def sigstore() -> LocalSigstore:
    return LocalSigstore()


@pytest.fixture
def masked() -> list[str]:
    return []


@pytest.fixture
def make_sigstore_signer(sigstore: LocalSigstore, masked: list[str]) -> Callable[..., SigstoreSigner]:
    """A signer that asks our own Sigstore, with a new identity token each time."""

    def make(environment: dict[str, str] | None = None) -> SigstoreSigner:
        jwts = iter(f"jwt-{number}-canary" for number in range(100))
        identity = AmbientIdentity(
            environment=JOB if environment is None else environment,
            detect=lambda audience: f"{audience}-{next(jwts)}",
        )
        return SigstoreSigner(identity=identity, mask=masked.append, open_sigstore=sigstore.open)

    return make

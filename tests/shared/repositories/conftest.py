"""A network in the process, credentials in a dict, and small distributions."""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

sys.path.insert(0, str(Path(__file__).parent))  # for `oci_fakes`, which is no test and so is not collected

from oci_fakes.registry import FakeRegistry
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from publish_all._http import Session, make_session
from publish_all._secret import Secret
from publish_all.attestations.attestation import Attester
from publish_all.config.kinds import LEGACY
from publish_all.config.model import RepositoryConfig, When
from publish_all.credentials.credential_source import (
    Credential,
    CredentialKind,
    CredentialRequest,
    Purpose,
    TraceEntry,
)
from publish_all.distributions.distribution import Distribution, Release
from publish_all.distributions.read import read_distribution
from publish_all.repositories.legacy import LegacyRepository


@dataclass
class Sent:
    """A request as a server would see it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Answer:
    """What the network does: a reply, or an exception of requests, before or after the body is taken."""

    status: int = 200
    body: bytes | str = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    error: Exception | None = None
    takes_body: bool = True


class Network(BaseAdapter):
    """Answers by (method, URL); the last answer of a list stays. Anything else is 404."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[tuple[str, str], list[Answer | Callable[[Sent], Answer]]] = {}
        self.sent: list[Sent] = []

    def on(self, method: str, url: str, *answers: Answer | Callable[[Sent], Answer]) -> None:
        self.answers[method, url] = list(answers)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        queue = self.answers.get(
            (request.method or "", request.url or ""), [Answer(status=404, reason="Not Found")]
        )
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        sent = Sent(request.method or "", request.url or "", request.headers, b"")
        self.sent.append(sent)
        if isinstance(answer, Answer) and not answer.takes_body:
            next(iter(_chunks(request.body)), b"")
        else:
            sent.body = b"".join(_chunks(request.body))
        if not isinstance(answer, Answer):
            answer = answer(sent)
        if answer.error is not None:
            raise answer.error
        return self._response(request, answer)

    def _response(self, request: requests.PreparedRequest, answer: Answer) -> requests.Response:
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        raw = HTTPResponse(
            body=io.BytesIO(body),
            headers=dict(answer.headers),
            status=answer.status,
            reason=answer.reason,
            preload_content=False,
        )
        response = requests.Response()
        response.status_code = answer.status
        response.reason = answer.reason
        response.url = request.url or ""
        response.headers.update(answer.headers)
        response.raw = raw
        response.request = request
        return response

    def close(self) -> None:
        pass

    @property
    def posts(self) -> list[Sent]:
        return [each for each in self.sent if each.method == "POST"]


def _chunks(body: Any) -> Iterator[bytes]:
    if body is None:
        return iter(())
    return iter([body]) if isinstance(body, bytes) else iter(body)


@dataclass
class FakeCredentials:
    """Answers by purpose; `renewed` is what `renew` gives. Counts how often a token would be minted."""

    found: dict[Purpose, Credential] = field(default_factory=dict)
    renewed: Credential | None = None
    minted: int = 0
    requests: list[CredentialRequest] = field(default_factory=list)

    def get(self, request: CredentialRequest) -> Credential | None:
        self.minted += 1
        return self.plausible(request)

    def renew(self, request: CredentialRequest) -> Credential | None:
        del request
        return self.renewed

    def plausible(self, request: CredentialRequest) -> Credential | None:
        self.requests.append(request)
        return self.found.get(request.purpose)

    def trace(self, request: CredentialRequest) -> tuple[TraceEntry, ...]:
        del request
        return (TraceEntry(source="environment", outcome="not set"),)


def credential(
    secret: str = "s3cret-token", host: str = "corp.example", expires: float | None = None
) -> Credential:
    return Credential(
        username="ada",
        secret=Secret(secret),
        host=host,
        kind=CredentialKind.PASSWORD,
        origin="environment variable PUBLISH_ALL_CORP_TOKEN",
        expires=expires,
    )


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def session(network: Network) -> Session:
    return make_session(transport=network)


@pytest.fixture
def credentials() -> FakeCredentials:
    return FakeCredentials(found={Purpose.UPLOAD: credential()})


@pytest.fixture
def make_credential() -> Callable[..., Credential]:
    return credential


@pytest.fixture
def answer() -> type[Answer]:
    return Answer


MakeLegacy = Callable[..., LegacyRepository]


@pytest.fixture
def make_legacy(session: Session, credentials: FakeCredentials) -> MakeLegacy:
    def make(
        url: str = "https://corp.example/legacy/", name: str = "corp", clock: float = 1000.0, **keys: Any
    ) -> LegacyRepository:
        config = RepositoryConfig(name=name, kind=LEGACY, url=url, **keys)
        return LegacyRepository(
            config,
            credentials=credentials,
            session=session,
            attester=Attester(repository=name, when=When.NEVER, public=False, signer=None),
            clock=lambda: clock,
        )

    return make


@pytest.fixture
def make_distribution(tmp_path: Path) -> Callable[..., Distribution]:
    def make(
        *,
        project: str = "kindling",
        version: str = "1.0",
        kind: str = "wheel",
        content: str = "",
        folder: str = "dist",
        headers: str = "Requires-Python: >=3.10\n",
    ) -> Distribution:
        stem = f"{project.replace('-', '_')}-{version}"
        metadata = f"Metadata-Version: 2.4\nName: {project}\nVersion: {version}\n{headers}\nRead me\n"
        (tmp_path / folder).mkdir(exist_ok=True)
        if kind == "wheel":
            path = tmp_path / folder / f"{stem}-py3-none-any.whl"
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(f"{project.replace('-', '_')}.py", content)
                archive.writestr(f"{stem}.dist-info/METADATA", metadata)
                archive.writestr(
                    f"{stem}.dist-info/WHEEL",
                    "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
                )
                archive.writestr(f"{stem}.dist-info/RECORD", "")
        else:
            path = tmp_path / folder / f"{stem}.tar.gz"
            with gzip.open(path, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as archive:
                info = tarfile.TarInfo(f"{stem}/PKG-INFO")
                info.size = len(metadata.encode())
                archive.addfile(info, io.BytesIO(metadata.encode()))
                extra = tarfile.TarInfo(f"{stem}/README")
                extra.size = len(content.encode())
                archive.addfile(extra, io.BytesIO(content.encode()))
        return read_distribution(path)

    return make


@pytest.fixture
def release_of() -> Callable[..., Release]:
    def make(*distributions: Distribution) -> Release:
        first = distributions[0]
        return Release(project=first.project, version=first.version, distributions=distributions)

    return make


@pytest.fixture
def empty_release() -> Release:
    project: NormalizedName = canonicalize_name("kindling")
    return Release(project=project, version=Version("1.0"), distributions=())


@pytest.fixture
def fake_registry() -> FakeRegistry:
    return FakeRegistry()

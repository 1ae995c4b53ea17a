from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from publish_all.config.folders import HostFolders
from publish_all.config.kinds import LEGACY, OCI
from publish_all.config.model import ProjectConfig, RepositoryConfig, Scope
from publish_all.config.tools import ToolSettings, read_tools
from publish_all.credentials.credential_source import CredentialRequest, CredentialSource, Purpose
from publish_all.events import Event

PYPI = "https://upload.pypi.org/legacy/"
TESTPYPI = "https://test.pypi.org/legacy/"
CORP = "https://pypi.corp.example/legacy/"
CANARY = "canary-7f3e9b-do-not-show"

URLS = {"pypi": PYPI, "testpypi": TESTPYPI, "corp": CORP, "github": "https://ghcr.io/sep"}


def request_for(
    repository: str,
    url: str | None = None,
    *,
    project: str | None = "kindling-synapse",
    username: str | None = None,
    purpose: Purpose = Purpose.UPLOAD,
    config: RepositoryConfig | None = None,
) -> CredentialRequest:
    return CredentialRequest(
        config=config or configured(repository, URLS.get(repository, url)),
        url=url if url is not None else URLS[repository],
        project=canonicalize_name(project) if project is not None else None,
        purpose=purpose,
        username=username,
    )


def configured(name: str, url: str | None = None, **changes: object) -> RepositoryConfig:
    values: dict[str, object] = {
        "kind": OCI if name == "github" else LEGACY,
        "scope": Scope.BUILT_IN if name in URLS and name != "corp" else Scope.PROJECT,
    }
    return RepositoryConfig(name=name, url=url or URLS[name], **{**values, **changes})


def _packet(kind: int, data: bytes) -> bytes:
    length = len(data)
    encoded = bytearray()
    while True:
        byte, length = length & 0x7F, length >> 7
        encoded.append(byte | (0x80 if length else 0))
        if not length:
            return bytes([kind]) + bytes(encoded) + data


def pypi_token(location: str = "pypi.org", *caveats: object) -> str:
    """A token as PyPI makes them: a macaroon v2 with JSON caveats, without base64 padding."""
    packed = b"\x02" + _packet(1, location.encode()) + _packet(2, b"8f3d1c55-identifier") + b"\x00"
    for caveat in caveats:
        packed += _packet(2, json.dumps(caveat).encode()) + b"\x00"
    packed += b"\x00" + _packet(6, bytes(range(32)))
    return "pypi-" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


class Recorder:
    """A listener that keeps what it heard."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def text(self) -> str:
        return "\n".join(map(repr, self.events))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def tools_of(tmp_path: Path) -> Callable[..., ToolSettings]:
    """Reads the settings of tools, with files whose names in the user's folder and texts are given."""

    def build(
        files: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        project: ProjectConfig | None = None,
    ) -> ToolSettings:
        user = tmp_path / "user"
        user.mkdir(exist_ok=True)
        for name, text in (files or {}).items():
            (user / name).write_text(text, encoding="utf-8")
            (user / name).chmod(0o600)
        folders = HostFolders(
            poetry=user / "config.toml",
            hatch=user / "hatch.toml",
            uv=user / "uv.toml",
            pdm=user / "pdm.toml",
            pypirc=user / ".pypirc",
            uv_credentials=user / "credentials.toml",
            pip=(user / "pip.conf",),
        )
        return read_tools(project, environment=environment or {}, folders=folders)

    return build


@pytest.fixture
def misses() -> Callable[..., dict[str, str]]:
    """Where a source looks in vain for a request."""

    def build(source: CredentialSource, request: CredentialRequest) -> dict[str, str]:
        found: dict[str, str] = {}
        assert source.find(request, found.__setitem__) is None
        return found

    return build


@pytest.fixture
def make_request() -> Callable[..., CredentialRequest]:
    return request_for


@pytest.fixture
def make_repository() -> Callable[..., RepositoryConfig]:
    return configured


@pytest.fixture
def make_token() -> Callable[..., str]:
    return pypi_token

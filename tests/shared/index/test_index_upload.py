from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from index_fakes.asgi import Got, ask, basic
from index_fakes.files import BOUNDARY, fields, form, wheel
from index_fakes.source import FakeSource

from publish_all.config.kinds import DIRECTORY, OCI
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.credential_source import CredentialRequest, Purpose
from publish_all.index.directory_source import DirectorySource
from publish_all.index.server import visitor_of
from publish_all.index.service import IndexService
from publish_all.index.upload import Uploads, VisitorCredentials
from publish_all.repositories.directory import DirectoryRepository

NAME = "kindling_synapse-0.2.0-py3-none-any.whl"
CONTENT = wheel()
PASSWORD = basic("any", "open sesame")
Send = Callable[..., Got]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


@pytest.fixture
def app(make: Callable[..., Any], tmp_path: Path, folder: Path) -> Any:
    root = tmp_path / "root"
    config = RepositoryConfig(name="local", kind=DIRECTORY, url=str(root))

    def uploads(service: IndexService) -> Uploads:
        return Uploads(
            service,
            lambda visitor: DirectoryRepository(config),
            folder=folder,
            passes_on=False,
            limit=1_000_000,
        )

    source = DirectorySource("local", root)
    return make(source, uploads=uploads, password="open sesame", private=["kindling-*"]).app


@pytest.fixture
def send(app: Any, folder: Path) -> Send:
    def sent(body: bytes, *, headers: Mapping[str, str] | None = None, piece: int = 777) -> Got:
        stated = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **PASSWORD, **(headers or {})}
        got = asyncio.run(ask(app, "/legacy/", method="POST", headers=stated, body=body, piece=piece))
        assert not folder.exists() or list(folder.iterdir()) == []
        return got

    return sent


def upload(content: bytes = CONTENT, **stated: str) -> bytes:
    return form(fields(content) | stated, ("content", NAME, content))


def test_what_is_uploaded_is_listed_at_once(app: Any, send: Send) -> None:
    async def story() -> tuple[Got, Got, Got]:
        page = "/simple/kindling-synapse/"
        before = await ask(app, page, headers=PASSWORD)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **PASSWORD}
        done = await ask(app, "/legacy/", method="POST", headers=headers, body=upload())
        return before, done, await ask(app, page, headers=PASSWORD)

    before, done, after = asyncio.run(story())
    assert (before.status, done.status, after.status) == (404, 200, 200)
    assert NAME in after.text


@pytest.mark.parametrize("path", ["/legacy", "/legacy/"])
def test_name_and_version_and_the_slash_may_be_left_out(app: Any, path: str) -> None:
    """curl needs neither, and twine and uv follow no redirect of an upload."""
    body = form({":action": "file_upload"}, ("content", NAME, CONTENT))
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **PASSWORD}
    assert asyncio.run(ask(app, path, method="POST", headers=headers, body=body)).status == 200


def test_the_same_bytes_again_are_fine_and_other_bytes_are_not(send: Send, tmp_path: Path) -> None:
    assert send(upload()).status == 200
    assert send(upload()).status == 200
    other = send(upload(wheel(text="other")))
    assert other.status == 409
    assert "File already exists" in other.text
    assert (tmp_path / "root/simple/kindling-synapse" / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize("piece", [1, 3, 64, 10**6])
def test_the_form_may_come_in_pieces_of_any_size(send: Send, piece: int) -> None:
    assert send(upload(), piece=piece).status == 200


BAD: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "no form": (400, b"hello", {}),
    "no multipart": (400, upload(), {"Content-Type": "application/x-www-form-urlencoded"}),
    "no boundary": (400, upload(), {"Content-Type": "multipart/form-data"}),
    "other boundary": (400, upload(), {"Content-Type": "multipart/form-data; boundary=other"}),
    "cut off": (400, upload()[:-30], {}),
    "empty": (400, b"", {}),
    "no file": (400, form(fields(CONTENT)), {}),
    "content as a field": (400, form(fields(CONTENT) | {"content": "x"}), {}),
    "two files": (400, form(fields(CONTENT), ("content", NAME, CONTENT), ("content", NAME, CONTENT)), {}),
    "a name with folders": (400, form(fields(CONTENT), ("content", f"../../{NAME}", CONTENT)), {}),
    "a name with backslashes": (400, form(fields(CONTENT), ("content", f"..\\{NAME}", CONTENT)), {}),
    "an absolute name": (400, form(fields(CONTENT), ("content", f"/etc/{NAME}", CONTENT)), {}),
    "no distribution": (400, form(fields(CONTENT), ("content", "notes.txt", CONTENT)), {}),
    "no wheel inside": (400, form(fields(b"x"), ("content", NAME, b"x")), {}),
    "another action": (400, upload(**{":action": "doc_upload"}), {}),
    "another project": (400, upload(name="kindling-fabric"), {}),
    "another version": (400, upload(version="0.3.0"), {}),
    "no version": (400, upload(version="x y"), {}),
    "another digest": (400, upload(sha256_digest="0" * 64), {}),
    "a digest with letters of other alphabets": (400, upload(sha256_digest="ж" * 64), {}),
    "compressed": (415, gzip.compress(upload()), {"Content-Encoding": "gzip"}),
    "too long as announced": (413, upload(), {"Content-Length": "1000001"}),
    "too long": (413, upload(CONTENT + b"x" * 1_000_001), {}),
    "too many parts": (413, form({f"f{number}": "" for number in range(6000)}), {}),
    "a part without a name": (400, f"--{BOUNDARY}\r\nX: y\r\n\r\nz\r\n--{BOUNDARY}--\r\n".encode(), {}),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_upload_is_refused(send: Send, case: str, tmp_path: Path) -> None:
    status, body, headers = BAD[case]
    got = send(body, headers=headers)
    assert got.status == status, got.text
    assert str(tmp_path) not in got.text
    assert not (tmp_path / "root").exists()


def test_a_name_that_is_not_private_would_be_seen_by_nobody(send: Send) -> None:
    content = wheel("other")
    body = form(fields(content, "other"), ("content", "other-0.2.0-py3-none-any.whl", content))
    got = send(body)
    assert got.status == 403
    assert "--private" in got.text


def test_nobody_uploads_without_the_password(send: Send, tmp_path: Path) -> None:
    assert send(upload(), headers=basic("any", "wrong")).status == 401
    assert send(upload(), headers={"Authorization": ""}).status == 401
    assert not (tmp_path / "root").exists()


def test_who_is_passed_on_must_say_who_they_are(make: Callable[..., Any], folder: Path) -> None:
    def uploads(service: IndexService) -> Uploads:
        def never(visitor: object) -> Any:
            raise AssertionError

        return Uploads(service, never, folder=folder, passes_on=True)

    app = make(FakeSource(), uploads=uploads).app
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    got = asyncio.run(ask(app, "/legacy/", method="POST", headers=headers, body=upload()))
    assert got.status == 401
    assert not folder.exists()


def test_the_visitors_credential_is_what_the_repository_gets() -> None:
    github = RepositoryConfig(name="github", kind=OCI, url="ghcr.io/{owner}")
    url = "https://ghcr.io/sep"
    request = CredentialRequest(config=github, url=url, project=None, purpose=Purpose.UPLOAD)
    credentials = VisitorCredentials(visitor_of(basic("dev", "secret")["Authorization"]))
    found = credentials.get(request)
    assert found is not None
    assert (found.username, found.secret.reveal(), found.host) == ("dev", "secret", "ghcr.io")
    assert credentials.plausible(request) == found
    assert credentials.renew(request) is None
    assert VisitorCredentials(None).get(request) is None

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from index_fakes.source import digest
from packaging.utils import canonicalize_name
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from publish_all._http import BasicAuth, make_session
from publish_all._secret import Secret
from publish_all.index.fallback import FRESH, Fallback, FallbackSource
from publish_all.index.index_source import Address, ServeError

REQUESTS = canonicalize_name("requests")
NAME = "requests-1.0-py3-none-any.whl"
JSON = "application/vnd.pypi.simple.v1+json"


@dataclass
class Elsewhere(BaseAdapter):
    """An index: bodies and types by URL; what is not there is a 404."""

    pages: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        self.asked.append(request)
        status, kind, body = self.pages.get(str(request.url), (404, "text/plain", b"no"))
        raw = HTTPResponse(io.BytesIO(body), status=status, preload_content=False)
        response = requests.Response()
        response.status_code, response.url, response.raw = status, str(request.url), raw
        response.headers["Content-Type"] = kind
        return response

    def close(self) -> None:
        pass


def page(**file: Any) -> bytes:
    listed = {"filename": NAME, "url": f"/files/{NAME}", "hashes": {"sha256": digest(b"wheel")}, **file}
    content = {"meta": {"api-version": "1.1"}, "name": "requests", "versions": ["1.0"], "files": [listed]}
    return json.dumps(content).encode()


@pytest.fixture
def elsewhere() -> Elsewhere:
    found = Elsewhere()
    found.pages["https://pypi.test/simple/requests/"] = (200, JSON, page())
    found.pages[f"https://pypi.test/files/{NAME}"] = (200, "", b"wheel")
    return found


@pytest.fixture
def source(elsewhere: Elsewhere, clock: Any) -> FallbackSource:
    fallback = Fallback(url="https://pypi.test/simple/")
    return FallbackSource(fallback, make_session(transport=elsewhere), clock=clock)


def test_passes_its_pages_and_files_on(source: FallbackSource) -> None:
    found = source.page(REQUESTS, None)
    assert found is not None
    assert [(each.filename, each.url) for each in found.files] == [(NAME, "")]
    file = source.file(Address(REQUESTS, NAME, digest(b"wheel")), None)
    assert file is not None
    with file.open(None) as download:
        assert b"".join(download.chunks) == b"wheel"
    assert source.file(Address(REQUESTS, NAME, "0" * 64), None) is None
    assert source.file(Address(REQUESTS, NAME, digest(b"wheel"), metadata=True), None) is None
    assert source.page(canonicalize_name("absent"), None) is None
    assert source.file(Address(canonicalize_name("absent"), NAME, digest(b"wheel")), None) is None


def test_finds_a_file_on_the_page_that_it_remembers(
    source: FallbackSource, elsewhere: Elsewhere, clock: Any
) -> None:
    source.page(REQUESTS, None)
    source.file(Address(REQUESTS, NAME, digest(b"wheel")), None)
    assert len(elsewhere.asked) == 1
    clock.now += FRESH + 1
    source.file(Address(REQUESTS, NAME, digest(b"wheel")), None)
    assert len(elsewhere.asked) == 2


def test_a_file_without_a_digest_is_left_to_the_client(source: FallbackSource, elsewhere: Elsewhere) -> None:
    elsewhere.pages["https://pypi.test/simple/requests/"] = (200, JSON, page(hashes={"md5": "0" * 32}))
    found = source.page(REQUESTS, None)
    assert found is not None
    assert found.files[0].url == f"https://pypi.test/files/{NAME}"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ((500, "text/html", b"no"), 502),
        ((200, JSON, b"{"), 502),
        ((401, "", b""), 403),
        ((403, "", b""), 403),
    ],
)
def test_an_index_that_gives_no_page_is_not_one_without_the_project(
    source: FallbackSource, elsewhere: Elsewhere, answer: tuple[int, str, bytes], status: int
) -> None:
    elsewhere.pages["https://pypi.test/simple/requests/"] = answer
    with pytest.raises(ServeError) as caught:
        source.page(REQUESTS, None)
    assert caught.value.status == status


def test_the_credential_of_an_index_is_shown_to_its_own_host_only(elsewhere: Elsewhere) -> None:
    auth = BasicAuth(username="aws", secret=Secret("token"))
    fallback = Fallback(url="https://pypi.test/simple/", auth=auth)
    elsewhere.pages["https://pypi.test/simple/requests/"] = (
        200,
        JSON,
        page(url=f"https://files.test/{NAME}"),
    )
    elsewhere.pages[f"https://files.test/{NAME}"] = (200, "", b"wheel")
    source = FallbackSource(fallback, make_session(transport=elsewhere), number=2)
    visitor = BasicAuth(username="x", secret=Secret("visitor"))
    file = source.file(Address(REQUESTS, NAME, digest(b"wheel")), visitor)
    assert file is not None
    with file.open(None):
        pass
    shown = [each.headers.get("Authorization") for each in elsewhere.asked]
    assert shown == [auth.header(), None]
    assert source.name == "_fallback-2"


def test_a_file_that_is_gone_is_absent(source: FallbackSource, elsewhere: Elsewhere) -> None:
    del elsewhere.pages[f"https://pypi.test/files/{NAME}"]
    file = source.file(Address(REQUESTS, NAME, digest(b"wheel")), None)
    assert file is not None
    with pytest.raises(ServeError) as caught, file.open(None):
        pass
    assert caught.value.status == 404

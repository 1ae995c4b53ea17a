"""The servers themselves: that they are what the other tests take them for."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request

import pytest
from harness.servers import Registry, Server
from harness.token_server import TokenServer


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_pypiserver_lists_nothing_at_first(pypiserver: Server) -> None:
    assert status(pypiserver.index_url) == 200
    assert status(pypiserver.index_url + "kindling-synapse/") == 404


def test_devpi_index_is_there_and_empty(devpi: Server) -> None:
    assert status(devpi.index_url) == 200
    assert status(devpi.index_url + "kindling-synapse/") == 404


@pytest.mark.parametrize(
    ("fixture", "expected"),
    [("open_registry", 200), ("registry_with_password", 401), ("registry_with_tokens", 401)],
)
def test_registry_speaks_version_2(fixture: str, expected: int, request: pytest.FixtureRequest) -> None:
    registry: Registry = request.getfixturevalue(fixture)
    assert status(f"http://{registry.host}/v2/") == expected


def test_a_stopped_server_is_gone(open_pypiserver: Server) -> None:
    assert status(open_pypiserver.index_url) == 200
    open_pypiserver.stop()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(open_pypiserver.index_url, timeout=5)


def test_a_token_opens_its_scope_of_the_registry(
    registry_with_tokens: Registry, token_server: TokenServer
) -> None:
    who = base64.b64encode(f"{token_server.username}:{token_server.password}".encode()).decode()
    scope = "repository:dev/kindling_fabric:pull,push"
    token = fetch_json(f"{token_server.realm}?service=test.registry&scope={scope}", f"Basic {who}")["token"]

    start = urllib.request.Request(
        f"http://{registry_with_tokens.host}/v2/dev/kindling_fabric/blobs/uploads/",
        method="POST",
        data=b"",
        headers={"Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(start, timeout=10) as response:
        assert response.status == 202
    start.full_url = f"http://{registry_with_tokens.host}/v2/dev/another/blobs/uploads/"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(start, timeout=10)
    assert [request.scopes for request in token_server.requests] == [(scope,)]


def test_a_wrong_password_gets_no_token(token_server: TokenServer) -> None:
    who = base64.b64encode(b"dev:wrong").decode()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        fetch_json(f"{token_server.realm}?service=test.registry", f"Basic {who}")


def fetch_json(url: str, authorization: str) -> dict[str, str]:
    request = urllib.request.Request(url, headers={"Authorization": authorization})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict[str, str] = json.load(response)
        return answer

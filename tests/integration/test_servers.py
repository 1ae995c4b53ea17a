"""The servers themselves: that they are what the other tests take them for."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from harness.servers import Registry, Server


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


@pytest.mark.parametrize(("fixture", "expected"), [("open_registry", 200), ("registry_with_password", 401)])
def test_registry_speaks_version_2(fixture: str, expected: int, request: pytest.FixtureRequest) -> None:
    registry: Registry = request.getfixturevalue(fixture)
    assert status(f"http://{registry.host}/v2/") == expected


def test_a_stopped_server_is_gone(open_pypiserver: Server) -> None:
    assert status(open_pypiserver.index_url) == 200
    open_pypiserver.stop()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(open_pypiserver.index_url, timeout=5)

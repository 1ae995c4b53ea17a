"""The options of `serve`, from the command line and from variables."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from publish_all._secret import Secret
from publish_all.cli.serve_command import ServeCommand


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `serve` is called with, in place of serving."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(
        "publish_all.commands.serve.serve", lambda index, **more: found.update(more, index=index)
    )
    for name in ("PORT", "K_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    return found


def test_every_option_can_be_a_variable(
    asked: dict[str, Any], typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {
        "REPOSITORY": "local github",
        "FALLBACK": "https://one.test/ https://two.test/",
        "PRIVATE": "kindling-*",
        "PROXY": "true",
        "OWN_CREDENTIALS": "no",
        "HOST": "0.0.0.0",
        "PORT": "8081",
        "CACHE_DIR": "/cache",
        "CACHE_SIZE": "1",
        "UPLOAD_LIMIT": "2",
        "LOG_FORMAT": "json",
        "BASE_PATH": "/python/",
        "TRUSTED_PROXY": "10.0.0.0/8 fd00::1",
        "GRACE": "30",
        "CHUNKED_ABOVE": "32",
        "REPOSITORY_URL": "https://ghcr.test/me",
        "USERNAME": "me",
        "AUTH": "token",
        "CA_CERT": "ca.pem",
        "CLIENT_CERT": "client.pem",
        "CLIENT_KEY": "client.key",
        "TIMEOUT": "7",
        "PASSWORD": "of clients",
    }
    assert {f"--{name.lower().replace('_', '-')}" for name in values} == {
        f"--{each.name}" for each in ServeCommand.options
    }
    for name, value in values.items():
        monkeypatch.setenv(f"PUBLISH_ALL_SERVE_{name}", value)
    monkeypatch.setenv("PORT", "9999")
    assert typed("serve").code == 0
    index, connection = asked["index"], asked["index"].connection
    assert connection.repositories == ("local", "github")
    assert (index.fallbacks, index.private) == (("https://one.test/", "https://two.test/"), ("kindling-*",))
    assert (index.proxy, index.own_credentials, index.base_path) == (True, False, "/python")
    assert (index.cache_dir, index.cache_size, index.upload_limit) == (Path("/cache"), 1 << 20, 2 << 20)
    assert index.chunked_above == 32 << 20
    assert (asked["host"], asked["port"], asked["log_as_json"]) == ("0.0.0.0", 8081, True)
    assert (asked["trusted_proxies"], asked["grace"]) == (("10.0.0.0/8", "fd00::1"), 30)
    assert (connection.repository_url, connection.username, connection.auth) == (
        "https://ghcr.test/me",
        "me",
        "token",
    )
    # The variable is the password that clients must know; that of a repository has others.
    assert (index.password, connection.password) == (Secret("of clients"), None)
    assert connection.timeout == 7


def test_the_command_line_comes_before_variables_and_those_before_defaults(
    asked: dict[str, Any], typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("PUBLISH_ALL_SERVE_REPOSITORY", "github")
    monkeypatch.setenv("PUBLISH_ALL_SERVE_HOST", "")
    assert typed("serve").code == 0
    assert (asked["port"], asked["host"]) == (9000, "127.0.0.1")
    assert asked["index"].connection.repositories == ("github",)
    assert typed("serve", "-r", "local", "--port=8080").code == 0
    assert (asked["port"], asked["index"].connection.repositories) == (8080, ("local",))


def test_on_cloud_run_large_files_are_sent_in_chunks(
    asked: dict[str, Any], typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert typed("serve").code == 0
    assert asked["index"].chunked_above == float("inf")
    monkeypatch.setenv("K_SERVICE", "index")
    assert typed("serve").code == 0
    assert asked["index"].chunked_above == 32 << 20


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "tcp://10.0.0.1:80", "PUBLISH_ALL_SERVE_PORT 'tcp://10.0.0.1:80'"),
        ("LOG_FORMAT", "xml", "PUBLISH_ALL_SERVE_LOG_FORMAT 'xml'"),
        ("PROXY", "maybe", "PUBLISH_ALL_SERVE_PROXY is 'maybe', which is neither true nor false"),
        ("TRUSTED_PROXY", "10.0.0.1/8", "PUBLISH_ALL_SERVE_TRUSTED_PROXY: 10.0.0.1/8 has host bits set"),
        ("BASE_PATH", "/a/../b", "PUBLISH_ALL_SERVE_BASE_PATH '/a/../b'"),
    ],
)
def test_a_wrong_variable_is_named(
    asked: dict[str, Any], typed, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"PUBLISH_ALL_SERVE_{name}", value)
    done = typed("serve")
    assert (done.code, asked) == (2, {})
    assert words in re.sub(r"\s+", " ", done.err)


def test_without_its_libraries_it_says_how_to_install_them(
    asked: dict[str, Any], typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    done = typed("serve")
    assert (done.code, asked) == (2, {})
    assert "prometheus_client is not installed" in done.err
    assert "[cli,serve]" in done.err


def test_exec_does_without_the_library_of_the_metrics() -> None:
    """It takes 50 ms to load."""
    program = "import sys, publish_all.commands.exec; sys.exit('prometheus_client' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)

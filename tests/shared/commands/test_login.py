from __future__ import annotations

import base64
from pathlib import Path

import pytest

from publish_all.commands.context import Runtime
from publish_all.commands.login import login
from publish_all.config.folders import Folders, HostFolders
from publish_all.credentials import keyring
from publish_all.errors import ConfigurationError, CredentialError, UsageError

CORP = "https://pypi.corp.example/legacy/"


def token(location):
    packed = (
        b"\x02\x01" + bytes([len(location)]) + location.encode() + b"\x02\x01x\x00\x00\x06\x20" + bytes(32)
    )
    return "pypi-" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


class Keyring:
    def __init__(self):
        self.entries = {}

    def store(self, url, username, secret, *, project=None):
        self.entries[url, username, project] = secret.reveal()
        return "a ring"

    def forget(self, url, username, *, project=None):
        return self.entries.pop((url, username, project), None) is not None


@pytest.fixture
def ring(monkeypatch):
    ring = Keyring()
    monkeypatch.setattr(keyring, "store", ring.store)
    monkeypatch.setattr(keyring, "forget", ring.forget)
    return ring


@pytest.fixture
def log_in(tmp_path: Path, ring):
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.publish-all.repositories.corp]\nurl = "{CORP}"\n'
        '[tool.publish-all.repositories.folder]\nkind = "directory"\nurl = "index"\n'
        '[tool.publish-all.repositories.named]\nurl = "https://named.example/"\nusername = "carol"\n'
    )
    hosts = HostFolders(
        poetry=tmp_path / "a",
        hatch=tmp_path / "b",
        uv=tmp_path / "c",
        pdm=tmp_path / "d",
        pypirc=tmp_path / "e",
    )

    def build(repository, *answers, **options):
        left = list(answers)
        runtime = Runtime(
            environment={},
            home=tmp_path,
            folders=Folders(config=tmp_path / "config.toml", data=tmp_path, hosts=hosts),
        )
        asked = {"ask": lambda question, *, hidden: left.pop(0), **options}
        return login(repository, tmp_path, runtime=runtime, **asked)

    return build


def test_a_token_is_kept_under_the_url(log_in, ring):
    result = log_in("pypi", token("pypi.org"))
    assert ring.entries == {("https://upload.pypi.org/legacy/", "__token__", None): token("pypi.org")}
    assert result[-1] == "a token of pypi.org, kept in a ring"
    assert token("pypi.org") not in repr(result)


def test_a_user_is_asked_for_where_none_is_known(log_in, ring):
    log_in("corp", "bob", "hunter2")
    log_in("corp", "", "token-of-corp")
    log_in("corp", "hunter3", username="dave")
    log_in("named", "hunter4")
    assert {(url, user) for url, user, _ in ring.entries} == {
        (CORP, "bob"),
        (CORP, "__token__"),
        (CORP, "dave"),
        ("https://named.example/", "carol"),
    }


def test_a_token_of_one_project_is_kept_for_it(log_in, ring):
    log_in("pypi", token("pypi.org"), project="kindling")
    assert list(ring.entries) == [("https://upload.pypi.org/legacy/", "__token__", "kindling")]


@pytest.mark.parametrize(("name", "host"), [("github", "ghcr.io"), ("releases", "api.github.com")])
def test_what_has_an_owner_in_its_url_is_kept_by_its_host(log_in, ring, name, host):
    log_in(name, "octocat", "ghp_0123456789")
    assert list(ring.entries) == [(host, "octocat", None)]


@pytest.mark.parametrize("answer", [token("test.pypi.org"), "ghp_0123456789", "hunter2"])
def test_what_the_repository_would_refuse_is_not_kept(answer, log_in, ring):
    with pytest.raises(CredentialError) as caught:
        log_in("pypi", answer)
    assert ring.entries == {}
    assert answer not in str(caught.value)


def test_nothing_entered_is_an_error(log_in, ring):
    with pytest.raises(CredentialError, match="nothing"):
        log_in("pypi", " ")
    assert ring.entries == {}


def test_nobody_to_ask_is_a_usage_error(log_in):
    with pytest.raises(UsageError, match="needs a terminal"):
        log_in("pypi", ask=None)


def test_a_folder_needs_no_credential_and_an_unknown_name_is_told(log_in):
    with pytest.raises(UsageError, match="folder"):
        log_in("folder")
    with pytest.raises(ConfigurationError, match="corpp"):
        log_in("corpp")


def test_what_was_kept_is_removed(log_in, ring, tmp_path):
    log_in("pypi", token("pypi.org"))
    runtime = Runtime(environment={}, home=tmp_path)
    assert login("pypi", tmp_path, runtime=runtime, forget=True)[-1] == "removed"
    assert login("pypi", tmp_path, runtime=runtime, forget=True)[-1] == "nothing stored"
    assert ring.entries == {}

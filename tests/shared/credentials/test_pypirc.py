from __future__ import annotations

import sys

import pytest

from publish_all.credentials.pypirc import PypircSource
from publish_all.errors import CredentialError

CORP = "https://pypi.corp.example/legacy/"
EVIL = "https://evil.example/legacy/"

TEXT = f"""
[distutils]
index-servers =
    pypi
    testpypi
    ours

[pypi]
username = __token__
password = canary-pypi

[testpypi]
username = __token__
password = canary-%test

[ours]
repository = {CORP}
username = bob
password = canary-corp
"""


@pytest.fixture
def source_of(tmp_path, recorder):
    def build(text, mode=0o600):
        path = tmp_path / ".pypirc"
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return PypircSource(path=path, listener=recorder)

    return build


@pytest.mark.parametrize(
    ("repository", "username", "secret"),
    [
        ("pypi", "__token__", "canary-pypi"),
        ("testpypi", "__token__", "canary-%test"),
        ("corp", "bob", "canary-corp"),
    ],
)
def test_a_server_is_found_by_its_url(repository, username, secret, source_of, make_request):
    found = source_of(TEXT).find(make_request(repository))
    assert (found.username, found.secret.reveal()) == (username, secret)


@pytest.mark.parametrize("name", ["pypi", "testpypi", "ours"])
def test_a_name_alone_gets_nothing_at_another_url(name, source_of, make_request):
    assert source_of(TEXT).find(make_request(name, EVIL)) is None


def test_a_section_named_as_the_project_comes_first(source_of, make_request, make_token):
    token = make_token("pypi.org", [1, ["kindling-synapse"]])
    own = f"\n[kindling_synapse]\nrepository = https://upload.pypi.org/legacy/\npassword = {token}\n"
    source = source_of(TEXT + own)
    assert source.find(make_request("pypi")).secret.reveal() == token
    assert source.find(make_request("pypi", project="kindling-fabric")).secret.reveal() == "canary-pypi"


def test_another_projects_section_is_passed_over(source_of, make_request, make_token):
    token = make_token("pypi.org", [1, ["kindling-synapse"]])
    text = f"[kindling_synapse]\nrepository = https://upload.pypi.org/legacy/\npassword = {token}\n"
    assert source_of(text).find(make_request("pypi", project="kindling-fabric")) is None


def test_another_user_than_the_one_asked_for_is_not_taken(source_of, make_request):
    assert source_of(TEXT).find(make_request("corp", username="carol")) is None


def test_a_missing_file_is_not_here(tmp_path, make_request):
    assert PypircSource(path=tmp_path / ".pypirc").find(make_request("pypi")) is None


def test_a_broken_file_is_named_and_not_quoted(source_of, make_request):
    with pytest.raises(CredentialError, match="pypirc") as caught:
        source_of("[pypi]\npassword canary-in-a-broken-line\n").find(make_request("pypi"))
    errors = (caught.value, caught.value.__cause__, caught.value.__context__)
    assert not any("canary" in str(each) for each in errors)
    assert caught.value.__cause__.__cause__ is None


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")
def test_a_file_that_others_can_read_is_warned_about_only_when_used(source_of, make_request, recorder):
    source = source_of(TEXT, mode=0o644)
    source.find(make_request("corp", EVIL))
    assert recorder.events == []
    source.find(make_request("corp"))
    assert recorder.events[0].finding.code == "PA312"
    assert "chmod 600" in recorder.events[0].finding.hint


def test_an_unreadable_file_is_an_error(tmp_path, make_request):
    (tmp_path / ".pypirc").mkdir()
    with pytest.raises(CredentialError, match="cannot be read"):
        PypircSource(path=tmp_path / ".pypirc").find(make_request("pypi"))


def test_a_section_with_a_user_name_only_says_whom_to_ask_a_keyring_for(source_of, make_request):
    source = source_of(f"[ours]\nrepository = {CORP}\nusername = bob\n")
    assert source.find(make_request("corp")) is None
    assert source.username(make_request("corp")) == "bob"
    assert source.username(make_request("corp", EVIL)) is None
    assert source_of(TEXT).username(make_request("corp")) is None
    assert source_of("no ini file\n").username(make_request("corp")) is None


def test_a_token_as_the_user_name_with_an_empty_password(source_of, make_request):
    found = source_of(f"[ours]\nrepository = {CORP}\nusername = canary-token\npassword =\n").find(
        make_request("corp")
    )
    assert "".join(found.username) == "canary-token"
    assert found.secret.reveal() == ""
    assert "canary" not in f"{found.username} {found!r}"
    assert source_of(f"[ours]\nrepository = {CORP}\npassword =\n").find(make_request("corp")) is None

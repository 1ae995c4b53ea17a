from __future__ import annotations

import json

import pytest

from publish_all.config.hosts import HostRepository
from publish_all.credentials.binding import KnownNames
from publish_all.credentials.host_config import (
    AccountsSource,
    PoetrySource,
    names_of,
    read_hatch,
    read_pdm,
    read_poetry,
    read_uv,
)
from publish_all.errors import CredentialError

PYPI = "https://upload.pypi.org/legacy/"
TESTPYPI = "https://test.pypi.org/legacy/"
CORP = "https://pypi.corp.example/legacy/"
HATCH = KnownNames(urls={"main": PYPI, "test": TESTPYPI, "ours": CORP})


def hatch_source(folder):
    settings = read_hatch(folder / "config.toml", HATCH, cache=folder)
    return AccountsSource(name="Hatch's configuration", accounts=settings.accounts, broken=settings.broken)


def test_names_of_one_tool_and_what_is_built_in_stays():
    found = (
        HostRepository(tool="Poetry", name="Corp", url=CORP, origin=""),
        HostRepository(tool="Poetry", name="corp", url="https://second.example/", origin=""),
        HostRepository(tool="Poetry", name="pypi", url="https://evil.example/", origin=""),
        HostRepository(tool="Poetry", name="source", url=None, origin=""),
        HostRepository(tool="pdm", name="other", url=CORP, origin=""),
    )
    assert names_of("Poetry", found, built_in={"pypi": PYPI}).urls == {"pypi": PYPI, "corp": CORP}


@pytest.mark.parametrize(
    ("auth", "username", "secret"),
    [
        ('[pypi-token]\ncorp = "canary"\n', "__token__", "canary"),
        ('[http-basic.corp]\nusername = "bob"\npassword = "canary"\n', "bob", "canary"),
        (
            '[pypi-token]\ncorp = "canary"\n[http-basic.corp]\nusername = "bob"\npassword = "pw"\n',
            "__token__",
            "canary",
        ),
    ],
)
def test_poetrys_auth_toml(auth, username, secret, tmp_path, make_request):
    (tmp_path / "auth.toml").write_text(auth)
    settings = read_poetry((tmp_path / "config.toml", tmp_path / "auth.toml"), KnownNames())
    found = PoetrySource(settings=settings).find(make_request("corp"))
    assert (found.username, found.secret.reveal()) == (username, secret)
    assert "auth.toml" in found.origin
    assert secret not in repr(settings)
    assert PoetrySource(settings=settings).find(make_request("pypi")) is None


def test_a_user_whose_password_is_in_the_keyring_is_no_answer(tmp_path, make_request):
    (tmp_path / "auth.toml").write_text('[http-basic.corp]\nusername = "bob"\n')
    settings = read_poetry((tmp_path / "config.toml", tmp_path / "auth.toml"), KnownNames())
    assert PoetrySource(settings=settings).find(make_request("corp")) is None
    assert settings.basic["corp"].username == "bob"


def test_no_files_are_no_answer(tmp_path, make_request):
    poetry = read_poetry((tmp_path / "config.toml", tmp_path / "auth.toml"), KnownNames())
    hatch = hatch_source(tmp_path)
    assert PoetrySource(settings=poetry).find(make_request("corp")) is None
    assert hatch.find(make_request("pypi")) is None


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ('auth = "canary"', {"pypi": "__token__"}),
        ('repo = "test"\nauth = "canary"', {"testpypi": "__token__"}),
        (f'repo = "{CORP}"\nuser = "bob"\nauth = "canary"', {"corp": "bob"}),
        (
            '[publish.index.repos.ours]\nurl = "https://pypi.corp.example/legacy/"\nuser = "bob"\nauth = "canary"',
            {"corp": "bob"},
        ),
        ('[publish.index.repos.main]\nuser = "__token__"\nauth = "canary"', {"pypi": "__token__"}),
        ('[publish.index.repos]\nours = "https://pypi.corp.example/legacy/"', {}),
    ],
)
def test_hatchs_config_toml(config, expected, tmp_path, make_request):
    (tmp_path / "config.toml").write_text(f"[publish.index]\n{config}\n")
    source = hatch_source(tmp_path)
    found = {name: source.find(make_request(name)) for name in ("pypi", "testpypi", "corp")}
    assert {name: credential.username for name, credential in found.items() if credential} == expected


def test_hatch_remembers_users(tmp_path):
    folder = tmp_path / "publish" / "index"
    folder.mkdir(parents=True)
    (folder / "previous_working_users.json").write_text(json.dumps({"ours": "bob", CORP: "eve", "x": 1}))
    assert read_hatch(tmp_path / "config.toml", HATCH, cache=tmp_path).users == {CORP: "eve"}
    (folder / "previous_working_users.json").write_text("[")
    assert read_hatch(tmp_path / "config.toml", HATCH, cache=tmp_path).users == {}


def test_a_broken_file_is_raised_by_who_wants_it_without_its_text(tmp_path, make_request):
    (tmp_path / "config.toml").write_text('[publish.index]\nauth = "canary\n')
    hatch = hatch_source(tmp_path)
    poetry = PoetrySource(
        settings=read_poetry((tmp_path / "config.toml", tmp_path / "auth.toml"), KnownNames())
    )
    for source in (hatch, poetry):
        with pytest.raises(CredentialError, match=r"config\.toml cannot be read") as caught:
            source.find(make_request("pypi"))
        assert "canary" not in str(caught.value)


def test_pdms_configuration(tmp_path, make_request):
    config = tmp_path / "config.toml"
    config.write_text(
        f'[repository.ours]\nurl = "{CORP}"\nusername = "bob"\npassword = "canary"\n'
        '[repository.pypi]\nusername = "__token__"\npassword = "canary-pypi"\n'
        '[repository.unknown]\nusername = "x"\npassword = "y"\n'
    )
    source = read_pdm((tmp_path / "none.toml", config), KnownNames(urls={"pypi": PYPI}))
    found = {name: source.find(make_request(name)) for name in ("pypi", "testpypi", "corp")}
    assert {name: each.username for name, each in found.items() if each} == {
        "pypi": "__token__",
        "corp": "bob",
    }
    assert str(config) in found["corp"].origin


def test_an_account_of_uv_serves_what_is_below_its_url(tmp_path, make_request):
    file = tmp_path / "credentials.toml"
    file.write_text(
        '[[credential]]\nservice = "https://pypi.corp.example/team/"\nusername = "bob"\nscheme = "basic"\n'
        'password = "canary"\n'
        '[[credential]]\nservice = "https://bearer.example/"\nscheme = "bearer"\ntoken = "x"\n'
    )
    source = read_uv(file)
    for path, served in (("team/legacy/", True), ("team", True), ("teams/", False), ("team/../x/", False)):
        found = source.find(make_request("corp", f"https://pypi.corp.example/{path}"))
        assert (found is not None) is served, path
    for url in (
        "https://pypi.corp.example.evil.example/team/",
        "http://pypi.corp.example/team/",
        "https://bearer.example/",
    ):
        assert source.find(make_request("corp", url)) is None


def test_a_token_as_the_user_name_with_an_empty_password(tmp_path, make_request):
    (tmp_path / "auth.toml").write_text('[http-basic.corp]\nusername = "canary-token"\npassword = ""\n')
    settings = read_poetry((tmp_path / "auth.toml",), KnownNames())
    found = PoetrySource(settings=settings).find(make_request("corp"))
    assert ("".join(found.username), found.secret.reveal()) == ("canary-token", "")
    assert "canary" not in str(found)


@pytest.mark.parametrize("read", [lambda file: read_pdm((file,), KnownNames()), read_uv])
def test_a_broken_file_of_pdm_or_uv_is_raised_when_it_is_asked(read, tmp_path, make_request):
    (tmp_path / "file.toml").write_text('password = "canary\n')
    with pytest.raises(CredentialError, match=r"file\.toml cannot be read") as caught:
        read(tmp_path / "file.toml").find(make_request("corp"))
    assert "canary" not in str(caught.value)

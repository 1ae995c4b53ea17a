from __future__ import annotations

import pytest

from publish_all.config.model import ProjectConfig
from publish_all.config.tools import PYPIRC
from publish_all.credentials.configured import ToolFileSource, poetry_names
from publish_all.credentials.credential_source import Purpose
from publish_all.errors import CredentialError

CORP = "https://pypi.corp.example/legacy/"
EVIL = "https://evil.example/legacy/"


@pytest.fixture
def source_of(tools_of, recorder):
    """The source of one tool, by the file that has its secrets."""
    names = {
        "auth.toml": "Poetry's configuration",
        "hatch.toml": "Hatch's configuration",
        "pdm.toml": "pdm's configuration",
        "credentials.toml": "uv auth",
        ".pypirc": PYPIRC,
    }

    def build(file, text, **others):
        tools = tools_of({file: text, **others})
        assert text == "" or "canary" not in repr(tools)
        return ToolFileSource(tools, names[file], recorder)

    return build


def test_poetry_has_the_names_that_mean_the_url(tools_of, make_request, make_repository):
    config = f'[repositories]\nours.url = "{CORP}"\ntheirs.url = "{EVIL}"\n'
    tools = tools_of({"config.toml": config})
    assert poetry_names(tools, make_request("corp")) == ("corp", "ours")
    assert poetry_names(tools, make_request("Theirs", CORP)) == ("ours",)
    assert poetry_names(tools, make_request("Corp_EU", CORP)) == ("Corp_EU", "ours")
    index = make_repository("corp", index_url="https://other.example/simple/")
    read = make_request("corp", index.index_url, purpose=Purpose.READ, config=index)
    assert poetry_names(tools, read) == ()


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
def test_poetrys_auth_toml(auth, username, secret, source_of, make_request):
    source = source_of("auth.toml", auth)
    found = source.find(make_request("corp"))
    assert (found.username, found.secret.reveal()) == (username, secret)
    assert "auth.toml" in found.origin
    assert source.find(make_request("pypi")) is None


def test_of_several_names_for_one_url_that_of_the_repository_is_first(source_of, make_request):
    auth = '[pypi-token]\nours = "canary-ours"\npypi = "canary-pypi"\n'
    config = '[repositories]\nours.url = "https://upload.pypi.org/legacy/"\n'
    source = source_of("auth.toml", auth, **{"config.toml": config})
    assert source.find(make_request("pypi")).secret.reveal() == "canary-pypi"
    request = make_request("ours", "https://upload.pypi.org/legacy/")
    assert source.find(request).secret.reveal() == "canary-ours"


def test_a_name_that_poetry_knows_elsewhere_is_not_served(source_of, make_request):
    auth = '[pypi-token]\ncorp = "canary"\n'
    source = source_of("auth.toml", auth, **{"config.toml": f'[repositories]\ncorp.url = "{CORP}"\n'})
    assert source.find(make_request("corp", EVIL)) is None
    assert source.find(make_request("other", CORP)) is not None


def test_what_is_in_the_keyring_or_nowhere_is_no_answer(source_of, make_request):
    user_alone = '[http-basic.corp]\nusername = "bob"\n'
    assert source_of("auth.toml", user_alone).find(make_request("corp")) is None
    for file in ("auth.toml", "hatch.toml", "pdm.toml", "credentials.toml", ".pypirc"):
        assert source_of(file, "").find(make_request("corp")) is None


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ('auth = "canary"', {"pypi": "__token__"}),
        ('repo = "test"\nauth = "canary"', {"testpypi": "__token__"}),
        (f'repo = "{CORP}"\nuser = "bob"\nauth = "canary"', {"corp": "bob"}),
        (f'[publish.index.repos.ours]\nurl = "{CORP}"\nuser = "bob"\nauth = "canary"', {"corp": "bob"}),
        (
            f'repo = "ours"\nuser = "bob"\nauth = "canary"\n[publish.index.repos]\nours = "{CORP}"',
            {"corp": "bob"},
        ),
        ('[publish.index.repos.main]\nuser = "__token__"\nauth = "canary"', {"pypi": "__token__"}),
        (
            f'[publish.index.repos.main]\nurl = "{CORP}"\nuser = "__token__"\nauth = "canary"',
            {"pypi": "__token__"},
        ),
        (f'[publish.index.repos]\nours = "{CORP}"', {}),
    ],
)
def test_hatchs_config_toml(config, expected, source_of, make_request):
    source = source_of("hatch.toml", f"[publish.index]\n{config}\n")
    found = {name: source.find(make_request(name)) for name in ("pypi", "testpypi", "corp")}
    assert {name: credential.username for name, credential in found.items() if credential} == expected


def test_pdms_configuration(source_of, make_request):
    source = source_of(
        "pdm.toml",
        f'[repository.ours]\nurl = "{CORP}"\nusername = "bob"\npassword = "canary"\n'
        '[repository.pypi]\nusername = "__token__"\npassword = "canary-pypi"\n'
        '[repository.unknown]\nusername = "x"\npassword = "y"\n',
    )
    found = {name: source.find(make_request(name)) for name in ("pypi", "testpypi", "corp")}
    assert {name: each.username for name, each in found.items() if each} == {
        "pypi": "__token__",
        "corp": "bob",
    }
    assert "pdm.toml" in found["corp"].origin
    assert source.find(make_request("unknown", EVIL)) is None


def test_an_account_of_uv_serves_what_is_below_its_url(source_of, make_request):
    source = source_of(
        "credentials.toml",
        '[[credential]]\nservice = "https://pypi.corp.example/team/"\nusername = "bob"\nscheme = "basic"\n'
        'password = "canary"\n'
        '[[credential]]\nservice = "https://bearer.example/"\nscheme = "bearer"\ntoken = "x"\n',
    )
    for path, served in (("team/legacy/", True), ("team", True), ("teams/", False), ("team/../x/", False)):
        found = source.find(make_request("corp", f"https://pypi.corp.example/{path}"))
        assert (found is not None) is served, path
    for url in (
        "https://pypi.corp.example.evil.example/team/",
        "http://pypi.corp.example/team/",
        "https://bearer.example/",
    ):
        assert source.find(make_request("corp", url)) is None


def test_a_projects_files_serve_the_urls_that_they_have(tools_of, make_request, tmp_path):
    text = f'[repositories]\ncorp.url = "{CORP}"\n[http-basic.corp]\nusername = "bob"\npassword = "canary"\n'
    (tmp_path / "poetry.toml").write_text(text)
    tools = tools_of(project=ProjectConfig(root=tmp_path, pyproject={}))
    source = ToolFileSource(tools, "the project's poetry.toml")
    assert source.find(make_request("corp")).username == "bob"
    assert source.find(make_request("corp", EVIL)) is None
    assert ToolFileSource(tools, "Poetry's configuration").find(make_request("corp")) is None


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("auth.toml", '[http-basic.corp]\nusername = "canary-token"\npassword = ""\n'),
        (".pypirc", f"[ours]\nrepository = {CORP}\nusername = canary-token\npassword =\n"),
    ],
)
def test_a_token_as_the_user_name_with_an_empty_password(file, text, tools_of, make_request):
    place = PYPIRC if file == ".pypirc" else "Poetry's configuration"
    found = ToolFileSource(tools_of({file: text}), place).find(make_request("corp"))
    assert ("".join(found.username), found.secret.reveal()) == ("canary-token", "")
    assert "canary" not in f"{found.username} {found!r}"


def test_no_user_name_and_an_empty_password_are_no_answer(source_of, make_request):
    source = source_of(".pypirc", f"[ours]\nrepository = {CORP}\npassword =\n")
    assert source.find(make_request("corp")) is None


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("auth.toml", 'password = "canary\n'),
        ("hatch.toml", '[publish.index]\nauth = "canary\n'),
        ("pdm.toml", 'password = "canary\n'),
        ("credentials.toml", 'password = "canary\n'),
        (".pypirc", "[pypi]\npassword canary-in-a-broken-line\n"),
    ],
)
def test_a_broken_file_is_an_error_without_its_text_when_it_is_asked(file, text, source_of, make_request):
    with pytest.raises(CredentialError, match=file) as caught:
        source_of(file, text).find(make_request("corp"))
    assert caught.value.findings[0].code == "PA311"
    errors = (caught.value, caught.value.__cause__, caught.value.__context__)
    assert not any("canary" in str(each) for each in errors)


# .pypirc


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


@pytest.mark.parametrize(
    ("repository", "username", "secret"),
    [
        ("pypi", "__token__", "canary-pypi"),
        ("testpypi", "__token__", "canary-%test"),
        ("corp", "bob", "canary-corp"),
    ],
)
def test_a_server_is_found_by_its_url(repository, username, secret, source_of, make_request):
    found = source_of(".pypirc", TEXT).find(make_request(repository))
    assert (found.username, found.secret.reveal()) == (username, secret)


@pytest.mark.parametrize("name", ["pypi", "testpypi", "ours"])
def test_a_name_alone_gets_nothing_at_another_url(name, source_of, make_request):
    assert source_of(".pypirc", TEXT).find(make_request(name, EVIL)) is None


def test_a_section_named_as_the_project_comes_first(source_of, make_request, make_token):
    token = make_token("pypi.org", [1, ["kindling-synapse"]])
    own = f"\n[kindling_synapse]\nrepository = https://upload.pypi.org/legacy/\npassword = {token}\n"
    source = source_of(".pypirc", TEXT + own)
    assert source.find(make_request("pypi")).secret.reveal() == token
    assert source.find(make_request("pypi", project="kindling-fabric")).secret.reveal() == "canary-pypi"


def test_another_projects_section_is_passed_over(source_of, make_request, make_token):
    token = make_token("pypi.org", [1, ["kindling-synapse"]])
    text = f"[kindling_synapse]\nrepository = https://upload.pypi.org/legacy/\npassword = {token}\n"
    assert source_of(".pypirc", text).find(make_request("pypi", project="kindling-fabric")) is None


def test_another_user_than_the_one_asked_for_is_not_taken(source_of, make_request):
    assert source_of(".pypirc", TEXT).find(make_request("corp", username="carol")) is None


@pytest.mark.posix("modes")
def test_a_file_that_others_can_read_is_warned_about_only_when_used(
    source_of, make_request, recorder, tmp_path
):
    source = source_of(".pypirc", TEXT)
    (tmp_path / "user" / ".pypirc").chmod(0o644)
    source.find(make_request("corp", EVIL))
    assert recorder.events == []
    source.find(make_request("corp"))
    assert recorder.events[0].finding.code == "PA312"
    assert "chmod 600" in recorder.events[0].finding.hint


def test_an_unreadable_file_is_an_error(tmp_path, tools_of, make_request):
    (tmp_path / "user" / ".pypirc").mkdir(parents=True)
    with pytest.raises(CredentialError, match="cannot be read"):
        ToolFileSource(tools_of(), PYPIRC).find(make_request("pypi"))


def test_a_section_with_a_user_name_only_says_whom_to_ask_a_keyring_for(source_of, make_request):
    source = source_of(".pypirc", f"[ours]\nrepository = {CORP}\nusername = bob\n")
    assert source.find(make_request("corp")) is None
    assert source.username(make_request("corp")) == "bob"
    assert source.username(make_request("corp", EVIL)) is None
    assert source_of(".pypirc", TEXT).username(make_request("corp")) is None
    assert source_of(".pypirc", "no ini file\n").username(make_request("corp")) is None

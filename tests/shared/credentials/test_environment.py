from __future__ import annotations

from pathlib import Path

import pytest

from publish_all.config.model import Scope
from publish_all.credentials.address import PYPI, TESTPYPI
from publish_all.credentials.binding import Bindings, KnownNames
from publish_all.credentials.environment import VARIABLES, EnvironmentSource, Tool, documented
from publish_all.credentials.source import CredentialKind, Purpose
from publish_all.errors import CredentialError

CORP = "https://pypi.corp.example/legacy/"
EVIL = "https://evil.example/legacy/"
VALUE = "canary-7f3e9b-do-not-show"

# variables → the repositories that get VALUE, with the user name; all others must get nothing
TABLE = [
    ({"PUBLISH_ALL_CORP_TOKEN": VALUE}, {"corp": "__token__"}),
    ({"PUBLISH_ALL_PYPI_TOKEN": VALUE}, {"pypi": "__token__"}),
    ({"PUBLISH_ALL_GITHUB_TOKEN": VALUE}, {"github": "__token__"}),
    ({"PUBLISH_ALL_CORP_TOKEN_FOR_KINDLING_SYNAPSE": VALUE}, {"corp": "__token__"}),
    ({"PUBLISH_ALL_CORP_TOKEN_FOR_KINDLING_FABRIC": VALUE}, {}),
    ({"PUBLISH_ALL_CORP_USERNAME": "bob", "PUBLISH_ALL_CORP_PASSWORD": VALUE}, {"corp": "bob"}),
    ({"PUBLISH_ALL_CORP_USERNAME": "bob", "PUBLISH_ALL_CORP_TOKEN": VALUE}, {"corp": "bob"}),
    ({"PUBLISH_ALL_PYPI_PASSWORD": VALUE}, {"pypi": "__token__"}),
    ({"POETRY_PYPI_TOKEN_CORP": VALUE}, {"corp": "__token__"}),
    ({"POETRY_PYPI_TOKEN_PYPI": VALUE}, {"pypi": "__token__"}),
    ({"POETRY_PYPI_TOKEN_TEST_PYPI": VALUE}, {"testpypi": "__token__"}),
    (
        {"POETRY_HTTP_BASIC_CORP_USERNAME": "bob", "POETRY_HTTP_BASIC_CORP_PASSWORD": VALUE},
        {"corp": "bob"},
    ),
    ({"HATCH_INDEX_AUTH": VALUE}, {"pypi": "__token__"}),
    ({"HATCH_INDEX_REPO": "test", "HATCH_INDEX_AUTH": VALUE}, {"testpypi": "__token__"}),
    ({"HATCH_INDEX_REPO": CORP, "HATCH_INDEX_USER": "bob", "HATCH_INDEX_AUTH": VALUE}, {"corp": "bob"}),
    ({"HATCH_INDEX_REPO": "corp", "HATCH_INDEX_USER": "bob", "HATCH_INDEX_AUTH": VALUE}, {"corp": "bob"}),
    ({"TWINE_PASSWORD": VALUE}, {"pypi": "__token__"}),
    ({"TWINE_USERNAME": "__token__", "TWINE_PASSWORD": VALUE}, {"pypi": "__token__"}),
    ({"TWINE_REPOSITORY": "testpypi", "TWINE_PASSWORD": VALUE}, {"testpypi": "__token__"}),
    ({"TWINE_REPOSITORY_URL": CORP.rstrip("/"), "TWINE_PASSWORD": VALUE}, {"corp": "__token__"}),
    (
        {"TWINE_REPOSITORY_URL": CORP, "TWINE_REPOSITORY": "testpypi", "TWINE_PASSWORD": VALUE},
        {"corp": "__token__"},
    ),
    ({"TWINE_REPOSITORY_URL": EVIL, "TWINE_PASSWORD": VALUE}, {}),
    ({"UV_PUBLISH_TOKEN": VALUE}, {"pypi": "__token__"}),
    ({"UV_PUBLISH_URL": TESTPYPI, "UV_PUBLISH_TOKEN": VALUE}, {"testpypi": "__token__"}),
    (
        {"UV_PUBLISH_URL": CORP, "UV_PUBLISH_USERNAME": "bob", "UV_PUBLISH_PASSWORD": VALUE},
        {"corp": "bob"},
    ),
    ({"UV_PUBLISH_INDEX": "corp", "UV_PUBLISH_TOKEN": VALUE}, {"corp": "__token__"}),
    ({"FLIT_USERNAME": "__token__", "FLIT_PASSWORD": VALUE}, {"pypi": "__token__"}),
    ({"FLIT_INDEX_URL": CORP, "FLIT_USERNAME": "bob", "FLIT_PASSWORD": VALUE}, {"corp": "bob"}),
    ({"PDM_PUBLISH_PASSWORD": VALUE}, {"pypi": "__token__"}),
    ({"PDM_PUBLISH_REPO": "testpypi", "PDM_PUBLISH_PASSWORD": VALUE}, {"testpypi": "__token__"}),
    (
        {"PDM_PUBLISH_REPO": CORP, "PDM_PUBLISH_USERNAME": "bob", "PDM_PUBLISH_PASSWORD": VALUE},
        {"corp": "bob"},
    ),
    ({"PYPI_API_TOKEN": VALUE}, {"pypi": "__token__"}),
    ({"PYPI_TOKEN": VALUE}, {"pypi": "__token__"}),
    ({"TESTPYPI_API_TOKEN": VALUE}, {"testpypi": "__token__"}),
    ({"GITHUB_TOKEN": VALUE, "GITHUB_ACTOR": "octocat"}, {"github": "octocat"}),
    ({"GH_TOKEN": VALUE}, {"github": "__token__"}),
    ({"GITHUB_TOKEN": VALUE, "GITHUB_SERVER_URL": "https://ghes.example"}, {}),
    ({"PUBLISH_ALL_CORP_TOKEN": "  \n"}, {}),
    ({"TWINE_PASSWORD": ""}, {}),
]


@pytest.fixture
def source_of(make_repository, recorder):
    def build(environment, *repositories, known=None):
        configured = repositories or tuple(
            make_repository(name) for name in ("pypi", "testpypi", "corp", "github")
        )
        bindings = Bindings({config.name: config for config in configured})
        names = KnownNames(urls={"pypi": PYPI, "testpypi": TESTPYPI})
        tools = {
            Tool.POETRY: KnownNames(urls={"pypi": PYPI, "test-pypi": TESTPYPI}),
            Tool.HATCH: KnownNames(urls={"main": PYPI, "test": TESTPYPI}),
            Tool.TWINE: names,
            Tool.PDM: names,
        }
        return EnvironmentSource(
            environment=environment, bindings=bindings, known=known or tools, listener=recorder
        )

    return build


@pytest.mark.parametrize(("environment", "expected"), TABLE, ids=" ".join)
def test_a_variable_serves_its_repository_and_no_other(environment, expected, source_of, make_request):
    source = source_of(environment)
    found = {
        name: credential
        for name in ("pypi", "testpypi", "corp", "github")
        if (credential := source.find(make_request(name))) is not None
    }
    assert {name: credential.username for name, credential in found.items()} == expected
    for name, credential in found.items():
        assert credential.secret.reveal() == VALUE
        assert credential.host in make_request(name).url
        assert any(variable in credential.origin for variable in environment)


def test_every_variable_of_the_table_is_tried():
    tried = {name for environment, _ in TABLE for name in environment}
    for variable in VARIABLES:
        assert any(
            name.startswith(variable.name.split("{")[0]) and name.endswith(variable.name.rsplit("}")[-1])
            for name in tried
        ), variable.name


@pytest.mark.parametrize(
    "environment",
    [
        {"TWINE_PASSWORD": VALUE},
        {"HATCH_INDEX_AUTH": VALUE},
        {"UV_PUBLISH_TOKEN": VALUE},
        {"FLIT_PASSWORD": VALUE},
        {"PDM_PUBLISH_PASSWORD": VALUE},
        {"PYPI_API_TOKEN": VALUE},
        {"TESTPYPI_API_TOKEN": VALUE},
        {"GITHUB_TOKEN": VALUE},
        {"GH_TOKEN": VALUE},
        {"POETRY_PYPI_TOKEN_PYPI": VALUE},
        {"TWINE_REPOSITORY": "pypi", "TWINE_PASSWORD": VALUE},
        {"HATCH_INDEX_REPO": "main", "HATCH_INDEX_AUTH": VALUE},
    ],
    ids=" ".join,
)
def test_a_project_that_repoints_or_copies_names_gets_nothing(
    environment, source_of, make_request, make_repository
):
    for name in ("pypi", "main", "test", "github", "testpypi", "evil"):
        source = source_of(environment, make_repository(name, EVIL, scope=Scope.PROJECT))
        assert source.find(make_request(name, EVIL)) is None


def test_poetrys_variable_for_a_name_which_poetry_knows_at_another_url_is_not_taken(
    source_of, make_request, make_repository
):
    known = {Tool.POETRY: KnownNames(urls={"corp": CORP})}
    evil = make_repository("corp", EVIL)
    source = source_of({"POETRY_PYPI_TOKEN_CORP": VALUE}, evil, known=known)
    assert source.find(make_request("corp", EVIL)) is None


def test_our_variable_for_a_name_which_the_user_has_at_another_host_is_not_for_a_project(
    source_of, make_request, make_repository
):
    known = {Tool.PUBLISH_ALL: KnownNames(urls={"corp": CORP})}
    variables = {"PUBLISH_ALL_CORP_TOKEN": VALUE}
    source = source_of(variables, make_repository("corp", EVIL), known=known)
    request = make_request("corp", EVIL)
    assert source.find(request) is None
    assert f"set, but it is for {CORP}" in [each.outcome for each in source.misses(request)]
    same_host = make_repository("corp", f"{CORP}other/")
    assert source_of(variables, same_host, known=known).find(make_request("corp", same_host.url))
    stated = make_repository("corp", EVIL, scope=Scope.COMMAND_LINE)
    assert source_of(variables, stated, known=known).find(request)


def test_repositories_with_the_same_variables_are_refused(source_of, make_request, make_repository):
    pair = (make_repository("corp-eu", CORP), make_repository("corp_eu", EVIL))
    source = source_of({"PUBLISH_ALL_CORP_EU_TOKEN": VALUE}, *pair)
    with pytest.raises(CredentialError) as caught:
        source.find(make_request("corp_eu", EVIL))
    assert caught.value.findings[0].code == "PA314"
    assert VALUE not in str(caught.value)


def test_an_index_url_on_another_host_gets_nothing_by_name(source_of, make_request, make_repository):
    source = source_of({"PUBLISH_ALL_CORP_TOKEN": VALUE}, make_repository("corp", index_url=EVIL))
    assert source.find(make_request("corp", EVIL, purpose=Purpose.READ)) is None
    same_host = "https://pypi.corp.example/simple/"
    assert source.find(make_request("corp", same_host, purpose=Purpose.READ)) is not None


def test_an_index_is_read_with_what_its_upload_url_was_given(source_of, make_request, make_repository):
    index = "https://pypi.corp.example/simple/"
    environment = {"TWINE_REPOSITORY_URL": CORP, "TWINE_USERNAME": "bob", "TWINE_PASSWORD": VALUE}
    source = source_of(environment, make_repository("corp", index_url=index))
    assert source.find(make_request("corp", index, purpose=Purpose.READ)) is not None


def test_the_token_of_the_project_comes_before_the_general_one(source_of, make_request):
    source = source_of(
        {"PUBLISH_ALL_PYPI_TOKEN": "general", "PUBLISH_ALL_PYPI_TOKEN_FOR_KINDLING_SYNAPSE": "scoped"}
    )
    assert source.find(make_request("pypi")).secret.reveal() == "scoped"
    assert source.find(make_request("pypi", project="kindling-fabric")).secret.reveal() == "general"


def test_white_space_around_is_left_out_with_a_note(source_of, make_request, recorder):
    source = source_of({"PYPI_TOKEN": f" {VALUE}\n"})
    assert source.find(make_request("pypi")).secret.reveal() == VALUE
    assert "PYPI_TOKEN" in recorder.text
    assert VALUE not in recorder.text


def test_a_line_break_inside_is_refused_and_names_the_variable(source_of, make_request):
    with pytest.raises(CredentialError, match="PYPI_TOKEN") as caught:
        source_of({"PYPI_TOKEN": f"{VALUE}\nmore"}).find(make_request("pypi"))
    assert VALUE not in str(caught.value) + repr(caught.value.findings)


def test_a_password_without_its_user_is_refused(source_of, make_request):
    source = source_of({"PUBLISH_ALL_CORP_PASSWORD": VALUE})
    with pytest.raises(CredentialError) as caught:
        source.find(make_request("corp"))
    assert "PUBLISH_ALL_CORP_USERNAME" in caught.value.hint
    assert source.find(make_request("corp", username="bob")).username == "bob"


@pytest.mark.parametrize(
    ("environment", "repository", "username"),
    [
        ({"TWINE_USERNAME": "bob"}, "pypi", "bob"),
        ({"TWINE_USERNAME": "bob"}, "corp", None),
        ({"PUBLISH_ALL_CORP_USERNAME": "bob"}, "corp", "bob"),
        ({"GITHUB_ACTOR": "octocat"}, "github", None),
    ],
)
def test_a_user_name_alone_is_known_to_the_others(environment, repository, username, source_of, make_request):
    assert source_of(environment).username(make_request(repository)) == username


def test_github_token_goes_to_the_server_of_the_job(source_of, make_request, make_repository):
    url = "https://containers.ghes.example/sep"
    environment = {"GITHUB_TOKEN": VALUE, "GITHUB_SERVER_URL": "https://ghes.example"}
    source = source_of(environment, make_repository("github", url, scope=Scope.USER))
    assert source.find(make_request("github", url)) is not None


def test_github_token_goes_to_a_server_that_the_user_named_and_not_to_a_projects(
    source_of, make_request, make_repository
):
    url = "https://registry.ghes.example/sep"
    for scope, expected in ((Scope.USER, True), (Scope.ENVIRONMENT, True), (Scope.PROJECT, False)):
        source = source_of({"GITHUB_TOKEN": VALUE}, make_repository("github", url, scope=scope))
        assert (source.find(make_request("github", url)) is not None) is expected


def test_a_variable_for_elsewhere_is_explained(source_of, make_request):
    source = source_of({"TWINE_PASSWORD": VALUE, "TWINE_REPOSITORY_URL": "https://bob:pw@other.example/"})
    assert source.find(make_request("pypi")) is None
    misses = {entry.source: entry.outcome for entry in source.misses(make_request("pypi"))}
    assert misses["environment variable PUBLISH_ALL_PYPI_TOKEN"] == "not set"
    assert misses["environment variable TWINE_PASSWORD"] == "set, but it is for https://other.example/"


def test_the_kind_is_that_of_the_variable(source_of, make_request):
    source = source_of({"PUBLISH_ALL_PYPI_TOKEN": VALUE})
    assert source.find(make_request("pypi")).kind is CredentialKind.TOKEN


def test_the_documented_table_is_the_codes():
    page = Path(__file__).parents[3] / "docs" / "reference" / "credentials.md"
    assert documented() in page.read_text(encoding="utf-8")

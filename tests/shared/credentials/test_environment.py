from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from publish_all.config.model import Scope
from publish_all.config.tools import TESTPYPI, Tool, ToolRepository
from publish_all.credentials.configured import VARIABLES, EnvironmentSource
from publish_all.credentials.credential_source import CredentialKind, Purpose
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
def source_of(tools_of):
    def build(environment, *, poetry=None, own=(), names=()):
        poetry = poetry or {"test-pypi": TESTPYPI}
        config = "".join(f"[repositories.{name}]\nurl = '{url}'\n" for name, url in poetry.items())
        tools = tools_of({"config.toml": config}, environment)
        ours = {
            "publish-all": tuple(
                ToolRepository(tool=Tool.PUBLISH_ALL, name=name, url=url, origin="") for name, url in own
            )
        }
        return EnvironmentSource(replace(tools, places={**tools.places, **ours}), names)

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
        evil = make_repository(name, EVIL, scope=Scope.PROJECT)
        assert source_of(environment).find(make_request(name, EVIL, config=evil)) is None


def test_poetrys_variable_for_a_name_which_poetry_knows_at_another_url_is_not_taken(
    source_of, make_request, make_repository
):
    source = source_of({"POETRY_PYPI_TOKEN_CORP": VALUE}, poetry={"corp": CORP})
    assert source.find(make_request("corp", EVIL, config=make_repository("corp", EVIL))) is None


def test_our_variable_for_a_name_which_the_user_has_at_another_host_is_not_for_a_project(
    source_of, make_request, make_repository, misses
):
    source = source_of({"PUBLISH_ALL_CORP_TOKEN": VALUE}, own=[("corp", CORP)])
    request = make_request("corp", EVIL, config=make_repository("corp", EVIL))
    assert f"set, but it is for {CORP}" in misses(source, request).values()
    same_host = make_repository("corp", f"{CORP}other/")
    assert source.find(make_request("corp", same_host.url, config=same_host))
    stated = make_repository("corp", EVIL, scope=Scope.COMMAND_LINE)
    assert source.find(make_request("corp", EVIL, config=stated))


def test_repositories_with_the_same_variables_are_refused(source_of, make_request):
    environment = {"PUBLISH_ALL_CORP_EU_TOKEN": VALUE}
    with pytest.raises(CredentialError) as caught:
        source_of(environment, names=("corp-eu", "corp_eu")).find(make_request("corp_eu", EVIL))
    assert caught.value.findings[0].code == "PA314"
    assert VALUE not in str(caught.value)
    assert source_of(environment, names=("corp_eu", "corp_eu")).find(make_request("corp_eu", EVIL))


def test_an_index_url_on_another_host_gets_nothing_by_name(source_of, make_request, make_repository):
    source = source_of({"PUBLISH_ALL_CORP_TOKEN": VALUE})
    corp = make_repository("corp", index_url=EVIL)
    assert source.find(make_request("corp", EVIL, purpose=Purpose.READ, config=corp)) is None
    same_host = "https://pypi.corp.example/simple/"
    assert source.find(make_request("corp", same_host, purpose=Purpose.READ, config=corp)) is not None


def test_an_index_is_read_with_what_its_upload_url_was_given(source_of, make_request, make_repository):
    index = "https://pypi.corp.example/simple/"
    environment = {"TWINE_REPOSITORY_URL": CORP, "TWINE_USERNAME": "bob", "TWINE_PASSWORD": VALUE}
    request = make_request(
        "corp", index, purpose=Purpose.READ, config=make_repository("corp", index_url=index)
    )
    assert source_of(environment).find(request) is not None


def test_the_token_of_the_project_comes_before_the_general_one(source_of, make_request):
    source = source_of(
        {"PUBLISH_ALL_PYPI_TOKEN": "general", "PUBLISH_ALL_PYPI_TOKEN_FOR_KINDLING_SYNAPSE": "scoped"}
    )
    assert source.find(make_request("pypi")).secret.reveal() == "scoped"
    assert source.find(make_request("pypi", project="kindling-fabric")).secret.reveal() == "general"


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
    github = make_repository("github", url)
    assert source_of(environment).find(make_request("github", url, config=github)) is not None


def test_github_token_goes_to_a_server_that_the_user_named_and_not_to_a_projects(
    source_of, make_request, make_repository
):
    url = "https://registry.ghes.example/sep"
    for scope, expected in ((Scope.USER, True), (Scope.ENVIRONMENT, True), (Scope.PROJECT, False)):
        request = make_request("github", url, config=make_repository("github", url, scope=scope))
        assert (source_of({"GITHUB_TOKEN": VALUE}).find(request) is not None) is expected


def test_a_variable_for_elsewhere_is_explained(source_of, make_request, misses):
    source = source_of({"TWINE_PASSWORD": VALUE, "TWINE_REPOSITORY_URL": "https://bob:pw@other.example/"})
    found = misses(source, make_request("pypi"))
    assert found["environment variable PUBLISH_ALL_PYPI_TOKEN"] == "not set"
    assert found["environment variable TWINE_PASSWORD"] == "set, but it is for https://other.example/"


def test_the_kind_is_that_of_the_variable(source_of, make_request):
    source = source_of({"PUBLISH_ALL_PYPI_TOKEN": VALUE})
    assert source.find(make_request("pypi")).kind is CredentialKind.TOKEN


def documented():
    """The table of variables in Markdown, for the reference documentation."""
    yield "| variable | user name | tool | used for |"
    yield "| --- | --- | --- | --- |"
    for each in VARIABLES:
        user = f"`{each.username}`" if each.username else "`__token__`"
        targets = " or ".join(f"`{variable}`" for variable in each.tool.targets)
        default = f"`{each.default}`"
        serves = f"the repository of {targets}; without it {default}" if targets else default
        if each.tool is Tool.GITHUB:
            serves = (
                "`ghcr.io` and `api.github.com`; the server in `GITHUB_SERVER_URL`; a server that the user (not a "
                "project) has set for `github` or `releases`"
            )
        elif each.by_name:
            serves = "the repository with this name"
        row = f"| `{each.name}` | {user} | {each.tool.label} | {serves} |"
        yield row.replace("{REPOSITORY}", "<REPO>").replace("{PROJECT}", "<PROJECT>")


def test_the_documented_table_is_the_codes():
    page = Path(__file__).parents[3] / "docs" / "reference" / "credentials.md"
    assert "\n".join(documented()) in page.read_text(encoding="utf-8")

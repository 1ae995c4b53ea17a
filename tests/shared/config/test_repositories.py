from __future__ import annotations

import pytest

from publish_all.config.kinds import DIRECTORY, LEGACY, OCI
from publish_all.config.model import Scope


def repository(parse, name, text=""):
    return parse(f"[tool.publish-all.repositories.{name}]\n{text}").repositories[name]


def test_the_kind_is_legacy_unless_stated(parse):
    found = repository(parse, "corp", "url = 'https://x/'")

    assert found.kind is LEGACY
    assert found.scope is Scope.PROJECT


@pytest.mark.parametrize(
    ("name", "kind"),
    [("github", OCI), ("local", DIRECTORY), ("pypi", LEGACY)],
)
def test_a_built_in_repository_keeps_its_kind(parse, name, kind):
    assert repository(parse, name, "username = 'me'").kind is kind


def test_only_what_is_stated_has_an_origin(parse):
    assert dict(repository(parse, "github", "owner = 'sep'").origins) == {"owner": "pyproject.toml:2"}


def test_an_alias_is_the_built_in_repository(parse):
    assert list(parse("[tool.publish-all.repositories.test]\nusername = 'me'").repositories) == ["testpypi"]


@pytest.mark.parametrize(
    "name", ["pypi", "testpypi", "github", "releases", "main", "test", "PyPI", "Test", "TESTPYPI"]
)
@pytest.mark.parametrize(
    "key", ["url = 'https://evil.example/'", "index-url = 'https://evil.example/'", "kind = 'legacy'"]
)
def test_a_project_can_not_change_where_a_built_in_repository_is(trouble, name, key):
    error = trouble(f"[tool.publish-all.repositories.{name}]\n{key}\n")

    assert (
        f"tool.publish-all.repositories.{name}.{key.split()[0]}: a project cannot change the URL"
        in error.message
    )
    assert "redirect your token" in error.message
    assert "Use another name" in error.hint
    assert "PUBLISH_ALL_REPOSITORIES_" in error.hint


def test_a_project_can_say_where_its_local_index_is(parse):
    assert repository(parse, "local", "url = 'build/index'").url == "build/index"


@pytest.mark.parametrize(
    ("one", "other"), [("corp-eu", "corp_eu"), ("corp-eu", "Corp-EU"), ("a.b", "a-b"), ("a--b", "a-b")]
)
def test_names_that_differ_only_by_marks_or_case_are_an_error(trouble, one, other):
    error = trouble(
        f"[tool.publish-all.repositories]\n'{one}'.url = 'https://a/'\n'{other}'.url = 'https://b/'\n"
    )

    assert f"'{one}' and '{other}' are the same repository" in error.message


def test_a_repository_and_its_alias_are_an_error(trouble):
    error = trouble("[tool.publish-all.repositories]\npypi.username = 'a'\nmain.username = 'b'\n")

    assert "'pypi' and 'main' are the same repository" in error.message


@pytest.mark.parametrize("name", ["a b", "-a", "a_", "a/b", "ä", ""])
def test_a_name_that_no_variable_could_have_is_an_error(trouble, name):
    assert (
        "is not a valid repository name"
        in trouble(f"[tool.publish-all.repositories.'{name}']\nurl = 'https://x/'").message
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "kind = 'github-release'\nurl = 'https://github.com/sep/kindling'",
            "must be the API URL of a GitHub repository: https://api.github.com/repos/OWNER/REPOSITORY",
        ),
        (
            "kind = 'legasy'",
            "kind: must be one of legacy, oci, directory, github-release, not 'legasy'; did you mean 'legacy'?",
        ),
        ("attestations = true", "attestations: must be one of auto, always, never, not true"),
        ("attestations = 'on'", "attestations: must be one of auto, always, never, not 'on'"),
        ("trusted-publishing = 'alway'", "not 'alway'; did you mean 'always'?"),
        ("username = ''", "username: must not be empty"),
        ("owner = 'a/b'", "owner: 'a/b' is not a valid GitHub owner"),
        ("owner = '..'", "owner: '..' is not a valid GitHub owner"),
        ("link = 'sep'", "link: 'sep' must be OWNER/REPOSITORY"),
        ("link = 'https://github.com/a/b'", "must be OWNER/REPOSITORY"),
        ("url = 'http://x.example/'", "url: 'http://x.example/' must be https"),
        ("password = 'secret'", "password: unknown key"),
        ("token = 'secret'", "token: unknown key"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_path(trouble, text, message):
    error = trouble(f"[tool.publish-all.repositories.corp]\n{text}")

    assert "tool.publish-all.repositories.corp." in error.message
    assert message in error.message
    assert "secret" not in error.message


@pytest.mark.parametrize(
    "name",
    [
        "pypi-token-for-jwt",
        "a_token_for",
        "Corp.Token.For.X",
        "serve",
        "SERVE",
        "repositories",
        "repositories-eu",
        "version-for-demo",
    ],
)
def test_a_name_whose_variables_mean_something_else_is_an_error(trouble, name):
    error = trouble(f"[tool.publish-all.repositories.'{name}']\nurl = 'https://x/'")
    assert "its environment variables have another meaning" in error.message


@pytest.mark.parametrize("name", ["serve-eu", "version", "token-for", "my-index", "token"])
def test_a_name_whose_variables_mean_it_alone_is_right(parse, name):
    assert name in parse(f"[tool.publish-all.repositories.'{name}']\nurl = 'https://x/'").repositories


def test_a_project_cannot_say_for_whom_identity_tokens_are_made_out(trouble):
    error = trouble("[tool.publish-all.repositories.corp]\nurl = 'https://x/'\naudience = 'vault'")
    assert "tool.publish-all.repositories.corp.audience" in error.message
    assert "PUBLISH_ALL_REPOSITORIES_CORP_AUDIENCE" in error.hint

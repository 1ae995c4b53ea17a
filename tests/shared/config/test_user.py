from __future__ import annotations

import pytest

from publish_all.config.kinds import DIRECTORY
from publish_all.config.known import environment_repositories, user_repositories
from publish_all.config.model import Scope
from publish_all.errors import ConfigurationError


def test_the_user_may_change_a_built_in_repository(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[repositories.github]\nurl = 'containers.ghes.example/{owner}'\n")

    github = user_repositories(path)["github"]

    assert github.url == "containers.ghes.example/{owner}"
    assert github.scope is Scope.USER
    assert github.origin == f"{path}:2"


def test_no_file_states_nothing(tmp_path):
    assert dict(user_repositories(tmp_path / "config.toml")) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[repository.x]\n", ":1: repository: unknown key; did you mean 'repositories'?"),
        ("[tool.publish-all.repositories.x]\n", ":1: tool: unknown key"),
        ("\n[repositories.x]\nurl = 'http://x/'\n", ":3: repositories.x.url: 'http://x/' must be https"),
        ("[repositories\n", ": is not valid TOML"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_it(tmp_path, text, message):
    path = tmp_path / "config.toml"
    path.write_text(text)

    with pytest.raises(ConfigurationError) as caught:
        user_repositories(path)

    assert caught.value.message.startswith(f"{path}{message}")


def test_variables_state_url_index_and_kind():
    found = environment_repositories(
        {
            "PUBLISH_ALL_REPOSITORIES_CORP_EU_URL": "/srv/index",
            "PUBLISH_ALL_REPOSITORIES_CORP_EU_INDEX_URL": "https://corp.example/simple/",
            "PUBLISH_ALL_REPOSITORIES_CORP_EU_KIND": "directory",
            "PUBLISH_ALL_REPOSITORIES_PYPI_URL": "http://localhost:8080/",
            "PUBLISH_ALL_REPOSITORIES_X_URL": "",
            "PUBLISH_ALL_PYPI_TOKEN": "pypi-x",
        }
    )

    assert list(found) == ["corp-eu", "pypi"]
    corp = found["corp-eu"]
    assert (corp.kind, corp.url, corp.index_url) == (
        DIRECTORY,
        "/srv/index",
        "https://corp.example/simple/",
    )
    assert corp.scope is Scope.ENVIRONMENT
    assert corp.origin == "environment PUBLISH_ALL_REPOSITORIES_CORP_EU_URL"
    assert found["pypi"].url == "http://localhost:8080/"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("CORP_URL", "http://x/", "corp.url: 'http://x/' must be https"),
        ("CORP_KIND", "x", "corp.kind: must be one of legacy, oci, directory, github-release, not 'x'"),
        ("CORP_INDEX_URL", "x", "corp.index-url: "),
    ],
)
def test_a_wrong_variable_is_an_error_that_names_it(variable, value, message):
    with pytest.raises(ConfigurationError) as caught:
        environment_repositories({f"PUBLISH_ALL_REPOSITORIES_{variable}": value})

    assert f"environment PUBLISH_ALL_REPOSITORIES_{variable}: {message}" in caught.value.message

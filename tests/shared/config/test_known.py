from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from publish_all.config.kinds import DIRECTORY, LEGACY, OCI
from publish_all.config.known import ad_hoc, known_repositories
from publish_all.config.model import Scope
from publish_all.errors import ConfigurationError

CORP = "[tool.publish-all.repositories.corp]\n"


@pytest.fixture
def known(parse, folders, tmp_path):
    """What is known to a project at `tmp_path` with this pyproject.toml, or to none."""

    def known(text=None, **environment):
        config = None if text is None else replace(parse(text), root=tmp_path)
        return known_repositories(config, environment=environment, home=tmp_path / "home", folders=folders)

    return known


def refusal(known, name):
    with pytest.raises(ConfigurationError) as caught:
        known.get(name)
    return caught.value


def test_the_built_in_repositories(known, folders):
    found = known()

    assert found.names == ("pypi", "testpypi", "github", "releases", "local")
    assert found.notes == ()
    pypi, testpypi, github, releases, local = (found.get(name) for name in found.names)
    assert (pypi.url, pypi.index_url) == ("https://upload.pypi.org/legacy/", "https://pypi.org/simple/")
    assert (testpypi.url, testpypi.index_url) == (
        "https://test.pypi.org/legacy/",
        "https://test.pypi.org/simple/",
    )
    assert (github.kind, github.url) == (OCI, "ghcr.io/{owner}")
    assert releases.url == "https://api.github.com/repos/{owner}/{repository}"
    assert (local.kind, local.url) == (DIRECTORY, str(folders.data / "index"))
    assert {each.scope for each in (pypi, testpypi, github, releases, local)} == {Scope.BUILT_IN}


@pytest.mark.parametrize(
    ("name", "found"),
    [("main", "pypi"), ("test", "testpypi"), ("PyPI", "pypi"), ("Test", "testpypi"), ("corp_eu", "Corp-EU")],
)
def test_a_repository_is_found_however_it_is_spelt(known, name, found):
    assert known("[tool.publish-all.repositories.Corp-EU]\nurl = 'https://x/'\n").get(name).name == found


def test_an_unknown_name_lists_the_nearest_and_all(known):
    error = refusal(known(CORP + "url = 'https://x/'\n"), "crop")

    assert error.message == "no repository 'crop' found; did you mean 'corp'?"
    assert "Known repositories: corp, pypi, testpypi, github, releases, local." in error.hint
    assert "[tool.publish-all.repositories.crop]" in error.hint
    assert error.exit_code == 2


def test_a_url_is_not_a_name(known):
    assert "--repository-url" in refusal(known(), "https://x/").hint


# The order


PLACES = ("host", "user", "environment", "project")


@pytest.mark.parametrize("count", range(1, len(PLACES) + 1))
def test_the_higher_place_wins(known, folders, count):
    """Host tools, then the user's file, then the environment, then the project."""
    places = PLACES[:count]
    if "host" in places:
        folders.hosts.poetry.write_text("repositories.corp.url = 'https://host/'\n")
    if "user" in places:
        folders.config.write_text("repositories.corp.url = 'https://user/'\n")
    environment = (
        {"PUBLISH_ALL_REPOSITORIES_CORP_URL": "https://environment/"} if "environment" in places else {}
    )
    text = CORP + "url = 'https://project/'\n" if "project" in places else ""

    corp = known(text, **environment).get("corp")

    assert corp.url == f"https://{places[-1]}/"
    assert (
        corp.scope
        is {
            "host": Scope.HOST,
            "environment": Scope.ENVIRONMENT,
            "user": Scope.USER,
            "project": Scope.PROJECT,
        }[places[-1]]
    )


def test_tools_are_asked_in_an_order(known, folders):
    folders.hosts.pypirc.write_text("[corp]\nrepository = https://pypirc/\n")
    folders.hosts.hatch.write_text("publish.index.repos.Corp = 'https://hatch/'\n")

    found = known()

    assert found.get("corp").url == "https://hatch/"
    assert found.names[0] == "Corp"


# Key by key


def test_a_project_adds_to_a_repository_of_the_user(known, folders):
    folders.config.write_text("[repositories.corp]\nurl = 'https://x/'\nindex-url = 'https://x/simple/'\n")

    corp = known(CORP + "username = 'me'\n").get("corp")

    assert (corp.url, corp.index_url, corp.username) == ("https://x/", "https://x/simple/", "me")
    assert corp.scope is Scope.USER
    assert corp.origins == {
        "url": f"{folders.config}:2",
        "index-url": f"{folders.config}:3",
        "username": "pyproject.toml:2",
    }


def test_another_url_drops_the_index_and_the_user_name_of_the_lower_one(known, folders):
    folders.config.write_text(
        "[repositories.corp]\nurl = 'https://x/'\nindex-url = 'https://x/simple/'\nusername = 'me'\nkind = 'oci'\n"
    )

    corp = known(CORP + "url = 'https://y/'\n").get("corp")

    assert (corp.url, corp.index_url, corp.username, corp.kind) == (
        "https://y/",
        None,
        None,
        LEGACY,
    )
    assert "index-url" not in corp.origins


def test_what_a_project_says_of_a_built_in_repository_leaves_its_address(known):
    github = known("[tool.publish-all.repositories.github]\nowner = 'sep'\n").get("github")

    assert (github.owner, github.url, github.scope) == ("sep", "ghcr.io/{owner}", Scope.BUILT_IN)
    assert github.origins["owner"] == "pyproject.toml:2"


def test_the_user_moves_a_built_in_repository_and_its_index_does_not_stay(known):
    pypi = known("", PUBLISH_ALL_REPOSITORIES_PYPI_URL="http://localhost:8080/").get("main")

    assert (pypi.name, pypi.url, pypi.index_url) == ("pypi", "http://localhost:8080/", None)
    assert pypi.scope is Scope.ENVIRONMENT


def test_the_user_moves_an_oci_registry_without_naming_its_kind(known):
    github = known(
        "[tool.publish-all.repositories.github]\nowner = 'sep'\n",
        PUBLISH_ALL_REPOSITORIES_GITHUB_URL="containers.ghes.example/{owner}",
    ).get("github")

    assert (github.kind, github.url, github.owner) == (
        OCI,
        "containers.ghes.example/{owner}",
        "sep",
    )


def test_a_repository_without_a_url_is_refused_when_it_is_used(known):
    found = known(CORP + "username = 'me'\n")

    assert "corp" not in found.names
    assert refusal(found, "corp").message == "the repository 'corp' (pyproject.toml:2) has no url"


# Folders


def test_a_folder_of_the_project_is_relative_to_its_root(known, tmp_path):
    local = known("[tool.publish-all.repositories.local]\nurl = 'build/index'\n").get("local")

    assert local.url == str(tmp_path / "build" / "index")


def test_a_folder_of_the_user_is_relative_to_the_home(known, folders, tmp_path):
    folders.config.write_text("repositories.a = { kind = 'directory', url = 'index' }\n")

    assert known("").get("a").url == str(tmp_path / "home" / "index")


@pytest.mark.parametrize(("url", "path"), [("~/index", "index"), ("~", "")])
def test_a_tilde_is_the_home(known, tmp_path, url, path):
    local = known(f"[tool.publish-all.repositories.local]\nurl = '{url}'\n").get("local")

    assert local.url == str(tmp_path / "home" / path)


def test_a_folder_in_a_variable_is_relative_to_the_current_one(known, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert known(PUBLISH_ALL_REPOSITORIES_LOCAL_URL="index").get("local").url == str(Path.cwd() / "index")


def test_a_file_url_becomes_a_path(known, tmp_path):
    folder = tmp_path / "with space"
    local = known(PUBLISH_ALL_REPOSITORIES_LOCAL_URL=folder.as_uri()).get("local")

    assert local.url == str(folder)


# What other tools call pypi, test, github


@pytest.mark.parametrize("text", [None, "", "[tool.publish-all.repositories.github]\nlink = 'a/b'\n"])
def test_the_github_of_the_guides_becomes_the_built_in_one_with_its_owner(known, folders, text):
    folders.hosts.pypirc.write_text("[github]\nrepository = https://pypi.pkg.github.com/OWNER\n")

    found = known(text)

    github = found.get("github")
    assert (github.kind, github.url, github.owner) == (OCI, "ghcr.io/{owner}", "OWNER")
    assert github.scope is Scope.BUILT_IN
    assert len(found.notes) == 1
    assert "'OWNER'" in found.notes[0]
    assert str(folders.hosts.pypirc) in found.notes[0]


def test_the_owner_that_the_project_states_is_stronger(known, folders):
    folders.hosts.pypirc.write_text("[github]\nrepository = https://upload.pkg.github.com/OTHER/package\n")

    assert known("[tool.publish-all.repositories.github]\nowner = 'sep'\n").get("github").owner == "sep"


@pytest.mark.parametrize("url", ["https://pypi.pkg.github.com/", "https://pypi.pkg.github.com/%2e%2e/"])
def test_no_owner_is_taken_from_a_url_that_has_none(known, folders, url):
    folders.hosts.pypirc.write_text("[github]\nrepository = " + url + "\n")

    assert known().get("github").owner is None


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("pypi", "https://upload.pypi.org/legacy/"),
        ("pypi", "https://pypi.org/legacy/"),
        ("pypi", "https://pypi.python.org/pypi"),
        ("PyPI", "https://upload.pypi.org/legacy"),
        ("main", "https://upload.pypi.org/legacy/"),
        ("test", "https://test.pypi.org/legacy/"),
        ("testpypi", "https://testpypi.python.org/pypi"),
        ("github", "https://ghcr.io/x"),
    ],
)
def test_a_tool_that_means_the_same_place_changes_nothing(known, folders, name, url):
    folders.hosts.pypirc.write_text(f"[{name}]\nrepository = {url}\n")

    found = known()

    assert found.get(name).scope is Scope.BUILT_IN
    assert found.notes == ()
    assert dict(found.refusals) == {}


@pytest.mark.parametrize(
    ("name", "built_in", "still_known"),
    [
        ("test", "testpypi", ["testpypi", "pypi"]),
        ("main", "pypi", ["pypi"]),
        ("pypi", "pypi", ["testpypi"]),
        ("github", "github", ["pypi"]),
    ],
)
def test_a_name_that_is_another_place_for_a_tool_is_refused(known, folders, name, built_in, still_known):
    folders.hosts.pypirc.write_text(f"[{name}]\nrepository = https://corp.example/\n")

    found = known()

    error = refusal(found, name.upper())
    assert "is ambiguous: corp.example" in error.message
    assert f"the built-in '{built_in}'" in error.message
    assert error.hint
    for each in still_known:
        assert found.get(each).scope is Scope.BUILT_IN
    assert all(found.get(each) for each in found.names)


def test_an_alias_is_refused_with_what_it_stands_for(known, folders):
    folders.hosts.pypirc.write_text("[pypi]\nrepository = https://corp.example/\n")

    assert "is ambiguous" in refusal(known(), "main").message


def test_the_user_settles_which_one_is_meant(known, folders):
    folders.hosts.pypirc.write_text("[pypi]\nrepository = https://corp.example/\n")

    assert (
        known(PUBLISH_ALL_REPOSITORIES_PYPI_URL="https://corp.example/").get("pypi").url
        == "https://corp.example/"
    )


def test_a_project_can_not_move_a_built_in_one_by_the_table_of_a_tool(known, tmp_path):
    (tmp_path / "poetry.toml").write_text("repositories.pypi.url = 'https://evil.example/'\n")
    found = known(
        "[[tool.uv.index]]\nname = 'testpypi'\nurl = 'https://evil.example/'\npublish-url = 'https://evil.example/'\n"
    )

    assert "evil.example" in refusal(found, "pypi").message
    assert "evil.example" in refusal(found, "testpypi").message
    assert not any("evil" in (found.get(name).url or "") for name in found.names)


def test_a_source_is_refused_with_what_to_write(known):
    error = refusal(known("[[tool.poetry.source]]\nname = 'corp'\nurl = 'https://x/simple/'\n"), "corp")

    assert "'corp' is a source for installs ([[tool.poetry.source]] in pyproject.toml)" in error.message
    assert "[tool.publish-all.repositories.corp]" in error.hint


def test_a_source_and_a_repository_of_one_name_are_the_repository(known, folders):
    folders.hosts.poetry.write_text("repositories.corp.url = 'https://x/legacy/'\n")

    found = known("[[tool.poetry.source]]\nname = 'corp'\nurl = 'https://x/simple/'\n")

    assert found.get("corp").url == "https://x/legacy/"
    assert dict(found.refusals) == {}


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://pypi.internal/", "must be https"),
        ("https://me:hunter2@x/", "a password"),
        ("/srv", "directory"),
    ],
)
def test_a_url_of_a_tool_that_we_do_not_use_is_refused_when_it_is_named(known, folders, url, problem):
    folders.hosts.poetry.write_text(f"repositories.corp.url = '{url}'\n")
    found = known()

    assert "corp" not in found.names
    error = refusal(found, "corp")
    assert problem in error.message
    assert str(folders.hosts.poetry) in error.message
    assert "hunter2" not in error.message


def test_a_broken_file_of_a_tool_is_a_note(known, folders):
    folders.hosts.poetry.write_text("[")

    assert "ignored: " in known().notes[0]


# publish-to


def test_every_destination_must_be_known(known, parse):
    text = """\
[tool.publish-all]
publish-to = ["pypi", "gihub"]
[tool.publish-all.repositories.corp]
url = "https://x/"
"""

    with pytest.raises(ConfigurationError) as caught:
        known(text).check_destinations(parse(text))

    assert caught.value.message == (
        "pyproject.toml:2: tool.publish-all.publish-to: no repository 'gihub' found; did you mean 'github'?"
    )


def test_a_destination_may_be_defined_outside_of_the_project(known, parse):
    text = "[tool.publish-all]\npublish-to = ['corp', 'test']\n"

    known(text, POETRY_REPOSITORIES_CORP_URL="https://x/").check_destinations(parse(text))


def test_an_owner_is_named_behind_the_name(known):
    repositories = known("")
    found = repositories.get("github:sep")
    assert (found.name, found.owner) == ("github", "sep")
    assert repositories.get("github").owner is None
    for name in ("github:", "github:a/b", "pypi:sep"):
        with pytest.raises(ConfigurationError, match="is not a repository"):
            repositories.get(name)


# --repository-url


@pytest.mark.parametrize(
    ("url", "name", "found"),
    [
        (
            "https://x.example/legacy/",
            None,
            ("x.example", LEGACY, "https://x.example/legacy/"),
        ),
        ("https://x.example/legacy/", "corp", ("corp", LEGACY, "https://x.example/legacy/")),
        ("oci://x.example/owner", None, ("x.example", OCI, "x.example/owner")),
        ("http://localhost:5000/o", "github", ("github", OCI, "http://localhost:5000/o")),
        ("http://localhost:5000/", "pypi", ("pypi", LEGACY, "http://localhost:5000/")),
    ],
)
def test_a_url_of_the_command_line(url, name, found):
    config = ad_hoc(url, name)

    assert (config.name, config.kind, config.url) == found
    assert (config.scope, config.origin) == (Scope.COMMAND_LINE, "command line")


@pytest.mark.parametrize("url", ["./index", "/srv/index", "~/index"])
def test_a_folder_of_the_command_line(url):
    config = ad_hoc(url)

    assert config.kind is DIRECTORY
    assert config.name == "directory"
    assert Path(config.url).is_absolute()
    assert "~" not in config.url


def test_the_url_of_pypi_is_pypi(known):
    assert ad_hoc("https://upload.pypi.org/legacy") == known().get("pypi")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "http://x/"}, "--repository-url: 'http://x/' must be https"),
        ({"url": "x.example"}, "--repository-url: "),
        ({"url": "https://x/", "name": "a b"}, "--repository: 'a b' is not a valid"),
    ],
)
def test_a_wrong_url_of_the_command_line_names_the_option(arguments, message):
    with pytest.raises(ConfigurationError) as caught:
        ad_hoc(**arguments)

    assert message in caught.value.message


def test_an_audience_of_the_users_does_not_follow_a_project_to_another_address(known, folders):
    corp = CORP + "url = 'https://project.example/'\n"
    variable = {"PUBLISH_ALL_REPOSITORIES_CORP_AUDIENCE": "vault"}
    assert known(corp, **variable).get("corp").audience == "vault"
    folders.config.write_text("[repositories.corp]\nurl = 'https://user.example/'\naudience = 'vault'\n")
    assert known(corp).get("corp").audience is None
    assert known().get("corp").audience == "vault"


def test_a_variable_that_is_an_index_and_an_address_is_an_error(known):
    variable = {"PUBLISH_ALL_REPOSITORIES_CORP_INDEX_URL": "https://x/simple/"}
    text = "[tool.publish-all.repositories]\ncorp.url = 'https://x/'\ncorp-index.url = 'https://y/'\n"
    with pytest.raises(ConfigurationError, match="could be the index-url of 'corp'") as caught:
        known(text, **variable)
    assert "Rename" in caught.value.hint
    assert known(CORP + "url = 'https://x/'\n", **variable).get("corp").url == "https://x/"


def test_a_url_without_a_name_gets_none_that_variables_could_mean_something_else_by():
    with pytest.raises(ConfigurationError, match="'serve' is not a valid repository name"):
        ad_hoc("https://serve/legacy/")
    assert ad_hoc("https://serve/legacy/", "corp").name == "corp"


def test_a_url_that_hides_another_of_the_users_is_a_note(known, folders):
    folders.config.write_text("repositories.corp.url = 'https://user/'\n")

    assert known(CORP + "url = 'https://project/'\n").notes == (
        f"the repository 'corp' of pyproject.toml:2 (https://project/) overrides the one of {folders.config}:1",
    )


def test_the_same_url_twice_is_no_note(known, folders):
    folders.config.write_text("repositories.corp.url = 'https://x/'\n")

    assert known(CORP + "url = 'https://x/'\n").notes == ()

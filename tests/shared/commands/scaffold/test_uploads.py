from __future__ import annotations

import pytest

from publish_all.commands.scaffold.uploads import Upload, upload_of, upload_of_action, url_in_config

URL = "https://pypi.corp.example/legacy/"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("poetry publish", Upload()),
        ("poetry publish --build -r corp", Upload(name="corp")),
        ("poetry publish --repository=corp", Upload(name="corp")),
        ("twine upload dist/*", Upload()),
        ("twine upload -r testpypi dist/*", Upload(name="testpypi")),
        (f"twine upload --repository-url {URL} -r x dist/*", Upload(url=URL)),
        ("hatch publish -r test", Upload(name="test")),
        (f"hatch publish --repo {URL}", Upload(url=URL)),
        (f"uv publish --publish-url {URL}", Upload(url=URL)),
        ("uv publish --index corp", Upload(name="corp")),
        ("flit publish --repository corp", Upload(name="corp")),
        ("pdm publish -r corp", Upload(name="corp")),
        ("twine check dist/*", None),
        ("poetry build", None),
        ("poetry publish -r", Upload()),
    ],
)
def test_knows_where_commands_upload_to(command, expected):
    assert upload_of(tuple(command.split()), {}) == expected


@pytest.mark.parametrize(
    ("command", "variable"),
    [
        ("twine upload x", "TWINE_REPOSITORY_URL"),
        ("hatch publish", "HATCH_INDEX_REPO"),
        ("uv publish", "UV_PUBLISH_URL"),
        ("flit publish", "FLIT_INDEX_URL"),
        ("pdm publish", "PDM_PUBLISH_REPO"),
    ],
)
def test_knows_the_variables_of_the_tools(command, variable):
    assert upload_of(tuple(command.split()), {variable: URL}) == Upload(url=URL)


def test_knows_the_action_for_pypi():
    assert upload_of_action("pypa/gh-action-pypi-publish", {}) == Upload(trusted=True)
    assert upload_of_action(
        "pypa/gh-action-pypi-publish", {"password": "x", "repository-url": URL}
    ) == Upload(url=URL)
    assert upload_of_action("actions/checkout", {}) is None


def test_finds_the_url_that_poetry_is_told():
    assert url_in_config(("poetry", "config", "repositories.corp", URL)) == ("corp", URL)
    assert url_in_config(("poetry", "config", "--local", "repositories.corp.url", URL)) == ("corp", URL)
    assert url_in_config(("poetry", "config", "pypi-token.corp", "x")) is None
    assert url_in_config(("poetry", "build")) is None

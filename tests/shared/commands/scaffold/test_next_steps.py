from __future__ import annotations

from publish_all.commands.scaffold.choices import Login, Service
from publish_all.commands.scaffold.pipeline import Pipeline, Product, as_text, next_steps

VARIANTS = (
    Product(variant="synapse", project="kindling-synapse"),
    Product(variant="spark", project="kindling-spark"),
)
PIPELINE = Pipeline(publish_to=("pypi", "github", "corp"), products=VARIANTS, separate=True, rehearse=True)


def forms(
    pipeline=PIPELINE,
    *,
    service=Service.GITHUB,
    link="sep/kindling",
    workflow="publish.yml",
    new=True,
    there=(),
):
    return list(next_steps(pipeline, service=service, link=link, workflow=workflow, new=new, there=there))


def test_fills_in_the_form_of_a_pending_publisher_for_each_project():
    pypi = forms()[0]
    assert pypi.url == "https://pypi.org/manage/account/publishing/"
    assert pypi.fields == (
        ("PyPI Project Name", "kindling-synapse"),
        ("Owner", "sep"),
        ("Repository name", "kindling"),
        ("Workflow name", "publish.yml"),
        ("Environment name", "pypi-kindling-synapse"),
    )
    assert [each.title.split(":")[0] for each in forms()] == [
        "PyPI", "PyPI", "TestPyPI", "TestPyPI", "GitHub",
    ]  # fmt: skip


def test_without_trusted_publishing_names_the_secret_and_where_its_token_is_made():
    pipeline = PIPELINE._replace(
        publish_to=("pypi", "corp"), rehearse=False, logins={"pypi": Login("PYPI_API_TOKEN")}
    )
    token, environments = forms(pipeline)
    assert (token.title, token.url) == ("PyPI: an API token", "https://pypi.org/manage/account/token/")
    assert environments.fields[-2:] == (
        ("Secret of pypi", "PYPI_API_TOKEN"),
        ("Secret of corp", "CORP_TOKEN"),
    )
    (environments,) = forms(pipeline, there={"pypi", "corp"})
    assert environments.fields == (("Environment", "pypi"), ("Environment", "corp"))


def test_a_project_that_exists_has_its_own_page_and_shares_the_environment():
    pypi = forms(PIPELINE._replace(separate=False), new=False)[0]
    assert pypi.url == "https://pypi.org/manage/project/kindling-synapse/settings/publishing/"
    assert pypi.fields[0] == ("Owner", "sep")
    assert pypi.fields[-1] == ("Environment name", "pypi")


def test_gitlab_s_form_has_other_fields():
    pypi = forms(service=Service.GITLAB, link="group/sub/kindling", workflow=".gitlab-ci.yml")[0]
    assert pypi.fields[1:4] == (
        ("Namespace", "group/sub"),
        ("Project name", "kindling"),
        ("Top-level pipeline file path", ".gitlab-ci.yml"),
    )
    assert "PUBLISH_ALL_CORP_TOKEN" in forms(service=Service.GITLAB)[-1].title


def test_names_the_environments_and_their_secrets():
    made = forms()[-1]
    assert made.url == "https://github.com/sep/kindling/settings/environments"
    assert made.fields == (
        ("Environment", "testpypi-kindling-synapse"),
        ("Environment", "testpypi-kindling-spark"),
        ("Environment", "pypi-kindling-synapse"),
        ("Environment", "pypi-kindling-spark"),
        ("Environment", "corp"),
        ("Secret of corp", "CORP_TOKEN"),
    )


def test_what_is_not_known_is_left_to_the_reader():
    assert dict(forms(link=None)[0].fields)["Owner"] == "(yours)"


def test_an_index_of_one_s_own_needs_no_form():
    assert list(forms(PIPELINE._replace(publish_to=("github",)))) == []


def test_is_told_in_lines_that_fit_a_terminal():
    lines = as_text(forms()).splitlines()
    assert lines[0] == "1. PyPI: a pending publisher for kindling-synapse"
    assert "     Owner              sep" in lines
    assert max(map(len, lines)) <= 88

"""What is read out of workflows: which jobs publish, where to, with what, and what they lack."""

from __future__ import annotations

from pathlib import Path

import pytest

from publish_all.checks.publish_jobs import gitlab_line, publish_jobs, workflow_findings
from publish_all.config.workflows import parse_workflow

PATH = Path("/repo/.github/workflows/publish.yml")


def workflow(step: str, *, job: str = "", on: str = "push"):
    return parse_workflow(
        f"on: {on}\njobs:\n  publish:\n    {job or 'runs-on: x'}\n    steps:\n      - {step}\n", PATH
    )


def jobs(step: str, **stated: str):
    return list(publish_jobs(workflow(step, **stated)))


@pytest.mark.parametrize(
    "command",
    [
        "publish-all publish",
        "poetry publish-all -r pypi",
        "poetry publish --build",
        "hatch publish",
        "python -m twine upload dist/*",
        "uv publish",
        'uvx --from "publish-all[cli]" publish-all publish --no-build',
        "publish-all -C python publish -r pypi",
        "publish-all --directory=python -n publish",
        "poetry -C python publish --build",
        "poetry --no-interaction publish-all",
        "hatch -e release publish",
        "uv --directory python publish",
    ],
)
def test_jobs_that_publish(command):
    (job,) = jobs(f"run: {command}")
    assert job.where == ".github/workflows/publish.yml:3"


@pytest.mark.parametrize(
    "command",
    [
        "publish-all check",
        "publish-all -C python check",
        "poetry publish-all doctor",
        "poetry run publish",
        "pytest",
        "echo published",
        "'# publish-all publish'",
    ],
)
def test_jobs_that_do_not(command):
    assert jobs(f"run: {command}") == []


@pytest.mark.parametrize(
    ("step", "repositories"),
    [
        ("run: publish-all publish", None),
        ("run: publish-all publish -r testpypi -r corp", ("testpypi", "corp")),
        ("run: hatch publish -r main", ("pypi",)),
        ("run: publish-all -C python publish -r corp", ("corp",)),
        ("run: pip install -r requirements.txt && publish-all publish", None),
        ("run: publish-all publish -r ${{ inputs.live && 'pypi' || 'x' }} -r corp", ("corp",)),
        ('run: "pip install -r requirements.txt\\nuv publish"', None),
        ("run: twine upload --repository=testpypi dist/*", ("testpypi",)),
        ("run: publish-all publish -r '${{ inputs.repository }}'", None),
        ("uses: pypa/gh-action-pypi-publish@release/v1", ("pypi",)),
        (
            "{uses: pypa/gh-action-pypi-publish@v1, with: {repository-url: 'https://test.pypi.org/legacy/'}}",
            ("testpypi",),
        ),
        ("{uses: pypa/gh-action-pypi-publish@v1, with: {repository-url: 'https://corp.example/'}}", None),
    ],
)
def test_where_a_job_publishes_to(step, repositories):
    (job,) = jobs(step)
    assert job.repositories == repositories
    assert job.goes_to("pypi", ("pypi",)) is (repositories is None or "pypi" in repositories)


@pytest.mark.parametrize(
    ("step", "has_token"),
    [
        ("run: publish-all publish", False),
        ("run: mkdir -p dist && publish-all publish", False),
        ("run: twine upload -u x -p y dist/*", True),
        ("{run: publish-all publish, env: {PUBLISH_ALL_PYPI_TOKEN: '${{ secrets.T }}'}}", True),
        (
            "{run: publish-all publish, env: {PUBLISH_ALL_PYPI_TOKEN: \"${{ inputs.t && secrets.T || '' }}\"}}",
            False,
        ),
        ("{run: publish-all publish, env: {GITHUB_TOKEN: '${{ secrets.GITHUB_TOKEN }}'}}", False),
        ("{run: publish-all publish, env: {AUTH: oidc}}", False),
        ("{run: publish-all publish, env: {HATCH_INDEX_AUTH: x}}", True),
        ("run: twine upload -p ${{ secrets.T }} dist/*", True),
        ("{uses: pypa/gh-action-pypi-publish@v1, with: {password: '${{ secrets.T }}'}}", True),
    ],
)
def test_whether_a_job_has_a_token_in_any_case(step, has_token):
    (job,) = jobs(step)
    assert job.has_token is has_token


def test_environments_of_a_matrix():
    matrix = "{strategy: {matrix: {include: [{p: a}, {p: b}]}}, environment: {name: 'pypi-${{ matrix.p }}'}"
    text = f"on: push\njobs:\n  publish: {matrix}, steps: [{{run: publish-all publish}}]}}\n"
    (job,) = publish_jobs(parse_workflow(text, PATH))
    assert job.environments == ("pypi-a", "pypi-b")
    assert jobs("run: publish-all publish")[0].environments == (None,)
    assert jobs("run: publish-all publish", job="environment: pypi")[0].environments == ("pypi",)


def codes(step: str, **stated):
    found = workflow_findings(
        workflow(step, **stated),
        default=("pypi",),
        trusted=("pypi",),
        writes={"github": "packages", "releases": "contents"},
        from_git=True,
    )
    return [each.code for each in found]


def test_a_job_with_a_token_needs_nothing_else():
    assert codes("{run: publish-all publish, env: {PUBLISH_ALL_PYPI_TOKEN: x}}") == []


def test_a_job_without_identity_and_environment():
    assert codes("run: publish-all publish") == ["PA320", "PA151"]
    whole = "permissions: write-all\n    environment: pypi"
    assert codes("run: publish-all publish", job=whole) == []


def test_only_what_builds_needs_the_tags():
    lines = "uses: actions/checkout@v4\n      - {run: COMMAND, env: {PUBLISH_ALL_PYPI_TOKEN: x}}"
    assert codes(lines.replace("COMMAND", "publish-all publish")) == ["PA237"]
    assert codes(lines.replace("COMMAND", "publish-all publish --no-build")) == []
    assert codes(lines.replace("COMMAND", "publish-all publish --manifest m.json")) == []
    deep = lines.replace("@v4", "@v4\n        with: {fetch-depth: 0}")
    assert codes(deep.replace("COMMAND", "publish-all publish")) == []


CALLS = "on: push\njobs:\n  call:\n    permissions: {id-token: write}\n    uses: sep/ci/.github/workflows/publish.yml@v1\n"


def test_a_publishing_workflow_of_another_repository_that_is_called():
    stated = {"default": ("pypi",), "trusted": ("pypi",), "writes": {}, "from_git": False}
    (found,) = workflow_findings(parse_workflow(CALLS, PATH), **stated)
    assert (found.code, found.where) == ("PA327", ".github/workflows/publish.yml:3")


@pytest.mark.parametrize(
    ("old", "new"),
    [("sep/ci/.github", "./.github"), ("publish.yml@", "test.yml@"), ("id-token: write", "contents: read")],
)
def test_calls_of_other_workflows_are_fine(old, new):
    stated = {"default": ("pypi",), "trusted": ("pypi",), "writes": {}, "from_git": False}
    assert list(workflow_findings(parse_workflow(CALLS.replace(old, new), PATH), **stated)) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("publish:\n  script:\n    - publish-all publish -r corp\n", 3),
        ("publish:\n  script:\n    - publish-all publish -r pypi\n", None),
        ("publish:\n  script: publish-all publish\n", 2),
        ("# publish-all publish -r corp\ntest: {script: pytest}\n", None),
    ],
)
def test_lines_of_gitlab_that_publish(text, line):
    assert gitlab_line(text, "corp", ("corp",)) == line

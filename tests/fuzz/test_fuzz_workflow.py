"""Workflows of GitHub Actions, which `doctor`, `check` and `init` read in any checkout."""

from __future__ import annotations

from pathlib import Path

from fuzz_inputs import fuzz, in_time, long, near
from hypothesis import given

from publish_all.checks.publish_jobs import gitlab_line, publish_jobs, workflow_findings
from publish_all.commands.scaffold.github_workflow import kept_in
from publish_all.commands.scaffold.hand_made import HandMade
from publish_all.config.workflows import parse_workflow
from publish_all.errors import ConfigurationError

WORKFLOW = b"""\
name: Publish
on:
  push: { tags: ["v*"] }
permissions: read-all
env: &shared { A: 1, B: 1.5, C: 2026-01-01, D: 0x1F }
jobs:
  publish:
    needs: [build]
    if: github.event_name == 'push'
    environment: { name: "${{ matrix.repository }}" }
    strategy:
      matrix:
        repository: [pypi, testpypi]
        include: [{ repository: pypi, extra: true }]
        exclude: [{ repository: testpypi }]
    permissions: { id-token: write }
    defaults: { run: { working-directory: core } }
    env: { <<: *shared, PYPI_TOKEN: "${{ secrets.TOKEN || '' }}" }
    steps:
      - uses: actions/checkout@v5
        with: { fetch-depth: 0 }
      - name: go
        run: |
          publish-all -C core publish -r pypi && true
          twine --no-color upload dist/*
      - uses: pypa/gh-action-pypi-publish@release/v1
        with: { repository-url: https://test.pypi.org/legacy/ }
  called:
    uses: other/repository/.github/workflows/publish.yml@main
"""
BOMB = b"""\
a: &a [x, x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]
g: &g [*f, *f, *f, *f, *f, *f, *f, *f, *f, *f]
on: *a
jobs:
  publish:
    name: *g
    env: { A: *g }
    strategy: { matrix: { a: *g, b: *a, c: *a, d: *a, e: *a, f: *a, g: *a } }
    steps: [{ run: *g, env: *g }, { run: publish-all publish, name: *b, with: { x: *g } }]
"""
RUN = b"jobs:\n  a:\n    steps:\n      - run: '"
PIECES = (
    *(
        b"\n",
        b" ",
        b"  ",
        b"- ",
        b": ",
        b"{",
        b"}",
        b"[",
        b"]",
        b"*a",
        b"&a ",
        b"|\n",
        b">\n",
        b'"',
        b"'",
        b"#",
        b"!!",
        b"a",
    ),
    *(
        b"?",
        b"<<: ",
        b"%",
        b"---\n",
        b"\t",
        b"\\",
        b"0",
        b"0x",
        b"1_",
        b":",
        b"~",
        b"!!int ",
        b"!!timestamp ",
        b"!a ",
    ),
)
COMMANDS = (
    *(
        b"publish-all",
        b" ",
        b"-",
        b"--a",
        b" -C a",
        b" -a",
        b" b",
        b"=",
        b" publish",
        b" upload",
        b"twine",
        b";",
        b"&&",
    ),
    *(
        b"\\\n",
        b"${{ matrix.",
        b" }}",
        b"poetry ",
        b"pypi",
        b"-r ",
        b"||",
        b"uv -a uv ",
        b"||   ",
        b"--repository=",
        b"a",
    ),
)


def look(content: bytes) -> None:
    text = content.decode("utf-8", errors="replace")
    path = Path("x/.github/workflows/publish.yml")
    gitlab_line(text, "pypi", ("pypi",))
    try:
        workflow = parse_workflow(text, path)
    except ConfigurationError as error:
        assert str(path) in str(error)  # noqa: PT017 - what it says is a part of the behaviour
        return
    for each in publish_jobs(workflow):
        assert each.where
        assert isinstance(each.environments, tuple)
    found = workflow_findings(
        workflow,
        default=("pypi",),
        trusted=("pypi",),
        writes={"github": "packages", "releases": "contents"},
        from_git=True,
    )
    for each in found:
        assert each.message
    for job in workflow.jobs:
        assert all(isinstance(step.title, str) for step in job.steps)
    assert kept_in(workflow).logins is not None
    made = HandMade(workflow, Path("x"), "", ())
    assert made.kept.copies is not None
    assert all(isinstance(each, str) for each in (*made.steps.values(), *made.notes, made.left_out))


@fuzz
@given(near(WORKFLOW, BOMB))
def test_workflow(content: bytes) -> None:
    in_time(lambda: look(content))


@fuzz
@given(long(*PIECES))
def test_long(content: bytes) -> None:
    in_time(lambda: look(content))


@fuzz
@given(long(*COMMANDS))
def test_long_commands(content: bytes) -> None:
    in_time(lambda: look(RUN + content.replace(b"'", b"''").replace(b"\n", b"\n\n") + b"'\n"))

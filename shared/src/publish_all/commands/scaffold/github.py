"""The workflow of GitHub Actions that releases a project, as text with comments. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from publish_all.commands.scaffold.actions import CHECKOUT, DOWNLOAD_ARTIFACT, SETUP_UV, UPLOAD_ARTIFACT
from publish_all.commands.scaffold.choices import (
    MANIFEST,
    PUBLIC,
    Pipeline,
    Product,
    Trigger,
    tag_prefixes,
    variable,
)
from publish_all.commands.scaffold.yaml_text import block, flow, indented, scalar

MARK = "# Written by `publish-all init`"
EVERYTHING = "all of them"

_HEAD = f"""\
{MARK}: run it again to change this file, or edit it as you like.
#
# Actions are pinned by commit, because a tag can be moved to other code. No job has a permission
# that it does not need, and nothing of a checkout's credential is kept.
name: publish
"""

_PAGES = {
    "pypi": "https://pypi.org/project/{}/",
    "testpypi": "https://test.pypi.org/project/{}/",
}


def github_workflow(pipeline: Pipeline) -> str:
    """The whole file. `pipeline` has one destination at least."""
    parts = [_HEAD, _triggers(pipeline), _top(pipeline), "jobs:"]
    jobs = "\n\n".join(indented(each, 2) for each in _jobs(pipeline))
    return "\n".join(parts) + "\n" + jobs + "\n"


def is_ours(text: str) -> bool:
    """Whether a workflow or pipeline was written by `init`."""
    return text.startswith(MARK)


def _triggers(pipeline: Pipeline) -> str:
    lines = ["on:"]
    if Trigger.RELEASE in pipeline.triggers:
        lines += ["  release:", "    types: [published]"]
    if Trigger.TAG in pipeline.triggers:
        tags = [f"{each}[0-9]*" for each in tag_prefixes(pipeline.tag_prefix)]
        lines += ["  push:", f"    tags: {flow(tags)}"]
    destinations = pipeline.destinations
    options = [*destinations, *([EVERYTHING] if len(destinations) > 1 else [])]
    lines += ["  workflow_dispatch:", "    inputs:", *_input("repository", "Where to publish", options)]
    if pipeline.trusted:
        text = "How to log in to PyPI: trusted publishing, or the environment's token"
        lines += _input("auth", text, ["oidc", "token"])
    return "\n".join(lines) + "\n"


def _input(name: str, description: str, options: list[str]) -> list[str]:
    return [
        f"      {name}:",
        f"        description: {scalar(description)}",
        "        type: choice",
        "        required: true",
        f"        options: {flow(options)}",
        f"        default: {scalar(options[0])}",
    ]


def _top(pipeline: Pipeline) -> str:
    return f"""\
permissions: {{}} # each job states its own

concurrency:
  group: publish-${{{{ github.ref }}}}
  cancel-in-progress: false # a release that has begun is finished

env:
  PUBLISH_ALL: {scalar(pipeline.requirement)}
"""


def _jobs(pipeline: Pipeline) -> Iterator[str]:
    before: tuple[str, ...] = ()
    if pipeline.tests:
        yield _test_job(pipeline)
        before = ("test",)
    if pipeline.split:
        yield _build_job(pipeline, before)
        before = ("build",)
    first = before
    for repository in pipeline.destinations:
        keys: list[str] = []
        for key, text in _publish_jobs(repository, pipeline, needs=before, first=first):
            keys.append(key)
            yield text
        before = (*first, *keys)


def _test_job(pipeline: Pipeline) -> str:
    folder = f"working-directory: {scalar(pipeline.subfolder)}\n" if pipeline.subfolder else ""
    step = f"- name: Run tests and lint\n{indented(folder, 2)}{'' if not folder else chr(10)}"
    return _job(
        "test",
        name="Tests and lint",
        permissions=_READ,
        steps=[_checkout(), _UV, f"{step}  run:{indented_block(pipeline.tests, 2)}"],
    )


def _build_job(pipeline: Pipeline, needs: tuple[str, ...]) -> str:
    return _job(
        "build",
        name="Build",
        needs=needs,
        permissions=_READ,
        steps=[
            _checkout(),
            _UV,
            f"- name: Build\n  run:{indented_block([_ours(f'build --manifest {MANIFEST}', pipeline)], 2)}",
            _keep(pipeline.folder),
        ],
    )


def _keep(folder: str) -> str:
    return f"""\
- name: Keep the files for the jobs that publish them
  uses: {UPLOAD_ARTIFACT.pinned}
  with:
    name: dist
    path: |
      {folder}/
      {MANIFEST}
    if-no-files-found: error"""


def _publish_jobs(
    repository: str, pipeline: Pipeline, *, needs: tuple[str, ...], first: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    if not pipeline.separates(repository):
        yield _key(repository), _publish_job(repository, pipeline, needs=needs, first=first)
        return
    products = pipeline.products_of(repository)
    variants = [each for each in products if each.variant is not None]
    for product in products:
        if product.variant is None:
            key = f"{_key(repository)}-itself"
            yield key, _publish_job(repository, pipeline, needs=needs, first=first, key=key, itself=product)
    yield (
        _key(repository),
        _publish_job(repository, pipeline, needs=needs, first=first, matrix=tuple(variants)),
    )


def _publish_job(
    repository: str,
    pipeline: Pipeline,
    *,
    needs: tuple[str, ...],
    first: tuple[str, ...],
    key: str | None = None,
    itself: Product | None = None,
    matrix: tuple[Product, ...] = (),
) -> str:
    return _job(
        key or _key(repository),
        name=_title(repository, pipeline),
        needs=needs,
        condition=_condition(repository, needs, first, pipeline),
        matrix=matrix,
        environment=_environment(repository, pipeline, itself, matrix),
        permissions=_permissions(repository),
        steps=[
            _checkout(),
            _UV,
            *([_FETCH] if pipeline.split else []),
            _publish(repository, pipeline, itself, matrix),
        ],
    )


def _title(repository: str, pipeline: Pipeline) -> str:
    known = {"pypi": "PyPI", "testpypi": "TestPyPI", "github": "GitHub Packages"}
    where = known.get(repository, repository)
    rehearsal = repository == "testpypi" and "testpypi" not in pipeline.publish_to
    return f"Rehearse on {where}" if rehearsal else f"Publish to {where}"


def _condition(repository: str, needs: tuple[str, ...], first: tuple[str, ...], pipeline: Pipeline) -> str:
    """When the job runs: what it needs has not failed, and it is asked for. What was not asked for is skipped."""
    clauses = ["!cancelled()"] if needs else []
    clauses += [f"needs.{each}.result == 'success'" for each in first]
    if set(needs) - set(first):
        clauses += ["!contains(needs.*.result, 'failure')", "!contains(needs.*.result, 'cancelled')"]
    chosen = f"inputs.repository == '{repository}'"
    if len(pipeline.destinations) > 1:
        chosen = f"""contains(fromJSON('["{repository}", "{EVERYTHING}"]'), inputs.repository)"""
    clauses.append(f"(github.event_name != 'workflow_dispatch' || {chosen})")
    return "\n  && ".join(clauses)


def _environment(
    repository: str, pipeline: Pipeline, itself: Product | None, matrix: tuple[Product, ...]
) -> str:
    page = _PAGES.get(repository)
    if repository == "github":
        return ""  # the job's own token is enough
    products = pipeline.products_of(repository)
    only = itself or (products[0] if len(products) == 1 else None)
    if matrix:
        name, project = f"{repository}-${{{{ matrix.project }}}}", "${{ matrix.project }}"
    else:
        name = pipeline.environment(repository, only.project if only else "")
        project = only.project if only else ""
    text = f"environment:\n  name: {name if matrix else scalar(name)}"
    return f"{text}\n  url: {page.format(project)}" if page and project else text


_READ = "permissions:\n  contents: read # for actions/checkout"


def _permissions(repository: str) -> str:
    match repository:
        case "pypi" | "testpypi":
            return f"{_READ}\n  id-token: write # for trusted publishing and attestations"
        case "github":
            return f"{_READ}\n  packages: write # to push to ghcr.io"
        case _:
            return _READ


def _checkout() -> str:
    return f"""\
- uses: {CHECKOUT.pinned}
  with:
    fetch-depth: 0 # with all tags, for the version
    persist-credentials: false"""


_UV = f"""\
- uses: {SETUP_UV.pinned}
  with:
    enable-cache: false # what other jobs wrote has no place in a release"""


_FETCH = f"""\
- name: Get the files that were built, and their manifest
  uses: {DOWNLOAD_ARTIFACT.pinned}
  with:
    name: dist
    path: ."""


def _publish(repository: str, pipeline: Pipeline, itself: Product | None, matrix: tuple[Product, ...]) -> str:
    command = f"publish -r {shlex.quote(repository)}"
    environment: list[str] = []
    if repository in PUBLIC:
        command += ' --auth "$AUTH"'
        environment.append("AUTH: ${{ inputs.auth || 'oidc' }}")
    if matrix:
        command += ' --variant "$VARIANT"'
        environment.append("VARIANT: ${{ matrix.variant }}")
    environment.append(_token(repository))
    if itself is not None:
        lines = [] if pipeline.split else [_ours("build", pipeline)]
        lines.append(_ours(f"{command} {_files_of(itself, pipeline)}", pipeline))
    else:
        lines = [_ours(command + (f" --manifest {MANIFEST}" if pipeline.split else ""), pipeline)]
    env = indented("\n".join(environment), 4)
    return f"- name: Publish\n  run:{indented_block(lines, 2)}\n  env:\n{env}"


def _files_of(product: Product, pipeline: Pipeline) -> str:
    """The files of one project: in a filename a version follows the first hyphen."""
    return f"{shlex.quote(pipeline.folder)}/{product.project.replace('-', '_')}-[0-9]*"


def _token(repository: str) -> str:
    name = variable(repository)
    if repository == "github":
        return "GITHUB_TOKEN: ${{ github.token }}"
    secret = f"secrets.{name}_TOKEN"
    if repository in PUBLIC:
        return f"PUBLISH_ALL_{name}_TOKEN: ${{{{ inputs.auth == 'token' && {secret} || '' }}}}"
    return f"PUBLISH_ALL_{name}_TOKEN: ${{{{ {secret} }}}}"


def _ours(command: str, pipeline: Pipeline) -> str:
    folder = f" -C {shlex.quote(pipeline.subfolder)}" if pipeline.subfolder else ""
    return f'uvx --from "$PUBLISH_ALL" publish-all{folder} {command}'


def _job(
    key: str,
    *,
    name: str,
    permissions: str,
    steps: list[str],
    needs: tuple[str, ...] = (),
    condition: str = "",
    matrix: tuple[Product, ...] = (),
    environment: str = "",
) -> str:
    lines = [f"name: {scalar(name)}"]
    if needs:
        lines.append(f"needs: {flow(needs)}")
    if condition:
        lines.append("if: >-\n  ${{ " + condition + " }}")
    if matrix:
        lines.append(_strategy(matrix))
    lines.append("runs-on: ubuntu-latest")
    if environment:
        lines.append(environment)
    lines += [permissions, "steps:", indented("\n".join(steps), 2)]
    return f"{key}:\n" + indented("\n".join(lines), 2)


def _strategy(matrix: tuple[Product, ...]) -> str:
    entries = "\n".join(
        f"      - variant: {scalar(each.variant or '')}\n        project: {scalar(each.project)}"
        for each in matrix
    )
    return (
        "# A new project of PyPI takes its name with a pending publisher of its own, and those differ\n"
        "# in the environment. Once the projects exist, one job with one environment will do.\n"
        f"strategy:\n  fail-fast: false\n  matrix:\n    include:\n{entries}"
    )


def _key(repository: str) -> str:
    """A job's key: letters, digits, `-` and `_`, and a letter first."""
    key = "".join(each if each.isalnum() and each.isascii() else "-" for each in repository)
    key = key if key[:1].isalpha() else f"to-{key}"
    return f"to-{key}" if key in {"test", "build"} else key


def indented_block(lines: list[str] | tuple[str, ...], spaces: int) -> str:
    """`block`, whose lines stand under a step."""
    text = block(lines)
    head, newline, rest = text.partition("\n")
    return head + newline + indented(rest, spaces)

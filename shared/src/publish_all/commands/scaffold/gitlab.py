"""The pipeline of GitLab CI that releases a project, as text with comments. Pure.

https://docs.gitlab.com/ci/yaml/; identities: https://docs.gitlab.com/ci/secrets/id_token_authentication/
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from publish_all.commands.scaffold.choices import MANIFEST, PUBLIC, Pipeline, Product, tag_prefixes, variable
from publish_all.commands.scaffold.github import EVERYTHING, MARK
from publish_all.commands.scaffold.yaml_text import flow, indented, scalar

IMAGE = "ghcr.io/astral-sh/uv:python3.13-bookworm"
_PAGES = {"pypi": "https://pypi.org/project/{}/", "testpypi": "https://test.pypi.org/project/{}/"}


def gitlab_pipeline(pipeline: Pipeline) -> str:
    """The whole file. A release is a tag here: GitLab makes one for each release, and runs a pipeline for it."""
    parts = [_head(pipeline), _common(), *_jobs(pipeline)]
    return "\n\n".join(parts) + "\n"


def _head(pipeline: Pipeline) -> str:
    destinations = pipeline.destinations
    options = [*destinations, *([EVERYTHING] if len(destinations) > 1 else [])]
    lines = [
        f"{MARK}: run it again to change this file, or edit it as you like.",
        "#",
        "# A pushed tag starts a release. Build > Pipelines > New pipeline starts one by hand, and asks",
        "# for these variables.",
        f"stages: {flow(_stages(pipeline))}",
        "",
        "variables:",
        f"  PUBLISH_ALL: {scalar(pipeline.requirement)}",
        *_variable("REPOSITORY", "Where to publish", options),
    ]
    if pipeline.trusted:
        text = "How to log in to PyPI: trusted publishing, or a token in PUBLISH_ALL_PYPI_TOKEN"
        lines += _variable("AUTH", text, ["oidc", "token"])
    return "\n".join(lines)


def _variable(name: str, description: str, options: list[str]) -> list[str]:
    return [
        f"  {name}:",
        f"    description: {scalar(description)}",
        f"    value: {scalar(options[0])}",
        f"    options: {flow(options)}",
    ]


def _stages(pipeline: Pipeline) -> Iterator[str]:
    if pipeline.tests:
        yield "test"
    if pipeline.split:
        yield "build"
    if pipeline.rehearses:
        yield "rehearse"
    yield "publish"


def _common() -> str:
    return f"""\
.release:
  image: {IMAGE}
  variables:
    GIT_DEPTH: "0" # with all tags, for the version"""


def _jobs(pipeline: Pipeline) -> Iterator[str]:
    if pipeline.tests:
        folder = [f"cd {shlex.quote(pipeline.subfolder)}"] if pipeline.subfolder else []
        yield _job("test", "test", [_rules(None, pipeline), _script([*folder, *pipeline.tests])])
    if pipeline.split:
        paths = f"artifacts:\n  paths: {flow([pipeline.folder + '/', MANIFEST])}"
        script = _script([_ours(f"build --manifest {MANIFEST}", pipeline)])
        lines = [_rules(None, pipeline), script, paths]
        yield _job("build", "build", lines)
    before: list[str] = []
    for repository in pipeline.destinations:
        keys = []
        for key, text in _publish_jobs(repository, pipeline, before):
            keys.append(key)
            yield text
        before = keys


def _publish_jobs(repository: str, pipeline: Pipeline, before: list[str]) -> Iterator[tuple[str, str]]:
    key = repository if repository not in {"test", "build"} else f"to-{repository}"
    if not pipeline.separates(repository):
        yield key, _publish_job(key, repository, pipeline, before)
        return
    products = pipeline.products_of(repository)
    for product in products:
        if product.variant is None:
            own = f"{key}-itself"
            yield own, _publish_job(own, repository, pipeline, before, itself=product)
    matrix = tuple(each for each in products if each.variant is not None)
    yield key, _publish_job(key, repository, pipeline, before, matrix=matrix)


def _publish_job(
    key: str,
    repository: str,
    pipeline: Pipeline,
    before: list[str],
    *,
    itself: Product | None = None,
    matrix: tuple[Product, ...] = (),
) -> str:
    rehearsal = repository == "testpypi" and pipeline.rehearses
    parts = [
        _rules(repository, pipeline),
        _needs(pipeline, before),
        _matrix(matrix),
        "resource_group: publish # one release at a time",
        _environment(repository, pipeline, itself, matrix),
        _identity(repository),
        _script(_commands(repository, pipeline, itself, matrix)),
    ]
    return _job(scalar(key), "rehearse" if rehearsal else "publish", [each for each in parts if each])


def _rules(repository: str | None, pipeline: Pipeline) -> str:
    prefix = "|".join(re.escape(each) for each in tag_prefixes(pipeline.tag_prefix)).replace("/", "\\/")
    tag = f"$CI_COMMIT_TAG =~ /^({prefix})[0-9]/"
    by_hand = '$CI_PIPELINE_SOURCE == "web"'
    if repository is not None and len(pipeline.destinations) > 1:
        asked = f'$REPOSITORY == "{repository}" || $REPOSITORY == "{EVERYTHING}"'
        by_hand += f" && ({asked})"
    return f"rules:\n  - if: {_single(tag)}\n  - if: {_single(by_hand)}"


def _single(text: str) -> str:
    """In single quotes, in which nothing but these is special."""
    return "'" + text.replace("'", "''") + "'"


def _needs(pipeline: Pipeline, before: list[str]) -> str:
    first = "build" if pipeline.split else "test" if pipeline.tests else None
    lines = [f"  - {first}"] if first else []
    lines += [f"  - job: {scalar(each)}\n    optional: true # where it was not asked for" for each in before]
    return "\n".join(["needs:", *lines]) if lines else ""


def _matrix(matrix: tuple[Product, ...]) -> str:
    if not matrix:
        return ""
    entries = "\n".join(
        f"    - VARIANT: {scalar(each.variant or '')}\n      PROJECT: {scalar(each.project)}"
        for each in matrix
    )
    return (
        "# A new project of PyPI takes its name with a pending publisher of its own, and those differ\n"
        f"# in the environment.\nparallel:\n  matrix:\n{entries}"
    )


def _environment(
    repository: str, pipeline: Pipeline, itself: Product | None, matrix: tuple[Product, ...]
) -> str:
    products = pipeline.products_of(repository)
    only = itself or (products[0] if len(products) == 1 else None)
    if matrix:
        name, project = f"{repository}-$PROJECT", "$PROJECT"
    else:
        name = scalar(pipeline.environment(repository, only.project if only else ""))
        project = only.project if only else ""
    page = _PAGES.get(repository, "").format(project) if project else ""
    return f"environment:\n  name: {name}" + (f"\n  url: {page}" if page else "")


def _identity(repository: str) -> str:
    """The identity tokens of a public index, named as the `id` package looks for them."""
    if repository not in PUBLIC:
        return f"# The variable PUBLISH_ALL_{variable(repository)}_TOKEN of the project holds its token."
    return f"""\
id_tokens:
  {variable(repository)}_ID_TOKEN: # for trusted publishing
    aud: {repository}
  SIGSTORE_ID_TOKEN: # for attestations
    aud: sigstore"""


def _commands(
    repository: str, pipeline: Pipeline, itself: Product | None, matrix: tuple[Product, ...]
) -> list[str]:
    command = f"publish -r {shlex.quote(repository)}"
    if repository in PUBLIC:
        command += ' --auth "$AUTH"'
    if matrix:
        command += ' --variant "$VARIANT"'
    if itself is not None:
        files = f"{shlex.quote(pipeline.folder)}/{itself.project.replace('-', '_')}-[0-9]*"
        build = [] if pipeline.split else [_ours("build", pipeline)]
        return [*build, _ours(f"{command} {files}", pipeline)]
    return [_ours(command + (f" --manifest {MANIFEST}" if pipeline.split else ""), pipeline)]


def _ours(command: str, pipeline: Pipeline) -> str:
    folder = f" -C {shlex.quote(pipeline.subfolder)}" if pipeline.subfolder else ""
    return f'uvx --from "$PUBLISH_ALL" publish-all{folder} {command}'


def _script(commands: list[str]) -> str:
    return "script:\n" + "\n".join(f"  - {_single(each)}" for each in commands)


def _job(key: str, stage: str, parts: list[str]) -> str:
    body = "\n".join(["extends: .release", f"stage: {stage}", *parts])
    return f"{key}:\n{indented(body, 2)}"

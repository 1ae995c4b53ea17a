"""What doctor sees of the project itself: configuration, version, host tools, workflows, licence, proxy."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from publish_all._toml import table
from publish_all._urls import without_userinfo
from publish_all.checks.publish_jobs import workflow_findings
from publish_all.commands.context import Runtime
from publish_all.config.builtin import canonical
from publish_all.config.model import ProjectConfig, RepositoryConfig, VersionSource, When
from publish_all.config.workflows import Workflows
from publish_all.diagnoses import (
    BETWEEN_TAGS,
    FILE_READABLE_BY_OTHERS,
    HATCH_PUBLISHER_UNSET,
    NO_LICENCE,
    POETRY_PLUGIN_UNDECLARED,
    PROXY_USED,
    TAG_MISSING,
    WORKFLOW_UNREADABLE,
)
from publish_all.findings import Finding
from publish_all.reporting.text import count
from publish_all.results import Fact
from publish_all.version.git import Described, describe
from publish_all.version.version_source import ResolvedVersion

PLUGIN = "poetry-publish-all"
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def configuration_facts(config: ProjectConfig, runtime: Runtime) -> Iterator[Fact]:
    """Which files and variables state something, and what is to go where."""
    sources = ["pyproject.toml"]
    user = runtime.places().config
    if user.is_file():
        sources.append(str(user))
    prefix = "PUBLISH_ALL_"
    variables = sorted(name for name in runtime.environment if name.startswith(prefix))
    sources += [name for name in variables if "REPOSITORIES" in name or "VERSION" in name]
    yield Fact(label="configured", text=", ".join(sources))
    if config.variants:
        yield Fact(label="variants", text=", ".join(config.variants))


def version_facts(version: ResolvedVersion | None) -> Iterator[Fact]:
    """The version and where it is from; None where only the build variants have one."""
    if version is None:
        yield Fact(label="version", text="each build variant has its own")
        return
    yield Fact(label="version", text=f"{version.text}, from {version.source}")


def surroundings_findings(
    config: ProjectConfig,
    stated: Sequence[RepositoryConfig],
    *,
    version: ResolvedVersion | None,
    workflows: Workflows,
    runtime: Runtime,
) -> Iterator[Finding]:
    """Everything around the project that a publish may fail on later, or elsewhere."""
    if version is not None:
        yield from _tag(config, version, runtime)
    yield from _licence(config)
    yield from _hosts(config, runtime.environment)
    yield from _workflows(config, stated, workflows)
    yield from _proxy(stated, runtime.environment)
    yield from _pypirc(runtime.places().hosts.pypirc)


def _tag(config: ProjectConfig, version: ResolvedVersion, runtime: Runtime) -> Iterator[Finding]:
    """Whether this version has a tag, where versions have them."""
    if version.distance:
        yield BETWEEN_TAGS.found(
            f"{version.text} is counted: HEAD is {count(version.distance, 'commit')} after the tag {version.tag}"
        )
        return
    prefix = config.version.tag_prefix
    said = describe(config.root, prefix=prefix, environment=runtime.environment, run=runtime.run)
    if isinstance(said, Described) and said.distance and said.version != version.version:
        yield TAG_MISSING.found(
            f"there is no tag {prefix}{version.text} on HEAD; the last one is {said.tag}, {count(said.distance, 'commit')} before",
            hint=f"To release, tag HEAD: git tag {prefix}{version.text}",
        )


def _licence(config: ProjectConfig) -> Iterator[Finding]:
    project, poetry = table(config.pyproject, "project"), table(config.pyproject, "tool", "poetry")
    stated = project.get("license") or project.get("license-files") or poetry.get("license")
    classifiers = [*project.get("classifiers", ()), *poetry.get("classifiers", ())]
    if stated or any(str(each).startswith("License ::") for each in classifiers):
        return
    if (
        "license" in project.get("dynamic", ())
        or (config.root / "setup.py").is_file()
        or not (project or poetry)
    ):
        return
    yield NO_LICENCE.found("pyproject.toml states no licence", where="pyproject.toml")


def _hosts(config: ProjectConfig, environment: Mapping[str, str]) -> Iterator[Finding]:
    backend = str(table(config.pyproject, "build-system").get("build-backend", ""))
    tool = table(config.pyproject, "tool")
    if ("hatch" in tool or backend.startswith("hatchling")) and "poetry" not in tool:
        said = environment.get("HATCH_PUBLISHER")
        if said != "publish-all":
            now = f"is {said!r}" if said else "is not set"
            yield HATCH_PUBLISHER_UNSET.found(
                f"HATCH_PUBLISHER {now}, so `hatch publish` without `-p publish-all` is Hatch's own"
            )
    declared = PLUGIN in table(config.pyproject, "tool", "poetry", "requires-plugins")
    if ("poetry" in tool or backend.startswith("poetry.core")) and not declared:
        yield POETRY_PLUGIN_UNDECLARED.found(
            f"{PLUGIN} is not in [tool.poetry.requires-plugins]", where="pyproject.toml"
        )


def _workflows(
    config: ProjectConfig, stated: Sequence[RepositoryConfig], found: Workflows
) -> Iterator[Finding]:
    for note in found.notes:
        yield WORKFLOW_UNREADABLE.found(note.removeprefix("passed over: "))
    trusted = tuple(
        canonical(each.name)
        for each in stated
        if each.kind.trusted_publishing
        and (canonical(each.name) in {"pypi", "testpypi"} or each.trusted_publishing is When.ALWAYS)
        and each.trusted_publishing is not When.NEVER
    )
    registries = tuple(
        each.name for each in stated if each.kind.registry and canonical(each.name) == "github"
    )
    for workflow in found.found:
        yield from workflow_findings(
            workflow,
            default=tuple(canonical(each) for each in config.publish_to),
            trusted=trusted,
            registries=registries,
            from_git=config.version.source is VersionSource.GIT,
        )


def _proxy(stated: Sequence[RepositoryConfig], environment: Mapping[str, str]) -> Iterator[Finding]:
    if all(each.kind.local for each in stated):
        return
    for name in _PROXIES:
        value = environment.get(name)
        if value:
            yield PROXY_USED.found(
                f"{name} is set: {without_userinfo(value) if '://' in value else value.rpartition('@')[2]}"
            )
            return


def _pypirc(path: Path) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if os.name == "posix" and mode & (stat.S_IRGRP | stat.S_IROTH):
        yield FILE_READABLE_BY_OTHERS.found(
            f"Other users of this machine can read {path}.", where=str(path), hint=f"chmod 600 {path}"
        )

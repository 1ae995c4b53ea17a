"""What doctor sees of the project itself: version, host tools, workflows, licence, proxy."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

from publish_all._toml import table
from publish_all._urls import without_userinfo
from publish_all.checks.publish_jobs import workflow_findings
from publish_all.commands.context import Runtime
from publish_all.config.builtin import FIXED, canonical
from publish_all.config.model import ProjectConfig, RepositoryConfig, VersionSource, When
from publish_all.config.workflows import Workflows
from publish_all.config.workspace import label
from publish_all.diagnoses import (
    BETWEEN_TAGS,
    FILE_READABLE_BY_OTHERS,
    HATCH_PUBLISHER_UNSET,
    NO_LICENCE,
    POETRY_PLUGIN_UNDECLARED,
    PROXY_USED,
    TAG_MISSING,
    WORKFLOW_UNREADABLE,
    Diagnosis,
    findings_of,
)
from publish_all.errors import PublishAllError
from publish_all.events import Event, Found, Listener, Note, StepStarted
from publish_all.findings import Finding, Severity
from publish_all.reporting.text import count
from publish_all.summaries import Examined, ExplainedFinding, Fact
from publish_all.version.git import Described, describe, tag_name, tag_of
from publish_all.version.version_source import Origin, ResolvedVersion

PLUGIN = "poetry-publish-all"
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


class Section:
    """The results of one section of the report. `failures` are the exit codes of all sections, in order."""

    def __init__(self, name: str, failures: list[int], listener: Listener) -> None:
        self.name = name
        self.where = ""
        self.untested: list[str] = []
        self._failures = failures
        self._listener = listener
        self._facts: list[Fact] = []
        self._found: dict[tuple[Finding, bool], list[str]] = {}
        self._asking = False

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(finding.code for finding, _ in self._found)

    def add(self, *findings: Finding) -> None:
        """Add findings without duplicates. The same finding in several files becomes one about all of them."""
        for each in findings:
            places = self._found.setdefault((replace(each, where=""), bool(each.where)), [])
            places += [each.where] if each.where not in places else []

    def fail(self, findings: Sequence[Finding], exit_code: int) -> None:
        """Add findings, with which a publish ends if one of them is an error."""
        self.add(*findings)
        if any(each.severity is Severity.ERROR for each in findings):
            self._failures.append(exit_code)

    def failed(self, error: PublishAllError) -> None:
        self.add(*findings_of(error))
        self._failures.append(error.exit_code)

    def fact(self, label: str, text: str) -> None:
        self._facts.append(Fact(label=label, text=text))

    def hear(self, event: Event) -> None:
        """Collect findings and notes for the report, and forward progress events.

        The findings of a preflight are in its result.
        """
        match event:
            case StepStarted():
                self._asking = event.step == "preflight"
            case Found():
                self.add(*() if self._asking else [event.finding])
            case Note():
                self.fact("note", event.message)
            case _:
                self._listener(event)

    def examined(self) -> Examined:
        order = [Severity.ERROR, Severity.WARNING, Severity.NOTE]
        found = [replace(each, where=", ".join(places)) for (each, _), places in self._found.items()]
        return Examined(
            name=self.name,
            where=self.where,
            facts=tuple(dict.fromkeys(self._facts)),
            untested=tuple(dict.fromkeys(self.untested)),
            findings=tuple(
                ExplainedFinding(
                    **{field.name: getattr(each, field.name) for field in fields(each)},
                    why=Diagnosis(each.code).entry.why,
                )
                for each in sorted(found, key=lambda each: order.index(each.severity))
            ),
        )


def trusts_publishers(stated: RepositoryConfig) -> bool:
    """Whether a repository takes trusted publishing, as far as the configuration tells."""
    usual = canonical(stated.name) in {"pypi", "testpypi"} and stated.trusted_publishing is not When.NEVER
    return stated.kind.trusted_publishing and (usual or stated.trusted_publishing is When.ALWAYS)


def surroundings_findings(
    config: ProjectConfig,
    stated: Sequence[RepositoryConfig],
    *,
    workflows: Workflows,
    runtime: Runtime,
) -> Iterator[Finding]:
    """Everything around the project that a publish may fail on later, or elsewhere."""
    for project in config.projects:
        version = runtime.versions.get(project.root)
        found = [*(_tag(project, version, runtime) if version is not None else ()), *_licence(project)]
        for finding in found:
            yield replace(finding, where=finding.where or label(project)) if config.members else finding
    yield from _hosts(config, runtime.environment)
    for note in workflows.notes:
        yield WORKFLOW_UNREADABLE.found(note.removeprefix("passed over: "))
    for workflow in workflows.found:
        yield from workflow_findings(
            workflow,
            default=tuple(map(canonical, config.publish_to)),
            trusted=tuple(canonical(each.name) for each in stated if trusts_publishers(each)),
            writes={
                canonical(each.name): each.kind.permission
                for each in stated
                if each.kind.permission and canonical(each.name) in FIXED
            },
            from_git=config.version.source is VersionSource.GIT,
        )
    proxies = (name for name in _PROXIES if runtime.environment.get(name))
    if (proxy := next(proxies, None)) and not all(each.kind.local for each in stated):
        value = runtime.environment[proxy]
        shown = without_userinfo(value) if "://" in value else value.rpartition("@")[2]
        yield PROXY_USED.found(f"{proxy} is set: {shown}")
    yield from _pypirc(runtime.places().hosts.pypirc)


def _tag(config: ProjectConfig, version: ResolvedVersion, runtime: Runtime) -> Iterator[Finding]:
    """Whether this version has a tag, where versions have them."""
    prefix, environment, run = config.version.tag_prefix, runtime.environment, runtime.run
    distance, last = version.distance, version.tag
    if not distance:
        said = describe(config.root, prefix=prefix, environment=environment, run=run)
        if not isinstance(said, Described) or not said.distance:
            return
        distance, last = said.distance, said.tag
        if version.origin is not Origin.BACKEND or not (
            version.version.is_devrelease or version.version.local
        ):
            tag = tag_name(version.version, prefix=prefix, last=last)
            if tag_of(version.version, config.root, prefix=prefix, environment=environment, run=run) is None:
                yield TAG_MISSING.found(
                    f"HEAD does not have the tag {tag}; the last tag is {last}, {count(distance, 'commit')} before",
                    hint=f"To release, tag HEAD: git tag {tag}",
                )
            return
    yield BETWEEN_TAGS.found(
        f"{version.text} is a development version: HEAD is {count(distance, 'commit')} after the tag {last}"
    )


def _licence(config: ProjectConfig) -> Iterator[Finding]:
    project, poetry = table(config.pyproject, "project"), table(config.pyproject, "tool", "poetry")
    classifiers = [*project.get("classifiers", ()), *poetry.get("classifiers", ())]
    stated = (
        project.get("license")
        or project.get("license-files")
        or poetry.get("license")
        or any(str(each).startswith("License ::") for each in classifiers)
    )
    elsewhere = "license" in project.get("dynamic", ()) or (config.root / "setup.py").is_file()
    if (project or poetry) and not stated and not elsewhere:
        yield NO_LICENCE.found("pyproject.toml has no licence", where="pyproject.toml")


def _hosts(config: ProjectConfig, environment: Mapping[str, str]) -> Iterator[Finding]:
    backend = str(table(config.pyproject, "build-system").get("build-backend", ""))
    tool, said = table(config.pyproject, "tool"), environment.get("HATCH_PUBLISHER")
    uses_hatch = ("hatch" in tool or backend.startswith("hatchling")) and "poetry" not in tool
    if uses_hatch and said != "publish-all":
        now = f"is {said!r}" if said else "is not set"
        yield HATCH_PUBLISHER_UNSET.found(
            f"HATCH_PUBLISHER {now}, so `hatch publish` uses publish-all only with `-p publish-all`"
        )
    declared = PLUGIN in table(tool, "poetry", "requires-plugins")
    if ("poetry" in tool or backend.startswith("poetry.core")) and not declared:
        yield POETRY_PLUGIN_UNDECLARED.found(
            f"{PLUGIN} is not in [tool.poetry.requires-plugins]", where="pyproject.toml"
        )


def _pypirc(path: Path) -> Iterator[Finding]:
    others = stat.S_IRGRP | stat.S_IROTH
    if os.name == "posix" and path.is_file() and path.stat().st_mode & others:
        yield FILE_READABLE_BY_OTHERS.found(
            f"Other users of this machine can read {path}.", where=str(path), hint=f"chmod 600 {path}"
        )

"""Tell the version, compare or write all the places that say it, or make a release step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from pathlib import Path

from publish_all._values import dataclass
from publish_all.commands.context import Surroundings, open_project, project_version
from publish_all.commands.version_trial import try_version
from publish_all.config.model import ProjectConfig, VersionSource
from publish_all.errors import CheckError, UsageError
from publish_all.events import Found, Listener, ignore
from publish_all.findings import Finding
from publish_all.version.change import parse_version, planned, refuse_unsettable, write_all
from publish_all.version.guard import comparable, version_differences
from publish_all.version.place import Place
from publish_all.version.places import find_places
from publish_all.version.release import ReleasePlan, carry_out, plan_release
from publish_all.version.source import NoProjectVersion, ResolvedVersion


def _yes(plan: ReleasePlan) -> bool:
    del plan
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionOptions:
    """What to do; nothing of it: tell the version. At most one of `check`, `sync`, `set_to` and `release`.

    `confirm` is shown a release before anything is done, and may refuse it. `dry_run` writes nothing.
    """

    directory: Path
    check: bool = False
    sync: bool = False
    set_to: str | None = None
    release: str | None = None
    dry_run: bool = False
    confirm: Callable[[ReleasePlan], bool] = _yes
    around: Surroundings = field(default_factory=Surroundings)


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionResult:
    """The version as it is now and, where asked for, what was compared, changed or released.

    `version` is None only for a release of a version from git, which need not have one yet. `compared` is False between tags of a version from git, where no file can hold its own version.
    `changed` are the places as they were, which now say `version` (with `dry_run`: would say it).
    """

    version: ResolvedVersion | None
    text: str
    places: tuple[Place, ...] = ()
    compared: bool = False
    findings: tuple[Finding, ...] = ()
    changed: tuple[Place, ...] = ()
    release: ReleasePlan | None = None
    released: bool = False

    @property
    def exit_code(self) -> int:
        return CheckError.exit_code if self.findings else 0


def version(options: VersionOptions, *, listener: Listener = ignore) -> VersionResult:
    """Raises `UsageError` for what does not go together, `VersionError` where there is no version."""
    _refuse_several(options)
    config = open_project(options.directory)
    if options.release is not None and config.version.source is VersionSource.GIT:
        return _release(config, None, options.release, options, listener)
    now = project_version(config, around=options.around, listener=listener)
    if now is None:
        msg = f"{config.root / 'pyproject.toml'}: the project has no version, only its build variants have"
        raise NoProjectVersion(msg, hint="Set project.version, or tool.publish-all.version.source.")
    if options.check:
        return _check(config, now, listener)
    if options.sync:
        return _sync(config, now, options)
    if options.set_to is not None:
        return _set(config, now, options.set_to, options, listener)
    if options.release is not None:
        return _release(config, now, options.release, options, listener)
    return VersionResult(version=now, text=now.text)


def _refuse_several(options: VersionOptions) -> None:
    asked = {
        "--check": options.check,
        "--sync": options.sync,
        "--set": options.set_to is not None,
        "--release": options.release is not None,
    }
    if len(given := [name for name, stated in asked.items() if stated]) > 1:
        msg = f"{' and '.join(given)} do not go together"
        raise UsageError(msg, hint="--release does all of it; otherwise one after the other.")


def _check(config: ProjectConfig, now: ResolvedVersion, listener: Listener) -> VersionResult:
    findings = tuple(version_differences(config, now))
    for finding in findings:
        listener(Found(finding=finding))
    return VersionResult(
        version=now,
        text=now.text,
        places=find_places(config),
        compared=comparable(config, now),
        findings=findings,
    )


def _sync(config: ProjectConfig, now: ResolvedVersion, options: VersionOptions) -> VersionResult:
    if not comparable(config, now):
        msg = f"the version is {now.text}, between tags: a file that said so would be wrong once it is committed"
        raise UsageError(
            msg, hint="publish-all version --release VERSION writes, commits and tags in one step."
        )
    changed, contents = planned(config, now.version)
    if not options.dry_run:
        write_all(contents)
    return VersionResult(
        version=now, text=now.text, places=find_places(config), compared=True, changed=changed
    )


def _set(
    config: ProjectConfig, now: ResolvedVersion, text: str, options: VersionOptions, listener: Listener
) -> VersionResult:
    wanted = parse_version(text)
    refuse_unsettable(config, wanted)
    changed, contents = planned(config, wanted)
    try_version(config, wanted, contents, around=options.around, listener=listener)
    if not options.dry_run:
        write_all(contents)
    return VersionResult(version=now, text=str(wanted), changed=changed)


def _release(
    config: ProjectConfig,
    now: ResolvedVersion | None,
    text: str,
    options: VersionOptions,
    listener: Listener,
) -> VersionResult:
    around = options.around
    current = now.version if now is not None else None
    plan = plan_release(config, text, current=current, environment=around.environment, run=around.run)
    try_version(config, plan.version, plan.contents, tag=plan.tag, around=around, listener=listener)
    go = not options.dry_run and options.confirm(plan)
    if go:
        carry_out(config, plan, environment=around.environment, run=around.run)
    return VersionResult(version=now, text=str(plan.version), changed=plan.changes, release=plan, released=go)

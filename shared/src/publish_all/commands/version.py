"""Show the version, compare or write its places, or release it.

A version is tried in a copy of the checkout before anything is changed: only the build backend knows what it makes
of the files and the tags (`tag_regex`, a module that computes the version, a setup.py), so it is asked, and not
guessed from its configuration.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from publish_all._build_system import backend_name, poetry_version_counts
from publish_all._git import ask_git, git_in_copy
from publish_all._temporary import temporary_folder
from publish_all._toml import table
from publish_all.commands.context import Runtime, ask_backend, project_version
from publish_all.config.load import label, load_project
from publish_all.config.model import ProjectConfig, SyncPlace, VersionSource
from publish_all.config.parse import PYPROJECT, TABLE
from publish_all.errors import CheckError, PublishAllError, UsageError, VersionError
from publish_all.findings import Finding
from publish_all.version.static import backend_asks_us, project_name, static_version
from publish_all.version.version_source import NoProjectVersion, ResolvedVersion, resolve_version

if TYPE_CHECKING:  # a version that is only shown needs none of these
    from publish_all.version.change import ReleasePlan
    from publish_all.version.places import Place

# Variables that set the version for us and other tools: https://setuptools-scm.readthedocs.io/en/latest/overrides/
_OVERRIDES = re.compile(
    r"PUBLISH_ALL_VERSION.*|.*_PRETEND_VERSION.*|.*_VERSIONING_BYPASS|P(DM_BUILD_SCM|BR)_VERSION"
)
_SETTINGS = r"^(core\.(autocrlf|eol|filemode|symlinks|ignorecase|precomposeunicode)|filter\..*)$"
_NOTHING_SAID = Version("0.0.0")


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionOptions:
    """The options. By default, the version is shown. At most one of `check`, `sync`, `set_to` and `release`.

    `confirm` is shown a release before anything is done, and may refuse it. `dry_run` writes nothing.
    `members` asks for the members of the workspace of these names, empty for all of them.
    """

    directory: Path
    members: tuple[str, ...] | None = None
    check: bool = False
    sync: bool = False
    set_to: str | None = None
    release: str | None = None
    dry_run: bool = False
    confirm: Callable[[ReleasePlan], bool] | None = None
    runtime: Runtime = field(default_factory=Runtime)


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionResult:
    """The current version, and the places that were compared, changed or released.

    `version` is None only for the first release of a version from git. `compared` is False between tags of a version
    from git, where no file can contain its own version.
    `changed` are the old places, which now have `version` (with `dry_run`: would have it).
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


def version(options: VersionOptions) -> VersionResult:
    """As `versions`, for one project."""
    ((_, result),) = versions(options)
    return result


def versions(options: VersionOptions) -> tuple[tuple[str, VersionResult], ...]:
    """The version of the project, or of each member of a workspace with its own version, with its name.

    A release of several members is one commit. Members that are already released in this version are skipped.
    Raises `UsageError` for options that cannot be combined, and `VersionError` without a version.
    """
    asked = {
        "--check": options.check,
        "--sync": options.sync,
        "--set": options.set_to is not None,
        "--release": options.release is not None,
    }
    if len(given := [name for name, stated in asked.items() if stated]) > 1:
        msg = f"{' and '.join(given)} cannot be combined"
        raise UsageError(msg, hint="Use --release for everything, or run the command once for each option.")
    run = load_project(options.directory, options.members)
    configs: Iterable[ProjectConfig] = (run,)
    if options.members is not None:
        configs = _sharing(run) if given else run.members
    found, plans = [], []
    for config in configs:
        result, plan = _version(config, options)
        plans += [plan] if plan is not None else []
        found.append(("" if options.members is None else label(config), result))
    if options.release is None:
        return tuple(found)
    if not plans:
        raise UsageError(f"all members are already released as {options.release}")
    from publish_all.version.change import carry_out, together

    plan = plans[0] if options.members is None else together(plans, run.root)
    go = not options.dry_run and (options.confirm is None or options.confirm(plan))
    if go:
        carry_out(run, plan, environment=options.runtime.environment, run=options.runtime.run)
    name, first = found[0]
    return ((name, replace(first, release=plan, released=go)), *found[1:])


def _sharing(run: ProjectConfig) -> Iterator[ProjectConfig]:
    """One project for each version in a workspace: the root's, of all members that inherit it, and the others.

    The version of the root is written to all of them. If the root is not a project, the first member has it.
    """

    def states(config: ProjectConfig) -> bool:
        return "version" in table(config.pyproject, *TABLE)

    sharing = [each for each in run.members if each.root == run.root or not states(each)]
    if sharing and states(run):
        of_root = run.version.source is not VersionSource.PROJECT or project_name(run.pyproject) is not None
        base = run if of_root else sharing[0]
        places = [
            SyncPlace(path=Path(os.path.relpath(each.root / PYPROJECT, base.root)).as_posix())
            for each in sharing
            if each.root != base.root and static_version(each.pyproject) is not None
        ]
        moved = [
            replace(each, path=Path(os.path.relpath(run.root / each.path, base.root)).as_posix())
            for each in run.version.sync
        ]
        yield replace(base, members=(), version=replace(base.version, sync=(*moved, *places)))
    else:
        yield from sharing
    yield from (each for each in run.members if each not in sharing)


def _version(config: ProjectConfig, options: VersionOptions) -> tuple[VersionResult, ReleasePlan | None]:
    """The version of one project, and its release, which is only planned."""
    if options.release is not None and config.version.source is VersionSource.GIT:
        return _planned(config, None, options)
    now = project_version(config, runtime=options.runtime)
    if now is None:
        msg = f"{config.root / 'pyproject.toml'}: the project itself has no version, only its build variants"
        raise NoProjectVersion(msg, hint="Set project.version, or tool.publish-all.version.source.")
    if options.release is not None:
        return _planned(config, now, options)
    return _changed(config, now, options), None


def _changed(config: ProjectConfig, now: ResolvedVersion, options: VersionOptions) -> VersionResult:
    """Show, compare, set or sync the version."""
    if not (options.check or options.sync or options.set_to is not None):
        return VersionResult(version=now, text=now.text)
    from publish_all.version.change import parse_version, planned, refuse_unsettable, write_all
    from publish_all.version.guard import comparable, version_differences
    from publish_all.version.places import find_places

    if options.set_to is not None:
        wanted = parse_version(options.set_to)
        refuse_unsettable(config, wanted)
        changed, contents = planned(config, wanted)
        _try_version(config, wanted, contents, runtime=options.runtime)
        if not options.dry_run:
            write_all(contents)
        return VersionResult(version=now, text=str(wanted), changed=changed)
    if options.check:
        findings = tuple(version_differences(config, now))
        options.runtime.found(*findings)
        places, compared = find_places(config), comparable(config, now)
        return VersionResult(version=now, text=now.text, places=places, compared=compared, findings=findings)
    if not comparable(config, now):
        msg = f"the version {now.text} is between two tags, so a file with it would be wrong after the commit"
        hint = "Run publish-all version --release VERSION, which writes, commits and tags in one step."
        raise UsageError(msg, hint=hint)
    changed, contents = planned(config, now.version)
    if not options.dry_run:
        write_all(contents)
    places = find_places(config)
    return VersionResult(version=now, text=now.text, places=places, compared=True, changed=changed)


def _planned(
    config: ProjectConfig, now: ResolvedVersion | None, options: VersionOptions
) -> tuple[VersionResult, ReleasePlan | None]:
    """The release; none of a member of a workspace that has this version, and its tag."""
    from publish_all.version.change import parse_version, plan_release
    from publish_all.version.git import tag_of

    runtime, text = options.runtime, options.release or ""
    current = now.version if now is not None else None
    environment, run, wanted = runtime.environment, runtime.run, parse_version(text)
    prefix = config.version.tag_prefix
    if options.members is not None and tag_of(
        wanted, config.root, prefix=prefix, environment=environment, run=run
    ):
        return VersionResult(version=now, text=str(wanted)), None
    plan = plan_release(config, text, current=current, environment=environment, run=run)
    _try_version(config, plan.version, plan.contents, tag=plan.tag, runtime=runtime)
    return VersionResult(version=now, text=str(plan.version), changed=plan.changes), plan


def _try_version(
    config: ProjectConfig,
    version: Version,
    contents: Mapping[Path, bytes],
    *,
    tag: str | None = None,
    runtime: Runtime,
) -> None:
    """Raise `VersionError` if the source, a place or the build backend would have another version.

    `contents` are the new files. With `tag`, they are committed and the commit is tagged.
    """
    if not _has_backend_of_its_own(config):
        return  # `planned` has checked the source in the new contents, or the source is a clean tag
    from publish_all.version.places import find_places

    backend = backend_name(config.pyproject)
    runtime.step("version", f"check the version of {backend} after a change to {version}")
    stated = runtime.environment
    environment = {name: value for name, value in stated.items() if not _OVERRIDES.fullmatch(name)}
    runtime = replace(runtime, environment=environment)
    with temporary_folder() as folder:
        copy = load_project(_copied(config.root, folder / "checkout", contents, runtime))
        if tag is not None:
            _tag(copy.root, tag, runtime)
        ask = partial(ask_backend, copy, runtime)
        found = resolve_version(copy, environment=environment, run=runtime.run, ask_backend=ask)
        if found.version != version:
            raise _refusal(config, f"the version would be {found.text} ({found.source})", version)
        for place in find_places(copy):
            if not place.agrees(version):
                raise _refusal(config, f"{place.where} would have {place.says}", version)
        if copy.version.source is VersionSource.PROJECT or not _has_backend_of_its_own(copy):
            return
        try:
            said = Version(ask())
        except (PublishAllError, InvalidVersion):
            return  # it knows no version, so it says no other one
        if said not in {version, _NOTHING_SAID}:
            raise _refusal(config, f"the build backend {backend} would use {said}", version)


def _has_backend_of_its_own(config: ProjectConfig) -> bool:
    """Whether the build backend may compute the version itself, and not from `[project]` or from us."""
    pyproject = config.pyproject
    if static_version(pyproject) is not None or backend_asks_us(pyproject):
        return False
    # poetry-core knows no version but the static one.
    return config.version.source is VersionSource.PROJECT or not poetry_version_counts(pyproject)


def _refusal(config: ProjectConfig, what: str, version: Version) -> VersionError:
    from publish_all.version.places import unwritable

    reasons = unwritable(config)
    msg = f"nothing was written: after a change to {version}, {what}" + (f": {reasons}" if reasons else "")
    hint = (
        "Add the file with the version to tool.publish-all.version.sync, or write the version as a literal where the "
        "build backend reads it. If the version comes from a tag, set tool.publish-all.version.tag-prefix to the "
        "prefix of the tags."
    )
    return VersionError(msg, hint=hint)


def _git_says(runtime: Runtime, *arguments: str, cwd: Path) -> Sequence[str]:
    """The parts of an answer with `-z` or `--null`, empty if git gives none."""
    try:
        done = ask_git(*arguments, cwd=cwd, environment=runtime.environment, run=runtime.run)
    except OSError:
        return ()
    return done.stdout.rstrip("\n\0").split("\0") if done.returncode == 0 and done.stdout else ()


def _git_does(runtime: Runtime, *arguments: str, cwd: Path) -> None:
    done = git_in_copy(*arguments, cwd=cwd, environment=runtime.environment, run=runtime.run)
    if done.returncode != 0:
        what = f"git {arguments[0]}: {done.stderr.strip()}"
        raise VersionError(f"the version cannot be checked in a copy of the checkout: {what}")


def _copied(root: Path, copy: Path, contents: Mapping[Path, bytes], runtime: Runtime) -> Path:
    """The project in a copy of its checkout, which is a separate repository, with these contents.

    History, tags and index are those of the checkout. Its objects are shared.
    """
    from publish_all.builders.source_tree import SourceTree

    root = root.resolve()
    top = Path(*(_git_says(runtime, "rev-parse", "--show-toplevel", cwd=root) or (root,))).resolve()
    for name in SourceTree(top).files:
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(top / name, target, follow_symlinks=False)
    if (top / ".git").exists():
        _git_does(runtime, "clone", "--quiet", "--mirror", "--shared", str(top), str(copy / ".git"), cwd=top)
        _git_does(runtime, "config", "core.bare", "false", cwd=copy)
        for each in _git_says(runtime, "config", "--null", "--get-regexp", _SETTINGS, cwd=top):
            key, _, value = each.partition("\n")
            _git_does(runtime, "config", key, value, cwd=copy)
        for head in _git_says(runtime, "rev-parse", "--verify", "--quiet", "HEAD", cwd=top):
            _git_does(runtime, "update-ref", "--no-deref", "HEAD", head, cwd=copy)
            _git_does(runtime, "reset", "--quiet", cwd=copy)
    for path, data in contents.items():
        if path.resolve().is_relative_to(top):
            (copy / path.resolve().relative_to(top)).write_bytes(data)
    return copy / root.relative_to(top)


def _tag(root: Path, tag: str, runtime: Runtime) -> None:
    author = ("-c", "user.name=publish-all", "-c", "user.email=publish-all@invalid")
    options = ("--quiet", "--allow-empty", "--no-verify", "--no-gpg-sign", "--all")
    if _git_says(runtime, "status", "--porcelain", "--untracked-files=no", "-z", cwd=root):
        _git_does(runtime, *author, "commit", *options, "-m", tag, cwd=root)
    _git_does(runtime, *author, "tag", "--annotate", "--no-sign", "-m", tag, tag, cwd=root)

"""The one version of a project: from where `[tool.publish-all.version]` says, the same in every build.

An override of the environment comes first. Then, for git: the repository, `.git_archival.txt`,
PKG-INFO, `fallback`. Nothing is ever made up: without an answer it is an error.
"""

from __future__ import annotations

import enum
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from packaging.version import InvalidVersion, Version

from publish_all._build_system import backend_of, poetry_version_counts
from publish_all.errors import VersionError
from publish_all.version.overrides import override, variable_for
from publish_all.version.settings import Settings, settings_for_build, settings_of
from publish_all.version.static import (
    backend_asks_us,
    is_dynamic,
    maker_of_placeholder,
    project_name,
    static_version,
    table,
)

if TYPE_CHECKING:
    from publish_all._process import Run
    from publish_all.config.model import ProjectConfig
    from publish_all.version.git import Described

Clock = Callable[[], float]


class NoProjectVersion(VersionError):  # noqa: N818 - a name that reads well where it is caught
    """The project has no version of its own: no `[project]` or `[tool.poetry]` that could have one."""


class Origin(enum.Enum):
    """What said the version."""

    OVERRIDE = "environment"
    PROJECT = "project"
    BACKEND = "build backend"
    GIT = "git"
    ARCHIVAL = "git archive"
    PKG_INFO = "sdist"
    FALLBACK = "fallback"
    ATTRIBUTE = "attribute"


class ResolvedVersion(NamedTuple):
    """A version and how it came about.

    `explanation` is for people, a line each: tag, distance, changes, file. `tagged`: HEAD has a
    version tag and nothing is changed. `dirty` is known for versions from git only. `tag` and `distance`
    (commits since it) are None where no tag was involved, `node` is HEAD's full hash. `note` is for
    everybody who builds it: what is surprising about this version.
    """

    version: Version
    origin: Origin
    explanation: tuple[str, ...]
    tagged: bool = False
    dirty: bool = False
    tag: str | None = None
    distance: int | None = None
    node: str | None = None
    note: str | None = None

    @property
    def text(self) -> str:
        """The version, normalised."""
        return str(self.version)

    @property
    def source(self) -> str:
        """What said the version, in a word or two."""
        return self.origin.value

    @property
    def local(self) -> bool:
        """Whether it has a local part (`+g…`), which PyPI refuses."""
        return self.version.local is not None


def resolve_version(
    config: ProjectConfig,
    *,
    environment: Mapping[str, str],
    run: Run | None = None,
    ask_backend: Callable[[], str] | None = None,
    now: Clock = time.time,
) -> ResolvedVersion:
    """The version of the project, from its source. `ask_backend` is called where the build backend decides.

    `run` runs git, `_process.run` by default, which is imported then: most builds need no process.
    Raises `VersionError` when there is no answer, and `NoProjectVersion` when nobody could have one.
    """
    return resolve(settings_of(config), environment=environment, run=run, ask_backend=ask_backend, now=now)


def resolve(
    settings: Settings,
    *,
    environment: Mapping[str, str],
    run: Run | None = None,
    ask_backend: Callable[[], str] | None = None,
    now: Clock = time.time,
) -> ResolvedVersion:
    """As `resolve_version`, without the whole configuration."""
    if (stated := override(environment, project_name(settings.pyproject))) is not None:
        variable, version = stated
        return ResolvedVersion(
            version=version, origin=Origin.OVERRIDE, explanation=(f"environment variable: {variable}",)
        )
    match settings.source:
        case "project":
            return _from_project(settings, ask_backend)
        case "attribute":
            return _from_attribute(settings)
        case "git":
            return _from_git(settings, environment=environment, run=run, now=now)


def version_for_build(
    pyproject: Mapping[str, Any], root: Path, *, environment: Mapping[str, str], run: Run | None = None
) -> str:
    """The version for a build that asks us, quickly; what is surprising about it goes to standard error.

    Raises `VersionError`, and `ConfigurationError` for a wrong `[tool.publish-all]`.
    """
    found = resolve(settings_for_build(pyproject, root), environment=environment, run=run)
    if found.note is not None:
        sys.stderr.write(f"publish-all: {found.note}\n")
    return found.text


def _from_project(settings: Settings, ask_backend: Callable[[], str] | None) -> ResolvedVersion:
    written = static_version(settings.pyproject)
    if written is not None:
        text, key = written
        _refuse_placeholder(settings, text, key)
        version = _parsed(text, f"{settings.file}: {key}")
        return ResolvedVersion(
            version=version, origin=Origin.PROJECT, explanation=(f"file: pyproject.toml, {key}",)
        )
    if backend_asks_us(settings.pyproject):
        msg = (
            "the build takes the version from publish-all, and publish-all is told to take it from the build"
        )
        raise VersionError(
            f"{settings.file}: {msg}",
            hint='Set tool.publish-all.version.source to "git" or "attribute".',
        )
    backend = backend_of(settings.pyproject)
    if not _may_have_version(settings):
        msg = f"{settings.file}: the project has no version"
        raise NoProjectVersion(msg, hint="Set project.version, or tool.publish-all.version.source.")
    if ask_backend is None:
        msg = f"{settings.file}: the version is known to the build backend only ({backend})"
        raise VersionError(msg)
    version = _parsed(ask_backend(), f"the build backend {backend}")
    _refuse_default(settings, version, backend)
    return ResolvedVersion(version=version, origin=Origin.BACKEND, explanation=(f"build backend: {backend}",))


def _refuse_default(settings: Settings, version: Version, backend: str) -> None:
    """Setuptools says 0.0.0 where it finds no version at all, as when the tool that computes it is not installed."""
    if str(version) != "0.0.0" or table(settings.pyproject, "project"):
        return
    files = [settings.root / name for name in ("setup.py", "setup.cfg")]
    stated = [each.read_text(encoding="utf-8", errors="replace") for each in files if each.is_file()]
    if not any("version" in each for each in stated):
        msg = f"{settings.root}: the build backend {backend} found no version, and would build 0.0.0"
        raise VersionError(
            msg, hint="State the version, or add the tool that computes it to [build-system] requires."
        )


def _refuse_placeholder(settings: Settings, text: str, key: str) -> None:
    maker = maker_of_placeholder(settings.pyproject, text)
    if maker is not None:
        backend = backend_of(settings.pyproject)
        msg = f"{settings.file}: {key} is {text}, a placeholder: [{maker}] makes the version, and the build backend {backend} does not use it"
        hint = 'Set tool.publish-all.version.source to "git" or "attribute", or remove the table.'
        if maker == "tool.poetry-dynamic-versioning":
            hint = (
                'Set build-system.build-backend to "poetry_dynamic_versioning.backend" and require'
                ' poetry-dynamic-versioning there, or set tool.publish-all.version.source to "git".'
            )
        raise VersionError(msg, hint=hint)


def _may_have_version(settings: Settings) -> bool:
    """Whether the build backend may know it: `[project]` leaves it open, or the metadata is in the backend's own place."""
    if table(settings.pyproject, "project"):
        return is_dynamic(settings.pyproject)
    if table(settings.pyproject, "tool", "poetry"):
        return not poetry_version_counts(settings.pyproject)
    return bool(table(settings.pyproject, "tool", "flit", "metadata")) or _has_setup(settings.root)


def _has_setup(root: Path) -> bool:
    """Whether setuptools, or a backend around it (pbr.build), finds metadata; setup.cfg may be there for other tools alone."""
    if (root / "setup.py").is_file():
        return True
    try:
        return "[metadata]" in (root / "setup.cfg").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _from_attribute(settings: Settings) -> ResolvedVersion:
    from publish_all.version.attribute import read_attribute

    found = read_attribute(
        attribute_path(settings.root, settings.path), own_name=project_name(settings.pyproject)
    )
    where = _relative(found.path, settings.root)
    return ResolvedVersion(
        version=found.version, origin=Origin.ATTRIBUTE, explanation=(f"file: {where}:{found.line}",)
    )


def attribute_path(root: Path, path: str | None) -> Path:
    """The file that `path` names; a configuration with this source is not accepted without one."""
    return root / (path or "")


def _from_git(
    settings: Settings, *, environment: Mapping[str, str], run: Run | None, now: Clock
) -> ResolvedVersion:
    from publish_all import _process
    from publish_all.version.git import Described, NoRepository, describe

    run = run or _process.run
    answer = describe(settings.root, prefix=settings.tag_prefix, environment=environment, run=run)
    match answer:
        case NoRepository(reason=reason, problem=problem):
            missing = _Missing(reason, hint=_no_repository_hint(settings), problem=problem)
        case Described() if not answer.shallow or not answer.distance or settings.shallow == "allow":
            return _described(answer, settings, Origin.GIT, environment, now)
        case _:
            _refuse_dirty(answer.dirty, settings)
            shallow = answer.shallow and settings.shallow == "error"
            missing = _untagged(answer.node, settings, problem=_shallow_problem() if shallow else None)
    return _without_repository(settings, missing, environment, now)


class _Missing(NamedTuple):
    """Why git does not tell the version. `problem` is raised where nothing but the repository could."""

    reason: str
    hint: str
    problem: VersionError | None


def _no_repository_hint(settings: Settings) -> str:
    return (
        "Build from a clone in which this folder is committed, or from an sdist;"
        f" or set {variable_for(project_name(settings.pyproject) or 'NAME')}."
    )


def _untagged(node: str | None, settings: Settings, *, problem: VersionError | None) -> _Missing:
    reason = (
        f"no tag like {settings.tag_prefix}1.2.3 is on the commit that is checked out or on one before it"
    )
    if node is None:
        reason = "the git repository has no commit yet"
    hint = f"Tag a commit (git tag {settings.tag_prefix}0.1.0), or set tool.publish-all.version.fallback."
    return _Missing(reason, hint=hint, problem=problem)


def _shallow_problem() -> VersionError:
    from publish_all.diagnoses import SHALLOW_CLONE

    finding = SHALLOW_CLONE.found(
        "the clone is shallow, so the tags before the commit that is checked out are not known",
        hint="Run `git fetch --unshallow --tags`; in GitHub Actions set `fetch-depth: 0` for actions/checkout.",
    )
    return VersionError(finding.message, hint=finding.hint, findings=(finding,))


def _without_repository(
    settings: Settings, missing: _Missing, environment: Mapping[str, str], now: Clock
) -> ResolvedVersion:
    """What else may say the version. A repository that can't be read is no case for `fallback`."""
    from publish_all.version.archival import FILE as ARCHIVAL
    from publish_all.version.archival import described_in_archive
    from publish_all.version.pkg_info import version_of_sdist

    if (archived := described_in_archive(settings.root, prefix=settings.tag_prefix)) is not None:
        return _described(archived, settings, Origin.ARCHIVAL, environment, now)
    name = project_name(settings.pyproject)
    if (version := version_of_sdist(settings.root, name=name)) is not None:
        return ResolvedVersion(version=version, origin=Origin.PKG_INFO, explanation=("file: PKG-INFO",))
    if missing.problem is not None:
        raise missing.problem
    if settings.fallback is not None:
        version = _parsed(settings.fallback, "tool.publish-all.version.fallback")
        explanation = ("setting: tool.publish-all.version.fallback", f"because: {missing.reason}")
        return ResolvedVersion(version=version, origin=Origin.FALLBACK, explanation=explanation)
    msg = (
        f"{settings.root}: there is no version: {missing.reason},"
        f" and there is no {ARCHIVAL} and no PKG-INFO that says it"
    )
    raise VersionError(msg, hint=missing.hint)


def _described(
    said: Described, settings: Settings, origin: Origin, environment: Mapping[str, str], now: Clock
) -> ResolvedVersion:
    from publish_all.version.scheme import NODE_LENGTH, version_after

    _refuse_dirty(said.dirty, settings)
    version = version_after(
        said.version,
        distance=said.distance,
        dirty=said.dirty,
        scheme=settings.scheme,
        local=settings.local,
        node=said.node,
        date=_date(environment, now) if said.dirty and settings.local == "node-and-date" else "",
    )
    others = f" (also there: {', '.join(said.beside)})" if said.beside else ""
    explanation: tuple[str, ...] = (
        f"tag: {said.tag}{others}",
        f"distance: {said.distance} commit{'' if said.distance == 1 else 's'}",
        f"commit: {said.node[:NODE_LENGTH]}",
        f"uncommitted changes: {'yes' if said.dirty else 'no'}",
    )
    note = None
    if said.higher is not None:
        explanation += (f"higher version before it: {said.higher}",)
        note = (
            f"the version is {version}, counted from the tag {said.tag}, and a commit before has the tag"
            f" {said.higher}, which is higher: tag this branch with a version after {said.higher} to go on from there"
        )
    return ResolvedVersion(
        version=version,
        origin=origin,
        explanation=explanation,
        tagged=said.distance == 0 and not said.dirty,
        dirty=said.dirty,
        tag=said.tag,
        distance=said.distance,
        node=said.node,
        note=note,
    )


def _refuse_dirty(dirty: bool, settings: Settings) -> None:
    if dirty and settings.dirty == "error":
        msg = 'there are uncommitted changes, and tool.publish-all.version.dirty is "error"'
        raise VersionError(msg, hint="`git status` lists them: commit or discard them.")


def _date(environment: Mapping[str, str], now: Clock) -> str:
    """The day for uncommitted changes, in UTC: of SOURCE_DATE_EPOCH where it is set, else today."""
    stated = environment.get("SOURCE_DATE_EPOCH", "")
    seconds = int(stated) if stated.isascii() and stated.isdecimal() else now()
    try:
        return time.strftime("%Y%m%d", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError) as error:
        msg = f"the environment variable SOURCE_DATE_EPOCH is {stated!r}, which is no date"
        raise VersionError(msg, hint="Set it to seconds since 1970, or unset it.") from error


def _parsed(text: str, where: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        msg = f"{where}: {text!r} is not a PEP 440 version"
        raise VersionError(msg, hint="Write it like 1.2.3 or 1.2.3rc1.") from error


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

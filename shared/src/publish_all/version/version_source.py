"""The version of a project, from the source in `[tool.publish-all.version]`. It is the same in every build.

An environment variable overrides it. With git, the version comes from the repository, or else `.git_archival.txt`,
PKG-INFO or `fallback`. If none of these has a version, that is an error.
"""

from __future__ import annotations

import enum
import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from packaging.version import InvalidVersion, Version

from publish_all._build_system import backend_name, poetry_version_counts
from publish_all._toml import table
from publish_all.errors import VersionError
from publish_all.version import static

if TYPE_CHECKING:
    from publish_all._process import Run
    from publish_all.config.model import ProjectConfig
    from publish_all.version.git import Described

_VARIABLE = "PUBLISH_ALL_VERSION"
_CHOICES = {
    "source": ("project", "git", "attribute"),
    "scheme": ("guess", "post"),
    "local": ("none", "node", "node-and-date"),
    "dirty": ("allow", "error"),
    "shallow": ("error", "allow"),
}
_PLAIN = {
    "path": re.compile(r"([\w-]+/)*[\w-]+(\.py)?", re.ASCII),
    "tag-prefix": re.compile(r"[\w-]*", re.ASCII),
}


class NoProjectVersion(VersionError):  # noqa: N818 - a name that reads well where it is caught
    """The project has no version, because there is no `[project]` or `[tool.poetry]` that could have one."""


class Settings(NamedTuple):
    """A project and its `[tool.publish-all.version]`, with the meanings and defaults of `VersionConfig`."""

    root: Path
    pyproject: Mapping[str, Any]
    source: str = "project"
    path: str | None = None
    tag_prefix: str = "v"
    scheme: str = "guess"
    local: str = "none"
    dirty: str = "allow"
    shallow: str = "error"
    fallback: str | None = None

    @property
    def file(self) -> Path:
        return self.root / "pyproject.toml"


class Origin(enum.Enum):
    """The source of a version."""

    OVERRIDE = "environment"
    PROJECT = "project"
    BACKEND = "build backend"
    GIT = "git"
    ARCHIVAL = "git archive"
    PKG_INFO = "sdist"
    FALLBACK = "fallback"
    ATTRIBUTE = "attribute"


class ResolvedVersion(NamedTuple):
    """A version and its explanation.

    `explanation` has lines for the user: tag, distance, changes, file. `tagged`: HEAD has a
    version tag and there are no changes. `tag` and `distance` (commits since it) are None without a tag.
    `note` is a message about an unexpected version for everyone who builds it.
    """

    version: Version
    origin: Origin
    explanation: tuple[str, ...]
    tagged: bool = False
    tag: str | None = None
    distance: int | None = None
    note: str | None = None

    @property
    def text(self) -> str:
        """The version, normalised."""
        return str(self.version)

    @property
    def source(self) -> str:
        """The source of the version, in one or two words."""
        return self.origin.value


def resolve_version(
    config: ProjectConfig,
    *,
    environment: Mapping[str, str],
    run: Run | None = None,
    ask_backend: Callable[[], str] | None = None,
) -> ResolvedVersion:
    """The version of the project, from its source. `ask_backend` is called if the build backend computes it.

    `run` runs git; the default is `_process.run`, which is imported only then, because most builds need no process.
    Raises `VersionError` if there is no version, and `NoProjectVersion` if the project cannot have one.
    """
    return _resolve(_settings_of(config), environment, run, ask_backend)


def version_for_build(
    pyproject: Mapping[str, Any], root: Path, *, environment: Mapping[str, str], run: Run | None = None
) -> str:
    """The version for a build, computed quickly. Notes about it are printed to stderr.

    Raises `VersionError`, and `ConfigurationError` for a wrong `[tool.publish-all]`.
    """
    found = _resolve(_settings_for_build(pyproject, root), environment, run, None)
    if found.note is not None:
        sys.stderr.write(f"publish-all: {found.note}\n")
    return found.text


def _settings_of(config: ProjectConfig) -> Settings:
    stated = config.version
    same = {name: getattr(stated, name) for name in Settings._fields[3:]}
    return Settings(config.root, config.pyproject, stated.source.value, **same)


def _settings_for_build(pyproject: Mapping[str, Any], root: Path) -> Settings:
    """The settings from a pyproject.toml, without importing the configuration, which takes longer than git.

    Simple valid values are read here. Everything else is left to the full parser, which also reports errors.
    """
    stated = table(pyproject, "tool", "publish-all", "version")
    whole = stated.get("source") != "attribute" or "path" in stated
    if whole and all(_is_plain(key, value) for key, value in stated.items()):
        keys = {key.replace("-", "_"): value for key, value in stated.items() if key != "sync"}
        return Settings(root, pyproject, **keys)
    from publish_all.config.parse import parse_project

    return _settings_of(parse_project(pyproject, root=root))


def _is_plain(key: str, value: object) -> bool:
    """Whether a value is simple and valid. `sync` does not matter for a build."""
    if key in _PLAIN and isinstance(value, str):
        return bool(_PLAIN[key].fullmatch(value))
    return isinstance(value, list) if key == "sync" else value in _CHOICES.get(key, ())


def _resolve(
    settings: Settings,
    environment: Mapping[str, str],
    run: Run | None,
    ask_backend: Callable[[], str] | None,
) -> ResolvedVersion:
    name = static.project_name(settings.pyproject)
    for variable in (_VARIABLE,) if name is None else (_variable_for(name), _VARIABLE):
        if text := environment.get(variable, ""):
            version = _parsed(
                text, f"the environment variable {variable}", "Use a version like 1.2.3, or unset it."
            )
            return ResolvedVersion(version, Origin.OVERRIDE, (f"environment variable: {variable}",))
    match settings.source:
        case "attribute":
            return _from_attribute(settings)
        case "git":
            return _from_git(settings, environment, run)
        case _:
            return _from_project(settings, ask_backend)


def _variable_for(name: str) -> str:
    """`PUBLISH_ALL_VERSION_FOR_<NAME>`: the name in capitals, with `_` for each run of `-`, `_` and `.`."""
    return f"{_VARIABLE}_FOR_{re.sub(r'[-_.]+', '_', name).upper()}"


def _parsed(text: str, where: str, hint: str = "Write it like 1.2.3 or 1.2.3rc1.") -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        raise VersionError(f"{where}: {text!r} is not a PEP 440 version", hint=hint) from error


def _from_attribute(settings: Settings) -> ResolvedVersion:
    from publish_all.version.attribute import read_attribute

    path, root = settings.root / (settings.path or ""), settings.root
    found = read_attribute(path)
    where = found.path.relative_to(root).as_posix() if found.path.is_relative_to(root) else str(found.path)
    return ResolvedVersion(found.version, Origin.ATTRIBUTE, (f"file: {where}:{found.line}",))


def _from_project(settings: Settings, ask_backend: Callable[[], str] | None) -> ResolvedVersion:
    backend = backend_name(settings.pyproject)
    written = static.static_version(settings.pyproject)
    if written is not None:
        text, key = written
        maker = static.maker_of_placeholder(settings.pyproject, text)
        if maker is not None:
            msg = f"{settings.file}: {key} is {text}, a placeholder: [{maker}] makes the version, and the build backend {backend} does not use it"
            hint = 'Set tool.publish-all.version.source to "git" or "attribute", or remove the table.'
            raise VersionError(msg, hint=hint)
        version = _parsed(text, f"{settings.file}: {key}")
        return ResolvedVersion(version, Origin.PROJECT, (f"file: pyproject.toml, {key}",))
    if static.backend_asks_us(settings.pyproject):
        msg = f"{settings.file}: the build backend takes the version from publish-all, but publish-all is configured to take it from the build backend"
        raise VersionError(msg, hint='Set tool.publish-all.version.source to "git" or "attribute".')
    if not _may_have_version(settings):
        msg = f"{settings.file}: the project has no version"
        raise NoProjectVersion(
            msg,
            hint="Set project.version, or tool.publish-all.version.source. For the members of a workspace, use --all.",
        )
    if ask_backend is None:
        msg = f"{settings.file}: only the build backend ({backend}) knows the version"
        raise VersionError(msg)
    version = _parsed(ask_backend(), f"the build backend {backend}")
    _refuse_default(settings, version, backend)
    return ResolvedVersion(version, Origin.BACKEND, (f"build backend: {backend}",))


def _refuse_default(settings: Settings, version: Version, backend: str) -> None:
    """Refuse 0.0.0, which setuptools uses if it finds no version, for example without the tool that computes it."""
    if str(version) != "0.0.0" or table(settings.pyproject, "project"):
        return
    files = [settings.root / name for name in ("setup.py", "setup.cfg")]
    stated = [each.read_text(encoding="utf-8", errors="replace") for each in files if each.is_file()]
    if not any("version" in each for each in stated):
        msg = f"{settings.root}: the build backend {backend} found no version, and would build 0.0.0"
        hint = "Set the version, or add the tool that computes it to [build-system] requires."
        raise VersionError(msg, hint=hint)


def _may_have_version(settings: Settings) -> bool:
    """Whether the build backend may know the version: it is dynamic, or the metadata is not in `[project]`."""
    if table(settings.pyproject, "project"):
        return static.is_dynamic(settings.pyproject)
    if table(settings.pyproject, "tool", "poetry"):
        return not poetry_version_counts(settings.pyproject)
    if table(settings.pyproject, "tool", "flit", "metadata") or (settings.root / "setup.py").is_file():
        return True
    path = settings.root / "setup.cfg"
    # Of setuptools or a backend based on it (pbr.build); other tools use this file, too.
    return path.is_file() and "[metadata]" in path.read_text(encoding="utf-8", errors="replace")


def _from_git(settings: Settings, environment: Mapping[str, str], run: Run | None) -> ResolvedVersion:
    from publish_all import _process
    from publish_all.version.git import Described, NoRepository, describe, described_in_archive

    root, prefix = settings.root, settings.tag_prefix
    problem: VersionError | None = None
    answer = describe(root, prefix=prefix, environment=environment, run=run or _process.run)
    if isinstance(answer, NoRepository):
        reason, problem = answer
        variable = _variable_for(static.project_name(settings.pyproject) or "NAME")
        hint = f"Build from a clone that contains this folder, or from an sdist, or set {variable}."
    else:
        if answer.dirty and settings.dirty == "error":
            msg = 'there are uncommitted changes, and tool.publish-all.version.dirty is "error"'
            raise VersionError(msg, hint="Commit or discard them. `git status` lists them.")
        if isinstance(answer, Described) and (
            not answer.shallow or not answer.distance or settings.shallow == "allow"
        ):
            return _described(answer, settings, Origin.GIT, environment)
        reason = f"no tag like {prefix}1.2.3 was found on the checked-out commit or before it"
        if answer.node is None:
            reason = "the git repository has no commit yet"
        hint = f"Tag a commit (git tag {prefix}0.1.0), or set tool.publish-all.version.fallback."
        if answer.shallow and settings.shallow == "error":
            from publish_all.diagnoses import SHALLOW_CLONE

            message = "the clone is shallow, so the tags before the checked-out commit are not known"
            finding = SHALLOW_CLONE.found(message)
            problem = VersionError(finding.message, hint=finding.hint, findings=(finding,))
    if (archived := described_in_archive(root, prefix=prefix)) is not None:
        return _described(archived, settings, Origin.ARCHIVAL, environment)
    if (version := _version_of_sdist(settings)) is not None:
        return ResolvedVersion(version, Origin.PKG_INFO, ("file: PKG-INFO",))
    if problem is not None:  # `fallback` is not used for a repository that cannot be read
        raise problem
    if settings.fallback is not None:
        key = "tool.publish-all.version.fallback"
        explanation = (f"setting: {key}", f"because: {reason}")
        return ResolvedVersion(_parsed(settings.fallback, key), Origin.FALLBACK, explanation)
    msg = f"{root}: no version found: {reason}, and no .git_archival.txt or PKG-INFO has one"
    raise VersionError(msg, hint=hint)


def _version_of_sdist(settings: Settings) -> Version | None:
    """The version in the PKG-INFO of an unpacked sdist; None without one, or if it is another project's."""
    path, name = settings.root / "PKG-INFO", static.project_name(settings.pyproject)
    if not path.is_file():
        return None
    from email.parser import HeaderParser

    from packaging.utils import canonicalize_name

    headers = HeaderParser().parsestr(path.read_text(encoding="utf-8", errors="replace"))
    if name is None or canonicalize_name(headers.get("Name", "")) != canonicalize_name(name):
        return None
    return _parsed(headers.get("Version", ""), str(path), "Unpack the sdist again.")


def _described(
    said: Described, settings: Settings, origin: Origin, environment: Mapping[str, str]
) -> ResolvedVersion:
    from publish_all.version.git import NODE_LENGTH, version_after

    date = _date(environment) if said.dirty and settings.local == "node-and-date" else ""
    version = version_after(said, scheme=settings.scheme, local=settings.local, date=date)
    others = f" (also there: {', '.join(said.beside)})" if said.beside else ""
    explanation = [
        f"tag: {said.tag}{others}",
        f"distance: {said.distance} commit{'' if said.distance == 1 else 's'}",
        f"commit: {said.node[:NODE_LENGTH]}",
        f"uncommitted changes: {'yes' if said.dirty else 'no'}",
    ]
    note = None
    if said.higher is not None:
        explanation.append(f"higher version before it: {said.higher}")
        note = (
            f"the version is {version}, counted from the tag {said.tag}, and a commit before has the tag"
            f" {said.higher}, which is higher: tag this branch with a version after {said.higher} to go on from there"
        )
    tagged = said.distance == 0 and not said.dirty
    return ResolvedVersion(version, origin, tuple(explanation), tagged, said.tag, said.distance, note)


def _date(environment: Mapping[str, str]) -> str:
    """The day for uncommitted changes, in UTC: of SOURCE_DATE_EPOCH where it is set, else today."""
    stated = environment.get("SOURCE_DATE_EPOCH", "")
    seconds = int(stated) if stated.isascii() and stated.isdecimal() else time.time()
    try:
        return time.strftime("%Y%m%d", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError) as error:
        msg = f"the environment variable SOURCE_DATE_EPOCH is {stated!r}, which is not a valid date"
        raise VersionError(msg, hint="Set it to seconds since 1970, or unset it.") from error

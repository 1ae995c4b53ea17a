"""Try a version in a copy of the checkout: what would everybody say, if it were written, committed and tagged?

Only the build backend knows what it makes of the files and the tags (`tag_regex`, a module that computes the
version, a setup.py). So it is asked before anything is changed, and not guessed from its configuration.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.version import InvalidVersion, Version

from publish_all._build_system import backend_of, poetry_version_counts
from publish_all._git import ask_git, git_in_copy
from publish_all._temporary import temporary_folder
from publish_all.commands.context import Surroundings
from publish_all.config.load import load_project
from publish_all.config.model import ProjectConfig, VersionSource
from publish_all.errors import PublishAllError, VersionError
from publish_all.events import Listener, StepStarted
from publish_all.version.place import Contents
from publish_all.version.places import find_places, source_places, unwritable
from publish_all.version.source import resolve_version
from publish_all.version.static import backend_asks_us, static_version

# Variables that tell us and others a version: https://setuptools-scm.readthedocs.io/en/latest/overrides/ and the like.
_OVERRIDES = re.compile(
    r"PUBLISH_ALL_VERSION.*|.*_PRETEND_VERSION.*|.*_VERSIONING_BYPASS|P(DM_BUILD_SCM|BR)_VERSION"
)
_SETTINGS = r"^(core\.(autocrlf|eol|filemode|symlinks|ignorecase|precomposeunicode)|filter\..*)$"
_NOTHING_SAID = Version("0.0.0")


def try_version(
    config: ProjectConfig,
    version: Version,
    contents: Contents,
    *,
    tag: str | None = None,
    around: Surroundings,
    listener: Listener,
) -> None:
    """Raise `VersionError` where the source, a place or the build backend would say another version.

    `contents` are the files as they are to be written; with `tag`, they are committed and the commit is tagged.
    """
    if not _has_backend_of_its_own(config):
        return  # `planned` has read the source out of what is to be written, or a clean tag is the source
    environment = {
        name: value for name, value in around.environment.items() if not _OVERRIDES.fullmatch(name)
    }
    git = _Git(environment, around)
    detail = f"ask {backend_of(config.pyproject)} what it would say after a change to {version}"
    listener(StepStarted(step="version", detail=detail))
    with temporary_folder() as folder:
        root = _copied(config.root, folder / "checkout", contents, git)
        if tag is not None:
            _tag(root, tag, git)
        _ask(load_project(root), config, version, environment, around, listener)


def _has_backend_of_its_own(config: ProjectConfig) -> bool:
    """Whether a build backend may make the version in a way of its own, and not from `[project]` or from us."""
    pyproject = config.pyproject
    if static_version(pyproject) is not None or backend_asks_us(pyproject):
        return False
    # poetry-core knows no version but the static one.
    return config.version.source is VersionSource.PROJECT or not poetry_version_counts(pyproject)


def _ask(
    copy: ProjectConfig,
    config: ProjectConfig,
    version: Version,
    environment: Mapping[str, str],
    around: Surroundings,
    listener: Listener,
) -> None:
    def ask_backend() -> str:
        from publish_all.builders.run import ask_version

        return ask_version(
            copy.root, listener=listener, environment=environment, admitted=copy.build_environment
        )

    found = resolve_version(copy, environment=environment, run=around.run, ask_backend=ask_backend)
    if found.version != version:
        raise _refusal(config, f"the version would be {found.text} ({found.source})", version)
    for place in find_places(copy):
        if not place.agrees(version):
            raise _refusal(config, f"{place.where} would say {place.says}", version)
    if copy.version.source is VersionSource.PROJECT or not _has_backend_of_its_own(copy):
        return
    try:
        said = Version(ask_backend())
    except (PublishAllError, InvalidVersion):
        return  # it knows no version, so it says no other one
    if said not in {version, _NOTHING_SAID}:
        what = f"the build backend {backend_of(config.pyproject)} would say {said}"
        raise _refusal(config, what, version)


def _refusal(config: ProjectConfig, what: str, version: Version) -> VersionError:
    reasons = "; ".join(unwritable(config))
    msg = f"nothing was written: after a change to {version}, {what}" + (f": {reasons}" if reasons else "")
    hint = (
        "Write the version as a literal where the build backend reads it, or let"
        " tool.publish-all.version.source say where it is, and the backend ask publish-all."
    )
    if not source_places(config) and not reasons:
        hint = (
            "If the version comes from a tag, state what tags begin with in tool.publish-all.version.tag-prefix."
            f" Otherwise: {hint[0].lower()}{hint[1:]}"
        )
    return VersionError(msg, hint=hint)


class _Git:
    def __init__(self, environment: Mapping[str, str], around: Surroundings) -> None:
        self.environment = environment
        self.run = around.run

    def ask(self, *arguments: str, cwd: Path) -> Sequence[str]:
        """The parts of an answer with `-z` or `--null`, empty if git gives none."""
        try:
            done = ask_git(*arguments, cwd=cwd, environment=self.environment, run=self.run)
        except OSError:
            return ()
        return done.stdout.rstrip("\n\0").split("\0") if done.returncode == 0 and done.stdout else ()

    def do(self, *arguments: str, cwd: Path) -> None:
        done = git_in_copy(*arguments, cwd=cwd, environment=self.environment, run=self.run)
        if done.returncode != 0:
            msg = f"the version can't be tried in a copy of the checkout: git {arguments[0]}: {done.stderr.strip()}"
            raise VersionError(msg)


def _copied(root: Path, copy: Path, contents: Contents, git: _Git) -> Path:
    """The project in a copy of its checkout that is a repository of its own, with these contents."""
    from publish_all.builders.source_tree import SourceTree

    root = root.resolve()
    top = Path(next(iter(git.ask("rev-parse", "--show-toplevel", cwd=root)), root)).resolve()
    in_git = (top / ".git").exists()
    for name in SourceTree(top).files:
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(top / name, target, follow_symlinks=False)
    if in_git:
        _repository(top, copy, git)
    for path, data in contents.items():
        if path.resolve().is_relative_to(top):
            (copy / path.resolve().relative_to(top)).write_bytes(data)
    return copy / root.relative_to(top)


def _repository(top: Path, copy: Path, git: _Git) -> None:
    """History, tags and index as in the checkout at `top`, whose objects are used where they are."""
    head = next(iter(git.ask("rev-parse", "--verify", "--quiet", "HEAD", cwd=top)), None)
    git.do("clone", "--quiet", "--mirror", "--shared", str(top), str(copy / ".git"), cwd=top)
    git.do("config", "core.bare", "false", cwd=copy)
    for each in git.ask("config", "--null", "--get-regexp", _SETTINGS, cwd=top):
        key, _, value = each.partition("\n")
        git.do("config", key, value, cwd=copy)
    if head is not None:
        git.do("update-ref", "--no-deref", "HEAD", head, cwd=copy)
        git.do("reset", "--quiet", cwd=copy)


def _tag(root: Path, tag: str, git: _Git) -> None:
    author = ("-c", "user.name=publish-all", "-c", "user.email=publish-all@invalid")
    message = ("-m", tag)
    options = ("--quiet", "--allow-empty", "--no-verify", "--no-gpg-sign", "--all")
    if git.ask("status", "--porcelain", "--untracked-files=no", "-z", cwd=root):
        git.do(*author, "commit", *options, *message, cwd=root)
    git.do(*author, "tag", "--annotate", "--no-sign", *message, tag, cwd=root)

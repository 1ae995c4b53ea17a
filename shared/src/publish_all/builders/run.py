"""Starts the build worker, passes on its events, and moves the built files to the output folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from packaging.version import Version

from publish_all._build_system import Backend, backend_name, backend_of, build_requires
from publish_all._git import ask_git, git_for_user
from publish_all._own_files import replace_open
from publish_all._temporary import temporary_folder
from publish_all._toml import table
from publish_all.builders.build_environment import Interpreter, interpreter_for, requirements_of, unmet
from publish_all.builders.build_plan import distributions_of
from publish_all.builders.builder import BuildRequest, BuildResult, BuildSettings
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import refuse_missing
from publish_all.builders.variables import not_passed
from publish_all.builders.worker_protocol import value_of
from publish_all.config.load import read_toml
from publish_all.config.model import Compression, Isolation
from publish_all.errors import BuildError, VersionError
from publish_all.events import BuildStarted, Event, Listener
from publish_all.summaries import BuiltFile
from publish_all.variants.variant import BuildVariant

# Backends whose `get_requires_for_build_*` are known without a call.
_STATIC = (Backend.HATCHLING, Backend.POETRY_CORE)
# The requirement of the extra `fast`: publish-all itself is not installed in an isolated environment.
_ISAL = "isal>=1.7"
# https://setuptools.pypa.io/en/latest/history.html#v70-1-0: no longer needs the distribution `wheel`.
_HAS_BDIST_WHEEL = Version("70.1")


def build(request: BuildRequest, *, listener: Listener, settings: BuildSettings) -> BuildResult:
    """Build all files of a request.

    The output folder is unchanged if anything fails. Raises `BuildError` and `ConfigurationError`.
    """
    tree = SourceTree(request.root, leave_out=[request.output])
    refuse_missing(tree, request.variants, sdist="sdist" in request.kinds, listener=listener)
    total = sum(1 for _ in distributions_of(request.variants, request.kinds))
    numbers = count(1)

    def numbered(event: Event) -> None:  # each worker counts its files from 1
        if isinstance(event, BuildStarted):
            event = replace(event, number=next(numbers), files=total)
        listener(event)

    _fetch_missing(request.root, settings.environment)
    with _output_folder(request.output) as fresh, temporary_folder() as workspace:
        files: list[BuiltFile] = []
        for number, (requirements, variants) in enumerate(_by_requirements(request, settings)):
            group = replace(request, variants=variants, output=fresh, root=request.root.resolve())
            place = workspace / str(number)
            place.mkdir()
            leave_out = (request.output.resolve(), fresh)
            worker = _Worker(group, requirements, place, numbered, settings, leave_out)
            interpreter = worker.interpreter()
            answer = worker.ask(interpreter, ask="build")
            made = value_of(BuildResult, answer).files
            files.extend(replace(each, installed=interpreter.installed) for each in made)
        order = {(each.name, each.project): number for number, each in enumerate(request.variants)}
        files.sort(key=lambda each: order[each.variant, each.project])
        for each in files:
            replace_open(fresh / each.filename, request.output / each.filename)
    return BuildResult(files=tuple(files))


def ask_version(root: Path, *, listener: Listener, settings: BuildSettings) -> str:
    """The version from the project's build backend. Raises `VersionError`, also if the backend would ask publish-all."""
    pyproject = read_toml(root / "pyproject.toml")
    _refuse_circle(root, pyproject)
    _fetch_missing(root, settings.environment)
    project = BuildVariant(
        name=None,
        project="project",
        version="0",
        pyproject=pyproject,
        selection_name="project",
        layout={},
        force_include={},
    )
    root = root.resolve()
    try:
        with temporary_folder() as workspace:
            request = BuildRequest(root=root, output=workspace, variants=(project,), kinds=("wheel",))
            worker = _Worker(request, requirements_of(project), workspace, listener, settings)
            interpreter = worker.interpreter(version_only=True)
            return str(worker.ask(interpreter, ask="version", root=root, pyproject=pyproject))
    except BuildError as error:
        msg = f"the build backend {backend_name(pyproject)} cannot find the version: {error.message}"
        raise VersionError(msg, hint=error.hint or "Fix the problem that the backend reports.") from error


class _Worker(NamedTuple):
    """Calls build workers for a request, in an interpreter with its requirements.

    `leave_out` names output folders in the project.
    """

    request: BuildRequest
    requirements: tuple[str, ...]
    workspace: Path
    listener: Listener
    settings: BuildSettings
    leave_out: tuple[Path, ...] = ()

    def interpreter(self, *, version_only: bool = False) -> Interpreter:
        """An environment with the requirements and those that the hooks of the backend add (PEP 517)."""
        variants = self.request.variants

        def more(found: Interpreter) -> Sequence[str]:
            if _is_static(variants) or (version_only and self._needs_nothing_more(found)):
                return ()
            return tuple(self.ask(found, ask="requires"))

        return interpreter_for(
            self.requirements,
            settings=self.settings,
            workspace=self.workspace,
            listener=self.listener,
            more=more,
            of_host=_is_of_host(variants),
            root=self.request.root,
        )

    def _needs_nothing_more(self, found: Interpreter) -> bool:
        """A call of setuptools' hook is as slow as reading the version. Since 70.1 it only returns `setup_requires`."""
        if any((self.request.root / name).is_file() for name in ("setup.py", "setup.cfg")):
            return False
        if backend_of(self.request.variants[0].pyproject) is not Backend.SETUPTOOLS:
            return False
        versions = dict(each.split("==") for each in found.installed)
        return Version(versions.get("setuptools", "0")) >= _HAS_BDIST_WHEEL

    def ask(self, interpreter: Interpreter, **question: Any) -> Any:
        basic = {
            "request": self.request,
            "leave_out": self.leave_out,
            "temporary": [self.request.output],
        }
        try:
            return interpreter.ask({**basic, **question}, workspace=self.workspace, listener=self.listener)
        except BuildError as error:
            raise BuildError(error.message + not_passed(interpreter.dropped), hint=error.hint) from error


def _is_static(variants: Sequence[BuildVariant]) -> bool:
    return all(backend_of(each.pyproject) in _STATIC for each in variants)


def _is_of_host(variants: Sequence[BuildVariant]) -> bool:
    """Whether Poetry would build them in its own environment: by poetry-core, without a build script."""
    return all(
        backend_of(each.pyproject) is Backend.POETRY_CORE
        and not table(each.pyproject, "tool", "poetry").get("build")
        for each in variants
    )


def _by_requirements(
    request: BuildRequest, settings: BuildSettings
) -> Iterator[tuple[tuple[str, ...], tuple[BuildVariant, ...]]]:
    """All variants together if this interpreter can build all, otherwise grouped by equal requirements."""
    groups: dict[tuple[str, ...], list[tuple[tuple[str, ...], BuildVariant]]] = {}
    for each in request.variants:
        requirements = requirements_of(each)
        if _is_static((each,)) and request.compression is Compression.FAST:
            requirements = (*requirements, _ISAL)
        here = settings.isolation is Isolation.NEVER or (
            settings.isolation is Isolation.HOST and _is_of_host((each,)) and unmet(requirements) is None
        )
        key = () if here and _is_static((each,)) else (backend_name(each.pyproject), *requirements)
        groups.setdefault(key, []).append((requirements, each))
    for group in groups.values():
        needed = dict.fromkeys(text for requirements, _ in group for text in requirements)
        yield tuple(needed), tuple(variant for _, variant in group)


def _fetch_missing(root: Path, environment: Mapping[str, str]) -> None:
    """Fetch the files of HEAD that a partial clone lacks, while git may use the user's credentials: project code may not.

    If that fails, git reports the missing files to the backend that needs them.
    """
    promised = ("config", "--get-regexp", r"^remote\..*\.promisor$")
    # Without git, or with a repository that the build itself reports.
    with contextlib.suppress(OSError, TimeoutError):
        if ask_git(*promised, cwd=root, environment=environment).returncode == 0:
            git_for_user("archive", "--output", os.devnull, "HEAD", cwd=root, environment=environment)


@contextlib.contextmanager
def _output_folder(output: Path) -> Iterator[Path]:
    """A folder on the same file system as `output`, so that files can be moved there in one step."""
    existed = output.is_dir()
    output.mkdir(parents=True, exist_ok=True)
    try:
        with temporary_folder(within=output) as fresh:
            # The output folder may be tracked, so git must not see this folder.
            (fresh / ".gitignore").write_text("*\n", encoding="utf-8")
            yield fresh
    finally:
        if not existed:
            with contextlib.suppress(OSError):  # it contains the built files
                output.rmdir()


def _refuse_circle(root: Path, pyproject: Mapping[str, Any]) -> None:
    """Our version source and our backend read `[tool.publish-all.version]`, so asking them would be a circle."""
    source = table(pyproject, "tool", "hatch", "version").get("source")
    asks_us = backend_of(pyproject) is Backend.HATCHLING and source == "publish-all"
    if asks_us or backend_name(pyproject) == "publish_all.backends.poetry_core":
        msg = f"{root / 'pyproject.toml'}: the build backend gets the version from publish-all, and publish-all gets it from the build backend"
        hint = 'Set another source of the version, for example: [tool.publish-all.version] source = "git"'
        raise VersionError(msg, hint=hint)
    if not build_requires(pyproject):
        raise VersionError(
            f"{root / 'pyproject.toml'}: [build-system] has no requirements, so the version cannot be read from a build backend"
        )

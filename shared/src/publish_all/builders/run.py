"""Starts the build worker, listens to it, and puts what it built in place."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from publish_all._build_system import Backend, backend_name, backend_of, build_requires
from publish_all._git import ask_git, git_for_user
from publish_all._temporary import temporary_folder
from publish_all._toml import table
from publish_all.builders.build_environment import Interpreter, interpreter_for, requirements_of, unmet
from publish_all.builders.build_plan import distributions_of
from publish_all.builders.builder import BuildRequest, BuildResult
from publish_all.builders.variables import not_passed
from publish_all.builders.worker_protocol import ask_worker, value_of
from publish_all.config.load import read_toml
from publish_all.config.model import Compression
from publish_all.errors import BuildError, VersionError
from publish_all.events import BuildStarted, Event, Listener
from publish_all.results import BuiltFile
from publish_all.variants.variant import BuildVariant

# Backends whose `get_requires_for_build_*` we know without asking.
_STATIC = (Backend.HATCHLING, Backend.POETRY_CORE)
# What the extra `fast` is: in an isolated environment publish-all itself is not installed.
_ISAL = "isal>=1.7"


def build(request: BuildRequest, *, listener: Listener, environment: Mapping[str, str]) -> BuildResult:
    """Build all files of a request. `environment` is this process's; the worker gets it without secrets.

    The output folder is left as it was when anything fails. Raises `BuildError` and `ConfigurationError`.
    """
    total = sum(1 for _ in distributions_of(request.variants, request.kinds))
    numbers = count(1)

    def numbered(event: Event) -> None:  # each worker begins with the first file of its own
        if isinstance(event, BuildStarted):
            event = replace(event, number=next(numbers), files=total)
        listener(event)

    _fetch_missing(request.root, environment)
    with _output_folder(request.output) as fresh, temporary_folder() as workspace:
        files: list[BuiltFile] = []
        for number, (requirements, variants) in enumerate(_by_requirements(request)):
            group = replace(request, variants=variants, output=fresh, root=request.root.resolve())
            place = workspace / str(number)
            place.mkdir()
            leave_out = (request.output.resolve(), fresh)
            worker = _Worker(group, requirements, place, numbered, environment, leave_out)
            with worker.interpreter(static=_is_static(variants)) as interpreter:
                answer = worker.ask(interpreter, ask="build")
            files.extend(value_of(BuildResult, answer).files)
        order = {(each.name, each.project): number for number, each in enumerate(request.variants)}
        files.sort(key=lambda each: order[each.variant, each.project])
        for each in files:
            (fresh / each.filename).replace(request.output / each.filename)
    return BuildResult(files=tuple(files))


def ask_version(
    root: Path, *, listener: Listener, environment: Mapping[str, str], admitted: Sequence[str] = ()
) -> str:
    """The version that the project's build backend tells. Raises `VersionError`, also if the backend would ask us.

    `admitted` are the names of `build-environment`.
    """
    pyproject = read_toml(root / "pyproject.toml")
    _refuse_circle(root, pyproject)
    _fetch_missing(root, environment)
    project = BuildVariant(
        name=None,
        project="project",
        version="0",
        pyproject=pyproject,
        selection_name="project",
        layout={},
        force_include={},
    )
    # Asking setuptools what its hook wants costs as much as the version, and it only names what `setup_requires` states.
    static = _is_static((project,)) or (
        backend_of(pyproject) is Backend.SETUPTOOLS
        and not any((root / name).is_file() for name in ("setup.py", "setup.cfg"))
    )
    try:
        with temporary_folder() as workspace:
            request = BuildRequest(
                root=root.resolve(),
                output=workspace,
                variants=(project,),
                kinds=("wheel",),
                admitted=tuple(admitted),
            )
            worker = _Worker(request, requirements_of(project), workspace, listener, environment)
            with worker.interpreter(static=static) as interpreter:
                return str(worker.ask(interpreter, ask="version", root=request.root, pyproject=pyproject))
    except BuildError as error:
        msg = f"the build backend {backend_name(pyproject)} does not tell the version: {error.message}"
        raise VersionError(msg, hint=error.hint) from error


class _Worker(NamedTuple):
    """Asks build workers about a request, in an interpreter that has what the request needs.

    `leave_out` names folders of the project which hold output.
    """

    request: BuildRequest
    requirements: tuple[str, ...]
    workspace: Path
    listener: Listener
    environment: Mapping[str, str]
    leave_out: tuple[Path, ...] = ()

    @contextlib.contextmanager
    def interpreter(self, *, static: bool) -> Iterator[Interpreter]:
        """One with the requirements, and unless they are `static` with those which the backend's hooks add (PEP 517)."""

        def more(found: Interpreter) -> Sequence[str]:
            return () if static else tuple(self.ask(found, ask="requires"))

        with interpreter_for(
            self.requirements,
            more=more,
            environment=self.environment,
            workspace=self.workspace,
            listener=self.listener,
            admitted=self.request.admitted,
            root=self.request.root,
        ) as found:
            yield found

    def ask(self, interpreter: Interpreter, **question: Any) -> Any:
        try:
            return ask_worker(
                {
                    "request": self.request,
                    "leave_out": self.leave_out,
                    "temporary": [self.request.output],
                    **question,
                },
                executable=interpreter.executable,
                environment=interpreter.environment,
                workspace=self.workspace,
                listener=self.listener,
            )
        except BuildError as error:
            raise BuildError(error.message + not_passed(interpreter.dropped), hint=error.hint) from error


def _is_static(variants: Sequence[BuildVariant]) -> bool:
    return all(backend_of(each.pyproject) in _STATIC for each in variants)


def _by_requirements(
    request: BuildRequest,
) -> Iterator[tuple[tuple[str, ...], tuple[BuildVariant, ...]]]:
    """All variants together if this interpreter serves all, else those together that need the same."""
    groups: dict[tuple[str, ...], list[tuple[tuple[str, ...], BuildVariant]]] = {}
    for each in request.variants:
        static = _is_static((each,))
        requirements = requirements_of(each)
        if static and request.compression is Compression.FAST:
            requirements = (*requirements, _ISAL)
        key = () if static and unmet(requirements) is None else (backend_name(each.pyproject), *requirements)
        groups.setdefault(key, []).append((requirements, each))
    for group in groups.values():
        needed = dict.fromkeys(text for requirements, _ in group for text in requirements)
        yield tuple(needed), tuple(variant for _, variant in group)


def _fetch_missing(root: Path, environment: Mapping[str, str]) -> None:
    """Fetch the files of HEAD that a partial clone lacks, while git may use the user's credentials: project code may not.

    Where that fails, git says what it lacks to the backend that asks for it.
    """
    with contextlib.suppress(
        OSError, TimeoutError
    ):  # without git, or a repository that the build itself tells of
        promised = ask_git(
            "config", "--get-regexp", r"^remote\..*\.promisor$", cwd=root, environment=environment
        )
        if promised.returncode == 0:
            git_for_user("archive", "--output", os.devnull, "HEAD", cwd=root, environment=environment)


@contextlib.contextmanager
def _output_folder(output: Path) -> Iterator[Path]:
    """A folder on the same file system as `output`, so that files can be moved there in one step."""
    existed = output.is_dir()
    output.mkdir(parents=True, exist_ok=True)
    try:
        with temporary_folder(within=output) as fresh:
            # The output folder may be tracked, and nobody shall see this one.
            (fresh / ".gitignore").write_text("*\n", encoding="utf-8")
            yield fresh
    finally:
        if not existed:
            with contextlib.suppress(OSError):  # it holds what was built
                output.rmdir()


def _refuse_circle(root: Path, pyproject: Mapping[str, Any]) -> None:
    """Our version source and our backend answer from `[tool.publish-all.version]`: they'd ask for what we ask them."""
    source = table(pyproject, "tool", "hatch", "version").get("source")
    asks_us = backend_of(pyproject) is Backend.HATCHLING and source == "publish-all"
    if asks_us or backend_name(pyproject) == "publish_all.backends.poetry_core":
        msg = f"{root / 'pyproject.toml'}: the version comes from publish-all, which is told to ask the build backend"
        hint = 'State where it is, for instance: [tool.publish-all.version] source = "git"'
        raise VersionError(msg, hint=hint)
    if not build_requires(pyproject):
        raise VersionError(
            f"{root / 'pyproject.toml'}: [build-system] requires nothing, so no backend can be asked"
        )

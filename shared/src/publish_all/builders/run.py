"""Starts the build worker, listens to it, and puts what it built in place."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from publish_all._git import ask_git, git_for_user
from publish_all._temporary import temporary_folder
from publish_all.builders import wire
from publish_all.builders.builder import BuildRequest, BuildResult, BuiltFile
from publish_all.builders.environment import Interpreter, interpreter_for, requirements_of, unmet
from publish_all.builders.platform_wheels import distributions_of
from publish_all.builders.select import Backend, backend_name, backend_of, build_requires
from publish_all.builders.variables import not_passed
from publish_all.builders.worker_client import ask_worker
from publish_all.config.model import Compression
from publish_all.errors import BuildError, VersionError
from publish_all.events import BuildStarted, Event, Listener
from publish_all.variants.resolve import read_toml
from publish_all.variants.variant import BuildVariant


def build(request: BuildRequest, *, listener: Listener, environment: Mapping[str, str]) -> BuildResult:
    """Build all files of a request. `environment` is this process's; the worker gets it without secrets.

    The output folder is left as it was when anything fails. Raises `BuildError` and `ConfigurationError`.
    """
    listener = _counting(listener, files=sum(1 for _ in distributions_of(request.variants, request.kinds)))
    _fetch_missing(request.root, environment)
    with _output_folder(request.output) as fresh, temporary_folder() as workspace:
        files: list[BuiltFile] = []
        for number, variants in enumerate(_by_requirements(request)):
            group = replace(request, variants=variants, output=fresh, root=request.root.resolve())
            place = workspace / str(number)
            place.mkdir()
            files.extend(_build_group(group, request.output, place, listener, environment).files)
        result = _in_order(request, files)
        for each in result.files:
            (fresh / each.filename).replace(request.output / each.filename)
    return result


def _counting(listener: Listener, *, files: int) -> Listener:
    """Each worker begins with the first file of its own."""
    numbers = count(1)

    def counted(event: Event) -> None:
        listener(
            replace(event, number=next(numbers), files=files) if isinstance(event, BuildStarted) else event
        )

    return counted


def ask_version(
    root: Path, *, listener: Listener, environment: Mapping[str, str], admitted: Sequence[str] = ()
) -> str:
    """The version that the project's build backend tells. Raises `VersionError`, also if the backend would ask us.

    `admitted` are the names of `build-environment`.
    """
    pyproject = read_toml(root / "pyproject.toml")
    _refuse_circle(root, pyproject)
    _fetch_missing(root, environment)
    variant = _asked(pyproject)
    question = {"ask": "version", "root": root.resolve(), "pyproject": pyproject}
    try:
        with temporary_folder() as workspace, contextlib.ExitStack() as stack:
            requirements = requirements_of(variant)
            made = partial(
                interpreter_for,
                environment=environment,
                workspace=workspace,
                listener=listener,
                admitted=admitted,
                root=root,
            )
            interpreter = stack.enter_context(made(requirements))
            if _wants_more(root, pyproject):
                more = _more_requirements(root, variant, interpreter, workspace, listener)
                if more and not interpreter.add(more):
                    interpreter = stack.enter_context(made((*requirements, *more)))
            return str(_ask(question, interpreter, workspace, listener)["version"])
    except BuildError as error:
        msg = f"the build backend {backend_name(pyproject)} does not tell the version: {error.message}"
        raise VersionError(msg, hint=error.hint) from error


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


def _wants_more(root: Path, pyproject: Mapping[str, Any]) -> bool:
    """Whether the backend's hook may name more requirements (PEP 517): asking setuptools costs as much as the version.

    It names what `setup_requires` states, in setup.py or setup.cfg.
    """
    if backend_of(pyproject) is not Backend.SETUPTOOLS:
        return backend_of(pyproject) not in _STATIC
    return any((root / name).is_file() for name in ("setup.py", "setup.cfg"))


def _more_requirements(
    root: Path, variant: BuildVariant, interpreter: Interpreter, workspace: Path, listener: Listener
) -> tuple[str, ...]:
    """What the backend wants beside what the project states."""
    request = BuildRequest(root=root.resolve(), output=workspace, variants=(variant,), kinds=("wheel",))
    question = {"ask": "requires", "request": request, "leave_out": []}
    return tuple(_ask(question, interpreter, workspace, listener)["requires"])


def _build_group(
    request: BuildRequest, output: Path, workspace: Path, listener: Listener, environment: Mapping[str, str]
) -> BuildResult:
    leave_out = [output.resolve(), request.output]
    question = {"request": request, "leave_out": leave_out, "temporary": [request.output]}
    requirements = tuple(
        dict.fromkeys(each for variant in request.variants for each in _needed(variant, request.compression))
    )
    with _interpreter(question, requirements, workspace, listener, environment) as interpreter:
        return wire.result_from(_ask({"ask": "build", **question}, interpreter, workspace, listener))


# Backends whose `get_requires_for_build_*` we know without asking.
_STATIC = (Backend.HATCHLING, Backend.POETRY_CORE)
# What the extra `fast` is: in an isolated environment publish-all itself is not installed.
_ISAL = "isal>=1.7"


@contextlib.contextmanager
def _interpreter(
    question: Mapping[str, Any],
    requirements: Sequence[str],
    workspace: Path,
    listener: Listener,
    environment: Mapping[str, str],
) -> Iterator[Interpreter]:
    """One with the requirements, and with those which the backend's `get_requires_for_build_*` hooks add (PEP 517)."""
    made = partial(
        interpreter_for,
        environment=environment,
        workspace=workspace,
        listener=listener,
        admitted=question["request"].admitted,
        root=question["request"].root,
    )
    with contextlib.ExitStack() as stack:
        found = stack.enter_context(made(requirements))
        if not all(backend_of(each.pyproject) in _STATIC for each in question["request"].variants):
            more = tuple(_ask({"ask": "requires", **question}, found, workspace, listener)["requires"])
            if more and not found.add(more):
                found = stack.enter_context(made((*requirements, *more)))
        yield found


def _ask(
    question: Mapping[str, Any], interpreter: Interpreter, workspace: Path, listener: Listener
) -> Mapping[str, Any]:
    try:
        return ask_worker(
            question,
            executable=interpreter.executable,
            environment=interpreter.environment,
            workspace=workspace,
            listener=listener,
        )
    except BuildError as error:
        raise BuildError(error.message + not_passed(interpreter.dropped), hint=error.hint) from error


def _needed(variant: BuildVariant, compression: Compression) -> tuple[str, ...]:
    requirements = requirements_of(variant)
    if compression is Compression.FAST and backend_of(variant.pyproject) in _STATIC:
        return (*requirements, _ISAL)
    return requirements


def _by_requirements(request: BuildRequest) -> Iterable[tuple[BuildVariant, ...]]:
    """All variants together if this interpreter serves all, else those together that need the same."""
    groups: dict[tuple[str, ...], list[BuildVariant]] = {}
    for each in request.variants:
        requirements = _needed(each, request.compression)
        static = backend_of(each.pyproject) in _STATIC
        key = () if static and unmet(requirements) is None else (backend_name(each.pyproject), *requirements)
        groups.setdefault(key, []).append(each)
    return tuple(tuple(each) for each in groups.values())


def _in_order(request: BuildRequest, files: Sequence[BuiltFile]) -> BuildResult:
    order = {(each.name, each.project): number for number, each in enumerate(request.variants)}
    return BuildResult(files=tuple(sorted(files, key=lambda each: order[each.variant, each.project])))


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


def _asked(pyproject: Mapping[str, Any]) -> BuildVariant:
    return BuildVariant(
        name=None,
        project="project",
        version="0",
        pyproject=pyproject,
        selection_name="project",
        layout={},
        force_include={},
    )


def _refuse_circle(root: Path, pyproject: Mapping[str, Any]) -> None:
    """Our version source and our backend answer from `[tool.publish-all.version]`: they'd ask for what we ask them."""
    hatch = pyproject.get("tool", {}).get("hatch", {}).get("version", {})
    asks_us = backend_of(pyproject) is Backend.HATCHLING and hatch.get("source") == "publish-all"
    if asks_us or backend_name(pyproject) == "publish_all.backends.poetry_core":
        msg = f"{root / 'pyproject.toml'}: the version comes from publish-all, which is told to ask the build backend"
        hint = 'State where it is, for instance: [tool.publish-all.version] source = "git"'
        raise VersionError(msg, hint=hint)
    if not build_requires(pyproject):
        raise VersionError(
            f"{root / 'pyproject.toml'}: [build-system] requires nothing, so no backend can be asked"
        )

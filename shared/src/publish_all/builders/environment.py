"""Where builds run: this interpreter if it has what `[build-system]` requires, else an isolated environment."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import publish_all
from publish_all._git import worker_environment
from publish_all._process import scrubbed
from publish_all._values import dataclass
from publish_all.builders.select import Backend, backend_of, build_requires
from publish_all.errors import BuildError
from publish_all.events import EnvironmentChosen, Listener
from publish_all.variants.variant import BuildVariant

if TYPE_CHECKING:
    from build.env import DefaultIsolatedEnv  # of the extra `cli`; the build worker lives without

_OURS = "publish-all"
# What the build worker imports, beside the backend, when it runs where publish-all is not installed.
_WORKER_REQUIRES = ("packaging>=24.2", "tomlkit>=0.13", "tomli>=2; python_version < '3.11'")
# Settings of this process's interpreter, which would lead another one astray.
_INTERPRETER_SETTINGS = (
    "PYTHONHOME",
    "PYTHONPATH",
    "__PYVENV_LAUNCHER__",
    "PYTHONEXECUTABLE",
    "PYTHONPLATLIBDIR",
)
# What pip and uv are told of indexes by, credentials included.
_OF_INDEXES = re.compile(r"PIP_.*|UV_(.*_)?INDEX(_.*)?|NETRC", re.IGNORECASE)

Lookup: TypeAlias = Callable[[str], importlib.metadata.Distribution | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """A Python to run the worker with, and the whole environment to give it.

    `add` gives it more requirements; False where it can't have them, because it is not ours to change.
    """

    executable: str
    environment: Mapping[str, str]
    add: Callable[[Sequence[str]], bool]


def installed(name: str) -> importlib.metadata.Distribution | None:
    """The distribution of this interpreter, None where there is none."""
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def unmet(requirements: Iterable[str], *, lookup: Lookup = installed) -> str | None:
    """The first requirement that is not satisfied here, dependencies included, in words; None if all are."""
    pending = [(text, "") for text in requirements]
    seen: set[tuple[str, str]] = set()
    while pending:
        text, extra = pending.pop(0)
        if (text, extra) in seen:
            continue
        seen.add((text, extra))
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            return f"{text!r}, which is no PEP 508 requirement"
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        found = lookup(requirement.name)
        problem = _problem(requirement, found)
        if problem or found is None:
            return problem
        for each in ("", *requirement.extras):
            pending.extend((needed, each) for needed in found.requires or ())
    return None


def _problem(requirement: Requirement, found: importlib.metadata.Distribution | None) -> str | None:
    plain = f"{requirement.name}{requirement.specifier}"
    if found is None:
        return f"{plain} (not installed here)"
    if requirement.url is not None:
        return f"{requirement.name} @ {requirement.url}"
    if not requirement.specifier.contains(found.version, prereleases=True):
        return f"{plain} ({found.version} is installed here)"
    return None


def requirements_of(variant: BuildVariant) -> tuple[str, ...]:
    """All that a build of the variant needs, as far as its pyproject says: hatchling's hooks have dependencies too."""
    requires = build_requires(variant.pyproject)
    if backend_of(variant.pyproject) is not Backend.HATCHLING:
        return requires
    return tuple(dict.fromkeys((*requires, *_hatch_dependencies(variant.pyproject))))


def _hatch_dependencies(pyproject: Mapping[str, Any]) -> Iterator[str]:
    """https://hatch.pypa.io/latest/config/build/#dependencies, of the targets that we build."""
    build = pyproject.get("tool", {}).get("hatch", {}).get("build", {})
    tables = [build, *(build.get("targets", {}).get(kind, {}) for kind in ("wheel", "sdist"))]
    for table in [*tables, *(hook for each in tables for hook in each.get("hooks", {}).values())]:
        if not isinstance(table, Mapping):
            continue
        yield from (str(each) for each in table.get("dependencies", ()))
        if table.get("require-runtime-dependencies"):
            yield from pyproject.get("project", {}).get("dependencies", ())
        for feature in table.get("require-runtime-features", ()):
            yield from pyproject.get("project", {}).get("optional-dependencies", {}).get(feature, ())


@contextlib.contextmanager
def interpreter_for(
    requirements: Sequence[str],
    *,
    environment: Mapping[str, str],
    workspace: Path,
    listener: Listener,
    lookup: Lookup = installed,
) -> Iterator[Interpreter]:
    """The current interpreter, or one in a new isolated environment. Tells which and why.

    Raises `BuildError` when the requirements cannot be installed.
    """
    missing = unmet(requirements, lookup=lookup)
    if missing is None:
        listener(
            EnvironmentChosen(
                isolated=False, reason="it has " + (", ".join(requirements) or "all that is needed")
            )
        )
        yield Interpreter(
            executable=sys.executable,
            environment=_with_scripts(_here(environment), sysconfig.get_path("scripts")),
            add=lambda more: unmet(more, lookup=lookup) is None,
        )
        return
    listener(EnvironmentChosen(isolated=True, reason=f"the build needs {missing}"))
    installing = for_installers(environment)
    with _isolated(workspace) as isolated:
        _install(isolated, _wanted(requirements, lookup), installing)

        def add(more: Sequence[str]) -> bool:
            _install(isolated, more, installing)
            return True

        executable = isolated.python_executable
        yield Interpreter(
            executable=executable, environment=_elsewhere(environment, executable, workspace), add=add
        )


def _wanted(requirements: Sequence[str], lookup: Lookup) -> tuple[str, ...]:
    """What is to be installed: not publish-all, where the one that runs is right."""
    ours = lookup(_OURS)
    wanted = []
    for text in requirements:
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) == _OURS and _problem(requirement, ours) is None:
            continue
        wanted.append(text)
    return tuple(dict.fromkeys((*wanted, *_WORKER_REQUIRES)))


@contextlib.contextmanager
def _isolated(workspace: Path) -> Iterator[DefaultIsolatedEnv]:
    try:
        from build import BuildException
        from build.env import DefaultIsolatedEnv
    except ModuleNotFoundError as error:
        msg = "an isolated build environment is needed, and the library `build` is not installed"
        raise BuildError(msg, hint='Install it with: pip install "publish-all[cli]"') from error
    try:
        with DefaultIsolatedEnv(installer=_installer(), path=str(workspace / "environment")) as made:
            yield made
    except BuildException as error:
        msg = f"cannot make an isolated build environment: {error}"
        raise BuildError(msg) from error


def _install(
    isolated: DefaultIsolatedEnv, requirements: Sequence[str], environment: Mapping[str, str]
) -> None:
    try:
        with _environment_of_this_process(environment):
            isolated.install(requirements)
    except subprocess.CalledProcessError as error:
        msg = f"cannot install what the build needs ({', '.join(requirements)}): {_said(error)}"
        hint = "Is the package index reachable? Are the names and versions right?"
        raise BuildError(msg, hint=hint) from error


@contextlib.contextmanager
def _environment_of_this_process(environment: Mapping[str, str]) -> Iterator[None]:
    """`build` gives its installers the environment of this process, and has no way to say another."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _said(error: subprocess.CalledProcessError) -> str:
    text = b"".join(each if isinstance(each, bytes) else b"" for each in (error.stdout, error.stderr))
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-5:]) or f"exit code {error.returncode}"


def _installer() -> Any:
    has_uv = (
        importlib.util.find_spec("uv") is not None or shutil.which(os.environ.get("UV") or "uv") is not None
    )
    return "uv" if has_uv else "pip"


def _here(environment: Mapping[str, str]) -> dict[str, str]:
    """For this interpreter: as it was started, without secrets, and with git held to what a build may use of it."""
    return worker_environment(scrubbed(environment))


def for_installers(environment: Mapping[str, str]) -> dict[str, str]:
    """For pip and uv, which run what a build requirement's sdist says: without secrets but those of their indexes."""
    of_indexes = {name: value for name, value in environment.items() if _OF_INDEXES.fullmatch(name)}
    return {**worker_environment(scrubbed(environment), lazy_fetch=True), **of_indexes}


def _elsewhere(environment: Mapping[str, str], executable: str, workspace: Path) -> dict[str, str]:
    """For an isolated interpreter, which finds publish-all and nothing else of this one's packages."""
    kept = {name: value for name, value in _here(environment).items() if name not in _INTERPRETER_SETTINGS}
    return {
        **_with_scripts(kept, str(Path(executable).parent)),
        "VIRTUAL_ENV": str(workspace / "environment"),
        "PYTHONPATH": str(_ourselves(workspace / "publish-all")),
    }


def _with_scripts(environment: Mapping[str, str], scripts: str) -> dict[str, str]:
    """PEP 517: backends find the programs of what they require, without that anyone has activated an environment."""
    path = environment.get("PATH")
    return {**environment, "PATH": os.pathsep.join([scripts, path]) if path else scripts}


def _ourselves(folder: Path) -> Path:
    """A folder with this package, and its metadata (for its entry points), and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [Path(publish_all.__file__).parent]
    ours = installed(_OURS)
    metadata = getattr(
        ours, "_path", None
    )  # no public way leads from a distribution to its metadata's folder
    if isinstance(metadata, Path) and metadata.is_dir():
        sources.append(metadata)
    for source in sources:
        target = folder / source.name
        if target.exists():
            continue
        try:
            target.symlink_to(source, target_is_directory=True)
        except OSError:  # Windows lets only administrators make links
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    return folder

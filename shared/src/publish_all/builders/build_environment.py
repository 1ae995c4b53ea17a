"""Where builds run: an isolated environment, or the current interpreter if the host or the user wants it."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import publish_all
from publish_all._build_system import Backend, backend_of, build_requires
from publish_all._own_source import own_url
from publish_all._toml import read_if_valid, table
from publish_all.builders.builder import BuildSettings
from publish_all.builders.installers import installing
from publish_all.builders.isolated import isolated_environment
from publish_all.builders.variables import for_installers, for_project_code
from publish_all.builders.worker_protocol import ask_worker
from publish_all.config.model import Isolation
from publish_all.errors import BuildError
from publish_all.events import EnvironmentChosen, Listener
from publish_all.variants.variant import BuildVariant

_OURS = "publish-all"
# The packages that the build worker imports besides the backend if publish-all is not installed there.
_WORKER_REQUIRES = ("packaging>=24.2", "tomlkit>=0.13", "tomli>=2; python_version < '3.11'")
# Settings of the interpreter of this process, which would be wrong for another interpreter.
_INTERPRETER_SETTINGS = (
    "PYTHONHOME",
    "PYTHONPATH",
    "__PYVENV_LAUNCHER__",
    "PYTHONEXECUTABLE",
    "PYTHONPLATLIBDIR",
)
_MAKING = threading.Lock()
"""Members of a workspace that need the same environment wait for the one that makes it."""


class Interpreter(NamedTuple):
    """A Python to run the worker with, and the whole environment to give it.

    `dropped` names the variables that are not passed on, because no build is known to read them or they may be
    credentials. `installed` are the distributions that a build there may use, as `name==version`.
    """

    executable: str
    environment: Mapping[str, str]
    dropped: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()

    def ask(self, question: Mapping[str, Any], *, workspace: Path, listener: Listener) -> Any:
        """The answer of a new worker that it runs (see `ask_worker`)."""
        return ask_worker(
            question,
            executable=self.executable,
            environment=self.environment,
            workspace=workspace,
            listener=listener,
        )


def installed(name: str) -> importlib.metadata.Distribution | None:
    """The distribution of this interpreter, None where there is none."""
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def unmet(requirements: Iterable[str]) -> str | None:
    """The first requirement (or dependency of one) that is not satisfied here, in words; None if all are satisfied."""
    return next((problem for problem, _ in _closure(requirements) if problem), None)


def _closure(
    requirements: Iterable[str],
) -> Iterator[tuple[str | None, importlib.metadata.Distribution | None]]:
    """The problem with each requirement (None: no problem) and the installed distribution, including dependencies."""
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
            yield f"{text!r}, which is not a valid requirement (PEP 508)", None
            continue
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        found = installed(requirement.name)
        yield _problem(requirement, found), found
        if found is not None:
            for each in ("", *requirement.extras):
                pending.extend((needed, each) for needed in found.requires or ())


def _problem(requirement: Requirement, found: importlib.metadata.Distribution | None) -> str | None:
    plain = f"{requirement.name}{requirement.specifier}"
    if found is None:
        return f"{plain} (not installed)"
    if requirement.url is not None:
        return f"{requirement.name} @ {requirement.url}"
    if not requirement.specifier.contains(found.version, prereleases=True):
        return f"{plain} ({found.version} is installed)"
    return None


def requirements_of(variant: BuildVariant) -> tuple[str, ...]:
    """All build requirements in the pyproject of the variant, including dependencies of hatchling's hooks."""
    requires = build_requires(variant.pyproject)
    if backend_of(variant.pyproject) is not Backend.HATCHLING:
        return requires
    return tuple(dict.fromkeys((*requires, *_hatch_dependencies(variant.pyproject))))


def _hatch_dependencies(pyproject: Mapping[str, Any]) -> Iterator[str]:
    """https://hatch.pypa.io/latest/config/build/#dependencies, of the targets that we build."""
    build = table(pyproject, "tool", "hatch", "build")
    project = table(pyproject, "project")
    targets = [build, *(table(build, "targets", kind) for kind in ("wheel", "sdist"))]
    for part in [*targets, *(hook for each in targets for hook in each.get("hooks", {}).values())]:
        if not isinstance(part, Mapping):
            continue
        yield from (str(each) for each in part.get("dependencies", ()))
        if part.get("require-runtime-dependencies"):
            yield from project.get("dependencies", ())
        for feature in part.get("require-runtime-features", ()):
            yield from table(project, "optional-dependencies").get(feature, ())


def interpreter_for(
    requirements: Sequence[str],
    *,
    settings: BuildSettings,
    workspace: Path,
    listener: Listener,
    more: Callable[[Interpreter], Sequence[str]] = lambda _: (),
    of_host: bool = False,
    root: Path | None = None,
) -> Interpreter:
    """The interpreter of an isolated environment, or the current one. The listener gets the choice and the reason.

    `more` returns the requirements that the backend adds. `of_host`: the host builds in its own
    environment if that has all requirements. `root` is the project's folder if there is one, whose constraints for
    build requirements count. Raises `BuildError` when the requirements cannot be installed, or are not installed here
    and nothing may be.
    """
    passed = for_project_code(settings.environment, settings.admitted)
    # Backends and compilers leave nothing elsewhere; the name is short for sockets.
    temporary = workspace / "t"
    temporary.mkdir(exist_ok=True)
    ours = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    kept = {**passed.environment, **ours}
    if settings.isolation is Isolation.NEVER or (of_host and settings.isolation is Isolation.HOST):
        path = _with_scripts(kept, sysconfig.get_path("scripts"))
        current = Interpreter(sys.executable, path, passed.dropped)
        missing = unmet(requirements)
        added = () if missing else tuple(more(current))
        missing = missing or unmet(added)
        if missing is None:
            requirements = (*requirements, *added)
            has = ", ".join(requirements) or "all requirements"
            listener(EnvironmentChosen(isolated=False, reason=f"with {has}", dropped=passed.dropped))
            return current._replace(installed=_versions(requirements))
        if settings.isolation is Isolation.NEVER:
            msg = f"the build needs {missing}, and --no-isolation uses only packages that are installed here"
            raise BuildError(msg, hint="Install it in this environment, or build without --no-isolation.")
    folders = settings.folders
    # pip also reads the file of the environment that it runs in, and builds have pip run by this interpreter.
    pip_files = (*folders.hosts.pip, Path(sys.prefix, "pip.conf")) if folders is not None else ()
    how = installing(settings.environment, pip_files=pip_files, root=root, workspace=workspace)

    def isolated(wanted: Sequence[str]) -> Interpreter:
        with _MAKING:
            made = isolated_environment(
                _wanted(wanted),
                settings=settings,
                how=how,
                environment={
                    **for_installers(settings.environment, settings.admitted),
                    **ours,
                    **how.variables,
                },
                workspace=workspace,
                listener=listener,
            )
        found = _elsewhere(kept, made.executable, workspace)
        return Interpreter(made.executable, found, passed.dropped, made.installed)

    found = isolated(requirements)
    if added := tuple(each for each in more(found) if each not in requirements):
        requirements = (*requirements, *added)
        found = isolated(requirements)
    names = {canonicalize_name(Requirement(each).name) for each in requirements}
    has = ", ".join(each for each in found.installed if canonicalize_name(each.partition("==")[0]) in names)
    reason = f"with {has}" if has else "without further requirements"
    listener(EnvironmentChosen(isolated=True, reason=reason, dropped=passed.dropped))
    return found


def _versions(requirements: Sequence[str]) -> tuple[str, ...]:
    found = (each for _, each in _closure(requirements) if each is not None)
    return tuple(sorted({f"{each.metadata['Name']}=={each.version}" for each in found}))


def _wanted(requirements: Sequence[str]) -> tuple[str, ...]:
    """The requirements to install, without publish-all if the running one satisfies them."""
    ours = installed(_OURS)
    wanted = []
    for text in requirements:
        requirement = Requirement(text)
        same = requirement.url is not None and requirement.url == own_url()
        ours_is_right = same or _problem(requirement, ours) is None
        if canonicalize_name(requirement.name) == _OURS and ours_is_right:
            continue
        wanted.append(text)
    return tuple(dict.fromkeys((*wanted, *_WORKER_REQUIRES)))


def _elsewhere(environment: Mapping[str, str], executable: str, workspace: Path) -> dict[str, str]:
    """The environment of an isolated interpreter, which can import publish-all but no other package of this one."""
    kept = {name: value for name, value in environment.items() if name not in _INTERPRETER_SETTINGS}
    return {
        **_with_scripts(kept, str(Path(executable).parent)),
        "VIRTUAL_ENV": str(Path(executable).parents[1]),
        "PYTHONPATH": str(_ourselves(workspace / "publish-all")),
    }


def _with_scripts(environment: Mapping[str, str], scripts: str) -> dict[str, str]:
    """Add the scripts folder to PATH, so that backends find the programs of their requirements (PEP 517)."""
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


BuildWheel: TypeAlias = Callable[[Path, Path], Path]
"""Builds the wheel of a source folder into an output folder. Raises `BuildError`."""


def standard_builds(*, settings: BuildSettings, workspace: Path, listener: Listener) -> BuildWheel:
    """Builds of wheels from unpacked sdists as installers do: by their own backends, through PEP 517, away from the project.

    Not with our stages and variants: what these would add is what this is to find. The builds share their environments, one
    for each set of requirements.
    """
    made: dict[tuple[str, ...], tuple[Interpreter, Path]] = {}

    def call(requirements: tuple[str, ...], hook: str, folder: Path, *arguments: str) -> Any:
        if requirements not in made:
            place = workspace / f"environment-{len(made)}"
            place.mkdir(parents=True)
            found = interpreter_for(requirements, settings=settings, workspace=place, listener=listener)
            made[requirements] = found, place
        interpreter, place = made[requirements]
        question = {
            "ask": "hook",
            "folder": folder,
            "pyproject": read_if_valid(folder / "pyproject.toml"),
            "hook": hook,
        }
        try:
            return interpreter.ask({**question, "arguments": arguments}, workspace=place, listener=listener)
        except BuildError as error:
            raise BuildError(f"the build backend failed: {error.message}", hint=error.hint) from error

    def build(folder: Path, output: Path) -> Path:
        requires = build_requires(read_if_valid(folder / "pyproject.toml"))
        wanted = call(requires, "get_requires_for_build_wheel", folder)
        more = tuple(each for each in wanted if each not in requires)
        return output / str(call((*requires, *more), "build_wheel", folder, str(output)))

    return build

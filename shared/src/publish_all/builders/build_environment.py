"""Where builds run: this interpreter if it has what `[build-system]` requires, else an isolated environment."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import publish_all
from publish_all._build_system import Backend, backend_of, build_requires
from publish_all._process import piped
from publish_all._toml import loads, table
from publish_all.builders.variables import for_installers, for_project_code
from publish_all.errors import BuildError
from publish_all.events import EnvironmentChosen, Listener
from publish_all.variants.variant import BuildVariant

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
Lookup: TypeAlias = Callable[[str], importlib.metadata.Distribution | None]


class Interpreter(NamedTuple):
    """A Python to run the worker with, and the whole environment to give it.

    `dropped` names the variables that are not in the environment, as no build is known to read them or they may be
    credentials.
    """

    executable: str
    environment: Mapping[str, str]
    dropped: tuple[str, ...] = ()


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


def _nothing(interpreter: Interpreter) -> Sequence[str]:
    del interpreter
    return ()


@contextlib.contextmanager
def interpreter_for(
    requirements: Sequence[str],
    *,
    more: Callable[[Interpreter], Sequence[str]] = _nothing,
    environment: Mapping[str, str],
    workspace: Path,
    listener: Listener,
    admitted: Sequence[str] = (),
    root: Path | None = None,
    lookup: Lookup = installed,
) -> Iterator[Interpreter]:
    """The current interpreter, or one in a new isolated environment. Tells which and why.

    `more` tells which requirements the backend adds to them, asked with the first interpreter. `environment` is this
    process's. `admitted` are the names of `build-environment`, `root` is the project's folder if there is one, whose
    constraints for build requirements count. Raises `BuildError` when the requirements cannot be installed.
    """
    passed = for_project_code(environment, admitted)
    temporary = (
        workspace / "t"
    )  # backends and compilers leave nothing elsewhere; the name is short for sockets
    temporary.mkdir(exist_ok=True)
    ours = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    kept = {**passed.environment, **ours}

    def choose(missing: str | None) -> None:
        has = f"it has {', '.join(requirements) or 'all that is needed'}"
        reason = f"the build needs {missing}" if missing else has
        listener(EnvironmentChosen(isolated=missing is not None, reason=reason, dropped=passed.dropped))

    missing = unmet(requirements, lookup=lookup)
    choose(missing)
    if missing is None:
        path = _with_scripts(kept, sysconfig.get_path("scripts"))
        current = Interpreter(sys.executable, path, passed.dropped)
        added = more(current)
        missing = unmet(added, lookup=lookup)
        if missing is None:
            yield current
            return
        requirements = (*requirements, *added)
        more = _nothing
        choose(missing)
    settings = installer_settings(environment, root=root, workspace=workspace)
    installing = {**for_installers(environment, admitted), **ours, **settings}
    with _isolated(workspace, installing) as install:
        executable = install(_wanted(requirements, lookup))
        isolated = Interpreter(executable, _elsewhere(kept, executable, workspace), passed.dropped)
        if added := more(isolated):
            install(added)
        yield isolated


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
def _isolated(workspace: Path, environment: Mapping[str, str]) -> Iterator[Callable[[Sequence[str]], str]]:
    """A new environment, as a function that installs requirements there and gives its interpreter."""
    empty = workspace / "empty"
    empty.mkdir(exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "publish_all.builders.isolated",
        str(workspace / "environment"),
        str(Path.cwd()),
    ]
    log = workspace / "isolated.log"
    with piped(command, cwd=empty, environment=environment, errors=log) as process:
        answers = process.lines()

        def install(requirements: Sequence[str]) -> str:
            process.say(json.dumps(requirements))
            answer = json.loads(next(answers, "{}"))
            if "executable" not in answer:
                said = log.read_text(encoding="utf-8", errors="replace").strip()
                msg = answer.get(
                    "error", f"cannot make an isolated build environment: {said or 'its process ended'}"
                )
                raise BuildError(msg, hint=answer.get("hint"))
            return str(answer["executable"])

        yield install


def _elsewhere(environment: Mapping[str, str], executable: str, workspace: Path) -> dict[str, str]:
    """For an isolated interpreter, which finds publish-all and nothing else of this one's packages."""
    kept = {name: value for name, value in environment.items() if name not in _INTERPRETER_SETTINGS}
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


def installer_settings(
    environment: Mapping[str, str], *, root: Path | None, workspace: Path
) -> dict[str, str]:
    """Variables for pip and uv. `root` is the project's folder, None where no project has a say.

    uv reads no configuration of the current folder, which names indexes (`UV_NO_CONFIG`); the user's is still
    read. https://docs.astral.sh/uv/reference/settings/#build-constraint-dependencies hold for what is
    installed, and for the builds of what has no wheel. `workspace` is where they are written down.
    """
    settings = {"UV_NO_CONFIG": "1"}
    if not environment.get("UV_CONFIG_FILE") and (file := _users_file(environment)) is not None:
        settings["UV_CONFIG_FILE"] = str(file)
    constraints = build_constraints(root) if root is not None else ()
    if constraints:
        path = workspace / "constraints.txt"
        path.write_text("".join(f"{each}\n" for each in constraints), encoding="utf-8")
        for name in ("UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"):
            # A list that is separated by spaces, and a URL has none.
            settings[name] = " ".join(filter(None, (environment.get(name), path.resolve().as_uri())))
    return settings


def build_constraints(root: Path) -> tuple[str, ...]:
    """The project's constraints for build requirements: those of its workspace's root, as uv takes them.

    A `uv.toml` comes before `[tool.uv]` in the same folder.
    """
    for folder in _workspace_roots(root):
        for name, keys in (("uv.toml", ()), ("pyproject.toml", ("tool", "uv"))):
            stated = table(_read(folder / name), *keys).get("build-constraint-dependencies")
            if isinstance(stated, list):
                return tuple(each for each in stated if isinstance(each, str))
    return ()


def _workspace_roots(root: Path) -> Iterator[Path]:
    """The folder of the workspace that the project is a member of, if it is in one, then its own."""
    for folder in root.resolve().parents:
        uv = table(_read(folder / "pyproject.toml"), "tool", "uv")
        if "workspace" in uv:
            inside = root.resolve().relative_to(folder)
            members = table(uv, "workspace").get("members")
            if any(inside.match(str(each)) for each in (members if isinstance(members, list) else ())):
                yield folder
            break
    yield root


def _users_file(environment: Mapping[str, str]) -> Path | None:
    """The user's `uv.toml`, or the machine's: https://docs.astral.sh/uv/concepts/configuration-files/."""
    if os.name == "nt":
        places = [environment.get("APPDATA"), environment.get("PROGRAMDATA")]
    else:
        home = environment.get("HOME")
        own = environment.get("XDG_CONFIG_HOME") or (home and str(Path(home) / ".config"))
        places = [own, *(environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"), "/etc"]
    files = (Path(each) / "uv" / "uv.toml" for each in places if each)
    return next((each for each in files if each.is_file()), None)


def _read(path: Path) -> Mapping[str, Any]:
    """Empty where there is no such file, or it is broken: whoever it belongs to will say so."""
    try:
        return loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}

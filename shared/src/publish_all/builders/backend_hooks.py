"""Calls the PEP 517 hooks of a build backend, in the build worker: to build, and to ask for the version and for requirements.

The warnings of a backend are findings of a few lines each: they are in a log that is shown only when a build fails.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
import logging
import os
import re
import runpy
import sys
import traceback
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from packaging.version import Version

from publish_all._build_system import Backend, backend_name, backend_of
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import DEFAULT_EPOCH, Stages, working_directory
from publish_all.diagnoses import Diagnosis
from publish_all.errors import BuildError, PublishAllError
from publish_all.events import Found, Listener

# Modules of backends that set their own date in wheels if they get none, and of backends whose sdists are
# the same each time: the others store the current time, the user or the times of files.
_DATED = frozenset({"hatchling", "pdm", "poetry", "poetry_dynamic_versioning", "publish_all", "uv_build"})
_SAME_SDISTS = (_DATED - {"pdm"}) | {"flit_core"}
# Tools that compute versions, and take one from these variables instead.
_VERSION_VARIABLES = (
    "SETUPTOOLS_SCM_PRETEND_VERSION",
    "PDM_BUILD_SCM_VERSION",
    "PBR_VERSION",
    "POETRY_DYNAMIC_VERSIONING_BYPASS",
    "UV_DYNAMIC_VERSIONING_BYPASS",
)
# The table of setuptools-scm has one of these names. With one of those keys, setuptools normalises what it says.
_SCM_TABLES = ("setuptools_scm", "setuptools-scm")
_NOT_NORMAL = frozenset({"normalize", "version_cls"})

# Lines of a warning: most have the problem in the first line, and the solution in the next lines.
_LINES = 5
_WIDTH = 200
# The frames that setuptools draws around its texts, and messages that are not about the project.
_FRAME = re.compile(r"[!*=~-]*")
_IDLE = re.compile(
    r"no previously-included (files|directories)|byte-compiling is disabled|setup\.py install is deprecated"
    r"|standard file '-c' not found"
)
_PREFIX = re.compile(r"(?:\S+:\d+: )?(?:\w*warning: )", re.IGNORECASE)


def call_hook(
    folder: Path,
    pyproject: Mapping[str, Any],
    hook: str,
    *arguments: str,
    version: str | None = None,
    traced: bool = True,
) -> Any:
    """The result of a hook of the backend. `version` is passed to tools that compute one.

    `traced`: the traceback of an exception is printed. Raises `BuildError` for every exception of the backend: setup.py can do anything, also exit.
    """
    epoch = None if _module(pyproject) in _DATED else DEFAULT_EPOCH
    with _translated(traced=traced), backend(folder, pyproject, version=version, epoch=epoch) as hooks:
        if hook.startswith("get_requires_for_") and not hasattr(hooks, hook):
            return []
        return getattr(hooks, hook)(*arguments)


def writes_same_sdists(pyproject: Mapping[str, Any]) -> bool:
    """Whether the backend's sdists of the same files and the same date are the same bytes."""
    return _module(pyproject) in _SAME_SDISTS


def _module(pyproject: Mapping[str, Any]) -> str:
    return backend_name(pyproject).partition(".")[0]


def metadata_of(
    folder: Path, pyproject: Mapping[str, Any], workspace: Path, *, version: str | None = None
) -> str:
    """The core metadata of the project in `folder`, as the backend makes it; of this `version` if it computes one."""
    workspace.mkdir(parents=True, exist_ok=True)
    with backend(folder, pyproject, version=version) as hooks:
        prepare = getattr(hooks, "prepare_metadata_for_build_wheel", None)
        if prepare is not None:
            return (workspace / str(prepare(str(workspace))) / "METADATA").read_text(encoding="utf-8")
        with zipfile.ZipFile(workspace / hooks.build_wheel(str(workspace))) as wheel:
            name = next(each for each in wheel.namelist() if each.endswith(".dist-info/METADATA"))
            return wheel.read(name).decode()


def backend_version(root: Path, pyproject: Mapping[str, Any], *, workspace: Path) -> str:
    """The version as the backend writes it. Raises `BuildError`."""
    with _translated(traced=False):
        if backend_of(pyproject) is Backend.HATCHLING:
            return hatchling_version(root)
        if _setuptools_scm_alone(root, pyproject) and (version := _from_setuptools_scm(root)):
            return version
        stages = Stages(SourceTree(root), workspace / "version")
        metadata = metadata_of(stages.fresh(git=True), pyproject, workspace / "metadata")
        version = HeaderParser().parsestr(metadata)["Version"]
        if not version:
            raise BuildError("its metadata has no version")
        return str(version)


def hatchling_version(root: Path) -> str:
    """The version that hatchling gives the project at `root`, normalised. Raises `BuildError`."""
    with _translated(traced=False), working_directory(root):
        from hatchling.metadata.core import ProjectMetadata
        from hatchling.plugin.manager import PluginManager

        return ProjectMetadata(str(root), PluginManager()).version


@contextlib.contextmanager
def backend(
    folder: Path, pyproject: Mapping[str, Any], *, version: str | None = None, epoch: int | None = None
) -> Iterator[Any]:
    """The backend's object with the hooks, with the project's folder as the current one (PEP 517).

    `epoch` is the time of a build, if the environment has none. Questions have none: versions may contain the
    day of today.
    """
    in_tree = [str(folder / each) for each in pyproject.get("build-system", {}).get("backend-path", ())]
    environment, arguments = dict(os.environ), list(sys.argv)
    sys.path[:0] = in_tree
    if epoch is not None:
        os.environ.setdefault("SOURCE_DATE_EPOCH", str(epoch))
    os.environ["GIT_OPTIONAL_LOCKS"] = "0"
    if version is not None:
        os.environ.update(dict.fromkeys(_VERSION_VARIABLES, version))
    try:
        with working_directory(folder):
            yield _imported(backend_name(pyproject))
    finally:
        # Paths that a backend adds to sys.path stay: setuptools finds its own libraries this way, once.
        sys.path[:], sys.argv[:] = [each for each in sys.path if each not in in_tree], arguments
        os.environ.clear()
        os.environ.update(environment)


def _imported(name: str) -> Any:
    module, _, attributes = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for attribute in filter(None, attributes.split(".")):
            found = getattr(found, attribute)
    except (ImportError, AttributeError) as error:
        msg = f"the build backend {name!r} cannot be imported: {error}"
        hint = (
            "Check `requires` and `build-backend` in [build-system]. If they are right, build with --refresh, which makes a "
            "new build environment."
        )
        raise BuildError(msg, hint=hint) from error
    return found


@contextlib.contextmanager
def _translated(*, traced: bool) -> Iterator[None]:
    """Backends, their plugins and setup.py raise anything. `traced`: their output contains the traceback."""
    try:
        yield
    except PublishAllError:
        raise
    except (Exception, SystemExit) as error:
        if traced:
            traceback.print_exc()
        raise BuildError(f"{type(error).__name__}: {error}") from error


def _setuptools_scm_alone(root: Path, pyproject: Mapping[str, Any]) -> bool:
    """Whether the version comes from setuptools-scm alone, without setup.py, setup.cfg or other tables."""
    tool = pyproject.get("tool", {})
    stated = [tool[name] for name in _SCM_TABLES if name in tool]
    return (
        backend_of(pyproject) is Backend.SETUPTOOLS
        and len(stated) == 1
        and not _NOT_NORMAL & set(stated[0])
        and "version" in pyproject.get("project", {}).get("dynamic", ())
        and "version" not in tool.get("setuptools", {}).get("dynamic", {})
        and not any((root / name).is_file() for name in ("setup.py", "setup.cfg"))
        and _has_setuptools_scm()
    )


def _has_setuptools_scm() -> bool:
    """Before its version 8 the command writes a version file, too."""
    try:
        return Version(importlib.metadata.version("setuptools-scm")) >= Version("8")
    except importlib.metadata.PackageNotFoundError:
        return False


def _from_setuptools_scm(root: Path) -> str | None:
    """What `python -m setuptools_scm` prints: it writes no version file, unlike the metadata hook. None if it prints nothing."""
    printed = io.StringIO()
    arguments, sys.argv = sys.argv, ["setuptools_scm"]
    try:
        with working_directory(root), contextlib.redirect_stdout(printed):
            runpy.run_module("setuptools_scm", run_name="__main__")
    except SystemExit as end:
        if end.code:
            return None
    finally:
        sys.argv = arguments
    return printed.getvalue().strip() or None


@contextlib.contextmanager
def warnings_heard(pyproject: Mapping[str, Any], listener: Listener) -> Iterator[None]:
    """Within it, warnings of the backend of this pyproject.toml go to the listener and to the log.

    Backends give them to Python's `warnings` and `logging`. Their output, including that of compilers, is not searched.
    """
    backend = backend_of(pyproject)
    name = backend.value if backend is not Backend.OTHER else backend_name(pyproject).partition(".")[0]

    def tell(text: str) -> None:
        lines = _shortened(text)
        if lines and not _IDLE.search(lines[0]):
            listener(Found(finding=Diagnosis("PA703").found("\n".join([f"{name}: {lines[0]}", *lines[1:]]))))

    show, record = warnings.showwarning, logging.getLogRecordFactory()

    def showwarning(message: Warning | str, *arguments: Any, **options: Any) -> None:
        tell(str(message))
        show(message, *arguments, **options)

    def recorded(*arguments: Any, **options: Any) -> logging.LogRecord:
        made = record(*arguments, **options)
        if made.levelno == logging.WARNING:
            tell(made.getMessage())
        return made

    # A handler would keep setuptools from setting up its own.
    warnings.showwarning = showwarning
    logging.setLogRecordFactory(recorded)
    try:
        yield
    finally:
        warnings.showwarning = show
        logging.setLogRecordFactory(record)


def _shortened(text: str) -> list[str]:
    """The first lines, without frames, control characters and the folder of this build."""
    here = str(Path.cwd())
    text = _PREFIX.sub("", text.replace(f"{here}{os.sep}", "").replace(here, "."), count=1)
    printable = (
        "".join(each if each.isprintable() else " " for each in line).strip() for line in text.splitlines()
    )
    lines = [each for each in printable if not _FRAME.fullmatch(each)]
    return [each if len(each) <= _WIDTH else f"{each[: _WIDTH - 1]}…" for each in lines[:_LINES]]

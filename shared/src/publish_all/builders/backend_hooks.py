"""Calls the PEP 517 hooks of a build backend, in the build worker: to build, and to ask for the version and for requirements."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import runpy
import sys
import threading
import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.parser import HeaderParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from publish_all._build_system import Backend, backend_name, backend_of
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import DEFAULT_EPOCH, Stages, working_directory
from publish_all.errors import BuildError, PublishAllError

T = TypeVar("T")

# Audit events of functions that change a file or folder: where among their arguments paths are, and the
# descriptor of the folder to which each path is relative (None: there is none).
_CHANGES: Mapping[str, tuple[tuple[int, int | None], ...]] = {
    "os.mkdir": ((0, 2),),
    "os.rmdir": ((0, 1),),
    "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
    "os.setxattr": ((0, None),),
    "sqlite3.connect": ((0, None),),
}
# Other programs may write anywhere. git does not, with the environment that a worker has.
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Modules of backends that give wheels a date of their own where they are told none, and those of which sdists are
# the same each time: the others write down the moment, the user or the times of files.
_DATED = frozenset({"hatchling", "pdm", "poetry", "poetry_dynamic_versioning", "uv_build"})
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


def call_hook(
    folder: Path, pyproject: Mapping[str, Any], hook: str, *arguments: str, version: str | None = None
) -> Any:
    """What a hook of the backend gives. `version` is told to tools that compute one.

    Raises `BuildError` for what the backend raises: setup.py may do anything, exit included.
    """
    epoch = None if _module(pyproject) in _DATED else DEFAULT_EPOCH
    with _translated(traced=True), backend(folder, pyproject, version=version, epoch=epoch) as hooks:
        if hook.startswith("get_requires_for_") and not hasattr(hooks, hook):
            return []
        return getattr(hooks, hook)(*arguments)


def writes_same_sdists(pyproject: Mapping[str, Any]) -> bool:
    """Whether the backend's sdists of the same files and the same date are the same bytes."""
    return _module(pyproject) in _SAME_SDISTS


def _module(pyproject: Mapping[str, Any]) -> str:
    return backend_name(pyproject).partition(".")[0]


def requirements_of_hooks(
    folder: Path, pyproject: Mapping[str, Any], kinds: Sequence[str]
) -> tuple[str, ...]:
    """What the backend's `get_requires_for_build_*` hooks want for a project."""
    wanted = (call_hook(folder, pyproject, f"get_requires_for_build_{kind}") for kind in kinds)
    return tuple(dict.fromkeys(text for each in wanted for text in each))


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
    """What the backend says, as it says it. Raises `BuildError`."""
    with _translated(traced=False):
        if backend_of(pyproject) is Backend.HATCHLING:
            from publish_all.builders.hatchling_builder import dynamic_version

            return dynamic_version(root)
        if _setuptools_scm_alone(root, pyproject) and (version := _from_setuptools_scm(root)):
            return version
        stages = Stages(SourceTree(root), workspace / "version")
        metadata = asked(lambda folder: metadata_of(folder, pyproject, workspace / "metadata"), stages)
        version = HeaderParser().parsestr(metadata)["Version"]
        if not version:
            raise BuildError("its metadata holds no version")
        return str(version)


def asked(question: Callable[[Path], T], stages: Stages) -> T:
    """The answer to a question which project code answers: in the project's own folder if nothing is written there, else in a stage."""
    tree = stages.tree
    if tree.in_git:  # outside of it a temporary folder costs little
        answer = read_only(tree.top, lambda: question(tree.root))
        if answer is not None:
            return answer
    return question(stages.fresh(git=True))


@contextlib.contextmanager
def backend(
    folder: Path, pyproject: Mapping[str, Any], *, version: str | None = None, epoch: int | None = None
) -> Iterator[Any]:
    """The backend's object with the hooks, with the project's folder as the current one (PEP 517).

    `epoch` is the time of a build, where the environment says none. Questions have none: versions may hold the
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
        # What a backend has added to the path stays: setuptools finds its own libraries so, once.
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
            "Is it in [build-system] requires, and is build-backend right? If they are, build with --refresh: it makes a "
            "new build environment."
        )
        raise BuildError(msg, hint=hint) from error
    return found


@contextlib.contextmanager
def _translated(*, traced: bool) -> Iterator[None]:
    """Backends, their plugins and setup.py raise anything. `traced`: the traceback is among what they print."""
    try:
        yield
    except PublishAllError:
        raise
    except (Exception, SystemExit) as error:
        if traced:
            traceback.print_exc()
        raise BuildError(f"{type(error).__name__}: {error}") from error


def _setuptools_scm_alone(root: Path, pyproject: Mapping[str, Any]) -> bool:
    """Whether the version is what setuptools-scm says, and no setup.py, setup.cfg or other table has a part in it."""
    tool = pyproject.get("tool", {})
    stated = [tool[name] for name in _SCM_TABLES if name in tool]
    return (
        backend_of(pyproject) is Backend.SETUPTOOLS
        and len(stated) == 1
        and not _NOT_NORMAL & set(stated[0])
        and "version" in pyproject.get("project", {}).get("dynamic", ())
        and "version" not in tool.get("setuptools", {}).get("dynamic", {})
        and not any((root / name).is_file() for name in ("setup.py", "setup.cfg"))
        and find_spec("setuptools_scm") is not None
    )


def _from_setuptools_scm(root: Path) -> str | None:
    """What `python -m setuptools_scm` prints: it writes no version file, which the metadata hook does.

    None where it tells nothing, or writes all the same (before its version 8).
    """
    printed = io.StringIO()

    def ask() -> bool:
        arguments, sys.argv = sys.argv, ["setuptools_scm"]
        try:
            with working_directory(root), contextlib.redirect_stdout(printed):
                runpy.run_module("setuptools_scm", run_name="__main__")
        except SystemExit as end:
            return not end.code
        finally:
            sys.argv = arguments
        return True

    return printed.getvalue().strip() or None if read_only(SourceTree(root).top, ask) else None


class _Writes(BaseException):
    """Not an `Exception`: project code must not handle it."""


class _Guard:
    """What the audit hook looks at: a hook cannot be taken out again."""

    def __init__(self) -> None:
        self.folder = ""
        self.fired = False
        self.exempt: int | None = None
        self._is_installed = False

    def watch(self, folder: Path) -> None:
        self.folder, self.fired = os.path.realpath(folder), False
        if not self._is_installed:
            sys.addaudithook(self)
            self._is_installed = True

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder and threading.get_ident() != self.exempt and self._writes(event, arguments):
            self.fired = True
            raise _Writes

    def _writes(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, mode, flags = arguments
            writing = set(mode) & set("wax+") if isinstance(mode, str) else int(flags or 0) & _WRITING
            return bool(writing) and self._is_inside(path)
        if event in _CHANGES:
            return any(
                self._is_inside(arguments[path], -1 if folder is None else arguments[folder])
                for path, folder in _CHANGES[event]
            )
        if event == "subprocess.Popen":
            return not _is_git(arguments)
        return event in _PROGRAMS

    def _is_inside(self, path: Any, descriptor: int = -1) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False  # a descriptor, whose file was opened before
        folder = "" if descriptor == -1 else _folder_of(descriptor)
        if folder is None:
            return True
        real = os.path.realpath(os.path.join(folder, os.fsdecode(path)))  # noqa: PTH118 - paths of all kinds
        return real == self.folder or real.startswith(self.folder + os.sep)


def _folder_of(descriptor: int) -> str | None:
    """The path of an open folder; None where the system does not tell it."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - a Path costs more, at each event
    except OSError:
        return None


def _is_git(arguments: tuple[Any, ...]) -> bool:
    command = arguments[1]
    program = arguments[0] or (command if isinstance(command, str) else command[0])
    return Path(os.fsdecode(program)).stem.lower() == "git"


_GUARD = _Guard()


def exempt_this_thread() -> None:
    """Let this thread write: the one that removes what a worker leaves when its parent is gone."""
    _GUARD.exempt = threading.get_ident()


def read_only(folder: Path, action: Callable[[], T]) -> T | None:
    """What `action` gives, or None where it tried to write below `folder` or to start a program other than git."""
    _GUARD.watch(folder)
    try:
        found = action()
    except BaseException:
        if not _GUARD.fired:
            raise
        return None
    finally:
        _GUARD.folder = ""
    return None if _GUARD.fired else found

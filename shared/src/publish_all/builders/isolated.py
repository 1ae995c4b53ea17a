"""Isolated build environments: made in a worker (`{"ask": "environment"}`), and kept for the next build with the same requirements.

Installing runs code from the sdists of build requirements, so it has its own process group and environment variables.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from publish_all._own_files import read_own, write_whole
from publish_all.builders.builder import BuildSettings
from publish_all.builders.installers import Installing
from publish_all.builders.worker_protocol import ask_worker
from publish_all.errors import BuildError
from publish_all.events import Listener, Note

LASTS = 24 * 3600.0
"""Seconds after which the requirements are resolved again."""
_KEPT = 30 * LASTS
_CURRENT = "current.json"
_SHOWN_LINES = 5
# Lists the installed distributions. They are compiled here, because builds write no bytecode, and the environment is kept.
_LIST = """\
import compileall, importlib.metadata as m, json, sysconfig
compileall.compile_dir(sysconfig.get_path("purelib"), quiet=2)
print(json.dumps(sorted(f"{d.metadata['Name']}=={d.version}" for d in m.distributions())))
"""


class MadeEnvironment(NamedTuple):
    """An isolated environment: its interpreter, its distributions (`name==version`), and the Unix time of its creation."""

    executable: str
    installed: tuple[str, ...]
    made: float


def isolated_environment(
    requirements: Sequence[str],
    *,
    settings: BuildSettings,
    how: Installing,
    environment: Mapping[str, str],
    workspace: Path,
    listener: Listener,
) -> MadeEnvironment:
    """An environment with the requirements: one of the last 24 hours from the cache, or a new one.

    If a new one cannot be created, an older one is used, with a note, unless `settings` ask for a new one. `environment`
    is that of the installer, `workspace` a folder for its log, and for the environment itself if there is no cache.
    Raises `BuildError`.
    """

    def make(folder: Path) -> MadeEnvironment:
        question = {
            "ask": "environment",
            "arguments": [str(folder), list(requirements)],
            "options": {"current": str(Path.cwd()), "installer": how.installer},
            "temporary": [folder],
        }
        try:
            answer = ask_worker(
                question,
                executable=sys.executable,
                environment=environment,
                workspace=workspace / "installer",
                listener=listener,
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return MadeEnvironment(str(answer["executable"]), tuple(answer["installed"]), time.time())

    home = _home(settings, requirements, how)
    if home is None:
        return make(workspace / f"environment-{uuid.uuid4().hex}")
    known = _known(home)
    usable = known is not None and (not settings.refresh or known.made >= settings.since)
    if known is not None and usable and 0 <= time.time() - known.made < LASTS:
        return _used(known, home)
    try:
        # A cached folder that is not writable may be part of an image, or belong to another user.
        made = make((home if os.access(home, os.W_OK) else workspace) / uuid.uuid4().hex)
    except BuildError as error:
        if known is None or settings.refresh:
            raise
        when = time.strftime("%Y-%m-%d", time.gmtime(known.made))
        text = f"The build environment of {when} is reused, because no new one can be made: {error.message}"
        listener(Note(message=text))
        return _used(known, home)
    if home in Path(made.executable).parents:
        write_whole(home / _CURRENT, json.dumps(made._asdict()).encode())
        _clean(home, Path(made.executable), time.time())
    return made


def _home(settings: BuildSettings, requirements: Sequence[str], how: Installing) -> Path | None:
    """The folder for such environments; None if they cannot be cached, or their packages may change from run to run."""
    cache = settings.folders.cache if settings.folders is not None else None
    if cache is None or any("file:" in each for each in requirements):
        return None
    parts = [
        os.path.realpath(sys.executable),
        sys.version,
        sys.prefix,
        how.fingerprint,
        *sorted(requirements),
    ]
    digest = hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()
    home = cache / "build-environments" / digest[:32]
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return home.resolve()  # as the executables are stated that are made there
    except OSError:
        return None


def _known(home: Path) -> MadeEnvironment | None:
    try:
        value = json.loads(read_own(home / _CURRENT))
        found = MadeEnvironment(value["executable"], tuple(value["installed"]), float(value["made"]))
        # The Python that it was made with may be gone, and the cache may have moved.
        if home not in Path(found.executable).parents or not Path(found.executable).exists():
            return None
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return found


def _used(known: MadeEnvironment, home: Path) -> MadeEnvironment:
    """The same, with the times that `_clean` goes by."""
    folder = next(each for each in Path(known.executable).parents if each.parent == home)
    for each in (folder, home / _CURRENT):
        with contextlib.suppress(OSError):
            os.utime(each)
    return known


def _clean(home: Path, used: Path, now: float) -> None:
    """Remove environments that were replaced, when no build can still run in them, and those that are no longer used."""
    with contextlib.suppress(OSError):
        for each in home.iterdir():
            if each.is_dir() and each not in used.parents and now - each.stat().st_mtime > LASTS:
                shutil.rmtree(each, ignore_errors=True)
        for each in home.parent.iterdir():
            current = each / _CURRENT
            if now - (current if current.exists() else each).stat().st_mtime > _KEPT:
                shutil.rmtree(each, ignore_errors=True)


def make_environment(
    folder: str, requirements: Sequence[str], *, current: str, installer: Any
) -> dict[str, Any]:
    """Create the environment in `folder`; return its executable and its distributions. Raises `BuildError`.

    `current` is the base folder of relative paths in variables of pip and uv.
    """
    # -m added the current folder to the path. If it is the project's, its modules would hide others.
    os.chdir(current)
    os.environ["PYTHONSAFEPATH"] = "1"
    from build import BuildException
    from build.env import DefaultIsolatedEnv

    try:
        Path(folder).mkdir()
        tempfile.tempdir = folder  # older versions of `build` accept no path
        made = DefaultIsolatedEnv(installer=installer)
        made.__enter__()  # the environment stays: its `__exit__` would remove it
        tempfile.tempdir = None
        try:
            made.install(requirements)
        except subprocess.CalledProcessError as error:
            raise BuildError(
                f"cannot install the build requirements ({', '.join(requirements)}): {_said(error)}",
                hint="Check the names and versions, and whether the package index is reachable. Index settings come from "
                "the environment and the user's configuration, not from the project.",
            ) from error
        listed = subprocess.run([made.python_executable, "-Ic", _LIST], capture_output=True, check=True)
        return {"executable": made.python_executable, "installed": json.loads(listed.stdout)}
    except (BuildException, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        raise BuildError(f"cannot create an isolated build environment: {error}") from error


def _said(error: subprocess.CalledProcessError) -> str:
    text = b"".join(each if isinstance(each, bytes) else b"" for each in (error.stdout, error.stderr))
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-_SHOWN_LINES:]) or f"exit code {error.returncode}"

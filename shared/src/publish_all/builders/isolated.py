"""Makes an isolated build environment, in a worker: `{"ask": "environment"}`.

Installing runs what build requirements say in their sdists, so it has a process group and an environment of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from publish_all._own_source import install_hint
from publish_all.errors import BuildError

_SHOWN_LINES = 5
# What is installed there. It is compiled here, because builds write no bytecode, and the environment is kept.
_LIST = """\
import compileall, importlib.metadata as m, json, sysconfig
compileall.compile_dir(sysconfig.get_path("purelib"), quiet=2)
print(json.dumps(sorted(f"{d.metadata['Name']}=={d.version}" for d in m.distributions())))
"""


def make_environment(
    folder: str, requirements: Sequence[str], *, current: str, installer: Any
) -> dict[str, Any]:
    """Make the environment in `folder`: its executable, and what is installed there. Raises `BuildError`.

    `current` is the folder that relative paths in variables of pip and uv start at.
    """
    # -m put the folder where this was started on the path. In the project's, its modules would hide others.
    os.chdir(current)
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        from build import BuildException
        from build.env import DefaultIsolatedEnv
    except ModuleNotFoundError as error:
        msg = "an isolated build environment is needed, and the library `build` is not installed"
        raise BuildError(msg, hint=install_hint("cli")) from error
    try:
        Path(folder).mkdir()
        tempfile.tempdir = folder  # older versions of `build` take no path
        made = DefaultIsolatedEnv(installer=installer)
        made.__enter__()  # what is made stays: its `__exit__` would remove it
        tempfile.tempdir = None
        try:
            made.install(requirements)
        except subprocess.CalledProcessError as error:
            raise BuildError(
                f"cannot install what the build needs ({', '.join(requirements)}): {_said(error)}",
                hint="Is the package index reachable? Are the names and versions right? Indexes are those "
                "of the environment and of the user's configuration, not of the project's.",
            ) from error
        listed = subprocess.run([made.python_executable, "-Ic", _LIST], capture_output=True, check=True)
        return {"executable": made.python_executable, "installed": json.loads(listed.stdout)}
    except (BuildException, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        raise BuildError(f"cannot make an isolated build environment: {error}") from error


def _said(error: subprocess.CalledProcessError) -> str:
    text = b"".join(each if isinstance(each, bytes) else b"" for each in (error.stdout, error.stderr))
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    retries = [line for line in lines if line.startswith("WARNING: Retrying")]
    lines = [line for line in lines if line not in retries[:-1]]
    return " / ".join(lines[-_SHOWN_LINES:]) or f"exit code {error.returncode}"

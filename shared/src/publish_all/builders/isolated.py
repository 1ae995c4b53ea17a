"""Makes an isolated build environment, in a worker: `{"ask": "environment"}`.

Installing runs code from the sdists of build requirements, so it has its own process group and environment variables.
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
# Lists the installed distributions. They are compiled here, because builds write no bytecode, and the environment is kept.
_LIST = """\
import compileall, importlib.metadata as m, json, sysconfig
compileall.compile_dir(sysconfig.get_path("purelib"), quiet=2)
print(json.dumps(sorted(f"{d.metadata['Name']}=={d.version}" for d in m.distributions())))
"""


def make_environment(
    folder: str, requirements: Sequence[str], *, current: str, installer: Any
) -> dict[str, Any]:
    """Create the environment in `folder`; return its executable and its distributions. Raises `BuildError`.

    `current` is the base folder of relative paths in variables of pip and uv.
    """
    # -m added the current folder to the path. If it is the project's, its modules would hide others.
    os.chdir(current)
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        from build import BuildException
        from build.env import DefaultIsolatedEnv
    except ModuleNotFoundError as error:
        msg = "the build needs an isolated environment, and the package `build` is not installed"
        raise BuildError(msg, hint=install_hint("cli")) from error
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
    retries = [line for line in lines if line.startswith("WARNING: Retrying")]
    lines = [line for line in lines if line not in retries[:-1]]
    return " / ".join(lines[-_SHOWN_LINES:]) or f"exit code {error.returncode}"

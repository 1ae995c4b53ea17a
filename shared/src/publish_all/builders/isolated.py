"""The process that makes an isolated build environment: `python -m publish_all.builders.isolated FOLDER CURRENT INSTALLER`.

Installing runs what build requirements say in their sdists, so it has a process group and an environment of its
own. The line on standard input is the list of requirements, and it is answered with a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from publish_all._own_source import install_hint
from publish_all.builders.worker_protocol import own_pipes

_SHOWN_LINES = 5
# What is installed there. It is compiled here, because builds write no bytecode, and the environment is kept.
_LIST = """\
import compileall, importlib.metadata as m, json, sysconfig
compileall.compile_dir(sysconfig.get_path("purelib"), quiet=2)
print(json.dumps(sorted(f"{d.metadata['Name']}=={d.version}" for d in m.distributions())))
"""


def main(folder: str, current: str, installer: Any) -> int:
    """Make the environment in `folder`. `current` is the folder that relative paths in variables of pip and uv start at."""
    # -m put the folder where this was started on the path. In the project's, its modules would hide others.
    os.chdir(current)
    os.environ["PYTHONSAFEPATH"] = "1"
    incoming, outgoing = own_pipes()

    def say(**answer: Any) -> None:
        outgoing.write(json.dumps(answer) + "\n")
        outgoing.flush()

    try:
        from build import BuildException
        from build.env import DefaultIsolatedEnv
    except ModuleNotFoundError:
        say(
            error="an isolated build environment is needed, and the library `build` is not installed",
            hint=install_hint("cli"),
        )
        return 1
    requirements = json.loads(next(incoming))
    try:
        Path(folder).mkdir()
        tempfile.tempdir = folder  # older versions of `build` take no path
        made = DefaultIsolatedEnv(installer=installer)
        made.__enter__()  # what is made stays: its `__exit__` would remove it
        tempfile.tempdir = None
        try:
            made.install(requirements)
        except subprocess.CalledProcessError as error:
            say(
                error=f"cannot install what the build needs ({', '.join(requirements)}): {_said(error)}",
                hint="Is the package index reachable? Are the names and versions right? Indexes are those "
                "of the environment and of the user's configuration, not of the project's.",
            )
            return 1
        listed = subprocess.run([made.python_executable, "-Ic", _LIST], capture_output=True, check=True)
        say(executable=made.python_executable, installed=json.loads(listed.stdout))
    except (BuildException, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        say(error=f"cannot make an isolated build environment: {error}")
        return 1
    return 0


def _said(error: subprocess.CalledProcessError) -> str:
    text = b"".join(each if isinstance(each, bytes) else b"" for each in (error.stdout, error.stderr))
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    retries = [line for line in lines if line.startswith("WARNING: Retrying")]
    lines = [line for line in lines if line not in retries[:-1]]
    return " / ".join(lines[-_SHOWN_LINES:]) or f"exit code {error.returncode}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""The process that makes an isolated build environment: `python -m publish_all.builders.isolated`.

Installing runs what build requirements say in their sdists, so it has a process group and an environment of its
own. Each line of standard input is a list of requirements; each is answered with a line. The environment is
removed at the end of the input.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from typing import Any

from publish_all.builders.worker_protocol import own_pipes

_SHOWN_LINES = 5


def main(folder: str, current: str) -> int:
    """Make the environment in `folder`. `current` is the folder that relative paths in variables of pip and uv start at."""
    # -m put the folder where this was started on the path. In the project's, its modules would hide others.
    os.chdir(current)
    os.environ["PYTHONSAFEPATH"] = "1"
    incoming, outgoing = own_pipes()

    def say(**answer: str) -> None:
        outgoing.write(json.dumps(answer) + "\n")
        outgoing.flush()

    try:
        from build import BuildException
        from build.env import DefaultIsolatedEnv
    except ModuleNotFoundError:
        say(
            error="an isolated build environment is needed, and the library `build` is not installed",
            hint='Install it with: pip install "publish-all[cli]"',
        )
        return 1
    try:
        with DefaultIsolatedEnv(installer=_installer(), path=folder) as made:
            for line in incoming:
                requirements = json.loads(line)
                try:
                    made.install(requirements)
                except subprocess.CalledProcessError as error:
                    say(
                        error=f"cannot install what the build needs ({', '.join(requirements)}): {_said(error)}",
                        hint="Is the package index reachable? Are the names and versions right? Indexes are those "
                        "of the environment and of the user's configuration, not of the project's.",
                    )
                    return 1
                say(executable=made.python_executable)
    except (BuildException, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        say(error=f"cannot make an isolated build environment: {error}")
        return 1
    return 0


def _installer() -> Any:
    has_uv = (
        importlib.util.find_spec("uv") is not None or shutil.which(os.environ.get("UV") or "uv") is not None
    )
    return "uv" if has_uv else "pip"


def _said(error: subprocess.CalledProcessError) -> str:
    text = b"".join(each if isinstance(each, bytes) else b"" for each in (error.stdout, error.stderr))
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-_SHOWN_LINES:]) or f"exit code {error.returncode}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

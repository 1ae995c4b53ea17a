"""The console script `publish-all`, also if its command line is not installed."""

from __future__ import annotations

import gc
import os
import sys


def main() -> int:
    # Modules create many objects and no garbage. So the garbage collector skips them
    # while the command runs and when the interpreter ends, which saves a tenth of a short command.
    gc.disable()
    freeze = getattr(gc, "freeze", gc.disable)  # PyPy has none
    try:
        from publish_all.cli.application import run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "publish_all":
            raise
        sys.stderr.write(
            f"publish-all: the command line is not installed (no module {error.name!r}).\n"
            'Install it with: pip install "publish-all[cli]"\n'
        )
        return 2
    freeze()
    gc.enable()
    try:
        return run()
    finally:
        freeze()


if __name__ == "__main__":
    # `python -m` puts the current folder first, where modules of a project would hide libraries.
    if sys.path and sys.path[0] in {"", os.getcwd()}:  # noqa: PTH109 - nothing more is imported from there
        del sys.path[0]
    raise SystemExit(main())

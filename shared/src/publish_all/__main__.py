"""The console script `publish-all`, also where its command line is not installed."""

from __future__ import annotations

import sys


def main() -> int:
    try:
        from publish_all.cli.application import run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "publish_all":
            raise
        sys.stderr.write(
            f"publish-all: the command line is not installed here (no module {error.name!r}).\n"
            'Install it with: pip install "publish-all[cli]"\n'
        )
        return 2
    return run()


if __name__ == "__main__":
    raise SystemExit(main())

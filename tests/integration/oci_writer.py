"""One of several jobs that publish parts of the same releases: `oci_writer.py URL FOLDER WRITER ROUNDS`.

In each round it pushes its wheel of a new version and leaves a receipt, `FOLDER/ROUND-WRITER.json`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from made_files import make_wheel

from publish_all.commands.context import Runtime
from publish_all.commands.destinations import ConnectionOptions
from publish_all.commands.files import PublishOptions
from publish_all.commands.publish import publish


def main(url: str, folder: Path, writer: int, rounds: int) -> int:
    files = folder / f"writer-{writer}"
    files.mkdir()
    runtime = Runtime(environment={"PUBLISH_ALL_REPOSITORIES_GITHUB_URL": url}, home=folder)
    for each in range(rounds):
        wheel = make_wheel(files, "kindling", f"1.{each}", tag=f"cp3{writer}-none-any", size=200)
        result = publish(
            PublishOptions(
                directory=folder,
                files=(wheel,),
                receipt=folder / f"{each}-{writer}.json",
                connection=ConnectionOptions(repositories=("github",), runtime=runtime),
            )
        )
        if result.exit_code:
            return result.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))

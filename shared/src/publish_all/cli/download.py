"""`publish-all download`, `poetry publish-all download`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from cleo.helpers import argument, option
from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option

from publish_all.cli.connection import ConnectingCommand
from publish_all.cli.index_options import name_options
from publish_all.cli.manual import CREDENTIAL_VARIABLES
from publish_all.cli.options import format_option, repository_options
from publish_all.commands.download import DownloadOptions, download
from publish_all.commands.index import IndexOptions
from publish_all.reporting.reporter import Reporter
from publish_all.results import Listing


class DownloadCommand(ConnectingCommand):
    name = "download"
    description = "Fetches wheels and sdists from an OCI registry, such as GitHub's (ghcr.io), into a folder."
    arguments: ClassVar[list[Argument]] = [
        argument("requirements", "What to fetch, as NAME or NAME==VERSION.", multiple=True)
    ]
    options: ClassVar[list[Option]] = [
        *repository_options("Fetch from", several=False),
        option("dest", "d", "The folder to write to.", flag=False, default="."),
        option("pre", None, "Take pre-releases, too.", flag=True),
        option(
            "with-dependencies",
            None,
            "Fetch the dependencies too, with pip: private names from the registry, others from PyPI.",
            flag=True,
        ),
        *name_options(),
        format_option(),
    ]
    help = """\
Fetches all files of the newest version that fits, each checked by its sha256, and prints the line that
installs exactly these files. Install them with <c1>--no-index</c1>: otherwise pip takes a newer package of the
same name from PyPI.

With <c1>--with-dependencies</c1> the folder holds all that an install on a network without an index needs. The pip
on <c1>PATH</c1> fetches the dependencies for its own Python and system; names that are private come from the
registry only, as with <c1>exec</c1>.

Examples:
  <c1>{command_full_name} -r github kindling-synapse==0.2.0 -d wheelhouse</c1>
  <c1>{command_full_name} -r github kindling-synapse -d wheelhouse --with-dependencies --private "kindling-*"</c1>
"""
    exit_codes = (0, 1, 2, 3)
    variables = CREDENTIAL_VARIABLES

    def use_case(self, reporter: Reporter) -> int:
        self.check_format()
        options = DownloadOptions(
            directory=self.directory,
            requirements=tuple(str(each) for each in self.argument("requirements")),
            destination=Path(self.text("dest") or "."),
            pre=bool(self.option("pre")),
            dependencies=bool(self.option("with-dependencies")),
            index=IndexOptions(
                directory=self.directory,
                connection=self.connection(),
                fallbacks=self.texts("fallback"),
                private=self.texts("private"),
            ),
        )
        files = download(options, listener=reporter.listener)
        rows = tuple(
            (
                each.project,
                each.version,
                str(each.path),
                each.size,
                each.sha256,
                _state(fresh=each.fresh),
            )
            for each in files
        )
        columns = ("project", "version", "file", "bytes", "sha256", "state")
        reporter.show(Listing(kind="files", columns=columns, rows=rows))
        return 0


def _state(*, fresh: bool) -> str:
    return "fetched" if fresh else "was there"

"""`publish-all finalize`, `poetry publish-all finalize`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from cleo.helpers import argument
from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option

from publish_all.cli.connection import ConnectingCommand
from publish_all.cli.manual import CREDENTIAL_VARIABLES
from publish_all.cli.options import format_option, repository_options
from publish_all.commands.finalize import FinalizeOptions, finalize
from publish_all.reporting.reporter import Reporter
from publish_all.repositories.oci_layout import TITLE
from publish_all.results import Listing


class FinalizeCommand(ConnectingCommand):
    name = "finalize"
    description = "Lists in an OCI registry what several jobs have pushed with `publish --receipt`."
    arguments: ClassVar[list[Argument]] = [
        argument("receipts", "The files that `publish --receipt` wrote.", multiple=True)
    ]
    options: ClassVar[list[Option]] = [*repository_options("Finalize in", several=False), format_option()]
    help = """\
Writes the index of each release once, with the files of all receipts. Running it again does no harm.

Examples:
  <c1>{command_full_name} -r github receipts/*.json</c1>
"""
    exit_codes = (0, 1, 2, 3, 5, 6)
    variables = CREDENTIAL_VARIABLES

    def use_case(self, reporter: Reporter) -> int:
        self.check_format()
        options = FinalizeOptions(
            directory=self.directory,
            receipts=tuple(Path(str(each)) for each in self.argument("receipts")),
            connection=self.connection(),
        )
        releases = finalize(options, listener=reporter.listener)
        rows = tuple(
            (release.project, str(release.version), entry.annotation(TITLE) or entry.architecture, "listed")
            for release in releases
            for entry in release.entries
        )
        reporter.show(Listing(kind="files", columns=("project", "version", "file", "state"), rows=rows))
        return 0

"""`publish-all list`, `poetry publish-all list`."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import argument
from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option

from publish_all.cli.connection import ConnectingCommand
from publish_all.cli.manual import CREDENTIAL_VARIABLES
from publish_all.cli.options import format_option, repository_options
from publish_all.commands.listing import ListOptions, list_packages
from publish_all.events import Note
from publish_all.reporting.reporter import Reporter
from publish_all.results import Listing

_COLUMNS = ("project", "version", "file", "bytes", "uploaded", "requires-python", "source")


class ListCommand(ConnectingCommand):
    name = "list"
    description = "Lists the Python packages in an OCI registry, such as GitHub's (ghcr.io)."
    arguments: ClassVar[list[Argument]] = [
        argument(
            "names",
            "The packages (default: those that the project publishes).",
            optional=True,
            multiple=True,
        )
    ]
    options: ClassVar[list[Option]] = [*repository_options("Look into", several=False), format_option()]
    help = """\
Lists versions and files, with their sizes and dates, the Python versions they are for, and the source
repository that they are linked to. The repository is github unless another one is named.

Examples:
  <c1>{command_full_name}</c1>
  <c1>{command_full_name} -r github kindling-synapse</c1>
"""
    exit_codes = (0, 1, 2, 3)
    variables = CREDENTIAL_VARIABLES

    def use_case(self, reporter: Reporter) -> int:
        self.check_format()
        options = ListOptions(
            directory=self.directory,
            names=tuple(str(each) for each in self.argument("names") or ()),
            connection=self.connection(),
        )
        result = list_packages(options, listener=reporter.listener)
        for name in result.absent:
            reporter.listener(Note(message=f"{name} has no versions there, or you may not see them"))
        rows = tuple(
            (
                release.project,
                str(release.version),
                file.filename,
                "" if file.size is None else file.size,
                file.uploaded or "",
                file.requires_python or "",
                release.source or "",
            )
            for release in result.releases
            for file in release.files
        )
        reporter.show(Listing(kind="files", columns=_COLUMNS, rows=rows))
        return 0

"""`publish-all repositories`, `poetry publish-all repositories`."""

from __future__ import annotations

from typing import ClassVar

from cleo.io.inputs.option import Option

from publish_all.cli.command import UseCaseCommand
from publish_all.cli.options import format_option
from publish_all.commands.repositories import RepositoriesOptions, list_repositories
from publish_all.events import Note
from publish_all.reporting.reporter import Reporter
from publish_all.results import Listing


class RepositoriesCommand(UseCaseCommand):
    name = "repositories"
    description = "Lists the repositories that a publish can name, and who states them."
    options: ClassVar[list[Option]] = [format_option()]
    help = """\
Lists the built-in repositories, and those of the project, of your own configuration, and of
Poetry, Hatch, uv, pdm and .pypirc.

Examples:
  <c1>{command_full_name}</c1>
  <c1>{command_full_name} --format json</c1>
"""

    def use_case(self, reporter: Reporter) -> int:
        self.check_format()
        result = list_repositories(RepositoriesOptions(directory=self.directory))
        for note in (*result.notes, *(f"{name}: {reason}" for name, reason in result.refused)):
            reporter.listener(Note(message=note))
        rows = tuple(
            (each.name, ", ".join(each.aliases), each.kind, each.url, each.index_url or "", each.origin)
            for each in result.repositories
        )
        columns = ("name", "also", "kind", "url", "index", "origin")
        reporter.show(Listing(kind="repositories", columns=columns, rows=rows))
        return 0

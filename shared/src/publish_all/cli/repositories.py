"""`publish-all repositories`, `poetry publish-all repositories`."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import option
from cleo.io.inputs.option import Option
from cleo.io.outputs.output import Type as OutputType

from publish_all.cli.command import UseCaseCommand
from publish_all.cli.manual import CREDENTIAL_VARIABLES
from publish_all.cli.options import format_option
from publish_all.commands.register import RegisterOptions, Tool, plan_registration, write_registration
from publish_all.commands.repositories import RepositoriesOptions, list_repositories
from publish_all.errors import UsageError
from publish_all.events import Note
from publish_all.reporting.reporter import Reporter
from publish_all.results import Listing


class RepositoriesCommand(UseCaseCommand):
    name = "repositories"
    description = "Lists the repositories that a publish can name, and who states them."
    options: ClassVar[list[Option]] = [
        option(
            "register",
            None,
            "Write them into the configuration of poetry, hatch, uv, pip or pypirc.",
            flag=False,
        ),
        option(
            "repository",
            "r",
            "With --register: only this one (may be given several times).",
            flag=False,
            multiple=True,
        ),
        option(
            "with-secrets", None, "With --register hatch or pypirc: write their credentials, too.", flag=True
        ),
        format_option(),
    ]
    help = """\
Lists the built-in repositories, and those of the project, of your own configuration, and of
Poetry, Hatch, uv, pdm and .pypirc, with the credential that an upload to each would use. With
--register, shows what it would change in another tool's configuration, and asks before it does.

Examples:
  <c1>{command_full_name}</c1>
  <c1>{command_full_name} --format json</c1>
  <c1>{command_full_name} --register poetry</c1>
"""
    exit_codes = (0, 1, 2)
    variables = CREDENTIAL_VARIABLES

    def use_case(self, reporter: Reporter) -> int:
        self.check_format()
        tool = self.text("register")
        return self._register(tool, reporter) if tool is not None else self._list(reporter)

    def _list(self, reporter: Reporter) -> int:
        options = RepositoriesOptions(directory=self.directory)
        result = list_repositories(options, listener=reporter.listener)
        for name, reason in result.refused:
            reporter.listener(Note(message=f"{name}: {reason}"))
        rows = tuple(
            (
                each.name,
                ", ".join(each.aliases),
                each.kind,
                each.url,
                each.index_url or "",
                each.credential,
                each.origin,
            )
            for each in result.repositories
        )
        columns = ("name", "also", "kind", "url", "index", "credential", "origin")
        reporter.show(Listing(kind="repositories", columns=columns, rows=rows))
        return 0

    def _register(self, tool: str, reporter: Reporter) -> int:
        if tool not in {each.value for each in Tool}:
            msg = f"--register is {tool!r}"
            raise UsageError(msg, hint="It is one of: " + ", ".join(each.value for each in Tool))
        options = RegisterOptions(
            tool=Tool(tool),
            directory=self.directory,
            names=self.texts("repository"),
            with_secrets=bool(self.option("with-secrets")),
        )
        planned = plan_registration(options)
        for note in planned.notes:
            reporter.listener(Note(message=note))
        if not planned.needed:
            nothing = "there is nothing to write to {}" if planned.notes else "{} says all of it already"
            reporter.listener(Note(message=nothing.format(planned.path)))
            return 0
        self.io.write_error(planned.diff + "\n", type=OutputType.RAW)
        if self.can_ask and not self.confirm(f"Write this to {planned.path}?", default=False):
            reporter.listener(Note(message="nothing was written"))
            return 0
        write_registration(planned)
        reporter.listener(Note(message=f"{planned.path} is written"))
        return 0

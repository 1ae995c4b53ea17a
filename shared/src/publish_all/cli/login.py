"""`publish-all login NAME`, `poetry publish-all login NAME`."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import argument, option
from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option
from packaging.utils import canonicalize_name

from publish_all.cli.command import UseCaseCommand
from publish_all.cli.options import format_option
from publish_all.cli.prompt import make_ask
from publish_all.commands.login import LoginOptions, login, logout
from publish_all.reporting.reporter import Reporter
from publish_all.results import Listing


class LoginCommand(UseCaseCommand):
    name = "login"
    description = "Asks for a repository's token or password, and keeps it in the keyring."
    arguments: ClassVar[list[Argument]] = [argument("repository", "The name of the repository.")]
    options: ClassVar[list[Option]] = [
        option("username", "u", "The user name, if it is not the configured one.", flag=False),
        option("project", None, "The one project that the token is limited to.", flag=False),
        option("forget", None, "Remove the credential from the keyring instead."),
        format_option(),
    ]
    help = """\
Asks for a credential without showing it, looks at what kind it is, and keeps it in the keyring
under the repository's URL, where twine, Hatch and uv find it too.

Examples:
  <c1>{command_full_name} pypi</c1>
  <c1>{command_full_name} pypi --project kindling-synapse</c1>
  <c1>{command_full_name} corp --forget</c1>
"""
    exit_codes = (0, 1, 2, 3)
    variables = ("PUBLISH_ALL_REPOSITORIES_<NAME>_URL",)

    def use_case(self, reporter: Reporter) -> int:
        self.check_format()
        project = self.text("project")
        options = LoginOptions(
            repository=self.argument("repository"),
            directory=self.directory,
            ask=make_ask(self.io) if self.can_ask else None,
            project=canonicalize_name(project) if project else None,
            username=self.text_or_unset("username"),
        )
        if self.option("forget"):
            gone = logout(options)
            row = (
                gone.repository,
                gone.service,
                gone.username,
                "removed" if gone.removed else "nothing stored",
            )
        else:
            kept = login(options, listener=reporter.listener)
            row = (kept.repository, kept.service, kept.username, f"{kept.kind}, kept in {kept.keyring}")
        columns = ("repository", "service", "user", "outcome")
        reporter.show(Listing(kind="login", columns=columns, rows=(row,)))
        return 0

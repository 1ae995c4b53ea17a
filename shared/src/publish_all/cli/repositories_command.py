"""`publish-all repositories` and `publish-all login`."""

from __future__ import annotations

from cleo.io.outputs.output import Type as OutputType
from packaging.utils import canonicalize_name

from publish_all.cli.command import UseCaseCommand, make_ask
from publish_all.cli.options import CREDENTIAL_VARIABLES, FORMAT, Operand, Value, flag


class RepositoriesCommand(UseCaseCommand):
    """Lists the repositories that you can publish to: the built-in ones, and those in the configuration of the project,
    of the user, of Poetry, Hatch, uv and pdm, and in .pypirc. For each, it shows the credential that an upload would use.
    With --register, it adds them to the configuration of another tool, after showing the change and asking.
    """

    name = "repositories"
    description = "List the repositories and where each is configured"
    takes = (
        Value(
            "register",
            "TOOL",
            "Add the repositories to the configuration of another tool",
            choices=("poetry", "hatch", "uv", "pip", "pypirc"),
        ),
        Value(
            "repository",
            "NAME",
            "With --register, add only this repository",
            short="r",
            several=True,
            names="repositories",
        ),
        flag("with-secrets", "With --register hatch or pypirc, also write the credentials."),
        FORMAT,
    )
    examples = ("", "--format json", "--register poetry")
    variables = CREDENTIAL_VARIABLES

    def use_case(self) -> int:
        from publish_all.commands.config import COLUMNS, list_repositories

        if (tool := self.text("register")) is not None:
            return self._register(tool)
        self.show_rows("repositories", COLUMNS, list_repositories(self.directory, runtime=self.runtime()))
        return 0

    def _register(self, tool: str) -> int:
        from publish_all.commands.register import TOOLS, plan_registration, write_registration

        names, with_secrets = self.texts("repository"), self.option("with-secrets")
        planned = plan_registration(TOOLS[tool], self.directory, names=names, with_secrets=with_secrets)
        self.note(*planned.notes)
        if not planned.needed:
            nothing = "nothing to write to {}" if planned.notes else "{} is up to date"
            self.note(nothing.format(planned.path))
            return 0
        self.io.write_error(planned.diff + "\n", type=OutputType.RAW)
        if self.can_ask and not self.confirm(f"Write this to {planned.path}?", default=False):
            self.note("nothing was written")
            return 0
        write_registration(planned)
        self.note(f"{planned.path} was written")
        return 0


class LoginCommand(UseCaseCommand):
    """Asks for a token or password, and stores it in the keyring under the URL of the repository. twine, Hatch and uv
    find it there, too.
    """

    name = "login"
    description = "Store a token or password in the keyring"
    takes = (
        Operand(
            "repository", "REPOSITORY", "The name of the repository.", required=True, names="repositories"
        ),
        Value("username", "USER", "The user name (default: the configured one)", short="u"),
        Value("for-project", "NAME", "Store a token that is valid for this project only"),
        flag("forget", "Remove the credential from the keyring."),
        FORMAT,
    )
    examples = ("pypi", "pypi --for-project kindling-synapse", "corp --forget")
    exit_codes = (0, 1, 2, 3)
    variables = ("PUBLISH_ALL_REPOSITORIES_<NAME>_URL",)

    def use_case(self) -> None:
        from publish_all.commands.login import COLUMNS, login

        project = self.text("for-project")
        row = login(
            self.argument("repository"),
            self.directory,
            ask=make_ask(self.io) if self.can_ask else None,
            forget=self.option("forget"),
            project=canonicalize_name(project) if project else None,
            username=self.option("username") or None,
            runtime=self.runtime(),
        )
        self.show_rows("login", COLUMNS, (row,))

"""What commands that speak to repositories have in common: how they are reached, and with what credential."""

from __future__ import annotations

from publish_all._secret import Secret
from publish_all.cli.command import UseCaseCommand
from publish_all.cli.prompt import make_ask
from publish_all.commands.destinations import ConnectionOptions
from publish_all.errors import UsageError

_AUTH = ("auto", "oidc", "token")


class ConnectingCommand(UseCaseCommand):
    """A command with the options of `repository_options`."""

    def connection(self) -> ConnectionOptions:
        """The options of the command line as values. Raises `UsageError`."""
        password = self.text_or_unset("password")
        auth = self.text("auth") or "auto"
        if auth not in _AUTH:
            msg = f"--auth is {auth!r}"
            raise UsageError(msg, hint="It is one of: " + ", ".join(_AUTH))
        return ConnectionOptions(
            repositories=self.texts("repository"),
            repository_url=self.text("repository-url"),
            username=self.text_or_unset("username"),
            password=Secret(password) if password is not None else None,
            ca_cert=self.path("ca-cert"),
            client_cert=self.path("client-cert"),
            client_key=self.path("client-key"),
            timeout=self.number("timeout", least=0.1),
            auth=auth,
            ask=make_ask(self.io) if self.can_ask else None,
        )

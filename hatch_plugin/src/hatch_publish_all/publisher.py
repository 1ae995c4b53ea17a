"""The publisher `publish-all`: `hatch publish -p publish-all`, or with `HATCH_PUBLISHER=publish-all`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from cleo.io.inputs.argv_input import ArgvInput
from click.core import ParameterSource
from hatch.publish.plugin.interface import PublisherInterface

from hatch_publish_all.invocation import Invocation, command_line
from publish_all.cli.application import PublishAllApplication
from publish_all.cli.publish import PublishCommand
from publish_all.errors import UsageError

_REPOSITORY = "HATCH_INDEX_REPO"
_OF_HATCH = frozenset({"no_prompt", "initialize_auth"})


class PublishAllPublisher(PublisherInterface):
    """Translates: Hatch's options into those of `publish-all publish`, and its exit code back.

    Hatch passes to publishers other than its own only `-o` and `-n`; the rest is in click's context.
    """

    PLUGIN_NAME = "publish-all"

    def publish(self, artifacts: list[str], options: dict[str, Any]) -> None:
        context = click.get_current_context(silent=True)
        try:
            asked = self._invocation(artifacts, options, context)
            arguments = command_line(asked, known=PublishCommand.options)
        except UsageError as error:
            self.app.abort(
                f"error: {error.message}" + (f"\n  hint: {error.hint}" if error.hint else ""),
                code=error.exit_code,
            )
            return
        with _repository_variable(asked.repository):
            code = self.run(arguments)
        if code:
            self.app.abort(code=code)

    def run(self, arguments: list[str]) -> int:
        """Run `publish-all` in this process: passwords must not show in a process's arguments."""
        return PublishAllApplication().run(ArgvInput(["publish-all", *arguments]))

    def _invocation(
        self, artifacts: list[str], options: Mapping[str, Any], context: click.Context | None
    ) -> Invocation:
        if options.get("initialize_auth"):
            msg = "--initialize-auth is for Hatch's own publisher"
            raise UsageError(msg, hint="Store the credential with `keyring set URL USER`.")
        password = _stated(context, "auth", secret=True)
        return Invocation(
            root=Path(self.root),
            artifacts=tuple(artifacts),
            repository=_stated(context, "repo") or self._default_repository(),
            # A password of the command line goes with the user of the variable.
            username=_stated(context, "user", secret=password is None),
            password=password,
            ca_cert=_stated(context, "ca_cert"),
            client_cert=_stated(context, "client_cert"),
            client_key=_stated(context, "client_key"),
            options={key: value for key, value in options.items() if key not in _OF_HATCH},
            interactive=not options.get("no_prompt") and bool(self.app.console.is_interactive),
            color=False if self.app.console.no_color else None,
            verbosity=self.app.verbosity,
            dist_dir=self._dist_dir(),
        )

    def _default_repository(self) -> str | None:
        """Hatch's own default, which its command keeps with us; None where the project says where to publish to."""
        if self._of_project("publish-to") is not None:
            return None
        return _at(self.app.config.publish, "index", "repo") or "main"

    def _dist_dir(self) -> str:
        found = self._of_project("dist-dir")
        return found if isinstance(found, str) else "dist"

    def _of_project(self, key: str) -> Any:
        return _at(self.app.project.raw_config, "tool", "publish-all", key)


def _at(found: Any, *keys: str) -> Any:
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _stated(context: click.Context | None, name: str, *, secret: bool = False) -> str | None:
    """A parameter of `hatch publish`, from an option or from its variable; None where it is empty.

    With `secret`, one from a variable is left there: it is found there later, and messages name the variable.
    """
    if context is None:
        return None
    if secret and context.get_parameter_source(name) is ParameterSource.ENVIRONMENT:
        return None
    return context.params.get(name) or None


@contextmanager
def _repository_variable(repository: str | None) -> Iterator[None]:
    """`HATCH_INDEX_USER` and `HATCH_INDEX_AUTH` are for the repository that Hatch was told, also with `-r`."""
    before = os.environ.get(_REPOSITORY)
    if repository is not None:
        os.environ[_REPOSITORY] = repository
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_REPOSITORY, None)
        else:
            os.environ[_REPOSITORY] = before

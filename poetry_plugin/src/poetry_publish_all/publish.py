"""Gives the URLs and credentials of our repositories to `poetry publish -r NAME`.

For kinds of repositories that Poetry does not support, our `publish` runs instead, with the exit codes of Poetry
(0 or 1).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from publish_all.cli.command import error_text
from publish_all.cli.publish_command import PublishCommand as OurPublish
from publish_all.commands.files import PublishOptions
from publish_all.commands.poetry_host import connection_of_poetry, repository_for_poetry
from publish_all.errors import ConfigurationError, PublishAllError

if TYPE_CHECKING:
    from cleo.events.console_command_event import ConsoleCommandEvent
    from poetry.console.application import Application

FAILED = 1
PROGRAM = "poetry publish-all"


def prepare_publish(application: Application, event: ConsoleCommandEvent) -> int | None:
    """Configure the repository in Poetry, if Poetry does not know it or has no credential for it.

    Returns None to continue with Poetry's own command, else the exit code of ours, which replaced it. For a
    repository that Poetry knows, errors of ours are ignored.
    """
    io, poetry = event.io, application.poetry
    name = io.input.option("repository") or "pypi"
    own = (
        "https://upload.pypi.org/legacy/" if name == "pypi" else poetry.config.get(f"repositories.{name}.url")
    )
    known = (poetry.config.get(f"{key}.{name}") for key in ("pypi-token", "http-basic"))
    if own is not None and (io.input.option("password") or any(known)):
        return None
    try:
        url, credential = repository_for_poetry(
            poetry.file.path.parent,
            name,
            project=poetry.package.name,
            mint=not io.input.option("dry-run"),
            own_url=own,
        )
    except ConfigurationError:
        return None  # Poetry reports the unknown name itself
    except PublishAllError as error:
        if own is None:
            event.disable_command()
            io.write_error_line(f"<error>{error_text(error, program=PROGRAM)}</error>")
            return FAILED
        if io.is_verbose():
            text = error_text(error, program=PROGRAM)
            io.write_error_line(f"publish-all has no credential for <info>{name}</info>: {text}")
        return None
    if url is None:
        event.disable_command()
        return _publish_instead(application, event, name)
    # The same settings as from `poetry config`, for this process only.
    settings: dict[str, object] = {"repositories": {name: {"url": url}}} if name != "pypi" else {}
    if credential is not None and credential.username != "__token__":
        username = "".join(credential.username)  # a token as user name is hidden
        settings["http-basic"] = {name: {"username": username, "password": credential.secret.reveal()}}
    elif credential is not None and credential.secret:  # empty in a dry run, which requests no token
        settings["pypi-token"] = {name: credential.secret.reveal()}
    poetry.config.merge(settings)
    if credential is not None and io.is_verbose():
        io.write_error_line(f"Credential for <info>{name}</info>: {credential.origin}")
    return None


def _publish_instead(application: Application, event: ConsoleCommandEvent, name: str) -> int:
    option = event.io.input.option
    command = OurPublish()
    command.set_application(application)
    options = PublishOptions(
        directory=application.poetry.file.path.parent,
        dry_run=bool(option("dry-run")),
        skip_existing=bool(option("skip-existing")),
        itself=True,
        build=bool(option("build")),
        output=Path(option("dist-dir")).absolute(),
        connection=connection_of_poetry(
            name,
            username=option("username"),
            password=option("password"),
            ca_cert=option("cert"),
            client_cert=option("client-cert"),
        ),
    )
    return min(command.run_with(event.io, options), FAILED)

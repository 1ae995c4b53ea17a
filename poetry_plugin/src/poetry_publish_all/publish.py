"""Poetry's own `poetry publish -r NAME` with our repositories: it learns their URLs and credentials.

A repository of a kind that Poetry can't speak to is taken over by our `publish`, with Poetry's exit
codes (0 or 1).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from publish_all.cli.command import error_text
from publish_all.cli.publish import PublishCommand as OurPublish
from publish_all.commands.files import PublishOptions
from publish_all.commands.host import HostRepository, connection_of_host, repository_for_host
from publish_all.errors import ConfigurationError, PublishAllError

if TYPE_CHECKING:
    from cleo.events.console_command_event import ConsoleCommandEvent
    from cleo.io.inputs.input import Input
    from poetry.config.config import Config
    from poetry.console.application import Application

FAILED = 1


def prepare_publish(application: Application, event: ConsoleCommandEvent) -> int | None:
    """Tell Poetry of the repository that is named, if it does not know it or has no credential for it.

    Returns None where Poetry's own command goes on, else the exit code of what was done in its place. To a
    repository of its own Poetry goes on as it would without us, whatever is wrong with what we looked at.
    """
    name = event.io.input.option("repository") or "pypi"
    poetry = application.poetry
    own = _own_url(poetry.config, name)
    if own is not None and _has_credential(poetry.config, name, event.io.input):
        return None
    try:
        found = repository_for_host(
            poetry.file.path.parent,
            name,
            project=poetry.package.name,
            mint=not event.io.input.option("dry-run"),
            own_url=own,
        )
    except ConfigurationError:
        return None  # Poetry says in its own words that it does not know the name
    except PublishAllError as error:
        if own is not None:
            if event.io.is_verbose():
                event.io.write_error_line(
                    f"publish-all has no credential for <info>{name}</info>: {error_text(error)}"
                )
            return None
        event.disable_command()
        event.io.write_error_line(f"<error>{error_text(error)}</error>")
        return FAILED
    if not found.spoken:
        event.disable_command()
        return _publish_instead(application, event, name)
    poetry.config.merge(_settings(found, name))
    if found.origin and event.io.is_verbose():
        event.io.write_error_line(f"Credential for <info>{name}</info>: {found.origin}")
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
        connection=connection_of_host(
            name,
            username=option("username"),
            password=option("password"),
            ca_cert=option("cert"),
            client_cert=option("client-cert"),
        ),
    )
    return min(command.run_with(event.io, options), FAILED)


def _own_url(config: Config, name: str) -> str | None:
    """The URL that Poetry itself has for a name."""
    if name == "pypi":
        return "https://upload.pypi.org/legacy/"
    url: str | None = config.get(f"repositories.{name}.url")
    return url


def _has_credential(config: Config, name: str, given: Input) -> bool:
    stated = given.option("password") or config.get(f"pypi-token.{name}") or config.get(f"http-basic.{name}")
    return bool(stated)


def _settings(found: HostRepository, name: str) -> dict[str, object]:
    """What `poetry config` would have set, for this process only."""
    settings: dict[str, object] = {}
    if name != "pypi":
        settings["repositories"] = {name: {"url": found.url}}
    if found.username is None or found.secret is None:
        return settings
    if found.username == "__token__":
        # Empty in a dry run, which mints no token.
        settings |= {"pypi-token": {name: found.secret.reveal()}} if found.secret else {}
    else:
        username = "".join(found.username)  # one that is a token does not show itself
        settings["http-basic"] = {name: {"username": username, "password": found.secret.reveal()}}
    return settings

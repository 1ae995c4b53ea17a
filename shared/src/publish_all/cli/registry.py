"""The commands by name, loaded when they are run: the one table for all front ends."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publish_all.cli.command import UseCaseCommand

COMMANDS = {
    "build": "build:BuildCommand",
    "check": "build:CheckCommand",
    "config": "config:ConfigCommand",
    "doctor": "publish:DoctorCommand",
    "download": "oci:DownloadCommand",
    "exec": "serve:ExecCommand",
    "explain": "config:ExplainCommand",
    "finalize": "oci:FinalizeCommand",
    "init": "init:InitCommand",
    "list": "oci:ListCommand",
    "login": "repositories:LoginCommand",
    "publish": "publish:PublishCommand",
    "repositories": "repositories:RepositoriesCommand",
    "serve": "serve:ServeCommand",
    "variants": "config:VariantsCommand",
    "version": "version:VersionCommand",
}


def load(name: str, *, as_name: str | None = None) -> UseCaseCommand:
    """The command of that name; `as_name` is what a host calls it (`publish-all check`)."""
    module, _, attribute = COMMANDS[name].partition(":")
    command: UseCaseCommand = getattr(import_module(f"publish_all.cli.{module}"), attribute)()
    command.name = as_name or name
    return command

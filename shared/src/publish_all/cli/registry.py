"""The commands by name, loaded when they are run: the one table for all front ends."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publish_all.cli.command import UseCaseCommand

COMMANDS = {
    "build": "build_command:BuildCommand",
    "check": "build_command:CheckCommand",
    "config": "config_command:ConfigCommand",
    "delete": "registry_commands:DeleteCommand",
    "doctor": "publish_command:DoctorCommand",
    "download": "registry_commands:DownloadCommand",
    "exec": "serve_command:ExecCommand",
    "explain": "config_command:ExplainCommand",
    "finalize": "registry_commands:FinalizeCommand",
    "init": "init_command:InitCommand",
    "list": "registry_commands:ListCommand",
    "login": "repositories_command:LoginCommand",
    "publish": "publish_command:PublishCommand",
    "repositories": "repositories_command:RepositoriesCommand",
    "serve": "serve_command:ServeCommand",
    "site": "registry_commands:SiteCommand",
    "unyank": "registry_commands:UnyankCommand",
    "variants": "config_command:VariantsCommand",
    "version": "version_command:VersionCommand",
    "yank": "registry_commands:YankCommand",
}


def load(name: str, *, as_name: str | None = None) -> UseCaseCommand:
    """The command of that name; `as_name` is what a host calls it (`publish-all check`)."""
    module, _, attribute = COMMANDS[name].partition(":")
    command: UseCaseCommand = getattr(import_module(f"publish_all.cli.{module}"), attribute)()
    command.name = as_name or name
    return command

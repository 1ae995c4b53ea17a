"""The commands of all front ends by name. A command is imported when it runs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cleo.commands.command import Command

COMMANDS = {
    "build": "build_command:BuildCommand",
    "check": "build_command:CheckCommand",
    "config": "config_command:ConfigCommand",
    "delete": "registry_commands:DeleteCommand",
    "doctor": "build_command:DoctorCommand",
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
OF_THE_APPLICATION = {
    "commands": "overview:CommandsCommand",
    "completions": "completions:CompletionsCommand",
    "help": "overview:HelpCommand",
}
"""Commands of `publish-all` only: a host has its own."""
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Set up": ("init", "login", "repositories"),
        "Build and publish": ("version", "variants", "build", "check", "doctor", "publish", "finalize"),
        "Install": ("exec", "download", "list", "serve", "site"),
        "Take back": ("yank", "unyank", "delete"),
        "Help": ("explain", "config", "commands", "completions", "help"),
    }
)
"""The commands as `--help` and the reference list them, in the order of a day's work."""


def load(name: str, *, as_name: str | None = None) -> Command:
    """Import and create a command; `as_name` is its name in a host, such as `publish-all check` in Poetry."""
    module, _, attribute = (COMMANDS | OF_THE_APPLICATION)[name].partition(":")
    command: Command = getattr(import_module(f"publish_all.cli.{module}"), attribute)()
    command.name = as_name or name
    return command

"""The commands by name, loaded when they are run: the one table for all front ends."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publish_all.cli.command import UseCaseCommand

COMMANDS = {
    "build": "publish_all.cli.build:BuildCommand",
    "check": "publish_all.cli.check:CheckCommand",
    "config": "publish_all.cli.config:ConfigCommand",
    "doctor": "publish_all.cli.doctor:DoctorCommand",
    "download": "publish_all.cli.download:DownloadCommand",
    "exec": "publish_all.cli.exec:ExecCommand",
    "explain": "publish_all.cli.explain:ExplainCommand",
    "finalize": "publish_all.cli.finalize:FinalizeCommand",
    "init": "publish_all.cli.init:InitCommand",
    "list": "publish_all.cli.list:ListCommand",
    "login": "publish_all.cli.login:LoginCommand",
    "publish": "publish_all.cli.publish:PublishCommand",
    "repositories": "publish_all.cli.repositories:RepositoriesCommand",
    "serve": "publish_all.cli.serve:ServeCommand",
    "variants": "publish_all.cli.variants:VariantsCommand",
    "version": "publish_all.cli.version:VersionCommand",
}


def load(name: str, *, as_name: str | None = None) -> UseCaseCommand:
    """The command of that name; `as_name` is what a host calls it (`publish-all check`)."""
    module, _, attribute = COMMANDS[name].partition(":")
    command: UseCaseCommand = getattr(import_module(module), attribute)()
    command.name = as_name or name
    return command

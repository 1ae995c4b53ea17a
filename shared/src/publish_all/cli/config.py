"""`publish-all config`, `poetry publish-all config`."""

from __future__ import annotations

import json
from typing import ClassVar

from cleo.helpers import option
from cleo.io.inputs.option import Option

from publish_all.cli.command import UseCaseCommand
from publish_all.cli.options import format_option
from publish_all.cli.page_text import keys_text, terminal_width
from publish_all.commands.config import ConfigOptions, show_config
from publish_all.events import Note
from publish_all.reporting.reporter import Reporter
from publish_all.results import Listing


class ConfigCommand(UseCaseCommand):
    name = "config"
    description = "Shows the resolved configuration, and where each value came from."
    options: ClassVar[list[Option]] = [
        option(
            "keys", None, "Show all keys that can be stated instead: type, default and meaning.", flag=True
        ),
        format_option(),
    ]
    help = """\
Shows every setting of the project, of its build variants and of the repositories it uses, with
the file and line (or variable, or default) that states it.

Examples:
  <c1>{command_full_name}</c1>
  <c1>{command_full_name} --keys</c1>
  <c1>{command_full_name} --format json</c1>
"""
    exit_codes = (0, 2)
    variables = ("PUBLISH_ALL_REPOSITORIES_<NAME>_URL",)

    def use_case(self, reporter: Reporter) -> int:
        self.check_format()
        if self.option("keys"):
            self._show_keys(reporter)
            return 0
        result = show_config(ConfigOptions(directory=self.directory))
        for note in result.notes:
            reporter.listener(Note(message=note))
        rows = tuple((each.key, _toml(each.value), each.origin) for each in result.settings)
        reporter.show(Listing(kind="settings", columns=("key", "value", "origin"), rows=rows))
        return 0

    def _show_keys(self, reporter: Reporter) -> None:
        from publish_all.config.reference import SECTIONS

        if self.option("format") == "text":
            self.line(keys_text(SECTIONS, width=terminal_width()))
            return
        rows = tuple(
            (section.table, key.name, key.shown_type, key.default or "", key.meaning)
            for section in SECTIONS
            for key in section.keys
        )
        columns = ("table", "key", "type", "default", "meaning")
        reporter.show(Listing(kind="keys", columns=columns, rows=rows))


def _toml(value: object) -> str:
    """A value as one line of TOML, which for these types is what JSON writes too."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)

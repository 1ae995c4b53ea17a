"""The log of GitHub Actions: the runner runs the commands in it, so only we may write them.

The runner reads `::name ::value` at the start of a line, also after spaces, and `##[name]value` anywhere in
one (ActionCommand.cs of https://github.com/actions/runner, `TryParseV2` and `TryParse`).
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping

_ENDS = r"\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
# Spaces without the ends of lines: with them, a text of empty lines would take quadratic time.
_AT_START = re.compile(rf"(^|[{_ENDS}])([^\S{_ENDS}]*):(?=:)")


def harmless(text: str) -> str:
    """Foreign text in which the runner finds no command."""
    return _AT_START.sub(r"\1\2: ", text).replace("##[", "# #[")


def command(name: str, text: str, **properties: str) -> str:
    """A command as a line. Neither `text` nor a property can end it or start another one."""
    stated = ",".join(f"{key}={_property(each)}" for key, each in properties.items())
    return f"::{name} {stated}::{_data(text)}" if stated else f"::{name}::{_data(text)}"


def mask_for(environment: Mapping[str, str]) -> Callable[[str], None]:
    """Masks secrets in the log of GitHub Actions, each line of them; does nothing elsewhere."""

    def mask(secret: str) -> None:
        in_actions = environment.get("GITHUB_ACTIONS") == "true"
        for line in dict.fromkeys(each.strip() for each in secret.splitlines()):
            if line and in_actions:
                # The runner reads commands from either output.
                sys.stderr.write(command("add-mask", line) + "\n")
                sys.stderr.flush()

    return mask


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

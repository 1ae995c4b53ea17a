"""`publish-all exec`, `poetry publish-all exec`."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import argument, option
from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option
from cleo.io.io import IO

from publish_all.cli.connection import ConnectingCommand
from publish_all.cli.index_options import MOST_PORT, index_options, read_index_options
from publish_all.cli.manual import CREDENTIAL_VARIABLES
from publish_all.cli.options import repository_options
from publish_all.commands.exec import ExecOptions, execute
from publish_all.errors import UsageError
from publish_all.reporting.reporter import Reporter

OURS = 125
"""The exit code for whatever is not the command's own, as env and docker have it."""


class ExecCommand(ConnectingCommand):
    name = "exec"
    description = "Runs a command, such as pip install, with a temporary package index over repositories."
    arguments: ClassVar[list[Argument]] = [
        argument("program", "What to run, with its arguments; write it after --.", multiple=True)
    ]
    options: ClassVar[list[Option]] = [
        *repository_options("Install from"),
        *index_options(),
        option("port", None, "The port of the index (default: any free one).", flag=False),
        option("no-fallback", None, "Install from the repositories alone.", flag=True),
    ]
    help = """\
Starts an index on a port of this machine that only the command can use, and runs the command with
<c1>PIP_INDEX_URL</c1>, <c1>UV_DEFAULT_INDEX</c1> and the like set to it. The configuration files of pip and uv are
switched off for the command; settings in them that do not name an index are passed on. Private names come
from the repositories only. If any are known (by <c1>--private</c1>, or as the project's own), all others come from
<c1>--fallback</c1>, or else from the index that pip or uv is configured to, or else from PyPI.

A command that names other indexes itself (an option, a requirements file, a lock file), and Poetry, which
takes indexes from pyproject.toml only, are not started. The exit code is the command's; 125 if it could not
be run. Where it fails, the reasons of the index are shown after it.

Examples:
  <c1>{command_full_name} -r github -- pip install kindling-synapse</c1>
  <c1>{command_full_name} -r github --private "kindling-*" -- uv pip install kindling-synapse</c1>
  <c1>{command_full_name} -r github --private "kindling-*" --fallback https://pypi.org/simple/ --fallback https://download.pytorch.org/whl/cpu -- pip install kindling-synapse</c1>
"""
    exit_codes = (0, 125)
    variables = CREDENTIAL_VARIABLES

    _ran = False

    def run(self, io: IO) -> int:
        code = super().run(io)
        return OURS if code and not self._ran else code

    def use_case(self, reporter: Reporter) -> int:
        port = self.whole_number("port", most=MOST_PORT) or 0
        index = read_index_options(self)
        no_fallback = bool(self.option("no-fallback"))
        if no_fallback and index.fallbacks:
            msg = "--fallback and --no-fallback say the opposite"
            raise UsageError(msg, hint="Leave one of them out.")
        code = execute(
            ExecOptions(
                index=index,
                command=tuple(str(each) for each in self.argument("program")),
                port=port,
                no_fallback=no_fallback,
            ),
            listener=reporter.listener,
        )
        self._ran = True
        return code

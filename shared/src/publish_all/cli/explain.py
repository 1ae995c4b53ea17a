"""`publish-all explain CODE`, `poetry publish-all explain CODE`."""

from __future__ import annotations

from typing import ClassVar

from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option

from publish_all.cli.command import UseCaseCommand
from publish_all.cli.options import FORMAT, Operand
from publish_all.reporting.reporter import Reporter


class ExplainCommand(UseCaseCommand):
    name = "explain"
    description = "Explain the code of an error, a warning or a note"
    arguments: ClassVar[list[Argument]] = [
        Operand("code", "CODE", "The code that a finding names, such as PA301, or its name.", required=True)
    ]
    options: ClassVar[list[Option]] = [FORMAT]
    help = """\
Says what a code means, why it matters, what to do next, and who says so. Nothing is asked over
the network.

Examples:
  <c1>{command_full_name} PA301</c1>
  <c1>{command_full_name} token-for-other-index</c1>
"""

    def use_case(self, reporter: Reporter) -> int:
        from publish_all.commands.explain import explain

        reporter.show(explain(str(self.argument("code"))))
        return 0

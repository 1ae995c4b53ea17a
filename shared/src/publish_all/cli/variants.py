"""`publish-all variants`, `poetry publish-all variants`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from cleo.helpers import option
from cleo.io.inputs.option import Option
from cleo.io.outputs.output import Type as OutputType

from publish_all.cli.command import UseCaseCommand
from publish_all.cli.manual import VERSION_VARIABLES
from publish_all.cli.options import format_option
from publish_all.commands.variants import VariantRow, VariantsOptions, VariantsResult, list_variants
from publish_all.reporting.reporter import Reporter
from publish_all.results import Listing


class VariantsCommand(UseCaseCommand):
    name = "variants"
    description = "Lists the build variants: name, version, and what differs from the project."
    options: ClassVar[list[Option]] = [
        option(
            "diff", None, "Show this variant's resolved pyproject.toml against the project's.", flag=False
        ),
        format_option(),
    ]
    help = """\
Lists what a build makes. With --diff, shows the resolved pyproject.toml of one variant (the one
that its sdist holds) against the project's own.

Examples:
  <c1>{command_full_name}</c1>
  <c1>{command_full_name} --diff synapse</c1>
"""
    exit_codes = (0, 1, 2)
    variables = VERSION_VARIABLES

    def use_case(self, reporter: Reporter) -> int:
        self.check_format()
        options = VariantsOptions(directory=self.directory, diff=self.text("diff"))
        result = list_variants(options, listener=reporter.listener)
        if result.diff is not None and self.option("format") == "text":
            self.io.write(result.diff or "no difference\n", type=OutputType.RAW)
            return 0
        reporter.show(_listing(result, spread=self.option("format") == "text"))
        return 0


def _listing(result: VariantsResult, *, spread: bool) -> Listing:
    """With `spread` each difference has a line of its own, for reading; else there is one row a variant."""
    if result.diff is not None:
        row = (result.variants[0].variant or "", result.diff)
        return Listing(kind="diff", columns=("variant", "diff"), rows=(row,))
    rows = [row for each in result.variants for row in _rows(each, spread=spread)]
    return Listing(kind="variants", columns=("variant", "name", "version", "differences"), rows=tuple(rows))


def _rows(row: VariantRow, *, spread: bool) -> Iterator[tuple[str, ...]]:
    head = (row.variant or "", row.project, row.version)
    if not spread or not row.differences:
        yield (*head, "; ".join(row.differences) or "the project itself")
        return
    for place, difference in enumerate(row.differences):
        yield (*(head if place == 0 else ("", "", "")), difference)

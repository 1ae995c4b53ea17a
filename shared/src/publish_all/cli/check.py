"""`publish-all check`, `poetry publish-all check`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from cleo.helpers import argument, option
from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option

from publish_all.cli.command import UseCaseCommand
from publish_all.cli.manual import BUILD_VARIABLES
from publish_all.cli.options import allow_missing_option, format_option, variant_option
from publish_all.commands.check import CheckOptions, check
from publish_all.reporting.reporter import Reporter


class CheckCommand(UseCaseCommand):
    name = "check"
    description = "Checks distributions offline: the files named, or a fresh build."
    arguments: ClassVar[list[Argument]] = [
        argument("files", "Wheels and sdists to check.", optional=True, multiple=True)
    ]
    options: ClassVar[list[Option]] = [
        option(
            "repository",
            "r",
            "Check for this repository (may be given several times).",
            flag=False,
            multiple=True,
        ),
        variant_option(),
        allow_missing_option(),
        option("no-build", None, "Check what was built before.", flag=True),
        option(
            "rebuild",
            None,
            "Also build each sdist outside of the project, and compare it with its wheel.",
            flag=True,
        ),
        format_option(),
    ]
    help = """\
Looks at each file for the repositories in `publish-to`, and uploads nothing. Without files it builds into a
temporary folder. Looked at are metadata and the upload form, name, version and tags, RECORD, readme, paths
and links, what a wheel installs, credentials and notebooks' outputs; and, of several files, whether they
state the same, and build variants differ in what their configuration says and in nothing else.

All of this is done offline, but for --rebuild where a build backend is not installed here.

Examples:
  <c1>{command_full_name}</c1>
  <c1>{command_full_name} --rebuild</c1>
  <c1>{command_full_name} -r pypi dist/demo-1.0-py3-none-any.whl</c1>
"""
    exit_codes = (0, 1, 2, 4)
    variables = BUILD_VARIABLES

    def use_case(self, reporter: Reporter) -> int:
        self.check_format()
        options = CheckOptions(
            directory=self.directory,
            files=tuple(Path(str(each)) for each in self.argument("files") or ()),
            variants=self.texts("variant"),
            repositories=self.texts("repository"),
            build=not self.option("no-build"),
            allow_missing=bool(self.option("allow-missing")),
            rebuild=bool(self.option("rebuild")),
        )
        result = check(options, listener=reporter.listener)
        reporter.show(result.summary)
        return result.exit_code

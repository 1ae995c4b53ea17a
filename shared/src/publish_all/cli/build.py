"""`publish-all build`, `poetry build-all`."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import option
from cleo.io.inputs.option import Option

from publish_all.cli.command import UseCaseCommand
from publish_all.cli.manual import BUILD_VARIABLES
from publish_all.cli.options import allow_missing_option, format_option, variant_option
from publish_all.commands.build import KINDS, BuildOptions, build
from publish_all.reporting.reporter import Reporter


class BuildCommand(UseCaseCommand):
    name = "build"
    description = "Builds all build variants of the project."
    options: ClassVar[list[Option]] = [
        variant_option(),
        option(
            "wheel-tag",
            None,
            "Only the platform wheel of this tag (may be given several times).",
            flag=False,
            multiple=True,
        ),
        allow_missing_option(),
        option("kind", "f", "Only this kind of distribution: wheel or sdist.", flag=False, multiple=True),
        option("reproduce", None, "Build twice, in different folders, and compare the bytes."),
        option("output", "o", "The folder to build into (default: `dist-dir`).", flag=False),
        option(
            "manifest",
            None,
            "Also list the files in this file, for `publish --manifest` in another job.",
            flag=False,
        ),
        format_option(),
    ]
    help = """\
Builds every build variant of the project with its own build backend. The output folder gets the
wheels and sdists, and nothing else is written to the working tree. To publish the files in another
job, write a manifest and hand it over together with the output folder. With a manifest, the commands of
before-publish must pass first, as they do not run in the job that publishes.

Examples:
  <c1>{command_full_name}</c1>
  <c1>{command_full_name} --variant synapse -f wheel</c1>
  <c1>{command_full_name} --wheel-tag py3-none-win_amd64</c1>
  <c1>{command_full_name} --reproduce</c1>
  <c1>{command_full_name} --manifest publish-all-manifest.json</c1>
"""
    exit_codes = (0, 1, 2, 4)
    variables = BUILD_VARIABLES

    def use_case(self, reporter: Reporter) -> int:
        self.check_format()
        options = BuildOptions(
            directory=self.directory,
            variants=self.texts("variant"),
            kinds=self.texts("kind") or KINDS,
            output=self.path("output"),
            wheel_tags=self.texts("wheel-tag"),
            allow_missing=bool(self.option("allow-missing")),
            reproduce=bool(self.option("reproduce")),
            manifest=self.path("manifest"),
        )
        reporter.show(build(options, listener=reporter.listener).summary)
        return 0

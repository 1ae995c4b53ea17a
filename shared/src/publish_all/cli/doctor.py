"""`publish-all doctor`, `poetry publish-all doctor`."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import option
from cleo.io.inputs.option import Option

from publish_all.cli.connection import ConnectingCommand
from publish_all.cli.manual import BUILD_VARIABLES, CREDENTIAL_VARIABLES
from publish_all.cli.options import allow_missing_option, format_option, repository_options, variant_option
from publish_all.reporting.reporter import Reporter


class DoctorCommand(ConnectingCommand):
    name = "doctor"
    description = "Says what would keep a publish from working, and what to do about it."
    options: ClassVar[list[Option]] = [
        *repository_options("Look at"),
        variant_option(),
        option("offline", None, "Ask no repository and no git remote.", flag=True),
        option("no-build", None, "Look at what was built before.", flag=True),
        allow_missing_option(),
        option(
            "allow-dirty",
            None,
            "Do not mind uncommitted changes, as with `publish --allow-dirty`.",
            flag=True,
        ),
        option("skip-existing", None, "Do not mind files that are there with other bytes.", flag=True),
        format_option(),
    ]
    help = """\
Goes through everything that a publish does before its first upload, for each destination, and
looks further where a publish would stop: configuration, version, files, credentials, trusted
publishing, workflows, names. Nothing is uploaded, and no token is minted. It ends with 0 if a
publish would be attempted, else with the code that the publish would end with.

Examples:
  <c1>{command_full_name}</c1>
  <c1>{command_full_name} -r pypi</c1>
  <c1>{command_full_name} --offline --format json</c1>
"""
    exit_codes = (0, 1, 2, 3, 4, 6)
    variables = (*CREDENTIAL_VARIABLES, *BUILD_VARIABLES)

    def use_case(self, reporter: Reporter) -> int:
        from publish_all.commands.doctor import DoctorOptions, doctor

        self.check_format()
        options = DoctorOptions(
            directory=self.directory,
            variants=self.texts("variant"),
            offline=bool(self.option("offline")),
            build=not self.option("no-build"),
            allow_missing=bool(self.option("allow-missing")),
            allow_dirty=bool(self.option("allow-dirty")),
            skip_existing=bool(self.option("skip-existing")),
            connection=self.connection(),
        )
        report = doctor(options, listener=reporter.listener)
        reporter.show(report)
        return report.exit_code

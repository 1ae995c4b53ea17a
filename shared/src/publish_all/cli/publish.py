"""`publish-all publish`, `poetry publish-all`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from cleo.helpers import option
from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option
from cleo.io.io import IO

from publish_all.cli.cancel import cancelled_by_signals
from publish_all.cli.command import abandon_output
from publish_all.cli.connection import ConnectingCommand
from publish_all.cli.manual import BUILD_VARIABLES, CREDENTIAL_VARIABLES
from publish_all.cli.options import (
    FILES,
    allow_missing_option,
    format_option,
    repository_options,
    variant_option,
)
from publish_all.cli.registry import COMMANDS
from publish_all.commands.publish import PublishOptions, publish
from publish_all.config.suggest import nearest
from publish_all.errors import UsageError
from publish_all.reporting.reporter import Reporter


class PublishCommand(ConnectingCommand):
    name = "publish"
    description = "Builds, checks and uploads all build variants, to one repository or several."
    arguments: ClassVar[list[Argument]] = [FILES]
    options: ClassVar[list[Option]] = [
        *repository_options(),
        variant_option(),
        option("dry-run", None, "Show what would be done; preflight for real, upload nothing.", flag=True),
        option("skip-existing", None, "Skip files that are there with other bytes, too.", flag=True),
        option("no-build", None, "Publish what was built before.", flag=True),
        option("manifest", None, "Publish what this file lists, which `build --manifest` wrote.", flag=False),
        allow_missing_option(),
        option(
            "allow-dirty", None, "Publish to PyPI with uncommitted changes in the working tree.", flag=True
        ),
        option("fresh", None, "Start over: forget an unfinished run, and build again.", flag=True),
        option(
            "from",
            None,
            "Publish what this repository has of NAME==VERSION (default: of the project).",
            flag=False,
        ),
        option(
            "rehearse",
            None,
            "Publish to testpypi first; install and import from there, then go on.",
            flag=True,
        ),
        option(
            "receipt",
            None,
            "Push to OCI repositories, and leave the listing to `finalize`, to be given this file.",
            flag=False,
        ),
        option("jobs", "j", "How many uploads at a time, at most.", flag=False),
        option("no-verify", None, "Do not look whether the index lists the files.", flag=True),
        option(
            "verify-timeout",
            None,
            "Seconds to wait for the index to list the files (default: 180; 0: as --no-verify).",
            flag=False,
        ),
        format_option(),
        option("events", None, "With --format json: one line of JSON for each event.", flag=True),
    ]
    help = """\
Builds every build variant, checks the files, asks each repository whether they can go there,
and only then uploads them. A file that is already there with the same bytes is skipped. A run
that was interrupted is finished by running it again.

With --no-build, the files are those that `publish-all build` made here. If it made none, they are the
files in `dist-dir` that have the name and version of the project or its build variants and that git
does not track; they are listed before the upload.

Examples:
  <c1>{command_full_name} -r testpypi</c1>
  <c1>{command_full_name} -r corp --variant synapse</c1>
  <c1>{command_full_name} --dry-run</c1>
  <c1>{command_full_name} --rehearse</c1>
  <c1>{command_full_name} --from testpypi -r pypi demo==1.0</c1>
  <c1>{command_full_name} -r pypi dist/demo-1.0-py3-none-any.whl</c1>
  <c1>{command_full_name} -r pypi --manifest publish-all-manifest.json</c1>
"""
    exit_codes = (0, 1, 2, 3, 4, 5, 6)
    variables = (*CREDENTIAL_VARIABLES, *BUILD_VARIABLES)

    def use_case(self, reporter: Reporter) -> int:
        self.check_format()
        return _publish(self.publish_options(), reporter)

    def run_with(self, io: IO, options: PublishOptions) -> int:
        """Publish in place of a host's own command: with its streams, and these options. Returns our exit code."""
        self._io = io
        return self.reported(lambda reporter: _publish(options, reporter), self.make_reporter())

    def publish_options(self) -> PublishOptions:
        """The options of the command line as values. Raises `UsageError`."""
        source, manifest = self.text("from"), self.path("manifest")
        if manifest is not None and (source is not None or self._names()):
            msg = "--manifest says which files to publish, so neither files nor --from go with it"
            raise UsageError(msg, hint="Leave one of them out.")
        return PublishOptions(
            directory=self.directory,
            files=() if source is not None else self._files(),
            manifest=manifest,
            source=source,
            releases=self._names() if source is not None else (),
            rehearse=bool(self.option("rehearse")),
            receipt=self.path("receipt"),
            variants=self.texts("variant"),
            dry_run=bool(self.option("dry-run")),
            skip_existing=bool(self.option("skip-existing")),
            build=not self.option("no-build"),
            allow_dirty=bool(self.option("allow-dirty")),
            allow_missing=bool(self.option("allow-missing")),
            fresh=bool(self.option("fresh")),
            jobs=self.whole_number("jobs", least=1),
            verify=not self.option("no-verify"),
            verify_timeout=self.number("verify-timeout"),
            connection=self.connection(),
            cancelling=cancelled_by_signals,
        )

    def _names(self) -> tuple[str, ...]:
        return tuple(str(each) for each in self.argument("files") or ())

    def _files(self) -> tuple[Path, ...]:
        names = self._names()
        program = self.called_as.removesuffix(" publish")
        for name in names:
            if name in COMMANDS and not Path(name).exists():
                msg = f"`{program} {name}` is not a command here, and there is no file {name}"
                raise UsageError(msg)
            if "." not in name and not Path(name).exists() and (meant := nearest(name, COMMANDS)):
                msg = f"there is no file {name}"
                raise UsageError(msg, hint=f"Did you mean the command `{program} {meant}`?")
        return tuple(Path(name) for name in names)


def _publish(options: PublishOptions, reporter: Reporter) -> int:
    result = publish(options, listener=reporter.listener)
    try:
        reporter.show(result.report)
        if result.refused is not None:
            reporter.error(result.refused)
    except OSError:
        # What was published is published, whether or not that can be told.
        abandon_output()
    return result.exit_code

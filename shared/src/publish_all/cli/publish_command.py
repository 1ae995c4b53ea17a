"""`publish-all publish` and `publish-all doctor`, which looks at all that a publish would do first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cleo.io.io import IO

from publish_all.cli import options as common
from publish_all.cli.cancel import cancelled_by_signals
from publish_all.cli.command import ConnectingCommand, abandon_output
from publish_all.cli.options import FORMAT, Operand, Value, flag
from publish_all.cli.registry import COMMANDS
from publish_all.config.problems import nearest
from publish_all.errors import UsageError

if TYPE_CHECKING:
    from publish_all.commands.files import PublishOptions


class PublishCommand(ConnectingCommand):
    """Builds every build variant, checks the files, asks each repository whether they can go there,
    and only then uploads them. A file that is already there with the same bytes is skipped. If a run is
    interrupted, run it again to finish it.

    With --no-build, the files are those that `publish-all build` made here. If it made none, they are the
    files in `dist-dir` that have the name and version of the project or its build variants and that git
    does not track; they are listed before the upload.
    """

    name = "publish"
    description = "Build, check and upload all build variants, to one repository or several"
    takes = (
        Operand(
            "files",
            "FILE",
            "Wheels and sdists to publish as they are, instead of building the project.",
            several=True,
        ),
        *common.repository_options(),
        common.VARIANT,
        *common.WORKSPACE,
        flag("dry-run", "Show what a publish would do, after all checks; upload nothing."),
        flag("skip-existing", "Also skip files that exist with other bytes."),
        flag("no-build", "Publish what was built before."),
        Value("manifest", "FILE", "Publish what this file lists, which `build --manifest` wrote"),
        common.ALLOW_MISSING,
        *common.BUILD_ENVIRONMENT,
        flag("allow-dirty", "Publish to PyPI with uncommitted changes in the working tree."),
        flag("fresh", "Start over: forget an unfinished run, and build again."),
        Value(
            "from",
            "REPOSITORY",
            "Publish what this repository has of NAME==VERSION (default: of the project)",
            names="repositories",
        ),
        flag("rehearse", "Publish to testpypi first; install and import from there, then go on."),
        Value(
            "receipt",
            "FILE",
            "Push to OCI repositories, and leave the listing to `finalize`, which is given this file",
        ),
        Value("jobs", "N", "How many uploads at a time, at most", short="j"),
        flag("no-verify", "Do not check that the index lists the files."),
        Value(
            "verify-timeout",
            "SECONDS",
            "Seconds to wait for the index to list the files (default: 180; 0: as --no-verify)",
        ),
        FORMAT,
        flag("events", "With --format json: one line of JSON for each event."),
    )
    examples = (
        "-r testpypi",
        "-r corp --variant synapse",
        "--dry-run",
        "--rehearse",
        "--from testpypi -r pypi demo==1.0",
        "-r pypi dist/demo-1.0-py3-none-any.whl",
        "-r pypi --manifest publish-all-manifest.json",
    )
    exit_codes = (0, 1, 2, 3, 4, 5, 6)
    variables = (*common.CREDENTIAL_VARIABLES, *common.BUILD_VARIABLES)

    def use_case(self) -> int:
        return self._publish(self.publish_options())

    def run_with(self, io: IO, options: PublishOptions) -> int:
        """Publish in place of a host's own command: with its streams, and these options. Returns our exit code."""
        self._io = io
        return self.reported(lambda: self._publish(options), self.make_reporter())

    def _publish(self, options: PublishOptions) -> int:
        from publish_all.commands.publish import publish

        result = publish(options, listener=self.listener)
        try:
            self.show(result.report)
            if result.refused is not None:
                self.reporter.error(result.refused)
        except OSError:
            # What was published is published, whether or not that can be told.
            abandon_output()
        return result.exit_code

    def publish_options(self) -> PublishOptions:
        """The options of the command line as values. Raises `UsageError`."""
        source, manifest, names = self.text("from"), self.path("manifest"), self.operands("files")
        if manifest is not None and (source is not None or names):
            msg = "--manifest says which files to publish, so neither files nor --from go with it"
            raise UsageError(msg, hint="Leave one of them out.")
        return self.files_options(
            files=self._files(names) if source is None else (),
            manifest=manifest,
            source=source,
            releases=names if source is not None else (),
            receipt=self.path("receipt"),
            jobs=self.number("jobs", int, least=1),
            verify=not self.option("no-verify"),
            verify_timeout=self.number("verify-timeout", float),
            connection=self.connection(),
            cancelling=cancelled_by_signals,
        )

    def _files(self, names: tuple[str, ...]) -> tuple[Path, ...]:
        for name in names:
            if name in COMMANDS and not Path(name).exists():
                msg = f"`{self.program} {name}` is not a command here, and there is no file {name}"
                raise UsageError(msg)
            if "." not in name and not Path(name).exists() and (meant := nearest(name, COMMANDS)):
                msg = f"there is no file {name}"
                raise UsageError(msg, hint=f"Did you mean the command `{self.program} {meant}`?")
        return tuple(map(Path, names))


class DoctorCommand(ConnectingCommand):
    """Goes through everything that a publish does before its first upload, for each destination, and
    looks further where a publish would stop: configuration, version, files, credentials, trusted
    publishing, workflows, names. Nothing is uploaded, and no token is minted. The exit code is 0 if a
    publish would be attempted, else the code that the publish would end with.
    """

    name = "doctor"
    description = "Find what would stop a publish, and say how to fix it"
    takes = (
        *common.repository_options("Look at"),
        common.VARIANT,
        *common.WORKSPACE,
        flag("offline", "Ask no repository and no git remote."),
        flag("no-build", "Look at what was built before."),
        common.ALLOW_MISSING,
        *common.BUILD_ENVIRONMENT,
        flag("allow-dirty", "Allow uncommitted changes, as with `publish --allow-dirty`."),
        flag("skip-existing", "Allow files that exist with other bytes."),
        FORMAT,
    )
    examples = ("", "-r pypi", "--offline --format json")
    exit_codes = (0, 1, 2, 3, 4, 6)
    variables = (*common.CREDENTIAL_VARIABLES, *common.BUILD_VARIABLES)

    def use_case(self) -> int:
        from publish_all.commands.doctor import doctor

        report = doctor(self.files_options(connection=self.connection()), listener=self.listener)
        self.show(report)
        return report.exit_code

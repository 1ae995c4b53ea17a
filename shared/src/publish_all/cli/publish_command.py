"""`publish-all publish`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cleo.io.io import IO

from publish_all._process import INTERRUPTED, TERMINATION, on_signals
from publish_all.cli import options as common
from publish_all.cli.command import ConnectingCommand, abandon_output
from publish_all.cli.options import FORMAT, Operand, Value, flag
from publish_all.errors import UsageError

if TYPE_CHECKING:
    from publish_all.commands.files import PublishOptions
    from publish_all.upload.workers import Cancellation


class PublishCommand(ConnectingCommand):
    """Builds all build variants, checks the files, and asks each repository whether it can take them. The upload
    starts only if all checks pass. Files that already exist with the same content are skipped. If a run
    stops half-way, run the command again to resume it.

    With --no-build, the files of the last `publish-all build` are published. If there are none, the files in
    `dist-dir` are used that have the name and version of the project or of a build variant and are not
    tracked by git. They are listed before the upload.
    """

    name = "publish"
    description = "Build, check and upload all build variants"
    takes = (
        Operand(
            "files",
            "FILE",
            "Wheels and sdists to publish (default: build the project).",
            several=True,
        ),
        common.repository_option("Publish to"),
        flag("dry-run", "Build and check the files, and show what would be uploaded."),
        flag("no-build", "Publish the files of the last build."),
        flag("skip-existing", "Also skip files that already exist with other content."),
        flag("allow-dirty", "Allow uncommitted changes when publishing to PyPI."),
        flag("fresh", "Build again, and do not resume an unfinished run."),
        flag("rehearse", "Publish to TestPyPI first, and test the install from there."),
        Value(
            "from",
            "REPOSITORY",
            "Copy releases from this repository, given as NAME==VERSION (default: the project's)",
            names="repositories",
        ),
        Value("manifest", "FILE", "Publish the files of this manifest, made by `build --manifest`"),
        Value(
            "receipt",
            "FILE",
            "Push to OCI repositories without listing the files, and write a receipt for `finalize`",
        ),
        *common.BUILD,
        Value("jobs", "N", "The number of parallel uploads", short="j"),
        flag("no-verify", "Do not check that the index lists the new files."),
        Value(
            "verify-timeout",
            "SECONDS",
            "How long to wait for the index to list the files, in seconds (default: 180)",
        ),
        FORMAT,
        flag("events", "With --format json, also print each event as one line of JSON."),
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
        """Publish with these options and the streams of a host. Returns our exit code."""
        self._io = io
        return self.reported(
            lambda: self._publish(options.heard_by(self.reporter.listener)), self.make_reporter()
        )

    def _publish(self, options: PublishOptions) -> int:
        from publish_all.commands.publish import publish

        result = publish(options)
        try:
            self.reporter.show(result.report)
            if result.refused is not None:
                self.reporter.error(result.refused)
        except OSError:
            # The files are published even if the report cannot be written.
            abandon_output()
        return result.exit_code

    def publish_options(self) -> PublishOptions:
        """Read the options of the command line. Raises `UsageError`."""
        source, manifest, names = self.text("from"), self.path("manifest"), self.operands("files")
        if manifest is not None and (source is not None or names):
            msg = "--manifest cannot be combined with files or --from"
            raise UsageError(msg, hint="Remove one of them.")
        return self.files_options(
            files=tuple(map(Path, names)) if source is None else (),
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


@contextmanager
def cancelled_by_signals() -> Iterator[Cancellation]:
    """A cancellation that signals set while the block runs. The first signal lets running uploads finish, the second aborts them."""
    from publish_all.upload.workers import Cancellation

    cancellation = Cancellation()

    def cancel(_: int) -> None:
        cancellation.cancel()
        INTERRUPTED.set()

    try:
        with on_signals((signal.SIGINT, *TERMINATION), cancel):
            yield cancellation
    finally:
        INTERRUPTED.clear()

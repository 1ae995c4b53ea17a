"""Publish: build, check, before-publish, preflight, upload, verify. Nothing leaves before all of it may.

What follows once it is clear where to publish to is in `publish_files`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from publish_all._values import dataclass
from publish_all.builders.manifest import Manifest, read_manifest
from publish_all.builders.output import output_folder
from publish_all.commands.coded import coded
from publish_all.commands.context import Surroundings, project_of_files
from publish_all.commands.default_destination import ensure_default_is_meant
from publish_all.commands.destinations import ConnectionOptions, choose_destinations
from publish_all.config.model import ProjectConfig
from publish_all.errors import PublishAllError, UsageError
from publish_all.events import Listener, ignore, unless_it_breaks
from publish_all.repositories.repository import Repository
from publish_all.results import PlanReport, PublishReport
from publish_all.upload.retry import Cancellation

if TYPE_CHECKING:  # only for a run with --receipt
    from publish_all.repositories.oci_receipt import ReceiptFile

DEFAULT_JOBS = 8
REHEARSAL = "testpypi"


def _never() -> AbstractContextManager[Cancellation]:
    return nullcontext(Cancellation())


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishOptions:
    """What to publish and how.

    `files` are published as they are, instead of the project; `variants` names some of the build
    variants, `itself` asks for the project and none of them; `build` False takes what was built before, which is
    what the file `manifest` lists where one is named; with
    `allow_missing`, platform wheels whose files are not there are left out; `fresh` forgets an unfinished run; `output`
    is where built files lie, instead of `dist-dir`. With `source`, the very files that this repository has
    of `releases` (`NAME==VERSION`) are published. `rehearse` publishes to the test index first, and goes on
    only if what is there can be installed and imported. `receipt` is a file to write down what OCI
    repositories are given, which then leave the listing of it to `finalize`.
    `verify_timeout` is in seconds, None for the default. `cancelling` is entered around preflight and
    uploads: what it gives can end them early.
    """

    directory: Path
    files: tuple[Path, ...] = ()
    variants: tuple[str, ...] = ()
    itself: bool = False
    dry_run: bool = False
    skip_existing: bool = False
    build: bool = True
    manifest: Path | None = None
    allow_missing: bool = False
    allow_dirty: bool = False
    fresh: bool = False
    source: str | None = None
    releases: tuple[str, ...] = ()
    rehearse: bool = False
    receipt: Path | None = None
    output: Path | None = None
    jobs: int | None = None
    verify: bool = True
    verify_timeout: float | None = None
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)
    cancelling: Callable[[], AbstractContextManager[Cancellation]] = _never

    @property
    def around(self) -> Surroundings:
        return self.connection.around

    @property
    def builds(self) -> bool:
        """Whether the files are built in this run: otherwise no commands of the project run."""
        return self.build and not self.files and self.manifest is None and self.source is None

    def folder(self, config: ProjectConfig) -> Path:
        """Where the project's files are built."""
        return self.output or output_folder(config)


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishResult:
    """What came of it. After a dry run `refused` is the error that a real run would end with, if any."""

    report: PublishReport | PlanReport
    refused: PublishAllError | None = None

    @property
    def exit_code(self) -> int:
        if self.refused is not None:
            return self.refused.exit_code
        return self.report.exit_code if isinstance(self.report, PublishReport) else 0


@coded()
def publish(options: PublishOptions, *, listener: Listener = ignore) -> PublishResult:
    """Publish, or with `dry_run` say what would be done.

    Nothing is uploaded anywhere before all checks and all preflights have passed. Raises
    `PublishAllError` of the branch that fits as long as nothing is uploaded; what became of each file
    afterwards is in the report.
    """
    listener = unless_it_breaks(listener)
    named = bool(options.files or options.releases or options.manifest)
    config = project_of_files(options.directory, optional=named)
    ensure_default_is_meant(config, options.connection, listener=listener)
    repositories = choose_destinations(
        config, options.connection, listener=listener, receipt=_receipt(options)
    )
    if not repositories:
        msg = "nothing says where to publish to: tool.publish-all.publish-to is empty"
        raise UsageError(msg, hint="Name a repository there, or with -r.")
    if options.receipt is not None and not any(each.kind.registry for each in repositories):
        msg = "--receipt is for repositories of the kind oci, and there is none among those named"
        raise UsageError(msg, hint="Name one with -r, or leave --receipt out.")
    rehearsal = _rehearsal(config, options, listener)
    from publish_all.commands.publish_files import publish_files

    return publish_files(config, repositories, rehearsal, _as_built(options), listener=listener)


def _as_built(options: PublishOptions) -> PublishOptions:
    """With a manifest, in the version that it states: a job that publishes runs no project code to ask for it."""
    manifest = read_manifest(options.manifest) if options.manifest is not None else None
    if manifest is None:
        return options
    around = replace(options.around, built_version=_version_of(manifest))
    return replace(options, connection=replace(options.connection, around=around))


def _version_of(manifest: Manifest) -> str:
    """What the manifest states, or the one version of all its files, but for the local part that variants may add; else empty."""
    if manifest.version is not None:
        return manifest.version
    found = {
        each.version if each.variant is None else each.version.partition("+")[0] for each in manifest.entries
    }
    return found.pop() if len(found) == 1 else ""


def _receipt(options: PublishOptions) -> ReceiptFile | None:
    if options.receipt is None:
        return None
    from publish_all.repositories.oci_receipt import ReceiptFile

    receipt = ReceiptFile(options.receipt)
    if not options.dry_run:
        receipt.start()
    return receipt


def _rehearsal(
    config: ProjectConfig | None, options: PublishOptions, listener: Listener
) -> Repository | None:
    """The test index, if there is to be a rehearsal. The command line's credential is not for it."""
    if not options.rehearse:
        return None
    connection = replace(
        options.connection, repositories=(REHEARSAL,), repository_url=None, username=None, password=None
    )
    return choose_destinations(config, connection, listener=listener)[0]

"""List files in an OCI registry that several jobs have pushed, with one write of the index per release."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from publish_all import diagnoses as known
from publish_all import errors
from publish_all._http_errors import HttpError
from publish_all.commands.context import project_of_files
from publish_all.commands.destinations import ConnectionOptions, open_connection
from publish_all.config.model import ProjectConfig
from publish_all.diagnoses import findings_of
from publish_all.reporting.text import count
from publish_all.repositories import oci_layout as layout
from publish_all.repositories.oci import OciRepository
from publish_all.repositories.oci_layout import PushedRelease, joined, read_receipt
from publish_all.repositories.oci_registry import Manifest
from publish_all.repositories.repository import ReleaseOutcome, in_parallel
from publish_all.repositories.simple_pages import architecture_of
from publish_all.upload.workers import Attempts, Cancellation, Clock

_CONFLICT = "files with the same names and other content already exist; nothing was listed"


def finalize(
    directory: Path, receipts: Sequence[Path], options: ConnectionOptions
) -> tuple[PushedRelease, ...]:
    """List the files of receipts from `publish --receipt`, and keep the files that are already listed. Returns the releases.

    Without a repository in `options`, that of the receipts is used. A receipt comes from another job, so it is compared
    with the manifests that it lists. Nothing is written if a file exists with other content. Raises `errors.ConflictError`, `errors.UsageError` for receipts of another repository or with other facts,
    `errors.PartialPublishError` if some releases are listed and others not.
    """
    releases = joined(release for path in receipts for release in read_receipt(path))
    if not options.repositories and options.repository_url is None:
        named = dict.fromkeys(each.repository for each in releases)
        options = replace(options, repositories=tuple(named))
    config = project_of_files(directory, optional=True)
    repository = open_registry(config, options)
    others = sorted({each.url for each in releases} - {repository.url})
    if others:  # another place has not got the files
        msg = f"the receipts are for {', '.join(others)}, but {repository.name} is {repository.url}"
        raise _unusable(msg, repository.name, "Select that repository with -r, with the same owner.")
    _check_files(repository, releases)
    conflicts = tuple(finding for each in releases for finding in repository.conflicts(each))
    if conflicts:
        raise errors.ConflictError(_CONFLICT, findings=conflicts)
    options.runtime.step("finalize", f"{repository.name}: {count(len(releases), 'release')}")
    failed: list[ReleaseOutcome] = []
    refused: errors.CredentialError | None = None
    for release in releases:
        try:
            outcome = _list(repository, release)
        except errors.CredentialError as error:
            # Each project is a separate package in the registry, with separate permissions.
            refused, outcome = error, ReleaseOutcome(complete=False, findings=findings_of(error))
        options.runtime.found(*outcome.findings)
        failed += [] if outcome.complete else [outcome]
    if refused is not None and len(failed) == len(releases):
        raise refused
    if failed:
        raise _failure(failed, releases)
    return releases


def open_registry(config: ProjectConfig | None, options: ConnectionOptions) -> OciRepository:
    """The registry that is named. Raises `UsageError` for another kind of repository."""
    (found,) = open_connection(config, options).repositories()
    if not isinstance(found, OciRepository):
        msg = f"{found.name} is not an OCI registry (its kind is {found.kind.name})"
        raise errors.UsageError(msg, hint="Select an OCI registry with -r, such as `-r github`.")
    return found


def _unusable(msg: str, where: str, hint: str) -> errors.UsageError:
    finding = known.RECEIPT_UNUSABLE.found(msg, where=where, hint=hint)
    return errors.UsageError(msg, hint=hint, findings=(finding,))


def _check_files(repository: OciRepository, releases: Sequence[PushedRelease]) -> None:
    """Each file must be in the registry as its receipt says, and be one of the release that lists it."""
    for release in releases:
        package = repository.package(release.project)
        found = in_parallel(package.manifest, [each.digest for each in release.entries])
        for entry, manifest in zip(release.entries, found, strict=True):
            wrong = _wrong(release, entry, manifest)
            if wrong is not None:
                msg = f"the receipts list {entry.annotation(layout.TITLE) or entry.digest} of {release}, but {wrong}"
                raise _unusable(msg, package.where, "Run the job that wrote this receipt again.")


def _wrong(release: PushedRelease, entry: layout.Entry, found: Manifest | None) -> str | None:
    """The difference between a file in a receipt and its manifest; None if there is none."""
    if found is None:
        return f"the registry does not have its manifest {entry.digest}"
    try:
        manifest = layout.parse_manifest(found.content)
        title = json.loads(found.content)["layers"][0]["annotations"][layout.TITLE]
    except (layout.LayoutError, LookupError, TypeError):
        return f"{entry.digest} is not the manifest of a file"
    name = str(title)
    if (
        layout.filename_of(release.project, layout.tag_of(release.version), architecture_of(name), name)
        != name
    ):
        return f"{entry.digest} is the manifest of {name}, which does not belong to this release"
    facts = {
        "name": (entry.annotation(layout.TITLE), name),
        "platform": (entry.architecture, architecture_of(name)),
        "sha256": (entry.sha256, manifest.sha256),
        "size": (entry.annotation(layout.SIZE), str(manifest.size)),
        "digest of its metadata": (entry.annotation(layout.CORE_METADATA), manifest.core_metadata),
        "size of the manifest": (entry.descriptor.get("size"), len(found.content)),
        "type of the manifest": (entry.descriptor.get("mediaType"), layout.MANIFEST_TYPE),
    }
    for what, (stated, real) in facts.items():
        if stated != real:
            return f"the {what} is {stated} in the receipt, but {real} in the manifest"
    return None


def _list(repository: OciRepository, release: PushedRelease) -> ReleaseOutcome:
    attempts = Attempts(clock=Clock(), cancellation=Cancellation())
    while True:
        attempts.number += 1
        try:
            outcome = repository.list_files(release)
        except HttpError as error:
            outcome = ReleaseOutcome(complete=False, findings=findings_of(error), retryable=error.retryable)
        if outcome.complete or not outcome.retryable or not attempts.wait(attempts.pause()):
            return outcome


def _failure(failed: Sequence[ReleaseOutcome], releases: Sequence[PushedRelease]) -> errors.PublishAllError:
    findings = tuple(finding for each in failed for finding in each.findings)
    if len(failed) < len(releases):
        msg = f"{len(releases) - len(failed)} of {len(releases)} releases were listed, the others were not"
        return errors.PartialPublishError(msg, hint="Run the same command again.", findings=findings)
    if any(each.code == "PA410" for each in findings):
        return errors.ConflictError(_CONFLICT, findings=findings)
    return errors.RepositoryError("nothing could be listed", findings=findings)

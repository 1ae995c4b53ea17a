"""Writing the index of one release: read, merge, put, look.

An index can't be compared and swapped in any registry, so this is as near as it gets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from publish_all import diagnoses as known
from publish_all.findings import Finding
from publish_all.repositories.oci_layout import INDEX_TYPE, Entry, Merge, PackageIndex, merge
from publish_all.repositories.oci_names import tag_of
from publish_all.repositories.oci_reader import file_digests, read_index
from publish_all.repositories.oci_receipt import PushedRelease
from publish_all.repositories.oci_registry import OciPackage
from publish_all.repositories.oci_replies import RefusedError
from publish_all.repositories.repository import ReleaseOutcome

ROUNDS = 8
"""How often an index is written that others keep writing over."""
LOOKS = 5
"""How often an index is read after a write until the registry shows another one than before."""


class ReleaseIndex:
    """The index of the release that `release` is a part of. Methods raise `HttpError`.

    `repository` is the name it has for people; `pause` waits before the next of several tries (its
    number, and the seconds that the registry asked for).
    """

    def __init__(
        self,
        release: PushedRelease,
        *,
        package: OciPackage,
        repository: str,
        pause: Callable[[int, float | None], None],
    ) -> None:
        self._release = release
        self._package = package
        self._repository = repository
        self._pause = pause
        self._tag = tag_of(release.version)

    def add(self) -> ReleaseOutcome:
        """Write the index with these files, unless they are in it.

        An index can't be compared and swapped, so it is read right before the write and after it, and
        written again if somebody else has written over it. Raises `HttpError`.
        """
        before: PackageIndex | None = None
        for attempt in range(1, ROUNDS + 1):
            current = self._look(unlike=before) if attempt > 1 else read_index(self._package, self._tag)
            merged = self._merged(current)
            if merged.conflicts:
                return ReleaseOutcome(complete=False, findings=tuple(self._conflicts(merged)))
            if not merged.added:
                return ReleaseOutcome(complete=True)
            try:
                self._package.put_manifest(self._tag, merged.index.render(), INDEX_TYPE)
            except RefusedError as error:
                if error.code in {"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"}:
                    return self._parts_missing(error, merged.index)
                if not error.retryable:
                    raise
                self._pause(attempt, error.retry_after)
            before = current
        finding = known.INDEX_CONTENDED.found(
            f"The index of {self._release} was written over by others {ROUNDS} times.",
            where=f"{self._package.asked.where}:{self._tag}",
            hint="Let each job publish with --receipt, and one `finalize` list all: see the guide on GitHub "
            "Packages.",
        )
        return ReleaseOutcome(complete=False, findings=(finding,), retryable=True)

    def conflicts(self) -> tuple[Finding, ...]:
        """Which of these files the index has with other bytes. Raises `HttpError`."""
        current = read_index(self._package, self._tag)
        return tuple(self._conflicts(self._merged(current)))

    def _look(self, *, unlike: PackageIndex | None) -> PackageIndex | None:
        """The index after a write. A registry may go on showing the old one for a moment."""
        current = read_index(self._package, self._tag)
        for attempt in range(1, LOOKS):
            if current != unlike:
                break
            self._pause(attempt, None)
            current = read_index(self._package, self._tag)
        return current

    def _merged(self, current: PackageIndex | None) -> Merge:
        told = file_digests(self._package, current) if current is not None else {}
        gone = frozenset(self._gone(current)) if current is not None else frozenset()
        return merge(current, self._release.entries, self._release.annotations, sha256s=told, gone=gone)

    def _gone(self, current: PackageIndex) -> Iterator[str]:
        """The manifests that the index names for our files, other than those that we write, and that are gone."""
        for each in self._release.entries:
            there = current.entry(each.architecture)
            if (
                there is not None
                and there.digest != each.digest
                and not self._package.has_manifest(there.digest)
            ):
                yield there.digest

    def _conflicts(self, merged: Merge) -> Iterator[Finding]:
        for each in merged.conflicts:
            yield known.OTHER_BYTES.found(
                f"{self._repository} has another {each.architecture} of {self._release}.",
                where=self._package.asked.where,
                hint="Release a new version. Nothing was overwritten.",
            )

    def _parts_missing(self, error: RefusedError, index: PackageIndex) -> ReleaseOutcome:
        """Which of the files can't be listed: ours, or those that are in the index already."""
        gone = [each for each in index.entries if not self._package.has_manifest(each.digest)]
        if not gone:
            return ReleaseOutcome(complete=False, findings=error.findings, retryable=True)
        return ReleaseOutcome(complete=False, findings=tuple(self._missing(gone)))

    def _missing(self, gone: Iterable[Entry]) -> Iterator[Finding]:
        for each in gone:
            yield known.PART_MISSING.found(
                f"{self._repository} has not got the {each.architecture} of {self._release}.",
                where=f"{self._package.asked.where}@{each.digest}",
                hint="Publish all files of the release again, in one run.",
            )
